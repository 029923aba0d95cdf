//! What a reply proves about the stored state: a function of the request and the reply, without I/O.
//!
//! A validator is cached only with the document that it names. Which document that is, a reply to a read
//! says by itself. A reply to a write says it by its body, if that shows the resource; or, without such a
//! body, by the rule that a server may send a validator in reply to a `PUT` only if it stored what was sent
//! without any transformation (RFC 9110 9.3.4). Servers break that rule (they compute members and send the
//! tag all the same), so a snapshot that no read has shown yet is marked as [unread], and the first read
//! checks it.
//!
//! The body of a successful reply *shows the resource* if the reply says so (`Content-Location` with the
//! address of the resource, RFC 9110 8.7; `Preference-Applied: return=representation`, RFC 7240 3), or if it
//! has a member in common with what was sent, besides `id` and the version. Otherwise it is a report about
//! the write.
//!
//! | the reply (2xx) | proves | reason |
//! |---|---|---|
//! | the version that was to be replaced (also weakened, or with `-gzip`), and no change of ours in the body | [`Contradicted`]`(Unmoved)` | a stored change has another version (8.8.1) |
//! | a body in which each place that we changed is as it was before | [`Contradicted`]`(Before)` | the state before, or a refusal without words |
//! | `PUT` of something new, not a 201, and a body that has none of the texts, numbers and `true`s that were sent | [`Contradicted`]`(Before)` | something was there (9.3.4 asks for 201), and the condition was ignored |
//! | a `Content-Location` elsewhere | [`StoredUnseen`]`(Sent)` | the body is another resource (8.7) |
//! | a body with another `id`, or another identity | [`Contradicted`]`(Another)` | it is about another resource |
//! | the setting `returns_stored`; a version and a body | [`Stored`]`(Shown)` | the user vouches for the body |
//! | the setting `stores_as_sent(false)`, or a read showed a difference before | [`StoredUnseen`] | the tag names a document that is not in our hands |
//! | a version, and a body with all that was sent and nothing that is new | [`Stored`]`(Shown)` | it is the representation; values that the server computed may differ |
//! | the same with members that are new, and the reply says that it is the representation | [`Stored`]`(Shown)` | 8.7; RFC 7240 3 |
//! | the same, and the reply does not say so | [`StoredUnseen`]`(Shown)` | the members may be the reply's alone (`warnings`), and must not be written back |
//! | a body that lacks what was sent, or shows it in another shape | [`StoredUnseen`]`(Sent)` | the next write would remove what is only not shown here |
//! | a body that shows some of our changes, and at others what was there before | [`StoredUnseen`]`(Sent)` | old parts in the reply must not take the edit back |
//! | `PUT`, a version, no body or a report | [`Stored`]`(Sent)` | 9.3.4 |
//! | `PATCH` or `POST`, a version, no body or a report | [`StoredUnseen`]`(Sent)` | the version names a document that was never sent (RFC 5789 2.1) |
//! | no version | [`StoredUnseen`] | success (15.3), but nothing names what is stored |
//!
//! [`Contradicted`] leads to a read, which tells; [`StoredUnseen`] to a read before the next write.
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
use crate::store::StoredSnapshot;

/// One write and the successful reply to it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Claim<'a> {
    pub(crate) method: &'a Method,
    /// The version that the write was pinned to.
    pub(crate) onto: Option<&'a Validator>,
    /// What was there before, as far as it is known.
    pub(crate) base: Option<&'a Document>,
    /// What the resource is if this was stored as sent.
    pub(crate) sent: &'a Document,
    /// The version that the reply tells, if a condition can use it.
    pub(crate) version: Option<&'a Validator>,
    /// The reply has the tag of the version that was to be replaced, weakened or with the suffix of a proxy.
    pub(crate) unmoved: bool,
    /// The document in the body of the reply.
    pub(crate) shown: Option<&'a Document>,
    /// The reply says that its body is the resource.
    pub(crate) named: bool,
    /// The reply says that the resource was created (201).
    pub(crate) created: bool,
    /// The body is known to be of another object.
    pub(crate) another: bool,
    /// Pointers to members that a server gives to every new document: its id, its version.
    pub(crate) given: &'a [&'a str],
    /// Whether documents are stored as they are sent; `None`: the server is taken at its word.
    pub(crate) as_sent: Option<bool>,
    /// Bodies of replies show what is stored.
    pub(crate) as_shown: bool,
}

/// What a successful reply proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// This document is what is stored, under the version that the reply tells.
    Stored(EvidenceDocument),
    /// It is stored, and nothing tells under which version or exactly how; this comes closest.
    StoredUnseen(EvidenceDocument),
    /// The reply does not fit its status: a read tells.
    Contradicted(Contradiction),
}

/// One of the two documents at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EvidenceDocument {
    Sent,
    Shown,
}

/// Why a reply is no success although its status says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contradiction {
    /// It tells the version that was to be replaced.
    Unmoved,
    /// It shows what was there before.
    Before,
    /// It shows another resource.
    Another,
}

impl Contradiction {
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Unmoved => {
                "the server answered with success and with the version that was to be replaced, and a read shows nothing of the write"
            }
            Self::Before => {
                "the server answered with success and with what was there before, and a read shows nothing of the write"
            }
            Self::Another => {
                "the server answered with success and with another resource, and a read shows nothing of the write"
            }
        }
    }
}

