//! Judges an `update` whose response was lost, by running its edit again. Determines whether the write was applied,
//! and whether the edit may run once more.
//!
//! With `f` for the edit, `b` for the base, `s` for what was sent and `r` for the current state:
//!
//! * *Fresh values.* Where a new run of `f(b)` differs from `s`, the edit wrote a value of the moment, such as a
//!   time or a new id. No other client writes the same value, so those that were not in `b` act as a stamp. If all
//!   of them are in `r`, the write was applied. They say nothing about the rest, so the following tests ignore
//!   them.
//! * *Idempotent.* If `f(f(r)) = f(r)`, running the edit again is harmless. If `f(r) = r`, the wanted state exists,
//!   otherwise the edit runs on `r`.
//! * Any other edit is an operation ("add one", "toggle"), and its outcome cannot be determined.

use std::collections::{HashMap, HashSet};

use ifmatch_merge::internal::{Sight, sightings};
use serde_json::Value;

use crate::json::Document;
use crate::merge::Policy;
use crate::write::machine::events::LostWriteVerdict;

/// The result of one more run of the edit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) document: Document,
    /// Which of several batched edits failed and were left out.
    pub(crate) failed: Vec<bool>,
}

/// The write to be judged.
pub(crate) struct Measured<'a> {
    /// Runs the edit on a document. Returns `None` if it fails or panics.
    pub(crate) edit: &'a dyn Fn(&Document) -> Option<Run>,
    pub(crate) base: &'a Document,
    /// The result of the edit on the base when it was sent.
    pub(crate) sent: &'a Document,
    /// The current state, under another version.
    pub(crate) remote: &'a Document,
    pub(crate) policy: &'a Policy,
    /// Whether a missing trace of the write does not count as proof that it was not applied.
    pub(crate) require_proof: bool,
}

/// Judges a lost write by running its edit.
pub(crate) fn measure(measured: &Measured<'_>) -> LostWriteVerdict {
    let Measured {
        edit,
        base,
        sent,
        remote,
        policy,
        require_proof,
    } = *measured;
    let Some(again) = edit(base) else {
        // The edit did not fail on this document before, so it is not deterministic and cannot be judged.
        return LostWriteVerdict::Unknown;
    };
    let fresh = Fresh::of(&again.document.to_value(), &sent.to_value());
    if fresh.tell(&base.to_value(), &remote.to_value()) {
        return LostWriteVerdict::Applied;
    }
    let once = edit(remote).filter(|once| once.failed == again.failed);
    let Some(once) = once else {
        // An edit with a guard ("already shipped") fails on its own result.
        let guards = edit(sent).is_none_or(|run| run.failed != again.failed);
        let shown = || {
            let seen = sightings(base, sent, remote, policy);
            seen.iter().all(|seen| seen.sight == Sight::After)
        };
        return if guards && fresh.is_empty() && shown() {
            LostWriteVerdict::Applied
        } else {
            LostWriteVerdict::Unknown
        };
    };
    let twice = edit(&once.document).filter(|twice| twice.failed == once.failed);
    let Some(twice) = twice else {
        return LostWriteVerdict::Unknown;
    };
    let same = |a: &Document, b: &Document| fresh.same(&a.to_value(), &b.to_value());
    if !same(&once.document, &twice.document) {
        LostWriteVerdict::Unknown
    } else if same(&once.document, remote) {
        LostWriteVerdict::Applied
    } else if require_proof {
        LostWriteVerdict::Unknown
    } else {
        LostWriteVerdict::NotApplied
    }
}

/// Whether running the edit once more makes no difference, whether or not it ran before.
pub(crate) fn is_harmless(edit: &dyn Fn(&Document) -> Option<Run>, on: &Document) -> bool {
    let (Some(once), Some(again)) = (edit(on), edit(on)) else {
        // The edit fails here, so it does not run at all.
        return true;
    };
    let Some(twice) = edit(&once.document) else {
        return false;
    };
    let [once, again, twice] = [once, again, twice].map(|run| run.document.to_value());
    Fresh::of(&again, &once).same(&once, &twice)
}

