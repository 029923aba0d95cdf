//! `_bulk` of Elasticsearch: lines with the conditions that its single requests have in their queries.

use ifmatch::profiles::Elasticsearch;
use ifmatch::testing::{BatchBehaviour, Reply, ResourceServer, Step};
use ifmatch::{
    Batch, BatchCheck, Client, Collection, CommittedBy, ErrorKind, Generic, Profile, StepReport,
    StepState, Verdict,
};
use serde_json::{Value, json};

use super::super::Account;

const ANNA: &str = "/accounts/_doc/anna";
const BEN: &str = "/accounts/_doc/ben";
const ENDPOINT: &str = "/_bulk";

struct Index {
    server: ResourceServer,
    client: Client,
    accounts: Collection<Account>,
}

impl Index {
    async fn of(profile: impl Profile, batch: &Batch, behaviour: BatchBehaviour) -> Self {
        let server = ResourceServer::start().await;
        server.put(ANNA, r#"{"balance":50,"note":"x"}"#);
        server.put(BEN, r#"{"balance":10}"#);
        server.batch(batch, behaviour);
        let client = server.in_process().profile(profile).build().unwrap();
        let accounts = client.collection(["accounts", "_doc"]);
        let index = Self {
            accounts: accounts.write_stamp("/writes"),
            client,
            server,
        };
        index.accounts.get("anna").await.unwrap();
        index.accounts.get("ben").await.unwrap();
        index
    }

    async fn plain() -> Self {
        Self::of(Elasticsearch, &Batch::bulk("_bulk"), BatchBehaviour::Plain).await
    }

    fn transfer(&self, amount: i64) -> ifmatch::Transaction {
        let transaction = self.client.transaction();
        let transaction =
            transaction.update(&self.accounts, "anna", move |anna| anna.balance -= amount);
        transaction.update(&self.accounts, "ben", move |ben| ben.balance += amount)
    }

    fn balances(&self) -> (i64, i64) {
        let balance = |path| {
            let text = self.server.text(path).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            value["balance"].as_i64().unwrap()
        };
        (balance(ANNA), balance(BEN))
    }

    /// The lines of the only batch.
    fn lines(&self) -> Vec<Value> {
        let request = self.server.requests().post().to(ENDPOINT).assert_one();
        assert_eq!(request.header("content-type"), "application/x-ndjson");
        let lines = request.body.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn all_documents_are_one_request_with_their_versions() {
    let index = Index::plain().await;
    let before = index.server.requests().count();
    let account = Account { balance: 0 };
    let transaction = index.transfer(20).create(&index.accounts, "c d", &account);
    let done = transaction.commit().await.unwrap();
    assert_eq!(done.report().by, CommittedBy::Saga);
    assert_eq!(index.server.requests().count() - before, 1);
    assert_eq!(index.balances(), (30, 30));
    assert!(index.server.text("/accounts/_doc/c%20d").is_some());
    let lines = index.lines();
    let version = json!({"_index": "accounts", "if_seq_no": 1, "if_primary_term": 1});
    for id in ["anna", "ben"] {
        let mut action = json!({"index": version});
        action["index"]["_id"] = id.into();
        assert!(lines.contains(&action), "{lines:?}");
    }
    assert!(lines.contains(&json!({"create": {"_index": "accounts", "_id": "c d"}})));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_lost_a_race_goes_on_alone() {
    let index = Index::plain().await;
    index.server.put(ANNA, r#"{"balance":40,"note":"y"}"#);
    index.transfer(20).commit().await.unwrap();
    assert_eq!(index.balances(), (20, 30));
    index.server.requests().post().to(ENDPOINT).assert_count(1);
    index.server.requests().put().to(ANNA).assert_count(1);
    index.server.requests().put().to(BEN).assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_refused_document_takes_back_the_others() {
    let index = Index::plain().await;
    let ben = index.accounts.get("ben").await.unwrap();
    let create = index.client.transaction();
    let create = create.update(&index.accounts, "anna", |anna| anna.balance -= 1);
    let create = create.create(&index.accounts, "ben", &*ben);
    let error = create.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Undone, "{error}");
    let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
    for state in [StepState::Undone, StepState::NotApplied] {
        assert!(states.contains(&state), "{states:?}");
    }
    assert_eq!(index.balances(), (50, 10));
}

#[tokio::test(start_paused = true)]
async fn a_document_is_removed_in_the_version_that_was_seen() {
    for is_stale in [false, true] {
        let index = Index::plain().await;
        let ben = index.accounts.get("ben").await.unwrap();
        if is_stale {
            index.server.put(BEN, r#"{"balance":11}"#);
        }
        let remove = index.client.transaction();
        let remove = remove.update(&index.accounts, "anna", |anna| anna.balance -= 1);
        let ended = remove.delete(&index.accounts, &ben).commit().await;
        assert_eq!(ended.is_err(), is_stale, "{ended:?}");
        assert_eq!(index.server.text(BEN).is_some(), is_stale);
        let action = json!({"delete": {"_index": "accounts", "_id": "ben", "if_seq_no": 1, "if_primary_term": 1}});
        assert!(index.lines().contains(&action), "{:?}", index.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_message_doubles_nothing_and_leaves_nothing_half_done() {
    for (nth, loses_request) in (1..=4).flat_map(|nth| [(nth, true), (nth, false)]) {
        for is_refused in [false, true] {
            let index = Index::plain().await;
            let lost = Step::new();
            let lost = if loses_request {
                lost.lose_request()
            } else {
                lost.lose_reply()
            };
            index.server.nth_write(nth, lost);
            let mut transaction = index.transfer(20);
            if is_refused {
                index.server.put("/accounts/_doc/t1", r#"{"balance":1}"#);
                let account = Account { balance: 0 };
                transaction = transaction.create(&index.accounts, "t1", &account);
            }
            let ended = transaction.commit().await;
            let of = format!("{nth}, {loses_request}, {is_refused}: {ended:?}");
            assert_eq!(ended.is_err(), is_refused, "{of}");
            let expected = if is_refused { (50, 10) } else { (30, 30) };
            assert_eq!(index.balances(), expected, "{of}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_an_action_cannot_say_is_not_dropped() {
    let with = |index: &Index, name: &str, value: &str| {
        let accounts = index.accounts.clone().query(name, value);
        let transaction = index.client.transaction();
        let transaction = transaction.update(&accounts, "anna", |anna| anna.balance -= 1);
        transaction.update(&accounts, "ben", |ben| ben.balance += 1)
    };
    let index = Index::plain().await;
    with(&index, "refresh", "wait_for").commit().await.unwrap();
    index.server.requests().post().assert_none();
    let writes = index.server.requests().put();
    assert!(writes.iter().all(|write| {
        let query = write.query.as_deref().unwrap();
        query.contains("refresh=wait_for") && query.contains("if_seq_no=1")
    }));

    let index = Index::plain().await;
    with(&index, "routing", "r").commit().await.unwrap();
    index.server.requests().put().assert_none();
    assert_eq!(index.lines()[0]["index"]["routing"], "r");

    let batch = Batch::bulk("_bulk?refresh=wait_for");
    let profile = Generic::over(Elasticsearch).batch(batch.clone());
    let index = Index::of(profile, &batch, BatchBehaviour::Plain).await;
    with(&index, "refresh", "wait_for").commit().await.unwrap();
    index.server.requests().put().assert_none();
    assert_eq!(index.balances(), (49, 11));
}

/// The documents were written, and the response says something else.
#[tokio::test(start_paused = true)]
async fn items_that_cannot_be_read_are_settled_by_what_is_stored() {
    let item =
        |id: &str| json!({"index": {"_id": id, "status": 200, "_seq_no": 2, "_primary_term": 1}});
    for told in [
        json!({"errors": false, "items": [item("ben"), item("anna")]}),
        json!({"errors": false, "items": [item("anna")]}),
        json!({"errors": true, "items": [item("anna"), item("ben")]}),
        json!({"items": [item("anna"), item("ben")]}),
        json!({"errors": false}),
    ] {
        let index = Index::plain().await;
        let reply = Reply::new(200).json(&told);
        index.server.next_write(Step::new().answer_after(reply));
        let ended = index.transfer(20).commit().await;
        assert!(ended.is_ok(), "{told}: {ended:?}");
        assert_eq!(index.balances(), (30, 30), "{told}");
    }
}

/// The queue of the cluster was full for one of the documents.
#[tokio::test(start_paused = true)]
async fn a_document_that_was_not_taken_is_sent_again_alone() {
    let index = Index::plain().await;
    let rejected = json!({"type": "es_rejected_execution_exception", "reason": "full"});
    let items =
        ["anna", "ben"].map(|id| json!({"index": {"_id": id, "status": 429, "error": rejected}}));
    let reply = Reply::new(200).json(&json!({"errors": true, "items": items}));
    index.server.next_write(Step::new().answer(reply));
    index.transfer(20).commit().await.unwrap();
    assert_eq!(index.balances(), (30, 30));
    index.server.requests().put().assert_count(2);
}

#[tokio::test(start_paused = true)]
async fn a_probe_finds_what_the_endpoint_keeps() {
    for (behaviour, keeps) in [
        (BatchBehaviour::Plain, Verdict::Holds),
        (BatchBehaviour::DropsConditions, Verdict::Fails),
    ] {
        let index = Index::of(Elasticsearch, &Batch::bulk("_bulk"), behaviour).await;
        let report = index.client.probe_batch("accounts/_doc").await.unwrap();
        assert_eq!(
            report.verdict(BatchCheck::KeepsPreconditions),
            keeps,
            "{report}"
        );
        assert_eq!(report.left_behind, None);
        if keeps == Verdict::Holds {
            let failed: Vec<_> = report.failed().map(|it| it.check).collect();
            assert_eq!(failed, [BatchCheck::Atomic], "{report}");
        }
    }
}
