//! A process that does nothing but write a spool, until it is killed.
//!
//! `spool-writer FOLDER SEED` prints one line before or after each step, `LANE WHAT NAME`:
//!
//! ```text
//! routine found 00000000000000aa/17     the lane's last name when it was opened, `-` for none
//! urgent gives 00000000000000bb/1       before the lane is given this batch
//! urgent durable 00000000000000bb/1     after it said that everything up to here is durable
//! urgent receipts 00000000000000bb/1    before it is told that this is receipted
//! ```
#![expect(clippy::print_stdout, reason = "whoever kills it reads what it promised")]

use std::path::PathBuf;

use firegrid_gateway::recorder::Labels;
use firegrid_gateway::spool::{LaneSpool, Reading, Spool};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use system_tests::ledger;

/// More than this is not given to a lane before it is durable.
const PENDING: u64 = 40;

struct Writer {
    lane: Lane,
    spool: LaneSpool,
    last: Option<BatchName>,
    before_span: Option<BatchName>,
    span: SpanId,
    seq: u64,
    /// What was told durable and is not receipted by the writer yet.
    durable: Vec<BatchName>,
    given: std::collections::VecDeque<BatchName>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let seed = arguments.next().and_then(|seed| seed.parse().ok()).expect("a seed");
    let mut random = fastrand::Rng::with_seed(seed);
    let labels = Labels { gateway: ledger::gateway(), catalogue: ledger::catalogue() };
    let spool = Spool::open(&folder, &labels, &PerLane::from_fn(|_| ledger::QUOTA))
        .expect("the folder is free");
    let mut writers = PerLane {
        urgent: Writer::new(Lane::Urgent, &spool, &mut random),
        routine: Writer::new(Lane::Routine, &spool, &mut random),
    };
    loop {
        let lane = if random.bool() { Lane::Urgent } else { Lane::Routine };
        writers[lane].step(&mut random).await;
    }
}

impl Writer {
    fn new(lane: Lane, spool: &Spool, random: &mut fastrand::Rng) -> Writer {
        let last = spool.recovered[lane].last;
        println!("{lane} found {}", last.map_or("-".to_owned(), |last| last.to_string()));
        Writer {
            lane,
            spool: spool.lanes[lane].clone(),
            last,
            before_span: last,
            span: SpanId::from_bits(random.u64(..)),
            seq: 0,
            durable: Vec::new(),
            given: std::collections::VecDeque::new(),
        }
    }

    async fn step(&mut self, random: &mut fastrand::Rng) {
        match random.u8(0..10) {
            0..5 => (0..random.u8(1..20)).for_each(|_| self.give()),
            5..7 => self.look().await,
            7..9 => self.receipt(random),
            9 if random.u8(0..4) == 0 => {
                (self.span, self.seq) = (SpanId::from_bits(random.u64(..)), 0);
                self.before_span = self.last;
            }
            _ => {
                let read = self.spool.read(Reading::FromReceipt, random.usize(1..40_000));
                read.await.expect("the lane lives").expect("a sound disk");
            }
        }
        let pending = self.given.len() as u64;
        if PENDING < pending {
            self.look().await;
        }
    }

    fn give(&mut self) {
        self.seq += 1;
        let name = ledger::name(self.span, self.seq);
        println!("{} gives {name}", self.lane);
        self.spool.append(ledger::batch_of(self.lane, name, self.before_span));
        self.last = Some(name);
        self.given.push_back(name);
    }

    /// Waits until something more is durable, if anything is pending.
    async fn look(&mut self) {
        let Some(first) = self.given.front().copied() else { return };
        let mut standing = self.spool.standing();
        let given = &self.given;
        let durable = standing
            .wait_for(|standing| standing.durable.is_some_and(|durable| given.contains(&durable)));
        let durable = durable.await.expect("the lane lives").durable.unwrap_or(first);
        println!("{} durable {durable}", self.lane);
        while let Some(name) = self.given.pop_front() {
            self.durable.push(name);
            if name == durable {
                return;
            }
        }
    }

    fn receipt(&mut self, random: &mut fastrand::Rng) {
        if !self.durable.is_empty() {
            let place = random.usize(0..self.durable.len());
            let name = self.durable[place];
            println!("{} receipts {name}", self.lane);
            self.spool.receipt(name);
            self.durable.drain(..=place);
        }
    }
}
