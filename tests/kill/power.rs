//! Power cuts in the middle of any call to a disk that tears, fills up and fails.

use firegrid_gateway::spool::{Entry, Lane as LaneQueue};
use firegrid_wire::span::{BatchName, Lane, SpanId};
use system_tests::disk::{Disk, Failing};
use system_tests::ledger::{self, Ledger};

use crate::{kills, seed};

/// So many cuts hit the same disk; then a new one is put in.
const CUTS_OF_A_DISK: usize = 50;

/// More than this does not wait in the lane before it is receipted, so that reading stays quick.
const OUTSTANDING: usize = 300;

/// The box with its disk, from one power cut to the next.
struct Life<'a> {
    disk: Disk,
    lane: LaneQueue<Disk>,
    ledger: &'a mut Ledger,
    random: &'a mut fastrand::Rng,
    span: SpanId,
    seq: u64,
    before_span: Option<BatchName>,
}

/// What a run has seen, printed at its end.
#[derive(Debug, Default)]
struct Seen {
    given: u64,
    flushes: u64,
    gone: usize,
    torn: usize,
    failures: usize,
}

#[test]
fn what_was_told_durable_survives_a_power_cut_in_any_call() {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut seen = Seen::default();
    let (mut disk, mut ledger) = (Disk::default(), Ledger::default());
    for cut in 0..kills() {
        if cut % CUTS_OF_A_DISK == 0 {
            seen.flushes += disk.flushes();
            (disk, ledger) = (Disk::default(), Ledger::default());
        }
        let lived = live_and_lose_power(disk.clone(), &mut ledger, &mut random, &mut seen);
        lived.unwrap_or_else(|wrong| panic!("power cut {cut}: {wrong}"));
        disk = disk.power_cut(&mut random);
    }
    seen.flushes += disk.flushes();
    println!("{} power cuts: {seen:?}", kills());
    assert!(seen.gone > 0 && seen.torn > 0 && seen.failures > 0, "too little: {seen:?}");
}

fn live_and_lose_power(
    disk: Disk,
    ledger: &mut Ledger,
    random: &mut fastrand::Rng,
    seen: &mut Seen,
) -> Result<(), String> {
    let fails = random.u8(0..6) == 0;
    let dies_early = random.u8(0..6) == 0;
    disk.capacity(None);
    disk.fail(Failing { sync: fails, ..Failing::default() });
    if dies_early {
        disk.cut_after(random.u64(0..4));
    }
    let opened = LaneQueue::open(disk.clone(), ledger::labels(Lane::Urgent), ledger::QUOTA);
    let lane = opened.map_err(|error| format!("it always starts, but {error}"))?;
    let recovered = lane.recovered();
    let span = SpanId::from_bits(random.u64(..));
    let before_span = recovered.last;
    let mut life = Life { disk, lane, ledger, random, span, seq: 0, before_span };
    life.commit();
    if dies_early {
        return Ok(());
    }
    life.disk.fail(Failing::default());
    if !life.commit() || life.durable() != recovered.last {
        return Err(format!("{:?} is durable, not {:?}", life.durable(), recovered.last));
    }
    let entries = life.entries()?;
    seen.torn += entries.iter().filter(|entry| entry.body != ledger::body_of(entry.name)).count();
    seen.gone += life.ledger.opened_again(&entries, recovered.last)?;

    let steps = life.random.u8(0..40);
    let cut_at = life.random.u8(0..40);
    for step in 0..steps {
        if step == cut_at {
            life.disk.cut_after(life.random.u64(0..8));
        }
        life.step(seen)?;
    }
    Ok(())
}

impl Life<'_> {
    fn step(&mut self, seen: &mut Seen) -> Result<(), String> {
        match self.random.u8(0..20) {
            0..9 => {
                for _ in 0..self.random.u8(1..20) {
                    self.give();
                    seen.given += 1;
                }
            }
            9..13 => self.look()?,
            13..16 => self.receipt()?,
            16 => {
                seen.failures += 1;
                self.disk.fail(Failing {
                    append: self.random.u8(0..3) == 0,
                    sync: self.random.bool(),
                    truncate: self.random.bool(),
                    read: false,
                });
            }
            17 => self.disk.fail(Failing::default()),
            18 => {
                let room = self.random.bool().then(|| self.random.u64(0..20_000));
                self.disk.capacity(room.map(|room| self.disk.used() + room));
            }
            _ => {
                (self.span, self.seq) = (SpanId::from_bits(self.random.u64(..)), 0);
                self.before_span = self.ledger.last();
            }
        }
        if OUTSTANDING < self.ledger.outstanding() {
            self.look()?;
            self.receipt()?;
        }
        Ok(())
    }

    fn give(&mut self) {
        self.seq += 1;
        let name = ledger::name(self.span, self.seq);
        self.ledger.gives(name);
        self.lane.append(&ledger::batch_of(Lane::Urgent, name, self.before_span));
    }

    fn receipt(&mut self) -> Result<(), String> {
        if let Some(name) = self.ledger.receiptable(self.random) {
            self.ledger.receipts(name)?;
            self.lane.receipt(name);
        }
        Ok(())
    }

    /// Whether it could be flushed; the disk may be full, failing or without power.
    fn commit(&mut self) -> bool {
        self.lane.commit().is_ok()
    }

    fn durable(&self) -> Option<BatchName> {
        self.lane.standing(false).durable
    }

    /// What the lane says is durable, and what it hands out, is what it was given.
    fn look(&mut self) -> Result<(), String> {
        self.commit();
        self.ledger.told_durable(self.durable())?;
        if self.disk.is_dead() {
            return Ok(());
        }
        let entries = self.entries()?;
        self.ledger.hands_out(&entries)
    }

    fn entries(&mut self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        self.lane.rewind();
        loop {
            match self.lane.read(1 << 20) {
                Ok(read) if read.is_empty() => return Ok(entries),
                Ok(read) => entries.extend(read),
                Err(error) => return Err(format!("a disk that can be read, but {error}")),
            }
        }
    }
}
