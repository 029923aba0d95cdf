//! A probe of an endpoint for several writes finds what its name does not say, and leaves nothing behind.

use ifmatch::testing::{BatchBehaviour, Reply, ResourceServer, Step};
use ifmatch::{Batch, BatchCheck, BatchProbeReport, Client, ErrorKind, Generic, Verdict};

fn forms() -> [Batch; 3] {
    [
        Batch::change_set("$batch"),
        Batch::bundle(""),
        Batch::requests("batch"),
    ]
}

async fn open(batch: &Batch, behaviour: BatchBehaviour) -> (ResourceServer, Client) {
    let server = ResourceServer::start().await;
    server.batch(batch, behaviour);
    let builder = server.in_process();
    let client = builder.profile(Generic::new().batch(batch.clone()));
    let client = client.build().unwrap();
    (server, client)
}

async fn probed(batch: &Batch, behaviour: BatchBehaviour) -> BatchProbeReport {
    let (server, client) = open(batch, behaviour).await;
    let report = client.probe_batch("articles").await.unwrap();
    assert_eq!(report.left_behind, None);
    assert_eq!(report.stopped, None, "{report}");
    server.requests().delete().answered(204).assert_count(3);
    assert_eq!(report.requests as usize, server.requests().count());
    report
}

#[tokio::test(start_paused = true)]
async fn an_atomic_endpoint_is_fit() {
    for batch in forms() {
        let report = probed(&batch, BatchBehaviour::Atomic).await;
        assert!(report.is_atomic(), "{report}");
        // A bundle is refused as a whole.
        let names = batch != Batch::bundle("");
        let failed: Vec<_> = report.failed().map(|found| found.check).collect();
        let expected = if names {
            vec![]
        } else {
            vec![BatchCheck::NamesRefused]
        };
        assert_eq!(failed, expected, "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_applies_a_part_is_found_whatever_it_answers() {
    for batch in forms() {
        for behaviour in [BatchBehaviour::Plain, BatchBehaviour::Liar] {
            let report = probed(&batch, behaviour).await;
            assert!(!report.is_atomic(), "{report}");
            let failed = report.failed().map(|found| found.check);
            assert!(
                failed.into_iter().any(|check| check == BatchCheck::Atomic),
                "{report}"
            );
            assert!(report.to_string().contains("NOT FIT"), "{report}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_drops_preconditions_is_found() {
    for batch in forms() {
        let report = probed(&batch, BatchBehaviour::DropsConditions).await;
        let verdict = report.verdict(BatchCheck::KeepsPreconditions);
        assert_eq!(verdict, Verdict::Fails, "{report}");
        assert!(!report.is_atomic());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_judged_is_told_and_cleaned_up() {
    let (server, client) = open(&Batch::requests("batch"), BatchBehaviour::Atomic).await;
    // Three creations, and then the batch.
    server.nth_write(4, Step::new().answer(Reply::new(404)));
    let report = client.probe_batch("articles").await.unwrap();
    assert!(!report.is_atomic(), "{report}");
    assert_eq!(report.verdict(BatchCheck::Applies), Verdict::Fails);
    server.requests().delete().answered(204).assert_count(3);

    let (server, client) = open(&Batch::requests("batch"), BatchBehaviour::Atomic).await;
    server.nth_write(4, Step::new().lose_reply());
    let report = client.probe_batch("articles").await.unwrap();
    assert!(report.stopped.is_some(), "{report}");
    assert!(
        report.to_string().contains("could not be judged"),
        "{report}"
    );
    server.requests().delete().answered(204).assert_count(3);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_such_a_request_is_told() {
    let server = ResourceServer::start().await;
    let client = server.in_process().build().unwrap();
    let error = client.probe_batch("articles").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(server.requests().count(), 0);
}
