#![expect(clippy::unwrap_used, reason = "a failed test may panic")]

use super::*;
use crate::protocol::Validator;

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
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(17), 10)]), [10, 50]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(8), 22)]), [10, 0]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(15), 20)]), [10, 3]);
}

/// Returns the waits of a write that races a writer which commits again after so many round trips.
fn against_a_hot_writer(counts: bool, races: usize, pause: f64) -> Vec<f64> {
    let (mut contention, mut elapsed) = (Contention::default(), Duration::ZERO);
    let mut waits = Vec::new();
    for _ in 0..races {
        let count = (elapsed + TRIP / 2).as_micros() / TRIP.mul_f64(pause).as_micros();
        let lost = LostRace {
            count: counts.then_some(7 + u64::try_from(count).unwrap()),
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

fn is_quick(wait: f64) -> bool {
    wait <= BURST_WINDOW
}

#[test]
fn where_no_wait_makes_the_resource_less_busy_the_window_shrinks_to_quick_tries() {
    let waits = against_a_hot_writer(true, 200, 1.0);
    let quick = waits.iter().position(|wait| is_quick(*wait)).unwrap();
    assert!(quick <= 4, "{waits:?}");
    let mut burst = waits[quick..].iter().take_while(|wait| is_quick(**wait));
    assert!(burst.by_ref().count() >= 40, "{waits:?}");
    let slow = waits.iter().filter(|wait| !is_quick(**wait)).count();
    assert!(slow <= 8, "{waits:?}");
}

#[test]
fn a_writer_farther_away_that_never_pauses_is_met_with_quick_tries_as_well() {
    for (pause, tries) in [(1.1, 20), (1.3, 8), (1.5, 6)] {
        let waits = against_a_hot_writer(true, 60, pause);
        let quick = waits.iter().position(|wait| is_quick(*wait)).unwrap();
        assert!(waits[..quick].iter().sum::<f64>() < 600.0, "{waits:?}");
        let burst = waits[quick..].iter().take_while(|wait| is_quick(**wait));
        assert!(burst.count() >= tries, "{pause}: {waits:?}");
    }
}

#[test]
fn as_soon_as_waiting_helps_the_window_is_as_wide_as_before_the_bursts() {
    let mut contention = Contention::default();
    let (mut lost, mut wait) = (lost(Some(7), 0), 0.0);
    let mut race = |contention: &mut Contention, commits: u64, over: u32| {
        lost.count = lost.count.map(|count| count + commits);
        lost.elapsed += TRIP * over;
        wait = contention.wait(lost, None, CAP, 1.0).div_duration_f64(TRIP);
        wait
    };
    race(&mut contention, 0, 0);
    race(&mut contention, 9, 10);
    let wide = race(&mut contention, 41, 50);
    assert!(is_quick(race(&mut contention, 164, 200)));
    while contention.quick > 0 {
        race(&mut contention, 1, 2);
    }
    let between = race(&mut contention, 1, 2);
    assert!((between - BETWEEN_BURSTS).abs() < 0.01, "{between}");
    // Half of the time is idle now, so the window becomes a little narrower at once.
    assert!(race(&mut contention, 30, 60) > wide / 2.0);
}

#[test]
fn where_versions_tell_nothing_quick_tries_come_after_many_waits_and_become_more() {
    let waits = against_a_hot_writer(false, 400, 1.0);
    let quick = waits.iter().position(|wait| is_quick(*wait)).unwrap();
    let before: f64 = waits[..quick].iter().map(|wait| wait + 2.0).sum();
    assert!(
        (QUIET_UNTOLD..2.0 * QUIET_UNTOLD).contains(&before),
        "{waits:?}"
    );
    let bursts: Vec<usize> = (waits.split(|wait| !is_quick(*wait)).map(<[f64]>::len))
        .filter(|tries| *tries > 0)
        .collect();
    // The last one is not complete.
    let complete = &bursts[..bursts.len() - 1];
    assert!(complete.len() > 2 && complete.is_sorted(), "{bursts:?}");
}

#[test]
fn where_versions_tell_nothing_quick_tries_come_in_time_for_the_deadline() {
    let mut contention = Contention::default();
    let (mut elapsed, time) = (Duration::ZERO, TRIP * 400);
    let mut tries = 0;
    while elapsed < time {
        let left = time.saturating_sub(elapsed);
        let lost = LostRace {
            elapsed,
            left,
            ..lost(None, 0)
        };
        elapsed += contention.wait(lost, None, CAP, 0.5) + TRIP * 2;
        tries += 1;
    }
    assert!(tries > 60, "{tries} tries");
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
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(3), 10)]), [10, 32]);
    assert_eq!(windows(&[lost(Some(7), 0), lost(Some(900), 10)]), [10, 32]);
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
    let mut old = lost(None, 1480);
    assert_eq!(windows(&[old]), [5]);
    old.left = Duration::ZERO;
    assert_eq!(windows(&[old]), [0]);
}

#[test]
fn no_wait_exceeds_the_cap_or_panics() {
    let mut contention = Contention::default();
    for round_trip in [Duration::ZERO, Duration::MAX, TRIP] {
        for count in [None, Some(0), Some(u64::MAX)] {
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
