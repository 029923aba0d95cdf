//! The bodies of texts, bytes and forms: what is sent reads back, and keeps its label.

use std::sync::{Arc, Mutex};

use http::{HeaderValue, Method};
use ifmatch::format::{Blob, Bytes, Encoded, Form, Json, Text};
use ifmatch::{
    AlteredSeen, BoxError, Document, ErrorKind, Format, Generic, Merge, Observer, Versioning,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::format_evidence::DETAILS;
use super::request_formats::Telling;
use super::site::{Site, answer, lost, typed};

#[derive(Clone, Default)]
struct Altered(Arc<Mutex<u32>>);

impl Observer for Altered {
    fn altered(&self, _: &AlteredSeen<'_>) {
        *self.0.lock().unwrap() += 1;
    }
}

#[derive(Serialize, Deserialize, Merge)]
struct Contact {
    name: String,
    note: Option<String>,
}

/// Lines of cells, with another mark between the cells.
struct Cells(char);

impl Format for Cells {
    fn media_type(&self) -> &'static str {
        "text/csv"
    }

    fn key(&self) -> String {
        format!("cells by {}", self.0)
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        let text = std::str::from_utf8(body)?;
        let cells: Vec<&str> = text.split(self.0).collect();
        Ok(Document::encode(&cells)?)
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        let cells: Vec<String> = document.decode()?;
        Ok(cells.join(&self.0.to_string()).into())
    }
}

