//! [`ThreeWay`]: a policy at work.

use serde_json::Value;

use super::conflict::FieldConflict;
use super::cursor::Cursor;
use super::engine::{Ancestor, Engine};
use super::merged_value::MergedValue;
use super::policy::Policy;
use super::policy_check::PolicyError;
use super::types::Merge;
use crate::json::{Document, Tape, Tree};

/// A three-way merge by a policy: a pure function, and a strategy for the client.
///
/// # Default
///
/// No rules: objects by key, arrays by element, texts of several lines by lines, everything else as a
/// whole.
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

/// A merged value and what is still open in it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Merged {
    /// The merge. A place in conflict holds the remote state; one that the other side removed holds the
    /// changed state, so that nothing is lost.
    pub value: Value,
    /// The places that no rule settles.
    pub conflicts: Vec<FieldConflict>,
}

/// A merged document and what is still open in it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MergedDocument {
    /// The merge, with the places in conflict as in [`Merged::value`].
    pub document: Document,
    /// The places that no rule settles.
    pub conflicts: Vec<FieldConflict>,
}

impl ThreeWay {
    /// Merges by a policy, mistakes in it included; [`checked`](Self::checked) refuses them.
    pub fn new(policy: Policy) -> Self {
        // Made ready once, for all copies.
        policy.compiled();
        Self { policy }
    }

    /// Merges by a policy that makes sense.
    ///
    /// # Errors
    ///
    /// The policy contradicts itself, or a pointer of it cannot match: see [`Policy::check`].
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

    /// Merges by the policy of a type.
    pub fn of<T: Merge>() -> Self {
        Self::new(T::policy())
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(self.policy.compiled())
    }

    /// Merges `serde_json` values. Without a base, what only one side has is taken for added.
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

    /// Merges documents. What no side touched keeps the text of the remote document, what one side wrote
    /// keeps that side's text.
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
