//! The merge engine, which walks base, local and remote.

use super::conflict::{ConflictKind, FieldConflict, Side, same, types_differ};
use super::cursor::Cursor;
use super::merged_value::MergedValue;
use super::opaque::is_opaque;
use super::restore_text::restored;
use super::rule::{Custom, Rule};
use super::{array, keyed, object, prose, set, text, tuple};
use crate::json::{self, Tree, View, WALKED_DEPTH};

/// The base of a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ancestor<T> {
    /// The state that both sides started from is unknown.
    Unknown,
    /// The place is known to be absent in the base.
    Absent,
    Is(T),
}

impl<T> Ancestor<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Ancestor::Is(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the base of a part of this place, which the base holds or lacks.
    pub(super) fn of_part(self, part: Option<T>) -> Self {
        match (part, self) {
            (Some(part), _) => Ancestor::Is(part),
            (None, Ancestor::Unknown) => Ancestor::Unknown,
            (None, _) => Ancestor::Absent,
        }
    }
}

/// The state and the results of a walk.
pub(crate) struct Engine {
    pub(crate) conflicts: Vec<FieldConflict>,
    /// The pointer of the current place.
    pub(crate) path: String,
    depth: usize,
    /// Whether the next place is an element of an array.
    at_element: bool,
    /// Whether conflicts are only counted, without their values.
    only_counts: bool,
}

