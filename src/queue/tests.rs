//! Tests of the queue alone: which waiter gets the permit, and what happens to waiters that were taken along.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::waiter::Waiter;
use super::{Batch, Permit, Queues, STALL_TIMEOUT, Stopped, Turn, UnderWay, Work};

/// Work whose jobs are letters and whose keys are numbers.
struct Letters;

impl Work for Letters {
    type Key = u32;
    type Job = char;
    type Answer = &'static str;
}

type Failed = Box<dyn std::error::Error>;
type Tested = Result<(), Failed>;

/// The time limit for everything that depends on others being stalled.
const SOON: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(30);

fn queues() -> Arc<Queues<Letters>> {
    Arc::new(Queues::new(10))
}

fn held(queues: &Arc<Queues<Letters>>) -> Result<Permit<Letters>, Failed> {
    Ok(queues.enter(&1).ok_or("it is free")?)
}

fn waits(queues: &Arc<Queues<Letters>>, letter: char) -> Result<Waiter<Letters>, Failed> {
    Ok(queues.wait(&1, Some(letter)).ok_or("there is room")?)
}

async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}

async fn permit(waiter: &mut Waiter<Letters>, within: Duration) -> Result<Permit<Letters>, Failed> {
    match waiter.turn(Instant::now() + within).await {
        Turn::Permit(permit) => Ok(permit),
        Turn::Answered(answer) => Err(answer.into()),
        Turn::OutOfTime => Err("out of time".into()),
        Turn::Lost => Err("lost".into()),
    }
}

/// Work that was sent and cannot be undone, and whether a waiter left it behind.
#[derive(Default)]
struct Out {
    is_under_way: AtomicBool,
    is_left: AtomicBool,
}

impl UnderWay for Out {
    fn is_under_way(&self) -> bool {
        self.is_under_way.load(Ordering::SeqCst)
    }

