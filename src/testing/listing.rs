//! Lists of the documents in a collection of the test server.

use http::header::LINK;
use serde_json::Value;
use url::form_urlencoded;

use super::reply::Reply;
use super::state::{IncomingRequest, SimulatedState};
use crate::address;
use crate::json::Document;

/// The parameters of a list that are not filters.
const PAGE: &str = "page";
const PER_PAGE: &str = "per_page";

impl SimulatedState {
    /// Lists the documents directly beneath a path. Returns `None` if the path is not a collection.
    pub(super) fn list(&self, asked: &IncomingRequest) -> Option<Reply> {
        let collection = asked.path.trim_end_matches('/');
        let mut known = self.collections.contains(collection);
        let mut items = Vec::new();
        for (path, resource) in &self.resources {
            let within = path
                .strip_prefix(collection)
                .and_then(|it| it.strip_prefix('/'));
            let segment = within.map(|within| within.trim_end_matches('/'));
            let Some(segment) = segment.filter(|it| !it.is_empty() && !it.contains('/')) else {
                continue;
            };
            known = true;
            if let Some(text) = &resource.text {
                let id = address::decoded(segment).unwrap_or_else(|| segment.to_owned());
                items.push((id.clone(), with_id(text, &id)));
            }
        }
        // Numbers come in their order, and other ids behind them.
        items.sort_by_cached_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), id.clone()));
        known.then(|| self.page(asked, items.into_iter().map(|(_, item)| item).collect()))
    }

    /// One page of the items that pass the filters of the query.
    fn page(&self, asked: &IncomingRequest, mut items: Vec<Document>) -> Reply {
        let query = asked.query.as_deref().unwrap_or_default();
        let query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let number = |wanted: &str| {
            let (_, value) = query.iter().find(|(name, _)| name == wanted)?;
            value.parse::<usize>().ok().filter(|number| *number > 0)
        };
        let filters = query
            .iter()
            .filter(|(name, _)| ![PAGE, PER_PAGE].contains(&&**name));
        for (name, value) in filters {
            if items.iter().any(|item| member(item, name).is_some()) {
                items.retain(|item| member(item, name).as_ref() == Some(value));
            }
        }
        let size = number(PER_PAGE)
            .unwrap_or(usize::MAX)
            .min(self.page_size.max(1));
        let page = number(PAGE).unwrap_or(1);
        let begin = size.saturating_mul(page - 1);
        let shown: Vec<&str> = items
            .iter()
            .skip(begin)
            .take(size)
            .map(Document::as_str)
            .collect();
        let body = format!("[{}]", shown.join(","));
        let reply = Reply::new(200).body("application/json", body);
        if items.len() <= begin.saturating_add(size) {
            return reply;
        }
        let others = query.iter().filter(|(name, _)| name != PAGE);
        let next = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(others)
            .append_pair(PAGE, &(page + 1).to_string())
            .finish();
        reply.header(
            LINK.as_str(),
            &format!("<{}?{next}>; rel=\"next\"", asked.path),
        )
    }
}

/// The document, with its id if it has none.
fn with_id(text: &str, id: &str) -> Document {
    let document = Document::from_trusted(text);
    if document.pointer("/id").is_some() {
        return document;
    }
    let id = Document::from_value(&id.into());
    document.with("/id", &id).unwrap_or(document)
}

/// A member of a document as a query spells it.
fn member(item: &Document, name: &str) -> Option<String> {
    match item.to_value().get(name)? {
        Value::String(text) => Some(text.clone()),
        value => Some(value.to_string()),
    }
}
