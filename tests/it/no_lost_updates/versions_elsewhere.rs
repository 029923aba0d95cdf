//! Promise 1 wherever an API carries its versions: each place is read, and each write carries the version.

use http::HeaderName;
use ifmatch::profiles::{
    AzureTable, CouchDb, Elasticsearch, EtcdV2, Fhir, GitHubContents, Google, OData, S3, Scim,
    WebDav,
};
use ifmatch::{Generic, Profile, Versioning, WeakTags, WriteMode};
use serde_json::{Value, json};

use crate::support::dialect::{
    Dialect, Speaker, Wanted, body, by_tag, inside, query, with, without,
};
use crate::support::{Event, Server, articles, draft};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

/// Reads, clashes, merges and writes; writes again with what the reply told; removes.
///
/// The server itself refuses to see a write without a version.
pub(crate) async fn story(dialect: Dialect, profile: impl Profile, mode: WriteMode) -> Speaker {
    let name = dialect.name;
    let speaker = Speaker::of(dialect, Some(old()));
    let articles = speaker.values(profile).write_mode(mode);
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    let saved = articles.save(article).await.unwrap();
    assert_eq!(
        (saved.report().merged, saved.report().rounds),
        (1, 2),
        "{name}"
    );
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2})),
        "{name}"
    );

    let saved = articles.update(1, |v| v["views"] = 3.into()).await.unwrap();
    assert_eq!(
        saved.report().requests,
        1,
        "{name}: the reply told the new version"
    );
    assert_eq!(speaker.document().unwrap()["views"], 3, "{name}");

    articles.delete(saved).await.unwrap();
    assert_eq!(speaker.document(), None, "{name}");
    speaker
}

/// Creates where nothing is, and does not create where something is.
/// A probe finds nothing wrong, and leaves nothing behind.
async fn probed(dialect: Dialect, profile: impl Profile) {
    let speaker = Speaker::of(dialect, None);
    let probe = speaker.client(profile).probe("articles");
    let probe = probe.document(|_, n| json!({"title": "a probe", "views": n}));
    let report = probe.await.unwrap();
    let name = dialect.name;
    assert!(report.enforces_preconditions(), "{name}: {report}");
    assert_eq!(report.failed().count(), 0, "{name}: {report}");
    assert_eq!((speaker.document(), report.left_behind), (None, None));
}

pub(crate) async fn creation(dialect: Dialect, profile: impl Profile + Clone) -> Speaker {
    probed(dialect, profile.clone()).await;
    let speaker = Speaker::of(dialect, None);
    let articles = speaker.values(profile);
    articles.create(1, &old()).await.unwrap();
    let error = articles
        .create(1, &json!({"title": "other"}))
        .await
        .unwrap_err();
    assert!(error.is_already_exists(), "{}: {error:?}", dialect.name);
    let there = error.into_sides::<Value>().unwrap().remote;
    assert_eq!(there.unwrap()["title"], "old", "{}", dialect.name);
    assert_eq!(speaker.document(), Some(old()), "{}", dialect.name);
    speaker
}

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

const COUCH: Dialect = Dialect {
    name: "CouchDB",
    show: |version, document| (vec![], with(document, "_rev", format!("{version}-a"))),
    written: |version, _| {
        (
            vec![],
            json!({"ok": true, "id": "1", "rev": format!("{version}-a")}),
        )
    },
    wanted: |seen| match query(seen, "rev") {
        Some(version) => Wanted::Version(version),
        None => inside(seen, "/_rev"),
    },
    version: |version| format!("{version}-a"),
    taken: |seen, _| without(body(seen), "_rev"),
    stale: 409,
    refusal: |_, _| {
        let fields = vec![("etag", "\"of the error\"".to_owned())];
        (
            fields,
            json!({"error": "conflict", "reason": "Document update conflict"}),
        )
    },
};

#[tokio::test(start_paused = true)]
async fn couchdb_at_work() {
    story(COUCH, CouchDb, WriteMode::Put).await;
    creation(COUCH, CouchDb).await;
}

const GITHUB: Dialect = Dialect {
    name: "GitHub",
    show: |version, document| (vec![], with(document, "sha", format!("c{version}"))),
    written: |version, _| {
        (
            vec![],
            json!({"content": {"sha": format!("c{version}")}, "commit": {}}),
        )
    },
    wanted: |seen| inside(seen, "/sha"),
    version: |version| format!("c{version}"),
    taken: |seen, _| without(body(seen), "sha"),
    stale: 409,
    refusal: |_, _| {
        (
            vec![],
            json!({"message": "1 does not match c7", "status": "409"}),
        )
    },
};

#[tokio::test(start_paused = true)]
async fn github_at_work() {
    let speaker = story(GITHUB, GitHubContents, WriteMode::Put).await;
    let removal = speaker.writes().pop().unwrap();
    assert_eq!(body(&removal)["sha"], "c10");
    assert!(body(&removal)["message"].is_string());
}

const ETCD: Dialect = Dialect {
    name: "etcd",
    show: |version, document| {
        let node = json!({"key": "/1", "value": document.to_string(), "modifiedIndex": version});
        (vec![], json!({"action": "get", "node": node}))
    },
    written: |version, document| {
        let node = json!({"key": "/1", "value": document.to_string(), "modifiedIndex": version});
        (vec![], json!({"action": "compareAndSwap", "node": node}))
    },
    wanted: |seen| match (
        query(seen, "prevIndex"),
        query(seen, "prevExist").as_deref(),
    ) {
        (Some(version), _) => Wanted::Version(version),
        (None, Some("false")) => Wanted::Absent,
        _ => Wanted::Nothing,
    },
    version: |version| version.to_string(),
    taken: |seen, _| {
        assert_eq!(
            seen.header("content-type"),
            Some("application/x-www-form-urlencoded")
        );
        let mut form = url::form_urlencoded::parse(&seen.body);
        let (name, value) = form.next().unwrap();
        assert_eq!((&*name, form.next()), ("value", None));
        serde_json::from_str(&value).unwrap()
    },
    stale: 412,
    refusal: |version, document| {
        let code = if document.is_some() { 101 } else { 105 };
        (
            vec![],
            json!({"errorCode": code, "message": "Compare failed", "index": version + 20}),
        )
    },
};

