//! Walks a document and provides the rules for the current place.

use super::compiled::CompiledPolicy;
use super::conflict::Side;
use super::policy::Tag;
use super::rule::Rule;
use crate::json::{Tree, View};
use crate::shape::{Fields, Known, Shape, step};

/// A place in a document, with the settings of the policy, those of the type, and those it inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'p> {
    compiled: Option<&'p CompiledPolicy>,
    /// The policy of a type whose `Merge` was implemented by hand. The user's policy overrides it.
    by_hand: Option<&'p CompiledPolicy>,
    shape: Option<&'p Shape>,
    /// The rule that the type declares for the place.
    rule: Option<&'p Rule>,
    range: Option<&'p (i128, i128)>,
    default: Option<&'p Rule>,
    prefer: Option<Side>,
    /// Whether a function may read something else from what is written there.
    is_unproven: bool,
}

static SET: Rule = Rule::Set;
static ATOMIC: Rule = Rule::Atomic;

impl<'p> Cursor<'p> {
    pub(crate) fn new(compiled: &'p CompiledPolicy) -> Self {
        Self::unknown().entered(Some(compiled), None, None)
    }

    /// Returns a place of which nothing is known.
    fn unknown() -> Self {
        Self {
            compiled: None,
            by_hand: None,
            shape: None,
            rule: None,
            range: None,
            default: None,
            prefer: None,
            is_unproven: false,
        }
    }

