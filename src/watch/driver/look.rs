//! Reads of single resources.

use http::Method;

use super::{ClientGone, Driver, Told, look_of};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind};
use crate::watch::machine::Look;
use crate::watch::request::ask_if_changed;
use crate::write::request::reading::{self, NoRepresentation};

impl Driver {
    /// Reads a resource, and tells the machine.
    pub(super) async fn look(&mut self, id: String) -> Result<(), ClientGone> {
        let look = self.read_resource(&id).await?;
        self.core.machine().looked(id, look);
        Ok(())
    }

    /// Reads a resource, unless it is as it was told.
    pub(super) async fn read_resource(&mut self, id: &str) -> Result<Look<Told>, ClientGone> {
        let documents = self.documents()?;
        let handle = match self.scope.only {
            Some(_) => documents,
            None => documents.item(id),
        };
        let context = match handle.call_context(None).await {
            Ok(context) => context,
            Err(error) => return Ok(Look::Problem(Told::Problem(Box::new(error)))),
        };
        let before = match self.keeper {
            Some(_) => context.cached().await,
            None => None,
        };
        if self.is_for_snapshots && before.is_none() {
            return Ok(Look::Same);
        }
        let target = &context.target;
        let mut call = reading::read_call(target, Method::GET, false);
        reading::ask_past_caches(target, &mut call.headers);
        // A condition is only of use with the version that was told, because a 304 means that there is nothing to tell.
        let told = self.validators.get(id).filter(|known| {
            let version = self.version(Some(known), None);
            self.core.machine().is_told(&id.to_owned(), version)
        });
        let cached = before.as_ref().filter(|cached| !cached.is_unread);
        let cached = cached.and_then(|cached| cached.validator.as_ref());
        let known = if self.is_for_snapshots { cached } else { told };
        let reply = match ask_if_changed(target, &mut call, known).await {
            Ok((reply, true)) => reply,
            Ok((_, false)) => {
                if self.is_for_snapshots {
                    target.shared.store.confirm(&context.key);
                }
                return Ok(Look::Same);
            }
            Err(refused)
                if matches!(refused.error.kind(), ErrorKind::NotFound | ErrorKind::Gone) =>
            {
                self.is_absent(id, &context).await;
                return Ok(Look::Absent);
            }
            Err(refused) => return Ok(look_of(refused)),
        };
        match reading::representation(target, &reply) {
            Ok(read) => {
                if let Some(keeper) = self.keeper {
                    keeper.read(&context, before.as_ref(), &read.snapshot).await;
                }
                Ok(self.state(id, read.snapshot))
            }
            Err(NoRepresentation::Absent(_)) => {
                self.is_absent(id, &context).await;
                Ok(Look::Absent)
            }
            Err(error) => {
                let error = Error::decode(target.url.path(), error);
                Ok(Look::Problem(Told::Problem(Box::new(error))))
            }
        }
    }

    async fn is_absent(&mut self, id: &str, context: &crate::operations::CallContext) {
        self.remember(id, None);
        if let Some(keeper) = self.keeper {
            keeper.gone(context).await;
        }
    }

    fn state(&mut self, id: &str, snapshot: StoredSnapshot) -> Look<Told> {
        self.remember(id, snapshot.validator.as_ref());
        let version = self.version(snapshot.validator.as_ref(), Some(&snapshot.document));
        Look::State(Some(version), Told::State(Box::new(snapshot)))
    }
}
