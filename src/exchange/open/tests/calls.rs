//! Credentials, redirects, limits and times of a call.

use std::sync::atomic::Ordering;

use super::bench::{Bench, Head, STREAM, moved, refusal};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_stream_is_opened_with_the_headers_and_credentials_of_every_request() -> Result<(), Failed>
{
    let bench = Bench::new([STREAM])?;
    let mut stream = bench.stream().await?;
    assert_eq!(stream.next().await?.as_deref(), Some(&b"data: 1\n\n"[..]));
    let names = ["authorization", "x-key", "x-mine", "last-event-id"];
    assert_eq!(
        bench.requests(&names),
        ["http://api.test/feed?token=t key 0 default own 7"]
    );
    assert!(
        stream
            .origin
            .credentials
            .is_some_and(|whose| whose != CredentialsDigest::ANONYMOUS)
    );
    assert!(stream.origin.is_storable);
    assert_eq!(*bench.log.0.lock().map_err(|_| "poisoned")?, ["200 None 0"]);
    drop(stream);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_once_and_then_the_refusal_is_returned() -> Result<(), Failed> {
    let bench = Bench::new([refusal(401), STREAM])?;
    drop(bench.stream().await?);
    let bench = Bench::new([refusal(401), refusal(401), STREAM])?;
    assert_eq!(bench.refused().await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        bench.requests(&["authorization"]),
        [
            "http://api.test/feed?token=t key 0",
            "http://api.test/feed?token=t key 1"
        ]
    );
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_within_the_origin_and_no_further() -> Result<(), Failed> {
    let bench = Bench::new([moved(&[("location", "/other")]), STREAM])?;
    drop(bench.stream().await?);
    let requests = bench.requests(&["authorization"]);
    assert_eq!(requests[1], "http://api.test/other?token=t key 0");

    let bench = Bench::new([moved(&[("location", "http://far.test/feed")]), STREAM])?;
    let reply = bench.refused().await?;
    assert_eq!(reply.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(bench.requests(&[]).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_origin_that_is_allowed_gets_no_credentials() -> Result<(), Failed> {
    let far = moved(&[("location", "http://u:p@far.test/feed?ns=1")]);
    let on = moved(&[("location", "/on")]);
    let home = moved(&[("location", "http://api.test/private")]);
    let mut bench = Bench::new([far.clone(), on, STREAM, far, home, refusal(401)])?;
    bench
        .elsewhere
        .push(Url::parse("http://far.test")?.origin());
    let stream = bench.stream().await?;
    assert!(stream.origin.credentials == Some(CredentialsDigest::ANONYMOUS));
    // The other origin does not choose what is asked of the API with its credentials.
    assert_eq!(
        bench.refused().await?.status,
        StatusCode::TEMPORARY_REDIRECT
    );
    let names = ["authorization", "x-key", "x-mine", "last-event-id"];
    let (api, far) = ("http://api.test/feed?token=t", "http://far.test");
    let (kept, left_out) = ("key 0 default own 7", "- - - 7");
    assert_eq!(
        bench.requests(&names),
        [
            format!("{api} {kept}"),
            format!("{far}/feed?ns=1 {left_out}"),
            format!("{far}/on {left_out}"),
            format!("{api} {kept}"),
            format!("{far}/feed?ns=1 {left_out}"),
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_feed_on_another_origin_has_to_be_allowed_and_renews_no_credentials() -> Result<(), Failed>
{
    let mut bench = Bench::new([refusal(401)])?;
    bench.call.url = Url::parse("http://far.test/feed")?;
    assert_eq!(bench.lost().await?.fate, Fate::Impossible);
    assert_eq!(bench.requests(&[]).len(), 0);
    bench.elsewhere.push(bench.call.url.origin());
    assert_eq!(bench.refused().await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        bench.requests(&["authorization"]),
        ["http://far.test/feed -"]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_read_within_its_limits_and_the_connection_closed() -> Result<(), Failed> {
    let problem = Head {
        body: &["12", "34567"],
        ..refusal(410)
    };
    let endless = Head {
        body: &["1"],
        ends: false,
        ..refusal(503)
    };
    let bench = Bench::new([problem, endless])?;
    let reply = bench.refused().await?;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (410, &b"12345"[..])
    );
    let begun = Instant::now();
    let reply = bench.refused().await?;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (503, &b"1"[..]));
    assert_eq!(begun.elapsed(), bench.head_time);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_late_is_no_overload_and_no_round_trip() -> Result<(), Failed> {
    let never = Head {
        after: Duration::from_secs(3600),
        ..STREAM
    };
    let late = Head {
        after: 40 * SECOND,
        ..STREAM
    };
    let heads = std::iter::repeat_n(never, 100).chain([late]);
    let bench = Bench::new(heads)?;
    for _ in 0..100 {
        let begun = Instant::now();
        let error = bench.lost().await?;
        assert_eq!(
            (error.fate, begun.elapsed()),
            (Fate::Unknown, bench.head_time)
        );
    }
    drop(bench.stream().await?);
    assert_eq!(bench.exchange.server.round_trip(), None);
    assert!(bench.exchange.server.pass(Instant::now(), None).is_ok());
    let lines = bench.log.0.lock().map_err(|_| "poisoned")?;
    assert_eq!(lines[99..], ["0 Some(\"no_response\") 45", "200 None 40"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn servers_that_refuse_streams_because_of_overload_are_spared() -> Result<(), Failed> {
    let bench = Bench::new(std::iter::repeat_n(refusal(503), 100))?;
    let mut held = None;
    for _ in 0..100 {
        drop(bench.refused().await?);
        held = bench.exchange.server.pass(Instant::now(), None).err();
    }
    assert!(matches!(held, Some(BlockedBy::Overload(_))), "{held:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_takes_no_place_from_others() -> Result<(), Failed> {
    let mut bench = Bench::new(std::iter::repeat_n(STREAM, 20))?;
    let rate = Rate::new(1, SECOND);
    bench.exchange.server = ServerState::new(&RetryPolicy::default(), Some(rate));
    let (begun, mut streams) = (Instant::now(), Vec::new());
    for _ in 0..20 {
        streams.push(bench.stream().await?);
    }
    // Each opening took one place of the rate, and no more.
    assert_eq!(begun.elapsed(), 19 * SECOND);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_with_the_head() -> Result<(), Failed> {
    let slow = Head {
        after: 2 * SECOND,
        ..STREAM
    };
    let mut bench = Bench::new([slow.clone(), slow])?;
    bench.time = SECOND;
    let begun = Instant::now();
    assert_eq!(bench.lost().await?.fate, Fate::Unknown);
    assert_eq!(begun.elapsed(), SECOND);
    bench.time = 3 * SECOND;
    let mut stream = bench.stream().await?;
    assert!(stream.next().await?.is_some());
    let next = tokio::time::timeout(3600 * SECOND, stream.next()).await;
    assert!(next.is_err(), "{next:?}");
    Ok(())
}
