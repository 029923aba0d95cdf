//! An API that wants every request signed: its method, address, some headers and body, in the manner of the signatures
//! of AWS. A layer signs each request just before it is sent, and so also each one that the client sends again.
//!
//! Run it with `cargo run --example signed_requests`. The server is inside the example. It refuses a wrong signature, and
//! one that it has seen before.

mod embedded;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use embedded::{Documents, Server, json};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, StatusCode};
use ifmatch::transport::{Fate, Request, Response, TransportError};
use ifmatch::{BoxError, Client, Merge, Transport, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Bucket {
    owner: String,
    #[merge(counter)]
    objects: u64,
}

const KEY_ID: &str = "AKEXAMPLE";
const SECRET: &str = "a secret that client and server share";
const WRONG_SECRET: &str = "another secret";
const SERVICE: &str = "buckets";
/// The headers in the signature, in this order. An absent one is signed as absent.
const SIGNED: [&str; 5] = [
    "content-type",
    "if-match",
    "if-none-match",
    "x-date",
    "x-nonce",
];

/// Makes each signature unique.
static NONCE: AtomicU64 = AtomicU64::new(1);

fn hmac(key: &[u8], text: &str) -> Result<Vec<u8>, BoxError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the text that is signed. It contains all that the request means.
fn canonical(request: &Request) -> String {
    let mut query: Vec<_> = request.url.query_pairs().collect();
    query.sort();
    let mut text = format!("{}\n{}\n{query:?}\n", request.method, request.url.path());
    for name in SIGNED {
        let values = request.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| hex(value.as_bytes())).collect();
        let _ = writeln!(text, "{name}:{}", values.join(","));
    }
    text + &hex(&Sha256::digest(&request.body))
}

/// Returns the signature. The secret itself signs only the date, so a derived key is good for one day.
fn signature(request: &Request, secret: &str) -> Result<String, BoxError> {
    let date = text(&request.headers, "x-date").unwrap_or_default();
    let key = hmac(format!("SIGN1{secret}").as_bytes(), date)?;
    let key = hmac(&key, SERVICE)?;
    Ok(hex(&hmac(&key, &canonical(request))?))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Signs each request on its way to the transport.
struct Signing {
    next: Arc<dyn Transport>,
    secret: &'static str,
}

impl Signing {
    fn with(secret: &'static str) -> impl FnOnce(Arc<dyn Transport>) -> Self + Send + Sync {
        move |next| Self { next, secret }
    }

    fn sign(&self, request: &mut Request) -> Result<(), BoxError> {
        let days = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
        request.headers.insert("x-date", days.into());
        request.headers.insert("x-nonce", nonce.into());
        let signature = signature(request, self.secret)?;
        let value = format!("SIGN1-HMAC-SHA256 Credential={KEY_ID}, Signature={signature}");
        let mut value = HeaderValue::from_str(&value)?;
        value.set_sensitive(true);
        request.headers.insert("authorization", value);
        Ok(())
    }
}

#[async_trait]
impl Transport for Signing {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        self.sign(&mut request).map_err(|error| {
            TransportError::new(Fate::Impossible, "the request cannot be signed").with_source(error)
        })?;
        self.next.send(request).await
    }
}

/// The API: documents with versions, for signed requests.
fn api(documents: &mut Documents, request: &Request) -> Response {
    match verified(documents, request) {
        Err(why) => json(StatusCode::FORBIDDEN, &json!({"title": why})),
        Ok(()) if documents.kept.remove("busy").is_some() => {
            json(StatusCode::TOO_MANY_REQUESTS, &json!({"title": "busy"}))
        }
        Ok(()) => answered(documents, request),
    }
}

/// Checks the signature of a request. Each one is good once.
fn verified(documents: &mut Documents, request: &Request) -> Result<(), String> {
    let wanted = signature(request, SECRET).map_err(|error| error.to_string())?;
    let wanted = format!("SIGN1-HMAC-SHA256 Credential={KEY_ID}, Signature={wanted}");
    let found = text(&request.headers, "authorization").unwrap_or_default();
    // Hashes are compared, so that the time of the comparison says nothing about the signature.
    if Sha256::digest(found) != Sha256::digest(&wanted) {
        return Err("the signature does not match the request".to_owned());
    }
    let seen = format!("seen: {wanted}");
    if documents.kept.contains_key(&seen) {
        return Err("the signature was used before".to_owned());
    }
    documents.put(&seen, json!(null));
    Ok(())
}

fn answered(documents: &mut Documents, request: &Request) -> Response {
    let path = request.url.path();
    let Some((version, document)) = documents.kept.get(path).cloned() else {
        return json(StatusCode::NOT_FOUND, &json!({"title": "no such bucket"}));
    };
    let tag = |version: u64| HeaderValue::from_str(&format!("\"{version}\"")).ok();
    let (version, mut reply) = if request.method == http::Method::GET {
        (version, json(StatusCode::OK, &document))
    } else if request.headers.get("if-match") != tag(version).as_ref() {
        let stale = json!({"title": "another client wrote first"});
        return json(StatusCode::PRECONDITION_FAILED, &stale);
    } else {
        let document = serde_json::from_slice(&request.body).unwrap_or_default();
        let version = documents.put(path, document);
        let reply = Response::new(StatusCode::NO_CONTENT, HeaderMap::new(), "");
        (version, reply)
    };
    if let Some(tag) = tag(version) {
        reply.headers.insert("etag", tag);
    }
    reply
}

/// Changes the body after the request was signed, as an attacker on the way would.
struct Tampers(Arc<dyn Transport>);

#[async_trait]
impl Transport for Tampers {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        if request.method == http::Method::PUT {
            request.body = r#"{"owner": "Mallory", "objects": 0}"#.into();
        }
        self.0.send(request).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::speaking(api);
    let at = "/v1/buckets/photos";
    server
        .documents()
        .put(at, json!({"owner": "Anna", "objects": 1}));
    let base = "https://api.example.test/v1";
    let builder = || Client::builder(base).transport(server.clone());

    println!("1. Every request is signed.");
    let client = builder().layer(Signing::with(SECRET)).build()?;
    let buckets = client.collection::<Bucket>("buckets");
    let saved = buckets.update("photos", |it| it.objects += 1).await?;
    println!("   {} objects", saved.objects);

    println!(
        "2. The server is busy, and then another client writes first. What is sent again is signed anew."
    );
    server.documents().put("busy", json!(null));
    server.before_next_write(|bucket| bucket["owner"] = "Ben".into());
    let saved = buckets.update("photos", |it| it.objects += 1).await?;
    println!("   {} objects of {}", saved.objects, saved.owner);
    assert_eq!((saved.objects, saved.owner.as_str()), (3, "Ben"));

    println!("3. A client with another secret is refused.");
    let stranger = builder().layer(Signing::with(WRONG_SECRET)).build()?;
    let buckets = stranger.collection::<Bucket>("buckets");
    let error = buckets.get("photos").await.err();
    let error = error.ok_or("a wrong signature was accepted")?;
    println!("   {error}");

    println!(
        "4. A body that is changed on the way is refused. The first layer is next to the network."
    );
    let client = builder().layer(Tampers).layer(Signing::with(SECRET));
    let buckets = client.build()?.collection::<Bucket>("buckets");
    let error = buckets.update("photos", |it| it.objects += 1).await.err();
    let error = error.ok_or("a changed body was accepted")?;
    println!("   {error}");

    let stored = server.documents().kept.get(at).cloned();
    println!("stored: {}", stored.map(|(_, it)| it).unwrap_or_default());
    Ok(())
}
