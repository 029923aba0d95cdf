//! What the type does not know or does not show survives races, merges and strategies.

use std::sync::{Arc, Mutex};

use ifmatch::merge::{Side, ThreeWay};
use ifmatch::testing::ResourceServer;
use ifmatch::{
    BoxError, Collection, Conflict, LocalWins, Merge, MergeStrategy, Resolution, async_trait,
    merge_fn,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Serialize, Deserialize, Merge)]
struct User {
    name: String,
    n: u64,
    nick: Option<String>,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

const USER: &str = r#"{"name":"a","n":0}"#;

async fn changed_password(change: impl AsyncFnOnce(&Collection<User>)) -> String {
    let server = ResourceServer::start().await;
    server.put("/a/1", USER);
    let users = server.in_process().build().unwrap().collection::<User>("a");
    change(&users).await;
    server.text("/a/1").unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_only_written_survives_races_merges_and_company() {
    fn set(user: &mut User) {
        (user.name, user.password) = ("b".into(), Some("new".into()));
    }
    let strategies: [Option<Arc<dyn MergeStrategy<User>>>; 4] = [
        None,
        Some(Arc::new(LocalWins)),
        Some(Arc::new(ThreeWay::of::<User>())),
        Some(Arc::new(merge_fn(
            |_: Option<&User>, local: &User, _: &User| Ok(local.clone()),
        ))),
    ];
    for strategy in strategies {
        let server = ResourceServer::start().await;
        server.put("/a/1", USER);
        let mut users = server.in_process().build().unwrap().collection::<User>("a");
        if let Some(strategy) = strategy {
            users = users.strategy(strategy);
        }
        let mut user = users.get(1).await.unwrap();
        set(&mut user);
        server.before_next_write(|it| it["seen"] = 1.into());
        users.save(&user).await.unwrap();
        server.before_next_write(|it| it["seen"] = 2.into());
        users
            .update(1, |user| user.password = Some("newer".into()))
            .await
            .unwrap();
        let now = server.text("/a/1").unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&now).unwrap(),
            serde_json::json!({"name": "b", "n": 0, "seen": 2, "password": "newer"}),
            "{now}"
        );
    }
    // Together with other edits, one of which fails.
    let now = changed_password(async |users| {
        let edits = [
            tokio::spawn(users.try_update(1, |user| {
                set(user);
                Ok::<_, BoxError>(())
            })),
            tokio::spawn(users.try_update(1, |user| {
                user.n = 7;
                Err::<(), BoxError>("no".into())
            })),
            tokio::spawn(users.try_update(1, |user| {
                user.nick = Some("k".into());
                Ok::<_, BoxError>(())
            })),
        ];
        let mut told = Vec::new();
        for edit in edits {
            told.push(edit.await.unwrap().is_ok());
        }
        assert_eq!(told, [true, false, true]);
    })
    .await;
    assert_eq!(now, r#"{"name":"b","n":0,"nick":"k","password":"new"}"#);
}

#[derive(Serialize, Deserialize, Merge)]
struct Address {
    street: String,
}

#[derive(Serialize, Deserialize, Merge)]
struct Person {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    amount: f64,
}

#[tokio::test(start_paused = true)]
async fn a_side_that_wins_brings_what_the_type_does_not_know() {
    let base =
        r#"{"name":"a","address":{"street":"old","geo":[1,2.50]},"amount":1.00000000000000000001}"#;
    let strategies: [Arc<dyn MergeStrategy<Person>>; 3] = [
        Arc::new(LocalWins),
        Arc::new(ThreeWay::new(Person::policy().prefer(Side::Local))),
        Arc::new(ThreeWay::of::<Person>().or_else(LocalWins)),
    ];
    for strategy in strategies {
        let server = ResourceServer::start().await;
        server.put("/a/1", base);
        let people = server
            .in_process()
            .build()
            .unwrap()
            .collection_with("a", strategy);
        let mut person = people.get(1).await.unwrap();
        person.address.as_mut().unwrap().street = "new".into();
        server.before_next_write(|it| {
            it["seen"] = true.into();
            it.as_object_mut().map(|it| it.remove("address"));
        });
        people.save(&person).await.unwrap();
        let now: Value = serde_json::from_str(&server.text("/a/1").unwrap()).unwrap();
        assert_eq!(
            now["address"],
            serde_json::json!({"street": "new", "geo": [1, 2.5]})
        );
        assert_eq!(now["seen"], true, "the remote's own");
    }
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Stock {
    sku: String,
    qty: u64,
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Shelf {
    #[merge(key = "sku")]
    lines: Vec<Stock>,
}

#[tokio::test(start_paused = true)]
async fn an_element_kept_over_a_removal_brings_what_the_type_does_not_know() {
    let base = r#"{"lines":[{"sku":"a","qty":1,"note":"A"},{"sku":"b","qty":1,"note":"B"}]}"#;
    let prefer = ThreeWay::new(Shelf::policy().prefer(Side::Local));
    let merge = ThreeWay::new(Shelf::policy());
    for by_strategy in [false, true] {
        let server = ResourceServer::start().await;
        server.put("/a/1", base);
        let client = server.in_process().build().unwrap();
        server.before_next_write(|it| {
            it["lines"].as_array_mut().map(|it| it.remove(0));
        });
        if by_strategy {
            let shelves = client.collection_with::<Shelf>("a", merge.clone());
            shelves.get(1).await.unwrap();
            let update = shelves.update(1, |shelf| shelf.lines[0].qty = 9);
            update.strategy(prefer.clone()).await.unwrap();
        } else {
            let shelves = client.collection_with::<Shelf>("a", prefer.clone());
            let mut shelf = shelves.get(1).await.unwrap();
            shelf.lines[0].qty = 9;
            shelves.save(&shelf).await.unwrap();
        }
        let now: Value = serde_json::from_str(&server.text("/a/1").unwrap()).unwrap();
        let kept = serde_json::json!({"sku": "a", "qty": 9, "note": "A"});
        let lines = now["lines"].as_array().unwrap();
        assert!(lines.contains(&kept) && lines.len() == 2, "{now}");
    }
}

#[derive(Serialize, Deserialize, Merge)]
struct Page {
    title: String,
    /// The server's.
    #[serde(default, skip_serializing)]
    locked: bool,
}

/// Takes the local side unless the page is locked.
struct UnlessLocked(Arc<Mutex<Vec<bool>>>);

#[async_trait]
impl MergeStrategy<Page> for UnlessLocked {
    async fn resolve(&self, conflict: &Conflict<Page>) -> Result<Resolution<Page>, BoxError> {
        let locked = conflict.remote.as_ref().is_some_and(|remote| remote.locked);
        self.0.lock().unwrap().push(locked);
        Ok(if locked {
            Resolution::KeepRemote
        } else {
            Resolution::KeepLocal
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_strategy_sees_what_was_read_and_not_what_the_type_writes_of_it() {
    let seen = Arc::default();
    let strategy = ThreeWay::of::<Page>().or_else(UnlessLocked(Arc::clone(&seen)));
    let server = ResourceServer::start().await;
    server.put("/a/1", r#"{"title":"a","locked":false}"#);
    let pages = server
        .in_process()
        .build()
        .unwrap()
        .collection_with("a", strategy);
    let mut page = pages.get(1).await.unwrap();
    page.title = "mine".into();
    server.before_next_write(|it| (it["title"], it["locked"]) = ("theirs".into(), true.into()));
    let saved = pages.save(&page).await.unwrap();
    assert!(saved.locked && saved.title == "theirs");
    assert_eq!(*seen.lock().unwrap(), [true]);
}
