//! [`Rule`]: how one place is merged.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::BoxError;
use super::conflict::Side;

/// How a place of a document is merged when both sides changed it.
///
/// Under every rule, if one side changed nothing, the other side's state is taken. A rule that does not fit the
/// value (`Text` on a number) falls back to merging the place as a whole.
///
/// | rule | if both sides changed the place | kind |
/// |---|---|---|
/// | [`Auto`](Self::Auto) | objects by key, arrays by element, multi-line strings by lines, anything else conflicts | state |
/// | [`Atomic`](Self::Atomic) | conflicts, unless both sides are equal | state |
/// | [`Text`](Self::Text) | by lines, as `git merge-file` does | state |
/// | [`Prose`](Self::Prose) | by lines, and by words within lines that both changed | state |
/// | [`Set`](Self::Set) | additions and removals of both sides; the order does not matter | state |
/// | [`Counter`](Self::Counter) | both changes are added up | operation |
/// | [`Keyed`](Self::Keyed) | elements with the same key are merged field by field | state |
/// | [`Sequence`](Self::Sequence) | as an array; insertions of both sides at one position are kept, remote first | operation |
/// | [`Local`](Self::Local), [`Remote`](Self::Remote) | that side wins | state |
/// | [`Max`](Self::Max), [`Min`](Self::Min) | the larger or smaller number, the later or earlier time, or the text that sorts later or earlier by bytes | state |
/// | [`Custom`](Self::Custom) | your function | operation, unless declared otherwise |
///
/// *State-like* rules give the same result when a change is applied twice. *Operation-like* rules do not. If the
/// response to a write is lost, the state then does not show whether this write or another one was applied.
#[derive(Debug, Clone, Default)]
pub enum Rule {
    /// Merges objects by key, arrays by element, multi-line strings by lines, and anything else as a whole.
    ///
    /// A list of numbers or times whose length is unchanged is one value. A list in which an element would be
    /// doubled, brought back or combined from two is a conflict. [The module](super) describes each case. Declare
    /// lists as [`Keyed`](Self::Keyed) or [`Set`](Self::Set) to merge more of them.
    #[default]
    Auto,
    /// The place is one value, so different changes conflict.
    Atomic,
    /// A text of lines.
    Text,
    /// A text of lines whose conflicting lines are merged by words. It merges more than [`Text`](Self::Text), but
    /// not all results make sense. Measured on real texts, half of the conflicts settled by words match what
    /// people wrote. Use it for notes and descriptions, not for code.
    Prose,
    /// A list whose order does not matter. Elements are identified by their value, and duplicates are counted.
    Set,
    /// A number that both sides add to.
    Counter,
    /// A list whose elements have an identity.
    Keyed(Keyed),
    /// A list that keeps the insertions of both sides, even equal ones. Moving an element does not count as
    /// inserting it. If one side moved an element and the other side moved, changed or removed it, that is a
    /// conflict.
    Sequence,
    /// The local state wins when both sides changed it.
    Local,
    /// The remote state wins when both sides changed it.
    Remote,
    /// The larger of both changes. Numbers are compared exactly by value, times by time, numbers in texts as
    /// numbers, and other texts by their bytes. If both are equal, the remote value is kept.
    ///
    /// Supported times are those of RFC 3339 and ISO 8601, with any offset and any fraction of a second, and the
    /// dates of mail and of HTTP. Days, months, times of day and times without a zone are compared only with their
    /// own kind. A time and another text conflict. So do texts whose bytes do not determine an order: times in an
    /// unknown format (`05/01/2024`), version numbers (`1.10.0`), and counts of different lengths (`9-a`, `10-a`).
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Rule, ThreeWay};
    /// use serde_json::json;
    ///
    /// let merge = ThreeWay::new(Policy::new().field("/seen", Rule::Max));
    /// let base = json!({"seen": "2024-01-01T00:00:00Z"});
    /// let (local, remote) = (json!({"seen": "2024-05-01T10:00:00+02:00"}), json!({"seen": "2024-05-01T09:00:00.5Z"}));
    /// assert_eq!(merge.merge_json(Some(&base), &local, &remote).value, remote);
    /// ```
    Max,
    /// The smaller of both changes, or the earlier one. Values are compared as in [`Max`](Self::Max).
    Min,
    /// A user-defined function.
    Custom(Custom),
}

impl Rule {
    /// Creates the rule for a list whose elements are objects with an identifying member.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Rule, ThreeWay};
    /// use serde_json::json;
    ///
    /// let merge = ThreeWay::new(Policy::new().field("/items", Rule::keyed("sku")));
    /// let base = json!({"items": [{"sku": 1, "qty": 1}]});
    /// let local = json!({"items": [{"sku": 2, "qty": 9}, {"sku": 1, "qty": 1}]});
    /// let remote = json!({"items": [{"sku": 1, "qty": 3}]});
    /// let merged = merge.merge_json(Some(&base), &local, &remote);
    /// assert_eq!(merged.value, json!({"items": [{"sku": 2, "qty": 9}, {"sku": 1, "qty": 3}]}));
    /// ```
    pub fn keyed(member: impl Into<String>) -> Self {
        Self::Keyed(Keyed {
            members: vec![member.into()],
        })
    }

