//! [`ThreeWay`]: merges by a policy.

use serde_json::Value;

use super::conflict::FieldConflict;
use super::cursor::Cursor;
use super::engine::{Ancestor, Engine};
use super::merge_trait::Merge;
use super::merged_value::MergedValue;
use super::policy::Policy;
use super::policy_check::PolicyError;
use crate::json::{Document, Tape, Tree};

/// A three-way merge by a policy. It is a pure function and also a merge strategy for the client.
///
/// # Default
///
/// Without rules, objects are merged by key, arrays by element, multi-line texts by lines, and everything else as
/// a whole.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::merge::ThreeWay;
/// use serde_json::json;
///
/// let (base, local, remote) = (json!({"a": 1, "b": 1}), json!({"a": 2, "b": 1}), json!({"a": 1, "b": 2}));
/// let merged = ThreeWay::default().merge_json(Some(&base), &local, &remote);
/// assert_eq!(merged.value, json!({"a": 2, "b": 2}));
/// assert!(merged.conflicts.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct ThreeWay {
    policy: Policy,
}

/// A merged value and its open conflicts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Merged {
    /// The merged value. A place in conflict holds the remote state. If one side removed the place, it holds the
    /// state of the side that changed it, so nothing is lost.
    pub value: Value,
    /// The places that no rule settles.
    pub conflicts: Vec<FieldConflict>,
}

/// A merged document and its open conflicts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MergedDocument {
    /// The merged document. Places in conflict are treated as in [`Merged::value`].
    pub document: Document,
    /// The places that no rule settles.
    pub conflicts: Vec<FieldConflict>,
}

impl ThreeWay {
    /// Creates a merge by a policy without checking it. [`checked`](Self::checked) rejects mistakes in the policy.
    pub fn new(policy: Policy) -> Self {
        // Compile the policy once, for all copies.
        policy.compiled();
        Self { policy }
    }

    /// Creates a merge by a policy that is free of mistakes.
    ///
    /// # Errors
    ///
    /// Returns an error if the policy contradicts itself, or if one of its pointers cannot match. See
    /// [`Policy::check`].
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Rule, ThreeWay};
    ///
    /// let policy = Policy::new().field("/tags", Rule::Set).field("/tags", Rule::Text);
    /// assert_eq!(ThreeWay::checked(policy).unwrap_err().to_string(), "/tags has two rules, set and text");
    /// ```
    pub fn checked(policy: Policy) -> Result<Self, PolicyError> {
        policy.check()?;
        Ok(Self::new(policy))
    }

    /// Creates a merge by the policy of a type.
    pub fn of<T: Merge>() -> Self {
        Self::new(T::policy())
    }

    /// Returns the policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self.policy.compiled())
    }

    /// Merges `serde_json` values. Without a base, a value that only one side has counts as added.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::ThreeWay;
    /// use serde_json::json;
    ///
    /// let (base, local, remote) = (json!([1, 2, 3]), json!([0, 1, 2, 3]), json!([1, 2]));
    /// let merged = ThreeWay::default().merge_json(Some(&base), &local, &remote);
    /// assert_eq!(merged.value, json!([0, 1, 2]));
    /// ```
    pub fn merge_json(&self, base: Option<&Value>, local: &Value, remote: &Value) -> Merged {
        let (out, conflicts) = self.merge(base, local, remote);
        Merged {
            value: out.into_value(),
            conflicts,
        }
    }

    /// Merges documents. Values that no side changed keep the text of the remote document, and values that one
    /// side wrote keep that side's text.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    /// use ifmatch::merge::ThreeWay;
    ///
    /// let parse = |text: &str| Document::parse(text.as_bytes());
    /// let base = parse(r#"{"price": 1.10, "name": "a"}"#)?;
    /// let local = parse(r#"{"price": 1.10, "name": "b"}"#)?;
    /// let remote = parse(r#"{"name": "a", "price": 1.10, "id": 12345678901234567890123}"#)?;
    /// let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    /// assert_eq!(merged.document.as_str(), r#"{"name": "b", "price": 1.10, "id": 12345678901234567890123}"#);
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn merge_documents(
        &self,
        base: Option<&Document>,
        local: &Document,
        remote: &Document,
    ) -> MergedDocument {
        let base = base.map(|base| Tape::from_trusted(base.as_str()));
        let (local_tape, remote_tape) = (
            Tape::from_trusted(local.as_str()),
            Tape::from_trusted(remote.as_str()),
        );
        let base = base.as_ref().map(Tape::root);
        let (out, conflicts) = self.merge(base, local_tape.root(), remote_tape.root());
        let document = if out.is(remote_tape.root()) {
            remote.clone()
        } else if out.is(local_tape.root()) {
            local.clone()
        } else {
            // White space around the value belongs to the document, not to the value.
            let (text, value) = (remote.as_str(), remote_tape.root().range());
            let mut merged = String::with_capacity(text.len().max(local.len()) + 64);
            merged.push_str(&text[..value.start]);
            out.write(&mut merged);
            merged.push_str(&text[value.end..]);
            Document::from_trusted(merged)
        };
        MergedDocument {
            document,
            conflicts,
        }
    }

    fn merge<'t, T: Tree<'t>>(
        &self,
        base: Option<T>,
        local: T,
        remote: T,
    ) -> (MergedValue<'t, T>, Vec<FieldConflict>) {
        let mut engine = Engine::new();
        let base = base.map_or(Ancestor::Unknown, Ancestor::Is);
        let out = engine.place(base, Some(local), Some(remote), self.cursor());
        (out.unwrap_or(MergedValue::Take(remote)), engine.conflicts)
    }
}
