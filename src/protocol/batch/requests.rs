//! Requests and responses as objects in lists.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use super::{BatchRequest, Misfit, RequestParts, ResponseParts, text_of};
use crate::BoxError;
use crate::json::Document;

/// How many headers are read of one response.
const MAX_FIELDS: usize = 100;

pub(super) fn encode(writes: &[RequestParts<'_>]) -> Result<BatchRequest, Misfit> {
    let mut text = String::from(r#"{"requests":["#);
    for (at, write) in writes.iter().enumerate() {
        let mut headers = Map::new();
        for (name, value) in write.headers {
            if name == CONTENT_LENGTH {
                continue;
            }
            headers.insert(name.to_string(), text_of(name, value)?.into());
        }
        let query = write.url.query().map(|query| format!("?{query}"));
        let path = format!("{}{}", write.url.path(), query.unwrap_or_default());
        if at > 0 {
            text.push(',');
        }
        text.push_str(r#"{"method":"#);
        text.push_str(&Value::from(write.method.as_str()).to_string());
        text.push_str(r#","path":"#);
        text.push_str(&Value::from(path).to_string());
        text.push_str(r#","headers":"#);
        text.push_str(&Value::Object(headers).to_string());
        if !write.body.is_empty() {
            // The text of its numbers stays.
            let body = Document::parse(write.body).map_err(|_| Misfit::NotJson)?;
            text.push_str(r#","body":"#);
            text.push_str(body.as_str());
        }
        text.push('}');
    }
    text.push_str("]}");
    Ok(BatchRequest {
        media_type: HeaderValue::from_static("application/json"),
        body: text.into(),
    })
}

pub(super) fn decode(body: &Bytes) -> Result<Vec<ResponseParts>, BoxError> {
    let whole = Document::parse(body)?;
    let responses = whole.elements_at("/responses").unwrap_or_default();
    responses.iter().map(response).collect()
}

fn response(response: &Document) -> Result<ResponseParts, BoxError> {
    let status = response.pointer("/status").and_then(|it| it.as_id());
    let status = status.ok_or("a response has no status")?;
    let status = StatusCode::from_bytes(status.as_bytes())?;
    let mut headers = HeaderMap::new();
    let named = response.pointer("/headers").map(|it| it.to_value());
    if let Some(Value::Object(named)) = named {
        for (name, value) in named.iter().take(MAX_FIELDS) {
            let name = HeaderName::from_bytes(name.as_bytes());
            let value = value
                .as_str()
                .and_then(|value| HeaderValue::from_str(value).ok());
            if let (Ok(name), Some(value)) = (name, value) {
                headers.insert(name, value);
            }
        }
    }
    let body = response.pointer("/body");
    let body = body.filter(|body| !matches!(body.as_str().trim(), "null" | "\"\""));
    Ok(ResponseParts {
        status,
        headers,
        body: body.map_or_else(Bytes::new, |body| body.to_bytes()),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::Method;
    use http::header::{ETAG, IF_MATCH};
    use url::Url;

    use super::*;

    #[test]
    fn a_write_is_an_object_with_its_precondition() {
        let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static("\"7\""))]);
        let write = RequestParts {
            method: &Method::PUT,
            url: &Url::parse("http://h/v1/records/a?x=1").unwrap(),
            headers: &headers,
            body: &Bytes::from_static(br#"{"data":{"n":1.50}}"#),
        };
        let nothing = Bytes::new();
        let delete = RequestParts {
            method: &Method::DELETE,
            body: &nothing,
            ..write
        };
        let request = encode(&[write, delete]).unwrap();
        let expected = r#"{"requests":[{"method":"PUT","path":"/v1/records/a?x=1","headers":{"if-match":"\"7\""},"body":{"data":{"n":1.50}}},{"method":"DELETE","path":"/v1/records/a?x=1","headers":{"if-match":"\"7\""}}]}"#;
        assert_eq!(std::str::from_utf8(&request.body).unwrap(), expected);
        let text = Bytes::from_static(b"text");
        let misfit = encode(&[RequestParts {
            body: &text,
            ..write
        }])
        .unwrap_err();
        assert_eq!(misfit, Misfit::NotJson);
    }

    /// As Kinto 26.5 answers.
    #[test]
    fn each_object_is_a_response() {
        let body = br#"{"responses":[
            {"status":200,"path":"/v1/a","body":{"data":{"n":1.50}},"headers":{"ETag":"\"8\""}},
            {"status":412,"path":"/v1/b","body":{"errno":114},"headers":{}}]}"#;
        let responses = decode(&Bytes::from_static(body)).unwrap();
        assert_eq!(responses[0].headers[ETAG], "\"8\"");
        assert_eq!(responses[0].body, r#"{"data":{"n":1.50}}"#);
        assert_eq!(responses[1].status, 412);
        for wrong in [&b""[..], br#"{"responses":[{},{}]}"#] {
            assert!(decode(&Bytes::copy_from_slice(wrong)).is_err());
        }
    }
}
