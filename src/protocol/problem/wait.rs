//! Reads how long a body asks the client to wait, in addition to `Retry-After` or instead of it.

use std::time::Duration;

use serde_json::Value;

use super::layers::Layer;
use crate::protocol::headers::LONGEST_WAIT;

/// Names of a wait in seconds.
const SECONDS: [&str; 13] = [
    "retryafter",
    "retryafterseconds",
    "retryafterinseconds",
    "retryaftersec",
    "retryaftersecs",
    "retryin",
    "retryinseconds",
    "retrydelay",
    "retrydelayseconds",
    "backoff",
    "backoffseconds",
    "waitseconds",
    "secondstowait",
];
/// Names of a wait in milliseconds.
const MILLISECONDS: [&str; 10] = [
    "retryafterms",
    "retryaftermsec",
    "retryaftermillis",
    "retryaftermilliseconds",
    "retryafterinmilliseconds",
    "retryinms",
    "retryinmilliseconds",
    "retrydelayms",
    "backoffms",
    "waitms",
];

/// Members that may contain a wait, such as the parameters or details of the error.
const WITHIN: [&str; 9] = [
    "details",
    "parameters",
    "params",
    "extensions",
    "metadata",
    "meta",
    "data",
    "context",
    "properties",
];

/// Finds the longest wait that any layer asks for. Members inside the layer are included, as an object
/// (Kubernetes) or a list of objects (Google).
pub(super) fn find(layers: &[Layer<'_>]) -> Option<Duration> {
    let of_layer = |layer: &Layer<'_>| {
        let inner = layer.objects(&WITHIN);
        let listed = layer
            .all(&WITHIN)
            .filter_map(|(_, value)| value.as_array())
            .flatten()
            .filter_map(Value::as_object)
            .map(|object| Layer::new(String::new(), object));
        listed
            .chain(inner)
            .filter_map(|inner| wait_of(&inner))
            .chain(wait_of(layer))
            .max()
    };
    layers.iter().filter_map(of_layer).max()
}

fn wait_of(layer: &Layer<'_>) -> Option<Duration> {
    let read = |names: &[&str], parts: f64| {
        let mut values = layer.all(names);
        values.find_map(|(_, value)| seconds(value, parts))
    };
    let seconds = read(&SECONDS, 1.0).or_else(|| read(&MILLISECONDS, 1000.0))?;
    // A negative or endless number is not a wait.
    let wait = Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT.as_secs_f64()));
    wait.ok()
}

/// Reads a number in parts of a second, or a text with such a number. A unit after it counts (`"3.5s"`,
/// `"250ms"`).
fn seconds(value: &Value, parts: f64) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number.as_f64()? / parts),
        Value::String(text) => {
            let text = text.trim();
            let (number, parts) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
                (Some(number), _) => (number, 1000.0),
                (None, Some(number)) => (number, 1.0),
                (None, None) => (text, parts),
            };
            let number: f64 = number.trim_end().parse().ok()?;
            Some(number / parts).filter(|number| !number.is_nan())
        }
        _ => None,
    }
}