    fn left_behind(&self) {
        self.is_left.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_in_which_nothing_waits_does_not_exist() -> Tested {
    let queues = queues();
    for _ in 0..3 {
        let first = held(&queues)?;
        assert!(queues.enter(&1).is_none());
        assert!(queues.enter(&2).is_some());
        let mut second = waits(&queues, 'b')?;
        drop(waits(&queues, 'c')?);
        drop(first);
        let permit = permit(&mut second, LONG).await?;
        assert_eq!(queues.count(), 1);
        drop((second, permit));
        assert_eq!(queues.count(), 0);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_permit_goes_to_those_that_wait_in_their_order() -> Tested {
    let queues = queues();
    let first = held(&queues)?;
    let [mut b, mut c] = [waits(&queues, 'b')?, waits(&queues, 'c')?];
    let later = tokio::spawn(async move { permit(&mut c, LONG).await.is_ok() });
    tokio::task::yield_now().await;
    drop(first);
    tokio::task::yield_now().await;
    assert!(!later.is_finished());
    drop(permit(&mut b, LONG).await?);
    assert!(later.await?);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_no_more() -> Tested {
    let queues = Arc::new(Queues::<Letters>::new(1));
    let _first = held(&queues)?;
    let second = waits(&queues, 'b')?;
    assert!(queues.wait(&1, None).is_none());
    drop(second);
    assert!(queues.wait(&1, None).is_some());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_is_polled_keeps_the_permit_and_one_that_is_not_loses_it_soon() -> Tested {
    let queues = queues();
    let mut first = held(&queues)?;
    let watch = first.watch();
    let working = tokio::spawn(watch.run(async move {
        sleep(10 * SOON).await;
        drop(first);
    }));
    let begun = Instant::now();
    let second = permit(&mut waits(&queues, 'b')?, LONG).await?;
    assert!(begun.elapsed() >= 10 * SOON);
    assert!(matches!(working.await?, Ok(())));
    // The second permit's holder does not poll anything.
    let begun = Instant::now();
    first = permit(&mut waits(&queues, 'c')?, LONG).await?;
    assert!(begun.elapsed() <= SOON);
    // The second holder has lost the permit, so dropping it does not affect the next one.
    drop(second);
    assert!(queues.enter(&1).is_none());
    drop(first);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn those_that_do_not_come_are_passed_over() -> Tested {
    let queues = queues();
    let first = held(&queues)?;
    let mut asleep: Vec<_> = (0..5)
        .map(|_| waits(&queues, 'a'))
        .collect::<Result<_, _>>()?;
    let mut turns = Vec::new();
    for waiter in &mut asleep {
        let mut turn = Box::pin(waiter.turn(Instant::now() + LONG));
        assert!(is_pending(turn.as_mut()).await);
        turns.push(turn);
    }
    drop(first);
    let begun = Instant::now();
    let live = permit(&mut waits(&queues, 'b')?, LONG).await?;
    assert!(begun.elapsed() <= SOON);
    drop(live);
    // They wake up and get their turns.
    for turn in turns {
        assert!(matches!(timeout(SOON, turn).await?, Turn::Permit(_)));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_waiter_ends_in_its_time() -> Tested {
    let queues = queues();
    let first = held(&queues)?;
    let working = tokio::spawn(first.watch().run(sleep(LONG)));
    let begun = Instant::now();
    let mut second = waits(&queues, 'b')?;
    assert!(matches!(second.turn(begun + SOON).await, Turn::OutOfTime));
    assert_eq!(begun.elapsed(), SOON);
    working.abort();
    Ok(())
}

/// Returns a holder that has taken two waiters along, with all three waiters.
async fn three_together(
    queues: &Arc<Queues<Letters>>,
) -> Result<(Permit<Letters>, Batch<Letters>, [Waiter<Letters>; 3]), Failed> {
    let first = held(queues)?;
    let (mut a, b, c) = (
        waits(queues, 'a')?,
        waits(queues, 'b')?,
        waits(queues, 'c')?,
    );
    // The permit goes to the first waiter.
    drop(first);
    let leads = permit(&mut a, LONG).await?;
    let batch = a
        .take_along(10, |letter| *letter != 'x')
        .ok_or("none fits")?;
    assert!(batch.jobs().eq(&['a', 'b', 'c']));
    Ok((leads, batch, [a, b, c]))
}

#[tokio::test(start_paused = true)]
async fn those_that_were_taken_along_are_answered() -> Tested {
    let queues = queues();
    let (leads, batch, [mut a, mut b, c]) = three_together(&queues).await?;
    drop(c);
    for at in 0..batch.len() {
        batch.answer(at, "done");
    }
    drop((batch, leads));
    for waiter in [&mut a, &mut b] {
        assert!(matches!(
            waiter.turn(Instant::now() + LONG).await,
            Turn::Answered("done")
        ));
    }
    drop((a, b));
    assert_eq!(queues.count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn as_long_as_nothing_is_under_way_those_that_were_taken_along_go_on_by_themselves() -> Tested
{
    for dropped in [true, false] {
        let queues = queues();
        let (leads, batch, [_a, mut b, _c]) = three_together(&queues).await?;
        let mut working = Box::pin(leads.watch().run(std::future::pending::<()>()));
        assert!(is_pending(working.as_mut()).await);
        let kept = (!dropped).then_some((leads, batch));
        let begun = Instant::now();
        let second = permit(&mut b, LONG).await?;
        assert!(begun.elapsed() <= SOON);
        let batch = b.take_along(10, |_| true).ok_or("the others wait")?;
        assert!(batch.jobs().eq(&['a', 'b', 'c']));
        if kept.is_some() {
            // The batch was taken over, so the old work is stopped before it sends anything.
            assert!(matches!(working.await, Err(Stopped::Revoked)));
        }
        drop((kept, batch, second));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_waited_for_and_is_lost_in_the_waiters_own_time() -> Tested {
    let queues = queues();
    let (leads, batch, [_a, mut b, mut c]) = three_together(&queues).await?;
    let out = Arc::new(Out::default());
    out.is_under_way.store(true, Ordering::SeqCst);
    leads.reports(out.clone());
    let begun = Instant::now();
    let lost = b.turn(begun + LONG / 2);
    assert!(matches!(lost.await, Turn::Lost));
    assert!(begun.elapsed() <= LONG / 2 + STALL_TIMEOUT);
    assert!(out.is_left.load(Ordering::SeqCst));
    // Other waiters do not wait for it.
    let newcomer = permit(&mut waits(&queues, 'd')?, SOON).await;
    assert!(newcomer.is_ok());
    // The holder's task ends.
    drop((batch, leads));
    assert!(matches!(c.turn(begun + LONG).await, Turn::Lost));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_all_are_gone_is_stopped() -> Tested {
    let queues = queues();
    let (leads, batch, [a, b, c]) = three_together(&queues).await?;
    let mut working = pin!(leads.watch().run(std::future::pending::<()>()));
    assert!(is_pending(working.as_mut()).await);
    drop((a, b));
    assert!(is_pending(working.as_mut()).await);
    drop(c);
    assert!(matches!(working.await, Err(Stopped::Revoked)));
    drop((batch, leads));
    assert_eq!(queues.count(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn those_that_are_put_back_go_apart_and_take_turns_with_newcomers() -> Tested {
    let queues = queues();
    let (leads, batch, [mut a, mut b, mut c]) = three_together(&queues).await?;
    let [mut newcomer, mut other] = [waits(&queues, 'd')?, waits(&queues, 'e')?];
    batch.put_back(0..2);
    batch.put_back(2..3);
    drop((batch, leads));
    let first = permit(&mut a, LONG).await?;
    let batch = a.take_along(10, |_| true).ok_or("b goes along")?;
    assert!(batch.jobs().eq(&['a', 'b']));
    batch.answer(0, "a");
    batch.answer(1, "b");
    drop((batch, first));
    // The newcomers come in between, all together.
    let second = permit(&mut newcomer, LONG).await?;
    let batch = newcomer.take_along(10, |_| true).ok_or("e goes along")?;
    assert!(batch.jobs().eq(&['d', 'e']));
    drop((batch, second));
    let third = permit(&mut c, LONG).await?;
    assert!(c.take_along(10, |_| true).is_none());
    drop(third);
    for waiter in [&mut b, &mut other] {
        drop(waiter.turn(Instant::now() + LONG).await);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_fit_is_not_overtaken_and_a_batch_has_an_end() -> Tested {
    let queues = queues();
    let first = held(&queues)?;
    let letters: Vec<char> = "abcxd".chars().collect();
    let mut waiters = Vec::new();
    for letter in letters {
        waiters.push(waits(&queues, letter)?);
    }
    drop(first);
    let a = waiters.first_mut().ok_or("a")?;
    let leads = permit(a, LONG).await?;
    let batch = a.take_along(10, |letter| *letter != 'x').ok_or("b, c")?;
    assert!(batch.jobs().eq(&['a', 'b', 'c']));
    drop((batch, leads));
    let leads = permit(a, LONG).await?;
    let batch = a.take_along(2, |letter| *letter != 'x').ok_or("b")?;
    assert!(batch.jobs().eq(&['a', 'b']));
    drop((batch, leads));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_permit_is_released_while_its_holder_waits_for_the_user_and_comes_back_first() -> Tested {
    let queues = queues();
    let mut first = held(&queues)?;
    let (mut b, mut c) = (waits(&queues, 'b')?, waits(&queues, 'c')?);
    let until = Instant::now() + LONG;
    let inner = async {
        let permit = permit(&mut b, LONG).await;
        (permit, tokio::time::sleep(SOON).await)
    };
    let (second, ()) = first.release_while(until, inner).await;
    // The second holder loses the permit, because it does not poll anything.
    let mut third = pin!(permit(&mut c, LONG));
    assert!(is_pending(third.as_mut()).await);
    drop(second);
    assert!(is_pending(third.as_mut()).await);
    drop(first);
    assert!(third.await.is_ok());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_does_not_get_the_permit_back_in_time_goes_on_without_it() -> Tested {
    let queues = queues();
    let mut first = held(&queues)?;
    let (begun, mut working) = (Instant::now(), None);
    let inner = async {
        let other = permit(&mut waits(&queues, 'b')?, LONG).await?;
        working = Some(tokio::spawn(async move {
            let watch = other.watch();
            let worked = watch.run(sleep(LONG)).await;
            drop(other);
            worked.is_ok()
        }));
        sleep(SOON / 2).await;
        Ok::<_, Failed>(())
    };
    first.release_while(begun + SOON, inner).await?;
    assert_eq!(begun.elapsed(), SOON);
    drop(first);
    assert!(queues.enter(&1).is_none());
    assert!(working.ok_or("it was released")?.await?);
    assert!(queues.enter(&1).is_some());
    Ok(())
}
