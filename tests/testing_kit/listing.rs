//! Lists: the documents of a collection, filtered and page by page.

use ifmatch::testing::ResourceServer;
use serde_json::{Value, json};

#[tokio::test(start_paused = true)]
async fn a_collection_lists_what_is_directly_beneath_it_with_ids_in_order() {
    let server = ResourceServer::start().await;
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes");
    assert!(notes.list().await.unwrap_err().is_not_found());
    server.collection("/notes");
    assert!(notes.list().await.unwrap().items.is_empty());
    server.put("/notes/10", r#"{"n": 1.10}"#);
    server.put("/notes/2", r#"{"id": 2, "n": 2}"#);
    server.put("/notes/a%2Fb", r#"{"n": 3}"#);
    server.put("/notes/2/parts/1", r#"{"n": 4}"#);
    server.put("/notes/3", r#"{"n": 5}"#);
    server.remove("/notes/3");
    let page = notes.list().await.unwrap();
    let items: Vec<&Value> = page.items.iter().map(|item| &**item).collect();
    let expected = [
        json!({"id": 2, "n": 2}),
        json!({"id": "10", "n": 1.1}),
        json!({"id": "a/b", "n": 3}),
    ];
    assert_eq!(items, expected.iter().collect::<Vec<_>>());
    let ids = page.items.iter().map(|item| item.snapshot().id().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), ["2", "10", "a/b"]);
    let mut item = page.items.into_iter().nth(2).unwrap();
    item["n"] = 6.into();
    notes.save(item).await.unwrap();
    assert_eq!(server.text("/notes/a%2Fb").as_deref(), Some(r#"{"n": 6}"#));
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_and_keep_the_filter() {
    let server = ResourceServer::start().await;
    for id in 1..=7 {
        let status = if id % 2 == 1 { "open & new" } else { "paid" };
        // A parameter of the listing is no filter, although a member has its name.
        let order = json!({"id": id, "status": status, "page": 9});
        server.put(&format!("/orders/{id}"), &order.to_string());
    }
    server.page_size(3);
    let orders = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("orders");
    // A parameter that is no member is no filter.
    let list = orders
        .list()
        .query("status", "open & new")
        .query("tenant", 7);
    let mut page = list.query("per_page", 2).await.unwrap();
    let mut ids: Vec<Value> = page.items.iter().map(|item| item["id"].clone()).collect();
    while let Some(next) = page.next() {
        page = next.await.unwrap();
        assert!(page.items.len() <= 2);
        ids.extend(page.items.iter().map(|item| item["id"].clone()));
    }
    assert_eq!(ids, [1, 3, 5, 7]);
    server.requests().get().assert_count(2);
    let page = orders.list().await.unwrap();
    assert_eq!((page.items.len(), page.next().is_some()), (3, true));
}

#[tokio::test(start_paused = true)]
async fn addresses_with_a_slash_keep_it() {
    let server = ResourceServer::start().await;
    let docs = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("docs/");
    let mut made = docs.post(&json!({"n": 1})).await.unwrap();
    assert_eq!(made.snapshot().url().path(), "/docs/1/");
    made["n"] = 2.into();
    docs.save(made).await.unwrap();
    let page = docs.list().await.unwrap();
    assert_eq!((page.items.len(), &page.items[0]["n"]), (1, &json!(2)));
    docs.delete(1).await.unwrap();
    assert!(docs.list().await.unwrap().items.is_empty());
}
