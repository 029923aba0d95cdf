//! The output of the derive, checked by the merges that it produces.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in place")]
#![expect(
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the form of merge functions"
)]

mod enums;
mod fields;
mod places;

use ifmatch::Merge;
use ifmatch::merge::{Merged, ThreeWay};
use serde::{Deserialize, Serialize};
use serde_json::Value;

fn merge<T: Merge>(base: Value, local: Value, remote: Value) -> Merged {
    T::policy().check().unwrap();
    ThreeWay::of::<T>().merge_json(Some(&base), &local, &remote)
}

#[track_caller]
fn clean<T: Merge>(base: Value, local: Value, remote: Value, expected: Value) {
    let merged = merge::<T>(base, local, remote);
    assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
    assert_eq!(merged.value, expected);
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    #[merge(text)]
    body: String,
    #[merge(set)]
    tags: Vec<String>,
    #[merge(counter)]
    views: u64,
    #[merge(key = "id")]
    comments: Vec<Comment>,
    #[merge(remote)]
    updated_at: String,
    #[merge(max)]
    rank: i32,
    #[merge(with = longer)]
    slug: String,
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Comment {
    id: u32,
    text: String,
    #[merge(counter)]
    likes: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[merge(key = "id")]
    replies: Vec<Comment>,
}

fn longer(
    _base: Option<&String>,
    local: &String,
    remote: &String,
) -> Result<String, std::fmt::Error> {
    Ok(if local.len() > remote.len() {
        local
    } else {
        remote
    }
    .clone())
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Stats {
    #[merge(counter)]
    views: u64,
}

#[derive(Serialize, Deserialize, Merge)]
struct Height {
    /// Of a building, and no count.
    views: u64,
}

#[track_caller]
fn conflicts<T: Merge>(base: Value, local: Value, remote: Value) {
    let merged = merge::<T>(base, local, remote);
    assert!(!merged.conflicts.is_empty(), "merged to {}", merged.value);
}
