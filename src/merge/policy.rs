//! [`Policy`]: which rule holds where.

use std::fmt;

use super::conflict::Side;
use super::rule::Rule;
use super::types::Merge;
use crate::json;

/// Which [`Rule`] holds at which place of a document.
///
/// Places are JSON Pointers (RFC 6901) in which the token `*` stands for every key or element:
/// `/items/*/qty`. A key beats `*`. Elements of arrays are reached by `*` only, because their numbers
/// change. Without a rule, [`Rule::Auto`] holds.
///
/// # Example
///
/// ```
/// use ifmatch::merge::{Policy, Rule, Side};
///
/// let policy = Policy::new()
///     .field("/body", Rule::Text)
///     .field("/items", Rule::keyed("sku"))
///     .field("/items/*/qty", Rule::Counter)
///     .prefer_at("/meta", Side::Remote);
/// assert!(policy.check().is_ok());
/// ```
#[derive(Clone, Default)]
pub struct Policy {
    pub(crate) fields: Vec<(String, Rule)>,
    pub(crate) default: Option<Rule>,
    pub(crate) nested: Vec<(String, Nested)>,
    pub(crate) prefer: Option<Side>,
    pub(crate) prefer_at: Vec<(String, Side)>,
    pub(crate) ranges: Vec<(String, (i128, i128))>,
    pub(crate) aliases: Vec<(String, String)>,
    pub(crate) tags: Vec<(String, Tag)>,
}

/// Where the document of an enum says which variant it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// In its only key, or it is a string: `{"Circle": {"radius": 1}}`, `"Empty"`.
    Key,
    /// In a member: `{"type": "circle", "radius": 1}`.
    Member(String),
}

/// A policy for what lies beneath a pointer.
#[derive(Clone)]
pub(crate) enum Nested {
    Known(Box<Policy>),
    /// Asked for when it is needed: types may contain themselves.
    OfType(fn() -> Policy),
}

impl Policy {
    /// A policy without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the rule of a place.
    pub fn field(mut self, pointer: impl Into<String>, rule: Rule) -> Self {
        self.fields.push((pointer.into(), rule));
        self
    }

    /// Sets the rule of all places that have none, as far as it fits what lies there: `Text` for strings,
    /// `Set` for arrays, `Counter` for numbers, `Atomic` for anything but objects.
    pub fn default_rule(mut self, rule: Rule) -> Self {
        self.default = Some(rule);
        self
    }

    /// Sets a policy for all that lies beneath a place; its pointers begin there.
    pub fn nested(mut self, pointer: impl Into<String>, policy: Policy) -> Self {
        self.nested
            .push((pointer.into(), Nested::Known(Box::new(policy))));
        self
    }

    /// Sets the policy of a type for what lies beneath a place.
    pub fn nested_type<T: Merge>(self, pointer: impl Into<String>) -> Self {
        self.nested_if(&pointer.into(), Some(T::policy))
    }

    /// As [`nested_type`](Self::nested_type), if the type has a policy.
    #[doc(hidden)]
    pub fn nested_if(mut self, pointer: &str, policy: Option<fn() -> Policy>) -> Self {
        self.nested
            .extend(policy.map(|policy| (pointer.to_owned(), Nested::OfType(policy))));
        self
    }

    /// Says that a place holds an enum: its object is merged inside only while all sides hold the same
    /// variant, and is taken as a whole otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::merge::{Policy, Tag, ThreeWay};
    /// use serde_json::json;
    ///
    /// let merge = ThreeWay::new(Policy::new().tagged("", Tag::Member("type".into())));
    /// let base = json!({"type": "circle", "r": 1});
    /// let (local, remote) = (json!({"type": "circle", "r": 2}), json!({"type": "square", "r": 1}));
    /// assert_eq!(merge.merge_json(Some(&base), &local, &remote).conflicts.len(), 1);
    /// ```
    pub fn tagged(mut self, pointer: impl Into<String>, tag: Tag) -> Self {
        self.tags.push((pointer.into(), tag));
        self
    }

    /// Settles every conflict for one side. Conflicts are then not reported.
    pub fn prefer(mut self, side: Side) -> Self {
        self.prefer = Some(side);
        self
    }

    /// Settles the conflicts at and beneath a place for one side.
    pub fn prefer_at(mut self, pointer: impl Into<String>, side: Side) -> Self {
        self.prefer_at.push((pointer.into(), side));
        self
    }

