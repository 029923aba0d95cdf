//! Leases in Redis, on a real server.

use std::time::{Duration, Instant};

use ifmatch::{ErrorKind, Leases};

use crate::support::redis_server::RedisServer;

/// Redis measures it, so the clock cannot be paused.
const TTL: Duration = Duration::from_secs(1);

fn leases(redis: &RedisServer) -> Leases {
    Leases::redis(redis.url()).unwrap().ttl(TTL)
}

#[tokio::test]
async fn one_of_two_holders_gets_a_lease_and_the_next_one_has_a_greater_token() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let (one, other) = (leases(&redis), leases(&redis));
    let held = one.acquire("nightly").owner("worker-7").await.unwrap();
    assert_eq!(held.token(), 1);
    let refused = other.acquire("nightly").wait(TTL * 2).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.to_string().contains("worker-7"), "{refused}");
    assert!(!held.remaining().is_zero(), "it was renewed");
    let holder = other.look("nightly").await.unwrap().unwrap();
    assert_eq!(
        (holder.owner.as_deref(), holder.token),
        (Some("worker-7"), Some(1))
    );
    held.release().await.unwrap();
    assert_eq!(other.look("nightly").await.unwrap(), None);
    assert_eq!(other.acquire("nightly").await.unwrap().token(), 2);
    let left = redis.ask("PTTL ifmatch:token:{nightly}").unwrap();
    assert_eq!(left.trim(), ":-1", "the token never ends");
}

#[tokio::test]
async fn a_lease_of_an_ended_program_goes_to_the_next_one_after_its_time() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let one = leases(&redis);
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let held = runtime.block_on(async { one.acquire("nightly").await.unwrap() });
        // With the runtime, the task ends that renews it.
        drop(runtime);
        drop(held);
    });
    ended.join().unwrap();
    let next = leases(&redis).acquire("nightly").wait(TTL * 3);
    assert_eq!(next.await.unwrap().token(), 2);
}

#[tokio::test]
async fn a_server_that_hangs_loses_nothing_if_it_goes_on_in_time() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    // Scripts that were sent meanwhile are carried out, and some are sent again.
    redis.hang();
    let leases = leases(&redis).ttl(TTL * 8);
    let acquiring = leases.clone();
    let acquiring = tokio::spawn(async move { acquiring.acquire("nightly").await });
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    redis.go_on();
    let held = acquiring.await.unwrap().unwrap();
    assert_eq!(
        held.token(),
        1,
        "the next attempt has found its own session"
    );
    redis.hang();
    let releasing = tokio::spawn(held.release());
    tokio::time::sleep(Duration::from_millis(2_300)).await;
    redis.go_on();
    releasing.await.unwrap().unwrap();
    assert_eq!(leases.look("nightly").await.unwrap(), None);
}

#[tokio::test]
async fn a_lease_that_is_removed_or_stolen_is_lost() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let thief = r#"SET ifmatch:lease:{nightly} '{"session":"x","holder":"thief","token":"9"}'"#;
    for (command, is_named) in [("FLUSHALL", false), (thief, true)] {
        let held = leases(&redis).acquire("nightly").await.unwrap();
        redis.ask(command).unwrap();
        let lost = held.lost().await;
        assert_eq!(lost.to_string().contains("thief"), is_named, "{lost}");
    }
    let late = leases(&redis).acquire("other").await.unwrap();
    redis.ask("FLUSHALL").unwrap();
    let error = late.release().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LeaseLost);
}

#[tokio::test]
async fn a_long_name_of_a_holder_is_cut() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let long = "ä".repeat(10_000);
    let held = leases(&redis).acquire("nightly").owner(long).await.unwrap();
    let holder = leases(&redis).look("nightly").await.unwrap().unwrap();
    assert_eq!(holder.owner.unwrap(), format!("{}…", "ä".repeat(200)));
    held.release().await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_no_lease_is_an_error_and_stays() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    for command in [
        "SET ifmatch:lease:{nightly} text",
        "RPUSH ifmatch:lease:{nightly} text",
    ] {
        redis.ask("FLUSHALL").unwrap();
        redis.ask(command).unwrap();
        let acquire = leases(&redis).acquire("nightly").wait(TTL / 2);
        let error = acquire.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport, "{error}");
        assert!(leases(&redis).look("nightly").await.is_err());
        assert_eq!(redis.keys(), ["ifmatch:lease:{nightly}"]);
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_an_error_after_the_wait() {
    let Some(mut redis) = RedisServer::start() else {
        return;
    };
    let leases = leases(&redis);
    redis.kill();
    let since = Instant::now();
    let error = leases.acquire("nightly").wait(TTL).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(since.elapsed() >= TTL, "{:?}", since.elapsed());
    redis.restart();
    leases.acquire("nightly").await.unwrap();
}

#[tokio::test]
async fn the_url_of_leases_is_not_shown() {
    for url in ["", "hunter2", "redis://ann:hunter2@h:port"] {
        let error = Leases::redis(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let leases = Leases::redis("redis://ann:hunter2@127.0.0.1:1").unwrap();
    let error = leases.look("nightly").await.unwrap_err();
    assert!(!format!("{leases:?} {error} {error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_probe_finds_that_redis_excludes() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let report = leases(&redis).probe().await.unwrap();
    assert!(
        report.excludes() && report.failed().count() == 0,
        "{report}"
    );
    let locks = redis.keys();
    assert!(
        locks.iter().all(|key| key.starts_with("ifmatch:token:")),
        "{locks:?}"
    );
}
