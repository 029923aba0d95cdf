//! The walk over base, local and remote.

use super::conflict::{ConflictKind, FieldConflict, Side, same, types_differ};
use super::cursor::Cursor;
use super::opaque::is_opaque;
use super::out::Out;
use super::restored::restored;
use super::rule::{Custom, Rule};
use super::{array, keyed, object, place, prose, set, text};
use crate::json::{self, Tree, View, WALKED_DEPTH};

/// The base of a place.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Base<T> {
    /// Nothing is known about what both sides started from.
    Unknown,
    /// It is known that nothing was there.
    Absent,
    Is(T),
}

impl<T> Base<T> {
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Base::Is(value) => Some(value),
            _ => None,
        }
    }
}

/// What a walk collects.
pub(crate) struct Engine {
    pub(crate) conflicts: Vec<FieldConflict>,
    /// The pointer of the place the walk is at.
    pub(crate) path: String,
    depth: usize,
    /// Whether the place that comes next is an element of an array.
    at_element: bool,
    /// Conflicts are counted, and what they hold is not kept.
    counts: bool,
}

/// The three states of a place that both sides have.
#[derive(Clone, Copy)]
pub(crate) struct Three<'p, T> {
    pub(crate) base: Base<T>,
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
            counts: false,
        }
    }

    /// Merges an element of an array that all sides have.
    pub(super) fn element<'t, T: Tree<'t>>(&mut self, three: Three<'_, T>) -> Option<Out<'t, T>> {
        self.at_element = true;
        let (local, remote) = (Some(three.local), Some(three.remote));
        let out = self.place(three.base, local, remote, three.cursor.element());
        self.at_element = false;
        out
    }

    /// A walk that only tells whether there are conflicts.
    pub(crate) fn counting() -> Self {
        Self {
            counts: true,
            ..Self::new()
        }
    }

    fn conflict<'t, T: Tree<'t>>(&mut self, kind: ConflictKind, sides: [Option<T>; 3]) {
        let conflict = if self.counts {
            FieldConflict::new(String::new(), kind, None, None, None)
        } else {
            FieldConflict::of(&self.path, kind, sides)
        };
        self.conflicts.push(conflict);
    }

    /// Merges a place, which any side may lack. `None`: the merged document lacks it too.
    pub(crate) fn place<'t, T: Tree<'t>>(
        &mut self,
        base: Base<T>,
        local: Option<T>,
        remote: Option<T>,
        cursor: Cursor<'_>,
    ) -> Option<Out<'t, T>> {
        match (base, local, remote) {
            (_, None, None) => None,
            (base, Some(local), Some(remote)) => Some(self.both(Three {
                base,
                local,
                remote,
                cursor,
            })),
            (Base::Is(base), Some(local), None) => (!same(base, local))
                .then(|| self.deleted(base, local, Side::Remote, cursor))
                .flatten(),
            (Base::Is(base), None, Some(remote)) => (!same(base, remote))
                .then(|| self.deleted(base, remote, Side::Local, cursor))
                .flatten(),
            (_, Some(one), None) | (_, None, Some(one)) => Some(Out::Take(one)),
        }
    }

    /// One side removed what the other one changed.
    fn deleted<'t, T: Tree<'t>>(
        &mut self,
        base: T,
        changed: T,
        deleted_by: Side,
        cursor: Cursor<'_>,
    ) -> Option<Out<'t, T>> {
        let winner = cursor.rule(changed.view()).winner();
        if let Some(winner) = winner.or(cursor.prefer()) {
            return (winner != deleted_by).then_some(Out::Take(changed));
        }
        let (kind, sides) = match deleted_by {
            Side::Local => (ConflictKind::DeletedHere, [Some(base), None, Some(changed)]),
            Side::Remote => (
                ConflictKind::DeletedThere,
                [Some(base), Some(changed), None],
            ),
        };
        self.conflict(kind, sides);
        Some(Out::Take(changed))
    }

    fn both<'t, T: Tree<'t>>(&mut self, three: Three<'_, T>) -> Out<'t, T> {
        let Three {
            base,
            local,
            remote,
            cursor,
        } = three;
        if let Base::Is(base) = base {
            if local.surely_same(base) {
                return Out::Take(remote);
            }
            // Objects are walked even so: what the local side left alone keeps the remote text.
            if remote.surely_same(base)
                && !matches!((local.view(), remote.view()), (View::Object, View::Object))
            {
                return Out::Take(if same(local, base) { remote } else { local });
            }
        }
        if local.surely_same(remote) && !cursor.is_operation_like() {
            return Out::Take(remote);
        }
        if self.depth >= WALKED_DEPTH {
            return self.atomic(three, Some(ConflictKind::TooDeep));
        }
        self.depth += 1;
        let out = self.by_rule(three);
        self.depth -= 1;
        out
    }

    fn by_rule<'t, T: Tree<'t>>(&mut self, three: Three<'_, T>) -> Out<'t, T> {
        use View::{Array, Object, String};
        let is_element = std::mem::take(&mut self.at_element);
        let rule = three.cursor.rule(three.remote.view());
        let three = match (rule, three.base) {
            // A list of a declared kind that was not there yet.
            (Rule::Set | Rule::Keyed(_), Base::Is(base)) if matches!(base.view(), View::Null) => {
                Three {
                    base: Base::Absent,
                    ..three
                }
            }
            _ => three,
        };
        let views = (
            three.base.value().map(Tree::view),
            three.local.view(),
            three.remote.view(),
        );
        match (rule, views) {
            (Rule::Auto, (_, Object, Object)) if object::variants_differ(three) => {
                self.atomic(three, Some(ConflictKind::VariantChanged))
            }
            (Rule::Auto, (None | Some(Object), Object, Object)) => object::merge(self, three),
            _ if three
                .base
                .value()
                .is_some_and(|base| three.remote.surely_same(base)) =>
            {
                Out::Take(three.local)
            }
            (Rule::Auto, (None | Some(Array), Array, Array)) if three.cursor.is_by_place() => {
                place::merge(self, three)
            }
            (Rule::Auto, (None | Some(Array), Array, Array)) => {
                array::merge(self, three, false, is_element)
            }
            (Rule::Sequence, (None | Some(Array), Array, Array)) => {
                array::merge(self, three, true, is_element)
            }
            (Rule::Set, (None | Some(Array), Array, Array)) => {
                unless_one_sided(three, true).unwrap_or_else(|| set::merge(three))
            }
            (Rule::Keyed(by), (None | Some(Array), Array, Array)) => keyed::merge(self, three, by),
            (Rule::Auto, (Some(String(b)), String(l), String(r)))
                if [b, l, r]
                    .iter()
                    .all(|text| text.contains('\n') && !is_opaque(text)) =>
            {
                self.texts(three, || text::merge(b, l, r))
            }
            (Rule::Text, (Some(String(b)), String(l), String(r))) => {
                self.texts(three, || text::merge(b, l, r))
            }
            (Rule::Prose, (Some(String(b)), String(l), String(r))) => {
                self.texts(three, || prose::merge(b, l, r))
            }
            (Rule::Counter, _) => self.counter(three),
            (Rule::Custom(custom), _) => self.custom(three, custom),
            _ => self.atomic(three, None),
        }
    }

    /// Takes the place as a whole. `kind` is for the case that this ends in a conflict.
    pub(crate) fn atomic<'t, T: Tree<'t>>(
        &mut self,
        three: Three<'_, T>,
        kind: Option<ConflictKind>,
    ) -> Out<'t, T> {
        unless_one_sided(three, true).unwrap_or_else(|| self.settle(three, kind))
    }

    /// Both sides changed the place, and no way to merge it is left: the rule or the preference picks a
    /// side, or it is a conflict.
    pub(crate) fn settle<'t, T: Tree<'t>>(
        &mut self,
        three: Three<'_, T>,
        kind: Option<ConflictKind>,
    ) -> Out<'t, T> {
        let Three {
            base,
            local,
            remote,
            cursor,
        } = three;
        let winner = match cursor.rule(remote.view()) {
            Rule::Max => larger(local, remote),
            Rule::Min => larger(remote, local),
            rule => rule.winner(),
        };
        match winner.or(cursor.prefer()) {
            Some(Side::Local) => Out::Take(local),
            Some(Side::Remote) => Out::Take(remote),
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
                Out::Take(remote)
            }
        }
    }

    fn texts<'t, T: Tree<'t>>(
        &mut self,
        three: Three<'_, T>,
        merge: impl FnOnce() -> Option<std::string::String>,
    ) -> Out<'t, T> {
        if let Some(out) = unless_one_sided(three, true) {
            return out;
        }
        merge().map_or_else(|| self.settle(three, None), Out::Text)
    }

    fn counter<'t, T: Tree<'t>>(&mut self, three: Three<'_, T>) -> Out<'t, T> {
        // Two equal changes are two changes: both sides added something.
        if let Some(out) = unless_one_sided(three, matches!(three.base, Base::Unknown)) {
            return out;
        }
        let (View::Number(local), View::Number(remote)) = (three.local.view(), three.remote.view())
        else {
            return self.atomic(three, Some(ConflictKind::NotANumber));
        };
        let base = match three.base {
            Base::Unknown => return self.settle(three, None),
            Base::Absent => None,
            Base::Is(base) => match base.view() {
                View::Number(number) => Some(number),
                // An optional counter that was not set yet.
                View::Null => None,
                _ => return self.atomic(three, Some(ConflictKind::NotANumber)),
            },
        };
        let sum = remote.plus_change(local, base).filter(|sum| {
            let whole = json::Number::Text(sum).whole();
            three
                .cursor
                .range()
                .is_none_or(|(least, most)| whole.is_none_or(|n| (least..=most).contains(&n)))
        });
        match sum {
            Some(sum) => Out::Raw(sum),
            None => self.settle(three, Some(ConflictKind::Overflow)),
        }
    }

    fn custom<'t, T: Tree<'t>>(&mut self, three: Three<'_, T>, custom: &Custom) -> Out<'t, T> {
        if let Some(out) = unless_one_sided(three, custom.is_state_like()) {
            return out;
        }
        let (base, local, remote) = (
            three.base.value().map(Tree::to_value),
            three.local.to_value(),
            three.remote.to_value(),
        );
        match custom.call(base.as_ref(), &local, &remote) {
            Ok(value) => restored(value, [three.remote, three.local]),
            Err(_) => self.settle(three, Some(ConflictKind::FunctionFailed)),
        }
    }
}

/// The side whose value is larger, if the values can be compared.
fn larger<'t, T: Tree<'t>>(local: T, remote: T) -> Option<Side> {
    let order = json::order(local, remote)?;
    Some(if order.is_gt() {
        Side::Local
    } else {
        Side::Remote
    })
}

/// The outcome where one side changed nothing, or (`agreeing`) both say the same.
fn unless_one_sided<'t, T: Tree<'t>>(three: Three<'_, T>, agreeing: bool) -> Option<Out<'t, T>> {
    let Three {
        base,
        local,
        remote,
        ..
    } = three;
    if let Base::Is(base) = base {
        if same(local, base) {
            return Some(Out::Take(remote));
        }
        if same(remote, base) {
            return Some(Out::Take(local));
        }
    }
    (agreeing && same(local, remote)).then_some(Out::Take(remote))
}
