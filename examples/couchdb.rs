//! A shopping list on two phones, stored in `CouchDB`. The version is `_rev` in the document, and every
//! stale write is refused with 409.
//!
//! Run it with `cargo run --example couchdb`. The server is part of the example. For a real one, only the
//! address has to change.

mod embedded;

use embedded::{Documents, Server, json};
use http::{Method, StatusCode};
use ifmatch::profiles::CouchDb;
use ifmatch::transport::{Request, Response};
use ifmatch::{Client, Merge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct List {
    shop: String,
    #[merge(set)]
    items: Vec<String>,
}

/// Handles a request on the server.
fn couchdb(documents: &mut Documents, request: &Request) -> Response {
    let path = request.url.path();
    let id = path.rsplit('/').next().unwrap_or_default();
    let current = documents.kept.get(path).cloned();
    let rev = |version: u64| format!("{version}-cafe");
    let conflict = || {
        let reason = "Document update conflict.";
        let body = serde_json::json!({"error": "conflict", "reason": reason});
        json(StatusCode::CONFLICT, &body)
    };
    if request.method == Method::GET {
        return match current {
            Some((version, mut document)) => {
                document["_id"] = id.into();
                document["_rev"] = rev(version).into();
                json(StatusCode::OK, &document)
            }
            None => json(
                StatusCode::NOT_FOUND,
                &serde_json::json!({"error": "not_found", "reason": "missing"}),
            ),
        };
    }
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let removal = request.method == Method::DELETE;
    let sent = if removal {
        let mut query = request.url.query_pairs();
        query
            .find(|(name, _)| name == "rev")
            .map(|(_, rev)| rev.into_owned())
    } else {
        body["_rev"].as_str().map(str::to_owned)
    };
    if sent != current.map(|(version, _)| rev(version)) {
        return conflict();
    }
    if removal {
        documents.kept.remove(path);
        return json(StatusCode::OK, &serde_json::json!({"ok": true, "id": id}));
    }
    if let Some(members) = body.as_object_mut() {
        members.retain(|name, _| !name.starts_with('_'));
    }
    let version = documents.put(path, body);
    let told = serde_json::json!({"ok": true, "id": id, "rev": rev(version)});
    json(StatusCode::CREATED, &told)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::speaking(couchdb);
    let phone = || {
        Client::builder("http://couch.test:5984")
            .profile(CouchDb)
            .transport(server.clone())
            .build()
    };
    let anna = phone()?.collection::<List>("lists");
    let bela = phone()?.collection::<List>("lists");

    println!("1. Anna creates the list. Bela's list of the same name does not overwrite it.");
    let draft = |item: &str| List {
        shop: "corner".into(),
        items: vec![item.into()],
    };
    anna.create("saturday", &draft("bread")).await?;
    let error = bela.create("saturday", &draft("tea")).await.err();
    let error = error.ok_or("the name is taken")?;
    println!("   {error}");
    assert!(error.is_already_exists());

    println!("2. Both are offline in the shop and save later. The list gets the items of both.");
    let (mut annas, mut belas) = (anna.get("saturday").await?, bela.get("saturday").await?);
    annas.items.push("milk".into());
    belas.items.push("eggs".into());
    anna.save(annas).await?;
    let merged = bela.save(belas).await?;
    println!(
        "   {} after {} rounds",
        merged.items.join(", "),
        merged.report().rounds
    );
    for item in ["bread", "milk", "eggs"] {
        assert!(merged.items.iter().any(|merged| merged == item), "{item}");
    }
    assert_eq!(merged.report().rounds, 2);

    println!(
        "3. The response to a write contains the next `_rev`, so the next write needs no read."
    );
    let saved = bela
        .update("saturday", |list| list.shop = "market".into())
        .await?;
    assert_eq!(saved.report().requests, 1);

    println!("4. Bela deletes the list, but not with an item in it that he has not seen.");
    server.before_next_write(|list| list["items"] = serde_json::json!(["candles"]));
    let error = bela.delete(saved).await.err();
    println!("   {}", error.ok_or("another client added candles")?);
    assert_eq!(bela.get("saturday").await?.items, ["candles"]);
    Ok(())
}
