//! For any document and any edit, the type reads the intended value from the result, and the rest is unchanged.
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

/// Set `LENS_SEEDS=100000` to try more seeds.
fn seeds_or(usual: u64) -> u64 {
    let asked = std::env::var("LENS_SEEDS").ok();
    asked.and_then(|seeds| seeds.parse().ok()).unwrap_or(usual)
}

fn parsed(raw: &str) -> Document {
    Document::parse(raw.as_bytes()).unwrap()
}

/// Unknown members hold unique numbers, each written between these marks.
fn marks(text: &str) -> Vec<&str> {
    let begins = |at: usize| !text[..at].ends_with(|before: char| before.is_ascii_digit());
    text.match_indices("7000")
        .filter(|(at, _)| begins(*at))
        .map(|(at, _)| &text[at..at + 16])
        .collect()
}

fn holds_for<T: Editable>(lens: &Lens<T>) {
    for seed in 0..seeds_or(300) {
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

/// The lens determines an unknown type by trials.
#[test]
fn a_type_of_which_nothing_is_known_is_put_back_as_it_was_meant() {
    holds_for(&Lens::<Foreign>::new(std::sync::Arc::default()));
}

/// Edits the document like another client whose type knows more members: unknown members are changed, added and
/// removed.
fn edit_unknown(document: &Document, rng: &mut Rng) -> Document {
    let mut text = document.to_string();
    for mark in marks(document.as_str()) {
        if rng.bool() {
            text = text.replace(mark, &drawn::mark(rng));
        }
    }
    let document = parsed(&text);
    match rng.u8(..4) {
        0 => document.without("/unknown"),
        1 => document
            .with("/added", &parsed(&drawn::unknown(rng)))
            .unwrap(),
        _ => document,
    }
}

/// Returns the document with these lists in a normalized order.
fn in_any_order(document: &Document, lists: &[&str]) -> Document {
    lists.iter().fold(document.clone(), |document, list| {
        let mut elements = document.elements_at(list).unwrap();
        elements.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let elements: Vec<&str> = elements.iter().map(Document::as_str).collect();
        let sorted = parsed(&format!("[{}]", elements.join(",")));
        document.with(list, &sorted).unwrap()
    })
}

/// Merges the edits of two sides and puts the merged value into the remote document, as a strategy does. The
/// written document must equal the merged one in all members, known or unknown to the type.
fn merges_hold_for<T: Editable + Merge>(seeds: u64) {
    let (lens, three) = (Lens::<T>::of(), ThreeWay::of::<T>());
    let (mut clean, mut of_others) = (0, 0);
    for seed in 0..seeds {
        let mut rng = Rng::with_seed(seed);
        let base = parsed(&T::draw(&mut rng));
        let mut side = || {
            let mut value: T = base.decode().unwrap();
            let done = value.edit(&mut rng);
            (lens.put(&base, &value).unwrap(), value, done)
        };
        let ((local, mine, done), (mut remote, ..)) = (side(), side());
        let known = remote.clone();
        if rng.bool() {
            remote = edit_unknown(&remote, &mut rng);
        }
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
        of_others += u64::from(remote != known && local != base);
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
        assert!(
            in_any_order(&put, T::SORTED) == in_any_order(&merged.document, T::SORTED),
            "seed {seed}:\nbase {base}\nlocal {local}\nremote {remote}\nmerged {}\nput {put}",
            merged.document
        );
        // A member that is only written reaches the server in either way.
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
    assert!(clean > seeds / 2, "{clean} clean merges");
    assert!(
        of_others > seeds / 8,
        "{of_others} clean merges with changes that the type does not know"
    );
}

#[test]
fn what_was_merged_is_what_is_written() {
    merges_hold_for::<Everything>(seeds_or(400));
    merges_hold_for::<Open>(seeds_or(1_000));
}

/// The maximum nesting of a document.
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
