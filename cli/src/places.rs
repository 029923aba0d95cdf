//! Where files are kept.

use std::path::PathBuf;

use crate::exit::Failure;

/// Returns the folder of the queue: `$XDG_DATA_HOME/ifmatch/journal`, or the same in `~/.local/share`.
pub(crate) fn queue() -> Result<PathBuf, Failure> {
    let data = below("XDG_DATA_HOME", ".local/share");
    Ok(data.ok_or_else(|| homeless("queue"))?.join("journal"))
}

/// Returns the folder of what was read, on which edits are queued without a server: `$XDG_CACHE_HOME/ifmatch`, or
/// the same in `~/.cache`.
pub(crate) fn cache() -> Result<PathBuf, Failure> {
    below("XDG_CACHE_HOME", ".cache").ok_or_else(|| homeless("cache"))
}

fn homeless(what: &str) -> Failure {
    Failure::usage(format!("there is no place for the {what}: HOME is not set"))
        .advise("Set HOME, or XDG_DATA_HOME and XDG_CACHE_HOME.")
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
