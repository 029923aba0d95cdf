//! The rival: a queue in a file, as applications write it by hand. An edit is appended to the file, sent with the version
//! that was read, and removed from the file after the response.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::Site;
use crate::program::{self, Mode, drawn, tell};

/// One edit in the file.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Entry {
    name: String,
    token: String,
}

fn read(file: &Path) -> Vec<Entry> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines();
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn append(file: &Path, entry: &Entry) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).append(true).open(file).unwrap();
    writeln!(file, "{}", serde_json::to_string(entry).unwrap()).unwrap();
    file.sync_all().unwrap();
}

fn remove_first(file: &Path) {
    let rest: Vec<_> = read(file).into_iter().skip(1).collect();
    let text: String = rest
        .iter()
        .map(|entry| serde_json::to_string(entry).unwrap() + "\n")
        .collect();
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, file).unwrap();
}

/// Sends the edit until there is a response, and tries again after a race, as a hand-written loop does.
async fn sent(site: &Site, documents: &ifmatch::Collection<Value>, entry: &Entry) {
    loop {
        let Ok(mut read) = documents.get(site.id(&entry.name)).await else {
            continue;
        };
        read["n"] = (read["n"].as_u64().unwrap_or(0) + 1).into();
        if let Some(tokens) = read["tokens"].as_array_mut() {
            tokens.push(entry.token.clone().into());
        }
        // One round and no merge: a plain conditional write, whose lost response looks like a race.
        let saved = documents
            .save(&read)
            .max_rounds(1)
            .strategy(ifmatch::RemoteWins);
        let lost = fastrand::u8(..20) == 0;
        if saved.await.is_ok_and(|saved| !saved.report().unchanged) && !lost {
            return;
        }
    }
}

#[tokio::test]
#[ignore = "the program, which the test starts"]
async fn queues_and_sends() {
    let Some(site) = program::started() else {
        return;
    };
    let folder = PathBuf::from(std::env::var("KILLED_FOLDER").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let file = Arc::new((folder.join("queue"), Mutex::new(())));
    // Without a stamp, and without a journal.
    let client = site.builder().build().unwrap();
    let documents = site.documents(&client);
    let sender = {
        let (site, file) = (site.clone(), file.clone());
        tokio::spawn(async move {
            loop {
                let first = {
                    let _locked = file.1.lock().unwrap();
                    read(&file.0).into_iter().next()
                };
                match first {
                    Some(entry) => {
                        sent(&site, &documents, &entry).await;
                        let _locked = file.1.lock().unwrap();
                        remove_first(&file.0);
                    }
                    None if Mode::from_env() == Mode::Drains => return,
                    None => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        })
    };
    if Mode::from_env() == Mode::Drains {
        return sender.await.unwrap();
    }
    loop {
        let (name, token) = drawn();
        tell("begun", &token);
        let entry = Entry {
            name: name.to_owned(),
            token: token.clone(),
        };
        {
            let _locked = file.1.lock().unwrap();
            append(&file.0, &entry);
        }
        tell("queued", &token);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..8))).await;
    }
}
