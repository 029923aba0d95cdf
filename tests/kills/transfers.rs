//! A program that makes transfers is killed again and again. In the end each transfer stands as a whole, or nothing of it
//! does, as it was reported. One reply of twenty is lost, one transfer of ten is refused, and another client writes too.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use ifmatch::{ErrorKind, Journal};
use serde_json::Value;

use crate::program::{self, DOCUMENTS, Lossy, Mode, drawn, tell};
use crate::{Queue, Site, reports_of};

/// Each account at the beginning.
const BALANCE: i64 = 1_000;

/// A document that exists, and that no client writes. Its stamps show that no creation of it was applied.
const TAKEN: &str = "taken.json";

/// Returns a document for the taken name.
fn new_document(site: &Site) -> Value {
    let mut new = serde_json::json!({"n": 0, "tokens": [], "foreign": 0});
    if site.kind == "kinto" {
        new["id"] = site.id(TAKEN).into();
    }
    new
}

/// Gives each account its balance.
async fn create(site: &Site) {
    program::create(site).await;
    let documents = site.documents(&site.builder().build().unwrap());
    let taken = documents.get_opt(site.id(TAKEN)).await.unwrap();
    if taken.is_none() {
        let new = new_document(site);
        documents.create(site.id(TAKEN), &new).await.unwrap();
    }
    let accounts = site.documents(&site.builder().build().unwrap());
    for name in DOCUMENTS {
        let update = accounts.update(site.id(name), |account| account["n"] = BALANCE.into());
        update.await.unwrap();
    }
}

/// The reported transfers, by their ends.
#[derive(Default)]
struct Reported {
    begun: HashSet<String>,
    committed: HashSet<String>,
    undone: HashSet<String>,
}

impl Reported {
    fn of(reports: &str) -> Self {
        let mut reported = Self::default();
        for line in reports.lines() {
            for (what, into) in [
                ("begun ", &mut reported.begun),
                ("committed ", &mut reported.committed),
                ("undone ", &mut reported.undone),
            ] {
                // The test harness may print on the same line.
                if let Some((_, token)) = line.split_once(what) {
                    into.insert(token.to_owned());
                }
            }
        }
        reported
    }
}

/// Kills the program as often as asked, and balances the books.
pub(crate) async fn balanced(site: Site) {
    create(&site).await;
    let of = site.clone();
    let reports = tokio::task::spawn_blocking(move || {
        reports_of(&of, Queue::Transfers, &["committed ", "undone "])
    });
    let reported = Reported::of(&reports.await.unwrap());
    let accounts = program::stored(&site).await;
    let sum: i64 = accounts.iter().map(|it| it["n"].as_i64().unwrap()).sum();
    let mut notes: HashMap<&str, u32> = HashMap::new();
    for token in accounts
        .iter()
        .flat_map(|it| it["tokens"].as_array().unwrap())
    {
        *notes.entry(token.as_str().unwrap()).or_default() += 1;
    }
    println!(
        "{}: {} transfers, {} reported as committed, {} as undone; {} stand; the sum is {sum}",
        site.kind,
        reported.begun.len(),
        reported.committed.len(),
        reported.undone.len(),
        notes.len()
    );
    assert!(!reported.committed.is_empty() && !reported.undone.is_empty());
    assert_eq!(sum, BALANCE * i64::try_from(DOCUMENTS.len()).unwrap());
    for (token, count) in &notes {
        assert_eq!(*count, 2, "{token} is half made, or was made twice");
        assert!(
            !reported.undone.contains(*token),
            "{token} was reported as undone"
        );
    }
    for token in &reported.committed {
        assert!(
            notes.contains_key(&**token),
            "{token} was reported as committed"
        );
    }
}

#[tokio::test]
#[ignore = "the program, which the test starts"]
async fn makes_transfers() {
    let Some(site) = program::started() else {
        return;
    };
    let folder = PathBuf::from(std::env::var("KILLED_FOLDER").unwrap());
    let journal = Journal::open(folder.join("journal")).build().unwrap();
    let client = site
        .builder()
        .journal(journal)
        .layer(Lossy)
        .build()
        .unwrap();
    let accounts = site.documents(&client);
    if Mode::from_env() == Mode::Drains {
        return program::drained(&client, &accounts).await;
    }
    tokio::spawn(client.outbox().of(&accounts).run());
    let other = site.documents(&site.builder().build().unwrap());
    let of = site.clone();
    tokio::spawn(async move {
        loop {
            let update = other.update(of.id(drawn().0), |account| {
                account["foreign"] = (account["foreign"].as_u64().unwrap_or(0) + 1).into();
            });
            let _ = update.await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    loop {
        let (from, token) = drawn();
        let to = program::other_than(from);
        let amount = fastrand::i64(1..40);
        tell("begun", &token);
        let note = move |account: &mut Value, amount: i64, token: &str| {
            account["n"] = (account["n"].as_i64().unwrap_or(0) + amount).into();
            if let Some(tokens) = account["tokens"].as_array_mut() {
                tokens.push(token.into());
            }
        };
        let (from_note, to_note) = (token.clone(), token.clone());
        let mut transfer = client
            .transaction()
            .try_update(&accounts, site.id(from), move |account| {
                note(account, -amount, &from_note);
                Ok(())
            })
            .update(&accounts, site.id(to), move |account| {
                note(account, amount, &to_note);
            });
        if fastrand::u8(..10) == 0 {
            transfer = transfer.create(&accounts, site.id(TAKEN), &new_document(&site));
        }
        match transfer.commit().await {
            Ok(_) => tell("committed", &token),
            Err(error) if error.kind() == ErrorKind::Undone => tell("undone", &token),
            Err(_) => {}
        }
        // Write stamps tell of the last 32 writes. A fast machine must not make more while one is in doubt.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