    /// Limits what a counter may come to; a sum beyond is a conflict.
    ///
    /// Without it the limits are `i64::MIN` and `u64::MAX`.
    pub fn range(mut self, pointer: impl Into<String>, least: i128, most: i128) -> Self {
        self.ranges.push((pointer.into(), (least, most)));
        self
    }

    /// Says that a member may stand in documents under another name as well (`#[serde(alias)]`): a change
    /// of it then goes to that name instead of adding a second member.
    pub fn alias(mut self, pointer: impl Into<String>, name: impl Into<String>) -> Self {
        self.aliases.push((pointer.into(), name.into()));
        self
    }

    /// Looks for mistakes: malformed pointers, two different rules for one place, rules that can never
    /// apply because a place above them is merged as a whole.
    ///
    /// A malformed pointer matches nothing, and of two rules for one place the later one holds.
    ///
    /// # Errors
    ///
    /// The first mistake found.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::merge::{Policy, Rule};
    ///
    /// let policy = Policy::new().field("/a", Rule::Atomic).field("/a/b", Rule::Set);
    /// let error = policy.check().unwrap_err();
    /// assert_eq!(error.to_string(), "the rule at /a/b never applies: /a is merged as a whole (atomic)");
    /// ```
    pub fn check(&self) -> Result<(), PolicyError> {
        let pointers = self
            .fields
            .iter()
            .map(|(p, _)| p)
            .chain(self.nested.iter().map(|(p, _)| p));
        let pointers = pointers
            .chain(self.prefer_at.iter().map(|(p, _)| p))
            .chain(self.ranges.iter().map(|(p, _)| p));
        for pointer in pointers.clone() {
            if json::pointer_tokens(pointer).is_none() {
                return Err(PolicyError::new(
                    pointer,
                    "is no JSON Pointer (it must be empty or begin with /)".into(),
                ));
            }
        }
        for (at, (pointer, rule)) in self.fields.iter().enumerate() {
            if let Some((_, other)) = self.fields[..at]
                .iter()
                .find(|(p, r)| p == pointer && !r.agrees_with(rule))
            {
                let reason = format!("has two rules, {} and {}", other.name(), rule.name());
                return Err(PolicyError::new(pointer, reason));
            }
            let wholesale = match rule {
                Rule::Auto | Rule::Keyed(_) | Rule::Sequence => continue,
                other => other.name(),
            };
            if let Some(beneath) = pointers.clone().find(|p| is_beneath(p, pointer)) {
                let reason = format!(
                    "never applies: {} is merged as a whole ({wholesale})",
                    shown(pointer)
                );
                return Err(PolicyError {
                    pointer: beneath.clone(),
                    reason,
                    beneath: true,
                });
            }
            if let Rule::Keyed(keyed) = rule
                && keyed.members().is_empty()
            {
                return Err(PolicyError::new(pointer, "is keyed by nothing".into()));
            }
        }
        self.nested
            .iter()
            .try_for_each(|(pointer, nested)| match nested {
                Nested::Known(policy) => policy.check().map_err(|e| e.under(pointer)),
                // A derived policy was checked where it was derived, and may contain itself.
                Nested::OfType(_) => Ok(()),
            })
    }
}

fn is_beneath(pointer: &str, above: &str) -> bool {
    pointer
        .strip_prefix(above)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn shown(pointer: &str) -> &str {
    if pointer.is_empty() {
        "the whole document"
    } else {
        pointer
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        map.entries(self.fields.iter().map(|(p, r)| (p, r)));
        for (pointer, nested) in &self.nested {
            match nested {
                Nested::Known(policy) => map.entry(pointer, policy),
                Nested::OfType(_) => map.entry(pointer, &"policy of a type"),
            };
        }
        map.entries(self.prefer_at.iter().map(|(p, s)| (p, s)));
        if let Some(rule) = &self.default {
            map.entry(&"default", rule);
        }
        if let Some(side) = &self.prefer {
            map.entry(&"prefer", side);
        }
        map.finish()
    }
}

/// A policy that contradicts itself, or a pointer that cannot match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pointer: String,
    reason: String,
    beneath: bool,
}

impl PolicyError {
    fn new(pointer: &str, reason: String) -> Self {
        Self {
            pointer: pointer.to_owned(),
            reason,
            beneath: false,
        }
    }

    fn under(mut self, pointer: &str) -> Self {
        self.pointer.insert_str(0, pointer);
        self
    }

    /// The pointer that is to blame.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.beneath { "the rule at " } else { "" };
        write!(f, "{what}{} {}", shown(&self.pointer), self.reason)
    }
}

impl std::error::Error for PolicyError {}
