//! Directories and files that only their owner can read, and that are never reached through a symbolic link.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Creates a directory with mode 0700, unless it exists, and returns its absolute path. Only the last part of the path
/// must not be a symbolic link.
pub(super) fn private_dir(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    // A slash at the end would make the system follow a link. The components have none.
    let path: PathBuf = path.components().collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    // If something else is at the path, the check below names it.
    let created = builder.create(&path);
    match fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(missing) => Err(created.err().unwrap_or(missing)),
    }
}

/// Creates a file with mode 0600. It is an error if anything has this name.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Opens a regular file. Anything else under this name, also a symbolic link, is an error of the kind `InvalidInput`.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let named = fs::symlink_metadata(path)?;
    if !named.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    // A link that took the place of the file since then leads to another file.
    if !is_same(&named, &file.metadata()?) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(_: &Metadata, other: &Metadata) -> bool {
    other.is_file()
}

/// Makes creations, renames and removals in a directory durable.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    // Other systems cannot open a directory as a file.
    #[cfg(unix)]
    File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
