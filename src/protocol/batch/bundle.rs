//! Transaction bundles of FHIR (R4 3.2.0.11.2).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};
use url::Url;

use super::{BatchRequest, LEFT_OUT, Misfit, RequestParts, ResponseParts, text_of};
use crate::BoxError;
use crate::json::Document;

pub(super) fn encode(endpoint: &Url, writes: &[RequestParts<'_>]) -> Result<BatchRequest, Misfit> {
    let mut text = String::from(r#"{"resourceType":"Bundle","type":"transaction","entry":["#);
    for (at, write) in writes.iter().enumerate() {
        text.push_str(if at > 0 { ",{" } else { "{" });
        if !write.body.is_empty() {
            let resource = Document::parse(write.body).map_err(|_| Misfit::NotJson)?;
            text.push_str("\"resource\":");
            text.push_str(resource.as_str());
            text.push(',');
        }
        let mut request = json!({
            "method": write.method.as_str(),
            "url": relative(endpoint, write.url)?,
        });
        for (name, value) in write.headers {
            let member = match *name {
                IF_MATCH => "ifMatch",
                IF_NONE_MATCH => "ifNoneMatch",
                _ if LEFT_OUT.contains(name) => continue,
                _ => return Err(Misfit::Header(name.to_string())),
            };
            request[member] = Value::from(text_of(name, value)?);
        }
        text.push_str("\"request\":");
        text.push_str(&request.to_string());
        text.push('}');
    }
    text.push_str("]}");
    Ok(BatchRequest {
        media_type: HeaderValue::from_static("application/fhir+json"),
        body: text.into(),
    })
}

/// Returns the address of a write relative to the base of the API, with its query.
fn relative(endpoint: &Url, url: &Url) -> Result<String, Misfit> {
    let root = endpoint.path().trim_end_matches('/');
    let path = url.path().strip_prefix(root).ok_or(Misfit::Outside)?;
    let path = path.strip_prefix('/').ok_or(Misfit::Outside)?;
    let query = url.query().map(|query| format!("?{query}"));
    Ok(format!("{path}{}", query.unwrap_or_default()))
}

pub(super) fn decode(body: &Bytes) -> Result<Vec<ResponseParts>, BoxError> {
    let bundle = Document::parse(body)?;
    let entries = bundle.elements_at("/entry").unwrap_or_default();
    entries.iter().map(response).collect()
}

fn response(entry: &Document) -> Result<ResponseParts, BoxError> {
    let text = |at: &str| entry.pointer(at).and_then(|text| text.as_id());
    let status = text("/response/status").ok_or("an entry has no status")?;
    let status = status.get(..3).unwrap_or(&status);
    let status = StatusCode::from_bytes(status.as_bytes())?;
    let mut headers = HeaderMap::new();
    for (name, at) in [(ETAG, "/response/etag"), (LOCATION, "/response/location")] {
        let value = text(at).and_then(|text| HeaderValue::from_str(&text).ok());
        headers.extend(value.map(|value| (name, value)));
    }
    let shown = entry.pointer("/resource");
    let shown = shown.or_else(|| entry.pointer("/response/outcome"));
    if shown.is_some() {
        let media_type = HeaderValue::from_static("application/fhir+json");
        headers.insert(CONTENT_TYPE, media_type);
    }
    Ok(ResponseParts {
        status,
        headers,
        body: shown.map_or_else(Bytes::new, |shown| shown.to_bytes()),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::{HeaderName, Method};

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn encoded(at: &str, name: HeaderName, body: &'static [u8]) -> Result<String, Misfit> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("W/\"3\""))]);
        let write = RequestParts {
            method: &Method::PUT,
            url: &url(at),
            headers: &headers,
            body: &Bytes::from_static(body),
        };
        let request = encode(&url("http://h/r4"), &[write])?;
        Ok(String::from_utf8(request.body.to_vec()).unwrap())
    }

    #[test]
    fn a_write_is_an_entry_with_its_precondition() {
        let bundle = encoded("http://h/r4/Patient/1", IF_MATCH, br#"{"n": 1.0}"#);
        let expected = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"n": 1.0},"request":{"ifMatch":"W/\"3\"","method":"PUT","url":"Patient/1"}}]}"#;
        assert_eq!(bundle.unwrap(), expected);
    }

    #[test]
    fn a_write_that_an_entry_cannot_say_does_not_fit() {
        let own = HeaderName::from_static("x-own");
        let misfit = encoded("http://h/r4/Patient/1", own, b"{}").unwrap_err();
        assert_eq!(misfit, Misfit::Header("x-own".into()));
        let misfit = encoded("http://h/r4/Patient/1", IF_MATCH, b"<Patient/>").unwrap_err();
        assert_eq!(misfit, Misfit::NotJson);
        for outside in ["http://h/other/1", "http://h/r45/1"] {
            let misfit = encoded(outside, IF_MATCH, b"{}").unwrap_err();
            assert_eq!(misfit, Misfit::Outside);
        }
    }

    #[test]
    fn each_entry_is_a_response() {
        let body = br#"{"resourceType":"Bundle","type":"transaction-response","entry":[
            {"response":{"status":"200 OK","etag":"W/\"4\""},"resource":{"id":"1"}},
            {"response":{"status":"201","location":"Patient/2/_history/1"}}]}"#;
        let body = Bytes::from_static(body);
        let responses = decode(&body).unwrap();
        assert_eq!(responses[0].status, 200);
        assert_eq!(responses[0].headers[ETAG], "W/\"4\"");
        assert_eq!(responses[0].body, r#"{"id":"1"}"#);
        assert_eq!(responses[1].status, 201);
        assert_eq!(responses[1].headers[LOCATION], "Patient/2/_history/1");
        for wrong in [&b"["[..], br#"{"entry":[{},{}]}"#] {
            assert!(decode(&Bytes::copy_from_slice(wrong)).is_err());
        }
    }
}
