//! Steps from a place to the type that lies there.

use std::collections::HashSet;

use super::{Member, Place, Shape, ShapeKind, Tagging, Variant};
use crate::merge::Rule;

/// How many stand-ins are followed: a type can stand for another one, and that for a third. A longer chain is taken
/// for a recursive one, whose next type stands for itself.
const STAND_INS: usize = 16;

/// The type at a place, past those that only stand for it, with the rule that is said first on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeStep<'s> {
    pub(crate) shape: &'s Shape,
    pub(crate) rule: Option<&'s Rule>,
    pub(crate) range: Option<&'s (i128, i128)>,
    /// A function may read it from something else.
    pub(crate) is_unproven: bool,
}

pub(crate) fn step(place: &Place) -> TypeStep<'_> {
    TypeStep {
        shape: place.shape(),
        rule: place.rule.as_ref(),
        range: place.range.as_ref(),
        is_unproven: place.is_unproven,
    }
    .resolved()
}

impl Place {
    fn is_unproven(&self) -> bool {
        self.is_unproven
    }

    /// Its type, the first time that it is met; types may contain themselves.
    fn first_met(&self, met: &mut HashSet<usize>) -> Option<&Shape> {
        let is_new = self.make.is_none_or(|make| met.insert(make as usize));
        is_new.then(|| self.shape())
    }
}

impl TypeStep<'_> {
    fn resolved(mut self) -> Self {
        for _ in 0..STAND_INS {
            let ShapeKind::Same(inner) = self.shape.kind() else {
                break;
            };
            self = TypeStep {
                shape: inner.shape(),
                rule: self.rule.or(inner.rule.as_ref()),
                range: self.range.or(inner.range.as_ref()),
                is_unproven: self.is_unproven || inner.is_unproven,
            };
        }
        self
    }
}

impl Shape {
    /// The type that this one stands for.
    pub(crate) fn stood_for(&self) -> TypeStep<'_> {
        TypeStep {
            shape: self,
            rule: None,
            range: None,
            is_unproven: false,
        }
        .resolved()
    }

    /// The place of the elements of a list; in a tuple each has its own.
    pub(crate) fn element(&self, at: usize) -> Option<&Place> {
        match self.kind() {
            ShapeKind::List { element, .. } => Some(element),
            ShapeKind::Tuple(parts) => parts.get(at),
            _ => None,
        }
    }

    pub(crate) fn is_tuple(&self) -> bool {
        matches!(self.kind(), ShapeKind::Tuple(_))
    }

    /// Whether both are names of one variant.
    pub(crate) fn is_same_variant(&self, one: &str, other: &str) -> bool {
        let ShapeKind::Enum(of) = self.kind() else {
            return false;
        };
        let at = |name: &str| of.variants.iter().position(|v| v.is_named(name));
        at(one).is_some_and(|found| at(other) == Some(found))
    }

    /// Whether the type, and each type inside, reads whatever it writes: every member under the name under
    /// which it writes it, all that it needs, and what it leaves out as what it was. That is not known of
    /// functions, of types that stand for others, and of those of which nothing is known.
    pub(crate) fn reads_as_it_writes(&self) -> bool {
        let mut met = HashSet::new();
        let mut open = vec![self];
        let mut is_proven = true;
        while let Some(shape) = open.pop().filter(|_| is_proven) {
            let mut enter = |place| {
                is_proven = is_proven && !Place::is_unproven(place);
                open.extend(Place::first_met(place, &mut met));
            };
            match shape.kind() {
                ShapeKind::List { element: place, .. }
                | ShapeKind::Same(place)
                | ShapeKind::Map { value: place, .. } => {
                    enter(place);
                }
                ShapeKind::Tuple(parts) => parts.iter().for_each(enter),
                ShapeKind::Object(object) => {
                    // What is only written is not read.
                    let is_read = |m: &Member| m.read.is_empty() || m.read.contains(&m.written);
                    if !object.members.iter().all(|m| is_read(m) && !m.is_skipped) {
                        return false;
                    }
                    object
                        .members
                        .iter()
                        .for_each(|member| enter(&member.place));
                    object.flattened.iter().for_each(enter);
                }
                ShapeKind::Enum(of) => {
                    let is_read = |v: &Variant| v.read.contains(&v.written) && !v.untagged;
                    if matches!(of.tag, Tagging::Untagged) || !of.variants.iter().all(is_read) {
                        return false;
                    }
                    of.variants
                        .iter()
                        .filter_map(|v| v.content.as_ref())
                        .for_each(enter);
                }
                ShapeKind::Ruled(..) => return false,
                ShapeKind::Unknown | ShapeKind::Scalar => {}
            }
        }
        is_proven
    }

    /// Whether it is a list whose order does not count.
    pub(crate) fn is_set(&self) -> bool {
        matches!(self.kind(), ShapeKind::List { ordered: false, .. })
    }

    /// Whether nothing is known of it, so that anything may lie there.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind(), ShapeKind::Unknown | ShapeKind::Ruled(..))
    }

    /// Whether its parts are merged one by one, each with the one at its place: a tuple or an array all parts of
    /// which have parts themselves. One that holds bare values, such as a point, is one value.
    pub(crate) fn is_merged_by_place(&self) -> bool {
        let has_parts = |part: &Place| {
            let step = step(part);
            step.rule.is_some()
                || matches!(
                    step.shape.kind(),
                    ShapeKind::Object(_)
                        | ShapeKind::Enum(_)
                        | ShapeKind::Map { .. }
                        | ShapeKind::List { .. }
                )
        };
        match self.kind() {
            ShapeKind::Tuple(parts) => parts.iter().all(has_parts),
            _ => false,
        }
    }

    /// Whether it is merged as a whole unless a rule says otherwise.
    pub(crate) fn is_one_value(&self) -> bool {
        match self.kind() {
            ShapeKind::Tuple(_) => !self.is_merged_by_place(),
            // Its document does not say which variant it is.
            ShapeKind::Enum(of) => matches!(of.tag, Tagging::Untagged),
            _ => false,
        }
    }

    /// Whether no value of the type can have parts with rules of their own.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.kind(), ShapeKind::Scalar)
    }
}
