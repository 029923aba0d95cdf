//! What the dialects have in common: a type, words, a machine code, the current state.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;
use url::Url;

use super::super::media_type::is_problem;
use super::Problem;
use super::body::Body;
use super::fields::{self, FieldError};
use super::layers::{Layer, layers};
use super::lock::{self, Lock};
use super::text::bounded;
use super::wait;

/// What was found in a body.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) type_reference: Option<String>,
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) code: Option<String>,
    pub(super) fields: Vec<FieldError>,
    /// Whether a text was too long, or there are more errors of fields than are kept.
    pub(super) cut: bool,
    /// Where the current state lies, as a JSON Pointer.
    pub(super) current: Option<String>,
    pub(super) lock: Lock,
    /// How long the body asks to wait.
    pub(super) wait: Option<Duration>,
}

/// Words that say what happened, best first.
const DETAIL: [&str; 13] = [
    "detail",
    "message",
    "errormessage",
    "errordescription",
    "description",
    "msg",
    "diagnostics",
    "reason",
    "details",
    "cause",
    "faultstring",
    "text",
    "error",
];

/// Header fields in which services repeat the code, for replies without a body.
const CODE_HEADERS: [&str; 2] = ["x-ms-error-code", "x-amzn-errortype"];

/// The longest machine code, in bytes.
const LONGEST_CODE: usize = 128;

/// Names of the current state.
const CURRENT: [&str; 16] = [
    "current",
    "currentstate",
    "currentdocument",
    "currentrepresentation",
    "currentresource",
    "currentrecord",
    "currententity",
    "currentvalue",
    "currentdata",
    "existing",
    "existingresource",
    "existingdocument",
    "remote",
    "remotestate",
    "serverstate",
    "resource",
];

/// Members in which the current state may lie.
const CURRENT_IN: [&str; 5] = ["details", "data", "context", "meta", "conflict"];

pub(super) fn find(
    body: &Body,
    status: StatusCode,
    headers: &HeaderMap,
    media_type: Option<&str>,
) -> Found {
    let layers = layers(&body.document);
    let type_reference = type_reference(&body.document, &layers, media_type);
    let code = layers
        .iter()
        .find_map(|layer| code(layer, status, type_reference.as_deref()))
        .or_else(|| code_header(headers));
    let title = title(&layers, status, code.as_deref());
    let detail = layers.iter().find_map(|layer| {
        let mut words = DETAIL.iter().filter_map(|name| layer.text(&[name]));
        // What serves as title or code says nothing more.
        words.find(|text| Some(*text) != title && Some(*text) != code.as_deref())
    });
    let (fields, mut cut) = fields::find(&body.document, &layers);
    let title = title.map(|text| bounded(text, &mut cut));
    let detail = detail.map(|text| bounded(text, &mut cut));
    let instance = body.document.get("instance").and_then(Value::as_str);
    let instance = instance.filter(|reference| fits(reference, &mut cut));
    let type_reference = type_reference.filter(|reference| fits(reference, &mut cut));
    let lock = lock::find(&layers, status, &mut cut);
    Found {
        title: title.or_else(|| body.title.clone()),
        detail: detail.or_else(|| body.detail.clone()),
        instance: instance.map(str::to_owned),
        current: body
            .whole_values
            .then(|| layers.iter().find_map(current))
            .flatten(),
        type_reference,
        code,
        fields,
        cut,
        lock,
        wait: wait::find(&layers),
    }
}

/// Whether a URI reference is short enough. Half of one names something else, so it is not cut.
fn fits(reference: &str, cut: &mut bool) -> bool {
    let fits = reference.len() <= Problem::MAX_TEXT;
    *cut |= !fits;
    fits
}

/// The member `type`, where it is a URI reference and not a word of a dialect.
fn type_reference(
    document: &Value,
    layers: &[Layer<'_>],
    media_type: Option<&str>,
) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::trim).map(str::to_owned);
    let shaped =
        media_type.is_some_and(is_problem) || document.get("title").is_some_and(Value::is_string);
    let top = document.get("type").and_then(text);
    let inner = || {
        layers
            .iter()
            .skip(1)
            .find_map(|layer| layer.text(&["type"]))
    };
    top.filter(|name| !name.is_empty() && (shaped || is_uri(name)))
        .or_else(|| {
            inner()
                .filter(|name| name.contains("://"))
                .map(str::to_owned)
        })
}

