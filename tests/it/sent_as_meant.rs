//! Promise 9: the document that is sent means the value that was passed in. A type is a view of its document. It
//! sorts, renames, hides and fills in members. Even so a change reaches its place, or nothing is sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv6Addr;
use std::sync::{Arc, Mutex};

use ifmatch::lens::Unfaithful;
use ifmatch::merge::{Side, ThreeWay};
use ifmatch::testing::ResourceServer;
use ifmatch::{
    BoxError, Collection, Conflict, Error, LocalWins, Merge, MergeStrategy, Resolution,
    ResourceData, Saved, async_trait, merge_fn,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A document that is edited once.
struct Edited {
    told: Result<(), Error>,
    now: String,
}

async fn edited<T: ResourceData + Merge>(document: &str, edit: fn(&mut T)) -> Edited {
    edited_by(document, edit, |client| client.collection::<T>("a")).await
}

/// The same for a type of which nothing is said.
async fn edited_unknown<T: ResourceData>(document: &str, edit: fn(&mut T)) -> Edited {
    edited_by(document, edit, |client| {
        client.collection_with("a", LocalWins)
    })
    .await
}

async fn edited_by<T: ResourceData>(
    document: &str,
    edit: fn(&mut T),
    collection: impl FnOnce(&ifmatch::Client) -> Collection<T>,
) -> Edited {
    let server = ResourceServer::start().await;
    server.put("/a/1", document);
    let all = collection(&server.in_process().build().unwrap());
    let told = all.update(1, edit).await.map(|_: Saved<T>| ());
    let now = server.text("/a/1").unwrap();
    Edited { told, now }
}

impl Edited {
    #[track_caller]
    fn is(self, expected: &str) {
        assert!(self.told.is_ok(), "{}", self.told.unwrap_err());
        assert_eq!(self.now, expected);
    }
}

#[derive(Serialize, Deserialize, Merge)]
struct Tagged {
    tags: BTreeSet<String>,
    #[serde(default)]
    marks: HashSet<u64>,
}

#[tokio::test(start_paused = true)]
async fn sets_are_edited_at_the_element_that_is_meant() {
    let remove: fn(&mut Tagged) = |it| {
        it.tags.remove("z");
        it.marks.remove(&3);
    };
    for _ in 0..10 {
        let edited = edited(
            r#"{"tags": ["z", "m", "a"], "marks": [5, 3, 1], "more": 1.10}"#,
            remove,
        );
        edited
            .await
            .is(r#"{"tags": ["m", "a"], "marks": [5, 1], "more": 1.10}"#);
    }
    let add: fn(&mut Tagged) = |it| {
        it.tags.insert("b".into());
        it.marks.insert(0);
    };
    edited(r#"{"tags": ["z", "a"], "marks": []}"#, add)
        .await
        .is(r#"{"tags": ["z", "a", "b"], "marks": [0]}"#);
}

#[derive(Serialize, Deserialize, Merge)]
struct Ruled {
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(set)]
    marks: HashSet<String>,
}

#[tokio::test(start_paused = true)]
async fn sets_under_the_rule_for_sets_are_edited_at_the_element_that_is_meant() {
    const LETTERS: &str =
        r#"{"tags": ["z", "m", "a"], "marks": ["f", "b", "d", "a", "e", "c"], "more": 1.10}"#;
    let remove: fn(&mut Ruled) = |it| {
        it.tags.remove("z");
        it.marks.remove("d");
    };
    let exchange: fn(&mut Ruled) = |it| {
        it.tags.remove("m");
        it.tags.insert("b".to_owned());
        it.marks.remove("f");
        it.marks.insert("g".to_owned());
    };
    // A hashed set has another order each time, and so have its new elements.
    for _ in 0..20 {
        edited(LETTERS, remove)
            .await
            .is(r#"{"tags": ["m", "a"], "marks": ["f", "b", "a", "e", "c"], "more": 1.10}"#);
        let edited = edited(LETTERS, exchange).await;
        assert!(edited.told.is_ok(), "{}", edited.told.unwrap_err());
        let now: Value = serde_json::from_str(&edited.now).unwrap();
        let of = |list: &Value, new: &str| {
            let elements = list.as_array().unwrap().iter();
            let (new, old): (Vec<_>, Vec<_>) = elements.cloned().partition(|it| it == new);
            assert_eq!(new.len(), 1, "{}", edited.now);
            old
        };
        assert_eq!(of(&now["tags"], "b"), ["z", "a"]);
        assert_eq!(of(&now["marks"], "g"), ["b", "d", "a", "e", "c"]);
    }
}

/// Two sides, each of which removes and adds.
#[tokio::test(start_paused = true)]
async fn sets_under_the_rule_for_sets_lose_what_either_side_removed_and_nothing_else() {
    for _ in 0..20 {
        let server = ResourceServer::start().await;
        server.put(
            "/a/1",
            r#"{"tags": ["z", "m", "a"], "marks": ["f", "b", "d", "a"]}"#,
        );
        let all = server.in_process().build().unwrap().collection("a");
        let mut mine: ifmatch::Versioned<Ruled> = all.get(1).await.unwrap();
        mine.tags.remove("z");
        mine.marks.remove("d");
        mine.marks.insert("mine".to_owned());
        server.put(
            "/a/1",
            r#"{"tags": ["theirs", "z", "a"], "marks": ["a", "theirs", "d", "f"]}"#,
        );
        all.save(&mine).await.unwrap();
        let now: Ruled = serde_json::from_str(&server.text("/a/1").unwrap()).unwrap();
        assert_eq!(now.tags, ["a", "theirs"].map(str::to_owned).into());
        assert_eq!(
            now.marks,
            ["a", "f", "mine", "theirs"].map(str::to_owned).into()
        );
    }
}

/// A set comes out in another order each time that it is written.
#[tokio::test(start_paused = true)]
async fn a_set_that_nothing_changed_is_not_written() {
    #[derive(Serialize, Deserialize)]
    struct Unknown {
        title: String,
        marks: HashSet<u64>,
    }
    for _ in 0..10 {
        let server = ResourceServer::start().await;
        let document = r#"{"title": "t", "marks": [6, 5, 4, 3, 2, 1], "tags": []}"#;
        server.put("/a/1", document);
        let client = server.in_process().build().unwrap();
        let known = client.collection::<Tagged>("a");
        let page = known.get(1).await.unwrap();
        assert!(known.save(&page).await.unwrap().report().unchanged);
        let unknown = client.collection_with::<Unknown>("a", LocalWins);
        let mut page = unknown.get(1).await.unwrap();
        assert!(unknown.save(&page).await.unwrap().report().unchanged);
        page.title = "u".into();
        unknown.save(&page).await.unwrap();
        let now = server.text("/a/1").unwrap();
        assert_eq!(now, document.replace("\"t\"", "\"u\""));
    }
}

#[derive(Serialize, Deserialize, Merge)]
struct Hosts {
    hosts: BTreeMap<Ipv6Addr, String>,
}

#[derive(Serialize, Deserialize)]
struct UnknownHosts {
    hosts: HashMap<Ipv6Addr, String>,
}

const HOSTS: &str = r#"{"hosts":{"2001:DB8::1":"one","2001:db8::2":"two"},"more":1}"#;

fn first() -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_key_is_spelled_otherwise_is_the_same_entry() {
    let gone = r#"{"hosts":{"2001:db8::2":"two"},"more":1}"#;
    let changed = HOSTS.replace("one", "uno");
    edited::<Hosts>(HOSTS, |it| drop(it.hosts.remove(&first())))
        .await
        .is(gone);
    edited::<Hosts>(HOSTS, |it| drop(it.hosts.insert(first(), "uno".into())))
        .await
        .is(&changed);
    edited_unknown::<UnknownHosts>(HOSTS, |it| drop(it.hosts.remove(&first())))
        .await
        .is(gone);
    edited_unknown::<UnknownHosts>(HOSTS, |it| drop(it.hosts.insert(first(), "uno".into())))
        .await
        .is(&changed);
}

#[derive(Serialize, Deserialize, Merge)]
enum Form {
    #[serde(alias = "Round")]
    Circle {
        #[serde(alias = "r")]
        radius: u64,
    },
    Square {
        side: u64,
    },
}

#[derive(Serialize, Deserialize, Merge)]
#[serde(tag = "type")]
enum Beside {
    #[serde(alias = "Former")]
    First {
        #[serde(alias = "old")]
        x: u64,
    },
    Second {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        x: Option<u64>,
        old: u64,
    },
}

#[derive(Serialize, Deserialize, Merge)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
struct Names {
    first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

#[tokio::test(start_paused = true)]
async fn members_keep_the_names_that_the_type_reads() {
    fn grow(it: &mut Form) {
        if let Form::Circle { radius } = it {
            *radius = 2;
        }
    }
    edited(r#"{"Round":{"r":1,"unit":"m"}}"#, grow)
        .await
        .is(r#"{"Round":{"r":2,"unit":"m"}}"#);
    edited::<Form>(r#"{"Round":{"r":1,"unit":"m"}}"#, |it| {
        *it = Form::Square { side: 1 }
    })
    .await
    .is(r#"{"Square":{"side":1}}"#);
    // Another variant has a field of the name that was an older one.
    for x in [None, Some(1)] {
        let edit: fn(&mut Beside) = match x {
            None => |it| *it = Beside::Second { x: None, old: 5 },
            Some(_) => |it| *it = Beside::Second { x: Some(1), old: 5 },
        };
        let now = edited(r#"{"type":"Former","old":1,"more":0}"#, edit).await;
        assert!(now.told.is_ok());
        let now: Value = serde_json::from_str(&now.now).unwrap();
        assert_eq!((&now["type"], &now["old"]), (&"Second".into(), &5.into()));
        assert_eq!(now.get("x").and_then(Value::as_u64), x);
    }
    // What is added stands under the name that is read.
    let edit: fn(&mut Names) = |it| (it.first_name, it.last_name) = ("b".into(), Some("c".into()));
    edited(r#"{"first_name":"a"}"#, edit)
        .await
        .is(r#"{"first_name":"b","last_name":"c"}"#);
}

#[derive(Serialize, Deserialize)]
struct Labelled {
    #[serde(alias = "label")]
    title: String,
    n: u64,
}

#[tokio::test(start_paused = true)]
async fn a_type_of_which_nothing_is_said_finds_its_older_names() {
    edited_unknown::<Labelled>(r#"{"label":"t","n":1,"more":"t"}"#, |it| {
        it.title = "u".into();
    })
    .await
    .is(r#"{"label":"u","n":1,"more":"t"}"#);
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Line {
    sku: String,
    qty: u64,
}

fn sorted<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let mut lines = Vec::<Line>::deserialize(reader)?;
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}

fn known<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let lines = Vec::<Value>::deserialize(reader)?;
    let lines = lines.into_iter();
    Ok(lines
        .filter_map(|line| serde_json::from_value(line).ok())
        .collect())
}

#[derive(Serialize, Deserialize, Merge)]
struct Baskets {
    #[serde(deserialize_with = "sorted")]
    #[merge(key = "sku")]
    sorted: Vec<Line>,
    #[serde(deserialize_with = "known")]
    #[merge(key = "sku")]
    known: Vec<Line>,
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_sorted_or_filtered_on_reading_are_edited_at_the_right_element() {
    let edit: fn(&mut Baskets) = |it| {
        it.sorted[0].qty = 9;
        it.known.remove(0);
        it.known[0].qty = 8;
    };
    let document = r#"{"sorted":[{"sku":"b","qty":1,"note":"B"},{"sku":"a","qty":2,"note":"A"}],"known":[{"kind":"gift"},{"sku":"x","qty":1},{"sku":"y","qty":1,"note":"Y"}]}"#;
    edited(document, edit).await.is(
        r#"{"sorted":[{"sku":"b","qty":1,"note":"B"},{"sku":"a","qty":9,"note":"A"}],"known":[{"kind":"gift"},{"sku":"y","qty":8,"note":"Y"}]}"#,
    );
}

#[derive(Serialize, Deserialize, Merge)]
struct Basket {
    #[merge(key = "sku")]
    lines: Vec<Line>,
    #[serde(default)]
    #[merge(key = "sku")]
    done: Vec<Line>,
}

#[tokio::test(start_paused = true)]
async fn an_element_keeps_its_unknown_members_wherever_it_goes() {
    let document = r#"{"lines":[{"sku":"0","qty":1,"note":"of 1"},{"sku":"0","qty":2,"note":"of 2"}],"done":[]}"#;
    edited::<Basket>(document, |it| drop(it.lines.remove(0)))
        .await
        .is(r#"{"lines":[{"sku":"0","qty":2,"note":"of 2"}],"done":[]}"#);
    let document = r#"{"lines":[{"sku":"a","qty":1,"note":1.10},{"sku":"b","qty":2}],"done":[]}"#;
    edited::<Basket>(document, |it| {
        let line = it.lines.remove(0);
        it.done.push(line);
    })
    .await
    .is(r#"{"lines":[{"sku":"b","qty":2}],"done":[{"sku":"a","qty":1,"note":1.10}]}"#);
}

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

/// Every number that ends in 7 is read as the next one.
#[derive(Debug, Serialize, Deserialize)]
struct Odd {
    #[serde(deserialize_with = "not_seven")]
    n: u64,
}

fn not_seven<'de, D: Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
    let n = u64::deserialize(reader)?;
    Ok(if n % 10 == 7 { n + 1 } else { n })
}

#[tokio::test(start_paused = true)]
async fn what_a_type_makes_of_its_own_words_is_no_breach() {
    edited_unknown::<Odd>(r#"{"n": 1}"#, |it| it.n = 7)
        .await
        .is(r#"{"n": 7}"#);
}

/// It needs a member that it leaves out.
#[derive(Debug, Serialize, Deserialize, Merge)]
struct Hidden {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    needed: String,
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_an_error_with_all_sides_and_nothing_is_sent() {
    for document in [
        r#"{"name":"a","needed":"x"}"#,
        r#"{"needed": "x", "name": "a", "more": 1.10}"#,
    ] {
        let server = ResourceServer::start().await;
        server.put("/a/1", document);
        let client = server.in_process().build().unwrap();
        let all = client.collection::<Hidden>("a");
        let error = all.update(1, |it| it.needed.clear()).await.unwrap_err();
        assert!(error.is_unfaithful(), "{error}");
        assert!(error.to_string().contains("needed"), "{error}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.downcast_ref::<Unfaithful>().is_some());
        let sides = error.into_sides::<Hidden>().unwrap();
        assert_eq!(sides.base.unwrap().needed, "x");
        let mut it = all.get(1).await.unwrap();
        it.needed.clear();
        let error = all.save(&it).await.unwrap_err();
        assert!(error.is_unfaithful(), "{error}");
        assert_eq!(server.text("/a/1").unwrap(), document);
        assert_eq!(server.version("/a/1"), Some(1));
    }
}

fn yes() -> bool {
    true
}

/// What it leaves out it reads as the opposite.
#[derive(Debug, Serialize, Deserialize, Merge)]
struct Switch {
    #[serde(default = "yes", skip_serializing_if = "std::ops::Not::not")]
    on: bool,
    n: u64,
}

#[tokio::test(start_paused = true)]
async fn a_value_that_its_type_reads_as_another_one_is_not_sent() {
    let document = r#"{"on":true,"n":1}"#;
    let off = |it: &mut Switch| it.on = false;
    let known = edited(document, off as fn(&mut Switch)).await;
    let unknown = edited_unknown(document, off as fn(&mut Switch)).await;
    for edited in [known, unknown] {
        assert!(edited.told.unwrap_err().is_unfaithful());
        assert_eq!(edited.now, document);
    }
    let server = ResourceServer::start().await;
    let switches = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Switch>("a");
    let value = || Switch { on: false, n: 1 };
    let created = switches.create(2, &value()).await;
    let made = switches.update(2, |it| it.n += 1).if_absent(value()).await;
    for outcome in [created, made] {
        let error = outcome.unwrap_err();
        assert!(
            error.is_unfaithful() && error.to_string().contains("/on"),
            "{error}"
        );
    }
    assert_eq!(server.text("/a/2"), None);
    switches
        .create(2, &Switch { on: true, n: 1 })
        .await
        .unwrap();
    edited::<Switch>(document, |it| it.n = 2)
        .await
        .is(r#"{"on":true,"n":2}"#);
}
