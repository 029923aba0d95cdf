//! What a refusal means, and how an API family spells versions.

mod generic;
mod kind;
mod versioning;

pub use generic::Generic;
pub use kind::RefusalKind;
pub(crate) use versioning::Found;
pub use versioning::{Versioning, WeakTags};

use ::http::{HeaderMap, StatusCode};

use crate::http::{Problem, Validator};
use crate::json::Document;

/// How one family of APIs spells versions and refusals.
///
/// A profile is data and small functions; the loop is the same for all. [`Generic`] serves most
/// APIs, and every method here has its answer as the default.
pub trait Profile: Send + Sync + 'static {
    /// Where versions travel.
    fn versioning(&self) -> Versioning {
        Versioning::default()
    }

    /// What a refusal means; `None` leaves it to the status and to the refetch, which tells a race
    /// from any other refusal by whether the version moved.
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let _ = problem;
        None
    }

    /// The current state and its version, if the refusal carries both *and the state is whole*.
    ///
    /// The next write replaces the resource by what is merged from it, so a state that leaves out
    /// members would remove them: answer `None` when in doubt, which costs one read.
    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        let _ = (problem, headers);
        None
    }

    /// Whether the server keeps idempotency keys, so that a `POST` whose reply was lost may be
    /// sent again.
    fn honours_idempotency_keys(&self) -> bool {
        false
    }
}

/// What a refusal means: the profile first, then what the status says by itself.
///
/// `pinned`: the request carried a condition.
pub(crate) fn classify(profile: &dyn Profile, problem: &Problem, pinned: bool) -> RefusalKind {
    if let Some(kind) = profile.classify(problem) {
        return kind;
    }
    match problem.status() {
        StatusCode::PRECONDITION_FAILED if pinned => RefusalKind::StaleVersion,
        StatusCode::LOCKED => RefusalKind::Locked,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => RefusalKind::Invalid,
        _ => RefusalKind::Unknown,
    }
}
