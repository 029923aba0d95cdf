//! Promise 1. No lost update: no write is sent without a precondition once a version is known, wherever the version
//! travels.

mod apis_at_work;
mod conditions;
mod contention;
mod other_versions;
mod redirects;
mod removals;
mod trailers;
mod unconditional;
mod versions_elsewhere;
mod versions_inside;

use crate::support::dialect::{Dialect, Speaker, with};
use ifmatch::{Profile, WriteMode};
use serde_json::{Value, json};

fn old() -> Value {
    json!({"title": "old", "views": 1})
}

/// Reads, clashes, merges and writes; writes again with what the reply told; removes.
///
/// The server itself refuses to see a write without a version.
pub(crate) async fn story(dialect: Dialect, profile: impl Profile, mode: WriteMode) -> Speaker {
    let name = dialect.name;
    let speaker = Speaker::of(dialect, Some(old()));
    let articles = speaker.values(profile).write_mode(mode);
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    speaker.foreign(with(&old(), "views", 2));
    let saved = articles.save(article).await.unwrap();
    assert_eq!(
        (saved.report().merged, saved.report().rounds),
        (1, 2),
        "{name}"
    );
    assert_eq!(
        speaker.document(),
        Some(json!({"title": "mine", "views": 2})),
        "{name}"
    );

    let saved = articles.update(1, |v| v["views"] = 3.into()).await.unwrap();
    assert_eq!(
        saved.report().requests,
        1,
        "{name}: the reply told the new version"
    );
    assert_eq!(speaker.document().unwrap()["views"], 3, "{name}");

    articles.delete(saved).await.unwrap();
    assert_eq!(speaker.document(), None, "{name}");
    speaker
}

/// A probe finds nothing wrong, and leaves nothing behind.
async fn probed(dialect: Dialect, profile: impl Profile) {
    let speaker = Speaker::of(dialect, None);
    let probe = speaker.client(profile).probe("articles");
    let probe = probe.document(|_, n| json!({"title": "a probe", "views": n}));
    let report = probe.await.unwrap();
    let name = dialect.name;
    assert!(report.enforces_preconditions(), "{name}: {report}");
    assert_eq!(report.failed().count(), 0, "{name}: {report}");
    assert_eq!((speaker.document(), report.left_behind), (None, None));
}

/// Creates where nothing is, and does not create where something is.
pub(crate) async fn creation(dialect: Dialect, profile: impl Profile + Clone) -> Speaker {
    probed(dialect, profile.clone()).await;
    let speaker = Speaker::of(dialect, None);
    let articles = speaker.values(profile);
    articles.create(1, &old()).await.unwrap();
    let error = articles
        .create(1, &json!({"title": "other"}))
        .await
        .unwrap_err();
    assert!(error.is_already_exists(), "{}: {error:?}", dialect.name);
    let there = error.into_sides::<Value>().unwrap().remote;
    assert_eq!(there.unwrap()["title"], "old", "{}", dialect.name);
    assert_eq!(speaker.document(), Some(old()), "{}", dialect.name);
    speaker
}
