//! One table gives the meaning of a refusal for reads and writes. A refusal that invites the same request again
//! leads to a retry at its time, and no other refusal does.

use std::sync::Mutex;
use std::time::Duration;

use http::HeaderMap;
use ifmatch::profiles::{Google, S3};
use ifmatch::{
    Answer, Authenticator, BoxError, ErrorKind, Generic, LocalWins, Refusal, RefusalHandler,
    RefusalKind, Versioning, async_trait,
};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Event, Server, articles, values};

type Fields = &'static [(&'static str, &'static str)];

/// Refusals that say that the same request may come again, and how long they ask to wait.
const AGAIN: [(u16, Fields, &str, u64); 20] = [
    (403, &[("retry-after", "7")], "{}", 7_000),
    (
        413,
        &[],
        r#"{"overLimit":{"message":"slow down","retryAfter":"7"}}"#,
        7_000,
    ),
    (
        403,
        &[],
        r#"{"documentation_url":"https://e.test/#secondary-rate-limits"}"#,
        0,
    ),
    (
        403,
        &[],
        r#"{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}"#,
        0,
    ),
    (429, &[("retry-after-ms", "4500")], "", 4_500),
    (429, &[("x-ms-retry-after-ms", "4500")], "", 4_500),
    (429, &[("retry-after", "2.0")], "", 2_000),
    (429, &[], r#"{"parameters":{"retry_after":8}}"#, 8_000),
    // Discord, Matrix, gRPC, Go: in the body, with a point, in milliseconds, with units.
    (
        429,
        &[],
        r#"{"message":"m","retry_after":1.5,"global":false}"#,
        1_500,
    ),
    (
        429,
        &[],
        r#"{"errcode":"M_LIMIT_EXCEEDED","error":"m","retry_after_ms":2000}"#,
        2_000,
    ),
    (
        429,
        &[],
        r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"t","retryDelay":"1.5s"}]}}"#,
        1_500,
    ),
    (429, &[], r#"{"error":"m","retry_after":"0m7s"}"#, 7_000),
    // Discord, GitLab and Okta: only in the fields of the limit.
    (
        429,
        &[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset-after", "1.5"),
        ],
        "",
        1_500,
    ),
    (
        403,
        &[("x-rate-limit-remaining", "0"), ("x-rate-limit-reset", "3")],
        "",
        3_000,
    ),
    // Google and GitHub, in other words.
    (
        403,
        &[],
        r#"{"error":{"code":403,"status":"PERMISSION_DENIED","errors":[{"reason":"rateLimitExceeded"}]}}"#,
        0,
    ),
    (
        403,
        &[],
        r#"{"message":"m","documentation_url":"https://e.test/rest/rate-limits-for-the-rest-api"}"#,
        0,
    ),
    // AWS: a throttled request is a 400.
    (
        400,
        &[],
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#,
        0,
    ),
    (
        449,
        &[],
        r#"{"code":"449","message":"another request is under way"}"#,
        0,
    ),
    (449, &[("x-ms-retry-after-ms", "250")], "", 250),
    (449, &[("retry-after", "1")], "<h1>Retry With</h1>", 1_000),
];

