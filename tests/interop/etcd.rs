//! The v3 API of a real etcd: keys as documents, transactions of etcd for transactions, and its watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use ifmatch::profiles::EtcdV3;
use ifmatch::{Client, Collection, CommittedBy, ErrorKind, Generic, RemoteWins, Versioned};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::document::Plain;
use crate::leases_etcd::root;
use crate::race::Race;
use crate::transactions::{Account, Counted, transfer};
use crate::{Server, story, watches};

const ACCOUNTS: usize = 8;
const CLIENTS: usize = 8;
const TRANSFERS: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/interop/run etcd"]
async fn etcd_v3() {
    let Some(server) = Server::from_env("etcd-v3", "IFMATCH_ETCD") else {
        return;
    };
    let server = Server {
        base: root(&server),
        path: &["interop", "v3"],
        profile: Generic::over(EtcdV3::new()),
        ..server
    };
    assert!(server.probe().await.enforces_preconditions());
    story::tell::<Plain>(&server).await;
    Race::default().run::<Plain>(&server).await.is_exact();
    a_key_keeps_its_lease(&server).await;
    a_key_that_was_created_again_is_another(&server).await;
    lists_have_pages(&server).await;
    transactions(&server).await;
    watches::tell(&server).await;
    let resets = watches::tell_of_cuts(&server, server.profile.clone(), async |_, _, _| {}).await;
    assert_eq!(resets, 0, "the history is whole");
    let resets = watches::tell_of_cuts(&server, server.profile.clone(), async |id, n, _| {
        if n % 20 == 0 {
            compact(&server, id).await;
        }
    });
    assert!(resets.await > 0, "gaps are told");
}

async fn call(server: &Server, path: &str, body: &Value) -> Value {
    let reply = server.client().request(Method::POST, path).json(body).await;
    reply.unwrap().error_for_status().unwrap().json().unwrap()
}

fn key(server: &Server, id: &str) -> String {
    STANDARD.encode(format!("{}/{id}", server.path.join("/")))
}

/// Removes the history of the store.
async fn compact(server: &Server, id: &str) {
    let found = call(server, "v3/kv/range", &json!({ "key": key(server, id) })).await;
    let revision = &found["header"]["revision"];
    call(server, "v3/kv/compaction", &json!({ "revision": revision })).await;
}

fn values(server: &Server) -> Collection<Value> {
    server.client().collection_with(server.path, RemoteWins)
}

