//! Documents that an older version of the application has written.

use std::sync::Arc;

use crate::BoxError;
use crate::journal::MarkDocuments;
use crate::json::Document;
use crate::store::StoredSnapshot;
use crate::support::panics;
use crate::value::Error;

type Migrate = Arc<dyn Fn(u32, Document) -> Result<Document, BoxError> + Send + Sync>;

/// The number of an application's schema, and how older documents become documents of it.
#[derive(Clone, Default)]
pub(crate) struct Schema {
    pub(crate) number: u32,
    migrate: Option<Migrate>,
}

impl Schema {
    pub(crate) fn new(
        number: u32,
        migrate: impl Fn(u32, Document) -> Result<Document, BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            number,
            migrate: Some(Arc::new(migrate)),
        }
    }

    /// Returns documents in this schema.
    ///
    /// # Errors
    ///
    /// Returns a `Config` error if they are in a newer schema, or in an older one and cannot be migrated.
    pub(crate) fn migrated(
        &self,
        from: u32,
        documents: MarkDocuments,
    ) -> Result<MarkDocuments, Error> {
        if from == self.number {
            return Ok(documents);
        }
        let number = self.number;
        let Some(migrate) = self.migrate.as_ref().filter(|_| from < number) else {
            return Err(Error::config(format!(
                "a queued write has schema {from}, and this program has schema {number}: set a migration with `schema`, \
                 or use the newer program"
            )));
        };
        let migrated = |document: Document| {
            let migrated = panics::catch("the migration", || migrate(from, document));
            let migrated = migrated.unwrap_or_else(|panicked| Err(panicked.into()));
            migrated.map_err(|error| {
                let what =
                    format!("a queued write of schema {from} cannot be migrated to {number}");
                Error::config(what).with_source(error)
            })
        };
        let snapshot = |snapshot: StoredSnapshot| {
            let document = migrated(snapshot.document.clone())?;
            Ok::<_, Error>(StoredSnapshot {
                document,
                ..snapshot
            })
        };
        Ok(MarkDocuments {
            base: documents.base.map(snapshot).transpose()?,
            local: documents.local.map(migrated).transpose()?,
            unstamped: documents.unstamped.map(migrated).transpose()?,
            remote: documents.remote.map(snapshot).transpose()?,
        })
    }
}
