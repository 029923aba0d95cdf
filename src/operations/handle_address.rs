//! The addresses that a handle leads to, and which values belong to them.

use url::Url;

use super::{Handle, ResourceData};
use crate::value::{Error, SnapshotAddress};

impl<T: ResourceData> Handle<T> {
    /// Returns the same settings for one item of the collection.
    pub(crate) fn item(&self, id: &str) -> Self {
        let url = match &self.url {
            Ok(url) => crate::address::item(url, id).map_err(|error| error.to_string().into()),
            Err(why) => Err(why.clone()),
        };
        self.over(url, Some(id.to_owned()))
    }

    /// Returns the same settings for another item of the same collection.
    pub(crate) fn renamed(&self, id: &str) -> Result<Self, Error> {
        let own = self.url.as_ref().map_err(|why| Error::config(&**why))?;
        if self.id.is_none() {
            let path = own.path();
            return Err(Error::config(format!(
                "{path}: this resource is not in a collection, so it cannot have the id {id:?}"
            )));
        }
        let url = crate::address::item(&crate::address::collection_of(own), id)?;
        Ok(self.over(Ok(url), Some(id.to_owned())))
    }

    /// Adds the query of this handle to an address from the server, without parameters that it already has.
    pub(crate) fn with_query(&self, mut url: Url) -> Url {
        let missing = |(name, value): &&(String, String)| {
            !url.query_pairs()
                .any(|(has, is)| has == **name && is == **value)
        };
        let missing: Vec<_> = self.query.iter().filter(missing).cloned().collect();
        if !missing.is_empty() {
            url.query_pairs_mut().extend_pairs(missing);
        }
        url
    }

    /// Returns the same settings for an address that includes its query.
    pub(crate) fn at(&self, url: Url, id: Option<String>) -> Result<Self, Error> {
        let own = self.url.as_ref().map_err(|why| Error::config(&**why))?;
        if own.origin() != url.origin() {
            let (from, to) = (url.origin(), own.origin());
            return Err(Error::config(format!(
                "the snapshot is from another server than this handle: it is from {}, and the handle is for {}",
                from.ascii_serialization(),
                to.ascii_serialization()
            )));
        }
        let mut url = url;
        self.shared.profile.write_route().remove_suffix(&mut url);
        let mut at = self.over(Ok(url), id);
        at.query.clear();
        Ok(at)
    }

    /// Returns the same settings for the address of a snapshot.
    ///
    /// An address that was used before stays as it is. A list item was not read at an address of its own, so it gets
    /// the query of this handle. A parameter with another value than in the list may lead to another resource.
    pub(crate) fn at_snapshot(
        &self,
        address: SnapshotAddress,
        id: Option<String>,
    ) -> Result<Self, Error> {
        let differing = self.differing_parameter(&address);
        let mut at = self.at(address.url, id)?;
        if address.listed_with.is_none() {
            return Ok(at);
        }
        if let Some(name) = differing {
            return Err(Error::config(format!(
                "the value was listed with another value of the query parameter {name:?} than this handle has: use the \
                 handle that listed it, or read the value again"
            )));
        }
        at.query.clone_from(&self.query);
        Ok(at)
    }

    /// Checks that a value to which a call is pinned was read from the resource of this handle, and returns the reason if
    /// it was not.
    pub(crate) fn check_pinned(&self, address: &SnapshotAddress) -> Result<(), String> {
        let Ok(own) = &self.url else {
            // The call returns the error of the address itself.
            return Ok(());
        };
        let mut own = own.clone();
        self.shared.profile.write_route().add_suffix(&mut own);
        let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
        if own.origin() != address.url.origin() || path(&own) != path(&address.url) {
            return Err(format!(
                "the call is on {}, but the value that it is pinned to was read from {}",
                own.path(),
                address.url.path()
            ));
        }
        match self.differing_parameter(address) {
            None => Ok(()),
            Some(name) => Err(format!(
                "the value that the call is pinned to was read with another value of the query parameter {name:?} than \
                 this handle has: use the handle that read it, or read the value again"
            )),
        }
    }

    /// Returns the first query parameter of this handle that the address of a snapshot does not have with the same
    /// value, so that it may lead to another resource.
    ///
    /// A list item may have been listed without the parameter.
    fn differing_parameter(&self, address: &SnapshotAddress) -> Option<&str> {
        let read_with = || address.url.query_pairs().into_owned().collect();
        let (has, is_listed) = match &address.listed_with {
            Some(listed_with) => (listed_with.clone(), true),
            None => (read_with(), false),
        };
        let differs = |(name, value): &&(String, String)| {
            let mut same_name = has.iter().filter(|(has, _)| has == name).peekable();
            let may_lack = is_listed && same_name.peek().is_none();
            !may_lack && !same_name.any(|(_, has)| has == value)
        };
        let differing = self.query.iter().find(differs);
        differing.map(|(name, _)| name.as_str())
    }
}
