//! What is printed: documents, versions, completions, the manual.

use super::kit::{Desk, Ran};

const TEA: &str = r#"{"title":"Tea","price":1.50}"#;

#[tokio::test]
async fn a_document_is_printed_line_by_line_and_its_version_on_stderr() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    let url = desk.url("/goods/tea");
    let ran = desk.run(&["get", &url]).await;
    assert_eq!(
        ran.stdout,
        "{\n  \"title\": \"Tea\",\n  \"price\": 1.50\n}\n"
    );
    assert_eq!(ran.stderr, "version \"v1\"\n");
    let ran = desk.run(&["get", &url, "--raw"]).await;
    assert_eq!(ran.stdout, TEA);
}

#[tokio::test]
async fn programs_get_one_object_with_the_text_of_the_document() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    let url = desk.url("/goods/tea");
    let ran = desk.run(&["get", &url, "--json"]).await;
    let expected = format!(r#"{{"url":"{url}","version":"\"v1\"","document":{TEA}}}"#);
    assert_eq!(ran.stdout.trim_end(), expected);
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn an_address_reaches_the_server_as_it_was_given() {
    let desk = Desk::new().await;
    desk.server.put("/a;x=1/b%20c/d%2Fe", "{\"deep\": 1}");
    for path in ["/a;x=1/b%20c/d%2Fe", "/a;x=1/b%20c/d%2Fe?view=full&q=a%26b"] {
        let ran = desk.run(&["get", &desk.url(path)]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let recorded = desk.server.recorded();
    assert_eq!(recorded[1].query.as_deref(), Some("view=full&q=a%26b"));
    desk.run(&["get", &desk.url("/goods/tea/")]).await;
    let recorded = desk.server.recorded();
    assert_eq!(recorded[2].path, "/goods/tea/");
}

#[tokio::test]
async fn completions_and_the_manual_are_made_of_the_arguments() {
    let desk = Desk::new().await;
    for shell in ["bash", "zsh", "fish"] {
        let ran = desk.run(&["completions", shell]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.stdout.contains("conflicts"), "{shell}");
    }
    let ran = desk.run(&["man"]).await;
    assert!(ran.stdout.contains(".TH ifmatch 1"), "{}", ran.stdout);
    let ran = desk.run(&["man", "edit"]).await;
    assert!(ran.stdout.contains(".TH ifmatch-edit 1"), "{}", ran.stdout);
    assert!(ran.stdout.contains("queue"), "{}", ran.stdout);
}

#[tokio::test]
async fn the_exit_codes_in_the_readme_are_those_of_the_help() {
    let desk = Desk::new().await;
    let help = desk.run(&["--help"]).await.stdout;
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let rows = codes.lines().map(|line| {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        format!("| {code} | {meaning} |")
    });
    let readme = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    let rows: Vec<String> = rows.collect();
    assert_eq!(rows.len(), 20);
    assert!(readme.contains(&rows.join("\n")), "{rows:#?}");
}

#[tokio::test]
async fn nothing_is_coloured_that_is_not_for_a_terminal() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk
        .run(&["edit", &desk.url("/goods/tea"), "--dry-run"])
        .await;
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
}

#[tokio::test]
async fn a_probe_does_not_start_without_consent() {
    let desk = Desk::new().await;
    desk.server.collection("/goods");
    let url = desk.url("/goods");
    let ran = desk.run(&["probe", &url]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("creates a resource"), "{ran:?}");
    let ran = desk.run(&["probe", &url, "--dry-run"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(desk.server.recorded().is_empty());
}

#[tokio::test]
async fn a_probe_reports_what_it_found() {
    let desk = Desk::new().await;
    desk.server.collection("/goods");
    let url = desk.url("/goods");
    let ran: Ran = desk.run(&["probe", &url, "--yes", "--json"]).await;
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["enforces_preconditions"]),
        (0, &true.into()),
        "{ran:?}"
    );
    let findings = report["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|it| it["check"] == "StaleWrite" && it["verdict"] == "holds")
    );
}

#[tokio::test]
async fn an_api_without_versions_is_told_to_lose_updates() {
    let desk = Desk::new().await;
    desk.server.collection("/goods");
    let url = desk.url("/goods");
    // This profile expects versions in the documents, where this server has none.
    let ran = desk
        .run(&["probe", &url, "--yes", "--profile", "couchdb"])
        .await;
    assert_eq!(ran.code, 17, "{ran:?}");
    assert!(ran.stdout.contains("LOSES UPDATES"), "{ran:?}");
}
