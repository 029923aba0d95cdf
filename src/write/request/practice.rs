//! What a collection is said, or was seen, to make of what is written to it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::{Position, Url};

use crate::protocol::{Profile, Versioning};

/// What a handle is told of the way in which its API stores and removes; `None`: the profile decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Practice {
    /// Whether documents are stored as they are sent.
    pub(crate) stores_as_sent: Option<bool>,
    /// Whether replies to writes show the resource as it is stored.
    pub(crate) returns_stored: Option<bool>,
    /// Where a body tells which object it is, by its JSON Pointer.
    pub(crate) identity: Option<String>,
    /// Where a body tells that it is being removed, by its JSON Pointer.
    pub(crate) deletion_mark: Option<String>,
}

impl Practice {
    /// With what the profile knows beneath it.
    pub(crate) fn over(mut self, profile: &dyn Profile, versioning: &Versioning) -> Self {
        self.stores_as_sent = self.stores_as_sent.or_else(|| profile.stores_as_sent());
        let returns = self.returns_stored.unwrap_or(profile.returns_stored());
        self.returns_stored = Some(returns);
        let known = |own: Option<String>, beneath: Option<&str>| own.or(beneath.map(str::to_owned));
        self.identity = known(self.identity, versioning.identity());
        self.deletion_mark = known(self.deletion_mark, versioning.mark());
        self
    }
}

/// Collections that were seen to store something else than what was sent, under the tag that the reply to
/// the write had told.
#[derive(Default)]
pub(crate) struct Altering(Mutex<SeenCollections>);

#[derive(Default)]
struct SeenCollections {
    collections: HashSet<String>,
    by_age: VecDeque<String>,
}

/// Collections that are remembered; the oldest go first.
const MOST: usize = 10_000;

impl Altering {
    // Nothing panics while it is locked.
    fn seen(&self) -> MutexGuard<'_, SeenCollections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the collection of this resource is one of them.
    pub(crate) fn has(&self, resource: &Url) -> bool {
        let seen = self.seen();
        !seen.collections.is_empty() && seen.collections.contains(collection(resource))
    }

    /// Notes the collection of this resource; `false`: it was noted before.
    pub(crate) fn note(&self, resource: &Url) -> bool {
        let (mut seen, name) = (self.seen(), collection(resource).to_owned());
        if !seen.collections.insert(name.clone()) {
            return false;
        }
        seen.by_age.push_back(name);
        if seen.by_age.len() > MOST
            && let Some(oldest) = seen.by_age.pop_front()
        {
            seen.collections.remove(&oldest);
        }
        true
    }
}

/// The address above that of the resource, without its query.
fn collection(resource: &Url) -> &str {
    let path = resource[..Position::AfterPath].trim_end_matches('/');
    path.rsplit_once('/').map_or(path, |(above, _)| above)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_noted_once_and_found_by_each_of_its_resources() -> Result<(), url::ParseError>
    {
        let altering = Altering::default();
        let url = |path: &str| Url::parse(&format!("http://h/v1/{path}"));
        assert!(altering.note(&url("a/1?x=/y")?) && !altering.note(&url("a/2")?));
        assert!(altering.has(&url("a/3")?) && altering.has(&url("a/3/")?));
        assert!(!altering.has(&url("b/1")?) && !altering.has(&url("a/1/c")?));
        for number in 0..MOST {
            altering.note(&url(&format!("{number}/1"))?);
        }
        assert!(!altering.has(&url("a/1")?) && altering.has(&url("0/1")?));
        Ok(())
    }
}
