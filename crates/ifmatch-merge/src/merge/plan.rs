//! A policy made ready for walking: a tree of tokens in which every place has one answer.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::conflict::Side;
use super::policy::{Nested, Policy, Tag};
use super::rule::Rule;
use crate::json::{self, View};

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
    /// The policy of a type, and the plan with it once somebody went there.
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

    fn is_operation_like(&self) -> bool {
        let by_rule = |rule: &Option<Rule>| rule.as_ref().is_some_and(Rule::is_operation_like);
        // A plan that was not asked for yet may be anything.
        by_rule(&self.rule)
            || by_rule(&self.default)
            || !self.lazy.is_empty()
            || self.exact.values().any(Plan::is_operation_like)
            || self.any.as_ref().is_some_and(|any| any.is_operation_like())
    }
}

/// A place in a plan, with what it inherits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'p> {
    plan: Option<&'p Plan>,
    default: Option<&'p Rule>,
    prefer: Option<Side>,
}

impl<'p> Cursor<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self {
            plan: None,
            default: None,
            prefer: None,
        }
        .entered(Some(plan))
    }

    fn entered(self, plan: Option<&'p Plan>) -> Self {
        let Some(plan) = plan.map(Plan::forced) else {
            return Self { plan: None, ..self };
        };
        Self {
            plan: Some(plan),
            default: plan.default.as_ref().or(self.default),
            prefer: plan.prefer.or(self.prefer),
        }
    }

    /// The place of a member.
    pub(crate) fn member(self, name: &str) -> Self {
        let Some(plan) = self.plan else { return self };
        let child = if plan.exact.is_empty() {
            None
        } else {
            plan.exact.get(name)
        };
        self.entered(child.or(plan.any.as_deref()))
    }

    /// The place of an element of an array.
    pub(crate) fn element(self) -> Self {
        let Some(plan) = self.plan else { return self };
        self.entered(plan.any.as_deref())
    }

    /// The rule for a place that holds such a value.
    pub(crate) fn rule(self, value: View<'_>) -> &'p Rule {
        if let Some(rule) = self.plan.and_then(|plan| plan.rule.as_ref()) {
            return rule;
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
        self.plan.and_then(|plan| plan.range)
    }

    /// Where the document of an enum says its variant; several where enums are flattened into one object.
    pub(crate) fn tags(self) -> &'p [Tag] {
        self.plan.map_or(&[], |plan| &plan.tags)
    }

    /// The other names of this member.
    pub(crate) fn aliases(self) -> &'p [String] {
        self.plan.map_or(&[], |plan| &plan.aliases)
    }

    /// Whether a rule here or beneath may be operation-like.
    pub(crate) fn is_operation_like(self) -> bool {
        self.default.is_some_and(Rule::is_operation_like)
            || self.plan.is_some_and(Plan::is_operation_like)
    }
}
