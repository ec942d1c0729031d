//! What is done to the parts of the town and to what lies between them.

use std::time::Duration;

use system_tests::{Deafness, Link};

use crate::town::GATEWAYS;

/// One blow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blow {
    /// `kill -9`, and a start afterwards.
    Kill(Target),
    /// Stopped, and let go on.
    Freeze(Target),
    /// Something is wrong between two parts for a while.
    Disturb(Between, Trouble),
}

/// A process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// One of the gateways.
    Gateway(usize),
    /// The centre.
    Ingest,
    /// The broker, which forgets everything.
    Broker,
}

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Between {
    /// A gateway and the broker.
    GatewayAndBroker(usize),
    /// The centre and the broker.
    IngestAndBroker,
    /// A gateway and its panel.
    GatewayAndSite(usize),
}

/// What a link does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// Every connection is closed once.
    Cut,
    /// The link is like this for a while; then it is sound and every connection is closed.
    Like(Link),
}

impl Blow {
    /// So many kills and other blows in any order, every kind as often as the next.
    pub(crate) fn shuffled(kills: usize, others: u64, random: &mut fastrand::Rng) -> Vec<Blow> {
        let mut blows: Vec<Blow> =
            (0..kills).map(|kill| Blow::Kill(target(kill, random))).collect();
        blows.extend((0..others as usize).map(|other| match other % 3 {
            0 => Blow::Freeze(target(other / 3, random)),
            _ => Blow::Disturb(between(other, random), trouble(other, random)),
        }));
        random.shuffle(&mut blows);
        blows
    }
}

fn target(number: usize, random: &mut fastrand::Rng) -> Target {
    match number % 3 {
        0 => Target::Gateway(random.usize(0..GATEWAYS)),
        1 => Target::Ingest,
        _ => Target::Broker,
    }
}

fn between(number: usize, random: &mut fastrand::Rng) -> Between {
    match number / 3 % 3 {
        0 => Between::GatewayAndBroker(random.usize(0..GATEWAYS)),
        1 => Between::IngestAndBroker,
        _ => Between::GatewayAndSite(random.usize(0..GATEWAYS)),
    }
}

fn trouble(number: usize, random: &mut fastrand::Rng) -> Trouble {
    match number / 2 % 7 {
        0 => Trouble::Cut,
        1 => Trouble::Like(Link::Delayed(Duration::from_millis(random.u64(50..1_500)))),
        2 => Trouble::Like(Link::Narrow { bytes_per_second: random.u32(500..8_000) }),
        3 => Trouble::Like(Link::Deaf(Deafness::Server)),
        4 => Trouble::Like(Link::Deaf(Deafness::Client)),
        5 => Trouble::Like(Link::Deaf(Deafness::Both)),
        _ => Trouble::Like(Link::Closed),
    }
}
