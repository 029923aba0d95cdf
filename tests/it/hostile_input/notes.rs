//! Each guard in `SECURITY.md` names tests that exist.

use std::path::Path;

/// The files and tests that the notes name: "`path.rs`: `test`, `test`; `path.rs`: …".
fn named(notes: &str) -> Vec<(&str, &str)> {
    let mut file = "";
    let mut named = Vec::new();
    let rows = notes.lines().filter(|line| line.starts_with("| "));
    for held_by in rows.filter_map(|row| row.split('|').nth(3)) {
        for word in held_by.split('`').skip(1).step_by(2) {
            if Path::new(word).extension().is_some_and(|it| it == "rs") {
                file = word;
            } else {
                named.push((file, word));
            }
        }
    }
    named
}

#[test]
fn every_test_that_the_notes_name_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = named(include_str!("../../../SECURITY.md"));
    assert!(named.len() > 40, "{named:?}");
    for (file, test) in named {
        let roots = ["src/", "tests/", "crates/"];
        let within = if roots.iter().any(|start| file.starts_with(start)) {
            root.join(file)
        } else {
            root.join("tests/it").join(file)
        };
        let source = std::fs::read_to_string(&within).unwrap_or_default();
        let found = source.contains(&format!("fn {test}()"));
        assert!(found, "{file} has no test {test}");
    }
}
