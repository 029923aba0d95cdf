//! Determines what a response proves about the stored state, from the request and the response alone, without I/O.
//!
//! A validator is cached only with the document that it names. The response to a read contains that document. The
//! response to a write names it by its body, if the body shows the resource. Without such a body, a server may send
//! a validator in response to a `PUT` only if it stored what was sent without any transformation (RFC 9110 9.3.4).
//! Some servers break that rule: they compute members and send the tag anyway. So a snapshot that no read has shown
//! yet is marked as [unread], and the first read checks it.
//!
//! The body of a success response *shows the resource* if the response says so (`Content-Location` with the address
//! of the resource, RFC 9110 8.7; `Preference-Applied: return=representation`, RFC 7240 3), or if it has a member
//! in common with what was sent, besides `id` and the version. Otherwise it is a report about the write.
//!
//! | response (2xx) | proves | reason |
//! |---|---|---|
//! | the version to be replaced (also weakened, or with `-gzip`), and no change of ours in the body | [`Contradicted`]`(Unmoved)` | a stored change has another version (8.8.1) |
//! | a body in which each place that we changed still has its previous value | [`Contradicted`]`(Before)` | the previous state, or an unstated refusal |
//! | `PUT` of something new, not a 201, and a body that has none of the texts, numbers and `true`s that were sent | [`Contradicted`]`(Before)` | a resource existed (9.3.4 requires 201), and the condition was ignored |
//! | a `Content-Location` of another resource | [`StoredUnseen`]`(Sent)` | the body is another resource (8.7) |
//! | a body with another `id`, or another identity | [`Contradicted`]`(Another)` | the body is about another resource |
//! | the setting `returns_stored`; a version and a body | [`Stored`]`(Shown)` | the user vouches for the body |
//! | the setting `stores_as_sent(false)`, or an earlier read that showed a difference | [`StoredUnseen`] | the tag names a document that the client does not have |
//! | a version, and a body with all that was sent and nothing new | [`Stored`]`(Shown)` | the body is the representation; values that the server computed may differ |
//! | the same with new members, and the response says that it is the representation | [`Stored`]`(Shown)` | 8.7; RFC 7240 3 |
//! | the same, and the response does not say so | [`StoredUnseen`]`(Shown)` | the members may belong to the response only (`warnings`), and must not be written back |
//! | a body that lacks what was sent, or shows it in another shape | [`StoredUnseen`]`(Sent)` | the next write would remove what is only missing here |
//! | a body that shows some of our changes, and the previous value at others | [`StoredUnseen`]`(Sent)` | old parts in the response must not revert the edit |
//! | `PUT`, a version, no body or a report | [`Stored`]`(Sent)` | 9.3.4; the same for the method of a route that replaces whole documents |
//! | a patch or a new resource by `POST`, a version, no body or a report | [`StoredUnseen`]`(Sent)` | the version names a document that was never sent (RFC 5789 2.1) |
//! | no version | [`StoredUnseen`] | success (15.3), but nothing names what is stored |
//!
//! [`Contradicted`] leads to a read that settles the write. [`StoredUnseen`] leads to a read before the next write.
//!
//! [unread]: crate::StoredSnapshot::unread
//! [`Stored`]: Evidence::Stored
//! [`StoredUnseen`]: Evidence::StoredUnseen
//! [`Contradicted`]: Evidence::Contradicted

use http::{HeaderMap, Method};
use ifmatch_merge::internal::Likeness;

use crate::json::Document;
use crate::protocol::{
    EntityTag, LastModified, TagField, Validator, entity_tag_of, essence, is_html, is_problem,
};

/// One write and its success response.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Claim<'a> {
    pub(crate) method: &'a Method,
    /// Whether the request replaces the resource by the whole document, by `PUT` or by the method of the route.
    pub(crate) replaces_whole: bool,
    /// The version that the write was pinned to.
    pub(crate) onto: Option<&'a Validator>,
    /// The previous document, as far as it is known.
    pub(crate) base: Option<&'a Document>,
    /// The resource if the write was stored as sent.
    pub(crate) sent: &'a Document,
    /// The version in the response, if a condition can use it.
    pub(crate) version: Option<&'a Validator>,
    /// Whether the response has the tag of the version to be replaced, weakened or with the suffix of a proxy.
    pub(crate) has_replaced_version: bool,
    /// The document in the body of the response.
    pub(crate) shown: Option<&'a Document>,
    /// Whether the response says that its body is the resource.
    pub(crate) body_is_resource: bool,
    /// Whether the response says that the resource was created (201).
    pub(crate) status_is_created: bool,
    /// Whether the body is known to show another object.
    pub(crate) shows_another: bool,
    /// Pointers to members that a server gives to every new document: its id, its version.
    pub(crate) server_members: &'a [&'a str],
    /// Whether documents are stored as they are sent. If `None`, the response of the server is trusted.
    pub(crate) stores_as_sent: Option<bool>,
    /// Whether the bodies of responses show what is stored.
    pub(crate) returns_stored: bool,
}

