//! Finds the words that say what happened.

use serde_json::Value;

use super::layers::{Layer, words};

/// Names of members with such words, best first.
const NAMES: [&str; 34] = [
    "detail",
    "message",
    "errormessage",
    "errormsg",
    "errmsg",
    "errordescription",
    "errorsummary",
    "errordetail",
    "errordetails",
    "description",
    "msg",
    "usermessage",
    "displaymessage",
    "localizedmessage",
    "longmessage",
    "exceptionmessage",
    "statusmessage",
    "developermessage",
    "diagnostics",
    "explanation",
    "reason",
    "details",
    "cause",
    "faultstring",
    "text",
    "info",
    "summary",
    "hint",
    "error",
    "errors",
    "messages",
    "errormessages",
    "reasons",
    "nonfielderrors",
];

/// Finds the first words in the outermost layer that has any: a text, or the first text of a list.
pub(super) fn find<'a>(layers: &[Layer<'a>], says_more: impl Fn(&str) -> bool) -> Option<&'a str> {
    layers.iter().find_map(|layer| {
        let values = NAMES.iter().flat_map(|name| {
            let of_name = layer.all(std::slice::from_ref(name));
            let values: Vec<&'a Value> = of_name.map(|(_, value)| value).collect();
            values
        });
        values.filter_map(first_words).find(|text| says_more(text))
    })
}

/// A text, or the first text of a list of texts.
fn first_words(value: &Value) -> Option<&str> {
    match value {
        Value::Array(list) if list.iter().all(Value::is_string) => words(list.first()?),
        value => words(value),
    }
}
