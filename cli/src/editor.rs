//! The editor of the user, on a private file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::exit::{Failure, LOCAL};

/// Lines for the user at the top of the file begin with this. They are removed afterwards.
const MESSAGE: &str = "// ifmatch: ";
/// No file that comes back may be longer, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// A file in a private folder, which is removed at the end.
pub(crate) struct EditedFile {
    /// An editor that replaces the file may make it readable for others, but not the folder.
    folder: tempfile::TempDir,
    path: PathBuf,
}

impl EditedFile {
    /// Creates the folder. The file is named for the user, and its end tells the editor what is in it.
    pub(crate) fn new(name: &str, suffix: &str) -> Result<Self, Failure> {
        let failed = |error: &io::Error| Failure::file(&std::env::temp_dir(), error);
        let folder = private(tempfile::Builder::new().prefix("ifmatch-")).tempdir();
        let folder = folder.map_err(|error| failed(&error))?;
        let name = name.strip_suffix(suffix).unwrap_or(name);
        let path = folder.path().join(format!("{name}{suffix}"));
        Ok(Self { folder, path })
    }

    /// Opens the editor on a text, below some lines for the user. Returns what the user made of it.
    pub(crate) async fn edit(&self, messages: &[String], text: &str) -> Result<String, Failure> {
        let failed = |error: io::Error| Failure::file(&self.path, &error);
        let lines = messages.iter().flat_map(|message| message.lines());
        let top: String = lines.flat_map(|line| [MESSAGE, line, "\n"]).collect();
        write_private(&self.path, &(top + text)).map_err(failed)?;
        let path = self.path.clone();
        // The runtime goes on, so that a Ctrl-C in the editor is not taken for a later one.
        let opened = tokio::task::spawn_blocking(move || open(&path)).await;
        opened.map_err(|error| Failure::new(LOCAL, "editor", error.to_string()))??;
        if fs::metadata(&self.path).map_err(failed)?.len() > LONGEST {
            let why = format!("the edited file is longer than {LONGEST} bytes");
            return Err(Failure::new(LOCAL, "edit", why));
        }
        let edited = fs::read_to_string(&self.path).map_err(failed)?;
        Ok(without_messages(&edited).to_owned())
    }

    /// Leaves the file where it is, because its content can be kept nowhere else.
    pub(crate) fn leave(self) -> PathBuf {
        let _ = self.folder.keep();
        self.path
    }
}

fn without_messages(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with(MESSAGE.trim_end()) {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

/// Runs the editor, which may be a command with options.
fn open(path: &Path) -> Result<(), Failure> {
    let named = |name| std::env::var(name).ok().filter(|it| !it.trim().is_empty());
    let editor = named("VISUAL").or_else(|| named("EDITOR"));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let failed = |why: String| {
        let failure = Failure::new(LOCAL, "editor", format!("the editor {editor:?} {why}"));
        failure.advise("Set VISUAL or EDITOR to the command of your editor.")
    };
    let mut command = if cfg!(windows) {
        let mut command = Command::new("cmd");
        command
            .arg("/C")
            .arg(format!("{editor} \"%IFMATCH_FILE%\""));
        command.env("IFMATCH_FILE", path);
        command
    } else {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{editor} \"$1\""));
        command.arg("sh").arg(path);
        command
    };
    let status = command.status();
    let status = status.map_err(|error| failed(format!("cannot be started: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("failed ({status})")))
    }
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Makes a temporary folder private, where the system knows permissions.
fn private<'b, 'p, 's>(
    builder: &'b mut tempfile::Builder<'p, 's>,
) -> &'b mut tempfile::Builder<'p, 's> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o700))
    }
    #[cfg(not(unix))]
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_messages_at_the_top_are_removed() {
        let text = "// ifmatch: one\n// ifmatch:\n{}\n// ifmatch: inside\n";
        assert_eq!(without_messages(text), "{}\n// ifmatch: inside\n");
        assert_eq!(without_messages("// ifmatch: alone"), "");
        assert_eq!(without_messages("// mine\n"), "// mine\n");
    }
}
