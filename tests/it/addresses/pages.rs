//! Pages of a list whose body has a token for the next one.

use std::sync::{Arc, Mutex};

use ifmatch::Generic;
use serde_json::{Value, json};

use crate::support::served::{client, served};

#[tokio::test(start_paused = true)]
async fn a_token_goes_back_in_the_query_and_the_rest_of_the_query_stays() {
    for end in [json!(null), json!(""), json!({})] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let empty = end.clone();
        let server = served(&asked, move |asked, request| {
            let query = request.url.query().unwrap_or_default().to_owned();
            asked.push(query.clone());
            let (id, token) = match &*query {
                "tenant=7&status=open&maxResults=1" => (1, json!("a+b/=")),
                "tenant=7&status=open&maxResults=1&pageToken=a%2Bb%2F%3D" => (2, json!(3)),
                "tenant=7&status=open&maxResults=1&pageToken=3" => (3, empty.clone()),
                other => panic!("{other}"),
            };
            Ok((
                200,
                None,
                json!({"items": [{"id": id}], "nextPageToken": token}),
            ))
        });
        let all = client(server, Generic::new()).collection::<Value>("items");
        let open = all.query("tenant", 7).list().items_at("/items");
        let open = open.query("status", "open").query("maxResults", 1);
        let open = open.next_token_at("/nextPageToken", "pageToken");
        let mut page = open.await.unwrap();
        let mut ids = vec![page.items[0]["id"].clone()];
        while let Some(next) = page.next() {
            page = next.await.unwrap();
            ids.push(page.items[0]["id"].clone());
        }
        assert_eq!(ids, [1, 2, 3], "{end}");
        assert_eq!(asked.lock().unwrap().len(), 3);
    }
}
