//! How long a body asks to wait, beside or instead of `Retry-After`.

use std::time::Duration;

use serde_json::Value;

use super::super::retry_after::LONGEST_WAIT;
use super::layers::Layer;

/// Names of a wait in seconds.
const SECONDS: [&str; 6] = [
    "retryafter",
    "retryafterseconds",
    "retryaftersec",
    "retryaftersecs",
    "retryin",
    "retrydelay",
];
/// Names of a wait in milliseconds.
const MILLISECONDS: [&str; 3] = ["retryafterms", "retryaftermillis", "retryaftermilliseconds"];

/// The longest wait that any layer asks for, its `details` included: an object (Kubernetes) or a list
/// of objects (Google).
pub(super) fn find(layers: &[Layer<'_>]) -> Option<Duration> {
    let of_layer = |layer: &Layer<'_>| {
        let inner = layer.objects(&["details"]);
        let listed = layer
            .all(&["details"])
            .filter_map(|(_, value)| value.as_array())
            .flatten()
            .filter_map(Value::as_object)
            .map(|object| Layer::new(String::new(), object));
        listed
            .chain(inner)
            .filter_map(|inner| told(&inner))
            .chain(told(layer))
            .max()
    };
    layers.iter().filter_map(of_layer).max()
}

fn told(layer: &Layer<'_>) -> Option<Duration> {
    let read = |names: &[&str], unit: f64| {
        let mut values = layer.all(names);
        values.find_map(|(_, value)| Some(number(value)? * unit))
    };
    let seconds = read(&SECONDS, 1.0).or_else(|| read(&MILLISECONDS, 0.001))?;
    // Neither a negative nor an endless wait is one.
    let wait = Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64()));
    wait.ok()
}

/// A number, or one in text with the unit of seconds behind it (`"3.5s"`).
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let text = text.trim();
            let number: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
            Some(number).filter(|number| !number.is_nan())
        }
        _ => None,
    }
}
