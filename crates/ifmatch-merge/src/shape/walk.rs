//! Resolves a place to the type of its value, and answers what the merge asks about a type.

use std::collections::HashSet;

use super::{Member, Place, Shape, ShapeKind, Tagging, Variant};
use crate::merge::Rule;

/// Maximum number of types followed when each is written as the next one. A longer chain is treated as recursive,
/// that is, as a type written as itself.
const STAND_INS: usize = 16;

/// The type at a place, after following types written as another type, with the first rule found on the way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeStep<'s> {
    pub(crate) shape: &'s Shape,
    pub(crate) rule: Option<&'s Rule>,
    pub(crate) range: Option<&'s (i128, i128)>,
    /// Whether a function may read the value from something else.
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

    /// Returns the type of the place when it is met for the first time. Types may contain themselves.
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
    /// Returns the type that this type is written as.
    pub(crate) fn stood_for(&self) -> TypeStep<'_> {
        TypeStep {
            shape: self,
            rule: None,
            range: None,
            is_unproven: false,
        }
        .resolved()
    }

    /// Returns the place of an element of a list. Each element of a tuple has its own place.
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

    /// Whether both names denote the same variant.
    pub(crate) fn is_same_variant(&self, one: &str, other: &str) -> bool {
        let ShapeKind::Enum(of) = self.kind() else {
            return false;
        };
        let at = |name: &str| of.variants.iter().position(|v| v.is_named(name));
        at(one).is_some_and(|found| at(other) == Some(found))
    }

    /// Whether the type, and each type inside it, reads everything it writes: every member under the name under
    /// which it is written, all required members, and omitted members with their original value. This cannot be
    /// shown for functions, for types written as others, and for unknown types.
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
                    // A member that is only written does not have to be read.
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

    /// Whether this is a list whose order does not matter.
    pub(crate) fn is_set(&self) -> bool {
        matches!(self.kind(), ShapeKind::List { ordered: false, .. })
    }

    /// Whether nothing is known about the value, so that any value may occur.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.kind(), ShapeKind::Unknown | ShapeKind::Ruled(..))
    }

    /// Whether the parts are merged one by one, each with the part at the same position. This holds for a tuple or
    /// an array whose parts all have parts themselves. One that holds bare values, such as a point, is one value.
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

    /// Whether the value is merged as a whole unless a rule declares otherwise.
    pub(crate) fn is_one_value(&self) -> bool {
        match self.kind() {
            ShapeKind::Tuple(_) => !self.is_merged_by_place(),
            // The document does not name its variant.
            ShapeKind::Enum(of) => matches!(of.tag, Tagging::Untagged),
            _ => false,
        }
    }

    /// Whether no value of the type can have parts with rules of their own.
    pub(crate) fn is_scalar(&self) -> bool {
        matches!(self.kind(), ShapeKind::Scalar)
    }
}
