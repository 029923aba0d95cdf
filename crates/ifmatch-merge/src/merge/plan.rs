//! A policy made ready for walking: a tree of tokens in which every place has one answer.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::conflict::Side;
use super::policy::{Nested, Policy, Tag};
use super::rule::Rule;
use crate::json::{self, Tree, View};
use crate::shape::{Fields, Known, Shape, step};

/// What a policy says about one place and those beneath it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    rule: Option<Rule>,
    default: Option<Rule>,
    prefer: Option<Side>,
    range: Option<(i128, i128)>,
    aliases: Vec<String>,
    tags: Vec<Tag>,
    exact: HashMap<String, Plan>,
    any: Option<Box<Plan>>,
    /// The tree of the type that lies here.
    shape: Option<Shape>,
    /// The policy of a type, and the plan with it once it was asked for.
    lazy: Vec<fn() -> Policy>,
    forced: OnceLock<Box<Plan>>,
}

impl Plan {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut plan = Self::raw(policy);
        plan.settle_wildcards();
        plan
    }

    fn raw(policy: &Policy) -> Self {
        let mut plan = Plan {
            default: policy.default.clone(),
            prefer: policy.prefer,
            shape: policy.shape.clone(),
            ..Plan::default()
        };
        for (pointer, rule) in &policy.fields {
            plan.at(pointer, |place| place.rule = Some(rule.clone()));
        }
        for (pointer, side) in &policy.prefer_at {
            plan.at(pointer, |place| place.prefer = Some(*side));
        }
        for (pointer, range) in &policy.ranges {
            plan.at(pointer, |place| place.range = Some(*range));
        }
        for (pointer, tag) in &policy.tags {
            plan.at(pointer, |place| place.tags.push(tag.clone()));
        }
        for (pointer, name) in &policy.aliases {
            plan.at(pointer, |place| place.aliases.push(name.clone()));
        }
        for (pointer, nested) in &policy.nested {
            plan.at(pointer, |place| match nested {
                Nested::Known(policy) => place.fill_from(&Self::raw(policy)),
                Nested::OfType(policy) => place.lazy.push(*policy),
            });
        }
        plan
    }

    fn at(&mut self, pointer: &str, change: impl FnOnce(&mut Plan)) {
        let Some(tokens) = json::pointer_tokens(pointer) else {
            return;
        };
        let place = tokens.into_iter().fold(self, |place, token| match &*token {
            "*" => &mut **place.any.get_or_insert_default(),
            _ => place.exact.entry(token.into_owned()).or_default(),
        });
        change(place);
    }

    /// The rule of a place, if one is said for it.
    pub(crate) fn rule_at(&self, pointer: &str) -> Option<&Rule> {
        let tokens = json::pointer_tokens(pointer)?;
        let place = tokens.iter().try_fold(self.forced(), |place, token| {
            let child = place.exact.get(&**token);
            Some(child.or(place.any.as_deref())?.forced())
        });
        place?.rule.as_ref()
    }

    /// Adds what `other` says where this plan says nothing.
    fn fill_from(&mut self, other: &Plan) {
        self.rule = self.rule.take().or_else(|| other.rule.clone());
        self.default = self.default.take().or_else(|| other.default.clone());
        self.prefer = self.prefer.or(other.prefer);
        self.range = self.range.or(other.range);
        self.shape = self.shape.take().or_else(|| other.shape.clone());
        self.tags.extend(other.tags.iter().cloned());
        self.aliases.extend(other.aliases.iter().cloned());
        self.lazy.extend(&other.lazy);
        for (token, child) in &other.exact {
            self.exact
                .entry(token.clone())
                .or_default()
                .fill_from(child);
        }
        if let Some(any) = &other.any {
            self.any.get_or_insert_default().fill_from(any);
        }
    }

    /// What `*` says holds for the named keys too, as far as they say nothing themselves.
    fn settle_wildcards(&mut self) {
        if let Some(any) = &self.any {
            for child in self.exact.values_mut() {
                child.fill_from(any);
            }
        }
        self.exact.values_mut().for_each(Plan::settle_wildcards);
        if let Some(any) = &mut self.any {
            any.settle_wildcards();
        }
    }

    /// This plan with the policies of types put in.
    fn forced(&self) -> &Plan {
        /// A type can stand for another one, and that for a third. One that goes on stands for itself.
        const STAND_INS: usize = 16;
        if self.lazy.is_empty() {
            return self;
        }
        self.forced.get_or_init(|| {
            let mut plan = Plan {
                forced: OnceLock::new(),
                ..self.clone()
            };
            for _ in 0..STAND_INS {
                for policy in std::mem::take(&mut plan.lazy) {
                    plan.fill_from(&Plan::raw(&policy()));
                }
            }
            plan.lazy.clear();
            plan.settle_wildcards();
            Box::new(plan)
        })
    }

    /// What it says of a member, or of all.
    pub(crate) fn beneath(&self, name: &str) -> Option<&Plan> {
        let plan = self.forced();
        let child = if plan.exact.is_empty() {
            None
        } else {
            plan.exact.get(name)
        };
        child.or(plan.any.as_deref())
    }

    fn is_operation_like(&self) -> bool {
        let by_rule = |rule: &Option<Rule>| rule.as_ref().is_some_and(Rule::is_operation_like);
        // A plan that was not asked for yet may be anything.
        by_rule(&self.rule)
            || by_rule(&self.default)
            || !self.lazy.is_empty()
            || self.shape.is_some()
            || self.exact.values().any(Plan::is_operation_like)
            || self.any.as_ref().is_some_and(|any| any.is_operation_like())
    }
}