/// The three states of a place that both sides have.
#[derive(Clone, Copy)]
pub(crate) struct MergeInput<'p, T> {
    pub(crate) base: Ancestor<T>,
    pub(crate) local: T,
    pub(crate) remote: T,
    pub(crate) cursor: Cursor<'p>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            conflicts: Vec::new(),
            path: String::new(),
            depth: 0,
            at_element: false,
            only_counts: false,
        }
    }

    /// Merges an element of an array that all sides have.
    pub(super) fn element<'t, T: Tree<'t>>(
        &mut self,
        input: MergeInput<'_, T>,
    ) -> Option<MergedValue<'t, T>> {
        self.at_element = true;
        let (local, remote) = (Some(input.local), Some(input.remote));
        let out = self.place(input.base, local, remote, input.cursor.element());
        self.at_element = false;
        out
    }

    /// Creates an engine that only determines whether there are conflicts.
    pub(crate) fn counting() -> Self {
        Self {
            only_counts: true,
            ..Self::new()
        }
    }

    /// Runs a merge of the part of the current place that this token names.
    pub(super) fn at<R>(&mut self, token: &str, merge: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.path.len();
        json::push_token(&mut self.path, token);
        let out = merge(self);
        self.path.truncate(length);
        out
    }

    fn conflict<'t, T: Tree<'t>>(&mut self, kind: ConflictKind, sides: [Option<T>; 3]) {
        let conflict = if self.only_counts {
            FieldConflict::new(String::new(), kind, None, None, None)
        } else {
            FieldConflict::of(&self.path, kind, sides)
        };
        self.conflicts.push(conflict);
    }

    /// Merges a place that any side may lack. Returns `None` if the merged document lacks it too.
    pub(crate) fn place<'t, T: Tree<'t>>(
        &mut self,
        base: Ancestor<T>,
        local: Option<T>,
        remote: Option<T>,
        cursor: Cursor<'_>,
    ) -> Option<MergedValue<'t, T>> {
        if self.only_counts && !self.conflicts.is_empty() {
            // No conflict is ever resolved further up, so the answer is known.
            return remote.or(local).map(MergedValue::Take);
        }
        match (base, local, remote) {
            (_, None, None) => None,
            (base, Some(local), Some(remote)) => Some(self.both(MergeInput {
                base,
                local,
                remote,
                cursor,
            })),
            (Ancestor::Is(base), Some(local), None) => (!same(base, local))
                .then(|| self.deleted(base, local, Side::Remote, cursor))
                .flatten(),
            (Ancestor::Is(base), None, Some(remote)) => (!same(base, remote))
                .then(|| self.deleted(base, remote, Side::Local, cursor))
                .flatten(),
            (_, Some(one), None) | (_, None, Some(one)) => Some(MergedValue::Take(one)),
        }
    }

    /// Merges a place that one side removed and the other side changed.
    fn deleted<'t, T: Tree<'t>>(
        &mut self,
        base: T,
        changed: T,
        deleted_by: Side,
        cursor: Cursor<'_>,
    ) -> Option<MergedValue<'t, T>> {
        let winner = cursor.rule(changed.view()).winner();
        if let Some(winner) = winner.or(cursor.prefer()) {
            return (winner != deleted_by).then_some(MergedValue::Take(changed));
        }
        let (kind, sides) = match deleted_by {
            Side::Local => (ConflictKind::DeletedHere, [Some(base), None, Some(changed)]),
            Side::Remote => (
                ConflictKind::DeletedThere,
                [Some(base), Some(changed), None],
            ),
        };
        self.conflict(kind, sides);
        Some(MergedValue::Take(changed))
    }

    fn both<'t, T: Tree<'t>>(&mut self, input: MergeInput<'_, T>) -> MergedValue<'t, T> {
        let MergeInput {
            base,
            local,
            remote,
            cursor,
        } = input;
        if let Ancestor::Is(base) = base {
            if local.surely_same(base) {
                return MergedValue::Take(remote);
            }
            // Recurse into objects anyway: members that the local side left alone keep the remote text.
            if remote.surely_same(base)
                && !matches!((local.view(), remote.view()), (View::Object, View::Object))
            {
                return MergedValue::Take(if same(local, base) { remote } else { local });
            }
        }
        if local.surely_same(remote) && !cursor.is_operation_like() {
            return MergedValue::Take(remote);
        }
        if self.depth >= WALKED_DEPTH {
            return self.atomic(input, Some(ConflictKind::TooDeep));
        }
        self.depth += 1;
        let out = self.by_rule(input);
        self.depth -= 1;
        out
    }

    fn by_rule<'t, T: Tree<'t>>(&mut self, input: MergeInput<'_, T>) -> MergedValue<'t, T> {
        use View::{Array, Object, String};
        let is_element = std::mem::take(&mut self.at_element);
        let rule = input.cursor.rule(input.remote.view());
        let input = match (rule, input.base) {
            // The base has `null` in place of a set or keyed list, which counts as absent.
            (Rule::Set | Rule::Keyed(_), Ancestor::Is(base))
                if matches!(base.view(), View::Null) =>
            {
                MergeInput {
                    base: Ancestor::Absent,
                    ..input
                }
            }
            _ => input,
        };
        let views = (
            input.base.value().map(Tree::view),
            input.local.view(),
            input.remote.view(),
        );
        match (rule, views) {
            (Rule::Auto, (_, Object, Object)) if object::variants_differ(input) => {
                self.atomic(input, Some(ConflictKind::VariantChanged))
            }
            (Rule::Auto, (None | Some(Object), Object, Object)) => object::merge(self, input),
            _ if input
                .base
                .value()
                .is_some_and(|base| input.remote.surely_same(base)) =>
            {
                MergedValue::Take(input.local)
            }
            (Rule::Auto, (None | Some(Array), Array, Array)) if input.cursor.is_by_place() => {
                tuple::merge(self, input)
            }
            (Rule::Auto, (None | Some(Array), Array, Array)) => {
                array::merge(self, input, false, is_element)
            }
            (Rule::Sequence, (None | Some(Array), Array, Array)) => {
                array::merge(self, input, true, is_element)
            }
            (Rule::Set, (None | Some(Array), Array, Array)) => {
                unless_one_sided(input, true).unwrap_or_else(|| set::merge(input))
            }
            (Rule::Keyed(by), (None | Some(Array), Array, Array)) => keyed::merge(self, input, by),
            (Rule::Auto, (Some(String(b)), String(l), String(r)))
                if [b, l, r]
                    .iter()
                    .all(|text| text.contains('\n') && !is_opaque(text)) =>
            {
                self.texts(input, || text::merge(b, l, r))
            }
            (Rule::Text, (Some(String(b)), String(l), String(r))) => {
                self.texts(input, || text::merge(b, l, r))
            }
            (Rule::Prose, (Some(String(b)), String(l), String(r))) => {
                self.texts(input, || prose::merge(b, l, r))
            }
            (Rule::Counter, _) => self.counter(input),
            (Rule::Custom(custom), _) => self.custom(input, custom),
            _ => self.atomic(input, None),
        }
    }

    /// Merges the place as a whole. `kind` is the kind of conflict reported if both sides changed it.
    pub(crate) fn atomic<'t, T: Tree<'t>>(
        &mut self,
        input: MergeInput<'_, T>,
        kind: Option<ConflictKind>,
    ) -> MergedValue<'t, T> {
        unless_one_sided(input, true).unwrap_or_else(|| self.fall_back(input, kind))
    }

    /// Handles a place that both sides changed and that cannot be merged. The rule or the preference picks a side,
    /// or a conflict is reported.
    pub(crate) fn fall_back<'t, T: Tree<'t>>(
        &mut self,
        input: MergeInput<'_, T>,
        kind: Option<ConflictKind>,
    ) -> MergedValue<'t, T> {
        let MergeInput {
            base,
            local,
            remote,
            cursor,
        } = input;
        let winner = match cursor.rule(remote.view()) {
            Rule::Max => larger(local, remote),
            Rule::Min => larger(remote, local),
            rule => rule.winner(),
        };
        match winner.or(cursor.prefer()) {
            Some(Side::Local) => MergedValue::Take(local),
            Some(Side::Remote) => MergedValue::Take(remote),
            None => {
                let kind = kind.unwrap_or_else(|| {
                    if types_differ(local.view(), remote.view()) {
                        ConflictKind::TypeChanged
                    } else if base.value().is_none() {
                        ConflictKind::BothAdded
                    } else {
                        ConflictKind::BothChanged
                    }
                });
                let sides = [base.value(), Some(local), Some(remote)];
                self.conflict(kind, sides);
                MergedValue::Take(remote)
            }
        }
    }

    fn texts<'t, T: Tree<'t>>(
        &mut self,
        input: MergeInput<'_, T>,
        merge: impl FnOnce() -> Option<std::string::String>,
    ) -> MergedValue<'t, T> {
        if let Some(out) = unless_one_sided(input, true) {
            return out;
        }
        merge().map_or_else(|| self.fall_back(input, None), MergedValue::Text)
    }

    fn counter<'t, T: Tree<'t>>(&mut self, input: MergeInput<'_, T>) -> MergedValue<'t, T> {
        // Two equal changes both count, because each side added something.
        if let Some(out) = unless_one_sided(input, matches!(input.base, Ancestor::Unknown)) {
            return out;
        }
        let (View::Number(local), View::Number(remote)) = (input.local.view(), input.remote.view())
        else {
            return self.atomic(input, Some(ConflictKind::NotANumber));
        };
        let base = match input.base {
            Ancestor::Unknown => return self.fall_back(input, None),
            Ancestor::Absent => None,
            Ancestor::Is(base) => match base.view() {
                View::Number(number) => Some(number),
                // An optional counter that was not set yet.
                View::Null => None,
                _ => return self.atomic(input, Some(ConflictKind::NotANumber)),
            },
        };
        let sum = remote.plus_change(local, base).filter(|sum| {
            let whole = json::Number::Text(sum).whole();
            input
                .cursor
                .range()
                .is_none_or(|(least, most)| whole.is_none_or(|n| (least..=most).contains(&n)))
        });
        match sum {
            Some(sum) => MergedValue::Raw(sum),
            None => self.fall_back(input, Some(ConflictKind::Overflow)),
        }
    }

    fn custom<'t, T: Tree<'t>>(
        &mut self,
        input: MergeInput<'_, T>,
        custom: &Custom,
    ) -> MergedValue<'t, T> {
        if let Some(out) = unless_one_sided(input, custom.is_state_like()) {
            return out;
        }
        let (base, local, remote) = (
            input.base.value().map(Tree::to_value),
            input.local.to_value(),
            input.remote.to_value(),
        );
        match custom.call(base.as_ref(), &local, &remote) {
            Ok(value) => restored(value, [input.remote, input.local]),
            Err(_) => self.fall_back(input, Some(ConflictKind::FunctionFailed)),
        }
    }
}

/// Returns the side with the larger value, if the values can be compared.
fn larger<'t, T: Tree<'t>>(local: T, remote: T) -> Option<Side> {
    let order = json::order(local, remote)?;
    Some(if order.is_gt() {
        Side::Local
    } else {
        Side::Remote
    })
}

/// Returns the result if one side changed nothing, or, with `agreeing`, if both sides are equal.
fn unless_one_sided<'t, T: Tree<'t>>(
    input: MergeInput<'_, T>,
    agreeing: bool,
) -> Option<MergedValue<'t, T>> {
    let MergeInput {
        base,
        local,
        remote,
        ..
    } = input;
    if let Ancestor::Is(base) = base {
        if same(local, base) {
            return Some(MergedValue::Take(remote));
        }
        if same(remote, base) {
            return Some(MergedValue::Take(local));
        }
    }
    (agreeing && same(local, remote)).then_some(MergedValue::Take(remote))
}
