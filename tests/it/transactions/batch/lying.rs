//! Endpoints that are not atomic: what they have done is found, and nothing is called undone that stands.

use ifmatch::testing::{BatchBehaviour, Step};
use ifmatch::{ErrorKind, StepReport, StepState};

use super::{ANNA, BEN, Bank, forms};

#[tokio::test(start_paused = true)]
async fn a_part_that_stands_beside_a_refused_one_is_told() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        bank.server.put(BEN, r#"{"balance":11}"#);
        let error = bank.transfer(20).commit().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::HalfDone,
            "{batch:?} {:?}",
            error.steps()
        );
        let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
        assert_eq!(states, [StepState::Stands, StepState::NotApplied]);
        assert!(error.to_string().contains("not atomic"), "{error}");
        assert_eq!(bank.balances(), (30, 11), "{batch:?}");
        // Nothing was taken back without being told.
        assert_eq!(bank.server.requests().put().count(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn parts_that_contradict_each_other_are_judged_by_what_is_stored() {
    // It answers as if it had applied a part, and has applied nothing.
    let bank = Bank::warm(&forms()[2], BatchBehaviour::Atomic).await;
    let body = serde_json::json!({"responses": [{"status": 204}, {"status": 412}]});
    let reply = ifmatch::testing::Reply::new(200).json(&body);
    bank.server.put(BEN, r#"{"balance":11}"#);
    bank.server.next_write(Step::new().answer(reply));
    bank.transfer(20).commit().await.unwrap();
    assert_eq!(bank.balances(), (30, 31));
}

#[tokio::test(start_paused = true)]
async fn a_hidden_part_that_stands_is_not_applied_twice() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Liar).await;
        bank.server.put(BEN, r#"{"balance":11}"#);
        let ended = bank.transfer(20).commit().await;
        let (anna, ben) = bank.balances();
        assert_eq!(anna, 30, "{batch:?} {ended:?}");
        match ended {
            Ok(_) => assert_eq!(ben, 31),
            Err(error) => {
                assert_eq!((error.kind(), ben), (ErrorKind::HalfDone, 11));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_find_different_endings_of_a_lost_response_disagree() {
    for batch in forms() {
        let bank = Bank::warm(&batch, BatchBehaviour::Plain).await;
        // The endpoint applies one of the two, and the response is lost.
        bank.server.lock(BEN);
        bank.server.next_write(Step::new().lose_reply());
        let error = bank.transfer(20).commit().await.unwrap_err();
        let states: Vec<_> = error.steps().iter().map(StepReport::state).collect();
        assert_eq!(
            states[0],
            StepState::Stands,
            "{batch:?} {:?}",
            error.steps()
        );
        assert_ne!(states[1], StepState::Stands);
        assert!(
            matches!(
                error.kind(),
                ErrorKind::HalfDone | ErrorKind::OutcomeUnknown
            ),
            "{error}"
        );
        assert!(error.to_string().contains("not atomic"), "{error}");
        assert_eq!(bank.balances(), (30, 10), "{batch:?}");
        assert!(bank.server.text(ANNA).is_some());
    }
}