    fn entered(
        self,
        compiled: Option<&'p CompiledPolicy>,
        by_hand: Option<&'p CompiledPolicy>,
        known: Option<Known<'p>>,
    ) -> Self {
        if compiled.is_none() && by_hand.is_none() && known.is_none() {
            return Self {
                default: self.default,
                prefer: self.prefer,
                ..Self::unknown()
            };
        }
        let compiled = compiled.map(CompiledPolicy::forced);
        let at = known.and_then(|known| known.place).map(step);
        let by_hand = known.and_then(|known| known.compiled).or(by_hand);
        let by_hand = by_hand
            .or_else(|| at.and_then(|at| at.shape.kind().compiled()))
            .map(CompiledPolicy::forced);
        // A type assigned by a pointer is used if nothing else is known about the type at this place.
        let put_there = || {
            let shape = compiled.and_then(|compiled| compiled.shape.as_ref());
            let shape = shape.or_else(|| by_hand.and_then(|compiled| compiled.shape.as_ref()));
            shape.map(Shape::stood_for)
        };
        let at = match at {
            Some(at) if !at.shape.is_unknown() => Some(at),
            at => put_there().or(at),
        };
        let default = |compiled: Option<&'p CompiledPolicy>| {
            compiled.and_then(|compiled| compiled.default.as_ref())
        };
        let prefer =
            |compiled: Option<&'p CompiledPolicy>| compiled.and_then(|compiled| compiled.prefer);
        Self {
            compiled,
            by_hand,
            shape: at.map(|at| at.shape),
            rule: at.and_then(|at| at.rule),
            range: at.and_then(|at| at.range),
            default: default(compiled)
                .or_else(|| default(by_hand))
                .or(self.default),
            prefer: prefer(compiled).or_else(|| prefer(by_hand)).or(self.prefer),
            is_unproven: at.is_some_and(|at| at.is_unproven),
        }
    }

    /// Returns the members that the type defines for an object at this place.
    pub(crate) fn fields<'t, T: Tree<'t>>(self, object: T) -> Fields<'p, 't> {
        let fields = Fields::of(self.shape, object);
        if self.is_unproven {
            fields.opened()
        } else {
            fields
        }
    }

    /// Returns the place of a member.
    pub(crate) fn member(self, fields: &Fields<'p, '_>, name: &str) -> Self {
        self.known(fields.named(name), name)
    }

    /// Returns the place of a member that was already looked up in the type.
    pub(crate) fn known(self, known: Option<Known<'p>>, name: &str) -> Self {
        let beneath = |compiled: Option<&'p CompiledPolicy>| {
            compiled.and_then(|compiled| compiled.beneath(name))
        };
        self.entered(beneath(self.compiled), beneath(self.by_hand), known)
    }

    /// Returns the place of an element of an array.
    pub(crate) fn element(self) -> Self {
        self.part(0)
    }

    /// Returns the place of one part of a tuple.
    pub(crate) fn part(self, at: usize) -> Self {
        let any = |compiled: Option<&'p CompiledPolicy>| {
            compiled.and_then(|compiled| compiled.any.as_deref())
        };
        let place = self.shape.and_then(|shape| shape.element(at));
        let known = place.map(Known::of);
        self.entered(any(self.compiled), any(self.by_hand), known)
    }

    /// Returns the rule for a place that holds a value of this form.
    pub(crate) fn rule(self, value: View<'_>) -> &'p Rule {
        let said = |compiled: Option<&'p CompiledPolicy>| {
            compiled.and_then(|compiled| compiled.rule.as_ref())
        };
        let said = said(self.compiled)
            .or_else(|| said(self.by_hand))
            .or(self.rule);
        if let Some(rule) = said {
            return rule;
        }
        if let Some(shape) = self.shape {
            if shape.is_set() {
                return &SET;
            }
            if shape.is_one_value() {
                return &ATOMIC;
            }
        }
        let fits = self.default.filter(|rule| match rule {
            Rule::Auto => true,
            Rule::Text | Rule::Prose => matches!(value, View::String(_)),
            Rule::Set | Rule::Keyed(_) | Rule::Sequence => matches!(value, View::Array),
            Rule::Counter => matches!(value, View::Number(_)),
            Rule::Max | Rule::Min => {
                matches!(value, View::Number(_) | View::String(_) | View::Torn(_))
            }
            Rule::Atomic | Rule::Local | Rule::Remote | Rule::Custom(_) => {
                !matches!(value, View::Object)
            }
        });
        fits.unwrap_or(&Rule::Auto)
    }

    pub(crate) fn prefer(self) -> Option<Side> {
        self.prefer
    }

    pub(crate) fn range(self) -> Option<(i128, i128)> {
        let said = |compiled: Option<&'p CompiledPolicy>| {
            compiled.and_then(|compiled| compiled.range.as_ref())
        };
        let said = said(self.compiled).or_else(|| said(self.by_hand));
        said.or(self.range).copied()
    }

    /// Returns the tags that the policy declares for an enum at this place.
    pub(crate) fn tags(self) -> impl Iterator<Item = &'p Tag> {
        let tags = |compiled: Option<&'p CompiledPolicy>| {
            compiled.map_or(&[][..], |compiled| &compiled.tags)
        };
        tags(self.compiled).iter().chain(tags(self.by_hand))
    }

    /// Returns the other names that the policy declares for this member.
    pub(crate) fn aliases(self) -> impl Iterator<Item = &'p String> {
        let aliases = |compiled: Option<&'p CompiledPolicy>| {
            compiled.map_or(&[][..], |compiled| &compiled.aliases)
        };
        aliases(self.compiled).iter().chain(aliases(self.by_hand))
    }

    /// Returns the type at this place, if it is known.
    pub(crate) fn shape(self) -> Option<&'p Shape> {
        self.shape
    }

    /// Whether nothing beneath this place has names or rules.
    pub(crate) fn is_plain(self) -> bool {
        self.shape
            .is_none_or(|shape| shape.is_scalar() || shape.is_unknown())
    }

    /// Whether each part of an array is merged with the part at the same position.
    pub(crate) fn is_by_place(self) -> bool {
        self.shape.is_some_and(Shape::is_merged_by_place)
    }

    /// Whether a rule at or beneath this place may be operation-like.
    pub(crate) fn is_operation_like(self) -> bool {
        let in_plan = |compiled: Option<&CompiledPolicy>| {
            compiled.is_some_and(CompiledPolicy::is_operation_like)
        };
        self.default.is_some_and(Rule::is_operation_like)
            || self.rule.is_some_and(Rule::is_operation_like)
            || in_plan(self.compiled)
            || in_plan(self.by_hand)
            || self
                .shape
                .is_some_and(|shape| !shape.is_scalar() && !shape.is_unknown())
    }
}
