//! `ifmatch watch`: changes as they come, until Ctrl-C.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::kit::{Desk, WAITS};

async fn press_ctrl_c(child: &Child) {
    let id = child.id().unwrap().to_string();
    let mut kill = tokio::process::Command::new("kill");
    assert!(kill.args(["-INT", &id]).status().await.unwrap().success());
}

/// Presses Ctrl-C, and returns the exit code.
async fn interrupt(child: &mut Child) -> i32 {
    press_ctrl_c(child).await;
    child.wait().await.unwrap().code().unwrap()
}

#[tokio::test]
async fn changes_are_told_as_they_come_until_the_user_ends_it() {
    let desk = Desk::new().await;
    desk.server
        .put("/goods/tea", r#"{"id": "tea", "price": 1}"#);
    let mut command = desk.command(&["watch", &desk.url("/goods"), "--json", "--every", "0.05"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = async || {
        let line = lines
            .next_line()
            .await
            .unwrap()
            .expect("the watch has ended");
        serde_json::from_str::<serde_json::Value>(&line).expect(&line)
    };
    let first = next().await;
    assert_eq!(
        (&first["change"], &first["id"]),
        (&"put".into(), &"tea".into())
    );
    assert_eq!(first["document"]["price"], 1);
    assert_eq!(next().await["change"], "caught_up");

    desk.server
        .put("/goods/tea", r#"{"id": "tea", "price": 2}"#);
    assert_eq!(next().await["document"]["price"], 2);
    desk.server.remove("/goods/tea");
    let gone = next().await;
    assert_eq!(
        (&gone["change"], &gone["id"]),
        (&"gone".into(), &"tea".into())
    );
    assert_eq!(interrupt(&mut child).await, 130);
}

#[tokio::test]
async fn ctrl_c_ends_a_call_that_waits_and_keeps_the_edit() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", "{\"a\": 1}");
    let slow = ifmatch::testing::Step::new().delay(std::time::Duration::from_secs(60));
    desk.server.next_write(slow);
    desk.editor(&[&Desk::change("s/1/2/")]);
    let mut child = desk
        .command(&["edit", &desk.url("/goods/tea")])
        .spawn()
        .unwrap();
    while desk.server.requests().put().count() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(interrupt(&mut child).await, 130);
    desk.kept_edit();
}

#[tokio::test]
async fn ctrl_c_in_the_editor_does_not_end_the_edit() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", "{\"a\": 1}");
    desk.editor(&[&format!("{WAITS}; {}", Desk::change("s/1/2/"))]);
    let url = desk.url("/goods/tea");
    let mut child = desk.command(&["edit", &url]).spawn().unwrap();
    desk.until("is-open").await;
    press_ctrl_c(&child).await;
    desk.write("go-on", "");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    assert_eq!(desk.server.text("/goods/tea").unwrap(), "{\"a\": 2}");
}

#[tokio::test]
async fn a_probe_that_is_interrupted_removes_its_resource() {
    let desk = Desk::new().await;
    desk.server.collection("/goods");
    let slow = ifmatch::testing::Step::new().delay(std::time::Duration::from_millis(300));
    desk.server.next_read(slow);
    let url = desk.url("/goods");
    let mut child = desk.command(&["probe", &url, "--yes"]).spawn().unwrap();
    while desk.server.requests().writes().count() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    press_ctrl_c(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    let recorded = desk.server.recorded();
    let path = &recorded.iter().find(|it| it.method == "PUT").unwrap().path;
    assert_eq!(desk.server.text(path), None);
}
