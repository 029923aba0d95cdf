//! A conflict that no rule resolves, decided by a person at the terminal.
//!
//! Run it with `cargo run --example ask_a_person` and answer with a letter, or pipe the answers in:
//! `printf 'm\n' | cargo run --example ask_a_person`. The letters are `l` (mine), `r` (theirs), `m`
//! (merged, mine where both changed), `e` (edit, where the next line is the new title) and `g` (give up).
//! Without an answer it gives up.

use std::io::{BufRead, Write};

use ifmatch::testing::ResourceServer;
use ifmatch::{BoxError, Client, Conflict, LocalWins, Merge, MergeStrategy, Resolution};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Page {
    title: String,
    text: String,
}

/// Reads one line from the terminal, on a separate thread so that everything else continues.
async fn line(prompt: &'static str) -> Result<String, BoxError> {
    let reading = tokio::task::spawn_blocking(move || -> Result<String, BoxError> {
        print!("{prompt} ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        println!();
        Ok(answer.trim().to_owned())
    });
    reading.await?
}

async fn ask(conflict: Conflict<Page>) -> Result<Resolution<Page>, BoxError> {
    println!("Another client changed the page while you edited it.\n");
    println!("{}", conflict.diff());
    for field in conflict.fields() {
        println!("Both changed {}.", field.pointer);
    }
    let answer = line("[l] mine  [r] theirs  [m] merged  [e] edit  [g] give up ?").await?;
    match answer.as_str() {
        "l" => Ok(Resolution::KeepLocal),
        "r" => Ok(Resolution::KeepRemote),
        // The merge by the rules, with the local side in the open fields.
        "m" => LocalWins.resolve(&conflict).await,
        "e" => {
            let merged = conflict.merged.or(conflict.remote);
            let mut page = merged.ok_or("the page is gone")?;
            page.title = line("new title:").await?;
            Ok(Resolution::Merged(page))
        }
        _ => Ok(Resolution::Unresolved {
            merged: None,
            fields: conflict.fields().to_vec(),
        }),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    server.put("/pages/home", r#"{"title": "Home", "text": "Welcome."}"#);
    let pages = Client::new(server.uri())?
        .collection::<Page>("pages")
        .ask_with(ask);

    let mut page = pages.get("home").await?;
    page.title = "Our home".into();
    server.before_next_write(|theirs| {
        theirs["title"] = "Start".into();
        theirs["text"] = "Be welcome.".into();
    });
    match pages.save(&page).await {
        Ok(saved) => println!("Saved after {} requests.", saved.report().requests),
        Err(error) if error.is_conflict() => {
            println!("Nothing was written: {error}");
            let sides = error.into_sides::<Page>()?;
            println!("Your edit is still here: {:?}", sides.local);
        }
        Err(error) => return Err(error.into()),
    }
    let stored = server.text("/pages/home").ok_or("nothing is stored")?;
    println!("On the server: {stored}");
    Ok(())
}
