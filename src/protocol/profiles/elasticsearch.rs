//! Elasticsearch and `OpenSearch`.

use serde_json::Value;

use super::{by_code, meaning_of};
use crate::protocol::{Batch, Envelope, HiddenRefusal, Problem, Profile, RefusalKind, Versioning};

/// Elasticsearch and `OpenSearch`: documents under `/{index}/_doc/{id}`.
///
/// The version has two parts, `_seq_no` and `_primary_term`, which are sent as the query parameters
/// `if_seq_no` and `if_primary_term`. A creation has `op_type=create`. The document lies in `_source` and is
/// sent alone. A stale write is a 409 `version_conflict_engine_exception`, and so is a creation of an
/// existing document. A gateway that writes through `_bulk` responds with 200 and `"errors": true`. The error
/// of the only item then counts. If there are several items, some may have been stored, and a read determines
/// the outcome.
///
/// A transaction tries its steps together, by one request to `_bulk` below the base URL. That request is not atomic.
///
/// [Optimistic concurrency control](https://www.elastic.co/docs/reference/elasticsearch/rest-apis/optimistic-concurrency-control).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Elasticsearch};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("http://127.0.0.1:9200").profile(Elasticsearch).build()?;
/// let articles = client.collection::<serde_json::Value>(["articles", "_doc"]);
/// # let _ = articles;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Elasticsearch;

const TYPES: [(&str, RefusalKind); 4] = [
    (
        "version_conflict_engine_exception",
        RefusalKind::StaleVersion,
    ),
    (
        "resource_already_exists_exception",
        RefusalKind::AlreadyExists,
    ),
    ("index_closed_exception", RefusalKind::InvalidState),
    ("cluster_block_exception", RefusalKind::InvalidState),
];

impl Profile for Elasticsearch {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/_seq_no")
            .sent_in_query("if_seq_no")
            .and(Versioning::body_field("/_primary_term").sent_in_query("if_primary_term"))
            .create_query("op_type", "create")
    }

    fn envelope(&self) -> Envelope {
        Envelope::at("/_source").sent_bare()
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::bulk("_bulk"))
    }

    fn hidden_refusals(&self) -> Vec<HiddenRefusal> {
        vec![HiddenRefusal::when("/errors", true).of_operations("/items")]
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        match problem.extension("items") {
            Some(Value::Array(items)) => by_items(items),
            _ => by_code(problem, &TYPES),
        }
    }
}

/// The refusal in a response to `_bulk`. Each item is `{"index": {"status": 409, "error": {"type": …}}}`.
fn by_items(items: &[Value]) -> Option<RefusalKind> {
    let [Value::Object(item)] = items else {
        return Some(RefusalKind::InvalidState);
    };
    let error = item.values().find_map(|action| action.get("error"))?;
    meaning_of(error.get("type")?.as_str()?, &TYPES)
}
