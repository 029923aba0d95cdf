//! A deployment that a person and an autoscaler change at the same time, behind an API like that of
//! Kubernetes. The version is in `metadata.resourceVersion`, and refusals are `Status` objects.
//!
//! Run it with `cargo run --example kubernetes_like`. The server is part of the example.

mod embedded;

use embedded::{Documents, Server, json};
use http::{Method, StatusCode};
use ifmatch::profiles::Kubernetes;
use ifmatch::transport::{Request, Response};
use ifmatch::{Client, Merge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The part of a deployment that this program knows. The rest stays unchanged.
#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Deployment {
    spec: Spec,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Spec {
    image: String,
    replicas: u32,
}

const COLLECTION: &str = "/apis/apps/v1/namespaces/default/deployments";

/// Handles a request on the server.
fn kubernetes(documents: &mut Documents, request: &Request) -> Response {
    let path = request.url.path();
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let shown = |version: u64, object: &Value| {
        let mut shown = object.clone();
        shown["metadata"]["resourceVersion"] = version.to_string().into();
        shown
    };
    let current = documents.kept.get(path).cloned();
    match (request.method.clone(), current) {
        (Method::POST, _) => {
            let name = body["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{path}/{name}");
            if documents.kept.contains_key(&path) {
                return status(StatusCode::CONFLICT, "AlreadyExists");
            }
            let version = documents.put(&path, body.clone());
            json(StatusCode::CREATED, &shown(version, &body))
        }
        (_, None) => status(StatusCode::NOT_FOUND, "NotFound"),
        (Method::GET, Some((version, object))) => json(StatusCode::OK, &shown(version, &object)),
        (Method::PUT, Some((version, _))) => {
            if body["metadata"]["resourceVersion"].as_str() != Some(&version.to_string()) {
                return status(StatusCode::CONFLICT, "Conflict");
            }
            let version = documents.put(path, body.clone());
            json(StatusCode::OK, &shown(version, &body))
        }
        (Method::DELETE, Some((version, _))) => {
            if body["preconditions"]["resourceVersion"].as_str() != Some(&version.to_string()) {
                return status(StatusCode::CONFLICT, "Conflict");
            }
            documents.kept.remove(path);
            status(StatusCode::OK, "")
        }
        _ => status(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

fn status(code: StatusCode, reason: &str) -> Response {
    let outcome = if code.is_success() {
        "Success"
    } else {
        "Failure"
    };
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": outcome, "reason": reason, "code": code.as_u16(),
    });
    json(code, &body)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::speaking(kubernetes);
    let client = Client::builder("http://cluster.test/apis/apps/v1")
        .profile(Kubernetes)
        .transport(server.clone())
        .build()?;
    let deployments = client.collection::<Deployment>(["namespaces", "default", "deployments"]);

    println!("1. A new object is created by POST, under the name that it contains.");
    let web = serde_json::json!({
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": {"team": "shop"}},
        "spec": {"image": "shop:1", "replicas": 2},
    });
    // A posted document may contain more than the type knows.
    deployments.post(&web).await?;
    let error = deployments.post(&web).await.err();
    let error = error.ok_or("only one object may have that name")?;
    println!("   again: {error}");
    assert!(error.is_already_exists());

    println!(
        "2. A new image, while the autoscaler goes from 2 replicas to 5. Both changes are kept."
    );
    deployments.get("web").await?;
    server.before_next_write(|object| object["spec"]["replicas"] = 5.into());
    let saved = deployments
        .update("web", |deployment| deployment.spec.image = "shop:2".into())
        .await?;
    println!(
        "   {} with {} replicas",
        saved.spec.image, saved.spec.replicas
    );
    assert_eq!(
        (saved.spec.image.as_str(), saved.spec.replicas),
        ("shop:2", 5)
    );
    assert_eq!(saved.report().merged, 1);
    let kept = server.documents().kept[&format!("{COLLECTION}/web")]
        .1
        .clone();
    assert_eq!(kept["metadata"]["labels"]["team"], "shop");

    println!("3. Both change the image. Nothing is overwritten, and the error holds all sides.");
    let mut edited = deployments.get("web").await?;
    edited.spec.image = "shop:3".into();
    server.before_next_write(|object| object["spec"]["image"] = "shop:rollback".into());
    let outcome = deployments.save(&edited).await;
    let error = outcome.err().ok_or("this is for a person to decide")?;
    println!("   {error}");
    assert!(error.is_conflict());
    let theirs = error.into_sides::<Deployment>()?.remote;
    let theirs = theirs.ok_or("the error holds the state on the server")?;
    assert_eq!(theirs.spec.image, "shop:rollback");

    println!("4. A delete removes only the version that was seen, and nothing newer.");
    server.before_next_write(|object| object["spec"]["replicas"] = 9.into());
    let error = deployments.delete(theirs).await.err();
    let error = error.ok_or("the autoscaler changed it meanwhile")?;
    println!("   {error}");
    assert!(error.is_conflict());
    deployments.delete("web").await?;
    assert!(server.documents().kept.is_empty());
    Ok(())
}
