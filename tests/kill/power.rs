//! Power cuts in the middle of any call to a disk that tears, fills up and fails.

use firegrid_gateway::spool::{Entry, LaneSpool, Reading};
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
    lane: LaneSpool,
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
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (mut disk, mut ledger) = (Disk::default(), Ledger::default());
    for cut in 0..kills() {
        if cut % CUTS_OF_A_DISK == 0 {
            seen.flushes += disk.flushes();
            (disk, ledger) = (Disk::default(), Ledger::default());
        }
        let lived = runtime.block_on(live_and_lose_power(
            disk.clone(),
            &mut ledger,
            &mut random,
            &mut seen,
        ));
        lived.unwrap_or_else(|wrong| panic!("power cut {cut}: {wrong}"));
        disk = disk.power_cut(&mut random);
    }
    seen.flushes += disk.flushes();
    println!("{} power cuts: {seen:?}", kills());
    assert!(seen.gone > 0 && seen.torn > 0 && seen.failures > 0, "too little: {seen:?}");
}

async fn live_and_lose_power(
    disk: Disk,
    ledger: &mut Ledger,
    random: &mut fastrand::Rng,
    seen: &mut Seen,
) -> Result<(), String> {
    let fails = random.u8(0..6) == 0;
    let dies_early = !fails && random.u8(0..6) == 0;
    disk.capacity(None);
    disk.fail(Failing { sync: fails, ..Failing::default() });
    if dies_early {
        disk.cut_after(random.u64(0..4));
    }
    let (lane, recovered) = LaneSpool::start(disk.clone(), ledger::labels(Lane::Urgent), ())
        .map_err(|error| format!("it always starts, but {error}"))?;
    let span = SpanId::from_bits(random.u64(..));
    let before_span = recovered.last;
    let mut life = Life { disk, lane, ledger, random, span, seq: 0, before_span };
    life.settle().await;
    if dies_early {
        return Ok(());
    }
    life.disk.fail(Failing::default());
    // What was recovered is handed out when it is durable, and not before.
    while life.lane.standing().borrow().durable != recovered.last {
        life.settle().await;
    }
    let entries = life.entries().await?;
    seen.torn += entries.iter().filter(|entry| entry.body != ledger::body_of(entry.name)).count();
    seen.gone += life.ledger.opened_again(&entries, recovered.last)?;

    let steps = life.random.u8(0..40);
    let cut_at = life.random.u8(0..40);
    for step in 0..steps {
        if step == cut_at {
            life.disk.cut_after(life.random.u64(0..8));
        }
        life.step(seen).await?;
    }
    Ok(())
}

impl Life<'_> {
    async fn step(&mut self, seen: &mut Seen) -> Result<(), String> {
        match self.random.u8(0..20) {
            0..9 => {
                for _ in 0..self.random.u8(1..20) {
                    self.give();
                    seen.given += 1;
                }
            }
            9..13 => self.look().await?,
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
            self.look().await?;
            self.receipt()?;
        }
        Ok(())
    }

    fn give(&mut self) {
        self.seq += 1;
        let name = ledger::name(self.span, self.seq);
        self.ledger.gives(name);
        self.lane.append(ledger::batch_of(Lane::Urgent, name, self.before_span));
    }

    fn receipt(&mut self) -> Result<(), String> {
        if let Some(name) = self.ledger.receiptable(self.random) {
            self.ledger.receipts(name)?;
            self.lane.receipt(name);
        }
        Ok(())
    }

    /// What the lane says is durable, and what it hands out, is what it was given.
    async fn look(&mut self) -> Result<(), String> {
        self.settle().await;
        let durable = self.lane.standing().borrow().durable;
        self.ledger.told_durable(durable)?;
        if !self.disk.is_dead() {
            let entries = self.entries().await?;
            // The power may have gone while it was read.
            if !self.disk.is_dead() {
                self.ledger.hands_out(&entries)?;
            }
        }
        Ok(())
    }

    /// Gives the lane an occasion to flush; when it answers the second time it mostly has.
    async fn settle(&mut self) {
        for _ in 0..2 {
            // A disk without power answers nothing.
            let _ = self.lane.read(Reading::FromReceipt, 1).await;
        }
    }

    async fn entries(&mut self) -> Result<Vec<Entry>, String> {
        let mut entries = Vec::new();
        let mut reading = Reading::FromReceipt;
        loop {
            let read = self.lane.read(reading, 1 << 20).await;
            match read.map_err(|_| "the lane has died".to_owned())? {
                Ok(read) if read.is_empty() => return Ok(entries),
                Ok(read) => entries.extend(read),
                Err(_) if self.disk.is_dead() => return Ok(entries),
                Err(error) => return Err(format!("a disk that can be read, but {error}")),
            }
            reading = Reading::Onward;
        }
    }
}
