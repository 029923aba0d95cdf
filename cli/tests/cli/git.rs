//! `ifmatch merge`: alone, and as a merge driver of a real git.

use std::fs;
use std::process::Command;

use super::kit::{Desk, Ran, program};

const BASE: &str = "{\n  \"name\": \"x\",\n  \"version\": 1,\n  \"deps\": {\"a\": \"1\"}\n}\n";

struct Repository(Desk);

impl Repository {
    async fn new() -> Option<Self> {
        let has_git = Command::new("git").arg("--version").output();
        if !has_git.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: there is no git");
            return None;
        }
        let repository = Self(Desk::new().await);
        repository.git(&["init", "--quiet", "--initial-branch", "main"]);
        let driver = format!("'{}' merge %O %A %B --path %P", program());
        repository.git(&["config", "merge.json.driver", &driver]);
        repository.0.write(".gitattributes", "*.json merge=json\n");
        repository.commit(BASE);
        Some(repository)
    }

    fn git(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.0.path(""));
        command
            .env("HOME", self.0.path(""))
            .env("GIT_CONFIG_NOSYSTEM", "1");
        for name in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{name}_NAME"), "A");
            command.env(format!("GIT_{name}_EMAIL"), "a@example.com");
        }
        let output = command.output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        (output.status.code().unwrap(), told)
    }

    fn commit(&self, text: &str) {
        self.0.write("package.json", text);
        self.git(&["add", "."]);
        let (code, told) = self.git(&["commit", "--quiet", "--message", "A change"]);
        assert_eq!(code, 0, "{told}");
    }

    /// Merges a branch with one change into another one with a change of its own.
    fn merge(&self, mine: &str, theirs: &str) -> (i32, String, String) {
        self.git(&["checkout", "--quiet", "-b", "theirs"]);
        self.commit(theirs);
        self.git(&["checkout", "--quiet", "main"]);
        self.commit(mine);
        let (code, told) = self.git(&["merge", "--no-edit", "theirs"]);
        let merged = fs::read_to_string(self.0.path("package.json")).unwrap();
        (code, told, merged)
    }
}

#[tokio::test]
async fn git_merges_neighbouring_lines_with_the_driver() {
    let Some(repository) = Repository::new().await else {
        return;
    };
    let mine = BASE.replace("1,", "2,");
    let theirs = BASE.replace("\"1\"}", "\"1\", \"b\": \"1\"}");
    let (code, told, merged) = repository.merge(&mine, &theirs);
    assert_eq!(code, 0, "{told}");
    let expected = BASE
        .replace("1,", "2,")
        .replace("\"1\"}", "\"1\", \"b\": \"1\"}");
    assert_eq!(merged, expected);
    let (_, status) = repository.git(&["status", "--porcelain", "--untracked-files=no"]);
    assert_eq!(status, "");
}

#[tokio::test]
async fn git_leaves_a_conflict_with_the_markers_of_the_driver() {
    let Some(repository) = Repository::new().await else {
        return;
    };
    let mine = BASE.replace("1,", "2,").replace("\"x\"", "\"y\"");
    let (code, told, merged) = repository.merge(&mine, &BASE.replace("1,", "3,"));
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("package.json: 1 place is open"), "{told}");
    let open = "<<<<<<< yours\n  \"version\": 2,\n||||||| base\n  \"version\": 1,\n=======\n  \"version\": \
                3,\n>>>>>>> theirs\n";
    let expected = format!("{{\n  \"name\": \"y\",\n{open}  \"deps\": {{\"a\": \"1\"}}\n}}\n");
    assert_eq!(merged, expected);
    let (_, status) = repository.git(&["status", "--porcelain", "--untracked-files=no"]);
    assert_eq!(status, "UU package.json\n");
}

#[tokio::test]
async fn git_stops_if_a_file_is_no_json_and_the_file_stays() {
    let Some(repository) = Repository::new().await else {
        return;
    };
    let mine = BASE.replace("1,", "2,");
    let (code, told, merged) = repository.merge(&mine, "{");
    assert!(code > 1, "{code}: {told}");
    assert_eq!(merged, mine);
}

async fn merge(sides: [&str; 3], options: &[&str]) -> (Desk, Ran) {
    let desk = Desk::new().await;
    let files = ["base", "local", "remote"].map(|name| desk.path(name).display().to_string());
    for (name, side) in ["base", "local", "remote"].iter().zip(sides) {
        desk.write(name, side);
    }
    let mut arguments = vec!["merge", &files[0], &files[1], &files[2]];
    arguments.extend(options);
    let ran = desk.run(&arguments).await;
    (desk, ran)
}

#[tokio::test]
async fn the_result_can_be_printed_or_written_elsewhere() {
    let sides = [r#"{"a":1,"b":1}"#, r#"{"a":2,"b":1}"#, r#"{"a":1,"b":2}"#];
    let merged = r#"{"a":2,"b":2}"#;
    let (desk, ran) = merge(sides, &["--stdout"]).await;
    assert_eq!((ran.code, &*ran.stdout), (0, merged), "{ran:?}");
    assert_eq!(fs::read_to_string(desk.path("local")).unwrap(), sides[1]);

    let output = desk.path("merged").display().to_string();
    let (_, ran) = merge(sides, &["-o", &output]).await;
    assert_eq!((ran.code, &*ran.stdout), (0, ""), "{ran:?}");
    assert_eq!(fs::read_to_string(output).unwrap(), merged);

    let (desk, ran) = merge(sides, &["--dry-run"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("+{\"a\":2,\"b\":2}"), "{ran:?}");
    assert_eq!(fs::read_to_string(desk.path("local")).unwrap(), sides[1]);
}

#[tokio::test]
async fn files_that_both_sides_added_are_merged_without_a_base() {
    let (desk, ran) = merge(["", r#"{"a":1,"b":1}"#, r#"{"a":1,"b":2}"#], &["--json"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let told = ran.json();
    assert_eq!(
        (&told["clean"], &told["conflicts"][0]["pointer"]),
        (&false.into(), &"/b".into())
    );
    let written = fs::read_to_string(desk.path("local")).unwrap();
    assert!(written.contains("<<<<<<< yours"), "{written}");
}

#[tokio::test]
async fn rules_apply_to_files_too() {
    let sides = [r#"{"a":["x"]}"#, r#"{"a":["x","y"]}"#, r#"{"a":["x","z"]}"#];
    let (_, ran) = merge(sides, &["--stdout", "--rule", "/a=set"]).await;
    assert_eq!(
        (ran.code, &*ran.stdout),
        (0, r#"{"a":["x","y","z"]}"#),
        "{ran:?}"
    );
}