async fn a_key_keeps_its_lease(server: &Server) {
    let id = server.id("leased");
    let lease = call(server, "v3/lease/grant", &json!({ "TTL": "600" })).await;
    let put = json!({
        "key": key(server, &id), "value": STANDARD.encode(r#"{"n":1}"#), "lease": lease["ID"],
    });
    call(server, "v3/kv/put", &put).await;
    let values = values(server);
    values
        .update(&id, |value| value["n"] = 2.into())
        .await
        .unwrap();
    let found = call(server, "v3/kv/range", &json!({ "key": key(server, &id) })).await;
    assert_eq!(found["kvs"][0]["lease"], lease["ID"]);
    assert_eq!(values.get(&id).await.unwrap()["n"], 2);
}

async fn a_key_that_was_created_again_is_another(server: &Server) {
    let (id, mine, theirs) = (server.id("again"), values(server), values(server));
    mine.create(&id, &json!({ "n": 1 })).await.unwrap();
    let mut read: Versioned<Value> = mine.get(&id).await.unwrap();
    theirs.delete(&id).await.unwrap();
    theirs.create(&id, &json!({ "n": 10 })).await.unwrap();
    read["n"] = 2.into();
    let error = mine.save(&read).await.unwrap_err();
    println!("{}: {error}", server.name);
    assert!(
        matches!(error.kind(), ErrorKind::Gone | ErrorKind::Conflict),
        "{error}"
    );
    assert_eq!(theirs.get(&id).await.unwrap()["n"], 10);
}

/// More keys than a page has, among keys of a collection below.
async fn lists_have_pages(server: &Server) {
    let path = format!("{}/{}", server.path.join("/"), server.id("many"));
    let client = server.client();
    let many: Collection<Value> = client.collection_with(&*path, RemoteWins);
    let inner: Collection<Value> = client.collection_with(format!("{path}/below"), RemoteWins);
    for n in 0..1_100_u32 {
        let id = format!("ü {n:04}");
        many.create(&id, &json!({ "n": n })).await.unwrap();
        if n % 100 == 0 {
            inner.create(&id, &json!({ "n": n })).await.unwrap();
        }
    }
    let first = many
        .list()
        .query("prefix", true)
        .items_at("/kvs")
        .whole_items();
    let (mut page, mut pages, mut items) = (first.await.unwrap(), 1, Vec::new());
    loop {
        let next = page.next();
        items.append(&mut page.items);
        let Some(next) = next else { break };
        (page, pages) = (next.await.unwrap(), pages + 1);
    }
    // A page has 100 keys, and those of the collection below take places too.
    assert_eq!((items.len(), pages), (1_100, 12));
    for (n, item) in items.iter_mut().enumerate() {
        assert_eq!(item["n"], n);
    }
    // A whole item is saved without a read.
    let mut item = items.swap_remove(7);
    item["n"] = 70.into();
    let saved = many.save(&item).await.unwrap();
    assert_eq!(saved.report().requests, 1);
}

fn accounts(server: &Server, loses_every: u32) -> (Client, Collection<Account>, Arc<AtomicU32>) {
    let (layer, requests) = Counted::layer("/v3/kv/txn", loses_every);
    let client = server.builder().layer(layer);
    let client = client.build().unwrap();
    let accounts = client
        .collection::<Account>(server.path)
        .write_stamp("/writes");
    (client, accounts, requests)
}

async fn transactions(server: &Server) {
    let report = server
        .client()
        .probe_batch(server.path.join("/"))
        .await
        .unwrap();
    println!("{}: {report}", server.name);
    assert!(report.is_atomic(), "{report}");
    assert_eq!(report.left_behind, None);

    let ids: Vec<String> = (0..ACCOUNTS)
        .map(|nth| server.id(&format!("account{nth}")))
        .collect();
    let (client, all, requests) = accounts(server, 0);
    for id in &ids {
        all.create(id, &Account { balance: 100 }).await.unwrap();
    }
    let sum = async || {
        let mut sum = 0;
        for id in &ids {
            sum += all.get(id).await.unwrap().balance;
        }
        sum
    };
    let expected = sum().await;
    // The version of a creation is known, so nothing is read.
    let before = requests.load(Ordering::Relaxed);
    let times = 20;
    for _ in 0..times {
        let done = transfer(&client, &all, &ids[0], &ids[1])
            .atomic_only()
            .await
            .unwrap();
        assert_eq!(done.report().by, CommittedBy::Batch);
    }
    let taken = requests.load(Ordering::Relaxed) - before;
    println!("{}: {times} transfers took {taken} requests", server.name);
    assert_eq!(taken, times);
    // Another client has written one of them: the refusal carries what it wrote.
    let (_, theirs, _) = accounts(server, 0);
    theirs
        .update(&ids[1], |account| account.balance += 1)
        .await
        .unwrap();
    let before = requests.load(Ordering::Relaxed);
    transfer(&client, &all, &ids[0], &ids[1])
        .atomic_only()
        .await
        .unwrap();
    assert_eq!(requests.load(Ordering::Relaxed) - before, 2);
    theirs
        .update(&ids[1], |account| account.balance -= 1)
        .await
        .unwrap();
    assert_eq!(sum().await, expected);

    let (losing, lost, requests) = accounts(server, 3);
    for _ in 0..times {
        transfer(&losing, &lost, &ids[1], &ids[0])
            .atomic_only()
            .await
            .unwrap();
    }
    let taken = requests.load(Ordering::Relaxed);
    println!(
        "{}: {times} transfers with a third of the responses lost took {taken} requests",
        server.name
    );
    let balance = async |at: usize| all.get(&ids[at]).await.unwrap().balance;
    assert_eq!((balance(0).await, balance(1).await), (99, 101));

    many_clients(server, &ids).await;
    assert_eq!(sum().await, expected);
}

/// Clients that share only the server move money about.
async fn many_clients(server: &Server, ids: &[String]) {
    let (since, mut programs) = (Instant::now(), JoinSet::new());
    for nth in 0..CLIENTS {
        let (client, accounts, requests) = accounts(server, 20);
        let ids = ids.to_vec();
        programs.spawn(async move {
            let (mut done, mut undone, mut unknown) = (0, 0, 0);
            for at in 0..TRANSFERS {
                let (from, to) = ((nth + at) % ACCOUNTS, (nth * 3 + at * 5 + 1) % ACCOUNTS);
                if from == to {
                    continue;
                }
                let transfer = transfer(&client, &accounts, &ids[from], &ids[to]);
                match transfer.atomic_only().await {
                    Ok(_) => done += 1,
                    Err(error) if error.kind() == ErrorKind::Undone => undone += 1,
                    // Others have written so much since that nothing shows the lost write. It is whole or nothing.
                    Err(error) if error.kind() == ErrorKind::OutcomeUnknown => unknown += 1,
                    Err(error) => panic!("{error}: {:?}", error.steps()),
                }
            }
            [done, undone, unknown, requests.load(Ordering::Relaxed)]
        });
    }
    let mut sums = [0; 4];
    while let Some(ended) = programs.join_next().await {
        for (sum, more) in sums.iter_mut().zip(ended.unwrap()) {
            *sum += more;
        }
    }
    let [done, undone, unknown, requests] = sums;
    println!(
        "{}: {CLIENTS} clients, {done} transfers, {undone} undone, {unknown} unknown, one of twenty responses lost, {requests} requests, {:.1} s",
        server.name,
        since.elapsed().as_secs_f64()
    );
}
