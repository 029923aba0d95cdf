//! Documents inside an envelope: unwrapped from responses and wrapped in requests. The rest of the body is neither
//! lost nor overwritten.

use ifmatch::profiles::{JsonApi, Kinto, Kubernetes};
use ifmatch::{Envelope, Generic, ThreeWay, Versioning, WriteMode};
use serde_json::{Value, json};

use crate::support::dialect::{Dialect, Speaker, body, inside, with};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

const KINTO: Dialect = Dialect {
    name: "Kinto",
    show: |version, document| {
        let data = with(&with(document, "id", "1"), "last_modified", version);
        (
            vec![("etag", format!("\"{version}\""))],
            json!({"data": data, "permissions": {"write": ["me"]}}),
        )
    },
    written: |version, document| (KINTO.show)(version, document),
    taken: |seen, _| {
        let body = body(seen);
        assert_eq!(body.as_object().unwrap().len(), 1, "only the data: {body}");
        let mut data = body["data"].clone();
        data.as_object_mut()
            .unwrap()
            .retain(|name, _| name != "id" && name != "last_modified");
        data
    },
    refusal: |version, document| {
        let told = vec![("etag", format!("\"{version}\""))];
        let mut body = json!({"code": 412, "errno": 114, "error": "Precondition Failed"});
        if let Some(document) = document {
            body["details"]["existing"] = (KINTO.show)(version, document).1["data"].clone();
        }
        (told, body)
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn kintos_record_is_merged_from_the_refusal_without_a_read() {
    let speaker = Speaker::of(KINTO, Some(old()));
    let articles = speaker.values(Kinto);
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    let saved = articles.save(article).await.unwrap();
    assert_eq!(saved.report().requests, 2, "the read was saved");
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2}))
    );
    assert_eq!(saved["last_modified"], 9);
    let error = articles.create(1, &old()).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_patch_of_an_enclosed_document_is_enclosed() {
    let dialect = Dialect {
        taken: |_, before| {
            let mut document = before.cloned().unwrap();
            document["views"] = 2.into();
            document
        },
        ..KINTO
    };
    let patches = [
        (WriteMode::MergePatch, json!({"data": {"views": 2}})),
        (
            WriteMode::JsonPatch,
            json!([
                {"op": "test", "path": "/data/views", "value": 1},
                {"op": "replace", "path": "/data/views", "value": 2},
            ]),
        ),
    ];
    for (mode, patch) in patches {
        let speaker = Speaker::of(dialect, Some(old()));
        let articles = speaker.values(Kinto).write_mode(mode);
        let edit = articles.update(1, |v| v["views"] = 2.into());
        edit.await.unwrap();
        assert_eq!(body(&speaker.writes()[0]), patch);
    }
}

/// An object of Kubernetes: its `spec` is the document, labels are the rest.
const SPEC: Dialect = Dialect {
    show: |version, document| {
        let metadata =
            json!({"name": "1", "labels": {"a": version}, "resourceVersion": version.to_string()});
        (
            vec![],
            json!({"kind": "Web", "metadata": metadata, "spec": document}),
        )
    },
    written: |version, document| (SPEC.show)(version, document),
    taken: |seen, _| {
        let body = body(seen);
        let label = body["metadata"]["labels"]["a"].to_string();
        assert_eq!(
            json!(label),
            body["metadata"]["resourceVersion"],
            "the rest of that version"
        );
        assert_eq!(body["kind"], "Web");
        body["spec"].clone()
    },
    ..Dialect::KUBERNETES
};

#[tokio::test(start_paused = true)]
async fn the_rest_of_the_body_goes_back_as_the_merged_version_had_it() {
    let speaker = Speaker::of(SPEC, Some(old()));
    let specs = speaker
        .values(Kubernetes)
        .envelope(Envelope::at("/spec").keep_rest());
    let mut spec = specs.get(1).await.unwrap();
    assert_eq!(*spec, old());
    spec["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    let saved = specs.save(spec).await.unwrap();
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2}))
    );
    let saved = specs.save(saved).await.unwrap();
    assert!(saved.report().unchanged);
    specs.delete(saved).await.unwrap();
    assert_eq!(speaker.document(), None);
    let error = specs.create(1, &old()).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_kept_document_whose_rest_is_not_at_hand_is_read_and_merged_first() {
    let speaker = Speaker::of(SPEC, Some(old()));
    let specs = speaker
        .values(Kubernetes)
        .envelope(Envelope::at("/spec").keep_rest());
    let kept = specs.get(1).await.unwrap();
    let validator = kept.snapshot().validator().cloned();
    let mut form = specs.restore(1, old(), validator).unwrap();
    form["title"] = "mine".into();
    specs.save(form).await.unwrap();
    let methods: Vec<_> = speaker
        .seen()
        .iter()
        .map(|seen| seen.method.to_string())
        .collect();
    assert_eq!(methods, ["GET", "GET", "PUT"]);
    assert_eq!(speaker.document().unwrap()["title"], "mine");
}