    /// Creates the rule for a list whose elements are identified by several members together.
    pub fn keyed_by<M: Into<String>>(members: impl IntoIterator<Item = M>) -> Self {
        Self::Keyed(Keyed {
            members: members.into_iter().map(Into::into).collect(),
        })
    }

    /// Creates a rule from a function of base, local and remote. The rule is treated as operation-like.
    ///
    /// The function is called when both sides have the place and both changed it, even if they made the same
    /// change. An error or a panic causes a conflict at this place. In a program built with `panic = "abort"`, a
    /// panic still ends the program.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Rule, ThreeWay};
    /// use serde_json::{Value, json};
    ///
    /// let longer = Rule::custom(|_base: Option<&Value>, local: &Value, remote: &Value| {
    ///     let length = |v: &Value| v.as_str().map_or(0, str::len);
    ///     Ok(if length(local) > length(remote) { local.clone() } else { remote.clone() })
    /// });
    /// let merge = ThreeWay::new(Policy::new().field("/name", longer));
    /// let merged = merge.merge_json(Some(&json!({"name": ""})), &json!({"name": "Ann"}), &json!({"name": "A."}));
    /// assert_eq!(merged.value, json!({"name": "Ann"}));
    /// ```
    pub fn custom<F>(function: F) -> Self
    where
        F: Fn(Option<&Value>, &Value, &Value) -> Result<Value, BoxError> + Send + Sync + 'static,
    {
        Self::Custom(Custom {
            function: Arc::new(function),
            state_like: false,
        })
    }

    /// Creates a rule like [`custom`](Self::custom), from a function that gives the same result when a change is
    /// applied twice. The function is not called when both sides are equal.
    pub fn custom_state_like<F>(function: F) -> Self
    where
        F: Fn(Option<&Value>, &Value, &Value) -> Result<Value, BoxError> + Send + Sync + 'static,
    {
        Self::Custom(Custom {
            function: Arc::new(function),
            state_like: true,
        })
    }

    /// Whether applying a change twice differs from applying it once.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::Rule;
    ///
    /// assert!(Rule::Counter.is_operation_like());
    /// assert!(!Rule::Set.is_operation_like());
    /// ```
    pub fn is_operation_like(&self) -> bool {
        match self {
            Rule::Counter | Rule::Sequence => true,
            Rule::Custom(custom) => !custom.state_like,
            _ => false,
        }
    }

    /// Whether the values beneath the place have rules of their own.
    pub(crate) fn goes_inside(&self) -> bool {
        matches!(self, Rule::Auto | Rule::Keyed(_) | Rule::Sequence)
    }

    /// Returns the side that the rule always takes, if any.
    pub(crate) fn winner(&self) -> Option<Side> {
        match self {
            Rule::Local => Some(Side::Local),
            Rule::Remote => Some(Side::Remote),
            _ => None,
        }
    }

    /// Returns the name of the rule in policies and errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Rule::Auto => "auto",
            Rule::Atomic => "atomic",
            Rule::Text => "text",
            Rule::Prose => "prose",
            Rule::Set => "set",
            Rule::Counter => "counter",
            Rule::Keyed(_) => "keyed",
            Rule::Sequence => "sequence",
            Rule::Local => "local",
            Rule::Remote => "remote",
            Rule::Max => "max",
            Rule::Min => "min",
            Rule::Custom(_) => "custom",
        }
    }

    /// Whether two rules are equal. Custom rules are equal if they share one function.
    pub(crate) fn agrees_with(&self, other: &Rule) -> bool {
        match (self, other) {
            (Rule::Keyed(a), Rule::Keyed(b)) => a == b,
            (Rule::Custom(a), Rule::Custom(b)) => Arc::ptr_eq(&a.function, &b.function),
            (a, b) => a.name() == b.name(),
        }
    }
}

/// The members that identify the elements of a list. Created by [`Rule::keyed`] and [`Rule::keyed_by`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    members: Vec<String>,
}

impl Keyed {
    /// Returns the identifying members.
    pub fn members(&self) -> &[String] {
        &self.members
    }
}

type Function = dyn Fn(Option<&Value>, &Value, &Value) -> Result<Value, BoxError> + Send + Sync;

/// A function used as a rule. Created by [`Rule::custom`] and [`Rule::custom_state_like`].
#[derive(Clone)]
pub struct Custom {
    function: Arc<Function>,
    state_like: bool,
}

impl Custom {
    pub(crate) fn is_state_like(&self) -> bool {
        self.state_like
    }

    /// Calls the function. A panic in it becomes an error.
    pub(crate) fn call(
        &self,
        base: Option<&Value>,
        local: &Value,
        remote: &Value,
    ) -> Result<Value, BoxError> {
        // Unwind safety: the function sees only its arguments, and its result is dropped if it panics.
        let call = std::panic::AssertUnwindSafe(|| (self.function)(base, local, remote));
        std::panic::catch_unwind(call).unwrap_or_else(|_| Err("the merge function panicked".into()))
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom")
            .field("state_like", &self.state_like)
            .finish_non_exhaustive()
    }
}
