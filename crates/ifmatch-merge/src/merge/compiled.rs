//! A policy compiled for walking: a tree of tokens that gives one rule per place.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::conflict::Side;
use super::policy::{Nested, Policy, Tag};
use super::rule::Rule;
use crate::json;
use crate::shape::Shape;

/// What a policy declares for one place and the places beneath it.
#[derive(Debug, Clone, Default)]
pub(crate) struct CompiledPolicy {
    pub(super) rule: Option<Rule>,
    pub(super) default: Option<Rule>,
    pub(super) prefer: Option<Side>,
    pub(super) range: Option<(i128, i128)>,
    pub(super) aliases: Vec<String>,
    pub(super) tags: Vec<Tag>,
    exact: HashMap<String, CompiledPolicy>,
    pub(super) any: Option<Box<CompiledPolicy>>,
    /// The shape of the type at this place.
    pub(super) shape: Option<Shape>,
    /// The policies of types, not included yet.
    lazy: Vec<fn() -> Policy>,
    /// This policy with those of `lazy` included, computed on demand.
    forced: OnceLock<Box<CompiledPolicy>>,
}

impl CompiledPolicy {
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut compiled = Self::raw(policy);
        compiled.spread_wildcards();
        compiled
    }

    fn raw(policy: &Policy) -> Self {
        let mut compiled = CompiledPolicy {
            default: policy.default.clone(),
            prefer: policy.prefer,
            shape: policy.shape.clone(),
            ..CompiledPolicy::default()
        };
        for (pointer, rule) in &policy.fields {
            compiled.at(pointer, |place| place.rule = Some(rule.clone()));
        }
        for (pointer, side) in &policy.prefer_at {
            compiled.at(pointer, |place| place.prefer = Some(*side));
        }
        for (pointer, range) in &policy.ranges {
            compiled.at(pointer, |place| place.range = Some(*range));
        }
        for (pointer, tag) in &policy.tags {
            compiled.at(pointer, |place| place.tags.push(tag.clone()));
        }
        for (pointer, name) in &policy.aliases {
            compiled.at(pointer, |place| place.aliases.push(name.clone()));
        }
        for (pointer, nested) in &policy.nested {
            compiled.at(pointer, |place| match nested {
                Nested::Known(policy) => place.fill_from(&Self::raw(policy)),
                Nested::OfType(policy) => place.lazy.push(*policy),
            });
        }
        compiled
    }

    fn at(&mut self, pointer: &str, change: impl FnOnce(&mut CompiledPolicy)) {
        let Some(tokens) = json::pointer_tokens(pointer) else {
            return;
        };
        let place = tokens.into_iter().fold(self, |place, token| match &*token {
            "*" => &mut **place.any.get_or_insert_default(),
            _ => place.exact.entry(token.into_owned()).or_default(),
        });
        change(place);
    }

    /// Returns the rule of a place, if one is declared for it.
    pub(crate) fn rule_at(&self, pointer: &str) -> Option<&Rule> {
        let tokens = json::pointer_tokens(pointer)?;
        let place = tokens.iter().try_fold(self.forced(), |place, token| {
            let child = place.exact.get(&**token);
            Some(child.or(place.any.as_deref())?.forced())
        });
        place?.rule.as_ref()
    }

    /// Adds settings of `other` that this policy lacks.
    fn fill_from(&mut self, other: &CompiledPolicy) {
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

    /// Copies the settings of `*` to named keys that do not have their own.
    fn spread_wildcards(&mut self) {
        if let Some(any) = &self.any {
            for child in self.exact.values_mut() {
                child.fill_from(any);
            }
        }
        self.exact
            .values_mut()
            .for_each(CompiledPolicy::spread_wildcards);
        if let Some(any) = &mut self.any {
            any.spread_wildcards();
        }
    }

    /// Returns this policy with the policies of types included.
    pub(super) fn forced(&self) -> &CompiledPolicy {
        /// Stop after 16 levels of types written as other types. A longer chain is treated as recursive.
        const STAND_INS: usize = 16;
        if self.lazy.is_empty() {
            return self;
        }
        self.forced.get_or_init(|| {
            let mut compiled = CompiledPolicy {
                forced: OnceLock::new(),
                ..self.clone()
            };
            for _ in 0..STAND_INS {
                for policy in std::mem::take(&mut compiled.lazy) {
                    compiled.fill_from(&CompiledPolicy::raw(&policy()));
                }
            }
            compiled.lazy.clear();
            compiled.spread_wildcards();
            Box::new(compiled)
        })
    }

    /// Returns the settings for a member, or else those for all members.
    pub(crate) fn beneath(&self, name: &str) -> Option<&CompiledPolicy> {
        let compiled = self.forced();
        let child = if compiled.exact.is_empty() {
            None
        } else {
            compiled.exact.get(name)
        };
        child.or(compiled.any.as_deref())
    }

    pub(super) fn is_operation_like(&self) -> bool {
        let by_rule = |rule: &Option<Rule>| rule.as_ref().is_some_and(Rule::is_operation_like);
        // A policy that is not compiled yet may contain any rule.
        by_rule(&self.rule)
            || by_rule(&self.default)
            || !self.lazy.is_empty()
            || self.shape.is_some()
            || self.exact.values().any(CompiledPolicy::is_operation_like)
            || self.any.as_ref().is_some_and(|any| any.is_operation_like())
    }
}
