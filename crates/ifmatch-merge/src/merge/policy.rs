//! [`Policy`]: assigns rules to places.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::compiled::CompiledPolicy;
use super::conflict::Side;
use super::merge_trait::Merge;
use super::rule::Rule;
use crate::shape::Shape;

/// Assigns a [`Rule`] to places of a document.
///
/// Places are JSON Pointers (RFC 6901) in which the token `*` matches every key or element, as in `/items/*/qty`.
/// A key takes precedence over `*`. Elements of arrays can only be addressed by `*`, because their indices change.
/// [`Rule::Auto`] applies where no rule is set.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
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
    /// The shape of the type that the policy belongs to.
    pub(crate) shape: Option<Shape>,
    /// The compiled policy, if it was needed since the last change.
    ready: OnceLock<Arc<Ready>>,
}

#[derive(Debug)]
struct Ready {
    compiled: CompiledPolicy,
    reads_as_it_writes: bool,
}

/// Where the document of an enum names its variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tag {
    /// In its only key, or the document is a string: `{"Circle": {"radius": 1}}`, `"Empty"`.
    Key,
    /// In the key that is one of these. The enum is flattened into an object with other members:
    /// `{"name": "a", "Circle": {"radius": 1}}`.
    Keys(Vec<String>),
    /// In a member: `{"type": "circle", "radius": 1}`.
    Member(String),
}

/// A policy for the values beneath a pointer.
#[derive(Clone)]
pub(crate) enum Nested {
    Known(Box<Policy>),
    /// Called on demand, because types may contain themselves.
    OfType(fn() -> Policy),
}

impl Nested {
    pub(crate) fn policy(&self) -> Cow<'_, Policy> {
        match self {
            Nested::Known(policy) => Cow::Borrowed(policy),
            Nested::OfType(policy) => Cow::Owned(policy()),
        }
    }
}

/// Returns the policy without the rules by which one side wins. A place that both sides have changed is then a conflict.
///
/// Taking a change back is a merge in which the earlier state is the local side, and no rule of the type may prefer it to what
/// others have written since.
pub fn impartial(policy: &Policy) -> Policy {
    impartial_to(policy, IMPARTIAL_DEPTH)
}

/// How deep the policies of types are expanded, because types may contain themselves. Below, they keep their rules.
const IMPARTIAL_DEPTH: u32 = 4;

fn impartial_to(policy: &Policy, depth: u32) -> Policy {
    let fair = |rule: &Rule| match rule {
        Rule::Local | Rule::Remote | Rule::Max | Rule::Min | Rule::Custom(_) => Rule::Atomic,
        rule => rule.clone(),
    };
    let nested = policy.nested.iter();
    let nested = nested.map(|(at, nested)| {
        let nested = match depth.checked_sub(1) {
            Some(depth) => Nested::Known(Box::new(impartial_to(&nested.policy(), depth))),
            None => nested.clone(),
        };
        (at.clone(), nested)
    });
    Policy {
        fields: policy
            .fields
            .iter()
            .map(|(at, rule)| (at.clone(), fair(rule)))
            .collect(),
        default: policy.default.as_ref().map(fair),
        nested: nested.collect(),
        prefer: None,
        prefer_at: Vec::new(),
        ranges: policy.ranges.clone(),
        aliases: policy.aliases.clone(),
        tags: policy.tags.clone(),
        shape: policy.shape.clone(),
        ready: OnceLock::new(),
    }
}

impl Policy {
    /// Creates a policy without rules.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the rule of a place.
    pub fn field(mut self, pointer: impl Into<String>, rule: Rule) -> Self {
        self.ready.take();
        self.fields.push((pointer.into(), rule));
        self
    }

    /// Sets the rule of all places without one, if it fits the value: `Text` for strings, `Set` for arrays,
    /// `Counter` for numbers, `Atomic` for anything but objects.
    pub fn default_rule(mut self, rule: Rule) -> Self {
        self.ready.take();
        self.default = Some(rule);
        self
    }

