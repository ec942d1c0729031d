//! A disk in memory under a lane of the spool: it forgets what was not flushed, tears, fills
//! up and fails.
//!
//! ```text
//!   segment   │ durable             │ loose: readable, gone or torn by a power cut │
//!   ──────────┼─────────────────────┼──────────────────────────────────────────────┤
//!             0                  flushed                                        length
//! ```
//!
//! A flush that failed loses for good what it should have kept, as Linux does: a later flush
//! of the same file does not bring it back, only cutting it away and writing it again does.
//! After [`Disk::power_cut`] every handle that was given out before is dead; what survives
//! stands in the new one.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use firegrid_gateway::spool::{SegmentNumber, Storage};

/// A disk writes so many bytes or none of them.
const SECTOR_BYTES: usize = 512;

/// A handle of the disk; cloning it gives another one of the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    segments: BTreeMap<SegmentNumber, Segment>,
    /// Whether the power is gone; then every call fails and nothing moves any more.
    dead: bool,
    /// The power goes before this many more writing calls have come back.
    cut_after: Option<u64>,
    /// All segments together have at most this many bytes.
    capacity: Option<u64>,
    failing: Failing,
    flushes: u64,
}

/// What fails at present. What does not fail is done as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failing {
    /// Appending: half of the bytes stand there all the same.
    pub append: bool,
    /// Flushing.
    pub sync: bool,
    /// Reading.
    pub read: bool,
    /// Cutting.
    pub truncate: bool,
}

#[derive(Debug, Clone, Default)]
struct Segment {
    bytes: Vec<u8>,
    flushed: usize,
    /// From here on a flush has failed, and no later one counts.
    spoiled: Option<usize>,
}

impl Disk {
    /// What fails from now on.
    pub fn fail(&self, failing: Failing) {
        self.state().failing = failing;
    }

    /// How many bytes it takes in all; without a number there is no end.
    pub fn capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The bytes of all segments together.
    pub fn used(&self) -> u64 {
        self.state().used()
    }

    /// How many flushes came back well.
    pub fn flushes(&self) -> u64 {
        self.state().flushes
    }

    /// The power goes by itself in the middle of the given writing call, counted from now;
    /// at 0 it is the next one.
    pub fn cut_after(&self, calls: u64) {
        self.state().cut_after = Some(calls);
    }

    /// Whether the power has gone.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// The power goes, if it has not gone before, and comes back: the disk as it then stands,
    /// sound and with the same capacity. Of what was loose nothing survives, or a first part,
    /// or a first part with holes in it.
    pub fn power_cut(&self, random: &mut fastrand::Rng) -> Disk {
        let mut state = self.state();
        state.dead = true;
        let mut survivor = State {
            segments: state.segments.clone(),
            capacity: state.capacity,
            flushes: state.flushes,
            ..State::default()
        };
        for segment in survivor.segments.values_mut() {
            segment.lose_power(random);
        }
        Disk(Arc::new(Mutex::new(survivor)))
    }

