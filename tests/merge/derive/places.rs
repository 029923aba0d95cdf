//! The places at which the rules of a type hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::net::Ipv6Addr;
use std::sync::Arc;

use super::{Article, Height, Stats, clean, conflicts};
use ifmatch::Merge;
use ifmatch::merge::ThreeWay;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[test]
fn a_derived_policy_knows_the_places_of_its_type() {
    use ifmatch::merge::{Policy, Rule};
    let said = |policy: Policy| policy.check().map_err(|e| e.to_string());
    assert_eq!(said(Article::policy().field("/title", Rule::Text)), Ok(()));
    assert_eq!(
        said(Article::policy().field("/comments/*/text", Rule::Text)),
        Ok(())
    );
    let nowhere = |pointer: &str, token: &str| {
        Err(format!("{pointer} leads nowhere: the type has no {token}"))
    };
    for (pointer, token) in [
        ("/titel", "titel"),
        ("/title/first", "first"),
        ("/comments/0/text", "0"),
        ("/comments/*/replies/*/txt", "txt"),
    ] {
        let policy = Article::policy().field(pointer, Rule::Text);
        assert_eq!(said(policy), nowhere(pointer, token));
        let policy = Policy::new()
            .nested_type::<Article>("/page")
            .field(format!("/page{pointer}"), Rule::Text);
        assert_eq!(said(policy), nowhere(&format!("/page{pointer}"), token));
    }
    assert_eq!(
        said(Article::policy().field("/body", Rule::Atomic)),
        Err("/body has two rules, text and atomic".into())
    );
}

#[test]
fn rules_of_a_flattened_map_hold_for_no_named_field() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Mixed {
        tower: Height,
        #[serde(flatten)]
        pages: BTreeMap<String, Stats>,
    }
    let of = |name: &str, n: u64| json!({"tower": {"views": 0}, name: {"views": n}});
    conflicts::<Mixed>(of("tower", 1), of("tower", 2), of("tower", 3));
    clean::<Mixed>(of("home", 1), of("home", 2), of("home", 3), of("home", 4));
}

#[test]
#[expect(clippy::linkedlist, reason = "it is a list that types have")]
fn rules_hold_inside_of_every_container() {
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(transparent)]
    struct Wrapped<U: Merge> {
        of: PhantomData<U>,
        stats: Stats,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Pages<K: Ord, V> {
        by: BTreeMap<K, V>,
    }
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct All {
        days: BTreeMap<u32, Stats>,
        hosts: HashMap<Ipv6Addr, Stats>,
        generic: Pages<u8, Vec<Stats>>,
        wrapped: Wrapped<u8>,
        halves: [Stats; 2],
        both: (Stats, Box<Stats>),
        linked: LinkedList<Stats>,
        queue: VecDeque<Stats>,
        shared: Arc<Stats>,
        copied: Cow<'static, [Stats]>,
    }
    let of = |n: u64| {
        let one = json!({"views": n, "name": "a", "more": 1});
        json!({"days": {"1": one}, "hosts": {"::1": one}, "generic": {"by": {"1": [one]}}, "wrapped": one,
            "halves": [one, one], "both": [one, one], "linked": [one], "queue": [one], "shared": one, "copied": [one]})
    };
    clean::<All>(of(10), of(11), of(12), of(13));
}

#[test]
fn an_array_of_bare_values_is_one_value() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Located {
        at: [f64; 2],
        pair: (String, Stats),
    }
    let of = |x: u64, y: u64| json!({"at": [x, y], "pair": ["a", {"views": 1}]});
    conflicts::<Located>(of(1, 1), of(2, 1), of(1, 2));
}

/// A type that was made `Merge` by hand keeps its rules inside of others.
#[test]
fn a_policy_written_by_hand_holds_inside_of_a_derived_type() {
    #[derive(Serialize, Deserialize)]
    struct ByHand;
    impl Merge for ByHand {
        fn policy() -> ifmatch::Policy {
            ifmatch::Policy::new()
                .field("/n", ifmatch::Rule::Counter)
                .nested_type::<Stats>("/stats")
        }
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Outer {
        by_hand: Option<ByHand>,
        #[serde(flatten)]
        flat: ByHand,
    }
    let of =
        |n: u64| json!({"by_hand": {"n": n, "stats": {"views": n}}, "n": n, "stats": {"views": n}});
    clean::<Outer>(of(1), of(2), of(2), of(3));
    let policy = Outer::policy().field("/by_hand/n", ifmatch::Rule::Max);
    let merged = ThreeWay::new(policy).merge_json(Some(&of(1)), &of(2), &of(2));
    assert_eq!(merged.value["by_hand"]["n"], 2);
}