/// The places at which an edit writes a different value each time, with the values that were sent. The place of a
/// list element stands for any position in that list, because other writes may have moved it.
#[derive(Debug, Default)]
struct Fresh(HashMap<Vec<PathStep>, Vec<Value>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum PathStep {
    Member(String),
    Element,
}

impl Fresh {
    fn of(again: &Value, sent: &Value) -> Self {
        let mut fresh = Self::default();
        fresh.collect(again, sent, &mut Vec::new());
        fresh
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn collect(&mut self, again: &Value, sent: &Value, at: &mut Vec<PathStep>) {
        match (again, sent) {
            (Value::Object(again), Value::Object(sent)) if same_keys(again, sent) => {
                for (name, sent) in sent {
                    at.push(PathStep::Member(name.clone()));
                    self.collect(&again[name], sent, at);
                    at.pop();
                }
            }
            (Value::Array(again), Value::Array(sent)) if again.len() == sent.len() => {
                at.push(PathStep::Element);
                for (again, sent) in again.iter().zip(sent) {
                    self.collect(again, sent, at);
                }
                at.pop();
            }
            _ if again == sent => {}
            _ => match self.0.get_mut(at.as_slice()) {
                Some(values) => values.push(sent.clone()),
                None => {
                    self.0.insert(at.clone(), vec![sent.clone()]);
                }
            },
        }
    }

    /// Whether all fresh values are in the current state. Values that were in the base do not count: an edit that
    /// picks one of a few values may pick the old one.
    fn tell(&self, before: &Value, now: &Value) -> bool {
        let mut is_any_new = false;
        let are_there = self.0.iter().all(|(at, values)| {
            let (mut old, mut there) = (HashSet::new(), HashSet::new());
            standing(before, at, &mut old);
            standing(now, at, &mut there);
            let mut new = values.iter().filter(|value| !old.contains(value));
            new.all(|value| {
                is_any_new = true;
                there.contains(value)
            })
        });
        is_any_new && are_there
    }

    /// Whether two documents are equal apart from these places.
    fn same(&self, a: &Value, b: &Value) -> bool {
        self.same_beneath(a, b, &mut Vec::new())
    }

    fn same_beneath(&self, a: &Value, b: &Value, at: &mut Vec<PathStep>) -> bool {
        if self.0.contains_key(at.as_slice()) {
            return true;
        }
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                let mut names = a
                    .keys()
                    .chain(b.keys().filter(|name| !a.contains_key(*name)));
                names.all(|name| {
                    at.push(PathStep::Member(name.clone()));
                    let same = match (a.get(name), b.get(name)) {
                        (Some(a), Some(b)) => self.same_beneath(a, b, at),
                        _ => self.0.contains_key(at.as_slice()),
                    };
                    at.pop();
                    same
                })
            }
            (Value::Array(a), Value::Array(b)) => {
                at.push(PathStep::Element);
                let mut pairs = a.iter().zip(b);
                let same = a.len() == b.len() && pairs.all(|(a, b)| self.same_beneath(a, b, at));
                at.pop();
                same
            }
            _ => a == b,
        }
    }
}

fn same_keys(a: &serde_json::Map<String, Value>, b: &serde_json::Map<String, Value>) -> bool {
    a.len() == b.len() && a.keys().all(|name| b.contains_key(name))
}

