//! Checks the settings, and puts the client together.

use std::sync::Arc;

use http::header::AUTHORIZATION;

use super::ClientBuilder;
use crate::address;
use crate::client::Client;
use crate::exchange::Exchange;
use crate::exchange::transport::{Reqwest, Translated, layered};
use crate::operations::refuse_conditions;
use crate::queue::Queues;
use crate::resolve::Derived;
use crate::retry::ServerState;
use crate::store::{BestEffortStore, Secret};
use crate::support::hints::Hints;
use crate::value::Error;
use crate::write::queued::OutboxState;
use crate::write::recovery::unsettled::UnsettledWrites;
use crate::write::request::storage_behaviour::AlteringCollections;
use crate::write::request::target::{self, Shared};

impl ClientBuilder {
    /// Builds the client.
    ///
    /// # Errors
    ///
    /// Returns a [`Config`](crate::ErrorKind::Config) error if the base URL, the token, the secret of the store or
    /// the API version is invalid, if a default header is a precondition, if the base URL is not `https` although
    /// [`https_only`](Self::https_only) is set, if TLS cannot be initialised, or if the system provides no random
    /// numbers. Returns [`Journal`](crate::ErrorKind::Journal) if the journal was written with another secret, or cannot be
    /// read.
    pub fn build(mut self) -> Result<Client, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut base = address::base(&self.base)?;
        if self.https_only && base.scheme() != "https" {
            let (scheme, host) = (base.scheme(), base.host_str().unwrap_or_default());
            return Err(Error::config(format!(
                "the base URL is not https, but `https_only` is set: its scheme is {scheme:?}, and its host {host:?}"
            )));
        }
        // As a header, they are part of the user's name and are stored nowhere.
        if let Some(credentials) = address::take_user(&mut base) {
            self.headers.entry(AUTHORIZATION).or_insert(credentials);
        }
        if let Some(version) = &self.version {
            base = version.apply_to(base, &mut self.headers)?;
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Reqwest::new().map_err(|error| {
                Error::config("the HTTP client of reqwest cannot be initialised").with_source(error)
            })?),
        };
        let mut transport = layered(transport, self.layers);
        let translation = self.profile.translation(&base);
        if let Some(translation) = &translation {
            transport = Translated::before(transport, translation.clone());
        }
        let accept = target::accept(&self.headers, &*self.profile, self.version.as_ref());
        refuse_conditions(&self.headers)?;
        let of_journal = self
            .journal
            .as_ref()
            .map(|journal| journal.secret().clone());
        let secret = self.secret.or(of_journal);
        let secret = secret.map_or_else(Secret::random, Ok);
        let secret = secret.map_err(|error| {
            let why = "the system provides no random numbers for the snapshot keys: set a secret with `store_secret`";
            Error::config(why).with_source(error)
        })?;
        if let Some(journal) = &self.journal {
            journal.bind(&secret)?;
        }
        let exchange = Exchange {
            secret,
            transport,
            translation,
            authenticator: self.authenticator,
            server: ServerState::new(&self.retry, self.rate),
            limits: self.limits,
            headers: self.headers,
        };
        let shared = Shared {
            exchange,
            retry: self.retry,
            hidden: self.profile.hidden_refusals(),
            profile: self.profile,
            version: self.version,
            accept,
            store: BestEffortStore::new(self.store),
            unsettled: Arc::new(UnsettledWrites::of(self.journal.clone())),
            outbox: OutboxState::of(self.journal.clone()),
            journal: self.journal,
            journals_awaited: self.journals_awaited,
            altering: AlteringCollections::default(),
            queues: (self.max_queued_writes > 0)
                .then(|| Arc::new(Queues::new(self.max_queued_writes))),
            derived: Derived::default(),
            observer: self.observer,
            hints: Hints::default(),
        };
        Ok(Client {
            shared: Arc::new(shared),
            base,
        })
    }
}
