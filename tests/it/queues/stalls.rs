//! Callers that stop polling and runtimes that stand still do not hold up other callers.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::support::subscribed::subscribe;
use crate::support::{AT, Event, Server, foreign};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    BoxError, Client, Collection, Conflict, Error, Limits, MergeStrategy, Resolution, ThreeWay,
    async_trait,
};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, timeout};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_core::span::Current;

const TRIP: Duration = Duration::from_millis(5);
/// What it may cost others that somebody stands still.
const SOON: Duration = Duration::from_millis(300);
const TIME: Duration = Duration::from_secs(2);

/// A server that takes its time, and refuses documents that hold the word "bad".
struct Slow(Server);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        sleep(TRIP).await;
        if request.body.windows(3).any(|word| word == b"bad") {
            self.0.script([Event::Answer(422, &[], "")]);
        }
        self.0.send(request).await
    }
}

fn values(server: &Server) -> Collection<Value> {
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone()));
    let client = client.limits(Limits::default().time(TIME)).build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

fn push(mark: &str) -> impl Fn(&mut Value) + Send + 'static {
    let mark = mark.to_owned();
    move |value| {
        value["items"]
            .as_array_mut()
            .unwrap()
            .push(mark.as_str().into());
    }
}

fn items(server: &Server) -> Vec<String> {
    serde_json::from_value(server.value(AT)["items"].clone()).unwrap()
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// Polls a call so often, whenever it is woken.
async fn polled<F: Future>(mut future: Pin<&mut F>, times: usize) -> Option<F::Output> {
    let mut left = times;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Thinks, and adds the local side to the remote one.
struct Thinks;

#[async_trait]
impl MergeStrategy<Value> for Thinks {
    async fn resolve(&self, conflict: &Conflict<Value>) -> Result<Resolution<Value>, BoxError> {
        sleep(TRIP).await;
        let mut remote = conflict.remote.clone().ok_or("it is gone")?;
        remote["mine"] = true.into();
        Ok(Resolution::Merged(remote))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stops_being_polled_anywhere_holds_nobody_up_and_ends_when_it_is_polled() {
    let mut stops = 0;
    for times in 1..40 {
        let server = Server::with(AT, r#"{"items":[]}"#);
        let values = values(&server);
        let mut read = values.get(1).await.unwrap();
        read["mine"] = true.into();
        server.script([foreign(|theirs| theirs["theirs"] = true.into())]);
        let mut save = pin!(async { values.save(&read).strategy(Thinks).await });
        let ended = polled(save.as_mut(), times).await;
        let begun = Instant::now();
        let other = values.update(1, push("other")).await;
        other.unwrap_or_else(|error| panic!("{times}: {error:?}"));
        assert!(begun.elapsed() <= SOON, "{times}: {:?}", begun.elapsed());
        stops += usize::from(ended.is_none());
        let saved = match ended {
            Some(saved) => saved,
            None => save.await,
        };
        saved.unwrap_or_else(|error| panic!("{times}: {error:?}"));
        let expected = json!({"items": ["other"], "mine": true, "theirs": true});
        assert_eq!(server.value(AT), expected, "{times}");
    }
    assert!(stops > 3);
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

fn told(ended: &Result<(), Error>, mark: &str, server: &Server) -> bool {
    let times = items(server).iter().filter(|item| *item == mark).count();
    match ended {
        Ok(()) => times == 1,
        Err(error) if error.is_outcome_unknown() => times <= 1,
        Err(_) => times == 0,
    }
}

#[test]
fn calls_of_one_runtime_end_in_their_time_wherever_another_one_stands_still() {
    // In steps of half a trip, through everything that the first runtime does.
    let (mut unknown, mut together) = (0, 0);
    for steps in 0..40_u32 {
        let server = Server::with(AT, r#"{"items":[]}"#);
        let values = values(&server);
        let (still, live) = (runtime(), runtime());
        let call = |runtime: &Runtime, mark: &'static str| {
            let update = values.update(1, push(mark));
            runtime.spawn(async { update.await.map(|saved| saved.report().coalesced_with) })
        };
        still.block_on(async { values.get(1).await.unwrap() });
        let mut calls = vec![("a1", call(&still, "a1"))];
        still.block_on(tokio::task::yield_now());
        let first = call(&live, "b1");
        live.block_on(tokio::task::yield_now());
        for mark in ["a2", "a3"] {
            calls.push((mark, call(&still, mark)));
        }
        still.block_on(tokio::task::yield_now());
        let others = ["b2", "b3"].map(|mark| (mark, call(&live, mark)));
        live.block_on(tokio::task::yield_now());
        // Only the first one is driven, and then only the other one.
        still.block_on(async { sleep(TRIP / 2 * steps).await });
        let live_calls = [("b1", first)].into_iter().chain(others);
        let mut ends = Vec::new();
        live.block_on(async {
            let start = Instant::now();
            for (mark, call) in live_calls {
                let ended = call.await.unwrap();
                assert!(start.elapsed() <= TIME + SOON, "{steps}: {mark}");
                ends.push((mark, ended));
            }
            let start = Instant::now();
            values.update(1, push("new")).await.unwrap();
            assert!(start.elapsed() <= SOON, "{steps}: {:?}", start.elapsed());
        });
        still.block_on(async {
            for (mark, call) in calls {
                ends.push((mark, timeout(2 * TIME, call).await.unwrap().unwrap()));
            }
        });
        for (mark, ended) in ends {
            unknown += usize::from(ended.is_err());
            together += usize::from(matches!(ended, Ok(others) if others > 0));
            let ended = ended.map(|_| ());
            assert!(
                told(&ended, mark, &server),
                "{steps}: {mark}: {ended:?}, {:?}",
                items(&server)
            );
        }
    }
    // At most the edits that stood in a request of the runtime that stands still.
    assert!(unknown < 40 && together > 0, "{unknown}, {together}");
}

#[test]
fn threads_that_drive_their_runtimes_only_while_they_call_write_one_after_the_other() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    let runtimes = [runtime(), runtime(), runtime()];
    for round in 0..3 {
        for (number, runtime) in runtimes.iter().enumerate() {
            let mark = format!("{round}-{number}");
            runtime.block_on(async {
                let begun = Instant::now();
                // One more that is left in the middle.
                let mut left = Box::pin(values.update(1, push("left")));
                assert!(poll_once(left.as_mut()).await.is_pending());
                tokio::spawn(left);
                values.update(1, push(&mark)).await.unwrap();
                assert!(begun.elapsed() <= SOON);
            });
        }
    }
    let mut marks = items(&server);
    marks.retain(|mark| mark != "left");
    let expected = (0..9).map(|n| format!("{}-{}", n / 3, n % 3));
    assert_eq!(marks, expected.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn edits_that_are_refused_in_company_end_in_their_own_time_and_let_newcomers_through() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    values.get(1).await.unwrap();
    let edit = |mark: String| {
        let (update, begun) = (values.update(1, push(&mark)), Instant::now());
        tokio::spawn(async move { (update.await, begun.elapsed()) })
    };
    let first = edit("first".to_owned());
    tokio::time::sleep(TRIP / 2).await;
    // More than can be tried in their time.
    let bad: Vec<_> = (0..400).map(|n| edit(format!("bad-{n}"))).collect();
    assert!(first.await.unwrap().0.is_ok());
    for n in 0..20 {
        let (ended, took) = edit(format!("good-{n}")).await.unwrap();
        assert!(ended.is_ok(), "{ended:?}");
        assert!(took <= SOON, "{took:?}");
    }
    let (mut refused, mut unheard, mut unknown) = (0, 0, 0);
    for call in bad {
        let (ended, took) = call.await.unwrap();
        assert!(took <= TIME + SOON, "{took:?}");
        let error = ended.unwrap_err();
        refused += u32::from(error.is_refused());
        // Its time ended in the queue, or with a read that got no response.
        unheard += u32::from(error.is_exhausted() || error.is_transport());
        // Its request was out when its time ended.
        unknown += u32::from(error.is_outcome_unknown());
    }
    assert!(refused > 50 && unheard > 0 && unknown < 5);
    assert_eq!(refused + unheard + unknown, 400);
    assert_eq!(items(&server).len(), 21);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leads_others_may_go_away() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    values.get(1).await.unwrap();
    let first = tokio::spawn(values.update(1, push("first")));
    tokio::time::sleep(TRIP / 2).await;
    let leads = tokio::spawn(values.update(1, push("leads")));
    let goes_along = tokio::spawn(values.update(1, push("goes along")));
    first.await.unwrap().unwrap();
    sleep(TRIP / 2).await;
    leads.abort();
    let saved = goes_along.await.unwrap().unwrap();
    assert_eq!(saved.report().coalesced_with, 1);
    assert_eq!(
        server.value(AT)["items"],
        json!(["first", "leads", "goes along"])
    );
}

/// Numbers spans, and knows which one a thread is in.
#[derive(Default)]
struct Spans(Mutex<Vec<&'static Metadata<'static>>>);

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    /// The span around each span, by its number.
    static AROUND: RefCell<Vec<Option<u64>>> = const { RefCell::new(Vec::new()) };
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut spans = self.0.lock().unwrap();
        spans.push(span.metadata());
        AROUND.with_borrow_mut(|around| around.push(entered()));
        Id::from_u64(spans.len() as u64)
    }

    fn current_span(&self) -> Current {
        let spans = self.0.lock().unwrap();
        let metadata = |id: u64| spans.get(usize::try_from(id).unwrap() - 1).copied();
        match entered().and_then(|id| Some((id, metadata(id)?))) {
            Some((id, metadata)) => Current::new(Id::from_u64(id), metadata),
            None => Current::none(),
        }
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &tracing::Event<'_>) {}

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        let left = ENTERED.with_borrow_mut(Vec::pop);
        assert_eq!(left, Some(id.into_u64()));
    }
}

fn entered() -> Option<u64> {
    ENTERED.with_borrow(|entered| entered.last().copied())
}

/// The current span and all spans around it.
fn entered_within() -> Vec<u64> {
    let around = |id: &u64| AROUND.with_borrow(|around| around[usize::try_from(*id).unwrap() - 1]);
    std::iter::successors(entered(), around).collect()
}

/// A call in a span of its own, whichever task polls it.
struct InSpan<F>(tracing::Span, Pin<Box<F>>);

impl<F: Future> Future for InSpan<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let span = self.0.clone();
        span.in_scope(|| self.1.as_mut().poll(context))
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_several_edits_runs_in_the_span_of_its_caller() {
    let _subscribed = subscribe(Spans::default());
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    values.get(1).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let edit = || {
        let span = tracing::info_span!("a caller");
        let (own, seen) = (span.id().map(|id| id.into_u64()), seen.clone());
        let edit = move |value: &mut Value| {
            seen.lock().unwrap().push((own, entered_within()));
            push("one")(value);
        };
        tokio::spawn(InSpan(span, Box::pin(values.update(1, edit))))
    };
    let calls = [edit(), edit(), edit()];
    let mut together = 0;
    for call in calls {
        together = call.await.unwrap().unwrap().report().coalesced_with;
    }
    assert_eq!(together, 1);
    let seen = seen.lock().unwrap();
    assert!(seen.len() >= 3);
    for (own, inside) in &*seen {
        assert!(
            own.is_some_and(|own| inside.contains(&own)),
            "{own:?}, {inside:?}"
        );
    }
}
