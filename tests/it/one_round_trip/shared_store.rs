//! Processes that share snapshots through Redis, and Redis servers that are down, hang or hold other values.

use std::time::{Duration, Instant};

use ifmatch::{
    BoxError, Collection, Document, Error, ErrorKind, HeaderMap, RedisStore, SnapshotKey,
    SnapshotStore, StoredSnapshot, ThreeWay,
};

use crate::support::redis_server::RedisServer;
use crate::support::{ARTICLE, AT, Article, Server};

fn articles(server: &Server, store: RedisStore) -> Collection<Article> {
    let builder = server.builder().bearer_token("hunter2").store(store);
    let client = builder.store_secret(b"a secret").build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

async fn requests(server: &Server, articles: &Collection<Article>) -> usize {
    let before = server.seen().len();
    articles.update(1, |it| it.views += 1).await.unwrap();
    server.seen().len() - before
}

fn key() -> SnapshotKey {
    let digest = "0123456789abcdef0123456789abcdef";
    let text = format!("v2-{digest}-{digest}-{digest}-http%3A%2F%2Fh%2F1");
    text.parse().unwrap()
}

/// The first 101 characters of the text, after the default prefix.
fn name() -> String {
    format!("ifmatch:{}", &key().to_text()[..101])
}

fn snapshot(text: &str) -> StoredSnapshot {
    let document = Document::parse(text.as_bytes()).unwrap();
    StoredSnapshot::new(document, None, HeaderMap::new())
}

#[tokio::test]
async fn each_client_finds_what_another_one_wrote_last() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let server = Server::with(AT, ARTICLE);
    let store = || RedisStore::open(redis.url()).unwrap();
    let (one, other) = (articles(&server, store()), articles(&server, store()));
    assert_eq!(requests(&server, &one).await, 2);
    for _ in 0..5 {
        assert_eq!(requests(&server, &other).await, 1);
        assert_eq!(requests(&server, &one).await, 1);
    }
    let keys = redis.keys();
    assert_eq!(keys.len(), 1);
    assert!(
        keys[0].starts_with("ifmatch:v2-") && keys[0].len() == 8 + 101,
        "{keys:?}"
    );
    let left = redis.ask(&format!("PTTL {}", keys[0])).unwrap();
    let left: u64 = left.trim().trim_start_matches(':').parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn a_redis_that_is_down_costs_a_read_and_no_call() {
    let Some(mut redis) = RedisServer::start() else {
        return;
    };
    let server = Server::with(AT, ARTICLE);
    let store = RedisStore::open(redis.url())
        .unwrap()
        .pause(Duration::from_millis(200));
    let articles = articles(&server, store);
    assert_eq!(requests(&server, &articles).await, 2);
    assert_eq!(requests(&server, &articles).await, 1);
    redis.kill();
    for _ in 0..20 {
        assert_eq!(requests(&server, &articles).await, 2);
    }
    redis.restart();
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert_eq!(
        requests(&server, &articles).await,
        2,
        "the new Redis is empty"
    );
    assert_eq!(requests(&server, &articles).await, 1);
}

#[tokio::test]
async fn a_redis_that_hangs_delays_one_call_in_each_pause() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let server = Server::with(AT, ARTICLE);
    let (timeout, pause) = (Duration::from_millis(500), Duration::from_secs(1));
    let store = RedisStore::open(redis.url()).unwrap();
    let articles = articles(&server, store.timeout(timeout).pause(pause));
    assert_eq!(requests(&server, &articles).await, 2);
    redis.hang();
    let mut delayed = 0;
    let began = Instant::now();
    while began.elapsed() < 4 * pause {
        let call = Instant::now();
        assert_eq!(requests(&server, &articles).await, 2);
        delayed += usize::from(call.elapsed() >= timeout);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!((1..=4).contains(&delayed), "{delayed} calls waited");
    redis.go_on();
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    // The server may have carried out a command of the outage, so the snapshot there may be outdated.
    assert!(requests(&server, &articles).await <= 3);
    assert_eq!(requests(&server, &articles).await, 1);
}

#[tokio::test]
async fn calls_at_the_same_time_wait_for_a_hanging_redis_only_once() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::open(redis.url()).unwrap();
    redis.hang();
    let began = Instant::now();
    let key = key();
    let all = (0..50).map(|_| store.get(&key));
    let answers = all.map(async |get| get.await.is_err());
    let mut late = 0;
    for answer in join(answers).await {
        late += usize::from(answer);
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(late, 50);
    let began = Instant::now();
    assert!(store.get(&key).await.unwrap().is_none(), "it is skipped");
    assert!(began.elapsed() < Duration::from_millis(200));
}

async fn join<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in pinned.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) {
            return std::task::Poll::Ready(());
        }
        std::task::Poll::Pending
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_made_again_without_a_pause() {
    let Some(redis) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::open(redis.url()).unwrap();
    store.put(&key(), snapshot("{\"a\":1}")).await.unwrap();
    redis.ask("CLIENT KILL TYPE normal").unwrap();
    assert!(store.get(&key()).await.unwrap().is_some());
}