impl Claim<'_> {
    /// Whether a `POST` created a resource. An API may also write existing ones by `POST`.
    fn is_new_by_post(&self) -> bool {
        self.method == Method::POST && self.base.is_none()
    }
}

/// What a success response proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// This document is stored, under the version in the response.
    Stored(EvidenceDocument),
    /// The write is stored, but its version or exact form is not known. This document comes closest.
    StoredUnseen(EvidenceDocument),
    /// The response contradicts its status. A read is needed.
    Contradicted(Contradiction),
}

/// One of the two documents at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EvidenceDocument {
    Sent,
    Shown,
}

/// The reason why a response is not a success although its status says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// The response has the version that was to be replaced.
    Unmoved,
    /// The response shows the previous state.
    Before,
    /// The response shows another resource.
    Another,
}

impl Contradiction {
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Unmoved => {
                "the server reported success but returned the version that was to be replaced, and a read does not show the write"
            }
            Self::Before => {
                "the server reported success but returned the previous state, and a read does not show the write"
            }
            Self::Another => {
                "the server reported success but returned another resource, and a read does not show the write"
            }
        }
    }
}

/// Weighs a success response to a write of a document.
pub(crate) fn weigh(claim: &Claim<'_>) -> Evidence {
    let view = view(claim);
    let moves = view.is_some_and(|view| view.hides_previous);
    // A closure, because it may have to parse both documents and is rarely needed.
    let changed = || claim.base.is_some_and(|base| is_changed(base, claim.sent));
    let unmoved =
        claim.has_replaced_version || (claim.onto.is_some() && claim.onto == claim.version);
    if unmoved && !moves && changed() {
        return Evidence::Contradicted(Contradiction::Unmoved);
    }
    let Some(view) = view else {
        let named = claim.replaces_whole && claim.version.is_some();
        return if named && claim.stores_as_sent != Some(false) {
            Evidence::Stored(EvidenceDocument::Sent)
        } else {
            Evidence::StoredUnseen(EvidenceDocument::Sent)
        };
    };
    if is_another(claim) {
        return Evidence::Contradicted(Contradiction::Another);
    }
    if (view.shows_previous && !moves && changed()) || is_found(claim) {
        return Evidence::Contradicted(Contradiction::Before);
    }
    // A version that has not moved names the previous state.
    let fresh = claim.version.is_some() && !unmoved;
    if fresh && claim.returns_stored {
        return Evidence::Stored(EvidenceDocument::Shown);
    }
    let whole = !view.lacks_sent && !view.shows_previous;
    if fresh && claim.stores_as_sent != Some(false) {
        if whole && (!view.adds_members || claim.body_is_resource) {
            return Evidence::Stored(EvidenceDocument::Shown);
        }
        if claim.stores_as_sent == Some(true) && claim.replaces_whole {
            return Evidence::Stored(EvidenceDocument::Sent);
        }
    }
    // The draft of a `POST` need not be a complete resource, but the response shows one.
    let of_post = claim.is_new_by_post();
    let shown = whole
        || of_post
        || (claim.body_is_resource && !view.shows_previous)
        || claim.returns_stored;
    Evidence::StoredUnseen(if shown {
        EvidenceDocument::Shown
    } else {
        EvidenceDocument::Sent
    })
}

/// Whether the write changed anything. If the server stores no `null`, a `null` for a missing member is no change.
fn is_changed(base: &Document, sent: &Document) -> bool {
    base != sent && !Likeness::of(None, sent, base, &[]).is_same()
}

/// Compares the body with what was sent. Returns `None` if the body does not show the resource.
fn view(claim: &Claim<'_>) -> Option<Likeness> {
    let shown = claim.shown?;
    let names = claim
        .server_members
        .iter()
        .filter_map(|given| given.strip_prefix('/'));
    let names: Vec<&str> = names.collect();
    let mut view = Likeness::of(claim.base, claim.sent, shown, &names);
    // The body of a 201 to a `POST` is the new resource, whatever the draft had.
    let is_made = claim.is_new_by_post() && claim.status_is_created && shown.to_value().is_object();
    // Two texts or numbers have nothing in common unless they are the same. The previous one shows the resource too.
    let is_previous = claim.base.is_some_and(|base| base == shown);
    let is_view = view.shares_members
        || claim.body_is_resource
        || claim.returns_stored
        || is_made
        || is_previous
        || view.is_same();
    if view.adds_members && is_view {
        // Members that the server gives to every document do not count as additions of this response.
        let lacks = |pointer: &&&str| claim.sent.pointer(pointer).is_none();
        let given = claim.server_members.iter().filter(lacks);
        let bare = given.fold(shown.clone(), |shown, given| shown.without(given));
        view.adds_members = Likeness::of(claim.base, claim.sent, &bare, &names).adds_members;
    }
    is_view.then_some(view)
}

