//! The change of a typed value, applied to the raw document that it was read from.

use super::conflict::same;
use super::diff;
use super::keyed::key_of;
use super::out::Out;
use super::plan::{Cursor, Plan};
use super::policy::Policy;
use super::rule::Rule;
use super::woven::woven;
use crate::json::{self, Document, Finder, Ids, Key, Node, Tape, Tree, View, WALKED_DEPTH};

/// Applies to `raw` what changed from `before` to `after`.
///
/// `before` is what a Rust type makes of `raw` when it reads and writes it again, `after` is the changed
/// value as the type writes it. Everything that the type does not know stays, at any depth, and so does
/// the text of every number and string that did not change. Elements of arrays are found again by their
/// declared key, else by alignment; elements replaced one to one and elements that moved keep what the
/// type does not know of them, too.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
/// use ifmatch::merge::{Policy, transplant};
///
/// let parse = |text: &str| Document::parse(text.as_bytes());
/// let raw = parse(r#"{"price": 1.10, "new_in_v2": true, "lines": [{"qty": 1, "note": "x"}]}"#)?;
/// let before = parse(r#"{"price":1.1,"lines":[{"qty":1}]}"#)?;
/// let after = parse(r#"{"price":1.1,"lines":[{"qty":2}]}"#)?;
/// let changed = transplant(&raw, &before, &after, &Policy::new());
/// assert_eq!(changed.as_str(), r#"{"price": 1.10, "new_in_v2": true, "lines": [{"qty": 2, "note": "x"}]}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn transplant(
    raw: &Document,
    before: &Document,
    after: &Document,
    policy: &Policy,
) -> Document {
    if before.same_text(after) {
        return raw.clone();
    }
    if before.same_text(raw) {
        // The type knows all of it and writes it in the same way.
        return after.clone();
    }
    let plan = Plan::of(policy);
    let (raw_tape, before, after) = (
        Tape::of_checked(raw.as_str()),
        Tape::of_checked(before.as_str()),
        Tape::of_checked(after.as_str()),
    );
    let root = raw_tape.root();
    let out = place(
        root,
        Some(before.root()),
        after.root(),
        Cursor::new(&plan),
        0,
    );
    if out.is(root) {
        return raw.clone();
    }
    let (text, value) = (raw.as_str(), root.range());
    let mut changed = String::with_capacity(text.len() + 64);
    changed.push_str(&text[..value.start]);
    out.write(&mut changed);
    changed.push_str(&text[value.end..]);
    Document::of_checked(changed)
}

fn place<'t>(
    raw: Node<'t>,
    before: Option<Node<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> Out<'t, Node<'t>> {
    if before.is_some_and(|before| same(before, after)) {
        return Out::Take(raw);
    }
    let kinds = (
        raw.view(),
        before.map_or(after.view(), Tree::view),
        after.view(),
    );
    match kinds {
        (View::Object, View::Object, View::Object) if depth < WALKED_DEPTH => {
            object(raw, before, after, cursor, depth)
        }
        (View::Array, View::Array, View::Array) if depth < WALKED_DEPTH => {
            array(raw, before, after, cursor, depth)
        }
        // The type says the same as the raw document, with other words.
        _ if same(raw, after) => Out::Take(raw),
        _ => Out::Take(after),
    }
}

