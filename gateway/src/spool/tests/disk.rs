//! A disk in memory: it knows what was flushed, and it can be cut, garbled, filled and broken.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::spool::storage::{SegmentNumber, Storage};

#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    segments: BTreeMap<SegmentNumber, Segment>,
    flushes: u64,
    fail_sync: bool,
    fail_read: bool,
    fail_read_of: Option<SegmentNumber>,
    fail_truncate: bool,
    /// Bytes that can still be written; without a number there is no end.
    room: Option<usize>,
}

#[derive(Debug, Clone, Default)]
struct Segment {
    bytes: Vec<u8>,
    flushed: usize,
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn copy(&self) -> Disk {
        Disk(Arc::new(Mutex::new(self.state().clone())))
    }

    pub(super) fn flushes(&self) -> u64 {
        self.state().flushes
    }

    pub(super) fn segments(&self) -> usize {
        self.state().segments.len()
    }

    pub(super) fn length(&self, segment: SegmentNumber) -> u64 {
        self.state().segments.get(&segment).map_or(0, |segment| segment.bytes.len() as u64)
    }

    pub(super) fn cut(&self, segment: SegmentNumber, length: u64) {
        if let Some(segment) = self.state().segments.get_mut(&segment) {
            segment.bytes.truncate(length as usize);
        }
    }

    pub(super) fn flip(&self, segment: SegmentNumber, at: u64) {
        if let Some(segment) = self.state().segments.get_mut(&segment) {
            segment.bytes[at as usize] ^= 0x10;
        }
    }

    pub(super) fn fail_sync(&self, fail: bool) {
        self.state().fail_sync = fail;
    }

    pub(super) fn fail_read(&self, fail: bool) {
        self.state().fail_read = fail;
    }

    pub(super) fn fail_read_of(&self, segment: SegmentNumber, fail: bool) {
        self.state().fail_read_of = fail.then_some(segment);
    }

    pub(super) fn fail_truncate(&self, fail: bool) {
        self.state().fail_truncate = fail;
    }

    pub(super) fn room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// The power fails: of what was not flushed, only the first part stays, `kept` 256ths of it.
    pub(super) fn power_cut(&self, kept: u8) {
        for segment in self.state().segments.values_mut() {
            let loose = segment.bytes.len() - segment.flushed.min(segment.bytes.len());
            segment.bytes.truncate(segment.flushed + loose * usize::from(kept) / 256);
            segment.flushed = segment.bytes.len();
        }
    }
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

fn broken() -> io::Error {
    io::Error::other("a broken disk")
}

impl Storage for Disk {
    fn list(&mut self) -> io::Result<Vec<SegmentNumber>> {
        Ok(self.state().segments.keys().copied().collect())
    }

    fn create(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let mut state = self.state();
        if state.room == Some(0) {
            return Err(full());
        }
        state.segments.insert(segment, Segment::default());
        Ok(())
    }

    fn append(&mut self, segment: SegmentNumber, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let fits = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        state.room = state.room.map(|room| room - fits);
        let segment = state.segments.get_mut(&segment).ok_or(io::ErrorKind::NotFound)?;
        segment.bytes.extend(&bytes[..fits]);
        if fits < bytes.len() { Err(full()) } else { Ok(()) }
    }

    fn sync(&mut self, segment: SegmentNumber) -> io::Result<()> {
        let mut state = self.state();
        if state.fail_sync {
            return Err(broken());
        }
        state.flushes += 1;
        let segment = state.segments.get_mut(&segment).ok_or(io::ErrorKind::NotFound)?;
        segment.flushed = segment.bytes.len();
        Ok(())
    }

    fn length(&mut self, segment: SegmentNumber) -> io::Result<u64> {
        Ok(Disk::length(self, segment))
    }

    fn read(&mut self, segment: SegmentNumber, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        if state.fail_read || state.fail_read_of == Some(segment) {
            return Err(broken());
        }
        let segment = state.segments.get(&segment).ok_or(io::ErrorKind::NotFound)?;
        let from = (from as usize).min(segment.bytes.len());
        let to = from.saturating_add(most).min(segment.bytes.len());
        Ok(segment.bytes[from..to].to_vec())
    }

    fn truncate(&mut self, segment: SegmentNumber, length: u64) -> io::Result<()> {
        let mut state = self.state();
        if state.fail_truncate {
            return Err(broken());
        }
        let segment = state.segments.get_mut(&segment).ok_or(io::ErrorKind::NotFound)?;
        segment.bytes.truncate(length as usize);
        segment.flushed = segment.flushed.min(segment.bytes.len());
        Ok(())
    }

    fn remove(&mut self, segment: SegmentNumber) -> io::Result<()> {
        self.state().segments.remove(&segment);
        Ok(())
    }
}
