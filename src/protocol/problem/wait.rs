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

/// Reads a number in parts of a second, a text with such a number, or an object with seconds and nanoseconds
/// (gRPC). Units in the text count (`"3.5s"`, `"250ms"`, `"1m30s"`).
fn seconds(value: &Value, parts: f64) -> Option<f64> {
    match value {
        Value::Number(number) => Some(number.as_f64()? / parts),
        Value::String(text) => {
            let text = text.trim();
            let number = text
                .parse()
                .map_or_else(|_| with_units(text), |n: f64| Some(n / parts));
            number.filter(|number| !number.is_nan())
        }
        Value::Object(members) => {
            let part = |name: &str| members.get(name).and_then(|part| seconds(part, 1.0));
            let whole = part("seconds")?;
            Some(whole + part("nanos").unwrap_or_default() / 1e9)
        }
        _ => None,
    }
}

/// The units of a wait, in seconds. The first that fits counts.
const UNITS: [(&str, f64); 4] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// The sum of several numbers, each with its unit.
fn with_units(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, None);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let (unit, seconds) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        sum = Some(sum.unwrap_or_default() + number.parse::<f64>().ok()? * seconds);
        rest = behind.get(unit.len()..)?.trim_start();
    }
    sum
}
