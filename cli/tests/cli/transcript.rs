//! The terminal session in `cli/README.md` is what the program prints. `IFMATCH_TRANSCRIPT=overwrite` rewrites it.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::kit::{Desk, Ran, program};

/// The session. Lines that begin with `$ ` are printed and run, and the others are run only.
const SESSION: &str = r#"
$ ifmatch get $API/articles/42
edits "s/Tea/Green tea/"
export foreign
foreign='s/"hot"/"hot", "new"/'
$ ifmatch edit $API/articles/42        # meanwhile, another client adds a tag
edits "s/Green tea/White tea/" '/^[<|=>]\{7\}/d; /"Green tea"/d; /"Black tea"/d'
foreign='s/Green tea/Black tea/; s/1.50/1.75/'
$ ifmatch edit $API/articles/42        # meanwhile, another client changes the title and the price
edits "s/1.75/1.80/"
foreign=
$ ifmatch edit $API/articles/42 --dry-run
edits "s/1.75/1.80/"
$ ifmatch edit $API/articles/42 --queue
$ ifmatch send
$ ifmatch get $API/articles/7; echo "exit code $?"
"#;

/// What the session needs. The editor prints what it is shown, and makes the next of the changes.
const PREPARED: &str = r#"
edits() { rm -f opened; printf '%s\n' "$@" > edits; }
run() { printf '$ %s\n' "$*"; eval "$*"; }
"#;

const EDITOR: &str = r#"#!/bin/sh
set -e
cd "$(dirname "$0")"
number=$(cat opened 2>/dev/null || echo 0)
echo $((number + 1)) > opened
if [ $number = 0 ] && [ -n "$foreign" ]; then
    VISUAL="./change '$foreign'" foreign= ifmatch edit "$API/articles/42" > foreign.log 2>&1
fi
if [ $number != 0 ]; then sed 's/^/    | /' "$1"; fi
./change "$(sed -n "$((number + 1))p" edits)" "$1"
"#;

#[tokio::test]
async fn the_session_in_the_readme_is_what_the_program_prints() {
    let desk = Desk::new().await;
    let article = r#"{"title":"Tea","price":1.50,"tags":["hot"]}"#;
    desk.server.put("/articles/42", article);
    desk.write("editor", EDITOR);
    let lines = SESSION.lines().map(|line| match line.strip_prefix("$ ") {
        Some(command) => format!("run '{command}'\n"),
        None => format!("{line}\n"),
    });
    let session = desk.write(
        "session",
        &(PREPARED.to_owned() + &lines.collect::<String>()),
    );
    let printed = printed(&desk, &session).await;
    let shown = normalised(&printed, &desk);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once("```console\n").unwrap();
    let (expected, after) = rest.split_once("```\n").unwrap();
    if std::env::var_os("IFMATCH_TRANSCRIPT").is_some_and(|it| it == "overwrite") {
        fs::write(readme, format!("{before}```console\n{shown}```\n{after}")).unwrap();
    } else {
        assert_eq!(shown, expected);
    }
}

/// Runs the session on a pseudo-terminal, or with pipes where there is no `script` of util-linux.
async fn printed(desk: &Desk, session: &Path) -> String {
    let version = Command::new("script").arg("--version").output().await;
    let has_terminal = version.is_ok_and(|it| it.stdout.windows(10).any(|it| it == b"util-linux"));
    let run = format!("sh '{}' 2>&1", session.display());
    let mut command = if has_terminal {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &run, "/dev/null"]);
        command
    } else {
        let mut command = Command::new("sh");
        command.args(["-c", &run]);
        command
    };
    let folder = Path::new(program()).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = [PathBuf::from(folder)]
        .into_iter()
        .chain(std::env::split_paths(&path));
    command
        .current_dir(desk.path(""))
        .env_clear()
        .env("PATH", std::env::join_paths(paths).unwrap())
        .env("HOME", desk.path(""))
        .env("TMPDIR", desk.path(""))
        .env("EDITOR", format!("sh {}", desk.path("editor").display()))
        .env("API", desk.server.uri())
        .env("NO_COLOR", "1")
        .stdin(std::process::Stdio::null());
    let ran = Ran::of(&mut command).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.stdout
}

/// Replaces what differs from run to run.
fn normalised(printed: &str, desk: &Desk) -> String {
    let printed = printed.replace("\r\n", "\n").replace("^D\u{8}\u{8}", "");
    let printed = printed.replace(&desk.server.uri(), "http://localhost:8000");
    let words = printed.split_inclusive([' ', '\n']).map(|word| {
        let id = word.trim_end_matches([' ', '\n', '.']);
        let is_id = id.len() == 36 && id.bytes().filter(|it| *it == b'-').count() == 4;
        let shown = "9f1c2b5e-7a30-4d6e-8b1f-0c2d4e6f8a9b";
        if is_id {
            word.replace(id, shown)
        } else {
            word.to_owned()
        }
    });
    words.collect()
}
