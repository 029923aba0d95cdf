//! Where files are kept.

use std::path::PathBuf;

use crate::exit::Failure;

/// Returns the folder for the queue: `$XDG_DATA_HOME/ifmatch`, or `~/.local/share/ifmatch`.
pub(crate) fn data() -> Result<PathBuf, Failure> {
    below("XDG_DATA_HOME", ".local/share").ok_or_else(|| {
        Failure::usage("neither XDG_DATA_HOME nor HOME is set, so there is no place for the queue")
            .advise("Name a folder with --journal or IFMATCH_JOURNAL.")
    })
}

/// Returns the folder for edits that could not be sent: `$XDG_STATE_HOME/ifmatch`, or `~/.local/state/ifmatch`, or the
/// folder for temporary files.
pub(crate) fn edits() -> PathBuf {
    let state = below("XDG_STATE_HOME", ".local/state");
    state.map_or_else(std::env::temp_dir, |state| state.join("edits"))
}

fn below(variable: &str, in_home: &str) -> Option<PathBuf> {
    // A relative path in these variables has no meaning (XDG Base Directory Specification).
    let absolute = |name| std::env::var_os(name).map(PathBuf::from);
    let absolute = |name| absolute(name).filter(|path| path.is_absolute());
    let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(in_home)));
    Some(base?.join("ifmatch"))
}
