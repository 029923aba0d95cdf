#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use http::Method;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn the_endpoint_is_below_the_base_url() {
    let base = url("http://h/v1");
    let at = |batch: Batch| batch.endpoint(&base).map(String::from);
    let expected = |text: &str| Some(text.to_owned());
    assert_eq!(
        at(Batch::change_set("$batch")),
        expected("http://h/v1/$batch")
    );
    let signed = Batch::change_set("/$batch?sig=a%3D");
    assert_eq!(at(signed.clone()), expected("http://h/v1/$batch?sig=a%3D"));
    assert!(!format!("{signed:?}").contains("sig"));
    assert_eq!(at(Batch::bundle("")), expected("http://h/v1"));
    assert_eq!(at(Batch::requests("../batch")), None);
}

#[test]
fn a_response_that_is_missing_or_too_much_answers_no_write() {
    let ok = StatusCode::OK;
    let set = "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nHTTP/1.1 204 x\n\n\n--c\n\n\
               HTTP/1.1 204 x\n\n\n--c--\n--b--\n";
    let bundle = r#"{"entry":[{"response":{"status":"200"}},{"response":{"status":"200"}}]}"#;
    let requests = r#"{"responses":[{"status":200},{"status":200}]}"#;
    let docs = r#"[{"ok":true,"id":"a","rev":"1"},{"ok":true,"id":"a","rev":"2"}]"#;
    let items = r#"{"errors":false,"items":[{"index":{"_id":"a","status":200}},{"index":{"_id":"a","status":200}}]}"#;
    let (nothing, no_headers) = (Bytes::new(), HeaderMap::new());
    let write = RequestParts {
        method: &Method::PUT,
        url: &url("http://h/i/_doc/a"),
        headers: &no_headers,
        body: &nothing,
    };
    let kind = HeaderValue::from_static("multipart/mixed; boundary=b");
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind)]);
    for (batch, body) in [
        (Batch::change_set("b"), set),
        (Batch::bundle("b"), bundle),
        (Batch::requests("b"), requests),
        (Batch::bulk_docs("b"), docs),
        (Batch::bulk("b"), items),
    ] {
        let body = Bytes::from_static(body.as_bytes());
        let read = |count| batch.decode(&vec![write; count], ok, &headers, &body);
        assert!(matches!(read(2), Ok(BatchReply::Each(_))), "{batch:?}");
        assert!(read(1).is_err() && read(3).is_err(), "{batch:?}");
    }
    for batch in [
        Batch::bundle("b"),
        Batch::requests("b"),
        Batch::bulk_docs("b"),
        Batch::bulk("b"),
    ] {
        let body = Bytes::from_static(b"{}");
        assert!(batch.decode(&[write; 2], ok, &headers, &body).is_err());
    }
}

#[test]
fn a_collection_has_an_endpoint_of_its_own() {
    let batch = Batch::bulk_docs("_bulk_docs");
    let endpoint = batch.endpoint(&url("http://h/v1")).unwrap();
    let address = |urls: &[&str]| {
        let urls: Vec<_> = urls.iter().map(|path| url(path)).collect();
        let urls: Vec<_> = urls.iter().collect();
        batch.address(&endpoint, &urls).map(String::from)
    };
    let (one, two) = ("http://h/v1/db/a?rev=1", "http://h/v1/db/b");
    let expected = "http://h/v1/db/_bulk_docs".to_owned();
    assert_eq!(address(&[one, two]), Ok(expected));
    let elsewhere = address(&[one, "http://h/v1/other/a"]);
    assert_eq!(elsewhere, Err(Misfit::OtherCollection));
    let elsewhere = address(&["http://i/v1/db/a"]);
    assert_eq!(elsewhere, Err(Misfit::OtherOrigin));
}

#[test]
fn writes_of_different_partitions_do_not_fit() {
    let batch = Batch::change_set("$batch")
        .same_before(",RowKey=")
        .at_most(2);
    let endpoint = url("http://h/$batch");
    let ada = url("http://h/t(PartitionKey='p',RowKey='ada')");
    let bob = url("http://h/t%28PartitionKey%3D%27p%27%2CRowKey%3D%27bob%27%29");
    let other = url("http://h/t(PartitionKey='q',RowKey='ada')");
    let table = url("http://h/u(PartitionKey='p',RowKey='ada')");
    let elsewhere = url("http://i/t(PartitionKey='p',RowKey='ada')");
    let plain = url("http://h/t/ada");
    assert_eq!(batch.check(&endpoint, &[&ada, &bob]), Ok(()));
    for wrong in [&other, &table, &plain] {
        let checked = batch.check(&endpoint, &[&ada, wrong]);
        assert_eq!(checked, Err(Misfit::OtherPartition), "{wrong}");
    }
    let checked = batch.check(&endpoint, &[&ada, &elsewhere]);
    assert_eq!(checked, Err(Misfit::OtherOrigin));
    let checked = batch.check(&endpoint, &[&ada, &bob, &ada]);
    assert_eq!(checked, Err(Misfit::TooMany(2)));
}
