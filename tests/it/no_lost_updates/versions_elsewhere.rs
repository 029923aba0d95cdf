//! Promise 1 wherever an API carries its versions: each place is read, and each write carries the version.

use super::{creation, old, story};
use crate::support::dialect::{
    Dialect, Speaker, Wanted, body, by_tag, inside, query, with, without,
};
use crate::support::{Event, Server, articles, draft};
use http::HeaderName;
use ifmatch::profiles::WebDav;
use ifmatch::{Generic, Versioning, WeakTags, WriteMode};
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_creation_refused_for_a_name_that_is_taken_elsewhere_is_not_tried_again() {
    let server = Server::default();
    let taken = r#"{"code":"NAME_TAKEN","errors":[{"pointer":"/title","detail":"taken"}]}"#;
    server.script([Event::Answer(409, &[], taken)]);
    let articles = articles(&server);
    let error = articles.create(1, &draft()).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    assert_eq!(server.methods(), ["PUT", "GET"]);
    let problem = error.problem().unwrap();
    assert_eq!(problem.fields()[0].pointer.as_deref(), Some("/title"));
}

const INSIDE: Dialect = Dialect {
    name: "a number in the document",
    show: |version, document| (vec![], with(document, "version", version)),
    written: |version, document| (vec![], with(document, "version", version)),
    wanted: |seen| match query(seen, "version") {
        Some(version) => Wanted::Version(version),
        None => inside(seen, "/version"),
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(body(seen), "version"),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_number_in_the_document_goes_back_as_a_number() {
    let versioning = || Versioning::body_field("/version").query("version");
    let profile = || Generic::new().versioning(versioning());
    let speaker = story(INSIDE, profile(), WriteMode::Put).await;
    assert_eq!(body(&speaker.writes()[0])["version"], json!(7));
    assert_eq!(speaker.writes()[2].query, None);
    creation(INSIDE, profile()).await;
}

const QUOTED: Dialect = Dialect {
    name: "If-Match",
    wanted: by_tag,
    version: |version| format!("\"{version}\""),
    ..INSIDE
};

#[tokio::test(start_paused = true)]
async fn a_number_in_the_document_can_go_back_as_a_tag() {
    let profile = || Generic::new().versioning(Versioning::body_field("/version").sent_as_tag());
    story(QUOTED, profile(), WriteMode::Put).await;
    creation(QUOTED, profile()).await;
}

const HEADED: Dialect = Dialect {
    name: "a header both ways",
    show: |version, document| {
        (
            vec![("x-revision", format!("r{version}"))],
            document.clone(),
        )
    },
    written: |version, _| (vec![("x-revision", format!("r{version}"))], Value::Null),
    wanted: |seen| match seen.header("x-revision") {
        Some(version) => Wanted::Version(version.to_owned()),
        None => by_tag(seen),
    },
    version: |version| format!("r{version}"),
    ..Dialect::TAGS
};

const REVISION: HeaderName = HeaderName::from_static("x-revision");

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_goes_back_in_the_same_header() {
    let profile = || Generic::new().versioning(Versioning::header(REVISION));
    story(HEADED, profile(), WriteMode::Put).await;
    creation(HEADED, profile()).await;
}

const ASKED: Dialect = Dialect {
    name: "a header, then the query",
    wanted: |seen| match query(seen, "rev") {
        Some(version) => Wanted::Version(version),
        None => by_tag(seen),
    },
    ..HEADED
};

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_can_go_back_in_the_query() {
    let versioning = Versioning::header(REVISION).sent_in_query("rev");
    story(ASKED, Generic::new().versioning(versioning), WriteMode::Put).await;
}

const STORAGE: Dialect = Dialect {
    name: "Google Cloud Storage",
    show: |version, document| {
        (
            vec![("x-goog-generation", version.to_string())],
            document.clone(),
        )
    },
    written: |version, _| {
        (
            vec![("x-goog-generation", version.to_string())],
            Value::Null,
        )
    },
    wanted: |seen| match seen.header("x-goog-if-generation-match") {
        Some("0") => Wanted::Absent,
        Some(version) => Wanted::Version(version.to_owned()),
        None => Wanted::Nothing,
    },
    version: |version| version.to_string(),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_can_go_back_in_another_that_also_creates() {
    let told = HeaderName::from_static("x-goog-generation");
    let taken = HeaderName::from_static("x-goog-if-generation-match");
    let versioning = Versioning::header(told)
        .sent_in_header(taken.clone())
        .create_header(taken, "0");
    let profile = Generic::new().versioning(versioning);
    story(STORAGE, profile.clone(), WriteMode::Put).await;
    let speaker = creation(STORAGE, profile).await;
    assert_eq!(speaker.writes()[0].header("if-none-match"), None);
}

const MOVED: Dialect = Dialect {
    name: "a header, then the body",
    wanted: |seen| inside(seen, "/lock/version"),
    taken: |seen, _| without(body(seen), "lock"),
    ..HEADED
};

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_can_go_back_in_the_body_but_then_a_removal_needs_a_place() {
    let versioning = Versioning::header(REVISION).sent_in_body("/lock/version");
    let speaker = Speaker::of(MOVED, Some(old()));
    let articles = speaker.values(Generic::new().versioning(versioning));
    articles.update(1, |v| v["views"] = 2.into()).await.unwrap();
    assert_eq!(speaker.document().unwrap()["views"], 2);
    let error = articles.delete(1).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(error.to_string().contains("delete_body"), "{error}");
    assert_eq!(speaker.writes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_version_in_a_header_can_go_back_in_the_body_as_a_number() {
    let dialect = Dialect {
        show: |version, document| {
            let fields = vec![("x-revision", version.to_string())];
            (fields, document.clone())
        },
        written: |version, _| (vec![("x-revision", version.to_string())], Value::Null),
        version: |version| version.to_string(),
        wanted: |seen| {
            query(seen, "rev").map_or_else(
                || {
                    let version = &body(seen)["lock"]["version"];
                    assert!(version.is_u64(), "{version} is no number");
                    inside(seen, "/lock/version")
                },
                Wanted::Version,
            )
        },
        ..MOVED
    };
    let versioning = Versioning::header(REVISION)
        .sent_in_body("/lock/version")
        .sent_as_number()
        .query("rev");
    let profile = Generic::new().versioning(versioning);
    story(dialect, profile, WriteMode::Put).await;
}

const WEAKENED: Dialect = Dialect {
    name: "tags weakened on the way",
    show: |version, document| (vec![("etag", format!("W/\"{version}\""))], document.clone()),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_tag_that_a_proxy_weakened_goes_back_strong() {
    let versioning = Versioning::entity_tag(WeakTags::Strengthen);
    let speaker = story(
        WEAKENED,
        Generic::new().versioning(versioning),
        WriteMode::Put,
    )
    .await;
    assert_eq!(speaker.writes()[0].header("if-match"), Some("\"7\""));
}

const COMPRESSED: Dialect = Dialect {
    name: "tags with -gzip",
    show: |version, document| {
        (
            vec![("etag", format!("\"{version}-gzip\""))],
            document.clone(),
        )
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn the_suffix_of_a_compressing_proxy_is_taken_off() {
    let tag = Versioning::entity_tag(WeakTags::Refuse).without_gzip_suffix();
    let speaker = story(COMPRESSED, Generic::new().versioning(tag), WriteMode::Put).await;
    assert_eq!(speaker.writes()[0].header("if-match"), Some("\"7\""));
    story(COMPRESSED, WebDav, WriteMode::Put).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_version_nothing_is_sent_wherever_it_should_be() {
    let two = || {
        Versioning::body_field("/title")
            .sent_in_query("t")
            .and(Versioning::body_field("/nowhere").sent_in_query("n"))
    };
    for versioning in [
        Versioning::body_field("/nowhere").query("n"),
        Versioning::body_field("/nowhere").sent_as_tag(),
        Versioning::header(HeaderName::from_static("x-nowhere")),
        Versioning::header(HeaderName::from_static("x-nowhere")).sent_in_query("n"),
        Versioning::last_modified(),
        // Half a version is none.
        two(),
    ] {
        let text = format!("{versioning:?}");
        let speaker = Speaker::of(Dialect::TAGS, Some(old()));
        let articles = speaker.values(Generic::new().versioning(versioning));
        let error = articles
            .update(1, |v| v["views"] = 2.into())
            .await
            .unwrap_err();
        assert!(error.is_unusable_validator(), "{text}: {error:?}");
        assert_eq!(
            error.into_sides::<Value>().unwrap().local.unwrap()["views"],
            2
        );
        let error = articles.delete(1).await.unwrap_err();
        assert!(error.is_unusable_validator(), "{text}: {error:?}");
        assert!(speaker.writes().is_empty(), "{text}");
    }
}

const TORN: Dialect = Dialect {
    name: "two versions in one reply",
    show: |version, document| {
        let fields = vec![
            ("x-revision", format!("r{version}")),
            ("x-revision", "r1".to_owned()),
        ];
        (fields, document.clone())
    },
    ..HEADED
};

const BROKEN: Dialect = Dialect {
    name: "a version that no header can carry",
    show: |version, document| (vec![], with(document, "version", format!("{version}\n"))),
    ..QUOTED
};

#[tokio::test(start_paused = true)]
async fn a_version_that_no_condition_can_carry_is_told_and_nothing_is_sent() {
    for (dialect, versioning) in [
        (TORN, Versioning::header(REVISION)),
        (BROKEN, Versioning::body_field("/version").sent_as_tag()),
        (
            BROKEN,
            Versioning::body_field("/version").sent_in_header(REVISION),
        ),
        (
            BROKEN,
            Versioning::body_field("/title").and(Versioning::header(REVISION)),
        ),
    ] {
        let speaker = Speaker::of(dialect, Some(old()));
        let articles = speaker.values(Generic::new().versioning(versioning));
        let error = articles
            .update(1, |v| v["views"] = 2.into())
            .await
            .unwrap_err();
        assert!(error.is_unusable_validator(), "{}: {error:?}", dialect.name);
        assert!(speaker.writes().is_empty(), "{}", dialect.name);
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_would_overwrite_is_not_asked_to_create() {
    let tags = Versioning::entity_tag(WeakTags::Refuse).no_creation();
    let speaker = Speaker::of(Dialect::TAGS, None);
    let articles = speaker.values(Generic::new().versioning(tags));
    let error = articles.create(1, &old()).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    let error = articles
        .update(1, |_| ())
        .if_absent(old())
        .await
        .unwrap_err();
    assert!(error.is_config(), "{error:?}");
    assert!(speaker.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_stands_in_the_body_pins_the_items_of_a_list() {
    let listed: fn(u64, &Value) -> _ = |version, document| {
        let item = with(
            &with(document, "id", 1),
            "@odata.etag",
            format!("W/\"{version}\""),
        );
        (vec![], json!({"value": [item]}))
    };
    let dialect = Dialect {
        name: "OData",
        show: listed,
        version: |version| format!("W/\"{version}\""),
        ..Dialect::TAGS
    };
    let speaker = Speaker::of(dialect, Some(old()));
    let articles = speaker.values(ifmatch::profiles::OData);
    let mut page = articles
        .list()
        .items_at("/value")
        .whole_items()
        .await
        .unwrap();
    let mut item = page.items.remove(0);
    item["views"] = 2.into();
    articles.save(item).await.unwrap();
    assert_eq!(speaker.writes()[0].header("if-match"), Some("W/\"7\""));
    assert_eq!(speaker.seen().len(), 2);
}
