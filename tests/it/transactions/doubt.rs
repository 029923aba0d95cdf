//! Lost responses: a step in doubt is settled before anything is taken back.

use std::time::Duration;

use ifmatch::{ErrorKind, Limits, StepState};

use super::{BEN, Bank};
use crate::support::Event;

fn refused() -> Event {
    Event::Answer(403, &[], "{}")
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_any_request_leaves_the_books_exact() {
    for nth in 0..8 {
        for lost in [0, 1, 2] {
            let bank = Bank::new();
            let transfer = bank.transfer(20);
            bank.server.script((0..nth).map(|_| Event::Plain));
            bank.server.script([match lost {
                0 => Event::LoseReply,
                1 => Event::LoseRequest,
                _ => Event::Answer(503, &[], "{}"),
            }]);
            let done = transfer.commit().await;
            assert!(done.is_ok(), "{nth} {lost} {done:?}");
            assert_eq!(bank.balances(), (30, 30), "{nth} {lost}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_while_it_is_taken_back_leaves_the_books_exact() {
    for nth in 0..4 {
        for is_lost in [true, false] {
            let bank = Bank::new();
            bank.accounts.get("anna").await.unwrap();
            bank.accounts.get("ben").await.unwrap();
            bank.server.script([Event::Plain, refused()]);
            bank.server.script((0..nth).map(|_| Event::Plain));
            bank.server.script([if is_lost {
                Event::LoseReply
            } else {
                Event::LoseRequest
            }]);
            let error = bank.transfer(20).commit().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Undone, "{nth} {:?}", error.steps());
            assert_eq!(bank.balances(), (50, 10), "{nth}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_request_arrives_late_is_fenced_before_the_others_are_taken_back() {
    let server = crate::support::Server::default();
    server.put(super::ANNA, r#"{"balance":50}"#);
    server.put(BEN, r#"{"balance":10}"#);
    let mut bank = Bank::of(&server);
    let limits = Limits::default().time(Duration::from_secs(2)).transient(0);
    let client = server.builder().limits(limits);
    bank.client = client.build().unwrap();
    bank.accounts = bank.client.collection("accounts").write_stamp("/writes");
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    // The request to Ben's account is delayed beyond the call. Then that account refuses every change but a touch.
    server.script([Event::Plain, Event::Delay, refused(), refused()]);
    let ended = bank.transfer(20).commit().await;
    let (anna, ben) = bank.balances();
    assert_eq!(anna + ben, 60, "{ended:?}");
    match ended {
        Ok(_) => assert_eq!((anna, ben), (30, 30)),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Undone, "{:?}", error.steps());
            assert_eq!((anna, ben), (50, 10));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_doubt_that_nothing_settles_is_told() {
    let bank = Bank::new();
    bank.accounts.get("anna").await.unwrap();
    bank.accounts.get("ben").await.unwrap();
    bank.server.script([Event::Plain, Event::LoseReply]);
    bank.server.script((0..10_000).map(|_| Event::NoConnection));
    let error = bank.transfer(20).commit().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::OutcomeUnknown,
        "{:?}",
        error.steps()
    );
    assert_eq!(error.steps()[1].state(), StepState::Unknown);
}
