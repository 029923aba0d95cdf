//! `ifmatch watch`: changes as they come, until Ctrl-C.

use std::process::Stdio;
use std::time::Duration;

use ifmatch::testing::{Reply, Step};
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
        .put("/goods/tea", "{\n  \"id\": \"tea\",\n  \"price\": 1\n}");
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
    let slow = Step::new().delay(Duration::from_secs(60));
    desk.server.next_write(slow);
    desk.editor(&[&Desk::change("s/1/2/")]);
    let mut child = desk
        .command(&["edit", &desk.url("/goods/tea")])
        .spawn()
        .unwrap();
    requests(&desk, 2).await;
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
    let slow = Step::new().delay(Duration::from_millis(300));
    desk.server.next_read(slow);
    let url = desk.url("/goods");
    let mut child = desk.command(&["probe", &url, "--yes"]).spawn().unwrap();
    requests(&desk, 2).await;
    press_ctrl_c(&child).await;
    assert_eq!(child.wait().await.unwrap().code(), Some(130));
    let recorded = desk.server.recorded();
    let path = &recorded.iter().find(|it| it.method == "PUT").unwrap().path;
    assert_eq!(desk.server.text(path), None);
}

/// Waits for this number of requests.
async fn requests(desk: &Desk, number: usize) {
    while desk.server.recorded().len() < number {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Scripts the next list of a Kinto.
fn kinto_lists(desk: &Desk, records: &serde_json::Value, version: &str) {
    let list = serde_json::json!({"data": records});
    let reply = Reply::new(200).json(&list).header("etag", version);
    desk.server.next_read(Step::new().answer(reply));
}

#[tokio::test]
async fn a_watch_goes_on_from_the_position_in_its_file() {
    let desk = Desk::new().await;
    let (url, file) = (desk.url("/goods"), desk.path("position"));
    let file = file.to_str().unwrap();
    let arguments = [
        "watch",
        &url,
        "--json",
        "--profile",
        "kinto",
        "--from",
        file,
    ];
    for (run, version, until) in [(1, 5, "caught_up"), (2, 6, "put")] {
        let records = serde_json::json!([{"id": "tea", "last_modified": version}]);
        let version = format!("\"{version}\"");
        kinto_lists(&desk, &records, &version);
        kinto_lists(&desk, &serde_json::json!([]), &version);
        let mut child = desk.command(&arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while !lines.next_line().await.unwrap().unwrap().contains(until) {}
        requests(&desk, 2 * run).await;
        assert_eq!(interrupt(&mut child).await, 130);
    }
    let recorded = desk.server.recorded();
    let asked: Vec<_> = recorded.iter().map(|it| it.query.as_deref()).collect();
    let since = |version: u8| format!("_sort=last_modified&_since={version}");
    let [first, second] = [5, 6].map(since);
    assert_eq!(asked, [None, Some(&*first), Some(&first), Some(&second)]);
}
