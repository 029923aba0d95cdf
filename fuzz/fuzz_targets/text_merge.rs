//! Three texts merged line by line.
//!
//! Input: base, local and remote, separated by the byte 0x1E.
#![no_main]

use ifmatch::merge::{MarkerStyle, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(input) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut parts = input.split('\x1e');
    let mut next = || parts.next().unwrap_or_default();
    let (base, local, remote) = (next(), next(), next());

    assert_eq!(text(base, local, base).text, local);
    assert_eq!(text(base, base, remote).text, remote);
    assert_eq!(text(base, local, local).text, local);

    let (here, there) = (text(base, local, remote), text(base, remote, local));
    assert_eq!(here.conflicts.len(), there.conflicts.len());
    assert!(!here.conflicts.is_empty() || here.text == there.text);
    for conflict in &here.conflicts {
        assert!(base.contains(&conflict.base));
        assert!(local.contains(&conflict.local) && remote.contains(&conflict.remote));
        assert!(conflict.local != conflict.remote);
    }
    // Each line of the result was written by somebody.
    for line in here.text.split_inclusive('\n') {
        assert!([base, local, remote].iter().any(|side| side.contains(line)));
    }
    for style in [MarkerStyle::Merge, MarkerStyle::Diff3, MarkerStyle::Zdiff3] {
        let marked = here.with_markers(style, ["local", "base", "remote"]);
        if here.conflicts.is_empty() {
            assert_eq!(marked, here.text);
        } else {
            assert!(marked.contains("<<<<<<< local") && marked.contains(">>>>>>> remote"));
        }
    }
});
