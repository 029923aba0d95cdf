//! Promise 1 at the APIs that have a profile: each write carries the version as its API spells it.

use super::{creation, old, story};
use crate::support::dialect::{Dialect, Speaker, Wanted, body, inside, query, with, without};
use ifmatch::WriteMode;
use ifmatch::profiles::{
    AzureTable, CouchDb, Elasticsearch, EtcdV2, Fhir, GitHubContents, Google, OData, S3, Scim,
};
use serde_json::{Value, json};

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