#[tokio::test(start_paused = true)]
async fn etcd_at_work() {
    story(ETCD, EtcdV2, WriteMode::Put).await;
    creation(ETCD, EtcdV2).await;
}

const ELASTIC: Dialect = Dialect {
    name: "Elasticsearch",
    show: |version, document| {
        let hit = json!({"_index": "articles", "_id": "1", "_seq_no": version, "_primary_term": 3, "found": true, "_source": document});
        (vec![], hit)
    },
    written: |version, _| {
        let report = json!({"_index": "articles", "_id": "1", "result": "updated", "_seq_no": version, "_primary_term": 3});
        (vec![], report)
    },
    wanted: |seen| {
        let parts = (query(seen, "if_seq_no"), query(seen, "if_primary_term"));
        match (parts, query(seen, "op_type").as_deref()) {
            ((Some(number), Some(term)), None) => Wanted::Version(format!("{number}/{term}")),
            ((None, None), Some("create")) => Wanted::Absent,
            _ => Wanted::Nothing,
        }
    },
    version: |version| format!("{version}/3"),
    taken: |seen, _| body(seen),
    stale: 409,
    refusal: |_, _| {
        let error = json!({"root_cause": [], "type": "version_conflict_engine_exception", "reason": "[1]: version conflict"});
        (vec![], json!({"error": error, "status": 409}))
    },
};

#[tokio::test(start_paused = true)]
async fn elasticsearch_at_work() {
    let speaker = story(ELASTIC, Elasticsearch, WriteMode::Put).await;
    assert_eq!(
        body(&speaker.writes()[0]),
        json!({"title": "mine", "views": 1})
    );
    creation(ELASTIC, Elasticsearch).await;
}

const ELASTIC_IN_BULK: Dialect = Dialect {
    name: "Elasticsearch behind a gateway that writes by _bulk",
    stale: 200,
    refusal: |_, _| {
        let error = json!({"type": "version_conflict_engine_exception", "reason": "[1]: version conflict", "index": "articles"});
        let item = json!({"_index": "articles", "_id": "1", "status": 409, "error": error});
        (
            vec![],
            json!({"took": 3, "errors": true, "items": [{"index": item}]}),
        )
    },
    ..ELASTIC
};

#[tokio::test(start_paused = true)]
async fn a_conflict_in_the_200_of_a_bulk_write_is_merged() {
    story(ELASTIC_IN_BULK, Elasticsearch, WriteMode::Put).await;
    creation(ELASTIC_IN_BULK, Elasticsearch).await;
}

#[tokio::test(start_paused = true)]
async fn a_kept_version_of_two_parts_comes_back_through_text() {
    let speaker = Speaker::of(ELASTIC, Some(old()));
    let articles = speaker.values(Elasticsearch);
    let article = articles.get(1).await.unwrap();
    let validator = article.snapshot().validator().unwrap().to_string();
    let mut form = articles.restore(1, old(), validator.as_str()).unwrap();
    form["views"] = 2.into();
    articles.save(form).await.unwrap();
    assert_eq!(speaker.document().unwrap()["views"], 2);
    // One part of two is no version.
    let error = articles.restore(1, old(), "version:7").unwrap_err();
    assert!(error.is_config(), "{error:?}");
}

/// Weak tags that go back as they came.
const WEAK: Dialect = Dialect {
    name: "weak tags",
    show: |version, document| (vec![("etag", format!("W/\"{version}\""))], document.clone()),
    written: |version, _| (vec![("etag", format!("W/\"{version}\""))], Value::Null),
    version: |version| format!("W/\"{version}\""),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn weak_tags_at_work_where_the_api_wants_them_back() {
    story(WEAK, Fhir, WriteMode::Put).await;
    creation(WEAK, Fhir).await;
    story(WEAK, Scim, WriteMode::Put).await;
    creation(WEAK, Scim).await;
    story(WEAK, OData, WriteMode::Put).await;
    creation(WEAK, OData).await;
    // It has no creation but by `POST`.
    story(WEAK, AzureTable, WriteMode::Put).await;
}

#[tokio::test(start_paused = true)]
async fn s3_at_work() {
    story(Dialect::TAGS, S3, WriteMode::Put).await;
    creation(Dialect::TAGS, S3).await;
}

const GOOGLE: Dialect = Dialect {
    name: "Google",
    show: |version, document| (vec![], with(document, "etag", version.to_string())),
    written: |version, document| (vec![], with(document, "etag", version.to_string())),
    wanted: |seen| match query(seen, "etag") {
        Some(version) => Wanted::Version(version),
        None => inside(seen, "/etag"),
    },
    version: |version| version.to_string(),
    taken: |seen, _| without(body(seen), "etag"),
    stale: 409,
    refusal: |_, _| {
        let error = json!({"code": 409, "message": "stale", "status": "ABORTED"});
        (vec![], json!({"error": error}))
    },
};

#[tokio::test(start_paused = true)]
async fn google_at_work() {
    story(GOOGLE, Google, WriteMode::Put).await;
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
