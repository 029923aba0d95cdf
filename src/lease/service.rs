//! The seam for services that grant leases.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use url::Url;

use super::clock::{LeaseClock, LeaseTime};
use crate::value::Error;

/// What is named in the error if a service panics.
pub(crate) const SERVICE: &str = "the lease service";

/// A service that grants leases, set with [`Leases::of`](crate::Leases::of).
///
/// A service carries out one request at a time and does not wait. [`Leases`](crate::Leases) waits, tries again, renews and
/// releases. All times that a service grants count from the moment at which its method was called.
///
/// # Example
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use ifmatch::async_trait;
/// use ifmatch::lease::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
///
/// /// Leases that end with the process.
/// #[derive(Default)]
/// struct InProcess(Mutex<HashMap<String, Granted>>);
///
/// #[async_trait]
/// impl LeaseService for InProcess {
///     async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted> {
///         let mut held = self.0.lock().unwrap();
///         if held.contains_key(&want.name) {
///             return Err(NotGranted::held(None, None));
///         }
///         let token = 1;
///         let granted = Granted::new(&want.name, &want.session, token, want.ttl);
///         held.insert(want.name.clone(), granted.clone());
///         Ok(granted)
///     }
///
///     async fn renew(&self, lease: &Granted, _want: &LeaseRequest) -> Result<Granted, NotGranted> {
///         let held = self.0.lock().unwrap();
///         let ours = held.get(&lease.name).filter(|held| held.id == lease.id);
///         ours.cloned().ok_or(NotGranted::Lost { by: None })
///     }
///
///     async fn release(&self, lease: &Granted) -> Result<(), NotGranted> {
///         let mut held = self.0.lock().unwrap();
///         match held.get(&lease.name) {
///             Some(own) if own.id == lease.id => held.remove(&lease.name),
///             _ => return Err(NotGranted::Lost { by: None }),
///         };
///         Ok(())
///     }
///
///     async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted> {
///         let held = self.0.lock().unwrap();
///         Ok(held.get(name).map(|_| LeaseHolder::default()))
///     }
/// }
/// ```
#[async_trait]
pub trait LeaseService: Send + Sync + 'static {
    /// Tries once to get the lease.
    async fn acquire(&self, want: &LeaseRequest) -> Result<Granted, NotGranted>;

    /// Renews a lease, for the ttl of `want`.
    ///
    /// [`NotGranted::Lost`] is for a service that says so. Everything else, such as an error of the network, is
    /// [`NotGranted::Failed`], after which the renewal is tried again as long as the lease lasts.
    async fn renew(&self, lease: &Granted, want: &LeaseRequest) -> Result<Granted, NotGranted>;

    /// Releases a lease.
    async fn release(&self, lease: &Granted) -> Result<(), NotGranted>;

    /// Returns who holds a lease, or `None` if it is free.
    async fn look(&self, name: &str) -> Result<Option<LeaseHolder>, NotGranted>;

    /// Ends the lease of another holder, who is not asked. The default says that the service cannot.
    async fn break_lock(&self, _name: &str) -> Result<(), NotGranted> {
        let why = "this service has no way to break a lease: wait until it ends by itself";
        Err(NotGranted::Failed(Error::config(why)))
    }

    /// Adds to the headers of a write what proves that it is made under the lease.
    fn stamp(&self, _lease: &Granted, _headers: &mut HeaderMap) {}

    /// Adds to the address of a write what proves that it is made under the lease.
    fn stamp_url(&self, _lease: &Granted, _url: &mut Url) {}

    /// Whether the server itself checks the lease of each write, by what [`stamp`](Self::stamp) or
    /// [`stamp_url`](Self::stamp_url) adds. The lease is then asked about before a refusal (409, 412 or 423) is taken for a
    /// conflict.
    fn is_enforced(&self) -> bool {
        false
    }

    /// Returns where a protected document keeps the fencing token, as a JSON Pointer, if the service determines it.
    fn fence(&self) -> Option<String> {
        None
    }

    /// Returns the member, as a JSON Pointer, that each write under the lease carries over from the state that it replaces.
    fn carried(&self) -> Option<String> {
        None
    }

    /// Returns the only address that a lease protects. `None` if the application decides what it protects.
    fn protects(&self, _lease: &Granted) -> Option<Url> {
        None
    }
}

/// What is asked of a service.
#[derive(Clone)]
#[non_exhaustive]
pub struct LeaseRequest {
    /// The name of the lease.
    pub name: String,
    /// The holder, for people.
    pub owner: Option<String>,
    /// An id that no other call of `acquire` has. It recognises a lease that was granted by a lost response.
    pub session: String,
    /// The time for which the lease is wanted.
    pub ttl: Duration,
    pub(crate) clock: Arc<dyn LeaseClock>,
}

impl LeaseRequest {
    /// Returns the current time. A contender that watches a record takes the time after it was read.
    pub fn now(&self) -> LeaseTime {
        self.clock.now()
    }
}

// Leaves out the session, by which some services know the lease.
impl fmt::Debug for LeaseRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseRequest")
            .field("name", &self.name)
            .field("owner", &self.owner)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// A lease that a service has granted.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Granted {
    /// The name of the lease.
    pub name: String,
    /// What the service knows the lease by. It may be a secret, because it lets others write.
    pub id: String,
    /// The fencing token, which is greater than that of any earlier holder. Zero if the service has none.
    pub token: u64,
    /// The time for which it was granted, which may differ from what was asked for.
    pub ttl: Duration,
}

// Leaves out the id, which may let others write.
impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("name", &self.name)
            .field("token", &self.token)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl Granted {
    /// Describes a lease.
    pub fn new(name: &str, id: &str, token: u64, ttl: Duration) -> Self {
        Self {
            name: name.to_owned(),
            id: id.to_owned(),
            token,
            ttl,
        }
    }
}

/// Who holds a lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseHolder {
    /// The holder, for people, if the service tells.
    pub owner: Option<String>,
    /// The fencing token, if the service tells.
    pub token: Option<u64>,
}

impl LeaseHolder {
    /// Describes a holder.
    pub fn new(owner: Option<String>, token: Option<u64>) -> Self {
        Self { owner, token }
    }
}

/// Why a lease was not granted.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotGranted {
    /// Another one holds it.
    Held {
        /// The holder, for people.
        by: Option<String>,
        /// How long it may last, if that is known.
        for_at_most: Option<Duration>,
    },
    /// It was ours, and is no longer.
    Lost {
        /// The holder, for people.
        by: Option<String>,
    },
    /// The request may or may not have been carried out, and nothing shows which.
    Unknown(Error),
    /// The request failed. It may be tried again, unless the error says otherwise.
    Failed(Error),
}

impl NotGranted {
    /// Says that another one holds the lease.
    pub fn held(by: Option<String>, for_at_most: Option<Duration>) -> Self {
        Self::Held { by, for_at_most }
    }
}
