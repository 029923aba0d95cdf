//! The tables of the guide are complete.

use crate::ProbeCheck;
use crate::value::ALL;

#[test]
fn the_page_about_errors_says_of_each_kind_what_to_do() {
    let page = include_str!("../../docs/guide/errors.md");
    for kind in ALL {
        let start = format!("| [`{kind:?}`](crate::ErrorKind::{kind:?}) |");
        let rows: Vec<&str> = page
            .lines()
            .filter(|line| line.starts_with(&start))
            .collect();
        assert_eq!(rows.len(), 1, "{kind:?} has {} rows", rows.len());
        let cells = rows.iter().flat_map(|row| row.trim_matches('|').split('|'));
        assert_eq!(
            cells.filter(|cell| !cell.trim().is_empty()).count(),
            5,
            "{kind:?}"
        );
    }
}

#[test]
fn the_page_for_servers_names_each_check_of_a_probe() {
    let page = include_str!("../../docs/guide/servers.md");
    for check in ProbeCheck::ALL {
        assert!(page.contains(&format!("`{check:?}`")), "{check:?}");
    }
}