/// Weighs a successful reply to a write of a document.
pub(crate) fn weigh(claim: &Claim<'_>) -> Evidence {
    let view = view(claim);
    let moves = view.is_some_and(|view| view.moves);
    // Asked last: it may have to read both documents.
    let changed = || claim.base.is_some_and(|base| is_changed(base, claim.sent));
    let unmoved = claim.unmoved || (claim.onto.is_some() && claim.onto == claim.version);
    if unmoved && !moves && changed() {
        return Evidence::Contradicted(Contradiction::Unmoved);
    }
    let Some(view) = view else {
        let named = claim.method == Method::PUT && claim.version.is_some();
        return if named && claim.as_sent != Some(false) {
            Evidence::Stored(EvidenceDocument::Sent)
        } else {
            Evidence::StoredUnseen(EvidenceDocument::Sent)
        };
    };
    if is_another(claim) {
        return Evidence::Contradicted(Contradiction::Another);
    }
    if (view.keeps && !moves && changed()) || is_found(claim) {
        return Evidence::Contradicted(Contradiction::Before);
    }
    // A version that has not moved names what was there before.
    let fresh = claim.version.is_some() && !unmoved;
    if fresh && claim.as_shown {
        return Evidence::Stored(EvidenceDocument::Shown);
    }
    let whole = !view.lacks && !view.keeps;
    if fresh && claim.as_sent != Some(false) {
        if whole && (!view.adds || claim.named) {
            return Evidence::Stored(EvidenceDocument::Shown);
        }
        if claim.as_sent == Some(true) && claim.method == Method::PUT {
            return Evidence::Stored(EvidenceDocument::Sent);
        }
    }
    // The draft of a `POST` need not be a resource at all, and what the reply shows is one.
    let of_post = claim.method == Method::POST;
    let shown = whole || of_post || (claim.named && !view.keeps) || claim.as_shown;
    Evidence::StoredUnseen(if shown {
        EvidenceDocument::Shown
    } else {
        EvidenceDocument::Sent
    })
}

/// Whether there was something to change. Where a server stores no `null`, there is not if one was written
/// for a missing member.
fn is_changed(base: &Document, sent: &Document) -> bool {
    base != sent && !Likeness::of(None, sent, base, &[]).is_same()
}

/// How the body shows what was sent; `None`: it does not show the resource.
fn view(claim: &Claim<'_>) -> Option<Likeness> {
    let shown = claim.shown?;
    let names = claim
        .given
        .iter()
        .filter_map(|given| given.strip_prefix('/'));
    let names: Vec<&str> = names.collect();
    let mut view = Likeness::of(claim.base, claim.sent, shown, &names);
    let is_view = view.shares || claim.named || claim.as_shown || view.is_same();
    if view.adds && is_view {
        // What each document has of the server is no member of the reply alone.
        let lacks = |pointer: &&&str| claim.sent.pointer(pointer).is_none();
        let given = claim.given.iter().filter(lacks);
        let bare = given.fold(shown.clone(), |shown, given| shown.without(given));
        view.adds = Likeness::of(claim.base, claim.sent, &bare, &names).adds;
    }
    is_view.then_some(view)
}

/// Whether a creation shows what was there already: nothing of what was sent, but for its address.
fn is_found(claim: &Claim<'_>) -> bool {
    let creates = claim.method == Method::PUT && claim.base.is_none() && !claim.created;
    let Some(shown) = claim.shown.filter(|_| creates) else {
        return false;
    };
    let bare = |document: &Document| {
        let given = claim.given.iter();
        given.fold(document.clone(), |bare, at| bare.without(at))
    };
    let view = Likeness::of(None, &bare(claim.sent), &bare(shown), &[]);
    view.refutes && !view.agrees
}

fn is_another(claim: &Claim<'_>) -> bool {
    let id = |document: Option<&Document>| document?.pointer("/id")?.as_id();
    let (sent, shown) = (id(Some(claim.sent)), id(claim.shown));
    let renamed = claim.method != Method::POST
        && sent.is_some()
        && shown.is_some()
        && sent != shown
        && id(claim.base) == sent;
    claim.another || renamed
}

/// Whether a 304 with these headers is about this snapshot: it names its version, or none at all
/// (RFC 9110 15.4.5).
pub(crate) fn confirms(headers: &HeaderMap, known: &StoredSnapshot) -> bool {
    match &known.validator {
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

/// Whether a reply has the tag of this version, perhaps weakened or with the suffix of a proxy.
pub(crate) fn has_tag_of(headers: &HeaderMap, version: &Validator) -> bool {
    match (version, entity_tag_of(headers)) {
        (Validator::Tag(known), TagField::Found(found)) => is_the_same(&found, known),
        _ => false,
    }
}

/// Neither the mark of a weak tag nor a suffix that a proxy puts there makes it another one (13.1.2).
fn is_the_same(found: &EntityTag, known: &EntityTag) -> bool {
    let [found, known] = [found, known].map(|tag| {
        let bare = tag.without_gzip_suffix();
        bare.unwrap_or_else(|| tag.clone())
    });
    found.weak_eq(&known)
}

/// What the body of a successful reply is, before it is read as a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// A page for people, or nothing that says anything of the resource.
    Page,
    /// Problem Details (RFC 9457), which no success has.
    Problem,
    /// Anything else.
    Plain,
}

/// Looks at the body, not only at its label: frameworks call JSON and nothing at all HTML, and single-page
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

/// Whether markup is a page, whatever its label: comments and declarations may stand before its first element.
fn is_page(text: &[u8]) -> bool {
    const HEAD: usize = 1_024;
    const SIGNS: [&[u8]; 4] = [b"<!doctype html", b"<html", b"<head", b"<body"];
    let head = text.get(..HEAD).unwrap_or(text);
    SIGNS.iter().any(|sign| {
        let mut windows = head.windows(sign.len());
        windows.any(|window| window.eq_ignore_ascii_case(sign))
    })
}

/// Problem Details under another label: a title, the status of an error, and one member more of them.
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
