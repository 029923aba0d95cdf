//! A type that declares how it is merged, and a merge of three of its states.
//!
//! Run it with `cargo run --example derive_merge`.
#![expect(clippy::print_stdout, reason = "it is an example")]

use ifmatch::Merge;
use ifmatch::json::Document;
use ifmatch::merge::{BoxError, ThreeWay, transplant};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Merge)]
#[serde(rename_all = "camelCase")]
struct Article {
    title: String,
    #[merge(text)]
    body: String,
    #[merge(set)]
    tags: Vec<String>,
    #[merge(counter)]
    view_count: u64,
    #[merge(key = "id")]
    comments: Vec<Comment>,
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Comment {
    id: u32,
    text: String,
    #[merge(counter)]
    likes: u32,
}

fn main() -> Result<(), BoxError> {
    // The state that we read. It has a field that the type does not know.
    let base = Document::parse(
        br#"{"title": "Notes", "body": "one\ntwo\nthree\n", "tags": ["draft"], "viewCount": 10,
            "comments": [{"id": 1, "text": "first", "likes": 0, "avatar": "a.png"}], "rating": 4.50}"#,
    )?;

    // Our edit.
    let before: Article = base.decode()?;
    let mut article = before.clone();
    article.body = article.body.replace("one", "ONE");
    article.tags.push("mine".into());
    article.view_count += 1;
    article.comments[0].likes += 1;

    // Applies the change of the typed value to the document. Fields that the type does not know stay.
    let local = transplant(
        &base,
        &Document::encode(&before)?,
        &Document::encode(&article)?,
        &Article::policy(),
    );

    // Another client wrote in the meantime.
    let remote = Document::parse(
        br#"{"title": "Notes, revised", "body": "one\ntwo\nTHREE\n", "tags": ["draft", "theirs"], "viewCount": 17,
            "comments": [{"id": 1, "text": "first!", "likes": 5, "avatar": "b.png"}], "rating": 4.50}"#,
    )?;

    let merged = ThreeWay::of::<Article>().merge_documents(Some(&base), &local, &remote);
    for conflict in &merged.conflicts {
        println!("{conflict}");
    }
    println!("{}", merged.document);

    let merged: Article = merged.document.decode()?;
    assert_eq!(merged.view_count, 18);
    assert_eq!(merged.body, "ONE\ntwo\nTHREE\n");
    assert_eq!(merged.comments[0].likes, 6);
    Ok(())
}