#[tokio::test(start_paused = true)]
async fn handles_that_see_different_parts_of_a_body_do_not_share_snapshots() {
    let speaker = Speaker::of(SPEC, Some(old()));
    let client = speaker.client(Kubernetes);
    let whole = client.collection_with::<Value>("articles", ThreeWay::default());
    let spec = whole.clone().envelope(Envelope::at("/spec").keep_rest());
    assert_eq!(whole.get(1).await.unwrap()["spec"], old());
    spec.update(1, |spec| spec["views"] = 2.into())
        .await
        .unwrap();
    whole
        .update(1, |whole| whole["spec"]["title"] = "mine".into())
        .await
        .unwrap();
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2}))
    );
}

const JSON_API: Dialect = Dialect {
    name: "JSON:API",
    show: |version, document| {
        let data = json!({"type": "articles", "id": "1", "attributes": document});
        (
            vec![("etag", format!("\"{version}\""))],
            json!({"data": data}),
        )
    },
    taken: |seen, before| {
        let data = &body(seen)["data"];
        assert_eq!(
            seen.header("content-type"),
            Some("application/vnd.api+json")
        );
        assert_eq!(data["type"], "articles");
        let Some(mut document) = before.cloned() else {
            return data["attributes"].clone();
        };
        assert_eq!((seen.method.as_str(), &data["id"]), ("PATCH", &json!("1")));
        for (name, value) in data["attributes"].as_object().unwrap() {
            document[name] = value.clone();
        }
        document
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn json_api_gets_type_and_id_with_each_patch() {
    let speaker = Speaker::of(JSON_API, Some(old()));
    let articles = speaker.values(JsonApi).write_mode(WriteMode::MergePatch);
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    articles.save(article).await.unwrap();
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2}))
    );
    let sent = body(&speaker.writes()[1]);
    assert_eq!(sent["data"]["attributes"], json!({"title": "mine"}));
    let asked = speaker.seen()[0].header("accept").map(str::to_owned);
    assert!(asked.unwrap().starts_with("application/vnd.api+json"));
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_gets_the_members_that_the_envelope_names() {
    let speaker = Speaker::of(JSON_API, None);
    let envelope = Envelope::at("/data/attributes").member("/data/type", "articles");
    let articles = speaker.values(JsonApi).envelope(envelope);
    articles.create(1, &old()).await.unwrap();
    assert_eq!(speaker.document(), Some(old()));
}

#[tokio::test(start_paused = true)]
async fn the_items_of_a_list_may_lack_the_outermost_level() {
    let dialect = Dialect {
        show: |_, document| {
            (
                vec![],
                json!({"data": [{"type": "articles", "id": "1", "attributes": document}]}),
            )
        },
        ..JSON_API
    };
    let speaker = Speaker::of(dialect, Some(old()));
    let page = speaker
        .values(JsonApi)
        .list()
        .items_at("/data")
        .await
        .unwrap();
    assert_eq!(
        (page.items[0].snapshot().id(), &*page.items[0]),
        (Some("1"), &old())
    );
}

/// A version beside the document, in the same body.
const BESIDE: Dialect = Dialect {
    name: "a version beside the document",
    show: |version, document| {
        (
            vec![],
            json!({"doc": document, "version": version, "at": "now"}),
        )
    },
    written: |version, _| (vec![], json!({"version": version})),
    wanted: |seen| inside(seen, "/version"),
    version: |version| version.to_string(),
    taken: |seen, _| {
        let body = body(seen);
        assert!(
            body["version"].is_u64() && body.get("at").is_none(),
            "{body}"
        );
        body["doc"].clone()
    },
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_version_beside_the_document_goes_back_beside_it_as_it_was_spelt() {
    let profile = Generic::new()
        .envelope(Envelope::at("/doc"))
        .versioning(Versioning::body_field("/version"));
    let speaker = Speaker::of(BESIDE, Some(old()));
    let articles = speaker.values(profile);
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    articles.save(article).await.unwrap();
    let saved = articles.update(1, |v| v["views"] = 3.into()).await.unwrap();
    assert_eq!(saved.report().requests, 1);
    assert_eq!(*saved, json!({"title": "mine", "views": 3}));
}

#[tokio::test(start_paused = true)]
async fn a_body_without_the_document_is_told_and_nothing_is_sent() {
    for envelope in [
        Envelope::at("/nowhere"),
        Envelope::at("/title").as_text(),
        Envelope::at("/views").as_text(),
    ] {
        let speaker = Speaker::of(Dialect::TAGS, Some(json!({"title": "{torn", "views": 1})));
        let articles = speaker.values(Generic::new().envelope(envelope));
        let error = articles.get(1).await.unwrap_err();
        assert!(error.is_decode(), "{error:?}");
        let error = articles.update(1, |v| *v = Value::Null).await.unwrap_err();
        assert!(error.is_decode(), "{error:?}");
        assert!(speaker.writes().is_empty());
    }
}
