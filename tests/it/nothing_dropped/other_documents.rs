//! Documents that are written to another place or in another spelling than they were read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ifmatch::Problem;
use ifmatch::profiles::GitHubContents;
use ifmatch::{Envelope, Generic, Profile, RefusalKind, Versioning, WriteMode};
use serde_json::{Value, json};

use crate::no_lost_updates::{creation, story};
use crate::support::dialect::{Dialect, Speaker, Wanted, body, in_query, inside, with, without};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

/// Vault: read at `/data/data`, written at `/data`, with the version in `/options/cas`.
#[derive(Clone)]
struct Vault;

impl Profile for Vault {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/data/metadata/version")
            .sent_in_body("/options/cas")
            .reply_field("/data/version")
            .query("version")
            .create_body("/options/cas", 0)
    }
    fn envelope(&self) -> Envelope {
        Envelope::at("/data/data").sent_at("/data")
    }
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let stale = problem.detail() == Some("the check did not match");
        stale.then_some(RefusalKind::StaleVersion)
    }
}

const VAULT: Dialect = Dialect {
    name: "Vault",
    show: |version, document| {
        let metadata = json!({"version": version, "destroyed": false});
        (
            vec![],
            json!({"request_id": "r", "data": {"data": document, "metadata": metadata}}),
        )
    },
    written: |version, _| {
        (
            vec![],
            json!({"data": {"version": version, "destroyed": false}}),
        )
    },
    wanted: |seen| {
        in_query(seen).unwrap_or_else(|| {
            let sent = body(seen);
            assert_eq!(
                sent.as_object().unwrap().len(),
                2,
                "data and options alone: {sent}"
            );
            match sent["options"]["cas"].as_u64().expect("a number") {
                0 => Wanted::Absent,
                version => Wanted::Version(version.to_string()),
            }
        })
    },
    version: |version| version.to_string(),
    taken: |seen, _| body(seen)["data"].clone(),
    stale: 400,
    refusal: |_, _| (vec![], json!({"errors": ["the check did not match"]})),
};

#[tokio::test(start_paused = true)]
async fn a_document_can_go_back_in_another_place_than_it_came_from() {
    story(VAULT, Vault, WriteMode::Put).await;
    creation(VAULT, Vault).await;
}

const LIST_OF_ONE: Dialect = Dialect {
    name: "a list of one",
    show: |version, document| {
        let post = with(document, "updated_at", format!("t{version}"));
        (vec![], json!({"posts": [post], "meta": {"n": 1}}))
    },
    written: |version, document| (LIST_OF_ONE.show)(version, document),
    wanted: |seen| {
        in_query(seen).unwrap_or_else(|| {
            let sent = body(seen);
            assert_eq!(sent["posts"].as_array().map(Vec::len), Some(1), "{sent}");
            inside(seen, "/posts/0/updated_at")
        })
    },
    version: |version| format!("t{version}"),
    taken: |seen, _| without(body(seen)["posts"][0].clone(), "updated_at"),
    stale: 409,
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_document_in_a_list_of_one_goes_back_in_one() {
    let profile = || {
        Generic::new()
            .envelope(Envelope::at("/posts/0"))
            .versioning(Versioning::body_field("/posts/0/updated_at").query("version"))
    };
    story(LIST_OF_ONE, profile(), WriteMode::Put).await;
    creation(LIST_OF_ONE, profile()).await;
}

const FILE: Dialect = Dialect {
    name: "a file in Base64",
    show: |version, document| {
        let digits = BASE64.encode(document.to_string());
        let lines: Vec<&str> = digits
            .as_bytes()
            .chunks(10)
            .map(|l| str::from_utf8(l).unwrap())
            .collect();
        let content = lines.join("\n") + "\n";
        let sha = format!("s{version}");
        (
            vec![],
            json!({"path": "a.json", "sha": sha, "encoding": "base64", "content": content}),
        )
    },
    written: |version, _| {
        (
            vec![],
            json!({"content": {"sha": format!("s{version}")}, "commit": {}}),
        )
    },
    wanted: |seen| {
        assert!(body(seen)["message"].is_string(), "a commit has a message");
        inside(seen, "/sha")
    },
    version: |version| format!("s{version}"),
    taken: |seen, _| {
        let sent = body(seen);
        assert_eq!(sent.get("path"), None, "{sent}");
        let digits = sent["content"].as_str().expect("a text");
        serde_json::from_slice(&BASE64.decode(digits).unwrap()).unwrap()
    },
    stale: 409,
    refusal: |_, _| (vec![], json!({"message": "it does not match"})),
};

#[tokio::test(start_paused = true)]
async fn a_file_in_base64_is_merged_as_the_document_that_it_is() {
    for envelope in [
        Envelope::at("/content").as_base64(),
        // The body itself says how its text is coded.
        Envelope::at("/content").as_text(),
    ] {
        let envelope = envelope.member("/message", "Update a file");
        let profile = Generic::over(GitHubContents).envelope(envelope);
        story(FILE, profile, WriteMode::Put).await;
    }
    let envelope = Envelope::at("/content")
        .as_base64()
        .member("/message", "Add a file");
    let speaker = Speaker::of(FILE, None);
    let articles = speaker.values(Generic::over(GitHubContents).envelope(envelope));
    articles.create(1, &old()).await.unwrap();
    assert_eq!(speaker.document(), Some(old()));
}