#[tokio::test]
async fn values_that_are_foreign_damaged_or_of_another_key_are_a_miss() -> Result<(), BoxError> {
    let Some(redis) = RedisServer::start() else {
        return Ok(());
    };
    let store = RedisStore::open(redis.url())?;
    let name = name();
    for foreign in [
        format!("SET {name} hello"),
        format!("SET {name} \"\""),
        format!("SETRANGE {name} 2000000 x"),
        format!("HSET {name} a b"),
    ] {
        redis.ask(&format!("DEL {name}"));
        let answer = redis.ask(&foreign).unwrap();
        assert!(!answer.starts_with('-'), "{answer}");
        assert!(store.get(&key()).await?.is_none(), "{foreign}");
        // It is replaced, whatever its type.
        store.put(&key(), snapshot("{\"a\":1}")).await?;
        assert!(store.get(&key()).await?.is_some(), "{foreign}");
    }
    redis.ask(&format!("SETRANGE {name} 30 X"));
    assert!(store.get(&key()).await?.is_none(), "a damaged byte");
    store.put(&key(), snapshot("{\"a\":1}")).await?;
    let other: SnapshotKey = key().to_text().replacen('0', "f", 1).parse()?;
    redis.ask(&format!(
        "RENAME {name} ifmatch:{}",
        &other.to_text()[..101]
    ));
    assert!(
        store.get(&other).await?.is_none(),
        "the value of another key"
    );
    assert!(store.get(&key()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_snapshot_beyond_the_limit_is_not_stored_and_removes_the_old_one() -> Result<(), BoxError>
{
    let Some(redis) = RedisServer::start() else {
        return Ok(());
    };
    let store = RedisStore::open(redis.url())?
        .max_bytes(1_000)
        .prefix("app:");
    store.put(&key(), snapshot("{\"a\":1}")).await?;
    assert_eq!(redis.keys(), [name().replace("ifmatch:", "app:")]);
    let long = format!("{{\"a\":\"{}\"}}", "long ".repeat(200));
    store.put(&key(), snapshot(&long)).await?;
    assert!(redis.keys().is_empty());
    // Another program may allow more. What it stored is not read to its end.
    let larger = RedisStore::open(redis.url())?.prefix("app:");
    larger.put(&key(), snapshot(&long)).await?;
    assert!(larger.get(&key()).await?.is_some());
    assert!(store.get(&key()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn a_snapshot_goes_after_its_time() -> Result<(), BoxError> {
    let Some(redis) = RedisServer::start() else {
        return Ok(());
    };
    let open = || RedisStore::open(redis.url());
    let short = open()?.ttl(Duration::from_millis(500));
    short.put(&key(), snapshot("{\"a\":1}")).await?;
    assert!(short.get(&key()).await?.is_some());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(short.get(&key()).await?.is_none());
    for ttl in [Duration::ZERO, Duration::MAX] {
        open()?.ttl(ttl).put(&key(), snapshot("{\"a\":1}")).await?;
    }
    assert!(open()?.get(&key()).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_url_that_is_none_is_a_config_error_that_does_not_show_it() {
    for url in [
        "",
        "hunter2",
        "http://ann:hunter2@h",
        "redis://ann:hunter2@h:port",
    ] {
        let error: Error = RedisStore::open(url).unwrap_err().into();
        assert_eq!(error.kind(), ErrorKind::Config, "{url}");
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            shown = format!("{shown} {error} {error:?}");
            source = error.source();
        }
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let store = RedisStore::open("redis://ann:hunter2@127.0.0.1:1").unwrap();
    let error = store.get(&key()).await.unwrap_err();
    assert!(!format!("{store:?} {error} {error:?}").contains("hunter2"));
}
