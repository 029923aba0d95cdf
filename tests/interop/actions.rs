//! Actions and plain requests on real servers.

use http::{Method, StatusCode};
use ifmatch::{ErrorKind, Reply};
use serde_json::{Value, json};

use crate::Server;
use crate::document::{Plain, Shape};

/// Takes snapshots of a blob, which is an action of Azure storage that heeds the version.
pub(crate) async fn snapshots_of_a_blob(server: &Server) {
    let id = server.id("snapshots");
    let (mine, theirs) = (server.docs::<Plain>(), server.docs::<Plain>());
    let seen = mine.create(&id, &Plain::new("draft")).await.unwrap();
    let blob = mine.item(&id);
    let snapshot = || {
        blob.action("")
            .method(Method::PUT)
            .query("comp", "snapshot")
    };

    let taken: Reply<()> = snapshot().pinned(&seen).send_empty().await.unwrap();
    assert_eq!(taken.status(), Some(StatusCode::CREATED));
    assert!(taken.headers().contains_key("x-ms-snapshot"));

    // Another client writes, so the pinned action is refused, and one with a guard looks again.
    theirs
        .update(&id, |doc| *doc = Plain::new("theirs"))
        .await
        .unwrap();
    let stale = snapshot()
        .pinned(&seen)
        .send_empty::<()>()
        .await
        .unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict, "{stale}");
    let guarded = snapshot().pinned(&seen).guard(|_| true).send_empty::<()>();
    let guarded = guarded.await.unwrap();
    assert_eq!((guarded.report().rounds, guarded.report().merged), (2, 1));
    let refused = snapshot().pinned(&seen).guard(|_| false).send_empty::<()>();
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Edit);
    println!("{}: snapshots of a blob, pinned and guarded", server.name);
}

/// Sends a batch to Kinto, and reads what no typed handle shows.
pub(crate) async fn plain_requests_to_kinto(server: &Server) {
    let client = server.client();
    let root: Value = client
        .request(Method::GET, "/")
        .await
        .unwrap()
        .json()
        .unwrap();
    assert!(root["capabilities"].is_object(), "{root}");
    let read = json!({"requests": [
        {"method": "GET", "path": "/buckets/b"},
        {"method": "GET", "path": "/buckets/none-of-these"},
    ]});
    let batch = client
        .request(Method::POST, "batch")
        .json(&read)
        .await
        .unwrap();
    let batch: Value = batch.error_for_status().unwrap().json().unwrap();
    let statuses: Vec<_> = batch["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["status"])
        .collect();
    assert_eq!(statuses, [200, 403]);
    let missing = client.request(Method::GET, "nothing/here").await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let error = missing.error_for_status().unwrap_err();
    assert_eq!(
        (error.kind(), error.status()),
        (ErrorKind::NotFound, Some(StatusCode::NOT_FOUND))
    );
    println!("{}: plain requests, {error}", server.name);
}
