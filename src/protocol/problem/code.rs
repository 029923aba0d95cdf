//! Finds the machine code of a refusal: a word or number that distinguishes it from others with the same
//! status.

use http::{HeaderMap, StatusCode};

use super::layers::Layer;
use super::text::is_uri;

/// Header fields in which services have the code. A body may have only the class of the error beside it (Lambda:
/// `{"Type": "User"}`).
const HEADERS: [&str; 2] = ["x-ms-error-code", "x-amzn-errortype"];

/// The longest machine code, in bytes.
const LONGEST: usize = 128;

/// Names for a code that have no other meaning.
const PLAIN: [&str; 11] = [
    "errorcode",
    "faultcode",
    "errcode",
    "scimtype",
    "errortype",
    "errorname",
    "errorkey",
    "errorid",
    "exceptiontype",
    "exceptionname",
    "exceptioncode",
];

/// Returns the code in the header, otherwise the code of the outermost layer that has one.
pub(super) fn find(
    layers: &[Layer<'_>],
    status: StatusCode,
    headers: &HeaderMap,
    type_reference: Option<&str>,
) -> Option<String> {
    let of_layer = |layer: &Layer<'_>| {
        let reader = Reader {
            layer,
            status,
            type_reference,
        };
        // GraphQL has it in `errors[0].extensions.code`.
        let extensions = || {
            let inner = layer.objects(&["extensions"]);
            let inner = inner.first()?;
            Reader {
                layer: inner,
                ..reader
            }
            .named()
        };
        let own = reader.named();
        own.or_else(extensions).or_else(|| reader.implied())
    };
    of_headers(headers).or_else(|| layers.iter().find_map(of_layer))
}

#[derive(Clone, Copy)]
struct Reader<'a, 'b> {
    layer: &'b Layer<'a>,
    status: StatusCode,
    type_reference: Option<&'b str>,
}

impl Reader<'_, '_> {
    /// The code in a member that only has codes.
    fn named(&self) -> Option<String> {
        let in_range = |code: &String| {
            // Here the status may be repeated, as a number or in digits.
            !code.parse::<u16>().is_ok_and(|n| (400..600).contains(&n))
        };
        self.word(&["code"])
            .filter(in_range)
            .or_else(|| self.number(&["code"]).filter(in_range))
            .or_else(|| self.namespaced())
            .or_else(|| self.word(&PLAIN).filter(|code| !self.is_status(code)))
            .or_else(|| self.number(&PLAIN).filter(|code| !self.is_status(code)))
    }

    /// The code in a member that also has other uses.
    fn implied(&self) -> Option<String> {
        let phrase = self.status.canonical_reason();
        // Spring and Kinto put the reason phrase in `error`. CouchDB puts a code in lower case there.
        self.word(&["error"])
            .filter(|code| Some(code.as_str()) != phrase)
            .or_else(|| self.word(&["reason"]))
            .or_else(|| self.word(&["status"]).filter(|code| !digits(code)))
            .or_else(|| self.word(&["type"]).filter(|code| !is_uri(code)))
            .or_else(|| self.word(&["errno"]))
            .or_else(|| self.number(&["errno"]).filter(|code| !self.is_status(code)))
            .or_else(|| self.word(&["category", "exception"]))
            // A name that is not an error class is user data.
            .or_else(|| self.word(&["name"]).filter(|name| is_class(name)))
            // An id is a code if it is a word, and not if it is the number of one occurrence.
            .or_else(|| self.word(&["id"]).filter(|id| self.is_named_by(id)))
    }

    /// AWS: `{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}`.
    fn namespaced(&self) -> Option<String> {
        let typed = self.layer.exactly("__type")?.as_str()?;
        Some(bare(typed))
            .filter(|code| is_code(code))
            .map(str::to_owned)
    }

    fn word(&self, names: &[&str]) -> Option<String> {
        let values = self.layer.all(names);
        let values = values.filter_map(|(_, value)| value.as_str());
        let words = values.map(|text| numbered(text.trim()));
        let mut words = words.filter(|word| is_code(word));
        words
            .find(|word| Some(*word) != self.type_reference)
            .map(str::to_owned)
    }

    fn number(&self, names: &[&str]) -> Option<String> {
        let values = self.layer.all(names);
        let mut numbers = values.filter(|(_, value)| value.is_i64() || value.is_u64());
        numbers.next().map(|(_, value)| value.to_string())
    }

    /// Whether the code only repeats the status of the response.
    fn is_status(&self, code: &str) -> bool {
        code == self.status.as_str()
    }

    /// Whether an `id` names the error: a word in an object that also has a message.
    fn is_named_by(&self, id: &str) -> bool {
        let word = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-' | '.');
        let says = self
            .layer
            .text(&["message", "detail", "description", "msg"]);
        id.chars().all(word) && id.len() > 2 && says.is_some()
    }
}

/// The number before the class of an exception (`SharePoint`: `-2130575305, Microsoft.SharePoint.SPException`).
fn numbered(text: &str) -> &str {
    let number = text.split_once(", ").map(|(number, _)| number);
    number
        .filter(|number| number.parse::<i64>().is_ok())
        .unwrap_or(text)
}

fn digits(code: &str) -> bool {
    code.parse::<u16>().is_ok_and(|n| (400..600).contains(&n))
}

fn is_class(name: &str) -> bool {
    name.ends_with("Error") || name.ends_with("Exception")
}

/// An AWS code without the namespace before it and the address after it.
fn bare(code: &str) -> &str {
    let code = code.split_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code).trim()
}

/// Whether a text can be a code: one word that says more than "failed".
pub(super) fn is_code(text: &str) -> bool {
    const EMPTY_WORDS: [&str; 7] = ["error", "err", "failure", "failed", "fail", "false", "true"];
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !text.is_empty()
        && text.len() <= LONGEST
        && !text.contains(odd)
        && !EMPTY_WORDS
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
}

fn of_headers(headers: &HeaderMap) -> Option<String> {
    HEADERS.iter().find_map(|name| {
        let code = bare(headers.get(*name)?.to_str().ok()?);
        is_code(code).then(|| code.to_owned())
    })
}
