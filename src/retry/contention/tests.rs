#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;

const TRIP: Duration = Duration::from_millis(20);
const CAP: Duration = Duration::from_secs(5);

fn lost(count: Option<u64>, trips: u32) -> LostRace {
    LostRace {
        count,
        elapsed: TRIP * trips,
        left: Duration::from_secs(30).saturating_sub(TRIP * trips),
        round_trip: TRIP,
    }
}

/// Returns the largest waits after these lost races, in round trips.
fn windows(races: &[LostRace]) -> Vec<u128> {
    let mut contention = Contention::default();
    let waits = races
        .iter()
        .map(|race| contention.wait(*race, None, CAP, 1.0));
    waits.map(|wait| wait.as_micros() / 20_000).collect()
}

#[test]
fn the_window_grows_where_others_commit_all_the_time_and_shrinks_where_they_do_not() {
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(17), 10)]), [12, 54]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(8), 22)]), [12, 0]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(15), 20)]), [12, 5]);
}

/// Returns the waits of a write that races a writer which commits in every round trip.
fn against_a_hot_writer(counts: bool, races: usize) -> Vec<f64> {
    let (mut contention, mut elapsed) = (Contention::default(), Duration::ZERO);
    let mut waits = Vec::new();
    for _ in 0..races {
        let count = u64::try_from((elapsed + TRIP / 2).as_micros() / TRIP.as_micros()).unwrap();
        let lost = LostRace {
            count: counts.then_some(7 + count),
            elapsed,
            left: Duration::from_secs(3600),
            round_trip: TRIP,
        };
        let wait = contention.wait(lost, None, Duration::from_secs(3600), 0.5);
        // A try takes two round trips.
        elapsed += wait + TRIP * 2;
        waits.push(wait.div_duration_f64(TRIP));
    }
    waits
}

#[test]
fn where_no_wait_makes_the_resource_less_busy_the_window_shrinks_to_quick_tries() {
    let waits = against_a_hot_writer(true, 200);
    let quick = waits.iter().position(|wait| *wait <= BURST_WINDOW).unwrap();
    assert!(quick <= 4, "{waits:?}");
    let burst = quick..quick + BURST as usize;
    assert!(
        waits[burst].iter().all(|wait| *wait <= BURST_WINDOW),
        "{waits:?}"
    );
    let slow = waits.iter().filter(|wait| **wait > BURST_WINDOW).count();
    assert!(slow <= 8, "{waits:?}");
    // If the others are a crowd after all, a wider wait shows it.
    let widest_before = waits[..quick].iter().copied().fold(0.0, f64::max);
    let after = waits[quick + BURST as usize];
    assert!(after > widest_before, "{waits:?}");
}

#[test]
fn where_versions_tell_nothing_quick_tries_come_after_many_waits() {
    let waits = against_a_hot_writer(false, 400);
    let quick = waits.iter().position(|wait| *wait <= BURST_WINDOW).unwrap();
    assert_eq!(quick, WAITS_UNTOLD as usize);
    let slow = waits.iter().filter(|wait| **wait > BURST_WINDOW).count();
    assert!(slow <= 16, "{waits:?}");
}

#[test]
fn a_crowd_that_thins_out_gets_no_burst() {
    let mut contention = Contention::default();
    let mut races = vec![lost(Some(7), 0)];
    // The busy part falls as the window grows.
    for (commits, over) in [(10, 10), (48, 50), (120, 150), (90, 150), (60, 150)] {
        let last = races[races.len() - 1];
        races.push(LostRace {
            count: last.count.map(|count| count + commits),
            elapsed: last.elapsed + TRIP * over,
            ..last
        });
    }
    let waits = races
        .iter()
        .map(|race| contention.wait(*race, None, CAP, 1.0));
    assert!(waits.min().unwrap() > TRIP * 4);
    assert_eq!(contention.bursts, 0);
}

#[test]
fn versions_that_count_nothing_widen_the_window_with_each_race() {
    assert_eq!(
        windows(&[lost(None, 0), lost(None, 10), lost(None, 30)]),
        [16, 32, 48]
    );
    // Versions that go backwards, or rise too fast for any writer.
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(3), 10)]), [12, 32]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(900), 10)]), [12, 32]);
}

#[test]
fn no_wait_exceeds_a_quarter_of_the_time_left_however_hot_or_crowded() {
    for step in [1, 3, 40] {
        let mut contention = Contention::default();
        for race in 0..300_u32 {
            let mut lost = lost(Some(u64::from(race * step)), race * step);
            lost.left = Duration::from_secs(30).saturating_sub(lost.elapsed);
            let wait = contention.wait(lost, None, CAP, 1.0);
            assert!(
                wait <= lost.left / 4 + Duration::from_nanos(1),
                "{step} {race}"
            );
            assert!(wait <= CAP);
        }
    }
}

#[test]
fn an_old_write_waits_a_shorter_time_than_a_young_one() {
    let mut races = [lost(None, 0), lost(None, 1480)];
    assert_eq!(windows(&races), [16, 5]);
    races[1].left = Duration::ZERO;
    assert_eq!(windows(&races), [16, 0]);
}

#[test]
fn no_wait_exceeds_the_cap_or_panics() {
    let mut contention = Contention::default();
    for round_trip in [Duration::ZERO, Duration::MAX, TRIP] {
        for count in [None, Some(0), Some(NO_COUNT)] {
            let lost = LostRace {
                count,
                elapsed: Duration::MAX,
                left: Duration::MAX,
                round_trip,
            };
            let wait = contention.wait(lost, Some(Duration::MAX), CAP, 1.0);
            assert!(wait <= CAP, "{wait:?}");
        }
    }
}

#[test]
fn numbers_are_read_from_counting_versions_only() {
    for (text, number) in [
        ("\"7\"", Some(7)),
        ("W/\"7\"", Some(7)),
        ("version:7", Some(7)),
        ("version:7-c0ffee", Some(7)),
        ("\"c0ffee\"", None),
        ("\"\"", None),
        ("\"-7\"", None),
        ("\"1700000000123\"", None),
        ("\"99999999999999999999999\"", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
    ] {
        let version = text.parse::<Validator>();
        let found = version.map(|version| count(&version));
        assert_eq!(found.ok(), Some(number), "{text}");
    }
}