    /// An image of the disk as it stands, for a box that is restored from it later.
    pub fn image(&self) -> Disk {
        Disk(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Flips a bit of a segment, if it stands there.
    pub fn flip(&self, segment: SegmentNumber, byte: u64) {
        let mut state = self.state();
        let bytes = state.segments.get_mut(&segment).map(|segment| &mut segment.bytes);
        if let Some(byte) = bytes.and_then(|bytes| bytes.get_mut(byte as usize)) {
            *byte ^= 0x10;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn used(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes.len() as u64).sum()
    }

    fn room(&self) -> usize {
        let room = self.capacity.map(|capacity| capacity.saturating_sub(self.used()));
        room.and_then(|room| usize::try_from(room).ok()).unwrap_or(usize::MAX)
    }

    fn powered(&self) -> io::Result<()> {
        if self.dead { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    /// Whether the power goes during this writing call.
    fn goes_now(&mut self) -> io::Result<bool> {
        self.powered()?;
        let Some(left) = self.cut_after else { return Ok(false) };
        self.cut_after = left.checked_sub(1);
        self.dead = left == 0;
        Ok(self.dead)
    }

    fn segment(&mut self, segment: SegmentNumber) -> io::Result<&mut Segment> {
        self.segments.get_mut(&segment).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Segment {
    fn sync(&mut self) {
        self.flushed = self.flushed.max(self.spoiled.unwrap_or(self.bytes.len()));
    }

    fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
        self.flushed = self.flushed.min(length);
        self.spoiled = self.spoiled.filter(|spoiled| *spoiled < length);
    }

    fn lose_power(&mut self, random: &mut fastrand::Rng) {
        let loose = self.bytes.len() - self.flushed;
        let stays = match random.u8(0..3) {
            0 => 0,
            _ => random.usize(0..=loose),
        };
        self.bytes.truncate(self.flushed + stays);
        if random.u8(0..3) == 0 {
            let mut at = self.flushed;
            while at < self.bytes.len() {
                let end = ((at / SECTOR_BYTES + 1) * SECTOR_BYTES).min(self.bytes.len());
                if random.bool() {
                    self.bytes[at..end].fill(0);
                }
                at = end;
            }
        }
        self.flushed = self.bytes.len();
        self.spoiled = None;
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

fn broken() -> io::Error {
    io::Error::other("a broken disk")
}

fn cut() -> io::Error {
    io::Error::other("the power goes")
}

impl Storage for Disk {
    fn list(&mut self) -> io::Result<Vec<SegmentNumber>> {
        let state = self.state();
        state.powered()?;
        Ok(state.segments.keys().copied().collect())
    }

    fn create(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let mut state = self.state();
        if state.goes_now()? {
            return Err(cut());
        }
        if state.room() == 0 {
            return Err(full());
        }
        state.segments.insert(segment, Segment::default());
        Ok(())
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let goes = state.goes_now()?;
        let fails = state.failing.append;
        let room = state.room();
        let segment = state.segment(segment)?;
        let fits = if fails { bytes.len() / 2 } else { bytes.len() }.min(room);
        segment.bytes.extend(&bytes[..fits]);
        match (goes, fails, fits < bytes.len()) {
            (true, _, _) => Err(cut()),
            (false, true, _) => Err(broken()),
            (false, false, true) => Err(full()),
            (false, false, false) => Ok(()),
        }
    }

    fn sync(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let mut state = self.state();
        if state.goes_now()? {
            return Err(cut());
        }
        let fails = state.failing.sync;
        let segment = state.segment(segment)?;
        if fails {
            segment.spoiled = segment.spoiled.or(Some(segment.flushed));
            return Err(broken());
        }
        segment.sync();
        state.flushes += 1;
        Ok(())
    }

    fn length(&mut self, segment: SegmentNumber) -> io::Result<u64> {
        let mut state = self.state();
        state.powered()?;
        Ok(state.segment(segment)?.bytes.len() as u64)
    }

    fn read(&mut self, segment: SegmentNumber, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.powered()?;
        if state.failing.read {
            return Err(broken());
        }
        let bytes = &state.segment(segment)?.bytes;
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
        let to = from.saturating_add(most).min(bytes.len());
        Ok(bytes[from..to].to_vec())
    }

    fn truncate(&mut self, segment: SegmentNumber, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.goes_now()? {
            return Err(cut());
        }
        if state.failing.truncate {
            return Err(broken());
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        state.segment(segment)?.truncate(length);
        Ok(())
    }

    fn remove(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let mut state = self.state();
        if state.goes_now()? {
            return Err(cut());
        }
        state.segments.remove(&segment);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[&[u8]]) -> Disk {
        let disk = Disk::default();
        let mut handle = disk.clone();
        handle.create(1).expect("a sound disk");
        for part in parts {
            handle.append(1, part).expect("a sound disk");
        }
        disk
    }

    fn read(disk: &Disk) -> Vec<u8> {
        disk.clone().read(1, 0, usize::MAX).expect("a sound disk")
    }

    #[test]
    fn a_power_cut_keeps_what_was_flushed_and_at_most_a_torn_part_of_the_rest() {
        let mut ends = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let disk = written(&[b"durable"]);
            disk.clone().sync(1).expect("a sound disk");
            disk.clone().append(1, b" loose").expect("a sound disk");
            let after = disk.power_cut(&mut fastrand::Rng::with_seed(seed));
            let bytes = read(&after);
            assert!(bytes.starts_with(b"durable") && bytes.len() <= 13, "{bytes:?}");
            assert!(disk.clone().append(1, b"x").is_err(), "the old handle is dead");
            ends.insert(bytes);
        }
        assert!(ends.len() > 6, "every tear can happen: {ends:?}");
    }

    #[test]
    fn a_flush_that_failed_is_not_made_good_by_the_next_one() {
        let disk = written(&[b"gone"]);
        disk.fail(Failing { sync: true, ..Failing::default() });
        assert!(disk.clone().sync(1).is_err());
        disk.fail(Failing::default());
        disk.clone().sync(1).expect("it says so");
        let nothing = (0..20)
            .any(|seed| read(&disk.power_cut(&mut fastrand::Rng::with_seed(seed))).is_empty());
        assert!(nothing);
    }

    #[test]
    fn a_full_disk_takes_what_fits_and_what_is_removed_makes_room() {
        let disk = written(&[b"1234"]);
        disk.capacity(Some(6));
        let error = disk.clone().append(1, b"5678").expect_err("it is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!((read(&disk), disk.used()), (b"123456".to_vec(), 6));
        assert!(disk.clone().create(2).is_err());
        disk.clone().remove(1).expect("a sound disk");
        disk.clone().create(2).expect("there is room");
    }

    #[test]
    fn the_power_goes_in_the_call_that_was_named() {
        let disk = written(&[]);
        disk.cut_after(1);
        disk.clone().append(1, b"one").expect("there is power");
        assert!(disk.clone().append(1, b"two").is_err() && disk.is_dead());
        assert!(disk.clone().list().is_err());
    }
}
