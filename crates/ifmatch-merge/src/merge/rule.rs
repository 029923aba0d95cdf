//! [`Rule`]: how one place is merged.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::BoxError;
use super::conflict::Side;

/// How a place of a document is merged when both sides changed it.
///
/// Whatever the rule: a side that changed nothing leaves the other one's state as it is. A rule that does
/// not fit what it finds (`Text` on a number) falls back to taking the place as a whole.
///
/// | rule | both sides changed | kind |
/// |---|---|---|
/// | [`Auto`](Self::Auto) | objects by key, arrays by element, strings of several lines by lines, anything else conflicts | state |
/// | [`Atomic`](Self::Atomic) | conflicts, unless both say the same | state |
/// | [`Text`](Self::Text) | lines, as `git merge-file` does | state |
/// | [`Prose`](Self::Prose) | lines, and words within lines that both changed | state |
/// | [`Set`](Self::Set) | additions and removals of both, the order does not count | state |
/// | [`Counter`](Self::Counter) | both changes are added up | operation |
/// | [`Keyed`](Self::Keyed) | elements with the same key are merged field by field | state |
/// | [`Sequence`](Self::Sequence) | as an array, and what both put at one place stays, remote first | operation |
/// | [`Local`](Self::Local), [`Remote`](Self::Remote) | that side | state |
/// | [`Max`](Self::Max), [`Min`](Self::Min) | the larger or smaller number, the later or earlier time, or text by its bytes | state |
/// | [`Custom`](Self::Custom) | your function | operation, unless declared otherwise |
///
/// *State-like* rules give the same result when a change is applied twice; *operation-like* rules do
/// not, so a write whose reply was lost cannot be told from another one by looking at the state.
#[derive(Debug, Clone, Default)]
pub enum Rule {
    /// Objects by key, arrays by element, strings of several lines by lines, anything else as a whole.
    ///
    /// A list of numbers or times of unchanged length is one value, and a list in which an element would be doubled,
    /// brought back or put together from two is a conflict; see [the module](super) for each case. Declare
    /// what a list is by [`Keyed`](Self::Keyed) or [`Set`](Self::Set), and more of it merges.
    #[default]
    Auto,
    /// The place is one value: different changes conflict.
    Atomic,
    /// A text of lines.
    Text,
    /// A text of lines whose conflicting lines are merged by words. More is merged than with
    /// [`Text`](Self::Text), and not all of it makes sense: measured on real texts, half of what words
    /// settle is what people wrote. For notes and descriptions, not for code.
    Prose,
    /// A list whose order does not count. Elements are told apart by their value; duplicates are
    /// counted.
    Set,
    /// A number to which both sides add.
    Counter,
    /// A list whose elements have an identity.
    Keyed(Keyed),
    /// A list in which the insertions of both sides stay, even equal ones. An element that one side moved is
    /// not inserted: if the other side moved, changed or removed it, that is a conflict.
    Sequence,
    /// The local state wins when both sides changed it.
    Local,
    /// The remote state wins when both sides changed it.
    Remote,
    /// The larger of both changes: numbers by value and exactly, times by time, numbers in texts as numbers,
    /// other texts by their bytes. Of equal ones the remote's stays.
    ///
    /// Times are those of RFC 3339 and ISO 8601, with any offset and any fraction of a second, and the dates of
    /// mails and of HTTP. Days, months, times of day and times without a zone have an order among their like. A time
    /// against another text is a conflict, and so are texts whose bytes tell no order: times in a form that
    /// cannot be read (`05/01/2024`), version numbers (`1.10.0`), and counts of different lengths (`9-a`, `10-a`).
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
    /// The smaller of both changes, or the earlier; compared as [`Max`](Self::Max) does.
    Min,
    /// A function of yours.
    Custom(Custom),
}

impl Rule {
    /// A list whose elements are objects with an identifying member.
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

    /// A list whose elements are identified by several members together.
    pub fn keyed_by<M: Into<String>>(members: impl IntoIterator<Item = M>) -> Self {
        Self::Keyed(Keyed {
            members: members.into_iter().map(Into::into).collect(),
        })
    }

    /// A function of base, local and remote, taken for operation-like.
    ///
    /// It is called when both sides have the place and both changed it, even if they changed it to the
    /// same. An error or a panic is a conflict at this place; where a program is built to abort on panics,
    /// a panic still ends it.
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

    /// As [`custom`](Self::custom), for a function that gives the same result when a change is applied
    /// twice. It is not called when both sides say the same.
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

    /// Whether what lies beneath the place has rules of its own.
    pub(crate) fn goes_inside(&self) -> bool {
        matches!(self, Rule::Auto | Rule::Keyed(_) | Rule::Sequence)
    }

    /// The side that the rule takes, whatever the values are.
    pub(crate) fn winner(&self) -> Option<Side> {
        match self {
            Rule::Local => Some(Side::Local),
            Rule::Remote => Some(Side::Remote),
            _ => None,
        }
    }

    /// The name by which policies and errors call the rule.
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

    /// Whether two rules are the same; functions are the same if they are one function.
    pub(crate) fn agrees_with(&self, other: &Rule) -> bool {
        match (self, other) {
            (Rule::Keyed(a), Rule::Keyed(b)) => a == b,
            (Rule::Custom(a), Rule::Custom(b)) => Arc::ptr_eq(&a.function, &b.function),
            (a, b) => a.name() == b.name(),
        }
    }
}

/// What identifies the elements of a list; made by [`Rule::keyed`] and [`Rule::keyed_by`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed {
    members: Vec<String>,
}

impl Keyed {
    /// The identifying members.
    pub fn members(&self) -> &[String] {
        &self.members
    }
}

type Function = dyn Fn(Option<&Value>, &Value, &Value) -> Result<Value, BoxError> + Send + Sync;

/// A function as a rule; made by [`Rule::custom`] and [`Rule::custom_state_like`].
#[derive(Clone)]
pub struct Custom {
    function: Arc<Function>,
    state_like: bool,
}

impl Custom {
    pub(crate) fn is_state_like(&self) -> bool {
        self.state_like
    }

    /// Calls the function; a panic in it is an error like any other.
    pub(crate) fn call(
        &self,
        base: Option<&Value>,
        local: &Value,
        remote: &Value,
    ) -> Result<Value, BoxError> {
        // The function sees only what it is handed, and its result is dropped when it panics.
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
