//! What a response says about a write of a text, of bytes, or in a format of its own: a report, a page and a problem are not
//! the resource.

use http::Method;
use ifmatch::format::{Blob, Bytes, Json, Text};
use ifmatch::transport::Request;
use ifmatch::{ErrorKind, Generic, Reply};
use serde_json::Value;

use super::site::{Answer, Order, PAID, Site, Stored, answer, typed};

const EXPIRED: &str = "Your session has expired, please <a href=\"/login\">sign in</a>.";
const LOGIN: &str = "<!doctype html><html><title>Please sign in</title></html>";

pub(super) const DETAILS: &str =
    r#"{"type":"https://x.test/quota","title":"Quota used up","status":403,"detail":"no room"}"#;

/// Carries out every write, and answers with a short report and the new tag.
fn reports(
    status: u16,
    media_type: &'static str,
    report: &'static str,
) -> impl FnMut(&mut Stored, &Request) -> Option<Answer> {
    move |stored, request| {
        if request.method == Method::GET || stored.is_stale(request) {
            return None;
        }
        stored.store(&request.body);
        let fields = [
            ("etag", stored.tag()),
            ("content-type", media_type.to_owned()),
        ];
        Some(Ok(answer(status, &fields, report)))
    }
}

async fn write_that_meets_details(format: Option<Json>) -> Result<(), ErrorKind> {
    let site = Site::new("application/json", r#"{"a":1}"#, |_, request| {
        (request.method == Method::PUT).then(|| typed(200, "application/json", DETAILS).unwrap())
    });
    let mut values = site.client().collection::<Value>("f");
    if let Some(format) = format {
        values = values.format(format);
    }
    let saved = values.update(1, |value| value["a"] = 2.into()).await;
    assert_eq!(site.text(), r#"{"a":1}"#);
    saved.map(|_| ()).map_err(|error| error.kind())
}

/// `evidence`: "The body of a success response *shows the resource* if the response says so …, or if it has a member in
/// common with what was sent …. Otherwise it is a report about the write."
#[tokio::test(start_paused = true)]
async fn a_report_about_the_write_of_a_text_is_not_the_text() {
    let site = Site::new(
        "text/calendar",
        "one\ntwo\n",
        reports(200, "text/plain", "Saved"),
    );
    let texts = site.texts("text/calendar");
    let saved = texts
        .update(1, |text| text.push_str("three\n"))
        .await
        .unwrap();
    assert_eq!(saved.as_str(), "one\ntwo\nthree\n");
}

#[tokio::test(start_paused = true)]
async fn a_text_outlives_two_writes_to_a_server_that_reports_them() {
    let site = Site::new(
        "text/calendar",
        "one\ntwo\n",
        reports(200, "text/plain", "Saved"),
    );
    let texts = site.texts("text/calendar");
    texts
        .update(1, |text| text.push_str("three\n"))
        .await
        .unwrap();
    texts
        .update(1, |text| text.push_str("four\n"))
        .await
        .unwrap();
    assert_eq!(site.text(), "one\ntwo\nthree\nfour\n");
}

#[tokio::test(start_paused = true)]
async fn a_text_outlives_its_creation_by_a_server_that_reports_it() {
    let site = Site::new("text/calendar", "", reports(201, "text/plain", "Created"));
    let texts = site.texts("text/calendar");
    site.look(|stored| stored.exists = false);
    texts.create(1, &"one\n".to_owned()).await.unwrap();
    texts
        .update(1, |text| text.push_str("two\n"))
        .await
        .unwrap();
    assert_eq!(site.text(), "one\ntwo\n");
}

