//! An API without resources: each request becomes a call, and its result a response.

use ifmatch::{Collection, CommittedBy, ErrorKind, Policy, Rule, ThreeWay, WriteMode};
use serde_json::{Value, json};

use crate::support::etcd_gateway::{Call, Gateway};

/// `settings/db`.
const DB: &str = "c2V0dGluZ3MvZGI=";

fn settings(gateway: &Gateway) -> Collection<Value> {
    let strategy = ThreeWay::new(Policy::new().field("/n", Rule::Counter));
    gateway.client().collection_with("settings", strategy)
}

fn range() -> (String, Value) {
    ("/gw/v3/kv/range".to_owned(), json!({ "key": DB }))
}

fn put(revision: &str, value: &str) -> (String, Value) {
    let comparison =
        json!({ "key": DB, "target": "MOD", "result": "EQUAL", "mod_revision": revision });
    let put = json!({ "key": DB, "value": value, "ignore_lease": true });
    let txn = json!({
        "compare": [comparison],
        "success": [{ "request_put": put }],
        "failure": [{ "request_range": { "key": DB } }],
    });
    ("/gw/v3/kv/txn".to_owned(), txn)
}

#[tokio::test]
async fn a_write_compares_the_revision_that_was_read() {
    let gateway = Gateway::default();
    gateway.put("settings/db", r#"{"n":1}"#);
    let settings = settings(&gateway);
    settings
        .update("db", |db| db["n"] = 2.into())
        .await
        .unwrap();
    // {"n":2} and {"n":3}
    assert_eq!(gateway.calls(), [range(), put("1", "eyJuIjoyfQ==")]);
    let saved = settings
        .update("db", |db| db["n"] = 3.into())
        .await
        .unwrap();
    assert_eq!(gateway.calls(), [put("2", "eyJuIjozfQ==")]);
    assert_eq!(
        saved.snapshot().validator().unwrap().to_string(),
        "version:3"
    );
    // The members beside the value, such as the number of writes, were not in the result.
    assert!(!settings.refresh("db").await.unwrap().changed);
    gateway.put("settings/db", r#"{"n":4}"#);
    assert!(settings.refresh("db").await.unwrap().changed);
}

#[tokio::test]
async fn a_refused_comparison_is_merged_with_the_value_in_its_result() {
    let gateway = Gateway::default();
    gateway.put("settings/db", r#"{"n":1,"mine":0,"theirs":0.10}"#);
    let settings = settings(&gateway);
    let mut read = settings.get("db").await.unwrap();
    gateway.put("settings/db", r#"{"n":6,"mine":0,"theirs":0.20}"#);
    (read["n"], read["mine"]) = (2.into(), 1.into());
    let saved = settings.save(&read).await.unwrap();
    assert_eq!((saved.report().requests, saved.report().rounds), (2, 2));
    assert_eq!(
        gateway.value("settings/db"),
        json!({"n": 7, "mine": 1, "theirs": 0.20})
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_result_is_settled_by_a_range() {
    let gateway = Gateway::default();
    gateway.put("settings/db", r#"{"mine":0}"#);
    let settings = settings(&gateway);
    let mut read = settings.get("db").await.unwrap();
    read["mine"] = 1.into();
    gateway.script([Call::LosesResult]);
    let saved = settings.save(&read).await.unwrap();
    assert_eq!(saved.report().requests, 2);
    assert_eq!(gateway.value("settings/db"), json!({"mine": 1}));

    // A result that is not from etcd proves nothing either.
    for body in [
        "",
        "{}",
        "[]",
        r#"{"succeeded":true}"#,
        r#"{"header":{"revision":"3"},"succeeded":true}"#,
        // About another key.
        r#"{"header":{"revision":"3"},"responses":[{"response_range":{"header":{},
            "kvs":[{"key":"b3RoZXI=","mod_revision":"9","value":"e30="}]}}]}"#,
    ] {
        gateway.put("settings/db", r#"{"mine":1}"#);
        read = settings.get("db").await.unwrap();
        read["mine"] = 2.into();
        gateway.script([Call::Answered(200, body)]);
        let error = settings.save(&read).await;
        assert!(error.is_ok(), "{body}: {error:?}");
        assert_eq!(gateway.value("settings/db")["mine"], 2, "{body}");
    }
}

#[tokio::test]
async fn a_creation_requires_that_the_key_does_not_exist() {
    let gateway = Gateway::default();
    let settings = settings(&gateway);
    let created = settings.create("db", &json!({"n": 1})).await.unwrap();
    assert_eq!(
        created.snapshot().validator().unwrap().to_string(),
        "version:1"
    );
    let error = settings.create("db", &json!({"n": 2})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(gateway.value("settings/db"), json!({"n": 1}));
    let mut created = created;
    created["n"] = 5.into();
    settings.save(&created).await.unwrap();
    settings.delete("db").await.unwrap();
    assert_eq!(gateway.value("settings/db"), Value::Null);
    assert!(settings.get_opt("db").await.unwrap().is_none());
}

#[tokio::test]
async fn a_key_that_was_created_again_is_another_one() {
    let gateway = Gateway::default();
    gateway.put("settings/db", r#"{"n":1}"#);
    let settings = settings(&gateway);
    let mut read = settings.get("db").await.unwrap();
    gateway.remove("settings/db");
    gateway.put("settings/db", r#"{"n":1}"#);
    read["n"] = 2.into();
    let error = settings.save(&read).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Gone | ErrorKind::Conflict),
        "{error}"
    );
    assert_eq!(gateway.value("settings/db"), json!({"n": 1}));
}

#[tokio::test]
async fn a_transaction_is_one_transaction_of_etcd() {
    let gateway = Gateway::default();
    gateway.put("settings/a", r#"{"n":10}"#);
    gateway.put("settings/b", r#"{"n":10}"#);
    let client = gateway.client();
    let strategy = ThreeWay::new(Policy::new().field("/n", Rule::Counter));
    let settings: Collection<Value> = client.collection_with("settings", strategy);
    let number =
        |value: &mut Value, by: i64| value["n"] = (value["n"].as_i64().unwrap() + by).into();
    let pay = async || {
        let transaction = client
            .transaction()
            .update(&settings, "a", move |it| number(it, -1));
        let transaction = transaction.update(&settings, "b", move |it| number(it, 1));
        transaction
            .create(&settings, "c", &json!({}))
            .commit()
            .atomic_only()
            .await
    };
    let both = || (gateway.value("settings/a"), gateway.value("settings/b"));
    let n = |a: i64, b: i64| (json!({ "n": a }), json!({ "n": b }));
    let done = pay().await.unwrap();
    let report = done.report();
    assert_eq!((report.by, report.requests), (CommittedBy::Batch, 3));
    assert_eq!(both(), n(9, 11));

    // The one that lost a race is merged with the value in the result.
    gateway.put("settings/b", r#"{"n":20}"#);
    gateway.remove("settings/c");
    let done = pay().await.unwrap();
    assert_eq!(done.report().requests, 2);
    assert_eq!(both(), n(8, 21));

    // The created one exists now, so nothing is applied.
    let error = pay().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    assert_eq!(both(), n(8, 21));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_result_is_lost_is_settled() {
    let gateway = Gateway::default();
    gateway.put("settings/a", r#"{"note":""}"#);
    gateway.put("settings/b", r#"{"note":""}"#);
    let client = gateway.client();
    let settings: Collection<Value> =
        client.collection_with("settings", ThreeWay::new(Policy::new()));
    settings.get("a").await.unwrap();
    settings.get("b").await.unwrap();
    gateway.script([Call::LosesResult]);
    let transaction = client
        .transaction()
        .update(&settings, "a", |it| it["note"] = "x".into());
    let transaction = transaction.update(&settings, "b", |it| it["note"] = "y".into());
    transaction.commit().atomic_only().await.unwrap();
    assert_eq!(gateway.value("settings/a"), json!({"note": "x"}));
    assert_eq!(gateway.value("settings/b"), json!({"note": "y"}));
}

#[tokio::test]
async fn what_no_call_can_say_is_not_sent() {
    let gateway = Gateway::default();
    gateway.put("settings/db", r#"{"n":1}"#);
    let settings = settings(&gateway);
    let read = settings.get("db").await.unwrap();
    gateway.calls();
    let mut changed = read.clone();
    changed["n"] = 2.into();
    let patched = settings
        .clone()
        .write_mode(WriteMode::MergePatch)
        .save(&changed)
        .await;
    let with_query = settings.clone().query("tenant", 7).get("db").await;
    let errors = [
        patched.unwrap_err(),
        settings.get("a/b").await.unwrap_err(),
        settings.post(&json!({"n": 1})).await.unwrap_err(),
        with_query.unwrap_err(),
    ];
    for error in errors {
        println!("{error}");
        assert!(
            matches!(error.kind(), ErrorKind::Transport | ErrorKind::Config),
            "{error:?}"
        );
    }
    assert_eq!(gateway.calls(), []);
    assert_eq!(gateway.value("settings/db"), json!({"n": 1}));
}

#[tokio::test]
async fn a_server_without_a_gateway_has_no_missing_keys() {
    let gateway = Gateway::default();
    let settings = settings(&gateway);
    for status in [301, 307, 404, 405, 410, 412] {
        gateway.script([Call::Answered(status, "")]);
        let error = settings.get_opt("db").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        assert!(
            error.to_string().contains("does not know the call"),
            "{error}"
        );
    }
    // An error of etcd is one.
    gateway.script([Call::Answered(
        400,
        r#"{"error":"etcdserver: user name is empty","code":3}"#,
    )]);
    let error = settings.get("db").await.unwrap_err();
    assert!(error.to_string().contains("user name is empty"), "{error}");
}

#[tokio::test]
async fn a_value_that_is_no_json_is_no_item_of_a_list() {
    let gateway = Gateway::default();
    let settings = settings(&gateway);
    // `no JSON`, and an empty value, which etcd leaves out.
    for value in [r#","value":"bm8gSlNPTg==""#, ""] {
        let list = format!(
            r#"{{"header":{{"revision":"9"}},"kvs":[{{"key":"{DB}","create_revision":"3","mod_revision":"3"{value}}}]}}"#
        );
        gateway.script([Call::Answered(200, list.leak())]);
        let list = settings.list().query("prefix", true);
        let page = list.items_at("/kvs").whole_items().await;
        let error = page.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
    }
}

#[tokio::test]
async fn a_key_that_was_created_again_is_another_one_after_a_write_too() {
    for is_created in [true, false] {
        let gateway = Gateway::default();
        let settings = settings(&gateway);
        let mut written = if is_created {
            settings.create("db", &json!({"n": 1})).await.unwrap()
        } else {
            gateway.put("settings/db", r#"{"n":0}"#);
            let set = |db: &mut Value| db["n"] = 1.into();
            settings.update("db", set).await.unwrap()
        };
        gateway.remove("settings/db");
        gateway.put("settings/db", r#"{"n":1}"#);
        written["n"] = 2.into();
        let error = settings.save(&written).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gone, "{error}");
        assert_eq!(gateway.value("settings/db"), json!({"n": 1}));
    }
}
