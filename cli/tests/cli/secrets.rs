//! Credentials come from the environment or from files, reach the server, and are never printed.

use ifmatch::testing::{Reply, Step};

use super::kit::{Desk, Ran};

const SECRET: &str = "s3cr3t-t0ken";

async fn tea() -> Desk {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", "{}");
    desk
}

#[tokio::test]
async fn a_token_is_taken_from_the_environment_or_from_a_file() {
    let desk = tea().await;
    let file = desk.write("token", &format!("{SECRET}\n"));
    let url = desk.url("/goods/tea");
    let mut by_variable = desk.command(&["get", &url]);
    by_variable.env("IFMATCH_TOKEN", SECRET);
    let mut by_file = desk.command(&["get", &url, "--token-file", file.to_str().unwrap()]);
    for command in [&mut by_variable, &mut by_file] {
        let ran = Ran::of(command).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    for request in desk.server.recorded() {
        assert_eq!(request.header("authorization"), format!("Bearer {SECRET}"));
    }
}

#[tokio::test]
async fn a_user_and_headers_are_taken_from_the_environment_or_from_files() {
    let desk = tea().await;
    let headers = desk.write("headers", "# of the tenant\nX-Tenant: north\n\nX-Key: k\n");
    let mut command = desk.command(&["get", &desk.url("/goods/tea")]);
    command.env("IFMATCH_BASIC", "Aladdin:open sesame");
    command.env("IFMATCH_HEADER_FILE", headers);
    let ran = Ran::of(&mut command).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let request = desk.server.requests().get().assert_one();
    let sent = ["authorization", "x-tenant", "x-key"].map(|name| request.header(name));
    assert_eq!(sent, ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "north", "k"]);
}

#[tokio::test]
async fn secrets_are_in_no_message() {
    let desk = tea().await;
    let url = desk.url("/goods/tea");
    for arguments in [
        vec!["get", &url, "--json"],
        vec!["edit", &url, "--dry-run"],
        vec!["get", &url, "--profile", "x"],
    ] {
        for (variable, value) in [
            ("IFMATCH_TOKEN", SECRET.to_owned()),
            ("IFMATCH_BASIC", format!("anna:{SECRET}")),
            ("IFMATCH_HEADERS", format!("X-Key: {SECRET}")),
        ] {
            desk.server.next_read(Step::new().answer(Reply::new(401)));
            let ran = Ran::of(desk.command(&arguments).env(variable, value)).await;
            let told = ran.stdout + &ran.stderr;
            assert!(!told.is_empty() && !told.contains(SECRET), "{told}");
        }
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_without_their_value() {
    let desk = tea().await;
    let url = desk.url("/goods/tea");
    for (variable, value) in [
        ("IFMATCH_BASIC", "s3cr3t"),
        ("IFMATCH_HEADERS", "s3cr3t"),
        ("IFMATCH_HEADERS", "X-Key: s3cr3t\u{7f}"),
        ("IFMATCH_TOKEN", "s3cr3t\u{7f}"),
    ] {
        let ran = Ran::of(desk.command(&["get", &url]).env(variable, value)).await;
        assert_eq!(ran.code, 2, "{ran:?}");
        assert!(!ran.stderr.contains("s3cr3t"), "{ran:?}");
    }
    desk.server.requests().get().assert_none();
}
