//! For any document and any edit: what a type reads from the result is what was meant, and the rest stays.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

mod drawn;
mod edits;
mod types;

use fastrand::Rng;
use ifmatch_merge::lens::{From, Lens, Reading, Unfaithful};
use ifmatch_merge::merge::ThreeWay;
use ifmatch_merge::{Document, Merge};

use edits::Editable;
use types::{Everything, Foreign, Open};

/// `LENS_SEEDS=100000` tries more.
fn seeds() -> u64 {
    let asked = std::env::var("LENS_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(300)
}

fn parsed(raw: &str) -> Document {
    Document::parse(raw.as_bytes()).unwrap()
}

/// Unknown members hold numbers that occur once; each stands between these marks.
fn marks(text: &str) -> Vec<&str> {
    text.match_indices("7000")
        .map(|(at, _)| &text[at..at + 16])
        .collect()
}

fn holds_for<T: Editable>(lens: &Lens<T>) {
    for seed in 0..seeds() {
        let mut rng = Rng::with_seed(seed);
        let raw = parsed(&T::draw(&mut rng));
        let Ok(mut value) = raw.decode::<T>() else {
            panic!("seed {seed}: {raw} is none of the type");
        };
        let put = lens.put(&raw, &value).unwrap();
        assert!(put.same_text(&raw), "GetPut, seed {seed}:\n{raw}\n{put}");

        let done = value.edit(&mut rng);
        let put = match lens.put(&raw, &value) {
            Ok(put) => put,
            Err(error) => panic!(
                "seed {seed}: {error}\n{raw}\n{}",
                Document::encode(&value).unwrap()
            ),
        };
        let shown: T = put.decode().unwrap();
        assert!(
            shown == value.clone().when_read(),
            "PutGet, seed {seed}, {done:?}:\n{raw}\n{put}\n{}",
            Document::encode(&value).unwrap()
        );
        if !done.removes {
            let text = put.to_string();
            for mark in marks(raw.as_str()) {
                assert!(
                    text.contains(mark),
                    "{mark} is lost, seed {seed}, {done:?}:\n{raw}\n{put}"
                );
            }
        }
        for field in T::FIELDS
            .iter()
            .filter(|field| !done.touched.contains(*field))
        {
            let at = |document: &Document| document.pointer(field).map(|d| d.to_string());
            assert_eq!(
                at(&raw),
                at(&put),
                "{field}, seed {seed}, {done:?}:\n{raw}\n{put}"
            );
        }
    }
}

#[test]
fn a_type_with_every_attribute_of_serde_is_put_back_as_it_was_meant() {
    holds_for(&Lens::<Everything>::of());
}

#[test]
fn a_type_that_keeps_all_members_in_a_map_is_put_back_as_it_was_meant() {
    holds_for(&Lens::<Open>::of());
}

/// Nothing is said of it: the lens finds out by trials.
#[test]
fn a_type_of_which_nothing_is_known_is_put_back_as_it_was_meant() {
    holds_for(&Lens::<Foreign>::new(std::sync::Arc::default()));
}

/// Two sides edit; the merged value is put into the remote document, as a strategy's answer is.
fn merges_hold_for<T: Editable + Merge>() {
    let (lens, three) = (Lens::<T>::of(), ThreeWay::of::<T>());
    let mut clean = 0;
    for seed in 0..seeds() {
        let mut rng = Rng::with_seed(seed);
        let base = parsed(&T::draw(&mut rng));
        let mut side = || {
            let mut value: T = base.decode().unwrap();
            let done = value.edit(&mut rng);
            (lens.put(&base, &value).unwrap(), value, done)
        };
        let ((local, mine, done), (remote, ..)) = (side(), side());
        let merged = three.merge_documents(Some(&base), &local, &remote);
        let Some(value) = merged
            .conflicts
            .is_empty()
            .then(|| merged.document.decode::<T>().ok())
            .flatten()
        else {
            continue;
        };
        clean += 1;
        let reading = |raw: &Document| Reading::of(raw, &raw.decode::<T>().unwrap()).unwrap();
        let (target, source) = (reading(&remote), reading(&local));
        let from = From {
            reading: &source,
            began: Some(&base),
        };
        let after = Document::encode(&value).unwrap();
        let put: Result<Document, Unfaithful> = lens.put_reading(&target, &after, Some(from));
        let put =
            put.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{base}\n{local}\n{remote}"));
        let shown: T = put.decode().unwrap();
        assert!(
            shown == value.clone().when_read(),
            "seed {seed}:\nbase {base}\nlocal {local}\nremote {remote}\nmerged {}\nput {put}",
            merged.document
        );
        // What is only written reaches the server by either way.
        if let Some(secret) = mine.only_written() {
            assert!(
                put.to_string().contains(secret),
                "seed {seed}, {done:?}: {put}"
            );
            assert!(
                merged.document.to_string().contains(secret),
                "seed {seed}, {done:?}: {}",
                merged.document
            );
        }
    }
    assert!(clean > seeds() / 20, "{clean} clean merges");
}

#[test]
fn what_was_merged_is_what_is_written() {
    merges_hold_for::<Everything>();
    merges_hold_for::<Open>();
}

/// As deep as documents may be.
#[test]
fn a_deep_document_is_put_back() {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Merge)]
    #[merge(crate = "ifmatch_merge")]
    struct Reply {
        #[serde(alias = "body")]
        text: String,
        #[serde(default)]
        replies: Vec<Reply>,
    }
    const DEPTH: usize = 60;
    let mut text = r#"{"body": "innermost", "more": 1.10}"#.to_owned();
    for _ in 0..DEPTH {
        text = format!(r#"{{"body": "t", "more": 1.10, "replies": [{text}]}}"#);
    }
    let raw = parsed(&text);
    let mut value: Reply = raw.decode().unwrap();
    let mut innermost = &mut value;
    while !innermost.replies.is_empty() {
        innermost = &mut innermost.replies[0];
    }
    innermost.text = "changed".to_owned();
    let put = Lens::<Reply>::of().put(&raw, &value).unwrap();
    assert_eq!(put.as_str(), text.replace("innermost", "changed"));
}