/// Collects the values at a place, which are several for a place in a list.
fn standing<'v>(document: &'v Value, at: &[PathStep], found: &mut HashSet<&'v Value>) {
    match (at, document) {
        ([], _) => {
            found.insert(document);
        }
        ([PathStep::Member(name), rest @ ..], Value::Object(members)) => {
            if let Some(member) = members.get(name) {
                standing(member, rest, found);
            }
        }
        ([PathStep::Element, rest @ ..], Value::Array(elements)) => {
            for element in elements {
                standing(element, rest, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use std::cell::Cell;

    use serde_json::json;

    use super::*;

    fn judged(
        edit: impl Fn(&mut Value) -> Result<(), ()>,
        base: &Value,
        remote: impl FnOnce(Value) -> Value,
        require_proof: bool,
    ) -> LostWriteVerdict {
        let run = |document: &Document| {
            let mut value = document.to_value();
            edit(&mut value).ok()?;
            Some(Run {
                document: Document::from_value(&value),
                failed: Vec::new(),
            })
        };
        let base = Document::from_value(base);
        let sent = run(&base).unwrap().document;
        let remote = Document::from_value(&remote(sent.to_value()));
        measure(&Measured {
            edit: &run,
            base: &base,
            sent: &sent,
            remote: &remote,
            policy: &Policy::new(),
            require_proof,
        })
    }

    #[test]
    fn setting_a_member_is_seen_in_place_or_made_again() {
        let set = |value: &mut Value| {
            value["title"] = "mine".into();
            Ok(())
        };
        let base = json!({"title": "old", "n": 1});
        let with_more = |mut sent: Value| {
            sent["n"] = 2.into();
            sent
        };
        assert_eq!(
            judged(set, &base, with_more, false),
            LostWriteVerdict::Applied
        );
        let without = |_| json!({"title": "old", "n": 2});
        assert_eq!(
            judged(set, &base, without, false),
            LostWriteVerdict::NotApplied
        );
        assert_eq!(judged(set, &base, without, true), LostWriteVerdict::Unknown);
    }

    #[test]
    fn an_operation_cannot_be_told() {
        let add = |value: &mut Value| {
            value["n"] = (value["n"].as_i64().unwrap_or(0) + 1).into();
            Ok(())
        };
        let base = json!({"n": 1});
        assert_eq!(
            judged(add, &base, |sent| sent, false),
            LostWriteVerdict::Unknown
        );
        assert_eq!(
            judged(add, &base, |_| json!({"n": 1, "m": 2}), false),
            LostWriteVerdict::Unknown
        );
        let toggle = |value: &mut Value| {
            value["on"] = (!value["on"].as_bool().unwrap_or(false)).into();
            Ok(())
        };
        assert_eq!(
            judged(toggle, &base, |sent| sent, false),
            LostWriteVerdict::Unknown
        );
    }

    #[test]
    fn a_fresh_id_is_a_stamp_even_of_an_operation() {
        let next = Cell::new(0);
        let push = |value: &mut Value| {
            next.set(next.get() + 1);
            let entry = json!({"id": next.get(), "text": "x"});
            value["list"].as_array_mut().ok_or(())?.push(entry);
            Ok(())
        };
        let base = json!({"list": []});
        let behind_another = |mut sent: Value| {
            let list = sent["list"].as_array_mut().unwrap();
            list.insert(0, json!({"id": 99, "text": "theirs"}));
            sent
        };
        assert_eq!(
            judged(push, &base, behind_another, false),
            LostWriteVerdict::Applied
        );
        let without = |_| json!({"list": [{"id": 99, "text": "theirs"}]});
        assert_eq!(
            judged(push, &base, without, false),
            LostWriteVerdict::Unknown
        );
    }

    #[test]
    fn a_time_beside_a_state_does_not_hide_the_state() {
        let now = Cell::new(0);
        let stamp = |value: &mut Value| {
            now.set(now.get() + 1);
            value["title"] = "mine".into();
            value["at"] = now.get().into();
            Ok(())
        };
        let base = json!({"title": "old", "at": 0});
        let overwritten = |mut sent: Value| {
            sent["at"] = 77.into();
            sent
        };
        assert_eq!(
            judged(stamp, &base, overwritten, false),
            LostWriteVerdict::Applied
        );
        let without = |_| json!({"title": "old", "at": 77});
        assert_eq!(
            judged(stamp, &base, without, false),
            LostWriteVerdict::NotApplied
        );
    }

    #[test]
    fn an_edit_that_refuses_its_own_work_is_told_by_that_work() {
        let ship = |value: &mut Value| {
            if value["status"] != "paid" {
                return Err(());
            }
            value["status"] = "shipped".into();
            Ok(())
        };
        let base = json!({"status": "paid", "n": 1});
        let with_more = |mut sent: Value| {
            sent["n"] = 2.into();
            sent
        };
        assert_eq!(
            judged(ship, &base, with_more, false),
            LostWriteVerdict::Applied
        );
        let canceled = |_| json!({"status": "canceled", "n": 1});
        assert_eq!(
            judged(ship, &base, canceled, false),
            LostWriteVerdict::Unknown
        );
    }
}
