//! What may replace a cached snapshot, and what only marks it as unsure.
//!
//! A write is always conditional on the version of its base. So a snapshot that is too old costs a refused write, and one
//! that is marked without need costs a read. No update can be lost by a feed, however wrong it is.

use super::machine::{Order, Version};
use crate::operations::{CallContext, Handle};
use crate::store::StoredSnapshot;

/// What is done with a cached snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filing {
    Replace,
    /// The next write reads first.
    MarkUnsure,
    Leave,
}

/// Judges a state of a feed. `told` is its version, if the feed names it, and `has_state` states whether a write could be
/// based on what the feed shows.
fn judge(cached: Version, told: Option<Version>, has_state: bool) -> Filing {
    match told.map(|told| told.order(cached)) {
        Some(Order::Same | Order::Older) => Filing::Leave,
        Some(Order::Newer) if has_state => Filing::Replace,
        // Without an order, an old event looks like a new one.
        Some(Order::Newer | Order::Unknown) | None => Filing::MarkUnsure,
    }
}

/// Judges a read. `before` is the version that was cached when it began.
fn judge_read(before: Option<Version>, now: Version, read: Option<Version>) -> Filing {
    match read.map(|read| read.order(now)) {
        Some(Order::Same | Order::Older) => Filing::Leave,
        Some(Order::Newer) => Filing::Replace,
        // A call of this client has filed something meanwhile, which may be newer than the read.
        _ if before.map(|before| now.order(before)) != Some(Order::Same) => Filing::MarkUnsure,
        Some(Order::Unknown) => Filing::Replace,
        None => Filing::MarkUnsure,
    }
}

/// Keeps the snapshots of a collection fresh that are cached already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keeper {
    /// Whether the versions of the API count up.
    pub(super) counts_up: bool,
}

impl Keeper {
    fn version(self, snapshot: &StoredSnapshot) -> Version {
        Version::of(snapshot.validator.as_ref(), None, self.counts_up)
    }

    /// Takes a state of a feed.
    pub(super) async fn told(
        self,
        handle: &Handle<serde_json::Value>,
        told: Option<Version>,
        state: Option<&StoredSnapshot>,
    ) -> Filing {
        // An address or credentials that are not valid show at the next call.
        let Ok(context) = handle.call_context(None).await else {
            return Filing::Leave;
        };
        let Some(cached) = context.cached().await else {
            return Filing::Leave;
        };
        let state = state.filter(|state| context.target.can_pin(state));
        let filing = judge(self.version(&cached), told, state.is_some());
        file(&context, filing, state).await;
        filing
    }

    /// Takes a removal of a feed.
    pub(super) async fn told_gone(self, handle: &Handle<serde_json::Value>) {
        if let Ok(context) = handle.call_context(None).await {
            self.gone(&context).await;
        }
    }

    /// Takes the result of a read. `before` is what was cached when it began.
    pub(super) async fn read(
        self,
        context: &CallContext,
        before: Option<&StoredSnapshot>,
        read: &StoredSnapshot,
    ) {
        let Some(now) = context.cached().await else {
            return;
        };
        let before = before.map(|before| self.version(before));
        let version = read.validator.is_some().then(|| self.version(read));
        let filing = judge_read(before, self.version(&now), version);
        if version == Some(self.version(&now)) {
            context.target.shared.store.confirm(&context.key);
        }
        file(context, filing, Some(read)).await;
    }

    /// Takes the result of a read that found nothing.
    pub(super) async fn gone(self, context: &CallContext) {
        let store = &context.target.shared.store;
        store.remove(&context.key, context.deadline()).await;
    }
}

async fn file(context: &CallContext, filing: Filing, state: Option<&StoredSnapshot>) {
    let store = &context.target.shared.store;
    match (filing, state) {
        (Filing::Replace, Some(state)) => {
            // A call of this client may still file between the comparison and this. What is cached is then too old, and
            // the next write is refused and merged.
            store
                .put(&context.key, state.clone(), context.deadline())
                .await;
        }
        (Filing::Replace | Filing::MarkUnsure, _) => store.mark_unsure(*context.key.address()),
        (Filing::Leave, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(count: u64) -> Version {
        Version {
            count: Some(count),
            tag: Some(count),
            text: None,
        }
    }

    fn opaque(tag: u64) -> Version {
        Version {
            count: None,
            tag: Some(tag),
            text: None,
        }
    }

    #[test]
    fn of_versions_that_count_the_higher_one_wins() {
        assert_eq!(judge(counted(1), Some(counted(2)), true), Filing::Replace);
        assert_eq!(judge(counted(2), Some(counted(1)), true), Filing::Leave);
        assert_eq!(judge(counted(2), Some(counted(2)), true), Filing::Leave);
    }

    #[test]
    fn a_version_without_an_order_only_marks() {
        assert_eq!(judge(opaque(1), Some(opaque(2)), true), Filing::MarkUnsure);
        assert_eq!(judge(opaque(1), Some(opaque(1)), true), Filing::Leave);
    }

    #[test]
    fn an_event_without_a_version_or_a_usable_state_only_marks() {
        assert_eq!(judge(counted(1), None, true), Filing::MarkUnsure);
        assert_eq!(
            judge(counted(1), Some(counted(2)), false),
            Filing::MarkUnsure
        );
    }

    #[test]
    fn a_read_replaces_what_was_cached_when_it_began() {
        let read = Some(opaque(2));
        assert_eq!(
            judge_read(Some(opaque(1)), opaque(1), read),
            Filing::Replace
        );
        assert_eq!(judge_read(Some(opaque(1)), opaque(2), read), Filing::Leave);
    }

    #[test]
    fn a_read_does_not_replace_what_a_call_has_filed_meanwhile() {
        let read = Some(opaque(2));
        assert_eq!(
            judge_read(Some(opaque(1)), opaque(3), read),
            Filing::MarkUnsure
        );
        assert_eq!(judge_read(None, opaque(3), read), Filing::MarkUnsure);
        assert_eq!(
            judge_read(Some(counted(1)), counted(3), Some(counted(2))),
            Filing::Leave
        );
    }
}
