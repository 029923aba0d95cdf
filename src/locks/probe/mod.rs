//! Asks a lease service whether it excludes anybody.

mod report;

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::lease::{Granted, LeaseClock, LeaseRequest, LeaseService, NotGranted};
use crate::locks::Leases;
use crate::probe::Verdict;
use crate::support::ids;
use crate::value::{Error, ErrorKind};
pub use report::{LeaseCheck, LeaseFinding, LeaseProbeReport};

/// How many contend in a race.
const CONTENDERS: usize = 4;

impl Leases {
    /// Tests whether the service excludes at all.
    ///
    /// Some servers accept conditional requests and ignore the condition, so a lock there excludes no other client. The probe acquires,
    /// renews and releases leases with random names, as several holders, one after the other and at the same time. It takes
    /// about forty requests. Run it during setup and in tests, not at each start of a program.
    ///
    /// A race is not always lost where it can be. So for [`documents`](Self::documents) and [`field`](Self::field), run
    /// [`Client::probe`](crate::Client::probe) on the collection too.
    ///
    /// Leases on resources need a resource that exists: use [`probe_at`](Self::probe_at). The documents of leases stay
    /// there, because their tokens must never be used again.
    ///
    /// # Errors
    ///
    /// Returns the errors of the service, such as `Transport`. What a lease service does wrong is part of the report.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Leases, testing::ResourceServer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let server = ResourceServer::start().await;
    /// let leases = Leases::documents(&server.in_process().build()?, "leases");
    /// let report = leases.probe().await?;
    /// assert!(report.excludes(), "{report}");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn probe(&self) -> Result<LeaseProbeReport, Error> {
        let name = || format!("probe-{}", ids::uuid());
        self.probe_with(&name(), &name()).await
    }

    /// Tests whether the service excludes at all, with the lease of this name, which must be free. See
    /// [`probe`](Self::probe).
    ///
    /// # Errors
    ///
    /// Returns the errors of the service, and `Locked` if another holder has the lease.
    pub async fn probe_at(&self, name: impl Display) -> Result<LeaseProbeReport, Error> {
        let name = name.to_string();
        self.probe_with(&name, &name).await
    }

    async fn probe_with(&self, name: &str, raced_for: &str) -> Result<LeaseProbeReport, Error> {
        let mut probing = Probing {
            service: self.service().map_err(Error::config)?,
            clock: self.clocks(),
            ttl: self.asked_ttl(),
            report: LeaseProbeReport::default(),
            acquired: Vec::new(),
        };
        let mut ended = probing.one_after_the_other(name).await;
        probing.release_all().await;
        if ended.is_ok() {
            ended = probing.at_the_same_time(raced_for).await;
            probing.release_all().await;
        }
        ended.map(|()| probing.report)
    }
}

struct Probing {
    service: Arc<dyn LeaseService>,
    clock: Arc<dyn LeaseClock>,
    ttl: Duration,
    report: LeaseProbeReport,
    /// What has to be released, also if the probe fails.
    acquired: Vec<Granted>,
}

/// What a service answers, apart from errors.
enum Answer<O> {
    Granted(O),
    /// Another one holds the lease.
    Refused,
}

/// Takes what a service does as an answer, and what it cannot do as an error.
fn answered<O>(result: Result<O, NotGranted>) -> Result<Answer<O>, Error> {
    match result {
        Ok(granted) => Ok(Answer::Granted(granted)),
        Err(NotGranted::Held { .. } | NotGranted::Lost { .. }) => Ok(Answer::Refused),
        Err(NotGranted::Failed(error) | NotGranted::Unknown(error)) => Err(error),
    }
}

impl Probing {
    fn request(&self, name: &str, owner: &str) -> LeaseRequest {
        LeaseRequest {
            name: name.to_owned(),
            owner: Some(owner.to_owned()),
            session: ids::uuid(),
            ttl: self.ttl,
            clock: self.clock.clone(),
        }
    }

    async fn acquire(&mut self, want: &LeaseRequest) -> Result<Option<Granted>, Error> {
        match answered(self.service.acquire(want).await)? {
            Answer::Granted(granted) => {
                self.acquired.push(granted.clone());
                Ok(Some(granted))
            }
            Answer::Refused => Ok(None),
        }
    }

