//! The v3 API of etcd, by its JSON gateway.

mod change;
mod events;
mod gateway;
mod keys;
mod txn;
mod wanted;

use http::HeaderMap;
use url::Url;

use crate::json::Document;
use crate::protocol::{
    Batch, Envelope, Feed, FoundVersion, Problem, Profile, Translation, Validator, Versioning,
};
use gateway::Gateway;

/// The address of batches, which is no key.
const BATCH: &str = "$batch";
/// How many bytes of JSON one request carries. etcd takes requests of 1.5 MiB.
const BATCH_BYTES: usize = 1_024 * 1_024;

/// The v3 API of etcd, by its JSON gateway, with JSON documents as values.
///
/// The path of a resource is its key: with the base URL `http://127.0.0.1:2379`, the document `db` of the collection
/// `settings` is the value of the key `settings/db`. etcd has no resources of its own, so each request becomes a call of the
/// gateway:
///
/// | request | call |
/// |---|---|
/// | read | `/v3/kv/range` |
/// | write, creation, removal | `/v3/kv/txn`, which compares the `mod_revision` and applies the write, or returns the current value |
/// | [transaction](crate::Client::transaction) | one `/v3/kv/txn` for all steps: all of them are applied, or none |
/// | [watch](crate::Collection::watch) | `/v3/watch`, from the revision of the list on; a compacted revision leads to a new list |
/// | list | `/v3/kv/range` in pages of 100; see below |
/// | `POST` to `v3/…`, such as [`Leases::etcd`](crate::Leases::etcd) sends | itself |
///
/// The version is `mod_revision`, which rises with each write and never returns. A refused comparison carries the current
/// value, which is merged without a read. A key that was removed and created again has another `create_revision`, so an edit
/// of the old value never ends up in the new one. A conditional write keeps the etcd lease of its key.
///
/// An id that contains a slash, a `PATCH`, an action and a `post` cannot be expressed, and are an error before anything is
/// sent. The gateway of etcd 3.4 and later has the paths above.
///
/// # Lists
///
/// A list needs the query parameter `prefix=true`, as the same path may be a key:
///
/// ```no_run
/// use ifmatch::{Client, profiles::EtcdV3};
///
/// # async fn run() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("http://127.0.0.1:2379").profile(EtcdV3::new()).build()?;
/// let settings = client.collection::<serde_json::Value>("settings");
/// let page = settings.list().query("prefix", true).items_at("/kvs").whole_items().await?;
/// # let _ = page;
/// # Ok(())
/// # }
/// ```
///
/// [API](https://etcd.io/docs/v3.5/learning/api/), [gateway](https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::EtcdV3};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// // The keys of this application are `/billing/settings/…`.
/// let profile = EtcdV3::new().key_prefix("/billing/");
/// let client = Client::builder("http://127.0.0.1:2379").profile(profile).build()?;
/// let settings = client.collection::<serde_json::Value>("settings");
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct EtcdV3 {
    prefix: String,
}

impl EtcdV3 {
    /// Creates the profile. Keys are the paths of resources, without a slash at the beginning.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what each key begins with (default nothing), such as `/` or `/billing/`.
    pub fn key_prefix(self, prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
        }
    }
}

impl Profile for EtcdV3 {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/mod_revision")
            .sent_as_tag()
            .identity_field("/create_revision")
    }

    fn envelope(&self) -> Envelope {
        Envelope::at("/value").as_base64().sent_bare()
    }

    fn translation(&self, base: &Url) -> Option<Translation> {
        Some(Translation::by(Gateway::new(&self.prefix, base)))
    }

    fn stores_as_sent(&self) -> Option<bool> {
        Some(true)
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::requests(BATCH).max_bytes(BATCH_BYTES))
    }

    fn feed(&self) -> Option<Feed> {
        let feed = Feed::json_lines("")
            .query("prefix", true)
            .query("watch", true)
            .position_query("since")
            .kind_at("/type")
            .document_at("/kv")
            .version_at("/kv/mod_revision")
            .position_at("/position");
        let list = feed
            .list_query("prefix", true)
            .items_at("/kvs")
            .list_position_at("/revision")
            .whole_items();
        Some(list.versions_count_up().signals_gaps())
    }

    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        if problem.truncated() {
            return None;
        }
        let current = Document::parse(problem.raw()).ok()?.pointer("/kv")?;
        // There is no clock here, and no date among the versions.
        match self
            .versioning()
            .of_read(headers, &current, std::time::UNIX_EPOCH)
        {
            FoundVersion::Version(version) => Some((current, version)),
            _ => None,
        }
    }
}