/// Whether the response to a creation shows a resource that existed before: apart from its address, it has nothing
/// of what was sent.
fn is_found(claim: &Claim<'_>) -> bool {
    let creates = claim.method == Method::PUT && claim.base.is_none() && !claim.status_is_created;
    let Some(shown) = claim.shown.filter(|_| creates) else {
        return false;
    };
    let bare = |document: &Document| {
        let given = claim.server_members.iter();
        given.fold(document.clone(), |bare, at| bare.without(at))
    };
    let view = Likeness::of(None, &bare(claim.sent), &bare(shown), &[]);
    view.contradicts_distinctive && !view.shows_distinctive
}

fn is_another(claim: &Claim<'_>) -> bool {
    let id = |document: Option<&Document>| document?.pointer("/id")?.as_id();
    let (sent, shown) = (id(Some(claim.sent)), id(claim.shown));
    let renamed = !claim.is_new_by_post()
        && sent.is_some()
        && shown.is_some()
        && sent != shown
        && id(claim.base) == sent;
    claim.shows_another || renamed
}

/// Whether a 304 with these headers is about a snapshot of this version. It must name that version, or none (RFC 9110
/// 15.4.5).
pub(crate) fn confirms(headers: &HeaderMap, known: Option<&Validator>) -> bool {
    match known {
        Some(Validator::Tag(tag)) => match entity_tag_of(headers) {
            TagField::Found(found) => is_the_same(&found, tag),
            TagField::Missing => true,
            TagField::Unusable(_) => false,
        },
        Some(Validator::LastModified(date)) => {
            LastModified::from_header(headers).is_none_or(|found| found == *date)
        }
        _ => true,
    }
}

/// Whether a response has the tag of this version, possibly weakened or with the suffix of a proxy.
pub(crate) fn has_tag_of(headers: &HeaderMap, version: &Validator) -> bool {
    match (version, entity_tag_of(headers)) {
        (Validator::Tag(known), TagField::Found(found)) => is_the_same(&found, known),
        _ => false,
    }
}

/// Compares tags, ignoring the weakness mark and a suffix added by a proxy (RFC 9110 13.1.2).
fn is_the_same(found: &EntityTag, known: &EntityTag) -> bool {
    let [found, known] = [found, known].map(|tag| {
        let bare = tag.without_gzip_suffix();
        bare.unwrap_or_else(|| tag.clone())
    });
    found.weak_eq(&known)
}

/// The kind of a success response's body, before it is parsed as a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// An HTML page, or a body that says nothing about the resource.
    Page,
    /// Problem Details (RFC 9457), which are never a success.
    Problem,
    /// Anything else.
    Plain,
}

/// Inspects the body, not only its media type. Frameworks label JSON and empty bodies as HTML, and single-page
/// applications answer every request with their page.
pub(crate) fn body(headers: &HeaderMap, body: &[u8], depth: usize) -> BodyKind {
    let essence = essence(headers);
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = text.trim_ascii_start();
    if essence.as_deref().is_some_and(is_problem) {
        return BodyKind::Problem;
    }
    let is_markup = text.first() == Some(&b'<');
    if is_markup && (essence.as_deref().is_some_and(is_html) || is_page(text)) {
        return BodyKind::Page;
    }
    if is_details(text, depth) {
        return BodyKind::Problem;
    }
    BodyKind::Plain
}

/// Whether markup is an HTML page, whatever its media type. Comments and declarations may precede its first
/// element.
fn is_page(text: &[u8]) -> bool {
    const HEAD: usize = 1_024;
    const SIGNS: [&[u8]; 4] = [b"<!doctype html", b"<html", b"<head", b"<body"];
    let head = text.get(..HEAD).unwrap_or(text);
    SIGNS.iter().any(|sign| {
        // Elements of other kinds of XML begin alike, such as `<header>`.
        let mut windows = head.windows(sign.len() + 1);
        windows.any(|window| {
            let (name, next) = window.split_at(sign.len());
            name.eq_ignore_ascii_case(sign) && !next.iter().any(u8::is_ascii_alphanumeric)
        })
    })
}

/// Whether a body is Problem Details under another media type: a title, the status of an error, and one more of
/// their members.
fn is_details(text: &[u8], depth: usize) -> bool {
    const STATUS: &[u8] = b"\"status\"";
    let named =
        text.first() == Some(&b'{') && text.windows(STATUS.len()).any(|window| window == STATUS);
    if !named {
        return false;
    }
    let Ok(document) = Document::parse_with_depth(text, depth) else {
        return false;
    };
    let text = |pointer| {
        document
            .pointer(pointer)
            .is_some_and(|it| it.to_value().is_string())
    };
    let status = document
        .pointer("/status")
        .and_then(|it| it.to_value().as_u64());
    let error = status.is_some_and(|status| (400..600).contains(&status));
    error && text("/title") && (text("/type") || text("/detail"))
}

#[cfg(test)]
mod tests;
