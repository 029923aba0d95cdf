//! The server follows the rules of HTTP, over a socket and within the process.

use ifmatch::WriteMode;
use ifmatch::testing::{Dialect, ResourceServer};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

const NOTE: &str = r#"{"text": "old", "price": 1.50}"#;

async fn serving() -> (ResourceServer, Client) {
    let server = ResourceServer::start().await;
    server.put("/notes/1", NOTE);
    (server, Client::new())
}

fn request(client: &Client, method: &Method, server: &ResourceServer) -> RequestBuilder {
    client.request(method.clone(), format!("{}/notes/1", server.uri()))
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn each_write_gives_a_new_tag_and_a_stale_one_is_refused() {
    let (server, client) = serving().await;
    let put = |tag: &'static str| {
        request(&client, &Method::PUT, &server)
            .header("if-match", tag)
            .body("{}")
    };
    let reply = put("\"v1\"").send().await.unwrap();
    assert_eq!(
        (reply.status().as_u16(), &reply.headers()["etag"]),
        (204, &"\"v2\"".parse().unwrap())
    );
    assert_eq!(status(put("\"v1\"")).await, 412);
    assert_eq!(status(put("\"v1\", \"v2\"")).await, 204);
    assert_eq!(status(put("*")).await, 204);
    assert_eq!(server.version("/notes/1"), Some(4));
}

#[tokio::test]
async fn a_removed_resource_never_gets_an_old_tag_again() {
    let (server, client) = serving().await;
    assert_eq!(
        status(request(&client, &Method::DELETE, &server)).await,
        204
    );
    assert_eq!(status(request(&client, &Method::GET, &server)).await, 404);
    assert_eq!(
        status(request(&client, &Method::DELETE, &server)).await,
        404
    );
    let create = request(&client, &Method::PUT, &server).header("if-none-match", "*");
    assert_eq!(status(create.body("1")).await, 201);
    assert_eq!(server.version("/notes/1"), Some(2));
    let again = request(&client, &Method::PUT, &server).header("if-none-match", "*");
    assert_eq!(status(again.body("1")).await, 412);
}

#[tokio::test]
async fn reads_are_answered_by_version_and_head_without_a_body() {
    let (server, client) = serving().await;
    let known = request(&client, &Method::GET, &server).header("if-none-match", "\"v1\"");
    assert_eq!(status(known).await, 304);
    let reply = request(&client, &Method::HEAD, &server)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.headers()["etag"], "\"v1\"");
    assert_eq!(reply.text().await.unwrap(), "");
    let reply = request(&client, &Method::GET, &server)
        .send()
        .await
        .unwrap();
    assert_eq!(reply.text().await.unwrap(), NOTE);
}

#[tokio::test]
async fn a_post_to_a_collection_makes_a_resource_of_its_own() {
    let (server, client) = serving().await;
    let post = client.post(format!("{}/notes", server.uri())).body("[1]");
    let reply = post.send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 201);
    let location = reply.headers()["location"].to_str().unwrap();
    assert_eq!(server.text(location).as_deref(), Some("[1]"));
}

#[tokio::test]
async fn what_is_no_request_of_this_server_is_refused_as_a_problem() {
    let (server, client) = serving().await;
    let torn = request(&client, &Method::PUT, &server).body("{");
    assert_eq!(status(torn).await, 400);
    assert_eq!(
        status(request(&client, &Method::OPTIONS, &server)).await,
        405
    );
    let patch = request(&client, &Method::PATCH, &server).header("content-type", "text/plain");
    let reply = patch.body("[]").send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 415);
    let problem: Value = serde_json::from_str(&reply.text().await.unwrap()).unwrap();
    assert_eq!(problem["type"], "https://ifmatch.test/problems/patch-type");
    assert_eq!(server.text("/notes/1").as_deref(), Some(NOTE));
}

#[tokio::test]
async fn both_patches_change_what_they_name_and_nothing_else() {
    for mode in [WriteMode::MergePatch, WriteMode::JsonPatch] {
        let server = ResourceServer::start().await;
        server.put(
            "/notes/1",
            r#"{"text": "old", "price": 1.50, "list": [1, 2.0, 3]}"#,
        );
        let client = server.in_process().build().unwrap();
        let notes = client.collection::<Value>("notes").write_mode(mode);
        let edit = |note: &mut Value| {
            note.as_object_mut().unwrap().remove("text");
            note["more"] = json!({"deep": {"list": [1]}});
            note["list"] = json!([0, 1, 2.0, 4]);
        };
        notes.update(1, edit).await.unwrap();
        let stored = r#"{"price": 1.50, "list": [0,1,2.0,4],"more": {"deep":{"list":[1]}}}"#;
        assert_eq!(
            server.text("/notes/1").unwrap().replace(", ", ","),
            stored.replace(", ", ",")
        );
        server.requests().patch().of_version(1).assert_one();
    }
}

#[tokio::test]
async fn a_patch_that_does_not_fit_changes_nothing() {
    let (server, client) = serving().await;
    for (patch, expected) in [
        (
            r#"[{"op":"remove","path":"/text"},{"op":"test","path":"/price","value":2}]"#,
            409,
        ),
        (r#"[{"op":"remove","path":"/none"}]"#, 422),
        (r#"[{"op":"replace","path":"/none","value":1}]"#, 422),
        (r#"[{"op":"add","path":"/text/x","value":1}]"#, 422),
        (r#"[{"op":"add","path":"/text"}]"#, 422),
        (r#"[{"op":"move","from":"/text","path":"/t"}]"#, 422),
        (r#"{"op":"remove"}"#, 400),
        ("[", 400),
    ] {
        let patched = request(&client, &Method::PATCH, &server)
            .header("content-type", "application/json-patch+json")
            .body(patch);
        assert_eq!(status(patched).await, expected, "{patch}");
        assert_eq!(server.text("/notes/1").as_deref(), Some(NOTE));
    }
}

#[tokio::test]
async fn every_dialect_is_understood_over_a_socket_too() {
    for dialect in Dialect::all() {
        let (server, _) = serving().await;
        let client = ifmatch::Client::new(server.uri()).unwrap();
        let notes = client.collection::<Value>("notes");
        notes.get(1).await.unwrap();
        server.dialect(dialect.clone());
        server.before_next_write(|note| note["text"] = "theirs".into());
        let saved = notes.update(1, |note| note["mine"] = true.into()).await;
        let merged = saved
            .map(|saved| saved.report().merged)
            .map_err(|error| error.to_string());
        assert_eq!(merged, Ok(1), "{dialect:?}");
        let stored = r#"{"text": "theirs", "price": 1.50, "mine": true}"#;
        assert_eq!(
            server.text("/notes/1").as_deref(),
            Some(stored),
            "{dialect:?}"
        );
    }
}

#[tokio::test]
async fn the_status_of_a_stale_write_can_be_chosen_apart_from_its_wording() {
    let (server, client) = serving().await;
    server.stale_status(409);
    server.dialect(Dialect::Html);
    let stale = request(&client, &Method::PUT, &server)
        .header("if-match", "\"x\"")
        .body("{}");
    let reply = stale.send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 409);
    assert!(reply.text().await.unwrap().contains("<title>"));

    server.dialect(Dialect::ProblemDetails);
    let stale = request(&client, &Method::PUT, &server).header("if-match", "\"x\"");
    let problem = stale.body("{}").send().await.unwrap().text().await.unwrap();
    assert!(problem.contains("\"status\":409"), "{problem}");
}
