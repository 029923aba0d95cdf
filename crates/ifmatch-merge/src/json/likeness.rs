//! Compares the document in a response with the document that was sent.

use super::Document;
use super::number::Number;
use super::tape::Tape;
use super::tree::{Finder, Key, Tree, View, same};

/// How a returned document relates to the document that was sent, over all its places.
///
/// `null` and a missing member count as equal, because many servers write one for the other.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Likeness {
    /// Both documents are objects that have a member in common, or both are lists, or they are the same value.
    pub shares_members: bool,
    /// A value that was sent is missing or has another shape, such as a text in place of an object.
    pub lacks_sent: bool,
    /// A member is present that was neither sent nor there before.
    pub adds_members: bool,
    /// A value differs from the one that was sent.
    pub differs: bool,
    /// A place that the sender changed shows its previous value.
    pub shows_previous: bool,
    /// A place that the sender changed no longer shows its previous value.
    pub hides_previous: bool,
    /// A distinctive value is shown as it was sent. Distinctive values are non-empty texts, numbers other than
    /// zero, and `true`.
    pub shows_distinctive: bool,
    /// A distinctive value was sent, but another value is shown.
    pub contradicts_distinctive: bool,
}

impl Likeness {
    /// Compares `shown` with `sent`, and both with the document `before` the write.
    ///
    /// `beside` lists members of the root that do not count for `shares_members`.
    pub fn of(
        before: Option<&Document>,
        sent: &Document,
        shown: &Document,
        beside: &[&str],
    ) -> Self {
        let [sent, shown] = [sent, shown].map(|document| Tape::from_trusted(document.as_str()));
        let before = before.map(|before| Tape::from_trusted(before.as_str()));
        let before = before.as_ref().map(Tape::root);
        let (sent, shown) = (sent.root(), shown.root());
        let mut found = Self {
            shares_members: shares(sent, shown, beside),
            ..Self::default()
        };
        found.walk(before, sent, shown);
        found
    }

    /// Whether both documents represent the same value.
    pub fn is_same(&self) -> bool {
        !(self.lacks_sent || self.adds_members || self.differs || self.shows_previous)
    }

    fn walk<'t, T: Tree<'t>>(&mut self, before: Option<T>, sent: T, shown: T) {
        let unchanged = before.is_some_and(|before| before.surely_same(sent));
        if unchanged && sent.surely_same(shown) {
            self.shows_distinctive = self.shows_distinctive || tells(sent);
            return;
        }
        if is_telling(sent) {
            let agrees = same(sent, shown);
            self.shows_distinctive |= agrees;
            self.contradicts_distinctive |= !agrees;
        }
        match (sent.view(), shown.view()) {
            (View::Object, View::Object) => self.members(before, sent, shown),
            (View::Array, View::Array) => self.elements(before, sent, shown),
            (View::Null, View::Null) => self.moved(before, sent),
            (View::Null, View::Object | View::Array) => {
                self.changed(before, sent, shown);
                self.adds_members |= !before.is_some_and(|before| same(before, shown));
            }
            (View::Object | View::Array, _) | (_, View::Null | View::Object | View::Array) => {
                self.reshaped(before, shown);
            }
            _ if same(sent, shown) => self.moved(before, sent),
            _ => self.changed(before, sent, shown),
        }
    }

    /// Records that the place shows the value that was sent.
    fn moved<'t, T: Tree<'t>>(&mut self, before: Option<T>, sent: T) {
        self.hides_previous |= match before {
            Some(before) => !same(before, sent),
            None => !is_null(sent),
        };
    }

    /// Records that the place shows another value than the one sent.
    fn changed<'t, T: Tree<'t>>(&mut self, before: Option<T>, sent: T, shown: T) {
        self.differs = true;
        match before {
            Some(before) if same(before, shown) => self.shows_previous = true,
            Some(before) if same(before, sent) => {}
            _ => self.hides_previous = true,
        }
    }

    /// Records that the place shows a value of another shape than the one sent.
    fn reshaped<'t, T: Tree<'t>>(&mut self, before: Option<T>, shown: T) {
        self.lacks_sent = true;
        self.shows_previous |= match before {
            Some(before) => same(before, shown),
            None => is_null(shown),
        };
    }