fn object<'t>(
    raw: Node<'t>,
    before: Option<Node<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> Out<'t, Node<'t>> {
    let (rm, am) = (raw.members(), after.members());
    let bm = before.map(Tree::members).unwrap_or_default();
    let (mut in_raw, mut in_before, mut in_after) =
        (Finder::new(&rm), Finder::new(&bm), Finder::new(&am));
    // A member may stand in the raw document under an older name that the type reads too.
    let mut raw_name = |name: &str| {
        in_raw.get(name).or_else(|| {
            cursor
                .member(name)
                .aliases()
                .iter()
                .find_map(|alias| in_raw.get(alias))
        })
    };
    let mut source = vec![None; rm.len()];
    let mut added = Vec::new();
    let mut anchor_key = None;
    for (at, (key, value)) in am.iter().enumerate() {
        match raw_name(key.name) {
            Some(raw_at) => {
                source[raw_at] = Some(at);
                anchor_key = Some(raw_at);
            }
            // A default that the type filled in and nobody changed is no change.
            None if in_before
                .get(key.name)
                .is_some_and(|b| same(bm[b].1, *value)) => {}
            None => added.push((anchor_key, (*key, Out::Take(*value)))),
        }
    }
    let mut gone = vec![false; rm.len()];
    for (key, _) in &bm {
        if in_after.get(key.name).is_none()
            && let Some(raw_at) = raw_name(key.name)
        {
            gone[raw_at] = true;
        }
    }
    let mut out: Vec<(Key<'t>, Out<'t, Node<'t>>)> = Vec::with_capacity(rm.len() + added.len());
    let mut place_of = vec![0; rm.len()];
    let mut unchanged = added.is_empty();
    for (at, (key, raw)) in rm.iter().enumerate() {
        if gone[at] {
            unchanged = false;
        } else {
            let member = match source[at] {
                Some(after_at) => {
                    let (name, after) = (am[after_at].0.name, am[after_at].1);
                    let before = in_before.get(name).map(|b| bm[b].1);
                    place(*raw, before, after, cursor.member(name), depth + 1)
                }
                None => Out::Take(*raw),
            };
            unchanged = unchanged && member.is(*raw);
            out.push((*key, member));
        }
        place_of[at] = out.len();
    }
    if unchanged {
        return Out::Take(raw);
    }
    // A new member stands where the type writes it; in front of all others only if nothing precedes it.
    let first = if rm.is_empty() { 0 } else { out.len() };
    let added = added
        .into_iter()
        .map(|(anchor, member)| (anchor.map_or(first, |at: usize| place_of[at]), member));
    Out::Object {
        like: Some(raw),
        members: woven(out, added.collect()),
    }
}

fn array<'t>(
    raw: Node<'t>,
    before: Option<Node<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> Out<'t, Node<'t>> {
    let (re, ae) = (raw.elements(), after.elements());
    let be = before.map(Tree::elements).unwrap_or_default();
    // A type that drops or adds elements on reading leaves nothing to align by.
    if re.len() != be.len() {
        return Out::Take(after);
    }
    let partners = match cursor.rule(after.view()) {
        Rule::Keyed(by) => {
            let keys = |side: &[Node<'t>]| side.iter().map(|e| key_of(*e, by)).collect::<Vec<_>>();
            by_key(&keys(&be), &keys(&ae))
        }
        _ => None,
    };
    let partners = partners.unwrap_or_else(|| by_alignment(&be, &ae));
    let mut items = Vec::with_capacity(ae.len());
    for (after, partner) in ae.iter().zip(&partners) {
        items.push(match partner {
            Some(at) => place(re[*at], Some(be[*at]), *after, cursor.element(), depth + 1),
            None => Out::Take(*after),
        });
    }
    if items.len() == re.len() && items.iter().zip(&re).all(|(item, raw)| item.is(*raw)) {
        return Out::Take(raw);
    }
    Out::Array {
        like: Some(raw),
        items,
    }
}

/// For each element after the change the one before it with the same key, if all elements have one.
fn by_key(before: &[Option<String>], after: &[Option<String>]) -> Option<Vec<Option<usize>>> {
    if before.iter().chain(after).any(Option::is_none) {
        return None;
    }
    let pairs = diff::matched(before, after);
    Some(
        pairs
            .into_iter()
            .filter(|(_, after)| after.is_some())
            .map(|(before, _)| before)
            .collect(),
    )
}

/// For each element after the change the one before it that it came from, if one can be told.
fn by_alignment<'t>(before: &[Node<'t>], after: &[Node<'t>]) -> Vec<Option<usize>> {
    let mut ids = Ids::default();
    let [b, a] = [before, after].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    let mut partners = vec![None; a.len()];
    let mut free = vec![false; b.len()];
    let changes = json::differences(&b, &a);
    let (mut at_before, mut at_after) = (0, 0);
    for change in &changes {
        for (b, a) in (at_before..change.old.start).zip(at_after..change.new.start) {
            partners[a] = Some(b);
        }
        (at_before, at_after) = (change.old.end, change.new.end);
        free[change.old.clone()].fill(true);
    }
    for (b, a) in (at_before..b.len()).zip(at_after..a.len()) {
        partners[a] = Some(b);
    }
    // Elements that moved are found again by their value.
    let mut moved: std::collections::HashMap<u32, Vec<usize>> = std::collections::HashMap::new();
    for at in (0..b.len()).rev().filter(|at| free[*at]) {
        moved.entry(b[at]).or_default().push(at);
    }
    for change in &changes {
        for at in change.new.clone() {
            if let Some(from) = moved.get_mut(&a[at]).and_then(Vec::pop) {
                partners[at] = Some(from);
                free[from] = false;
            }
        }
    }
    // What is left of a stretch is paired in order if both sides have as many of it.
    for change in &changes {
        let left: Vec<usize> = change.old.clone().filter(|at| free[*at]).collect();
        let new: Vec<usize> = change
            .new
            .clone()
            .filter(|at| partners[*at].is_none())
            .collect();
        if left.len() == new.len() {
            for (from, to) in left.into_iter().zip(new) {
                partners[to] = Some(from);
            }
        }
    }
    partners
}
