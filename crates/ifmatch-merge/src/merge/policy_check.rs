//! Finds mistakes in a policy before anything is merged.

use std::borrow::Cow;
use std::fmt;

use super::compiled::CompiledPolicy;
use super::policy::{Nested, Policy};
use super::rule::Rule;
use crate::json;

impl Policy {
    /// Checks the policy for mistakes, which [`ThreeWay::checked`](super::ThreeWay::checked) rejects.
    ///
    /// | mistake | example |
    /// |---|---|
    /// | a malformed pointer | `title` |
    /// | two different rules, sides or ranges for one place | `/a` as `Text` and as `Set` |
    /// | a rule that never applies, because a place above is merged as a whole | `/a` as `Atomic`, `/a/b` as `Set` |
    /// | a rule for one element of a list, whose index changes | `/items` as keyed, `/items/0/qty` |
    /// | a preference that contradicts the rule of the place | `/a` as `Local`, remote preferred |
    /// | a range that contains no number, or is not for a counter | from 9 to 1 |
    /// | a keyed list without key members | |
    /// | a pointer to a member that the type does not have | `/titel`, in an extension of a derived policy |
    ///
    /// Without this check, a malformed pointer matches nothing, and the later of two rules for one place applies.
    ///
    /// # Errors
    ///
    /// Returns the first mistake found.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::merge::{Policy, Rule};
    ///
    /// let policy = Policy::new().field("/a", Rule::Atomic).field("/a/b", Rule::Set);
    /// let error = policy.check().unwrap_err();
    /// assert_eq!(error.to_string(), "the rule at /a/b never applies: /a is merged as a whole (atomic)");
    /// ```
    pub fn check(&self) -> Result<(), PolicyError> {
        self.pointers()
            .try_for_each(|pointer| self.check_known(pointer))?;
        contradiction(&self.fields, Rule::agrees_with, |a, b| {
            format!("has two rules, {} and {}", a.name(), b.name())
        })?;
        contradiction(&self.prefer_at, PartialEq::eq, |_, _| {
            "prefers both sides".into()
        })?;
        contradiction(&self.ranges, PartialEq::eq, |_, _| "has two ranges".into())?;
        let compiled = CompiledPolicy::of(self);
        for (pointer, rule) in &self.fields {
            if let Some(typed) = self.rule_of_type(pointer).filter(|t| !t.agrees_with(rule)) {
                let reason = format!("has two rules, {} and {}", typed.name(), rule.name());
                return Err(PolicyError::new(pointer, reason));
            }
            if matches!(rule, Rule::Keyed(keyed) if keyed.members().is_empty()) {
                return Err(PolicyError::new(pointer, "is keyed by no member"));
            }
            self.check_reached(&compiled, pointer)?;
        }
        for (pointer, side) in &self.prefer_at {
            self.check_reached(&compiled, pointer)?;
            if let Some(rule) = compiled
                .rule_at(pointer)
                .or_else(|| self.rule_of_type(pointer))
                && rule.winner().is_some_and(|winner| winner != *side)
            {
                let reason = format!("prefers another side than its rule, {}", rule.name());
                return Err(PolicyError::new(pointer, reason));
            }
        }
        for (pointer, (least, most)) in &self.ranges {
            if least > most {
                return Err(PolicyError::new(
                    pointer,
                    "has a range that contains no number",
                ));
            }
            if let Some(rule) = compiled
                .rule_at(pointer)
                .or_else(|| self.rule_of_type(pointer))
                .filter(|rule| !matches!(rule, Rule::Counter))
            {
                let reason = format!(
                    "has a range, but its rule is not a counter ({})",
                    rule.name()
                );
                return Err(PolicyError::new(pointer, reason));
            }
        }
        for (pointer, nested) in &self.nested {
            // Skip the policy of a type. It was checked where it was derived, may contain itself, and may be
            // overridden by a rule for the whole place.
            let Nested::Known(nested) = nested else {
                continue;
            };
            self.check_reached(&compiled, pointer)?;
            let rule = self.fields.iter().find(|(place, _)| place == pointer);
            if let Some((_, rule)) = rule.filter(|(_, rule)| !rule.goes_inside()) {
                return Err(as_a_whole(pointer, pointer, rule));
            }
            nested.check().map_err(|e| e.under(pointer))?;
        }
        Ok(())
    }

    /// Returns all pointers, in the order in which mistakes are reported.
    fn pointers(&self) -> impl Iterator<Item = &String> {
        let fields = self.fields.iter().map(|(pointer, _)| pointer);
        fields
            .chain(self.nested.iter().map(|(pointer, _)| pointer))
            .chain(self.prefer_at.iter().map(|(pointer, _)| pointer))
            .chain(self.ranges.iter().map(|(pointer, _)| pointer))
            .chain(self.aliases.iter().map(|(pointer, _)| pointer))
            .chain(self.tags.iter().map(|(pointer, _)| pointer))
    }