    fn members<'t, T: Tree<'t>>(&mut self, before: Option<T>, sent: T, shown: T) {
        let [sent, shown] = [sent, shown].map(Tree::members);
        let before = before.map(Tree::members).unwrap_or_default();
        let mut in_sent = Finder::new(&sent);
        let mut in_before = Finder::new(&before);
        let mut in_shown = Finder::new(&shown);
        for (key, value) in &sent {
            let old = in_before.get(key.name).map(|at| before[at].1);
            match in_shown.get(key.name) {
                Some(at) => self.walk(old, *value, shown[at].1),
                None if is_null(*value) => {
                    self.hides_previous |= old.is_some_and(|old| !is_null(old));
                }
                None => {
                    self.lacks_sent = true;
                    self.shows_previous |= old.is_none_or(is_null);
                }
            }
        }
        for (key, old) in &before {
            if in_sent.get(key.name).is_none() && !is_null(*old) {
                match in_shown.get(key.name).map(|at| shown[at].1) {
                    Some(now) if same(*old, now) => self.shows_previous = true,
                    // It was removed, but another value is present, which is neither the one sent nor the previous
                    // one.
                    Some(now) if !is_null(now) => {
                        (self.shows_previous, self.hides_previous) = (true, true);
                    }
                    _ => self.hides_previous = true,
                }
            }
        }
        for (key, value) in &shown {
            if in_sent.get(key.name).is_none() && !is_null(*value) {
                self.differs = true;
                let old = in_before.get(key.name).map(|at| before[at].1);
                self.adds_members |= old.is_none_or(is_null);
            }
        }
    }

    fn elements<'t, T: Tree<'t>>(&mut self, before: Option<T>, sent: T, shown: T) {
        let old = before.map(Tree::elements);
        let [all_sent, all_shown] = [sent, shown].map(Tree::elements);
        if let Some(old) = &old
            && [all_sent.len(), all_shown.len()] == [old.len(); 2]
        {
            for ((old, sent), shown) in old.iter().zip(&all_sent).zip(&all_shown) {
                self.walk(Some(*old), *sent, *shown);
            }
        } else if same(sent, shown) {
            self.moved(before, sent);
            self.shows_distinctive |= !all_sent.is_empty();
        } else {
            self.changed(before, sent, shown);
            // Elements have moved, so the previous value of each is unknown.
            let mut parts = Self::default();
            for (sent, shown) in all_sent.iter().zip(&all_shown) {
                parts.walk(None, *sent, *shown);
            }
            self.lacks_sent |= parts.lacks_sent || all_shown.len() < all_sent.len();
            self.adds_members |= parts.adds_members;
            self.shows_distinctive |= parts.shows_distinctive;
            self.contradicts_distinctive |= parts.contradicts_distinctive;
        }
    }
}

/// Whether a value is distinctive. Empty values and zero occur in many documents, and servers fill them in.
fn is_telling<'t, T: Tree<'t>>(value: T) -> bool {
    match value.view() {
        View::Bool(value) => value,
        View::Number(number) => !number.same(Number::Text("0")),
        View::String(text) | View::Torn(text) => !text.is_empty(),
        View::Null | View::Array | View::Object => false,
    }
}

/// Whether there is a distinctive value within a value.
fn tells<'t, T: Tree<'t>>(value: T) -> bool {
    is_telling(value)
        || value.each_element().any(tells)
        || value.each_member().any(|(_, member)| tells(member))
}

fn is_null<'t, T: Tree<'t>>(value: T) -> bool {
    matches!(value.view(), View::Null)
}