    /// Releases everything that the probe may still hold. What cannot be released ends by itself.
    async fn release_all(&mut self) {
        for granted in std::mem::take(&mut self.acquired) {
            let _ = self.service.release(&granted).await;
        }
    }

    async fn one_after_the_other(&mut self, name: &str) -> Result<(), Error> {
        use LeaseCheck as Check;
        let (one, other) = (
            self.request(name, "probe-one"),
            self.request(name, "probe-other"),
        );
        let Some(first) = self.acquire(&one).await? else {
            let why = "another holder has the lease that is probed";
            return Err(Error::new(ErrorKind::Locked, why));
        };
        let early = self.acquire(&other).await?;
        let seen = match early {
            None => "a second holder was refused",
            Some(_) => "a second holder got the lease",
        };
        self.report.found(Check::Excludes, early.is_none(), seen);

        let renewed = answered(self.service.renew(&first, &one).await)?;
        let (is_renewed, first) = match renewed {
            Answer::Granted(renewed) => (true, renewed),
            Answer::Refused => (false, first),
        };
        let seen = if is_renewed {
            "the holder has renewed it"
        } else {
            "the holder was told that it has lost it"
        };
        self.report.found(Check::Renews, is_renewed, seen);

        let released = answered(self.service.release(&first).await)?;
        let next = match early {
            Some(early) => Some(early),
            None => self.acquire(&other).await?,
        };
        let (is_released, seen) = match (&released, &next) {
            (Answer::Refused, _) => (false, "the holder could not release it"),
            (_, None) => (false, "the next holder was refused"),
            (_, Some(_)) => (true, "the next holder has got it"),
        };
        self.report.found(Check::Releases, is_released, seen);
        let Some(next) = next else {
            return Ok(());
        };
        self.tokens(&first, &next);

        let late = answered(self.service.renew(&first, &one).await)?;
        let is_told = matches!(late, Answer::Refused);
        let seen = if is_told {
            "it was told that it has lost the lease"
        } else {
            "it has renewed the lease"
        };
        self.report.found(Check::TellsLoss, is_told, seen);
        // Whatever it is answered, the lease of the next holder must stay.
        answered(self.service.release(&first).await)?;
        let is_kept = matches!(
            answered(self.service.renew(&next, &other).await)?,
            Answer::Granted(_)
        );
        let seen = if is_kept {
            "the next holder keeps the lease"
        } else {
            "the next holder has lost the lease"
        };
        self.report.found(Check::LateRelease, is_kept, seen);
        Ok(())
    }

    fn tokens(&mut self, first: &Granted, next: &Granted) {
        let check = LeaseCheck::TokenRises;
        let (first, next) = (first.token, next.token);
        if (first, next) == (0, 0) {
            let seen = "the service has no tokens";
            return self.report.add(check, Verdict::Unknown, seen);
        }
        let seen = format!("the tokens are {first} and {next}");
        self.report.found(check, next > first, seen);
    }

    /// Lets several contend for a lease that is new or was released, and again after its release.
    async fn at_the_same_time(&mut self, name: &str) -> Result<(), Error> {
        for check in [LeaseCheck::RacingFirst, LeaseCheck::RacingNext] {
            let mut contenders = JoinSet::new();
            for _ in 0..CONTENDERS {
                let want = self.request(name, "probe-racing");
                let service = self.service.clone();
                contenders.spawn(async move { service.acquire(&want).await });
            }
            let (mut failed, mut winners) = (None, 0);
            while let Some(ended) = contenders.join_next().await {
                let ended = ended.map_err(|_| Error::config("the lease service has panicked"))?;
                match answered(ended) {
                    Ok(Answer::Granted(granted)) => {
                        winners += 1;
                        self.acquired.push(granted);
                    }
                    Ok(Answer::Refused) => {}
                    Err(error) => failed = Some(error),
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            let seen = format!("{winners} of {CONTENDERS} got it");
            match winners {
                // Each may have stood in the way of the others.
                0 => self.report.add(check, Verdict::Unknown, seen),
                winners => self.report.found(check, winners == 1, seen),
            }
            self.release_all().await;
        }
        Ok(())
    }
}
