//! Plain requests: any response is returned, nothing is added, and nothing is repeated unless asked.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use ifmatch::transport::{Fate, Response};
use ifmatch::{ApiVersion, Authenticator, BoxError, Client, ErrorKind, async_trait};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::api::{Api, answer, headed};

#[tokio::test(start_paused = true)]
async fn a_response_with_any_status_is_returned_as_it_came() {
    for status in [200, 204, 304, 404, 409, 412, 418, 429, 500, 503] {
        let api = Api(Arc::default(), |_, request| {
            let status = request.url.path().rsplit('/').next().unwrap();
            answer(status.parse().unwrap(), r#"{"title":"said"}"#)
        });
        let path = format!("status/{status}");
        let response = api.client().request(Method::PUT, path).await.unwrap();
        assert_eq!((response.status().as_u16(), api.count()), (status, 1));
        assert_eq!(response.json::<Value>().unwrap()["title"], "said");
        let outcome = response.error_for_status();
        assert_eq!(outcome.is_ok(), status < 300);
        if let Err(error) = outcome {
            assert!(error.to_string().contains("said"), "{error}");
            assert_eq!(error.report().last_status.unwrap(), status);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_headers_query_and_body_go_out_and_nothing_conditional() {
    let api = Api::of(|_, _| answer(200, "ok"));
    let name = HeaderName::from_static("x-trace");
    let request = api.client().request(Method::POST, ["imports", "a/b"]);
    let request = request
        .query("mode", "fast")
        .header(name, HeaderValue::from_static("7"));
    let response = request.json(&json!({"rows": [1]})).await.unwrap();
    assert_eq!(
        (response.text().unwrap(), &response.bytes()[..]),
        ("ok", &b"ok"[..])
    );
    let seen = api.last();
    assert_eq!(
        seen.url.as_str(),
        "http://api.test/v1/imports/a%2Fb?mode=fast"
    );
    assert_eq!(seen.headers["authorization"], "Bearer t0ken");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(
        (&seen.headers["x-trace"], &seen.body[..]),
        (&HeaderValue::from_static("7"), &br#"{"rows":[1]}"#[..])
    );
    for name in [
        "if-match",
        "if-none-match",
        "idempotency-key",
        "prefer",
        "cache-control",
    ] {
        assert!(!seen.headers.contains_key(name), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_and_a_password_go_out_as_basic_credentials_and_are_not_shown() {
    let api = Api::of(|_, _| answer(200, ""));
    let builder = Client::builder("http://api.test/v1").transport(api.clone());
    let client = builder.basic_auth("anna", "pä:ss").build().unwrap();
    client.request(Method::GET, "a").await.unwrap();
    assert_eq!(
        api.last().headers["authorization"],
        "Basic YW5uYTpww6Q6c3M="
    );
    assert!(api.last().headers["authorization"].is_sensitive());
    let error = Client::builder("http://api.test")
        .basic_auth("a:b", "c")
        .build()
        .unwrap_err();
    assert!(
        error.is_config() && error.to_string().contains("colon"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn other_bodies_have_their_own_media_type() {
    let api = Api::of(|_, _| answer(200, ""));
    let csv = HeaderValue::from_static("text/csv");
    api.client()
        .request(Method::PUT, "table")
        .body(csv, "a,b\n")
        .await
        .unwrap();
    assert_eq!(api.last().headers["content-type"], "text/csv");
    api.client().request(Method::GET, "table").await.unwrap();
    assert!(!api.last().headers.contains_key("content-type"));
    let accept = api.last().headers["accept"].to_str().unwrap().to_owned();
    assert!(
        accept.starts_with("application/json") && accept.ends_with("*/*;q=0.5"),
        "{accept}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_is_told_by_what_it_leaves_open_and_repeated_only_on_request() {
    let api = Api::of(|_, _| Err(Fate::Unknown));
    let client = api.client();
    let read = client.request(Method::GET, "a").await.unwrap_err();
    assert_eq!(read.kind(), ErrorKind::Transport);
    let written = client.request(Method::POST, "a").await.unwrap_err();
    assert_eq!(written.kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(api.count(), 2);

    let api = Api::of(|number, _| match number {
        1 => Err(Fate::Unknown),
        2 => answer(503, ""),
        _ => answer(200, "at last"),
    });
    let response = api
        .client()
        .request(Method::POST, "a")
        .retry()
        .await
        .unwrap();
    assert_eq!((response.text().unwrap(), api.count()), ("at last", 3));
}

#[tokio::test(start_paused = true)]
async fn retries_that_do_not_help_end_with_the_last_response() {
    let api = Api::of(|_, _| answer(503, "down"));
    let request = api.client().request(Method::GET, "a").retry();
    let response = request.timeout(Duration::from_secs(5)).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(api.count() > 1);
    let error = response.error_for_status().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Status);
}

#[tokio::test(start_paused = true)]
async fn redirects_limits_and_the_version_of_the_api_hold_here_too() {
    let api = Api::of(|_, request| {
        if request.url.path() != "/v1/old" {
            return answer(200, "moved");
        }
        let headers =
            HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static("/v1/new"))]);
        Ok(Response::new(StatusCode::TEMPORARY_REDIRECT, headers, ""))
    });
    let builder = api.builder();
    let version = ApiVersion::query("api-version", "3");
    let client = builder
        .api_version(version)
        .rate_limit(2, Duration::from_secs(60))
        .build()
        .unwrap();
    let response = client.request(Method::POST, "old").await.unwrap();
    assert_eq!(response.text().unwrap(), "moved");
    assert_eq!(
        api.last().url.as_str(),
        "http://api.test/v1/new?api-version=3"
    );
    let held = client
        .request(Method::GET, "new")
        .timeout(Duration::from_secs(1));
    assert_eq!(held.await.unwrap_err().kind(), ErrorKind::Exhausted);
    assert_eq!(api.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_link_of_the_server_is_followed_on_its_own_origin_only() {
    let api = Api::of(|_, _| answer(200, ""));
    let client = api.client();
    for (link, at) in [
        (
            "/v1/jobs/7?token=a%20b",
            "http://api.test/v1/jobs/7?token=a%20b",
        ),
        ("http://api.test/other", "http://api.test/other"),
    ] {
        client.follow(Method::GET, link).await.unwrap();
        assert_eq!(api.last().url.as_str(), at);
    }
    for link in [
        "http://elsewhere.test/",
        "https://api.test/v1",
        "//elsewhere.test",
        "http://[",
    ] {
        let error = client.follow(Method::GET, link).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{link}");
    }
    let error = client.request(Method::GET, "../admin").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(api.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_relative_link_stays_beneath_the_base_url() {
    let api = Api::of(|_, _| answer(200, ""));
    for base in ["http://api.test/v1", "http://api.test/v1/"] {
        let client = Client::builder(base)
            .transport(api.clone())
            .build()
            .unwrap();
        for (link, at) in [
            ("jobs/7", "http://api.test/v1/jobs/7"),
            ("./jobs/7?a=b", "http://api.test/v1/jobs/7?a=b"),
            ("/jobs/7", "http://api.test/jobs/7"),
        ] {
            client.follow(Method::DELETE, link).await.unwrap();
            assert_eq!(api.last().url.as_str(), at);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_is_relative_to_the_url_of_its_request_and_can_be_followed() {
    let api = Api::of(|_, request| match request.url.path() {
        "/v1/moved/jobs" => headed(307, ("location", "/v1/teams/1/jobs"), ""),
        path if request.method == Method::GET => {
            assert_eq!(path, "/v1/teams/1/jobs/7");
            answer(200, "running")
        }
        _ => headed(201, ("location", "jobs/7?a=b"), ""),
    });
    let client = Client::builder("http://ann:pw@api.test/v1").transport(api.clone());
    let client = client.build().unwrap();
    for path in ["teams/1/jobs", "moved/jobs"] {
        let started = client.request(Method::POST, path).await.unwrap();
        assert_eq!(started.url().as_str(), "http://api.test/v1/teams/1/jobs");
        let job = started.location().unwrap();
        assert_eq!(job.as_str(), "http://api.test/v1/teams/1/jobs/7?a=b");
        let job = client.follow(Method::GET, job).await.unwrap();
        assert_eq!((job.text().unwrap(), job.location()), ("running", None));
        assert_eq!(api.last().url.password(), None);
        assert_eq!(api.last().headers["authorization"], "Basic YW5uOnB3");
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_on_another_origin_is_none() {
    let api = Api::of(|_, _| headed(201, ("location", "https://elsewhere.test/jobs/7"), ""));
    let started = api.client().request(Method::POST, "jobs").await.unwrap();
    assert_eq!(started.location(), None);
}

#[tokio::test(start_paused = true)]
async fn a_query_in_a_path_is_an_error_that_says_how_to_set_it() {
    let api = Api::of(|_, _| answer(200, ""));
    let client = api.client();
    for path in ["export?x=1", "export#x"] {
        let error = client.request(Method::GET, path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(".query("), "{error}");
    }
    assert_eq!(api.count(), 0);
    client.request(Method::GET, ["export?x"]).await.unwrap();
    assert_eq!(api.last().url.path(), "/v1/export%3Fx");
}

#[tokio::test(start_paused = true)]
async fn bodies_that_cannot_be_read_are_told_and_secrets_stay_out_of_debug() {
    let api = Api::of(|_, _| {
        let headers =
            HeaderMap::from_iter([(header::SET_COOKIE, HeaderValue::from_static("s=secret"))]);
        Ok(Response::new(StatusCode::OK, headers, &b"secret \xff"[..]))
    });
    let response = api.client().request(Method::GET, "a").await.unwrap();
    assert_eq!(response.text().unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(
        response.json::<Value>().unwrap_err().kind(),
        ErrorKind::Decode
    );
    assert!(!format!("{response:?}").contains("secret"));
}

/// Credentials that can be had once.
#[derive(Default)]
struct Once(Mutex<bool>);

#[async_trait]
impl Authenticator for Once {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        if std::mem::replace(&mut *self.0.lock().unwrap(), true) {
            return Err("the session is over".into());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_unknown_whatever_its_retries_meet() {
    let lost = || Api::of(|_, _| Err(Fate::Unknown));
    let unreachable = Api::of(|number, _| match number {
        1 => Err(Fate::Unknown),
        _ => Err(Fate::NotSent),
    });
    let impossible = Api::of(|number, _| match number {
        1 => Err(Fate::Unknown),
        _ => Err(Fate::Impossible),
    });
    for builder in [
        lost().builder(),
        lost().builder().auth(Once::default()),
        lost().builder().rate_limit(1, Duration::from_secs(600)),
        unreachable.builder(),
        impossible.builder(),
    ] {
        let client = builder.build().unwrap();
        let request = client.request(Method::POST, "jobs").retry();
        let error = request.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    }
    let client = impossible.client();
    let read = client.request(Method::GET, "jobs").retry().await;
    assert_eq!(read.unwrap_err().kind(), ErrorKind::Transport);
}

#[tokio::test(start_paused = true)]
async fn a_response_to_a_retry_is_returned_although_a_request_was_lost() {
    let api = Api::of(|number, _| match number {
        1 => Err(Fate::Unknown),
        _ => answer(404, ""),
    });
    let removed = api.client().request(Method::DELETE, "jobs/7").retry();
    assert_eq!(removed.await.unwrap().status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_left_is_not_unknown() {
    let client = Api::of(|_, _| Err(Fate::NotSent)).client();
    let once = client.request(Method::POST, "jobs").await.unwrap_err();
    assert_eq!(once.kind(), ErrorKind::Transport);
    let often = client.request(Method::POST, "jobs").retry().await;
    assert_eq!(often.unwrap_err().kind(), ErrorKind::Transport);
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_status_tells_how_many_requests_were_sent() {
    let api = Api::of(|number, _| answer(if number < 3 { 503 } else { 404 }, ""));
    let response = api.client().request(Method::GET, "jobs").retry().await;
    let error = response.unwrap().error_for_status().unwrap_err();
    assert_eq!((error.report().requests, api.count()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_a_response_asks_for_holds_back_the_next_request() {
    for status in [429, 503] {
        let api = Api::of(|number, request| match number {
            1 => {
                let status = request.url.path().rsplit('/').next().unwrap();
                headed(status.parse().unwrap(), ("retry-after", "20"), "")
            }
            _ => answer(200, ""),
        });
        let (client, started) = (api.client(), Instant::now());
        let path = format!("status/{status}");
        let first = client.request(Method::GET, path).await.unwrap();
        assert_eq!(
            (first.status().as_u16(), started.elapsed()),
            (status, Duration::ZERO)
        );
        client.request(Method::GET, "jobs").await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(20));
    }
}