#[tokio::test(start_paused = true)]
async fn what_invites_the_same_request_again_is_waited_for_by_reads_and_writes() {
    for (status, fields, body, wait) in AGAIN {
        let server = Server::with(AT, ARTICLE);
        let all = articles(&server);
        let begun = tokio::time::Instant::now();
        server.script([Event::Answer(status, fields, body)]);
        all.get(1).await.unwrap();
        assert!(
            begun.elapsed() >= Duration::from_millis(wait),
            "{status} {body}"
        );
        server.script([Event::Answer(status, fields, body)]);
        let saved = all.update(1, |a| a.views = 2).await.unwrap();
        assert!(
            saved.report().waited >= Duration::from_millis(wait),
            "{status} {body}"
        );
        assert_eq!(
            (server.value(AT)["views"].as_u64(), server.applied()),
            (Some(2), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_an_invitation_is_told_at_once_by_reads_and_writes() {
    for (status, body) in [
        (403, r#"{"message":"not yours"}"#),
        (400, r#"{"code":"Malformed"}"#),
        (413, "{}"),
    ] {
        let server = Server::with(AT, ARTICLE);
        let all = articles(&server);
        server.script([Event::Answer(status, &[], body)]);
        assert!(all.get(1).await.is_err(), "{status}");
        all.get(1).await.unwrap();
        server.script([Event::Answer(status, &[], body)]);
        assert!(all.update(1, |a| a.views = 2).await.is_err(), "{status}");
        assert_eq!(server.applied(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_meaning_counts_at_every_status_for_reads_and_for_writes() {
    for status in [403, 409, 412, 429, 500, 503] {
        let profile = |kind| Generic::new().map_code("MINE", kind);
        let refusal = || Event::Answer(status, &[], r#"{"code":"MINE"}"#);

        let server = Server::with(AT, ARTICLE);
        let all = values(&server, profile(RefusalKind::Transient));
        server.script([refusal()]);
        all.get(1).await.unwrap();
        server.script([refusal(), refusal()]);
        all.update(1, |a| a["views"] = 2.into()).await.unwrap();
        assert_eq!(
            server.methods(),
            ["GET", "GET", "PUT", "PUT", "PUT"],
            "{status}"
        );

        let server = Server::with(AT, ARTICLE);
        let all = values(&server, profile(RefusalKind::InvalidState));
        server.script([refusal()]);
        let error = all.get(1).await.unwrap_err();
        assert_eq!(error.refusal(), Some(RefusalKind::InvalidState), "{status}");
        all.get(1).await.unwrap();
        server.script([refusal()]);
        let error = all.update(1, |a| a["views"] = 2.into()).await.unwrap_err();
        assert_eq!(
            error.refusal(),
            Some(RefusalKind::InvalidState),
            "{status}: {error}"
        );
        assert_eq!(server.methods(), ["GET", "GET", "PUT"], "{status}");
        assert_eq!(
            error.is_refused(),
            !matches!(status, 403 | 429),
            "{status}: {error:?}"
        );

        let server = Server::with(AT, ARTICLE);
        let all = values(&server, profile(RefusalKind::StaleVersion));
        all.get(1).await.unwrap();
        server.put(AT, r#"{"title":"theirs","body":"text","views":1}"#);
        server.script([refusal()]);
        all.update(1, |a| a["views"] = 2.into()).await.unwrap();
        assert_eq!(server.value(AT)["title"], "theirs", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_known_whatever_the_profile() {
    let server = Server::with(AT, ARTICLE);
    let profile = Generic::over(Google).versioning(Versioning::default());
    let all = values(&server, profile);
    let body = r#"{"error":{"code":403,"errors":[{"reason":"userRateLimitExceeded"}]}}"#;
    server.script([Event::Plain, Event::Answer(403, &[], body)]);
    all.update(1, |a| a["views"] = 2.into()).await.unwrap();
    assert_eq!(server.value(AT)["views"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_was_too_slow_is_settled_like_a_lost_one() {
    let xml: Fields = &[("content-type", "application/xml")];
    for (profile, fields, slow) in [
        (
            Generic::new(),
            xml,
            "<Error><Code>RequestTimeout</Code><Message>idle</Message></Error>",
        ),
        (
            Generic::over(S3),
            xml,
            "<Error><Code>RequestTimeout</Code><Message>idle</Message></Error>",
        ),
        (
            Generic::new(),
            &[],
            r#"{"__type":"com.example#RequestTimeoutException"}"#,
        ),
        (
            Generic::over(S3),
            xml,
            "<Error><Code>IncompleteBody</Code></Error>",
        ),
    ] {
        let server = Server::with(AT, ARTICLE);
        let all = values(&server, profile);
        server.script([Event::Plain, Event::Answer(400, fields, slow)]);
        all.update(1, |a| a["views"] = 2.into()).await.unwrap();
        assert_eq!(
            (server.value(AT)["views"].as_u64(), server.applied()),
            (Some(2), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_to_a_creation_says_that_something_is_there() {
    // Stores that speak like S3 answer so, whatever the profile has to say of a reply without a body.
    for profile in [None, Some(S3)] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::Answer(304, &[("etag", "\"1\"")], "")]);
        let builder = match profile {
            Some(profile) => server.builder().profile(profile),
            None => server.builder(),
        };
        let articles = builder
            .build()
            .unwrap()
            .collection_with("articles", LocalWins);
        let draft = crate::support::draft();
        let error = articles.create(1, &draft).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
        assert_eq!(server.applied(), 0);
        assert_eq!(server.text(AT).unwrap(), ARTICLE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_412_about_a_name_is_a_refusal_and_ends_at_once() {
    for (code, taken) in [
        (
            "name-exists",
            r#"{"message":"that name is taken","status":"name-exists"}"#,
        ),
        (
            "uniqueness",
            r#"{"schemas":["e"],"scimType":"uniqueness","detail":"taken","status":"412"}"#,
        ),
        (
            "DuplicateRecord",
            r#"{"error":{"code":"DuplicateRecord","message":"there is one"}}"#,
        ),
        (
            "NAME_CONFLICT",
            r#"{"errors":[{"code":"NAME_CONFLICT","title":"taken"}]}"#,
        ),
    ] {
        let server = Server::with(AT, ARTICLE);
        let all = articles(&server);
        all.get(1).await.unwrap();
        server.script([Event::Answer(412, &[], taken)]);
        let error = all.update(1, |a| a.views = 2).await.unwrap_err();
        assert!(error.is_refused(), "{error}");
        let told = error.problem().and_then(|problem| problem.code());
        assert_eq!(told, Some(code));
        assert_eq!(server.methods(), ["GET", "PUT", "GET"], "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_409_about_an_operation_under_way_is_sent_again() {
    for body in [
        r#"{"error":{"code":"AnotherOperationInProgress","message":"wait"}}"#,
        r#"{"error":{"code":"Conflict","message":"Cannot acquire exclusive lock."}}"#,
        r#"{"error":{"code":"LeaseAlreadyPresent","message":"There is a lease."}}"#,
        r#"[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"It is in use"}]"#,
    ] {
        let server = Server::with(AT, ARTICLE);
        let all = articles(&server);
        all.get(1).await.unwrap();
        server.script([Event::Answer(409, &[], body)]);
        all.update(1, |a| a.views = 2).await.unwrap();
        assert_eq!(server.methods(), ["GET", "PUT", "PUT"], "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_412_while_somebody_holds_a_lock_for_a_moment_is_sent_again() {
    for body in [
        r#"{"error":{"code":"PreconditionFailed","message":"Cannot acquire exclusive lock."}}"#,
        r#"{"error":{"code":"LeaseIdMissing","message":"There is currently a lease."}}"#,
        r#"{"code":"OperationInProgress"}"#,
    ] {
        let server = Server::with(AT, ARTICLE);
        let all = articles(&server);
        all.get(1).await.unwrap();
        server.script([Event::Answer(412, &[], body), Event::Answer(412, &[], body)]);
        all.update(1, |a| a.views = 2).await.unwrap();
        assert_eq!(server.methods(), ["GET", "PUT", "PUT", "PUT"], "{body}");
    }
}

struct Slow;

#[async_trait]
impl RefusalHandler<Value> for Slow {
    async fn refused(&self, _: &Refusal<Value>) -> Result<Answer<Value>, BoxError> {
        tokio::time::sleep(Duration::from_secs(7)).await;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_that_a_handler_takes_is_there_for_the_write() {
    let server = Server::with(AT, ARTICLE);
    let all = values(&server, Generic::new()).on_refusal(Slow);
    all.get(1).await.unwrap();
    let unpaid = r#"{"code":"UNPAID"}"#;
    server.script([
        Event::Answer(403, &[], unpaid),
        Event::Answer(403, &[], unpaid),
    ]);
    all.update(1, |a| a["views"] = 2.into()).await.unwrap();
    assert_eq!(server.value(AT)["views"], 2);
}

/// Credentials with a token that has to be fetched first.
#[derive(Default)]
struct Token(Mutex<(Option<&'static str>, u32)>);

#[async_trait]
impl Authenticator for Token {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        if let Some(token) = self.0.lock().unwrap().0 {
            headers.insert("x-csrf-token", token.parse()?);
        }
        Ok(())
    }
    async fn renew(&self) -> Result<bool, BoxError> {
        let mut held = self.0.lock().unwrap();
        *held = (Some("fresh"), held.1 + 1);
        Ok(true)
    }
    fn identity(&self) -> Option<String> {
        Some("me".to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn a_403_that_wants_a_fresh_token_renews_it_once() {
    const SAP: (Fields, &str) = (&[("x-csrf-token", "Required")], "");
    const JENKINS: (Fields, &str) = (&[], r#"{"message":"No valid crumb was included"}"#);
    const DJANGO: (Fields, &str) = (&[], r#"{"detail":"CSRF Failed: CSRF token missing."}"#);
    const OAUTH: (Fields, &str) = (
        &[("www-authenticate", "Bearer error=\"invalid_token\"")],
        "",
    );
    for wants in [SAP, JENKINS, DJANGO, OAUTH] {
        fresh_token(wants).await;
    }
}

async fn fresh_token((fields, body): (Fields, &'static str)) {
    let wants = |n: usize| (0..n).map(move |_| Event::Answer(403, fields, body));
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().auth(Token::default()).build().unwrap();
    let all = client.collection::<Value>("articles");
    all.get(1).await.unwrap();
    server.script(wants(1));
    all.update(1, |a| a["views"] = 2.into()).await.unwrap();
    let write = server.seen().pop().unwrap();
    assert_eq!(write.header("x-csrf-token"), Some("fresh"));
    server.script(wants(2));
    let error = all.update(1, |a| a["views"] = 3.into()).await.unwrap_err();
    assert_eq!(
        error.report().last_status.map(|s| s.as_u16()),
        Some(403),
        "{error}"
    );
}
