//! How an API stores and removes documents: [`StorageBehaviour`] as configured, [`AlteringCollections`] as observed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use url::{Position, Url};

use crate::protocol::{Profile, Versioning};

/// How the API stores and removes, as configured on a handle. Where a field is `None`, the profile decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StorageBehaviour {
    /// Whether documents are stored as they are sent.
    pub(crate) stores_as_sent: Option<bool>,
    /// Whether responses to writes show the resource as it is stored.
    pub(crate) returns_stored: Option<bool>,
    /// JSON Pointer to the member that identifies the object.
    pub(crate) identity: Option<String>,
    /// JSON Pointer to the member that marks the object as being removed.
    pub(crate) deletion_mark: Option<String>,
}

impl StorageBehaviour {
    /// Fills the fields that are not set from the profile.
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

/// Collections that were seen to store something other than what was sent, under the tag that the response to the
/// write gave.
#[derive(Default)]
pub(crate) struct AlteringCollections(Mutex<SeenCollections>);

#[derive(Default)]
struct SeenCollections {
    collections: HashSet<String>,
    by_age: VecDeque<String>,
}

/// Number of collections that are remembered. The oldest are dropped first.
const MOST: usize = 10_000;

impl AlteringCollections {
    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn seen(&self) -> MutexGuard<'_, SeenCollections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the collection of this resource has been noted.
    pub(crate) fn has(&self, resource: &Url) -> bool {
        let seen = self.seen();
        !seen.collections.is_empty() && seen.collections.contains(collection(resource))
    }

    /// Notes the collection of this resource. Returns `false` if it was noted before.
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

/// Returns the parent path of the resource, without its query.
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
        let altering = AlteringCollections::default();
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