/// A place in a document: what a policy says about it by pointers, what its type says, and what it inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'p> {
    plan: Option<&'p Plan>,
    /// What a type that was made `Merge` by hand says, which the policy may override.
    by_hand: Option<&'p Plan>,
    shape: Option<&'p Shape>,
    /// What the type says about the place.
    rule: Option<&'p Rule>,
    range: Option<&'p (i128, i128)>,
    default: Option<&'p Rule>,
    prefer: Option<Side>,
    /// A function may read from something else what is written there.
    is_unproven: bool,
}

static SET: Rule = Rule::Set;
static ATOMIC: Rule = Rule::Atomic;

impl<'p> Cursor<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self {
            plan: None,
            by_hand: None,
            shape: None,
            rule: None,
            range: None,
            default: None,
            prefer: None,
            is_unproven: false,
        }
        .entered(Some(plan), None, None)
    }

    fn entered(
        self,
        plan: Option<&'p Plan>,
        by_hand: Option<&'p Plan>,
        known: Option<Known<'p>>,
    ) -> Self {
        let plan = plan.map(Plan::forced);
        let at = known.and_then(|known| known.place).map(step);
        let by_hand = known.and_then(|known| known.plan).or(by_hand);
        let by_hand = by_hand
            .or_else(|| at.and_then(|at| at.shape.kind().plan()))
            .map(Plan::forced);
        // A type that is put there by a pointer stands for one that nothing is known of.
        let put_there = || {
            let shape = plan.and_then(|plan| plan.shape.as_ref());
            let shape = shape.or_else(|| by_hand.and_then(|plan| plan.shape.as_ref()));
            shape.map(Shape::stood_for)
        };
        let at = match at {
            Some(at) if !at.shape.is_unknown() => Some(at),
            at => put_there().or(at),
        };
        let default = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.default.as_ref());
        let prefer = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.prefer);
        Self {
            plan,
            by_hand,
            shape: at.map(|at| at.shape),
            rule: at.and_then(|at| at.rule),
            range: at.and_then(|at| at.range),
            default: default(plan).or_else(|| default(by_hand)).or(self.default),
            prefer: prefer(plan).or_else(|| prefer(by_hand)).or(self.prefer),
            is_unproven: at.is_some_and(|at| at.is_unproven),
        }
    }

    /// What the type says about the members of an object that lies here.
    pub(crate) fn fields<'t, T: Tree<'t>>(self, object: T) -> Fields<'p, 't> {
        let fields = Fields::of(self.shape, object);
        if self.is_unproven {
            fields.opened()
        } else {
            fields
        }
    }

    /// The place of a member.
    pub(crate) fn member(self, fields: &Fields<'p, '_>, name: &str) -> Self {
        self.known(fields.named(name), name)
    }

    /// The place of a member that the type was asked for.
    pub(crate) fn known(self, known: Option<Known<'p>>, name: &str) -> Self {
        let beneath = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.beneath(name));
        self.entered(beneath(self.plan), beneath(self.by_hand), known)
    }

    /// The place of an element of an array.
    pub(crate) fn element(self) -> Self {
        self.part(0)
    }

    /// The place of one part of a tuple.
    pub(crate) fn part(self, at: usize) -> Self {
        let any = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.any.as_deref());
        let place = self.shape.and_then(|shape| shape.element(at));
        let known = place.map(Known::of);
        self.entered(any(self.plan), any(self.by_hand), known)
    }

    /// The rule for a place that holds such a value.
    pub(crate) fn rule(self, value: View<'_>) -> &'p Rule {
        let said = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.rule.as_ref());
        let said = said(self.plan).or_else(|| said(self.by_hand)).or(self.rule);
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
        let said = |plan: Option<&'p Plan>| plan.and_then(|plan| plan.range.as_ref());
        let said = said(self.plan).or_else(|| said(self.by_hand));
        said.or(self.range).copied()
    }

    /// Where the policy says that an enum tells its variant.
    pub(crate) fn tags(self) -> impl Iterator<Item = &'p Tag> {
        let tags = |plan: Option<&'p Plan>| plan.map_or(&[][..], |plan| &plan.tags);
        tags(self.plan).iter().chain(tags(self.by_hand))
    }

    /// The other names of this member that the policy says.
    pub(crate) fn aliases(self) -> impl Iterator<Item = &'p String> {
        let aliases = |plan: Option<&'p Plan>| plan.map_or(&[][..], |plan| &plan.aliases);
        aliases(self.plan).iter().chain(aliases(self.by_hand))
    }

    /// The type that lies here, as far as it is known.
    pub(crate) fn shape(self) -> Option<&'p Shape> {
        self.shape
    }

    /// Whether nothing beneath has names or rules.
    pub(crate) fn is_plain(self) -> bool {
        self.shape
            .is_none_or(|shape| shape.is_scalar() || shape.is_unknown())
    }

    /// Whether each part of an array is merged with the one at its place.
    pub(crate) fn is_by_place(self) -> bool {
        self.shape.is_some_and(Shape::is_merged_by_place)
    }

    /// Whether a rule here or beneath may be operation-like.
    pub(crate) fn is_operation_like(self) -> bool {
        let in_plan = |plan: Option<&Plan>| plan.is_some_and(Plan::is_operation_like);
        self.default.is_some_and(Rule::is_operation_like)
            || self.rule.is_some_and(Rule::is_operation_like)
            || in_plan(self.plan)
            || in_plan(self.by_hand)
            || self
                .shape
                .is_some_and(|shape| !shape.is_scalar() && !shape.is_unknown())
    }
}
