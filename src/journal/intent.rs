//! What one logical write wants.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::digest;
use crate::store::KeyDigest;
use crate::support::ids;

/// The id of a write in a [`Journal`](crate::Journal). It is also the id of its
/// [write stamp](crate::Collection::write_stamp).
///
/// Its text is a UUID, such as `9f1c2b5e-…`. It stays the same in every process, so it can be kept and asked about later
/// with [`Outbox::state`](crate::Outbox::state).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(u128);

impl IntentId {
    pub(crate) fn random() -> Self {
        Self(ids::uuid_bits())
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ids::uuid_text(self.0))
    }
}

impl fmt::Debug for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IntentId({self})")
    }
}

/// The error for a text that is not the id of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the id of a queued write is a UUID of 36 characters, such as 9f1c2b5e-7a30-4d6e-8b1f-0c2d4e6f8a9b"
)]
pub struct InvalidIntentId;

impl FromStr for IntentId {
    type Err = InvalidIntentId;

    /// Parses the text that [`Display`](fmt::Display) writes.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidIntentId`] for any other text.
    fn from_str(text: &str) -> Result<Self, InvalidIntentId> {
        let digits: String = text.split('-').collect();
        let bits = u128::from_str_radix(&digits, 16).map_err(|_| InvalidIntentId)?;
        let id = Self(bits);
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidIntentId)
        }
    }
}

impl Serialize for IntentId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IntentId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The goal of a queued write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum IntentGoal {
    Replace,
    Create,
    Delete,
    Append,
}

/// One write that is to be made, without its documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: IntentId,
    pub(crate) goal: IntentGoal,
    /// The user whose write it is.
    #[serde(with = "digest")]
    pub(crate) owner: KeyDigest,
    /// The handle whose strategy and format the write needs.
    #[serde(with = "digest")]
    pub(crate) handle: KeyDigest,
    /// The resource. Writes to one resource are made in their order. A document for a collection has a digest of its
    /// own, because it has no address yet.
    #[serde(with = "digest")]
    pub(crate) address: KeyDigest,
    /// The URL of the resource, with its query.
    pub(crate) url: Box<str>,
    /// The id of the resource in its collection.
    pub(crate) resource: Option<Box<str>>,
    /// The number of the schema in which its documents are written.
    pub(crate) schema: u32,
    /// Whether it is a person's resolution, which holds for the state that was shown and is not merged with another one.
    pub(crate) is_pinned: bool,
    /// Whether an edit made its document from its base, so that the document includes no other change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_edit: bool,
    pub(crate) idempotency_key: Option<Box<str>>,
    /// Whether the server honours the key, whatever the profile says.
    pub(crate) honours_key: bool,
    /// When it was queued, in milliseconds since 1970. Only people use it. The order is that of the places.
    pub(crate) queued_at: u64,
    /// The place in the order of writes. It stays the same when the write changes.
    pub(crate) place: u64,
    /// The transaction that it belongs to. It is then made in the order of the transaction, and not in that of the
    /// resource's queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupStep>,
}

/// The place of a write in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct GroupStep {
    /// The id of the transaction.
    #[serde(with = "digest")]
    pub(crate) group: KeyDigest,
    pub(crate) step: u16,
    pub(crate) role: StepRole,
    /// Whether a later process takes back what was made, and does not go on.
    pub(crate) goes_back: bool,
    /// Whether the steps are made under leases of the transaction.
    pub(crate) is_isolated: bool,
}

/// What a write is to its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum StepRole {
    Writes,
    /// It only looks whether the resource is still as it was seen.
    Checks,
    /// It takes back the step with the same number.
    TakesBack,
}

/// The queued writes of one user to one resource, which are made in their order: the user and the address.
pub(crate) type ChainKey = (KeyDigest, KeyDigest);

impl Intent {
    /// Returns the queue of its resource, or that of its transaction, whose steps are made together.
    pub(crate) fn chain(&self) -> ChainKey {
        (self.owner, self.group.map_or(self.address, |of| of.group))
    }

    /// Returns the path of the resource, or of the collection of a new document.
    pub(crate) fn path(&self) -> String {
        let url = Url::parse(&self.url);
        url.map(|url| url.path().to_owned()).unwrap_or_default()
    }

    /// Returns the idempotency key of its document: its own, or that of any new document for a collection.
    pub(crate) fn key(&self) -> Option<Box<str>> {
        let is_post = self.goal == IntentGoal::Append;
        let of_post = || is_post.then(|| self.id.to_string().into());
        self.idempotency_key.clone().or_else(of_post)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_way_through_text() -> Result<(), InvalidIntentId> {
        let id = IntentId::random();
        assert_eq!(id.to_string().parse::<IntentId>()?, id);
        for text in [
            "",
            "7",
            "9f1c2b5e7a304d6e8b1f0c2d4e6f8a9b",
            "x".repeat(36).as_str(),
        ] {
            assert_eq!(text.parse::<IntentId>(), Err(InvalidIntentId), "{text}");
        }
        Ok(())
    }
}
