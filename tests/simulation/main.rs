//! The simulation: one thread, one seed, virtual time.
//!
//! ```text
//!   panel ──► recorder ──► spool on a disk that forgets ──► sender ──► broker that forgets
//!                                                                          │
//!   oracle ◄── what was committed ◄── database ◄── changes ◄── judgement ◄─┘
//! ```
//!
//! Inside it runs the project's own code: the box's recorder, spool and sender, the centre's
//! admission, engine, changes and database. Around it everything that can go wrong does, as the
//! seed wants it. The oracle holds what was promised and what arrived. Each seed is a run; the
//! seeds that ever failed stand in `seeds` and run first.

#![expect(clippy::print_stderr, reason = "a failing seed is shown to whoever runs it")]

mod broker;
mod centre;
mod gateway;
mod oracle;
mod panel;
mod plan;
mod tally;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tally::Tally;
use world::{Failure, World};

/// Seeds that every test run plays.
const SEEDS: u64 = 200;

/// Seeds that are played at the same time.
const PLAYERS: usize = 2;

/// Failures that are shown of one run; the rest is counted.
const SHOWN: usize = 3;

/// What as many seeds as these must have seen: without it the run has proven nothing.
const ALWAYS_SEEN: &[&str] = &[
    "centre: conflicts",
    "centre: fires read",
    "centre: holes",
    "centre: marker, Forgotten",
    "centre: marker, Quota",
    "centre: marker, Refused",
    "centre: fires told by markers",
    "centre: restored from a backup",
    "centre: rows",
    "box: a batch refused for good",
    "box: power cut",
    "fault: CentreFreeze",
    "fault: CommitFails",
    "fault: Freeze",
    "fault: Broker",
    "fault: SeriesFails",
    "alarm: cleared",
    "alarm: raised",
    "site: prealarm",
    "site: supervisory",
];

/// The seeds that found something once.
const KEPT: &str = include_str!("seeds");

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn kept() -> impl Iterator<Item = u64> {
    let lines = KEPT.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok())
}

/// Plays seeds, and fails with the first that break a promise.
fn play(seeds: Vec<u64>, shows: bool) {
    let next = AtomicU64::new(0);
    let failures: Mutex<Vec<Failure>> = Mutex::new(Vec::new());
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..PLAYERS {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    match World::run(*seed, shows) {
                        Ok(played) => tally.lock().expect("a tally").add(&played.seen),
                        Err(failure) => failures.lock().expect("failures").push(*failure),
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("failures");
    failures.sort_by_key(|failure| failure.seed);
    for failure in failures.iter().take(SHOWN) {
        eprintln!("{failure}\n");
    }
    let told: Vec<String> =
        failures.iter().map(|failure| format!("{} ({})", failure.seed, failure.property)).collect();
    assert!(told.is_empty(), "{} of {} seeds failed: {}", told.len(), seeds.len(), told.join(", "));
    let tally = tally.into_inner().expect("a tally");
    eprintln!("{tally}");
    if SEEDS <= seeds.len() as u64 {
        let missing = tally.missing(ALWAYS_SEEN);
        assert!(missing.is_empty(), "no seed has seen: {}", missing.join(", "));
    }
}

#[test]
fn the_seeds_that_once_failed_hold() {
    play(kept().collect(), false);
}

#[test]
fn every_promise_holds_whatever_happens() {
    let from = number("FROM", 0);
    let count = number("SEEDS", SEEDS);
    play((from..from + count).collect(), number("SHOW", 0) != 0);
}

#[test]
fn a_seed_is_always_the_same_run() {
    for seed in [1, 4, 6] {
        let [first, second] = [(); 2].map(|()| World::run(seed, false).ok());
        assert_eq!(first, second, "seed {seed}");
    }
}
