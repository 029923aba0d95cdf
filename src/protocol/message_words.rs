//! Reads the words of a refusal: the last part of its type, its code and, if neither helps, its title or
//! detail.
//!
//! Words never cause a merge. They only show that the same request may be retried, that a lock is held, or
//! that a status does not have its usual meaning.

use http::StatusCode;
use serde_json::Value;

use super::RefusalKind;
use crate::protocol::Problem;

/// Names of conflicts that are not races.
const CONFLICTS: [(&str, RefusalKind); 15] = [
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
    ("operationinprogress", RefusalKind::InFlight),
    ("anotheroperationinprogress", RefusalKind::InFlight),
];

/// Parts of names that mean a race.
const RACE: [&str; 16] = [
    "precondition",
    "condition",
    "version",
    "revision",
    "generation",
    "etag",
    "match",
    "stale",
    "outdated",
    "modified",
    "changed",
    "conflict",
    "concurren",
    "optimistic",
    "collision",
    "lostupdate",
];
/// Parts of names that mean that a name, not a version, is in conflict.
const NAME: [&str; 7] = [
    "unique",
    "duplicate",
    "exists",
    "taken",
    "nameconflict",
    "uidconflict",
    "conflictingname",
];
/// Parts of names that mean a lock.
const LOCK: [&str; 2] = ["lock", "lease"];
/// Parts of names that only look like a lock.
const NO_LOCK: [&str; 4] = ["block", "clock", "unlock", "release"];
/// Parts of names that mean that something is in progress.
const UNDER_WAY: [&str; 4] = ["inprogress", "inflight", "busy", "underway"];
/// Phrases that say that a lock is held for a moment.
const LOCK_HELD: [&str; 13] = [
    "exclusive lock",
    "exclusive lease",
    "exclusive access",
    "lock is held",
    "lease is held",
    "holds a lock",
    "holds the lock",
    "is locked by",
    "locked by another",
    "currently a lease",
    "currently locked",
    "acquire the lock",
    "operation is in progress",
];
/// Names of short-lived limits on requests, without suffixes such as `error`.
const TOO_MANY: [&str; 18] = [
    "mlimitexceeded",
    "priorrequestnotcomplete",
    "ratelimit",
    "ratelimited",
    "ratelimitexceeded",
    "userratelimitexceeded",
    "secondaryratelimit",
    "concurrentlimitexceeded",
    "toomanyrequests",
    "requestlimitexceeded",
    "requestratelimitexceeded",
    "requestthrottled",
    "throttle",
    "throttled",
    "throttling",
    "slowdown",
    "provisionedthroughputexceeded",
    "bandwidthlimitexceeded",
];
/// Phrases that say so in a 403.
const LIMITED: [&str; 3] = ["rate limit", "too many requests", "too quickly"];
/// Names of refusals of a request whose body did not arrive in time.
const BROKEN_OFF: [&str; 2] = ["requesttimeout", "incompletebody"];

/// The meaning of a conflict according to its words.
pub(super) fn of_conflict(problem: &Problem) -> Option<RefusalKind> {
    let status = problem.status();
    if status != StatusCode::CONFLICT && !status.is_success() {
        return None;
    }
    let names: Vec<String> = names(problem).collect();
    let known = names.iter().find_map(|name| {
        let row = CONFLICTS.iter().find(|(word, _)| word == name);
        row.map(|(_, kind)| *kind)
    });
    let is_locked = || says_locked(problem) || (names_lock(&names) && !any(&names, &RACE));
    known.or_else(|| is_locked().then_some(RefusalKind::Locked))
}

/// Whether the title or detail says that a lock is held. If the words were misread, the only effect is that
/// the same request is retried.
fn says_locked(problem: &Problem) -> bool {
    says(problem, &LOCK_HELD)
}

/// Whether the title or detail has one of the phrases.
fn says(problem: &Problem, phrases: &[&str]) -> bool {
    let mut sentences = [problem.title(), problem.detail()].into_iter().flatten();
    sentences.any(|text| has_any(&text.to_ascii_lowercase(), phrases))
}

/// The meaning of a 412 to a conditional write. It is a race unless a code says otherwise or a lock is held.
/// Then a read decides, or the same request is retried.
pub(super) fn of_precondition(problem: &Problem) -> RefusalKind {
    if says_locked(problem) {
        return RefusalKind::Locked;
    }
    let names: Vec<String> = names(problem).collect();
    if any(&names, &NAME) {
        RefusalKind::Unknown
    } else if names.is_empty() || any(&names, &RACE) {
        RefusalKind::StaleVersion
    } else if names_lock(&names) {
        RefusalKind::Locked
    } else if any(&names, &UNDER_WAY) {
        RefusalKind::Transient
    } else {
        RefusalKind::Unknown
    }
}

/// Whether a code, or the linked documentation page, names a limit on requests.
pub(super) fn says_too_many(problem: &Problem) -> bool {
    let explained = || {
        let page = problem
            .extension("documentation_url")
            .and_then(Value::as_str);
        page.is_some_and(|page| page.contains("rate-limit"))
    };
    // Google has the reason among the details, beside a more general status.
    let reasons = problem
        .fields()
        .iter()
        .filter_map(|field| field.code.as_deref());
    let mut names = names(problem).chain(reasons.map(letters));
    let is_forbidden = problem.status() == StatusCode::FORBIDDEN;
    names.any(|name| TOO_MANY.contains(&without_class(&name)))
        || explained()
        || (is_forbidden && says(problem, &LIMITED))
}

/// Whether the code says that the body of the request did not arrive.
pub(super) fn says_broken_off(problem: &Problem) -> bool {
    names(problem).any(|name| BROKEN_OFF.contains(&without_class(&name)))
}

/// A name without the ending of an error class.
fn without_class(name: &str) -> &str {
    let name = name.strip_suffix("exception").unwrap_or(name);
    name.strip_suffix("error").unwrap_or(name)
}

/// The last part of the type, and the code, reduced to lower-case letters and digits.
fn names(problem: &Problem) -> impl Iterator<Item = String> {
    let typed = Some(problem.problem_type()).filter(|name| *name != "about:blank");
    let last_part = typed.and_then(|name| name.rsplit(['/', '#', ':']).next());
    [last_part, problem.code()]
        .into_iter()
        .flatten()
        .map(letters)
}

/// The lower-case letters and digits of a name.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

fn any(names: &[String], words: &[&str]) -> bool {
    names.iter().any(|name| has_any(name, words))
}

fn names_lock(names: &[String]) -> bool {
    any(names, &LOCK) && !any(names, &NO_LOCK)
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}
