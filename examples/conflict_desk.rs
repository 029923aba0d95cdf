//! Two clerks at a conflict desk. The API tells both of a write that it had to refuse, one of them decides, and the other is
//! told. The second decision comes too late, and overwrites nothing.
//!
//! Run it with `printf 'b\n' | cargo run --example conflict_desk`. It starts its own server on loopback. The answers are `m`
//! (mine: the refused write), `t` (theirs: the stored state), `b` (both, as the rules merge them) and `d` (delete).

use std::io::{BufRead, Write};

use ifmatch::testing::ResourceServer;
use ifmatch::{
    BoxError, Client, Conflict, ConflictNotice, ConflictNotices, Merge, Resolution, Resolved,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Meter {
    place: String,
    reading: u64,
    #[merge(text)]
    note: String,
}

type Notices = ConflictNotices<Meter>;

/// Follows the conflicts of the API up to the present.
async fn desk(base: &str) -> Result<(Notices, Vec<ifmatch::ReportedConflict<Meter>>), BoxError> {
    let client = Client::new(base)?;
    let meters = client.collection::<Meter>("meters");
    let mut notices = client.watch_conflicts(&meters).await?;
    let mut open = Vec::new();
    while let Some(notice) = notices.next().await? {
        match notice {
            ConflictNotice::Reported(found) => open.push(found),
            ConflictNotice::CaughtUp => break,
            _ => {}
        }
    }
    Ok((notices, open))
}

/// Asks the person at standard input.
fn ask(conflict: &Conflict<Meter>) -> Result<Resolution<Meter>, BoxError> {
    println!("{}", conflict.diff());
    loop {
        print!("mine, theirs, both or delete? ");
        std::io::stdout().flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            return Err("there is no answer".into());
        }
        println!("{}", answer.trim());
        match (answer.trim(), &conflict.merged) {
            ("m", _) => return Ok(Resolution::KeepLocal),
            ("t", _) => return Ok(Resolution::KeepRemote),
            ("b", Some(merged)) => return Ok(Resolution::Merged(merged.clone())),
            ("d", _) => return Ok(Resolution::Delete),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = ResourceServer::start().await;
    let listener = server.listen().await?;
    let before = json!({"place": "cellar", "reading": 1200, "note": "seal intact"});
    server.put(
        "/meters/7",
        r#"{"place": "cellar", "reading": 1234, "note": "seal intact"}"#,
    );
    let mine =
        json!({"place": "cellar", "reading": 1231, "note": "seal intact\nread from outside"});
    server.conflicts().report("/meters/7", Some(&before), &mine);

    let base = listener.uri();
    let (_, ann) = desk(&base).await?;
    let (mut of_bob, bob) = desk(&base).await?;
    for found in &ann {
        println!(
            "Ann is told: conflict {} about meter {}",
            found.id(),
            found.resource_id()
        );
        let decision = ask(found.conflict())?;
        match found.resolve(decision).await? {
            Resolved::Done(report) => {
                println!("Ann's decision stands ({} request)", report.requests);
            }
            Resolved::Already => println!("someone else has decided"),
            Resolved::Changed(_) => println!("the meter has changed: it is shown again"),
        }
    }
    while let Some(notice) = of_bob.next().await? {
        if let ConflictNotice::Resolved { conflict, resource } = notice {
            println!("Bob is told: conflict {conflict} about meter {resource} is resolved");
            break;
        }
    }
    for found in &bob {
        match found.resolve(Resolution::KeepLocal).await? {
            Resolved::Done(_) => println!("Bob, who decided late, wanted the same"),
            Resolved::Already => {
                println!("Bob's late decision is not taken: it was resolved already");
            }
            Resolved::Changed(_) => println!("Bob has to look again"),
        }
    }
    println!("stored: {}", server.text("/meters/7").unwrap_or_default());
    Ok(())
}
