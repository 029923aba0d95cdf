//! Measures the journal, each comparison within one run:
//!
//! ```text
//! cargo run --release             # all of it, in the system's directory for temporary files
//! cargo run --release -- appends  # durable appends against bare commits of redb and SQLite
//! cargo run --release -- joined   # a thousand offline edits of ten resources
//! cargo run --release -- start    # opening a journal with 100 000 open writes
//! cargo run --release -- awaited  # awaited updates with and without a journal
//! ```

mod appends;
mod awaited;
mod joined;
mod server;
mod start;

use std::path::PathBuf;

/// A directory that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("ifmatch-bench-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::main]
async fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let [command, path] = &asked[..]
        && command == "open"
    {
        return start::open(path);
    }
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|it| it == name);
    if wants("appends") {
        appends::run().await;
    }
    if wants("joined") {
        joined::run().await;
    }
    if wants("awaited") {
        awaited::run().await;
    }
    if wants("start") {
        start::run().await;
    }
}
