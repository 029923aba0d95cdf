//! One resource from its creation to its deletion, with concurrent writers at every step.

use std::time::Instant;

use ifmatch::{ErrorKind, LocalWins};

use crate::Server;
use crate::document::Shape;

pub(crate) async fn tell<S: Shape>(server: &Server) {
    tell_but_of_what_is_gone::<S>(server).await;
    let requests = stale_save_of_what_is_gone::<S>(server).await;
    println!(
        "{}: story of what is gone: {requests} requests",
        server.name
    );
}

/// For servers that let a write to a removed resource make it anew.
pub(crate) async fn tell_but_of_what_is_gone<S: Shape>(server: &Server) {
    let begun = Instant::now();
    let requests = [
        creation::<S>(server).await,
        creation_race::<S>(server).await,
        stale_save::<S>(server).await,
        stale_removal::<S>(server).await,
    ];
    let (total, seconds) = (requests.iter().sum::<u32>(), begun.elapsed().as_secs_f64());
    println!(
        "{}: story: {total} requests of writes {requests:?}, {seconds:.2} s",
        server.name
    );
}

async fn creation<S: Shape>(server: &Server) -> u32 {
    let id = server.id("creation");
    let docs = server.docs::<S>();
    assert!(docs.get_opt(&id).await.unwrap().is_none());
    let made = docs.create(&id, &S::new("first")).await.unwrap();
    assert_eq!(made.report().requests, 1);
    let read = server.docs::<S>().get(&id).await.unwrap();
    assert_eq!(read.title, "first");
    // Somebody who does not know of the first creation.
    let error = server.docs::<S>().create(&id, &S::new("second")).await;
    let error = error.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    let sides = error.into_sides::<S>().unwrap();
    assert_eq!(sides.local.unwrap().title, "second");
    assert_eq!(sides.remote.unwrap().title, "first");
    assert_eq!(docs.get(&id).await.unwrap().title, "first");
    // What the creation left on file, or in the caller's hands, serves the next write.
    let mut made = made;
    made.note = "by its maker".to_owned();
    let saved = docs.save(&made).await.unwrap();
    assert_eq!(saved.note, "by its maker");
    1 + saved.report().requests
}

/// Eight create the same name at once: one is told that it did.
async fn creation_race<S: Shape>(server: &Server) -> u32 {
    let id = server.id("creation-race");
    let creations = (0..8).map(|writer| {
        let docs = server.docs::<S>();
        tokio::spawn(docs.create(&id, &S::new(&format!("writer {writer}"))))
    });
    let (mut winner, mut requests) = (None, 0);
    for (writer, creation) in creations.collect::<Vec<_>>().into_iter().enumerate() {
        match creation.await.unwrap() {
            Ok(made) => {
                requests += made.report().requests;
                assert_eq!(winner.replace(writer), None, "two creations succeeded");
            }
            Err(error) => {
                requests += error.report().requests;
                assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error:?}");
            }
        }
    }
    let winner = winner.expect("no creation succeeded");
    let stored = server.docs::<S>().get(&id).await.unwrap();
    assert_eq!(stored.title, format!("writer {winner}"));
    requests
}

/// Two edits of the same version: the second is merged into the first.
async fn stale_save<S: Shape>(server: &Server) -> u32 {
    let id = server.id("stale-save");
    let (ours, theirs) = (server.docs::<S>(), server.docs::<S>());
    ours.create(&id, &S::new("old")).await.unwrap();
    let (mut mine, mut other) = (ours.get(&id).await.unwrap(), theirs.get(&id).await.unwrap());
    other.title = "theirs".to_owned();
    other.shared += 2;
    theirs.save(&other).await.unwrap();
    mine.note = "mine".to_owned();
    mine.shared += 1;
    let saved = ours.save(&mine).await.unwrap();
    // Without a version to be refused for, it was merged before it was sent.
    let refused = mine.snapshot().validator().is_some();
    assert_eq!(saved.report().merged, u32::from(refused));
    for stored in [
        saved.clone().into_inner(),
        server.docs::<S>().get(&id).await.unwrap().into_inner(),
    ] {
        assert_eq!((&*stored.title, &*stored.note), ("theirs", "mine"));
        assert_eq!(stored.shared, 3);
    }
    // The same field, twice: nobody but a person can tell.
    let (mut mine, mut other) = (ours.get(&id).await.unwrap(), theirs.get(&id).await.unwrap());
    other.title = "their second".to_owned();
    theirs.save(&other).await.unwrap();
    mine.title = "my second".to_owned();
    let error = ours.save(&mine).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let sides = error.into_sides::<S>().unwrap();
    let mut remote = sides.remote.unwrap();
    assert_eq!(remote.title, "their second");
    remote.title = sides.local.unwrap().title.clone();
    let settled = ours.save(remote).await.unwrap();
    assert_eq!(settled.title, "my second");
    saved.report().requests + settled.report().requests
}

/// A removal of a version that is no more: refused, until somebody decides.
async fn stale_removal<S: Shape>(server: &Server) -> u32 {
    let id = server.id("stale-removal");
    let (ours, theirs) = (server.docs::<S>(), server.docs::<S>());
    let seen = ours.create(&id, &S::new("old")).await.unwrap();
    let edited = theirs.update(&id, |doc| doc.title = "edited".to_owned());
    edited.await.unwrap();
    let error = ours.delete(&seen).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(server.docs::<S>().get(&id).await.unwrap().title, "edited");
    let report = ours.delete(&seen).strategy(LocalWins).await.unwrap();
    assert!(server.docs::<S>().get_opt(&id).await.unwrap().is_none());
    error.report().requests + report.requests
}

/// An edit of what somebody removed: an error with the edit in it, or a new resource if so decided.
async fn stale_save_of_what_is_gone<S: Shape>(server: &Server) -> u32 {
    let id = server.id("gone");
    let (ours, theirs) = (server.docs::<S>(), server.docs::<S>());
    ours.create(&id, &S::new("old")).await.unwrap();
    let mut mine = ours.get(&id).await.unwrap();
    mine.note = "mine".to_owned();
    theirs.delete(&id).await.unwrap();
    let error = ours.save(&mine).await.unwrap_err();
    assert!(error.is_gone(), "{error:?}");
    let local = error.sides::<S>().and_then(|sides| sides.local.as_ref());
    assert_eq!(local.unwrap().note, "mine");
    let saved = ours.save(&mine).strategy(LocalWins).await.unwrap();
    assert_eq!(saved.note, "mine");
    let stored = server.docs::<S>().get(&id).await.unwrap();
    assert_eq!((&*stored.title, &*stored.note), ("old", "mine"));
    error.report().requests + saved.report().requests
}
