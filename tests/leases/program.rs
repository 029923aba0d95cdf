//! What the programs have in common: how they are started, and the documents that they write.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ifmatch::{Client, Collection, Error, Leases, LocalWins};
use serde_json::{Value, json};

use crate::Site;

/// Starts this program again, as one of those that want the lease.
pub(crate) fn start(site: &Site, program: &str, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([program, "--exact", "--ignored", "--nocapture"])
        .env("KILLED_BASE", &site.base)
        .env("KILLED_KIND", site.kind)
        .env("LEASE_NAME", name)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Returns the name of the lease, and of the document that it protects, in a program that was started.
pub(crate) fn name() -> String {
    std::env::var("LEASE_NAME").unwrap()
}

/// Returns a name that no other run uses on a server that is not started anew. lighttpd has versions only for files whose
/// type it knows by their name.
pub(crate) fn new_name(site: &Site, of: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    site.id(&format!(
        "{of}-{}-{}.json",
        std::process::id(),
        now.as_millis()
    ))
}

pub(crate) fn client(site: &Site) -> Client {
    site.builder().build().unwrap()
}

pub(crate) fn leases(site: &Site, client: &Client, ttl: Duration) -> Leases {
    Leases::documents(client, site.path()).ttl(ttl)
}

/// The documents. A save that loses a race overwrites the other one, so only the lease keeps counts exact.
pub(crate) fn documents(site: &Site, client: &Client) -> Collection<Value> {
    client.collection_with(site.path(), LocalWins)
}

/// Returns the id of the document that a lease protects.
pub(crate) fn document_of(site: &Site, lease: &str) -> String {
    site.id(&format!("document-of-{lease}"))
}

pub(crate) async fn create(site: &Site, lease: &str) -> Result<(), Error> {
    let id = document_of(site, lease);
    let mut new = json!({"n": 0, "by": "no writer"});
    if site.kind == "kinto" {
        new["id"] = id.clone().into();
    }
    let documents = documents(site, &client(site));
    documents.create(id, &new).await.map(drop)
}

pub(crate) async fn stored(site: &Site, lease: &str) -> Value {
    let documents = documents(site, &client(site));
    let read = documents.get(document_of(site, lease)).await;
    read.unwrap().into_inner()
}
