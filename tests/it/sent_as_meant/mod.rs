//! Promise 9: the document that is sent means the value that was passed in. A type is a view of its document. It
//! sorts, renames, hides and fills in members. Even so a change reaches its place, or nothing is sent.

mod lists;
mod names;
mod sets;
mod unfaithful;
mod unknown_members;

use ifmatch::testing::ResourceServer;
use ifmatch::{Collection, Error, LocalWins, Merge, ResourceData, Saved};

/// A document that is edited once.
struct Edited {
    told: Result<(), Error>,
    now: String,
}

async fn edited<T: ResourceData + Merge>(document: &str, edit: fn(&mut T)) -> Edited {
    edited_by(document, edit, |client| client.collection::<T>("a")).await
}

/// The same for a type of which nothing is said.
async fn edited_unknown<T: ResourceData>(document: &str, edit: fn(&mut T)) -> Edited {
    edited_by(document, edit, |client| {
        client.collection_with("a", LocalWins)
    })
    .await
}

async fn edited_by<T: ResourceData>(
    document: &str,
    edit: fn(&mut T),
    collection: impl FnOnce(&ifmatch::Client) -> Collection<T>,
) -> Edited {
    let server = ResourceServer::start().await;
    server.put("/a/1", document);
    let all = collection(&server.in_process().build().unwrap());
    let told = all.update(1, edit).await.map(|_: Saved<T>| ());
    let now = server.text("/a/1").unwrap();
    Edited { told, now }
}

impl Edited {
    #[track_caller]
    fn is(self, expected: &str) {
        assert!(self.told.is_ok(), "{}", self.told.unwrap_err());
        assert_eq!(self.now, expected);
    }
}