/// Promise 3: nothing is dropped; promise 9: what was not edited stays byte for byte.
#[tokio::test(start_paused = true)]
async fn a_member_of_a_form_that_is_not_utf8_is_not_replaced() {
    let site = Site::new(
        "application/x-www-form-urlencoded",
        "name=M%FCller&n=1",
        |_, _| None,
    );
    let forms = site.client().collection::<Value>("f").format(Form);
    let written = forms.update(1, |form| form["n"] = "2".into()).await;
    assert_eq!(written.unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(site.text(), "name=M%FCller&n=1");
}

/// Promise 9: what goes out reads back as what was meant, or a typed error says where it does not.
#[tokio::test(start_paused = true)]
async fn a_form_is_created_only_if_it_reads_back() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Tagged {
        tags: Vec<String>,
    }
    let site = Site::new("application/x-www-form-urlencoded", "", |_, _| None);
    site.look(|stored| stored.exists = false);
    let forms = site.client().collection::<Tagged>("f").format(Form);
    let tagged = Tagged {
        tags: vec!["a".into()],
    };
    let error = forms.create(1, &tagged).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    let tagged = Tagged {
        tags: vec!["a".into(), "b".into()],
    };
    forms.create(1, &tagged).await.unwrap();
    assert_eq!(site.text(), "tags=a&tags=b");
    assert_eq!(forms.get(1).await.unwrap().tags, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_form_with_a_number_is_not_created() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Counted {
        n: u32,
    }
    let site = Site::new("application/x-www-form-urlencoded", "", |_, _| None);
    site.look(|stored| stored.exists = false);
    let forms = site.client().collection::<Counted>("f").format(Form);
    let error = forms.create(1, &Counted { n: 5 }).await.unwrap_err();
    assert_eq!(
        (error.kind(), site.text().as_str()),
        (ErrorKind::Config, "")
    );
}

/// `Observer::altered`: "Called when a read shows that the server stores a different document from the one it was sent".
#[tokio::test(start_paused = true)]
async fn a_form_that_is_stored_as_sent_is_not_told_as_altered() {
    let site = Site::new(
        "application/x-www-form-urlencoded",
        "name=Ann&note=x",
        |_, _| None,
    );
    let altered = Altered::default();
    let client = site.builder().observer(altered.clone()).build().unwrap();
    let contacts = client.collection::<Contact>("f").format(Form);
    contacts
        .update(1, |contact| contact.note = None)
        .await
        .unwrap();
    assert_eq!(site.text(), "name=Ann");
    contacts.get(1).await.unwrap();
    assert_eq!(*altered.0.lock().unwrap(), 0);
}

/// `Bytes`: "The values are of the type `Blob` …. They are never merged."
#[tokio::test(start_paused = true)]
async fn the_label_of_one_side_and_the_bytes_of_the_other_are_no_merged_blob() {
    let site = Site::new("image/png", "PNG1", |_, _| None);
    let photos = site
        .client()
        .collection_with::<Blob>("f", ifmatch::ThreeWay::default());
    let photos = photos.format(Bytes::any());
    let mut photo = photos.get(1).await.unwrap();
    site.look(|stored| stored.store(b"PNG2"));
    *photo = Blob::new("image/x-png", photo.bytes().clone());
    let saved = photos.save(&photo).await;
    let error = saved
        .map(|saved| format!("{} {:?}", saved.media_type(), saved.bytes()))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// `Target::view`: "Handles with different views have different documents." Two formats of one media type share them.
#[tokio::test(start_paused = true)]
async fn two_formats_of_one_media_type_do_not_share_documents() {
    let site = Site::new("text/csv", "a;b,c", |_, _| None);
    let client = site.client();
    let comma = client.collection::<Vec<String>>("f").format(Cells(','));
    let semicolon = client.collection::<Vec<String>>("f").format(Cells(';'));
    comma.get(1).await.unwrap();
    semicolon
        .update(1, |cells| cells[0].push('!'))
        .await
        .unwrap();
    assert_eq!(site.text(), "a!;b,c");
}

/// `Bytes::any`: "Creates the format for bodies of any media type."
#[tokio::test(start_paused = true)]
async fn bytes_of_any_media_type_include_html() {
    let site = Site::new("text/html", "<html>1</html>", |_, _| None);
    let files = site.photos(Bytes::any());
    let file = files.get(1).await.map(|file| file.bytes().clone());
    assert_eq!(&file.unwrap()[..], b"<html>1</html>");
}

/// A server that honours `Prefer: return=representation`.
#[tokio::test(start_paused = true)]
async fn bytes_that_are_html_can_be_written() {
    let site = Site::new("text/html", "<html>1</html>", |stored, request| {
        (request.method == Method::PUT).then(|| {
            stored.store(&request.body);
            Ok(stored.shown())
        })
    });
    let files = site.photos(Bytes::any());
    site.look(|stored| (stored.exists, stored.version) = (false, 0));
    let made = files
        .create(1, &Blob::new("text/html", "<html>2</html>"))
        .await;
    assert_eq!(site.text(), "<html>2</html>");
    assert!(made.is_ok(), "{}", made.unwrap_err());
}

/// `Format`: "iCalendar, vCard, Turtle, Markdown, XML, YAML, … as text".
#[tokio::test(start_paused = true)]
async fn xml_is_read_whatever_its_elements_are_called() {
    for media_type in ["", "text/xml", "application/xml"] {
        let site = Site::new(media_type, "<order><header>7</header></order>", |_, _| None);
        let orders = site.texts("application/xml");
        let order = orders.get(1).await;
        assert!(order.is_ok(), "{media_type:?}: {}", order.unwrap_err());
    }
}

/// `Format`: the document of a form is "an object of strings"; the state inside a JSON refusal is no form.
#[tokio::test(start_paused = true)]
async fn a_state_in_a_json_refusal_is_not_taken_for_a_form() {
    let mut raced = false;
    let site = Site::new(
        "application/x-www-form-urlencoded",
        "name=Ann&age=4",
        move |stored, request| {
            (request.method == Method::PUT && !std::mem::replace(&mut raced, true)).then(|| {
                stored.store(b"name=Ann&age=5");
                let fields = [
                    ("etag", stored.tag()),
                    ("content-type", "application/json".to_owned()),
                ];
                Ok(answer(
                    412,
                    &fields,
                    r#"{"current":{"name":"Ann","age":5}}"#,
                ))
            })
        },
    );
    let client = site
        .builder()
        .profile(Generic::new().current_at("/current"))
        .build()
        .unwrap();
    let forms = client
        .collection::<std::collections::BTreeMap<String, String>>("f")
        .format(Form);
    forms
        .update(1, |form| {
            form.insert("name".into(), "Bob".into());
        })
        .await
        .unwrap();
    assert_eq!(site.text(), "name=Bob&age=5");
}

/// `Format::media_type`: "Returns the media type of the bodies that are sent."
#[tokio::test(start_paused = true)]
async fn a_format_labels_its_bodies_whatever_the_clients_default_is() {
    let site = Site::new("text/calendar", "a\n", |_, _| None);
    let own = HeaderValue::from_static("application/vnd.shop+json");
    let client = site
        .builder()
        .default_header(http::header::CONTENT_TYPE, own)
        .build()
        .unwrap();
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    texts.update(1, |text| text.push_str("b\n")).await.unwrap();
    assert_eq!(site.header_of_last("content-type"), "text/calendar");
}

/// RFC 9110 8.3: `Content-Type` is the media type of the enclosed representation, here JSON.
#[tokio::test(start_paused = true)]
async fn the_body_of_a_removal_is_labelled_as_the_json_that_it_is() {
    let site = Site::new("application/xml", "<a/>", |_, _| None);
    let versions = Versioning::body_field("/v").delete_body(json!({"kind": "Delete"}), "/v");
    let client = site
        .builder()
        .profile(Generic::new().versioning(versions))
        .build()
        .unwrap();
    let orders = client
        .collection::<String>("f")
        .format(Text::new("application/xml"));
    let _ = orders.delete(1).unconditional().await;
    let last = site.look(|stored| stored.seen.last().unwrap().clone());
    assert_eq!(last.method, Method::DELETE);
    assert_eq!(&last.body[..], br#"{"kind":"Delete"}"#);
    assert_eq!(site.header_of_last("content-type"), "application/json");
}

/// `Collection::format`: "With another format than JSON, the write mode is `WriteMode::Put`."
#[tokio::test(start_paused = true)]
async fn a_json_format_may_be_patched() {
    let site = Site::new("application/geo+json", r#"{"a":1}"#, |stored, request| {
        (request.method == Method::PATCH).then(|| {
            stored.store(br#"{"a":2}"#);
            Ok(answer(204, &[], ""))
        })
    });
    let shapes = site
        .client()
        .collection::<Value>("f")
        .format(Json::new("application/geo+json"));
    let shapes = shapes.write_mode(ifmatch::WriteMode::MergePatch);
    shapes
        .update(1, |shape| shape["a"] = 2.into())
        .await
        .unwrap();
}

/// RFC 9110 5.6.6: the value of a parameter may be a quoted string, in which `;` and `=` mean nothing.
#[tokio::test(start_paused = true)]
async fn a_charset_inside_a_quoted_parameter_is_none() {
    let site = Site::new(
        "text/plain; title=\"x; charset=utf-16\"; charset=utf-8",
        "ok",
        |_, _| None,
    );
    let texts = site
        .client()
        .collection::<String>("f")
        .format(Text::plain());
    assert_eq!(texts.get(1).await.unwrap().as_str(), "ok");
}

/// `Blob` and its label: a server may spell the label in another way.
#[tokio::test(start_paused = true)]
async fn a_lost_blob_is_recognised_although_its_label_is_spelt_otherwise() {
    let mut puts = 0;
    let site = Site::new("text/plain; charset=utf-8", "a", move |stored, request| {
        puts += u32::from(request.method == Method::PUT);
        (request.method == Method::PUT && puts == 1).then(|| {
            stored.store(&request.body);
            lost().unwrap()
        })
    });
    let files = site.photos(Bytes::any());
    let mut file = files.get(1).await.unwrap();
    *file = Blob::new("text/plain;charset=UTF-8", "b");
    let saved = files.save(&file).await;
    assert!(saved.is_ok(), "{}", saved.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_304_returns_the_text_or_bytes_that_were_read() {
    let site = Site::new("text/calendar", "a\r\nb", |stored, request| {
        let known = request.headers.get("if-none-match");
        let is_known = known.is_some_and(|tag| tag.to_str().unwrap() == stored.tag());
        is_known.then(|| Ok(answer(304, &[("etag", stored.tag())], "")))
    });
    let client = site.client();
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    let files = client.collection::<Blob>("f").format(Bytes::any());
    for _ in 0..2 {
        assert_eq!(texts.get(1).await.unwrap().as_str(), "a\r\nb");
        assert_eq!(&files.get(1).await.unwrap().bytes()[..], b"a\r\nb");
    }
    assert!(!texts.refresh(1).await.unwrap().changed);
}

/// Promise 7: "secrets and bodies stay out of Debug, errors and logs."
#[tokio::test(start_paused = true)]
async fn errors_of_own_formats_show_no_bodies() {
    let site = Site::new("text/x-telling", "s3cret", |_, _| None);
    let texts = site.client().collection::<String>("f").format(Telling);
    let read = texts.get(1).await.unwrap_err();
    let written = texts.create(2, &"s3cret".to_owned()).await.unwrap_err();
    for error in [read, written] {
        let shown = format!("{error} {error:?} {}", error.report().why);
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

/// `Collection::list` with a JSON format, and the items saved.
#[tokio::test(start_paused = true)]
async fn a_list_in_a_json_format_that_is_a_problem_is_no_list() {
    let site = Site::new("", "", |_, _| typed(200, "application/json", DETAILS));
    let values = site
        .client()
        .collection::<Value>("f")
        .format(Json::default());
    assert!(values.list().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_write_stamp_in_a_text_is_an_error_and_nothing_is_sent() {
    let site = Site::new("text/plain", "a", |_, _| None);
    let texts = site
        .client()
        .collection::<String>("f")
        .format(Text::plain())
        .write_stamp("/writes");
    let error = texts.update(1, |text| text.push('b')).await.unwrap_err();
    assert_eq!(
        (error.kind(), site.text()),
        (ErrorKind::Config, "a".to_owned()),
        "{error}"
    );
}