fn shares<'t, T: Tree<'t>>(sent: T, shown: T, beside: &[&str]) -> bool {
    match (sent.view(), shown.view()) {
        (View::Object, View::Object) => {}
        (View::Array, View::Array) => return true,
        // Any other two values have nothing in common.
        _ => return same(sent, shown),
    }
    let shown = shown.members();
    let mut in_shown = Finder::new(&shown);
    let mut counts =
        |(key, _): (Key<'t>, T)| !beside.contains(&key.name) && in_shown.get(key.name).is_some();
    sent.each_member().any(&mut counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str, sent: &str, shown: &str) -> Result<String, crate::JsonError> {
        let parse = |text: &str| Document::parse(text.as_bytes());
        let before = Some(before).filter(|text| !text.is_empty());
        let before = before.map(parse).transpose()?;
        let found = Likeness::of(before.as_ref(), &parse(sent)?, &parse(shown)?, &["id"]);
        let words = [
            (found.shares_members, "shares"),
            (found.lacks_sent, "lacks"),
            (found.adds_members, "adds"),
            (found.differs, "differs"),
            (found.shows_previous, "keeps"),
            (found.hides_previous, "moves"),
        ];
        let words: Vec<&str> = words
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, it)| *it)
            .collect();
        Ok(words.join(" "))
    }

    /// The document before, the document sent, the document shown, and the expected result.
    const ROWS: &[(&str, &str, &str, &str)] = &[
        // As sent, also where numbers and missing values are written differently.
        (r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":2.0}"#, "shares moves"),
        (
            r#"{"a":1}"#,
            r#"{"a":2,"b":null}"#,
            r#"{"a":2}"#,
            "shares moves",
        ),
        (r#"{"a":1}"#, r#"{"a":1}"#, r#"{"a":1,"b":null}"#, "shares"),
        (
            "",
            r#"{"a":[1,{"b":2}]}"#,
            r#"{"a":[1,{"b":2}]}"#,
            "shares moves",
        ),
        // Members that are added or removed, at any depth.
        (
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":2,"w":1}"#,
            "shares adds differs moves",
        ),
        (
            r#"{"a":1,"t":1}"#,
            r#"{"a":2,"t":1}"#,
            r#"{"a":2,"t":2}"#,
            "shares differs moves",
        ),
        (
            r#"{"a":{"b":1,"c":1}}"#,
            r#"{"a":{"b":2,"c":1}}"#,
            r#"{"a":{"b":2}}"#,
            "shares lacks moves",
        ),
        (
            r#"{"a":[{"b":1}]}"#,
            r#"{"a":[{"b":2}]}"#,
            r#"{"a":[{"b":2,"w":0}]}"#,
            "shares adds differs moves",
        ),
        (
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[1]}"#,
            "shares lacks differs keeps",
        ),
        (
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[1,2,3]}"#,
            "shares differs moves",
        ),
        // Another shape: links by ID, expanded links, and a missing value in place of a value.
        (
            r#"{"a":{"id":1}}"#,
            r#"{"a":{"id":2}}"#,
            r#"{"a":2}"#,
            "shares lacks",
        ),
        (
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":{"id":2}}"#,
            "shares lacks",
        ),
        (r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":null}"#, "shares lacks"),
        (
            r#"{"a":1}"#,
            r#"{"a":null}"#,
            r#"{"a":{"id":2}}"#,
            "shares adds differs moves",
        ),
        // The previous state: a value, a member, a missing member, a list.
        (
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":1}"#,
            "shares differs keeps",
        ),
        (
            r#"{"a":1,"b":1}"#,
            r#"{"a":1}"#,
            r#"{"a":1,"b":1}"#,
            "shares differs keeps",
        ),
        (
            r#"{"a":1}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"a":1}"#,
            "shares lacks keeps",
        ),
        (
            r#"{"a":1,"b":1}"#,
            r#"{"a":1}"#,
            r#"{"a":1,"b":2}"#,
            "shares differs keeps moves",
        ),
        (
            r#"{"q":1,"o":[{"t":1}]}"#,
            r#"{"q":2,"o":[{"t":2}]}"#,
            r#"{"q":2,"o":[{"t":1}]}"#,
            "shares differs keeps moves",
        ),
        // A report about the write, of which at most the ID is also a member of the document.
        (
            r#"{"id":7,"a":1}"#,
            r#"{"id":7,"a":2}"#,
            r#"{"id":7,"ok":true}"#,
            "lacks adds differs",
        ),
        (r#"{"a":1}"#, r#"{"a":2}"#, r#""done""#, "lacks"),
        // Numbers that `f64` cannot distinguish.
        (
            r#"{"a":12345678901234567890123}"#,
            r#"{"a":12345678901234567890124}"#,
            r#"{"a":12345678901234567890123}"#,
            "shares differs keeps",
        ),
    ];

    #[test]
    fn each_way_to_show_another_document_is_named() -> Result<(), crate::JsonError> {
        for (before, sent, shown, expected) in ROWS {
            assert_eq!(
                of(before, sent, shown)?,
                *expected,
                "{before} {sent} {shown}"
            );
        }
        Ok(())
    }
}
