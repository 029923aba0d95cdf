//! `_bulk` of Elasticsearch and `OpenSearch`: a line that says what is done, and a line with the document.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    BatchRequest, LEFT_OUT, Misfit, RequestParts, ResponseParts, is_one_each, json_part,
    own_parameters,
};
use crate::BoxError;
use crate::address::{decoded, last_segment};
use crate::json::Document;

/// What is done with a document.
const INDEX: &str = "index";
/// The same, if there is none.
const CREATE: &str = "create";
const DELETE: &str = "delete";
/// The two parts of a version, which an action has both or neither.
const VERSION: [&str; 2] = ["if_seq_no", "if_primary_term"];

pub(super) fn encode(endpoint: &Url, writes: &[RequestParts<'_>]) -> Result<BatchRequest, Misfit> {
    let mut text = String::new();
    for write in writes {
        let (name, action) = action(endpoint, write)?;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", json!({name: action}));
        if name != DELETE {
            let document = Document::parse(write.body).map_err(|_| Misfit::NotJson)?;
            // The text of its numbers stays. A line break between its members would end the line.
            let _ = writeln!(text, "{}", document.as_str().replace(['\n', '\r'], " "));
        }
    }
    Ok(BatchRequest {
        media_type: HeaderValue::from_static("application/x-ndjson"),
        body: text.into(),
    })
}

/// Returns the name of an action and its members.
fn action(
    endpoint: &Url,
    write: &RequestParts<'_>,
) -> Result<(&'static str, Map<String, Value>), Misfit> {
    let name = name(write).ok_or_else(|| Misfit::Method(write.method.to_string()))?;
    let is_removal = name == DELETE;
    // Headers have no conditions here, and an action has no place for them.
    let headers = write.headers.keys();
    if let Some(header) = headers.into_iter().find(|name| !LEFT_OUT.contains(name)) {
        return Err(Misfit::Header(header.to_string()));
    }
    let mut members = place(endpoint, write.url)?;
    for (parameter, value) in own_parameters(endpoint, write.url) {
        let member = match &*parameter {
            // The name of the action says it.
            "op_type" if !is_removal && [INDEX, CREATE].contains(&&*value) => continue,
            "if_seq_no" | "if_primary_term" | "version" => {
                let number = value.parse::<u64>();
                Value::from(number.map_err(|_| Misfit::Query(parameter.clone()))?)
            }
            "require_alias" if !is_removal => match &*value {
                "true" => Value::from(true),
                "false" => Value::from(false),
                _ => return Err(Misfit::Query(parameter)),
            },
            "routing" | "version_type" => Value::from(value),
            "pipeline" if !is_removal => Value::from(value),
            _ => return Err(Misfit::Query(parameter)),
        };
        if members.insert(parameter.clone(), member).is_some() {
            return Err(Misfit::Query(parameter));
        }
    }
    let parts = VERSION.iter().filter(|part| members.contains_key(**part));
    match (parts.count(), name) {
        (0, _) | (2, INDEX | DELETE) => Ok((name, members)),
        _ => Err(Misfit::Condition),
    }
}

/// Returns the name of the action of a write. `None` if there is none like it.
fn name(write: &RequestParts<'_>) -> Option<&'static str> {
    let creates = |(name, value): (_, _)| name == "op_type" && value == CREATE;
    match *write.method {
        Method::PUT if write.url.query_pairs().any(creates) => Some(CREATE),
        Method::PUT => Some(INDEX),
        Method::DELETE if write.body.is_empty() => Some(DELETE),
        _ => None,
    }
}

/// Returns the members of an action that name the document. A request to one index names the index itself.
fn place(endpoint: &Url, url: &Url) -> Result<Map<String, Value>, Misfit> {
    let (root, _) = endpoint.path().rsplit_once('/').unwrap_or_default();
    let path = url.path().strip_prefix(root);
    let path = path.and_then(|path| path.strip_prefix('/'));
    let segments: Vec<_> = path.ok_or(Misfit::Outside)?.split('/').collect();
    let (index, id) = match segments[..] {
        [index, "_doc", id] => (Some(index), id),
        ["_doc", id] => (None, id),
        _ => return Err(Misfit::Address),
    };
    let named = [("_index", index), ("_id", Some(id))];
    let named = named.into_iter().filter_map(|(name, segment)| {
        let segment = decoded(segment?).filter(|segment| !segment.is_empty());
        Some(segment.map(|segment| (name.to_owned(), segment.into())))
    });
    named.collect::<Option<_>>().ok_or(Misfit::Address)
}

pub(super) fn decode(
    writes: &[RequestParts<'_>],
    body: &Bytes,
) -> Result<Vec<ResponseParts>, BoxError> {
    let whole = Document::parse(body)?;
    let items = whole.elements_at("/items").unwrap_or_default();
    is_one_each(items.len(), writes)?;
    let parts = items.iter().zip(writes);
    let parts: Vec<_> = parts
        .map(|(item, write)| response(item, write))
        .collect::<Result<_, _>>()?;
    let is_error =
        |part: &ResponseParts| part.status.is_client_error() || part.status.is_server_error();
    let has_errors = whole.pointer("/errors").map(|errors| errors.to_value());
    match has_errors.and_then(|errors| errors.as_bool()) {
        Some(true) if !parts.iter().any(is_error) => {
            Err("it says that a write failed, but not which".into())
        }
        Some(_) => Ok(parts),
        None => Err("it does not say whether a write failed".into()),
    }
}

/// Returns what the document's own request would have been answered.
fn response(item: &Document, write: &RequestParts<'_>) -> Result<ResponseParts, BoxError> {
    let result = name(write).and_then(|name| item.pointer(&format!("/{name}")));
    let result = result.ok_or("an item is about another action")?;
    let text = |at: &str| result.pointer(at).and_then(|text| text.as_id());
    if text("/_id") != last_segment(write.url) {
        return Err("an item is about another document".into());
    }
    let status = text("/status").ok_or("an item has no status")?;
    let status = StatusCode::from_bytes(status.as_bytes())?;
    match result.pointer("/error") {
        None if status.is_success() || status == StatusCode::NOT_FOUND => {
            Ok(json_part(status, result.without("/status").to_bytes()))
        }
        Some(error) if status.is_client_error() || status.is_server_error() => {
            let number = status.as_u16();
            let refusal = format!(r#"{{"error":{},"status":{number}}}"#, error.as_str());
            Ok(json_part(status, refusal))
        }
        _ => Err(
            format!("an item with the status {status} is neither a success nor a refusal").into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use http::header::{IF_MATCH, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
    use http::{HeaderMap, HeaderName};

    use super::*;

    const ROOT: &str = "http://h/es/_bulk?refresh=true";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    /// Returns the action for a request to this path.
    fn action_of(
        method: &Method,
        path: &str,
        header: Option<(HeaderName, &'static str)>,
    ) -> Result<Value, Misfit> {
        let headers = header.map(|(name, value)| (name, HeaderValue::from_static(value)));
        let headers: HeaderMap = headers.into_iter().collect();
        let write = RequestParts {
            method,
            url: &url(&format!("http://h{path}")),
            headers: &headers,
            body: &Bytes::new(),
        };
        action(&url(ROOT), &write).map(|(name, members)| json!({name: members}))
    }

    #[test]
    fn each_write_is_a_line_that_says_what_is_done_and_the_document() {
        let (headers, nothing) = (HeaderMap::new(), Bytes::new());
        let put = RequestParts {
            method: &Method::PUT,
            url: &url("http://h/es/a/_doc/x%2Fy?if_seq_no=7&if_primary_term=1&refresh=true"),
            headers: &headers,
            body: &Bytes::from_static(b"{\r\n  \"n\": 1.50,\n \"t\": \"\\n\"}"),
        };
        let delete = RequestParts {
            method: &Method::DELETE,
            url: &url("http://h/es/a/_doc/z?if_seq_no=8&if_primary_term=1"),
            body: &nothing,
            ..put
        };
        let request = encode(&url(ROOT), &[put, delete]).unwrap();
        let text = std::str::from_utf8(&request.body).unwrap();
        let lines: Vec<_> = text.split_terminator('\n').collect();
        assert_eq!(lines.len(), 3, "{text}");
        let version = |seq_no| json!({"_index": "a", "_id": "x/y", "if_seq_no": seq_no, "if_primary_term": 1});
        assert_eq!(
            serde_json::from_str::<Value>(lines[0]).unwrap(),
            json!({"index": version(7)})
        );
        assert_eq!(lines[1], r#"{    "n": 1.50,  "t": "\n"}"#);
        let mut expected = version(8);
        expected["_id"] = "z".into();
        assert_eq!(
            serde_json::from_str::<Value>(lines[2]).unwrap(),
            json!({"delete": expected})
        );
        assert!(text.ends_with('\n'));
        let wrong = RequestParts {
            body: &Bytes::from_static(b"text"),
            ..put
        };
        assert_eq!(encode(&url(ROOT), &[wrong]).unwrap_err(), Misfit::NotJson);
    }

    #[test]
    fn an_action_has_the_parameters_of_its_request() {
        let put = |path| action_of(&Method::PUT, path, None).unwrap();
        let unconditional = json!({"index": {"_index": "a", "_id": "1"}});
        assert_eq!(put("/es/a/_doc/1"), unconditional);
        assert_eq!(put("/es/a/_doc/1?op_type=index"), unconditional);
        let create = json!({"create": {"_index": "a", "_id": "1", "routing": "r"}});
        assert_eq!(put("/es/a/_doc/1?op_type=create&routing=r"), create);
        let external = json!({"index": {"_id": "1", "version": 5, "version_type": "external", "require_alias": true, "pipeline": "p"}});
        let path = "/es/_doc/1?version=5&version_type=external&require_alias=true&pipeline=p";
        assert_eq!(put(path), external);
        let delete = json!({"delete": {"_index": "a", "_id": "1", "routing": "r"}});
        let path = "/es/a/_doc/1?routing=r&refresh=true";
        assert_eq!(action_of(&Method::DELETE, path, None).unwrap(), delete);
    }

    #[test]
    fn what_an_action_cannot_say_does_not_fit() {
        use Misfit::{Address, Condition, Method as Other, Outside, Query};
        let (put, delete) = (&Method::PUT, &Method::DELETE);
        for (method, path, misfit) in [
            (put, "/es/a/_doc/1?refresh=false", Query("refresh".into())),
            (put, "/es/a/_doc/1?timeout=1m", Query("timeout".into())),
            (put, "/es/a/_doc/1?op_type=other", Query("op_type".into())),
            (
                delete,
                "/es/a/_doc/1?op_type=create",
                Query("op_type".into()),
            ),
            (delete, "/es/a/_doc/1?pipeline=p", Query("pipeline".into())),
            (
                put,
                "/es/a/_doc/1?routing=r&routing=s",
                Query("routing".into()),
            ),
            (
                put,
                "/es/a/_doc/1?require_alias=1",
                Query("require_alias".into()),
            ),
            (
                put,
                "/es/a/_doc/1?if_seq_no=x&if_primary_term=1",
                Query("if_seq_no".into()),
            ),
            (put, "/es/a/_doc/1?if_seq_no=1", Condition),
            (delete, "/es/a/_doc/1?if_primary_term=1", Condition),
            (
                put,
                "/es/a/_doc/1?op_type=create&if_seq_no=1&if_primary_term=1",
                Condition,
            ),
            (put, "/es/a/_update/1", Address),
            (put, "/es/a/_doc/", Address),
            (put, "/es/a/_doc/1/2", Address),
            (put, "/es/a/_doc/%FF", Address),
            (put, "/other/a/_doc/1", Outside),
            (put, "/esx/a/_doc/1", Outside),
            (&Method::PATCH, "/es/a/_doc/1", Other("PATCH".into())),
        ] {
            assert_eq!(
                action_of(method, path, None),
                Err(misfit),
                "{method} {path}"
            );
        }
        // This API has no conditions in headers, but a server in front of it may.
        for (name, value) in [
            (IF_MATCH, "\"7\""),
            (IF_NONE_MATCH, "*"),
            (IF_UNMODIFIED_SINCE, "Fri, 01 Jan 2021 00:00:00 GMT"),
        ] {
            for method in [put, delete] {
                let header = Some((name.clone(), value));
                let misfit = action_of(method, "/es/a/_doc/1", header);
                assert_eq!(misfit, Err(Misfit::Header(name.to_string())));
            }
        }
    }

    /// Every mix of the parameters that are conditions. The action has the same ones, or there is none.
    #[test]
    fn an_action_has_the_conditions_of_its_request_or_does_not_fit() {
        let parameters = [
            ("if_seq_no", "7"),
            ("if_primary_term", "2"),
            ("op_type", "create"),
            ("version", "5"),
            ("version_type", "external"),
        ];
        for (method, mix) in [Method::PUT, Method::DELETE]
            .into_iter()
            .flat_map(|method| (0..1_u32 << parameters.len()).map(move |mix| (method.clone(), mix)))
        {
            let chosen = parameters.iter().enumerate();
            let chosen = chosen.filter(|(at, _)| mix & (1 << at) != 0);
            let chosen: Vec<_> = chosen.map(|(_, parameter)| *parameter).collect();
            let mut address = url("http://h/es/a/_doc/1");
            address.query_pairs_mut().extend_pairs(&chosen);
            let path = &address[url::Position::BeforePath..];
            let Ok(action) = action_of(&method, path, None) else {
                continue;
            };
            let (name, members) = action.as_object().unwrap().iter().next().unwrap();
            for (parameter, value) in chosen {
                if parameter == "op_type" {
                    assert_eq!(name, value, "{path}");
                    continue;
                }
                let member = members[parameter].clone();
                let member = member
                    .as_str()
                    .map_or_else(|| member.to_string(), str::to_owned);
                assert_eq!(member, value, "{path}");
            }
        }
    }

    /// As the documentation of Elasticsearch 8 shows them.
    #[test]
    fn each_item_is_the_response_to_its_document() {
        let (headers, nothing) = (HeaderMap::new(), Bytes::new());
        let urls = ["a?op_type=create", "b", "c", "d"];
        let [a, b, c, d] = urls.map(|id| url(&format!("http://h/es/i/_doc/{id}")));
        let put = |url| RequestParts {
            method: &Method::PUT,
            url,
            headers: &headers,
            body: &nothing,
        };
        let delete = |url| RequestParts {
            method: &Method::DELETE,
            ..put(url)
        };
        let text = r#"{"took":30,"errors":true,"items":[
            {"create":{"_index":"i-1","_id":"a","_version":1,"result":"created","_shards":{"total":2,"successful":1,"failed":0},"status":201,"_seq_no":3,"_primary_term":1}},
            {"index":{"_index":"i-1","_id":"b","status":409,"error":{"type":"version_conflict_engine_exception","reason":"[b]: version conflict, required seqNo [1]","index":"i-1"}}},
            {"delete":{"_index":"i-1","_id":"c","_version":2,"result":"deleted","status":200,"_seq_no":4,"_primary_term":1}},
            {"delete":{"_index":"i-1","_id":"d","_version":1,"result":"not_found","status":404,"_seq_no":5,"_primary_term":1}}]}"#;
        let writes = [put(&a), put(&b), delete(&c), delete(&d)];
        let parts = decode(&writes, &Bytes::from_static(text.as_bytes())).unwrap();
        let statuses: Vec<_> = parts.iter().map(|part| part.status.as_u16()).collect();
        assert_eq!(statuses, [201, 409, 200, 404]);
        let body = |at: usize| serde_json::from_slice::<Value>(&parts[at].body).unwrap();
        assert_eq!(body(0)["_seq_no"], 3);
        assert_eq!(body(0).get("status"), None);
        assert_eq!(
            body(1)["error"]["type"],
            "version_conflict_engine_exception"
        );
        assert_eq!(body(1)["status"], 409);
        assert_eq!(body(3)["result"], "not_found");
    }

    #[test]
    fn an_item_that_contradicts_itself_or_is_about_another_write_is_none() {
        let (headers, body) = (HeaderMap::new(), Bytes::from_static(b"{}"));
        let write = RequestParts {
            method: &Method::PUT,
            url: &url("http://h/es/i/_doc/a"),
            headers: &headers,
            body: &body,
        };
        for wrong in [
            "",
            "{}",
            r#"{"errors":false,"items":[]}"#,
            r#"{"items":[{"index":{"_id":"a","status":200}}]}"#,
            r#"{"errors":true,"items":[{"index":{"_id":"a","status":200}}]}"#,
            r#"{"errors":false,"items":[{"index":{"_id":"b","status":200}}]}"#,
            r#"{"errors":false,"items":[{"index":{"status":200}}]}"#,
            r#"{"errors":false,"items":[{"index":{"_id":"a"}}]}"#,
            r#"{"errors":false,"items":[{"index":{"_id":"a","status":302}}]}"#,
            r#"{"errors":false,"items":[{"index":{"_id":"a","status":200,"error":{}}}]}"#,
            r#"{"errors":false,"items":[{"create":{"_id":"a","status":200}}]}"#,
            r#"{"errors":false,"items":[{"delete":{"_id":"a","status":200}}]}"#,
        ] {
            let read = decode(&[write], &Bytes::from_static(wrong.as_bytes()));
            assert!(read.is_err(), "{wrong}");
        }
        let right = br#"{"errors":false,"items":[{"index":{"_id":"a","status":200}}]}"#;
        assert!(decode(&[write], &Bytes::from_static(right)).is_ok());
    }
}
