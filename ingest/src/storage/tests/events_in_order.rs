//! Two writers, one of them slow to commit: whoever follows the events by their ids skips none.
//!
//! A page asks for what lies behind the last id it has. An id that became visible only after a
//! greater one had been read would never be asked for again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::scratch::Second;
use super::*;

/// Transactions of each writer, and events in each.
const ROUNDS: i64 = 40;
const TOGETHER: i64 = 3;

fn event(writer: i64, round: i64) -> NewEvent {
    NewEvent { kind: "alarm", body: json!({ "writer": writer, "round": round }), at: at(round) }
}

/// Follows the events like a page, until both writers are done and nothing is left.
async fn follow(reader: &Reader, writers: &AtomicUsize) -> Vec<events::Event> {
    let mut seen: Vec<events::Event> = Vec::new();
    loop {
        let done = writers.load(Ordering::SeqCst) == 0;
        let last = seen.last().map_or(0, |event| event.id);
        let more = events::after(reader, last, 7).await.expect("events");
        if done && more.is_empty() {
            return seen;
        }
        seen.extend(more);
        tokio::task::yield_now().await;
    }
}

on_both_engines! {
    async fn a_later_event_is_not_visible_before_an_earlier_one_that_is_not_committed(scratch) {
        let (mut first, reader) = scratch.open().await;
        let mut second = Second::at(&scratch.place).await;
        let mut slow = first.begin().await.expect("begun");
        assert_eq!(events::put(&mut slow, &[event(1, 1)]).await.expect("written"), 1);
        let place = scratch.place.clone();
        let quick = tokio::spawn(async move {
            let mut quick = second.begin().await;
            let last = events::put(&mut quick, &[event(2, 1)]).await.expect("written");
            quick.commit().await.expect("committed");
            (last, place)
        });
        for _ in 0..50 {
            tokio::task::yield_now().await;
            let seen = events::after(&reader, 0, 10).await.expect("events");
            assert!(seen.is_empty(), "{seen:?}");
        }
        assert!(!quick.is_finished(), "the counter's row is locked until the first has committed");
        slow.commit().await.expect("committed");
        let (last, _) = quick.await.expect("the second writer");
        assert_eq!(last, 2);
        let seen = events::after(&reader, 0, 10).await.expect("events");
        let writers: Vec<i64> = seen.iter().filter_map(|e| e.body["writer"].as_i64()).collect();
        assert_eq!(writers, [1, 2]);
    }

    async fn a_page_that_follows_two_busy_writers_skips_no_event(scratch) {
        let (_writer, reader) = scratch.open().await;
        let writers = Arc::new(AtomicUsize::new(2));
        let mut tasks = Vec::new();
        for name in [1, 2] {
            let writers = writers.clone();
            let mut writer = Second::at(&scratch.place).await;
            tasks.push(tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let mut to = writer.begin().await;
                    // As in a real commit, something is written first and the events last.
                    rule_state::put(&mut to, &format!("{name}"), b"x").await.expect("written");
                    let told = vec![event(name, round); TOGETHER as usize];
                    events::put(&mut to, &told).await.expect("written");
                    for _ in 0..(round * 7 + name) % 20 {
                        tokio::task::yield_now().await;
                    }
                    if round % 5 != 4 {
                        to.commit().await.expect("committed");
                    }
                }
                writers.fetch_sub(1, Ordering::SeqCst);
            }));
        }
        let seen = follow(&reader, &writers).await;
        for task in tasks {
            task.await.expect("a writer");
        }
        let ids: Vec<u64> = seen.iter().map(|event| event.id).collect();
        let kept = (ROUNDS - ROUNDS / 5) * 2 * TOGETHER;
        assert_eq!(ids, (1..=kept as u64).collect::<Vec<_>>());
    }
}