#[tokio::test(start_paused = true)]
async fn a_report_about_the_write_of_bytes_is_not_the_bytes() {
    let site = Site::new(
        "image/png",
        "PNG1",
        reports(200, "application/json", r#"{"ok":true}"#),
    );
    let photos = site.photos(Bytes::any());
    let saved = photos
        .update(1, |photo| *photo = Blob::new("image/png", "PNG2"))
        .await
        .unwrap();
    assert_eq!(
        (saved.media_type(), &saved.bytes()[..]),
        ("image/png", &b"PNG2"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn bytes_outlive_two_writes_to_a_server_that_reports_them() {
    let site = Site::new(
        "image/png",
        "PNG1",
        reports(200, "application/json", r#"{"ok":true}"#),
    );
    let photos = site.photos(Bytes::only("image/*"));
    let append = |photo: &mut Blob| {
        let bytes = [&photo.bytes()[..], b"+"].concat();
        *photo = Blob::new(photo.media_type(), bytes);
    };
    photos.update(1, append).await.unwrap();
    photos.update(1, append).await.unwrap();
    assert_eq!(site.text(), "PNG1++");
}

/// `Post`: "Its value is the first of these that is there and fits the type: The body of the response …": a JSON report is
/// not a photo.
#[tokio::test(start_paused = true)]
async fn the_report_of_a_post_is_not_the_posted_photo() {
    let site = Site::new("image/png", "", |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.store(&request.body);
            let fields = [
                ("content-type", "application/json".to_owned()),
                ("location", "/v1/f/7".to_owned()),
            ];
            Ok(answer(201, &fields, r#"{"id":"7"}"#))
        })
    });
    let photos = site.photos(Bytes::only("image/png"));
    let saved = photos.post(&Blob::new("image/png", "PNG1")).await.unwrap();
    assert_eq!(
        (saved.media_type(), &saved.bytes()[..]),
        ("image/png", &b"PNG1"[..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_posted_text_outlives_the_save_after_it() {
    let site = Site::new("text/calendar", "", |stored, request| {
        (request.method == Method::POST).then(|| {
            stored.store(&request.body);
            let fields = [
                ("content-type", "text/plain".to_owned()),
                ("location", "/v1/f/7".to_owned()),
                ("etag", stored.tag()),
            ];
            Ok(answer(201, &fields, "Created"))
        })
    });
    let texts = site.texts("text/calendar");
    let mut saved = texts.post("one\n").await.unwrap();
    saved.push_str("two\n");
    texts.save(saved).await.unwrap();
    assert_eq!(site.text(), "one\ntwo\n");
}

/// The same kind without a format: a resource that is a JSON text or number.
#[tokio::test(start_paused = true)]
async fn a_report_about_the_write_of_a_json_text_is_not_the_text() {
    let site = Site::new(
        "application/json",
        "\"one\"",
        reports(200, "application/json", "\"OK\""),
    );
    let texts = site.client().collection::<String>("f");
    texts.update(1, |text| text.push_str(" two")).await.unwrap();
    texts
        .update(1, |text| text.push_str(" three"))
        .await
        .unwrap();
    assert_eq!(site.text(), "\"one two three\"");
}

#[tokio::test(start_paused = true)]
async fn a_report_about_the_write_of_a_json_number_is_not_the_number() {
    // As some databases do, it tells how many rows were changed.
    let site = Site::new(
        "application/json",
        "40",
        reports(200, "application/json", "1"),
    );
    let numbers = site.client().collection::<u64>("f");
    numbers.update(1, |number| *number += 1).await.unwrap();
    numbers.update(1, |number| *number += 1).await.unwrap();
    assert_eq!(site.text(), "42");
}

/// Promise 10: a response that shows the previous state contradicts its 200, also for texts and bytes.
#[tokio::test(start_paused = true)]
async fn a_response_with_the_previous_text_is_no_success() {
    let site = Site::new("text/calendar", "a\n", |stored, request| {
        (request.method == Method::PUT).then(|| Ok(stored.shown()))
    });
    let texts = site.texts("text/calendar");
    assert!(texts.update(1, |text| text.push_str("b\n")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_response_with_the_previous_bytes_is_no_success() {
    let site = Site::new("image/png", "PNG1", |_, request| {
        (request.method == Method::PUT).then(|| typed(200, "image/png", "PNG1").unwrap())
    });
    let photos = site.photos(Bytes::any());
    assert!(
        photos
            .update(1, |photo| *photo = Blob::new("image/png", "PNG2"))
            .await
            .is_err()
    );
}

/// Promise 10: "`Ok` needs evidence. … what contradicts it (… a login page, problem details in a 200 …) leads to a read".
#[tokio::test(start_paused = true)]
async fn a_login_page_is_no_stored_html() {
    let page = "<!doctype html><html><title>About us</title></html>";
    let site = Site::new("text/html", page, |_, request| {
        (request.method == Method::PUT).then(|| typed(200, "text/html", LOGIN).unwrap())
    });
    let pages = site.texts("text/html");
    let saved = pages
        .update(1, |page| *page = page.replace("About", "On"))
        .await;
    assert!(saved.is_err(), "nothing was stored: {}", site.text());
}

#[tokio::test(start_paused = true)]
async fn a_login_page_is_no_removal_of_html() {
    let site = Site::new("text/html", "<html>1</html>", |_, request| {
        (request.method == Method::DELETE).then(|| typed(200, "text/html", LOGIN).unwrap())
    });
    let pages = site.texts("text/html");
    let page = pages.get(1).await.unwrap();
    let removed = pages.delete(page).await;
    assert!(removed.is_err(), "nothing was removed");
}

#[tokio::test(start_paused = true)]
async fn a_login_page_is_no_action_on_html() {
    let site = Site::new("text/html", "<html>1</html>", |_, request| {
        (request.method == Method::POST).then(|| typed(200, "text/html", LOGIN).unwrap())
    });
    let page = site
        .client()
        .resource::<String>("f/1")
        .format(Text::new("text/html"));
    let reply: Result<Reply<()>, _> = page.action("publish").send_empty().await;
    assert!(
        reply.is_err() && site.actions() == 0,
        "nothing was published"
    );
}

#[tokio::test(start_paused = true)]
async fn problem_details_in_a_200_are_no_success_with_a_json_format_either() {
    assert!(write_that_meets_details(None).await.is_err());
    let saved = write_that_meets_details(Some(Json::default())).await;
    assert!(saved.is_err(), "nothing was stored");
}

#[tokio::test(start_paused = true)]
async fn problem_details_in_a_200_are_no_document_with_a_json_format_either() {
    let site = Site::new("application/json", "", |_, _| {
        typed(200, "application/json", DETAILS)
    });
    let values = site.client().collection::<Value>("f");
    assert!(values.get(1).await.is_err());
    let read = values.format(Json::default()).get(1).await;
    assert!(read.is_err(), "the problem is taken for the resource");
}

/// Promise 10 for actions on a handle with a JSON format.
#[tokio::test(start_paused = true)]
async fn problem_details_in_a_200_are_no_success_of_an_action_with_a_json_format_either() {
    for is_own in [false, true] {
        let site = Site::new("application/json", PAID, |_, request| {
            (request.method == Method::POST)
                .then(|| typed(200, "application/json", DETAILS).unwrap())
        });
        let mut orders = site.client().collection::<Order>("orders");
        if is_own {
            orders = orders.format(Json::default());
        }
        let sent: Result<Reply<Value>, _> = orders.item(7).action("ship").send_empty().await;
        assert!(
            sent.is_err(),
            "own format: {is_own}, carried out {} times",
            site.actions()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_labelled_as_json_is_no_success_with_a_json_format_either() {
    for format in [None, Some(Json::default())] {
        let site = Site::new("application/json", r#"{"a":1}"#, |_, request| {
            (request.method == Method::PUT).then(|| typed(200, "application/json", LOGIN).unwrap())
        });
        let mut values = site.client().collection::<Value>("f");
        let is_own = format.is_some();
        if let Some(format) = format {
            values = values.format(format);
        }
        let saved = values.update(1, |value| value["a"] = 2.into()).await;
        assert!(saved.is_err(), "own format: {is_own}");
    }
}

/// `Collection::format`: "A response that is labelled as HTML is taken for a login page, unless the format asks for HTML."
#[tokio::test(start_paused = true)]
async fn a_page_that_begins_with_text_is_no_text() {
    let site = Site::new("", "", |_, _| {
        typed(200, "text/html; charset=utf-8", EXPIRED)
    });
    let texts = site.texts("text/calendar");
    assert!(texts.get(1).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_page_that_begins_with_text_is_no_stored_text() {
    let site = Site::new("text/calendar", "a\n", |_, request| {
        (request.method == Method::PUT)
            .then(|| typed(200, "text/html; charset=utf-8", EXPIRED).unwrap())
    });
    let texts = site.texts("text/calendar");
    let saved = texts.update(1, |text| text.push_str("b\n")).await;
    let told = saved.map(|saved| saved.as_str().to_owned());
    assert!(told.is_err(), "stored {:?}, told {told:?}", site.text());
}

/// `Format`: "Refusals are read in every format that the crate knows, whatever this one is."
#[tokio::test(start_paused = true)]
async fn a_hidden_refusal_is_no_text() {
    let refused = r#"{"ok":false,"error":"no such session"}"#;
    let profile = || Generic::new().hidden_refusal(ifmatch::HiddenRefusal::when("/ok", false));
    let site = Site::new("", "", move |_, _| typed(200, "application/json", refused));
    let client = site.builder().profile(profile()).build().unwrap();
    assert!(client.collection::<Value>("f").get(1).await.is_err());
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    assert!(
        texts.get(1).await.is_err(),
        "the refusal is taken for the text"
    );
}

#[tokio::test(start_paused = true)]
async fn a_hidden_refusal_is_no_blob() {
    let refused = r#"{"ok":false,"error":"no such session"}"#;
    let profile = Generic::new().hidden_refusal(ifmatch::HiddenRefusal::when("/ok", false));
    let site = Site::new("", "", move |_, _| typed(200, "application/json", refused));
    let client = site.builder().profile(profile).build().unwrap();
    let photos = client
        .collection::<Blob>("f")
        .format(Bytes::only("image/*"));
    assert!(
        photos.get(1).await.is_err(),
        "the refusal is taken for the photo"
    );
}
