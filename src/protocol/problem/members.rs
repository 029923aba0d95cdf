//! Reads what the dialects have in common: a type, words, a machine code, the current state.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::Problem;
use super::body::ProblemBody;
use super::fields::{self, FieldError};
use super::layers::{CURRENT, Layer, layers};
use super::lock::{self, Lock};
use super::text::{bounded, is_uri};
use super::{code, detail, wait};
use crate::protocol::headers::is_problem;

/// The members that were found in a body.
#[derive(Debug, Default)]
pub(super) struct ProblemMembers {
    pub(super) type_reference: Option<String>,
    pub(super) title: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) code: Option<String>,
    pub(super) fields: Vec<FieldError>,
    /// Whether a text was too long, or the errors of fields exceeded their limit.
    pub(super) is_cut: bool,
    /// Where the current state lies, as a JSON Pointer.
    pub(super) current: Option<String>,
    pub(super) lock: Lock,
    /// How long the body asks the client to wait.
    pub(super) wait: Option<Duration>,
}

/// Members in which the current state may lie.
const CURRENT_IN: [&str; 5] = ["details", "data", "context", "meta", "conflict"];

pub(super) fn find(
    body: &ProblemBody,
    status: StatusCode,
    headers: &HeaderMap,
    media_type: Option<&str>,
) -> ProblemMembers {
    let layers = layers(&body.document);
    let type_reference = type_reference(&body.document, &layers, media_type);
    let code = code::find(&layers, status, headers, type_reference.as_deref());
    let title = title(&layers, status, code.as_deref());
    // A text that is already the title or the code adds nothing as the detail.
    let says_more = |text: &str| Some(text) != title && Some(text) != code.as_deref();
    let detail = detail::find(&layers, says_more);
    let (fields, mut cut) = fields::find(&body.document, &layers);
    let title = title.map(|text| bounded(text, &mut cut));
    let detail = detail.map(|text| bounded(text, &mut cut));
    let instance = body.document.get("instance").and_then(Value::as_str);
    let instance = instance.filter(|reference| fits(reference, &mut cut));
    let type_reference = type_reference.filter(|reference| fits(reference, &mut cut));
    let lock = lock::find(&layers, status, &mut cut);
    ProblemMembers {
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
        is_cut: cut,
        lock,
        wait: wait::find(&layers),
    }
}

/// Whether a URI reference is short enough. It is never cut, because part of a reference names something
/// else.
fn fits(reference: &str, cut: &mut bool) -> bool {
    let fits = reference.len() <= Problem::MAX_TEXT;
    *cut |= !fits;
    fits
}

/// The member `type`, if it is a URI reference and not a word of a dialect.
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

/// The pointer to the current state in a layer, which is an object with members. A `null` means that there is
/// no state, and a single word is the name of a state.
fn current(layer: &Layer<'_>) -> Option<String> {
    let is_state = |value: &Value| value.as_object().is_some_and(|state| !state.is_empty());
    let state = |layer: &Layer<'_>| {
        let mut states = layer.all(&CURRENT).filter(|(_, value)| is_state(value));
        states.next().map(|(name, _)| layer.child(name))
    };
    state(layer).or_else(|| layer.objects(&CURRENT_IN).iter().find_map(state))
}
