//! Many edits over connections that fail in every way, with a final account of every edit.
//!
//! Sixteen clients edit counters, sets, texts and titles at the same time. Each reaches the server through its own
//! proxy, which loses, cuts, delays, trickles and duplicates traffic as drawn from a seed. The server records the
//! changes of each applied write. In the end every edit is accounted for. An acknowledged edit is applied exactly
//! once, and a failed edit is never applied. Only an edit reported as unknown may be either.
//!
//! A short load runs with the tests. The long one:
//!
//! ```sh
//! FAULT_LOAD_EDITS=100000 cargo test --release --test fault_load -- --nocapture
//! ```
//!
//! A failure names its seed. `FAULT_LOAD_SEED` repeats the same faults for the same requests of each client. The
//! scheduler decides how the clients interleave, so a rare failure may need several runs.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod books;
mod clients;
mod dice;
mod faults;
mod proxy;
mod server;
mod wrong;

use books::Books;
use clients::{Load, Tampering};

fn from_environment(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

async fn balanced(load: Load) -> Books {
    let (seed, edits) = (load.seed, load.edits);
    let books = load.run().await;
    println!("seed {seed}, {edits} edits: {books}");
    books
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_edit_is_accounted_for_whatever_the_connections_do() {
    let load = Load {
        seed: from_environment("FAULT_LOAD_SEED", 1),
        edits: from_environment("FAULT_LOAD_EDITS", 3_000),
        tampering: Tampering::None,
    };
    let seed = load.seed;
    let books = balanced(load).await;
    let wrong = books.wrong();
    assert!(
        wrong.is_empty(),
        "FAULT_LOAD_SEED={seed}: {} entries are wrong, such as\n{}",
        wrong.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
    assert!(books.faults > 0 && books.acknowledged > 0);
}

/// The books find a client that writes without a condition: somebody's edit is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_drops_the_condition_is_found() {
    let load = Load {
        seed: 2,
        edits: 600,
        tampering: Tampering::DropsCondition,
    };
    let wrong = balanced(load).await.wrong();
    assert!(
        wrong.iter().any(|entry| entry.contains("was taken away")),
        "{wrong:?}"
    );
}

/// The books find a client that sends again without looking: its own edit is taken for another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_resends_blindly_is_found() {
    let load = Load {
        seed: 3,
        edits: 1_500,
        tampering: Tampering::ResendsBlindly,
    };
    let wrong = balanced(load).await.wrong();
    assert!(
        wrong
            .iter()
            .any(|entry| entry.ends_with("told as Acknowledged and applied 2 times")),
        "{wrong:?}"
    );
}

/// The books find two mistakes that no sum shows, because they cancel out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_that_are_right_in_sum_only_are_found() {
    let load = Load {
        seed: 4,
        edits: 600,
        tampering: Tampering::CancelsOut,
    };
    let wrong = balanced(load).await.wrong();
    for times in [0, 2] {
        let told = format!("told as Acknowledged and applied {times} times");
        assert!(
            wrong.iter().any(|entry| entry.ends_with(&told)),
            "{wrong:?}"
        );
    }
}

/// The books find a client that says that it cannot know, and did not look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_gives_up_without_a_look_is_found() {
    let load = Load {
        seed: 5,
        edits: 100,
        tampering: Tampering::NeverLooks,
    };
    let wrong = balanced(load).await.wrong();
    assert!(
        wrong
            .iter()
            .any(|entry| entry.ends_with("could have known")),
        "{wrong:?}"
    );
}
