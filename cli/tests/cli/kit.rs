//! Runs the program with editors that are scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use ifmatch::testing::ResourceServer;
use tokio::process::Command;

/// A folder of one test, a server, and the environment of the program.
pub(crate) struct Desk {
    folder: tempfile::TempDir,
    pub(crate) server: ResourceServer,
}

/// What a run of the program has left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Replaces the first argument, a file, by what `sed` makes of it.
const CHANGE: &str = "sed \"$1\" \"$2\" > \"$2.new\" && mv \"$2.new\" \"$2\"\n";

/// The command of an editor that says that it is open, and waits.
pub(crate) const WAITS: &str = "touch is-open; while [ ! -e go-on ]; do sleep 0.01; done";

impl Desk {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = ResourceServer::start().await;
        let desk = Self { folder, server };
        desk.script("change", CHANGE);
        desk
    }

    /// Returns a path in the folder of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn script(&self, name: &str, commands: &str) {
        let path = self.write(name, &format!("#!/bin/sh\nset -e\n{commands}"));
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// Returns the address of a path on the server.
    pub(crate) fn url(&self, path: &str) -> String {
        self.server.uri() + path
    }

    /// Makes an editor that runs one of these commands each time it is opened, with the file as `$1`. What it was
    /// shown is kept.
    pub(crate) fn editor(&self, opened: &[&str]) {
        let folder = self.folder.path().display();
        let mut commands = format!(
            "cd '{folder}'\nnumber=$(cat opened 2>/dev/null || echo 0)\necho $((number + 1)) > opened\n\
             cp \"$1\" shown.$number\ncase $number in\n"
        );
        let cases = opened.iter().enumerate();
        commands.extend(cases.map(|(number, command)| format!("{number}) {command} ;;\n")));
        commands += "*) echo 'opened too often' >&2; exit 9 ;;\nesac\n";
        fs::remove_file(self.path("opened")).ok();
        self.script("editor", &commands);
    }

    /// Returns what the editor was shown, counted from 0.
    pub(crate) fn shown(&self, number: usize) -> String {
        fs::read_to_string(self.path(&format!("shown.{number}"))).unwrap()
    }

    /// Returns how often the editor was opened.
    pub(crate) fn times_opened(&self) -> usize {
        let times = fs::read_to_string(self.path("opened")).unwrap_or_default();
        times.trim().parse().unwrap_or(0)
    }

    /// Returns the command for an editor that changes the file by an expression of `sed`.
    pub(crate) fn change(expression: &str) -> String {
        format!("./change '{expression}' \"$1\"")
    }

    /// Returns the command for a change by another client, which runs the program itself.
    pub(crate) fn foreign(&self, path: &str, expression: &str) -> String {
        let (program, url) = (program(), self.url(path));
        format!("VISUAL=\"./change '{expression}'\" '{program}' edit '{url}' > foreign.log 2>&1")
    }

    /// Returns the program with arguments, in an environment of its own.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("EDITOR", self.path("editor"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Waits until a file exists.
    pub(crate) async fn until(&self, file: &str) {
        while !self.path(file).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments)).await
    }

    /// Returns the files in a folder of the user, such as kept edits.
    pub(crate) fn files_in(&self, folder: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Returns the only kept edit.
    pub(crate) fn kept_edit(&self) -> PathBuf {
        let kept = self.files_in(".local/state/ifmatch/edits");
        let [only] = &kept[..] else {
            panic!("expected one kept edit: {kept:?}");
        };
        only.clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    pub(crate) async fn of(command: &mut Command) -> Self {
        command.output().await.unwrap().into()
    }

    /// Returns stdout as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect(&self.stdout)
    }

    /// Returns the error on stderr as JSON.
    pub(crate) fn error(&self) -> serde_json::Value {
        let told: serde_json::Value = serde_json::from_str(&self.stderr).expect(&self.stderr);
        told["error"].clone()
    }
}

pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_ifmatch")
}

/// Returns the permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
