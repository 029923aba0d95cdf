//! A version, in one part or several, that is not in the validators of HTTP.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use super::FoundVersion;
use crate::json::Document;
use crate::protocol::{EntityTag, Validator};

/// One part of a version: where responses contain it, and where requests send it.
#[derive(Clone, Debug)]
pub(super) struct VersionPart {
    pub(super) source: VersionSource,
    /// Where the response to a write has it, if elsewhere.
    pub(super) reply: Option<String>,
    pub(super) sent: VersionTarget,
    /// Where a `DELETE` sends it, if elsewhere.
    pub(super) removal: Option<VersionTarget>,
    pub(super) spelling: VersionSpelling,
    /// Whether a body has it as a number, also if the response had it as a text.
    pub(super) is_number: bool,
}

/// How a request spells a part of the version.
#[derive(Clone, Default)]
pub(super) enum VersionSpelling {
    /// As in the response.
    #[default]
    Same,
    /// As the next whole number. A removal creates no next version and sends the number that was read.
    Next,
    By(Arc<dyn Fn(&str) -> String + Send + Sync>),
}

impl fmt::Debug for VersionSpelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "Same",
            Self::Next => "Next",
            Self::By(_) => "By(_)",
        })
    }
}

impl VersionSpelling {
    /// The version as a request spells it, or `None` if there is no next number.
    fn of(&self, version: &str, removal: bool) -> Option<String> {
        match self {
            Self::Next if !removal => {
                let digits = version.bytes().all(|byte| byte.is_ascii_digit());
                let number = version.parse::<u128>().ok().filter(|_| digits)?;
                Some(number.checked_add(1)?.to_string())
            }
            Self::Same | Self::Next => Some(version.to_owned()),
            Self::By(spell) => Some(spell(version)),
        }
    }
}

/// A part of a version with its place in a request.
#[derive(Debug)]
pub(crate) struct PlacedPart<'a> {
    pub(crate) target: &'a VersionTarget,
    /// As the request spells it.
    pub(crate) value: String,
    /// As in the response.
    pub(crate) received: String,
    /// Where a representation has it, if it is in the body.
    pub(crate) origin: Option<&'a str>,
    /// Whether a body has it as a number in any case.
    pub(crate) is_number: bool,
}

/// Where a response contains a part of the version.
#[derive(Clone, Debug)]
pub(super) enum VersionSource {
    Body(String),
    Header(HeaderName),
}

/// Where a request sends a part of the version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VersionTarget {
    /// A member of the body, by its JSON Pointer.
    Body(String),
    Header(HeaderName),
    Query(String),
    /// `If-Match`, in quotes.
    Tag,
}

impl VersionPart {
    pub(super) fn of(source: VersionSource) -> Self {
        let sent = match &source {
            VersionSource::Body(pointer) => VersionTarget::Body(pointer.clone()),
            VersionSource::Header(name) => VersionTarget::Header(name.clone()),
        };
        Self {
            source,
            reply: None,
            sent,
            removal: None,
            spelling: VersionSpelling::default(),
            is_number: false,
        }
    }

    /// Places this part of a version in a request.
    pub(super) fn placed(
        &self,
        received: String,
        is_removal: bool,
    ) -> Result<PlacedPart<'_>, &'static str> {
        let target = self.target(is_removal).ok_or(NO_BODY)?;
        let value = self.spelling.of(&received, is_removal).ok_or(NO_NEXT)?;
        let value = match target {
            VersionTarget::Tag => quoted(&value).ok_or(NO_TAG)?,
            _ => value,
        };
        Ok(PlacedPart {
            target,
            value,
            received,
            origin: match &self.source {
                VersionSource::Body(pointer) => Some(pointer),
                VersionSource::Header(_) => None,
            },
            is_number: self.is_number,
        })
    }

    /// Where the request sends it, or `None` if a removal has no body for it.
    fn target(&self, removal: bool) -> Option<&VersionTarget> {
        match (&self.removal, &self.sent) {
            (Some(own), _) if removal => Some(own),
            (None, VersionTarget::Body(_)) if removal => None,
            (_, sent) => Some(sent),
        }
    }

    fn of_read(&self, headers: &HeaderMap, body: Option<&Document>) -> Result<String, Lack> {
        match (&self.source, body) {
            (VersionSource::Header(name), _) => of_header(headers, name),
            (VersionSource::Body(pointer), Some(body)) => of_field(body, pointer),
            (VersionSource::Body(_), None) => Err(Lack::Missing),
        }
    }