fn is_uri(text: &str) -> bool {
    let plain = !text.contains(char::is_whitespace);
    plain && (text.contains(['/', '#']) || Url::parse(text).is_ok())
}

/// The title, or the phrase that older dialects have in `error`.
fn title<'a>(layers: &[Layer<'a>], status: StatusCode, code: Option<&str>) -> Option<&'a str> {
    let titled = layers.iter().find_map(|layer| layer.text(&["title"]));
    let phrase = || {
        let error = layers.first()?.text(&["error"])?;
        let is_phrase = error.contains(' ') || Some(error) == status.canonical_reason();
        (is_phrase && Some(error) != code).then_some(error)
    };
    titled.or_else(phrase)
}

/// The machine code of a layer.
fn code(layer: &Layer<'_>, status: StatusCode, type_reference: Option<&str>) -> Option<String> {
    let word = |names: &[&str]| {
        let values = layer.all(names).filter_map(|(_, value)| value.as_str());
        let mut words = values.map(str::trim).filter(|word| is_code(word));
        words
            .find(|word| Some(*word) != type_reference)
            .map(str::to_owned)
    };
    // There the status is repeated, as a number or in digits.
    let not_a_status = |code: &String| !code.parse::<u16>().is_ok_and(|n| (400..600).contains(&n));
    word(&["code"])
        .filter(not_a_status)
        .or_else(|| number(layer, &["code"]).filter(not_a_status))
        .or_else(|| word(&["errorcode", "scimtype"]))
        .or_else(|| number(layer, &["errorcode"]))
        // Spring and Kinto put the reason phrase there; CouchDB a code, which is in lower case.
        .or_else(|| {
            word(&["error"]).filter(|code| Some(code.as_str()) != status.canonical_reason())
        })
        .or_else(|| word(&["reason"]))
        .or_else(|| word(&["status"]).filter(not_a_status))
        .or_else(|| word(&["type"]).filter(|code| !is_uri(code)))
        .or_else(|| word(&["errno"]))
        .or_else(|| number(layer, &["errno"]))
        // Elsewhere than in an error class a name is the user's data.
        .or_else(|| {
            word(&["name"]).filter(|name| name.ends_with("Error") || name.ends_with("Exception"))
        })
}

fn number(layer: &Layer<'_>, names: &[&str]) -> Option<String> {
    let mut numbers = layer
        .all(names)
        .filter(|(_, value)| value.is_i64() || value.is_u64());
    numbers.next().map(|(_, value)| value.to_string())
}

/// Whether a text can be a code: one word, and not only "it failed".
pub(super) fn is_code(text: &str) -> bool {
    const EMPTY_WORDS: [&str; 7] = ["error", "err", "failure", "failed", "fail", "false", "true"];
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !text.is_empty()
        && text.len() <= LONGEST_CODE
        && !text.contains(odd)
        && !EMPTY_WORDS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
}

fn code_header(headers: &HeaderMap) -> Option<String> {
    CODE_HEADERS.iter().find_map(|name| {
        // AWS puts a URL behind a colon.
        let code = headers.get(*name)?.to_str().ok()?.split(':').next()?.trim();
        is_code(code).then(|| code.to_owned())
    })
}

/// Where a layer has the current state: an object with something in it. A `null` says that there is
/// none, and a single word is the name of a state.
fn current(layer: &Layer<'_>) -> Option<String> {
    let is_state = |value: &Value| value.as_object().is_some_and(|state| !state.is_empty());
    let state = |layer: &Layer<'_>| {
        let mut states = layer.all(&CURRENT).filter(|(_, value)| is_state(value));
        states.next().map(|(name, _)| layer.child(name))
    };
    state(layer).or_else(|| layer.objects(&CURRENT_IN).iter().find_map(state))
}
