//! What a person decides about a reported conflict, and what becomes of it.

use super::decided::Decided;
use super::reported::ReportedConflict;
use crate::json::Document;
use crate::operations::decision::Decision;
use crate::operations::{GetOpt, ResourceData};
use crate::protocol::ToldConflict;
use crate::resolve::Resolution;
use crate::value::{Error, ErrorKind, WriteReport};

/// What became of a decision about a conflict.
#[derive(Debug)]
#[must_use = "the decision may not have been taken"]
pub enum Resolved<T> {
    /// The decision stands.
    Done(WriteReport),
    /// The conflict was resolved before, by someone else. Nothing was written.
    Already,
    /// The resource has changed since it was shown. Nothing was written, and this is the conflict with the new state.
    Changed(ReportedConflict<T>),
}

impl<T: ResourceData> ReportedConflict<T> {
    /// Sends what a person has decided.
    ///
    /// The decision holds for the remote side that was shown. If the resource has changed since, nothing is written, and the
    /// conflict is [shown again](Resolved::Changed) with the new state.
    ///
    /// [`KeepLocal`](Resolution::KeepLocal) and [`Merged`](Resolution::Merged) replace the resource. If it does not exist, or
    /// if the API takes no resolutions (404, 405 or 501), that is an ordinary conditional write, which does not tell the
    /// service that the conflict is resolved. Where nothing has to be written, the resource is read instead, to see whether it
    /// is as it was shown.
    ///
    /// A document is sent with the version, the stamps and the fencing token of the state that was shown, because those of the
    /// refused write are older.
    ///
    /// After a lost response, the resource is read: the decision stands if its stamp is there
    /// ([`write_stamp`](crate::Collection::write_stamp)), or all that it changes. A changed counter shows nothing without a
    /// stamp, because another client may have counted to the same number. Otherwise the decision is sent again, for the same
    /// version and with the same key, unless [`require_proof`](crate::Collection::require_proof) is set. The key is the same
    /// whenever the same document is decided on for the same state, also in another process.
    ///
    /// # Errors
    ///
    /// The conflict can be resolved again after any of them.
    ///
    /// - `Config` if the value cannot be written, the decision is `Unresolved`, or it is `KeepLocal` and the service does not
    ///   [tell](Self::tells_local) the local side.
    /// - `UnusableValidator` if the resource has no version to which the decision could be pinned.
    /// - `OutcomeUnknown` if a response was lost, and nothing shows whether the decision was carried out.
    /// - Otherwise the errors of [`Action::send`](crate::Action::send) and [`save`](crate::Collection::save).
    pub async fn resolve(&self, resolution: Resolution<T>) -> Result<Resolved<T>, Error> {
        let is_unknown = !self.tells_local();
        if is_unknown && matches!(resolution, Resolution::KeepLocal) {
            let why = "the service does not tell the local side, so it cannot be kept: decide for `Merged` instead";
            return Err(Error::config(why));
        }
        let handle = self.0.service.handle.item(&self.0.resource);
        let decision = Decision::of(resolution, self.conflict(), &handle.lens)?;
        let decided = self.0.decided(decision)?;
        if self.0.remote.is_none() && matches!(decided.decision, Decision::Write(_)) {
            return self.write(decided).await;
        }
        match self.0.send(&decided).await {
            Ok(report) => Ok(Resolved::Done(report)),
            Err(error) => self.after(error, decided).await,
        }
    }

    /// Returns what a resolution that has failed means.
    async fn after(&self, error: Error, decided: Decided) -> Result<Resolved<T>, Error> {
        let status = error.problem().map(|problem| problem.status().as_u16());
        match (error.kind(), status) {
            (_, Some(405 | 501)) => self.write(decided).await,
            (ErrorKind::NotFound | ErrorKind::Gone, _) | (_, Some(404 | 410)) => {
                let state = self.read().await?;
                if decided.evidence.is_in(state.as_ref()) {
                    return Ok(Resolved::Done(settled(&error)));
                }
                // It is resolved, or there is nothing at the address to which it was sent.
                match self.0.service.listed(&self.0.told).await {
                    Ok(None) => Ok(Resolved::Already),
                    Ok(Some(_)) if status == Some(404) => self.write(decided).await,
                    Ok(Some(_)) | Err(_) => Err(error),
                }
            }
            (ErrorKind::Conflict, _) => self.changed(&decided, error).await,
            // Nothing that exists was pinned, so the refusal is not known as a race.
            (ErrorKind::Refused, Some(409 | 412)) if self.0.remote.is_none() => {
                self.changed(&decided, error).await
            }
            _ => Err(error),
        }
    }

    /// Writes the decision to the resource itself.
    async fn write(&self, decided: Decided) -> Result<Resolved<T>, Error> {
        let remote = self.0.remote.clone();
        match (&decided.decision, &remote) {
            (Decision::KeepRemote, _) | (Decision::Remove, None) => return self.keep().await,
            _ => {}
        }
        let handle = self.0.service.handle.item(&self.0.resource);
        match decided.decision.clone().write(handle, remote).await {
            Ok(report) => Ok(Resolved::Done(report)),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Conflict | ErrorKind::AlreadyExists | ErrorKind::Gone
                ) =>
            {
                self.changed(&decided, error).await
            }
            Err(error) => Err(error),
        }
    }

    /// Keeps the state that was shown, to which nothing has to be written, if it is still there.
    async fn keep(&self) -> Result<Resolved<T>, Error> {
        let (service, told) = (&self.0.service, self.0.told.clone());
        let now = Self::show(service, told, self.0.resource.clone()).await?;
        if !now.0.shows_the_same(&self.0) {
            return Ok(Resolved::Changed(now));
        }
        Ok(Resolved::Done(WriteReport {
            requests: 1,
            ..WriteReport::unchanged()
        }))
    }

    /// The resource has changed: shows the conflict with the new state, unless that has the decision, or the conflict is not
    /// open any more.
    async fn changed(&self, decided: &Decided, error: Error) -> Result<Resolved<T>, Error> {
        let (service, told) = (&self.0.service, &self.0.told);
        let listed = service.listed(told).await;
        // The service may tell of another refused write by now.
        let is_same = |told: &ToldConflict| service.id_of(told).as_ref() == Some(&self.0.resource);
        let shown = listed.as_ref().ok().and_then(Option::as_ref);
        let shown = shown.filter(|told| is_same(told)).unwrap_or(told).clone();
        let now = Self::show(service, shown, self.0.resource.clone()).await?;
        let state = now.0.remote.as_ref().map(|remote| &remote.document);
        if decided.evidence.is_in(state) {
            return Ok(Resolved::Done(settled(&error)));
        }
        match listed {
            Ok(None) => Ok(Resolved::Already),
            // It was not refused because of the resource.
            Ok(Some(_)) | Err(_) if now.0.remote.is_none() && self.0.remote.is_none() => Err(error),
            Ok(Some(_)) | Err(_) => Ok(Resolved::Changed(now)),
        }
    }

    async fn read(&self) -> Result<Option<Document>, Error> {
        let handle = self.0.service.handle.item(&self.0.resource);
        let state = GetOpt::new(handle).await?;
        Ok(state.map(|state| state.snapshot().document().clone()))
    }
}

fn settled(error: &Error) -> WriteReport {
    WriteReport {
        requests: error.report().requests,
        settled: true,
        ..WriteReport::default()
    }
}
