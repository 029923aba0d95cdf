//! Detects values that have a meaning only as a whole: points, rows, texts that are measurements.

use super::array::Arrays;
use super::conflict::same;
use super::cursor::Cursor;
use super::rule::Rule;
use crate::json::{self, Tree, View, WALKED_DEPTH};

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    /// Whether the elements have a meaning only together, such as a point, a range, a colour or a row of a table.
    /// If each side changed a part of such a value, the merged value would be one that neither side wrote. Words
    /// form a list, and so do values that the sides only added or removed.
    pub(super) fn is_one_value(&self, is_element: bool) -> bool {
        let sides = [&self.base, &self.local, &self.remote];
        let all = |is: &dyn Fn(&T) -> bool| sides.iter().all(|side| side.iter().all(is));
        if self.base.is_empty() || !all(&|e| self.is_bare(*e)) || self.is_text() {
            return false;
        }
        let is_measured = |e: &T| !matches!(e.view(), View::String(text) if !is_measure(text));
        let of_texts = all(&|e| matches!(e.view(), View::String(_)));
        let same_length = sides.iter().all(|side| side.len() == self.base.len());
        if same_length {
            return self.base.len() > 1 && (is_element || !of_texts || all(&is_measured));
        }
        let replaces = |side: &&Vec<T>| {
            let changes = json::array_differences(&self.base, side);
            let mut changes = changes.iter();
            changes.any(|change| !change.old.is_empty() && !change.new.is_empty())
        };
        !self.sequence && (is_element || (!of_texts && sides[1..].iter().any(replaces)))
    }

    /// Whether an element has no content that could be merged, by its value and by the rules.
    pub(super) fn is_bare(&self, element: T) -> bool {
        let view = element.view();
        !matches!(view, View::Array | View::Object)
            && matches!(self.input.cursor.element().rule(view), Rule::Auto)
    }

    /// Whether an element is known only by its value: it is bare, or a list of bare values.
    pub(super) fn is_whole(&self, element: T) -> bool {
        let View::Array = element.view() else {
            return self.is_bare(element);
        };
        let cursor = self.input.cursor.element();
        let is_auto =
            |cursor: Cursor<'_>, value: T| matches!(cursor.rule(value.view()), Rule::Auto);
        let is_bare = |part: T| {
            let is_line = matches!(part.view(), View::String(line) if line.ends_with('\n'));
            let has_parts = matches!(part.view(), View::Array | View::Object);
            !is_line && !has_parts && is_auto(cursor.element(), part)
        };
        is_auto(cursor, element) && !cursor.is_by_place() && element.each_element().all(is_bare)
    }
}

/// Whether all changed members have their own rule, such as a counter. The value of such a member does not
/// identify the element.
pub(super) fn is_changed_by_rules<'t, T: Tree<'t>>(
    cursor: Cursor<'_>,
    before: T,
    after: T,
) -> bool {
    changed_by_rules(cursor, before, after, WALKED_DEPTH)
}

fn changed_by_rules<'t, T: Tree<'t>>(
    cursor: Cursor<'_>,
    before: T,
    after: T,
    depth: usize,
) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if same(before, after) || !matches!(cursor.rule(after.view()), Rule::Auto) {
        return true;
    }
    match (before.view(), after.view()) {
        (View::Object, View::Object) => {
            let (fields, old) = (cursor.fields(after), before.members());
            let mut in_old = json::Finder::new(&old);
            let mut count = 0;
            let by_rules = after.each_member().all(|(key, now)| {
                let at = in_old.get(key.name);
                count += usize::from(at.is_some());
                let cursor = cursor.member(&fields, key.name);
                at.is_some_and(|at| changed_by_rules(cursor, old[at].1, now, depth))
            });
            by_rules && count == old.len()
        }
        (View::Array, View::Array) => {
            let (old, now) = (before.elements(), after.elements());
            let mut pairs = old.iter().zip(&now).enumerate();
            old.len() == now.len()
                && pairs
                    .all(|(at, (old, now))| changed_by_rules(cursor.part(at), *old, *now, depth))
        }
        _ => false,
    }
}

/// Whether a text is a number, a time or a number with its unit, and not a word.
fn is_measure(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    letters < 3 && text.is_ascii() && text.bytes().any(|byte| byte.is_ascii_digit())
}