    /// Sets a policy for everything beneath a place. Its pointers are relative to that place.
    pub fn nested(mut self, pointer: impl Into<String>, policy: Policy) -> Self {
        self.ready.take();
        self.nested
            .push((pointer.into(), Nested::Known(Box::new(policy))));
        self
    }

    /// Sets the policy of a type for everything beneath a place.
    pub fn nested_type<T: Merge>(mut self, pointer: impl Into<String>) -> Self {
        self.ready.take();
        self.nested
            .push((pointer.into(), Nested::OfType(T::policy)));
        self
    }

    /// Returns this policy with the shape of the other policy if it has none.
    pub(crate) fn or_shape_of(mut self, other: &Policy) -> Self {
        if self.shape.is_none() {
            self.ready.take();
            self.shape.clone_from(&other.shape);
        }
        self
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| {
            Arc::new(Ready {
                compiled: CompiledPolicy::of(self),
                reads_as_it_writes: self.shape.as_ref().is_some_and(Shape::reads_as_it_writes),
            })
        })
    }

    /// Returns the compiled policy.
    pub(crate) fn compiled(&self) -> &CompiledPolicy {
        &self.ready().compiled
    }

    /// Whether the type reads each member under the name under which it writes it.
    pub(crate) fn reads_as_it_writes(&self) -> bool {
        self.ready().reads_as_it_writes
    }

    /// Creates a policy with the rules of a type's shape.
    #[doc(hidden)]
    pub fn of_shape(shape: Shape) -> Self {
        Self {
            shape: Some(shape),
            ..Self::default()
        }
    }

    /// Declares that a place holds an enum. Its object is merged inside only while all sides hold the same
    /// variant, and is merged as a whole otherwise.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Tag, ThreeWay};
    /// use serde_json::json;
    ///
    /// let merge = ThreeWay::new(Policy::new().tagged("", Tag::Member("type".into())));
    /// let base = json!({"type": "circle", "r": 1});
    /// let (local, remote) = (json!({"type": "circle", "r": 2}), json!({"type": "square", "r": 1}));
    /// assert_eq!(merge.merge_json(Some(&base), &local, &remote).conflicts.len(), 1);
    /// ```
    pub fn tagged(mut self, pointer: impl Into<String>, tag: Tag) -> Self {
        self.ready.take();
        self.tags.push((pointer.into(), tag));
        self
    }

    /// Settles every conflict for one side. No conflicts are reported then.
    pub fn prefer(mut self, side: Side) -> Self {
        self.ready.take();
        self.prefer = Some(side);
        self
    }

    /// Settles the conflicts at and beneath a place for one side.
    pub fn prefer_at(mut self, pointer: impl Into<String>, side: Side) -> Self {
        self.ready.take();
        self.prefer_at.push((pointer.into(), side));
        self
    }

    /// Limits the value of a counter. A sum outside the range is a conflict.
    ///
    /// The default range is `i64::MIN` to `u64::MAX`.
    pub fn range(mut self, pointer: impl Into<String>, least: i128, most: i128) -> Self {
        self.ready.take();
        self.ranges.push((pointer.into(), (least, most)));
        self
    }

    /// Declares that documents may contain a member under another name as well (`#[serde(alias)]`). A change of
    /// the member is then written under that name instead of adding a second member.
    pub fn alias(mut self, pointer: impl Into<String>, name: impl Into<String>) -> Self {
        self.ready.take();
        self.aliases.push((pointer.into(), name.into()));
        self
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
        if self.shape.is_some() {
            map.entry(&"", &"rules of a type");
        }
        if let Some(rule) = &self.default {
            map.entry(&"default", rule);
        }
        if let Some(side) = &self.prefer {
            map.entry(&"prefer", side);
        }
        map.finish()
    }
}