    fn check_known(&self, pointer: &str) -> Result<(), PolicyError> {
        let Some(tokens) = json::pointer_tokens(pointer) else {
            let reason = "is not a JSON Pointer (it must be empty or begin with /)";
            return Err(PolicyError::new(pointer, reason));
        };
        self.unknown(&tokens).map_or(Ok(()), |token| {
            let reason = format!("leads nowhere: the type has no {token}");
            Err(PolicyError::new(pointer, reason))
        })
    }

    /// Returns the rule that the type declares for a place.
    fn rule_of_type(&self, pointer: &str) -> Option<&Rule> {
        let tokens = json::pointer_tokens(pointer)?;
        self.shape.as_ref()?.rule_at(&tokens)
    }

    /// Rejects a place whose rule is never used, because a place above it is merged as a whole.
    fn check_reached(&self, compiled: &CompiledPolicy, pointer: &str) -> Result<(), PolicyError> {
        for (end, _) in pointer.match_indices('/') {
            let above = &pointer[..end];
            let token = pointer[end + 1..].split('/').next().unwrap_or_default();
            match compiled.rule_at(above).or_else(|| self.rule_of_type(above)) {
                None | Some(Rule::Auto) => {}
                Some(Rule::Keyed(_) | Rule::Sequence) if token == "*" => {}
                Some(rule @ (Rule::Keyed(_) | Rule::Sequence)) => {
                    let (above, rule) = (shown(above), rule.name());
                    let reason = format!(
                        "never applies: the elements of {above} are reached by *, not by {token} ({rule})"
                    );
                    return Err(PolicyError::of_rule(pointer, reason));
                }
                Some(rule) => return Err(as_a_whole(pointer, above, rule)),
            }
        }
        Ok(())
    }

    /// Returns the token that the types along the path do not have.
    fn unknown<'a>(&self, tokens: &'a [Cow<'_, str>]) -> Option<&'a str> {
        tokens.first()?;
        if let Some(unknown) = self
            .shape
            .as_ref()
            .and_then(|shape| shape.first_unknown_token(tokens))
        {
            return Some(unknown);
        }
        self.nested.iter().find_map(|(pointer, nested)| {
            let way = json::pointer_tokens(pointer)?;
            let is_on_it = !way.is_empty()
                && way.len() < tokens.len()
                && way
                    .iter()
                    .zip(tokens)
                    .all(|(step, token)| step == "*" || step == token);
            if is_on_it {
                nested.policy().unknown(&tokens[way.len()..])
            } else {
                None
            }
        })
    }
}

/// Rejects two different settings for one place.
fn contradiction<X>(
    said: &[(String, X)],
    agree: impl Fn(&X, &X) -> bool,
    reason: impl Fn(&X, &X) -> String,
) -> Result<(), PolicyError> {
    for (at, (pointer, this)) in said.iter().enumerate() {
        let differs = |(other, that): &&(String, X)| other == pointer && !agree(that, this);
        if let Some((_, that)) = said[..at].iter().find(differs) {
            return Err(PolicyError::new(pointer, reason(that, this)));
        }
    }
    Ok(())
}

fn as_a_whole(pointer: &str, above: &str, rule: &Rule) -> PolicyError {
    let (above, rule) = (shown(above), rule.name());
    let reason = format!("never applies: {above} is merged as a whole ({rule})");
    PolicyError::of_rule(pointer, reason)
}

fn shown(pointer: &str) -> &str {
    if pointer.is_empty() {
        "the whole document"
    } else {
        pointer
    }
}

/// A policy that contradicts itself, or a pointer that cannot match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    pointer: String,
    reason: String,
    /// Whether the rule at the pointer is wrong.
    rule_is_wrong: bool,
}

impl PolicyError {
    fn new(pointer: &str, reason: impl Into<String>) -> Self {
        Self {
            pointer: pointer.to_owned(),
            reason: reason.into(),
            rule_is_wrong: false,
        }
    }

    fn of_rule(pointer: &str, reason: String) -> Self {
        Self {
            rule_is_wrong: true,
            ..Self::new(pointer, reason)
        }
    }

    fn under(mut self, pointer: &str) -> Self {
        self.pointer.insert_str(0, pointer);
        self
    }

    /// Returns the pointer that caused the error.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.rule_is_wrong {
            "the rule at "
        } else {
            ""
        };
        write!(f, "{what}{} {}", shown(&self.pointer), self.reason)
    }
}

impl std::error::Error for PolicyError {}
