//! Bodies that are not JSON: TOML and CBOR by formats of this example, and Turtle as text. Each is changed by two clients at
//! the same time, and merged like JSON.
//!
//! Run it with `cargo run --example other_formats`. The server is part of the example.

mod embedded;

use embedded::{Documents, Server, json};
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::format::{Encoded, Text};
use ifmatch::transport::{Request, Response};
use ifmatch::{BoxError, Client, Document, Format, Merge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// TOML, by the crate `toml`.
struct Toml;

impl Format for Toml {
    fn media_type(&self) -> &'static str {
        "application/toml"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        let value: Value = toml::from_str(std::str::from_utf8(body)?)?;
        Ok(Document::from_value(&value))
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        Ok(toml::to_string(&document.to_value())?.into())
    }
}

/// CBOR, by the crate `ciborium`.
struct Cbor;

impl Format for Cbor {
    fn media_type(&self) -> &'static str {
        "application/cbor"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        let value: Value = ciborium::from_reader(body)?;
        Ok(Document::from_value(&value))
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        let mut body = Vec::new();
        ciborium::into_writer(&document.to_value(), &mut body)?;
        Ok(body.into())
    }
}

#[derive(Serialize, Deserialize, Merge)]
struct Settings {
    theme: String,
    font_size: u8,
}

#[derive(Serialize, Deserialize, Merge)]
struct Meter {
    name: String,
    #[merge(counter)]
    readings: u64,
}

/// Stores any bytes, and refuses stale writes.
fn files(files: &mut Documents, request: &Request) -> Response {
    let path = request.url.path();
    let (version, body) = files.kept.get(path).cloned().unwrap_or_default();
    let tag = |version: u64| HeaderValue::from_str(&format!("\"{version}\"")).ok();
    let mut headers = HeaderMap::new();
    if request.method == Method::GET {
        headers.extend(tag(version).map(|tag| (ETAG, tag)));
        headers.extend(
            request
                .headers
                .get("accept")
                .cloned()
                .map(|it| (CONTENT_TYPE, it)),
        );
        let body: Vec<u8> = serde_json::from_value(body).unwrap_or_default();
        return Response::new(StatusCode::OK, headers, body);
    }
    if request.headers.get(IF_MATCH) != tag(version).as_ref() {
        return json(StatusCode::PRECONDITION_FAILED, &Value::Null);
    }
    let version = files.put(path, Value::from(request.body.to_vec()));
    headers.extend(tag(version).map(|tag| (ETAG, tag)));
    Response::new(StatusCode::NO_CONTENT, headers, "")
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::from_value(body.clone()).unwrap_or_default()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let server = Server::speaking(files);
    let client = Client::builder("http://files.test")
        .transport(server.clone())
        .build()?;
    let stored = |path: &str| {
        let files = server.documents();
        files
            .kept
            .get(path)
            .map(|(_, body)| bytes(body))
            .unwrap_or_default()
    };

    println!("TOML: one client changes the theme, the other one the size of the font.");
    let first = "theme = \"light\"\nfont_size = 11\n";
    server
        .documents()
        .put("/settings", Value::from(first.as_bytes()));
    let settings = client.resource::<Settings>("settings").format(Toml);
    let mut mine = settings.get().await?;
    mine.theme = "dark".to_owned();
    server.before_next_write(|body| {
        let text = String::from_utf8_lossy(&bytes(body)).replace("11", "14");
        *body = Value::from(text.into_bytes());
    });
    settings.save(&mine).await?;
    print!("{}", String::from_utf8(stored("/settings"))?);

    println!("CBOR: both clients count a reading.");
    let mut first = Vec::new();
    ciborium::into_writer(
        &serde_json::json!({"name": "cellar", "readings": 41}),
        &mut first,
    )?;
    server.documents().put("/meter", Value::from(first));
    let meter = client.resource::<Meter>("meter").format(Cbor);
    let mut mine = meter.get().await?;
    mine.readings += 1;
    server.before_next_write(|body| {
        let mut theirs = bytes(body);
        // 41 is two bytes in CBOR, and the second one is the number.
        if let Some(last) = theirs.last_mut() {
            *last += 1;
        }
        *body = Value::from(theirs);
    });
    let saved = meter.save(&mine).await?;
    println!(
        "{}: {} readings, {} bytes",
        saved.name,
        saved.readings,
        stored("/meter").len()
    );

    println!("Turtle: each client adds a line, and the text stays as it is written.");
    let first = "@prefix : <#> .\n\n:tea a :Drink .\n";
    server
        .documents()
        .put("/graph.ttl", Value::from(first.as_bytes()));
    let graph = client
        .resource::<String>("graph.ttl")
        .format(Text::new("text/turtle"));
    let mut mine = graph.get().await?;
    mine.push_str(":coffee a :Drink .\n");
    server.before_next_write(|body| {
        let text = String::from_utf8_lossy(&bytes(body)).into_owned();
        let text = text.replace("<#> .\n", "<#> .\n@prefix x: <http://x/> .\n");
        *body = Value::from(text.into_bytes());
    });
    graph.save(&mine).await?;
    print!("{}", String::from_utf8(stored("/graph.ttl"))?);
    Ok(())
}
