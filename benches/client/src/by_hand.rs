//! The baseline: conditional requests as people write them with reqwest.

use bytes::Bytes;
use reqwest::header::{ETAG, HeaderValue, IF_MATCH};
use reqwest::{Client, Error, StatusCode};
use serde_json::Value;

/// Reads a document and its tag.
pub async fn get(client: &Client, url: &str) -> Result<(Value, HeaderValue), Error> {
    let reply = client.get(url).send().await?.error_for_status()?;
    let tag = reply.headers()[ETAG].clone();
    Ok((reply.json().await?, tag))
}

/// Writes over a version; `None`: it was another one.
pub async fn put(
    client: &Client,
    url: &str,
    body: Bytes,
    tag: &HeaderValue,
) -> Result<Option<HeaderValue>, Error> {
    let request = client
        .put(url)
        .header(IF_MATCH, tag)
        .header("content-type", "application/json");
    let reply = request.body(body).send().await?;
    if reply.status() == StatusCode::PRECONDITION_FAILED {
        return Ok(None);
    }
    let reply = reply.error_for_status()?;
    Ok(Some(reply.headers()[ETAG].clone()))
}

/// Reads, edits, writes, and at once again if somebody else was faster.
pub async fn edit(client: &Client, url: &str, edit: impl Fn(&mut Value)) -> Result<(), Error> {
    loop {
        let (mut document, tag) = get(client, url).await?;
        edit(&mut document);
        let body = serde_json::to_vec(&document)
            .expect("it was JSON before")
            .into();
        if put(client, url, body, &tag).await?.is_some() {
            return Ok(());
        }
    }
}

/// Writes without condition.
pub async fn overwrite(client: &Client, url: &str, body: Bytes) -> Result<(), Error> {
    let request = client
        .put(url)
        .header("content-type", "application/json")
        .body(body);
    request.send().await?.error_for_status()?;
    Ok(())
}
