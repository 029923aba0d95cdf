//! The profile for APIs without one of their own.

use std::collections::HashMap;

use ::http::StatusCode;

use super::{Profile, RefusalKind, Versioning};
use crate::http::Problem;

/// The profile for every API that has none of its own: entity tags, Problem Details and the common
/// shapes of error bodies in JSON.
///
/// # Default
///
/// Versions are strong entity tags. A 409 is a race only if the version turns out to have moved.
/// Idempotency keys are sent, but not relied on. The table of meanings is empty.
///
/// # Example
///
/// ```
/// use ifmatch::{Generic, RefusalKind, Versioning};
///
/// let profile = Generic::new()
///     .meaning("https://api.example.com/problems/unpaid", RefusalKind::InvalidState)
///     .meaning("NAME_TAKEN", RefusalKind::AlreadyExists)
///     .versioning(Versioning::body_field("/version"));
/// # let _ = profile;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Generic {
    versioning: Versioning,
    meanings: HashMap<String, RefusalKind>,
    honours_keys: bool,
}

impl Generic {
    /// The profile with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says where versions travel.
    pub fn versioning(mut self, versioning: Versioning) -> Self {
        self.versioning = versioning;
        self
    }

    /// Says what a problem type (as an absolute reference) or a machine code means; the type is
    /// looked up first.
    pub fn meaning(mut self, type_or_code: impl Into<String>, kind: RefusalKind) -> Self {
        self.meanings.insert(type_or_code.into(), kind);
        self
    }

    /// Says that the server keeps idempotency keys.
    pub fn honours_idempotency_keys(mut self) -> Self {
        self.honours_keys = true;
        self
    }
}

/// Words in the last part of a problem type or in a machine code. Only meanings after which
/// nothing is merged are taken from words: a race is proven by the version alone.
const WORDS: [(&str, RefusalKind); 13] = [
    ("alreadyexists", RefusalKind::AlreadyExists),
    ("duplicate", RefusalKind::AlreadyExists),
    ("duplicatekey", RefusalKind::AlreadyExists),
    ("nametaken", RefusalKind::AlreadyExists),
    ("usernametaken", RefusalKind::AlreadyExists),
    ("uniqueviolation", RefusalKind::AlreadyExists),
    ("locked", RefusalKind::Locked),
    ("resourcelocked", RefusalKind::Locked),
    ("invalidstate", RefusalKind::InvalidState),
    ("illegalstate", RefusalKind::InvalidState),
    ("requestinprogress", RefusalKind::InFlight),
    ("idempotencyinprogress", RefusalKind::InFlight),
    ("idempotencykeyinuse", RefusalKind::InFlight),
];

impl Profile for Generic {
    fn versioning(&self) -> Versioning {
        self.versioning.clone()
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let code = problem.code();
        let told = self.meanings.get(problem.problem_type());
        let told = told.or_else(|| code.and_then(|code| self.meanings.get(code)));
        if let Some(kind) = told {
            return Some(*kind);
        }
        if problem.status() != StatusCode::CONFLICT {
            return None;
        }
        let last_part = problem.problem_type().rsplit(['/', '#', ':']).next();
        [last_part, code].into_iter().flatten().find_map(by_word)
    }

    fn honours_idempotency_keys(&self) -> bool {
        self.honours_keys
    }
}

fn by_word(name: &str) -> Option<RefusalKind> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    WORDS
        .iter()
        .find(|(word, _)| *word == plain)
        .map(|(_, kind)| *kind)
}
