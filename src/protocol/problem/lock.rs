//! Finds the holder of a lock, and the time when it ends.

use http::StatusCode;
use serde_json::Value;

use super::layers::{Layer, words};
use super::text::bounded;

/// The lock that caused a refusal.
#[derive(Debug, Default)]
pub(super) struct Lock {
    pub(super) owner: Option<String>,
    pub(super) expires: Option<String>,
}

/// Objects that describe a lock.
const LOCKS: [&str; 5] = ["lock", "lockinfo", "locked", "lease", "activelock"];

/// Names for the owner of a lock that have no other meaning.
const OWNER: [&str; 8] = [
    "lockedby",
    "lockowner",
    "lockholder",
    "lockedbyuser",
    "lockuser",
    "leaseowner",
    "leaseholder",
    "leasedby",
];
/// Names for the owner inside a lock object. Elsewhere they may mean anyone.
const OWNER_WITHIN: [&str; 5] = ["owner", "holder", "by", "user", "who"];

/// Names for the end of a lock that have no other meaning.
const EXPIRES: [&str; 9] = [
    "lockeduntil",
    "lockexpires",
    "lockexpiresat",
    "lockexpiry",
    "lockexpiration",
    "lockexpirationtime",
    "lockvaliduntil",
    "leaseexpires",
    "leaseexpiresat",
];
/// Names for the end inside a lock object.
const EXPIRES_WITHIN: [&str; 7] = [
    "expires",
    "expiresat",
    "expiry",
    "expiration",
    "until",
    "validuntil",
    "timeout",
];

/// Names for the name of an owner that is an object.
const NAME: [&str; 7] = [
    "displayname",
    "name",
    "login",
    "username",
    "email",
    "id",
    "href",
];

/// Finds the lock that a refusal describes. It may be an object of its own, members with unambiguous names,
/// or, if the status is 423, members at the top (Terraform's state servers).
pub(super) fn find(layers: &[Layer<'_>], status: StatusCode, cut: &mut bool) -> Lock {
    let locked = status == StatusCode::LOCKED;
    let mut lock = Lock::default();
    for layer in layers {
        for inner in layer.objects(&LOCKS) {
            lock.fill(&inner, &OWNER_WITHIN, &EXPIRES_WITHIN, cut);
        }
        for inner in layer.objects(&["details", "data", "meta"]) {
            lock.fill(&inner, &OWNER, &EXPIRES, cut);
        }
        lock.fill(layer, &OWNER, &EXPIRES, cut);
        if locked {
            lock.fill(layer, &OWNER_WITHIN, &EXPIRES_WITHIN, cut);
        }
    }
    lock
}

impl Lock {
    fn fill(&mut self, layer: &Layer<'_>, owner: &[&str], expires: &[&str], cut: &mut bool) {
        if self.owner.is_none() {
            let named = layer.all(owner).find_map(|(_, value)| called(value));
            self.owner = named.map(|name| bounded(&name, cut));
        }
        if self.expires.is_none() {
            let expiry = layer.all(expires).find_map(|(_, value)| scalar(value));
            self.expires = expiry.map(|text| bounded(&text, cut));
        }
    }
}

fn called(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => {
            let owner = Layer::new(String::new(), members);
            owner.all(&NAME).find_map(|(_, value)| scalar(value))
        }
        value => scalar(value),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(_) => words(value).map(str::to_owned),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