    fn of_reply(&self, headers: &HeaderMap, body: Option<&Document>) -> Result<String, Lack> {
        match (&self.reply, body) {
            (Some(reply), Some(body)) => match of_field(body, reply) {
                Err(Lack::Missing) => self.of_read(headers, Some(body)),
                found => found,
            },
            _ => self.of_read(headers, body),
        }
    }

    /// The pointer at which a representation has it.
    pub(super) fn pointer(&self) -> Option<&str> {
        match &self.source {
            VersionSource::Body(pointer) => Some(pointer),
            VersionSource::Header(_) => None,
        }
    }

    /// The part as the body of a response spells it, and the pointer at which a representation has it.
    pub(super) fn spelt_in(&self, body: &Document) -> Option<(&str, Document)> {
        let VersionSource::Body(pointer) = &self.source else {
            return None;
        };
        let reply = self.reply.as_ref().and_then(|reply| body.pointer(reply));
        Some((pointer, reply.or_else(|| body.pointer(pointer))?))
    }
}

const NO_TAG: &str = "its version contains a quote, which an entity tag cannot";
const NO_BODY: &str =
    "a removal has no body for the version; set `Versioning::query` or `Versioning::delete_body`";
const NO_NEXT: &str = "its version is not a whole number, so there is no next one to send";

/// A version as an entity tag. Some bodies contain it with its quotes (Cosmos DB), others without.
///
/// A quote inside would end the tag, and the rest would be a second one. `If-Match` with two tags means "any
/// of these", which does not pin the version.
fn quoted(version: &str) -> Option<String> {
    if version.starts_with('"') || version.starts_with("W/\"") {
        let tag = EntityTag::from_bytes(version.as_bytes())?;
        return tag.is_well_formed().then(|| version.to_owned());
    }
    (!version.contains('"')).then(|| format!("\"{version}\""))
}

/// The reason for a missing part.
enum Lack {
    Missing,
    Unusable(&'static str),
}

/// The version of a representation.
pub(super) fn of_read(parts: &[VersionPart], headers: &HeaderMap, body: &Document) -> FoundVersion {
    joined(parts.iter().map(|part| part.of_read(headers, Some(body))))
}

/// The version in the response to a write.
pub(super) fn of_reply(
    parts: &[VersionPart],
    headers: &HeaderMap,
    body: Option<&Document>,
) -> FoundVersion {
    joined(parts.iter().map(|part| part.of_reply(headers, body)))
}

/// Joins the parts. If one is missing, there is no version.
fn joined(parts: impl Iterator<Item = Result<String, Lack>>) -> FoundVersion {
    match parts.collect::<Result<Vec<String>, Lack>>() {
        Ok(values) => FoundVersion::Version(Validator::Version(join(values))),
        Err(Lack::Missing) => FoundVersion::Nothing,
        Err(Lack::Unusable(why)) => FoundVersion::Unusable {
            becomes_usable: false,
            why,
        },
    }
}

/// A single part is its text. Several parts are a JSON array of their texts.
fn join(mut values: Vec<String>) -> String {
    match values.as_mut_slice() {
        [single] => std::mem::take(single),
        _ => Value::from(values).to_string(),
    }
}

/// The parts of a version, or `None` if their number differs.
pub(super) fn split(version: &str, parts: usize) -> Option<Vec<String>> {
    if parts == 1 {
        return Some(vec![version.to_owned()]);
    }
    let values: Vec<String> = serde_json::from_str(version).ok()?;
    (values.len() == parts).then_some(values)
}

fn of_header(headers: &HeaderMap, name: &HeaderName) -> Result<String, Lack> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().ok_or(Lack::Missing)?;
    if values.any(|value| value != first) {
        return Err(Lack::Unusable(
            "its version header has two different values",
        ));
    }
    match first.to_str().map(str::trim) {
        Ok("") => Err(Lack::Missing),
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Lack::Unusable("its version header is not plain ASCII")),
    }
}

fn of_field(body: &Document, pointer: &str) -> Result<String, Lack> {
    let found = body.pointer(pointer).ok_or(Lack::Missing)?;
    match found.to_value() {
        Value::String(text) => Ok(text),
        // Kept as text, so that a version of twenty digits keeps all of them.
        Value::Number(_) => Ok(found.as_str().to_owned()),
        Value::Null => Err(Lack::Missing),
        _ => Err(Lack::Unusable(
            "its version field is neither a string nor a number",
        )),
    }
}
