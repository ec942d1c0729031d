//! One lane of the spool: a queue of batches on a disk, in the order in which they were made.
//!
//! ```text
//!   receipted and forgotten │ receipted │ handed out │ durable, not handed out │ pending
//!   ────────────────────────┼───────────┼────────────┼─────────────────────────┼──────────
//!          segments removed │         front        cursor                    last   in memory
//! ```
//!
//! *front* moves with receipts only; *cursor* is where the next batch is read for sending and
//! goes back to *front* when something must be sent again. Bodies are read from the disk each
//! time. What is pending is in no way told to anyone.
//!
//! *front* stands before the marker, if one stands at the lane's begin (`forgetting.rs`).
//!
//! A group of pending batches is appended and made durable by one flush. If the append fails,
//! the segment is cut back and the group is tried again; if the flush fails, what it left
//! behind cannot be known, and the group goes into a new segment. What then stands twice is
//! passed over when it is read. What an earlier run left in its last segment is *restated* in a
//! new one, which counts for nothing until the record that seals it stands (`recovery.rs`).

use std::collections::VecDeque;
use std::io;

use firegrid_wire::span::BatchName;
use firegrid_wire::time::GatewayTime;

use super::damage::MarkerLabels;
use super::gone::Gone;
use super::reading::Item;
use super::record::{BatchRecord, HEADER_BYTES, Header, Record, StateRecord};
use super::spans::Spans;
use super::storage::{SegmentNumber, Storage};
use super::writer::Standing;
use crate::recorder::Batch;

/// A segment that holds so many bytes of batches is not appended to any more.
pub(super) const SEGMENT_BYTES: u64 = 1 << 20;

/// A lane's quota has room for at least so many segments: what becomes a marker at a time is no
/// larger share of it.
const SEGMENTS_OF_QUOTA: u64 = 8;

/// The queue. Whoever owns it gives it the time and the disk: [`LaneSpool`](super::LaneSpool)
/// is the same with a thread of its own.
#[derive(Debug)]
pub struct Lane<S> {
    pub(super) storage: S,
    pub(super) labels: MarkerLabels,
    /// Bytes of batches that may be held.
    pub(super) quota: u64,
    pub(super) segments: VecDeque<Segment>,
    pub(super) spans: Spans,
    /// What stands at the lane's begin in the place of batches that are gone.
    pub(super) marker: Option<Gone>,
    /// Batches that the broker refused: markers stand in their place.
    pub(super) refused: Vec<BatchName>,
    /// How many the broker has refused in this run.
    pub(super) dead_letters: u32,
    /// How often the broker has refused a marker itself: so often what markers list is halved.
    pub(super) brevity: u32,
    pub(super) front: Place,
    pub(super) cursor: Place,
    /// The last durable name.
    pub(super) last: Option<BatchName>,
    /// The newest durable time.
    pub(super) newest: Option<GatewayTime>,
    pub(super) pending: Pending,
    /// Whether the last segment may be appended to.
    pub(super) tail: Tail,
    pub(super) position: Position,
    pub(super) depth: u64,
    pub(super) oldest: Option<GatewayTime>,
    pub(super) failed_reads: u32,
    /// The last marker that was made; it is told once.
    pub(super) last_marker: Option<BatchName>,
}

/// A file of the lane, as far as it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: SegmentNumber,
    pub(super) length: u64,
    /// Of that, how much is batches.
    pub(super) held: u64,
    /// How many batches, as far as they were counted when the lane was opened.
    pub(super) batches: u64,
    /// The last of them.
    pub(super) last: Option<BatchName>,
    pub(super) before: Before,
}

/// What a segment's header says of the lane before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// This name was the last; none in a new spool.
    Known(Option<BatchName>),
    /// It cannot be read.
    Damaged,
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) segment: SegmentNumber,
    pub(super) offset: u64,
    /// The batch before it.
    pub(super) before: Option<BatchName>,
    /// The newest time in that batch.
    pub(super) newest: Option<GatewayTime>,
}

/// What has been appended and is not durable.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) bytes: Vec<u8>,
    pub(super) batches: Vec<Waiting>,
    /// They begin with what an earlier run left in its last segment; its flush may have told so.
    pub(super) restated: bool,
}

/// A batch that is pending, without its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) name: BatchName,
    pub(super) before_span: Option<BatchName>,
    pub(super) newest: Option<GatewayTime>,
}

/// Whether the last segment may be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Its end is known.
    Sound,
    /// Something may stand behind what is known, or there is no segment: a new one is begun.
    Doubtful,
}

/// Up to where the lane is receipted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The last receipted name, as far as it stands behind the marker.
    pub(super) name: Option<BatchName>,
    /// Whether that is written down; otherwise a restart would send from an earlier place.
    pub(super) is_written: bool,
}

/// A batch, or a marker in the place of batches, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: BatchName,
    /// Its bytes.
    pub body: Vec<u8>,
    /// The newest gateway time in it, as far as it is known.
    pub newest: Option<GatewayTime>,
}

impl Segment {
    /// A segment of which nothing but its header stands.
    pub(super) fn begun(number: SegmentNumber, before: Before) -> Segment {
        Segment { number, length: HEADER_BYTES as u64, held: 0, batches: 0, last: None, before }
    }
}

impl<S: Storage> Lane<S> {
    /// Adds a batch to what is pending.
    pub fn append(&mut self, batch: &Batch) {
        let &Batch { name, before_span, newest, ref body, lane: _ } = batch;
        Record::Batch(BatchRecord { name, before_span, newest, body })
            .write(&mut self.pending.bytes);
        self.pending.batches.push(Waiting { name, before_span, newest });
    }

    /// How the lane stands. Whether the last flush failed, only its owner knows.
    pub fn standing(&self, failing: bool) -> Standing {
        Standing {
            durable: self.last,
            depth: self.depth,
            oldest: self.oldest,
            failing,
            unread: self.has_unread(),
            room: self.quota.saturating_sub(self.held() + self.pending.bytes.len() as u64),
            dead_letters: self.dead_letters,
        }
    }

    /// Bytes of batches that are held.
    pub(super) fn held(&self) -> u64 {
        self.segments.iter().map(|segment| segment.held).sum()
    }

    /// Whether something is pending.
    pub fn is_pending(&self) -> bool {
        !self.pending.bytes.is_empty()
    }

    /// Whether a restart would send more than it has to.
    pub fn position_moved(&self) -> bool {
        !self.position.is_written
    }

    /// Makes durable what is pending, and with it the receipted position. If that needs more
    /// than the quota, the oldest batches become a marker before. After an error everything is
    /// still pending and may be tried again.
    pub fn commit(&mut self) -> io::Result<()> {
        let nothing = |lane: &Lane<S>| lane.pending.bytes.is_empty() && lane.position.is_written;
        if nothing(self) && self.held() <= self.quota {
            return Ok(());
        }
        self.begin_segment_if_needed()?;
        self.make_room()?;
        if nothing(self) {
            return Ok(());
        }
        let held = self.pending.bytes.len();
        let mut bytes = std::mem::take(&mut self.pending.bytes);
        if let Some(name) = self.position.name.filter(|_| !self.position.is_written) {
            Record::Position(name).write(&mut bytes);
        }
        let flushed = self.flush(&bytes);
        if let Err(error) = flushed {
            bytes.truncate(held);
            self.pending.bytes = bytes;
            return Err(error);
        }
        self.settle(held as u64);
        Ok(())
    }

    /// What was pending, so many bytes, is durable, and the position with it.
    fn settle(&mut self, held: u64) {
        let Pending { batches, .. } = std::mem::take(&mut self.pending);
        self.position.is_written = true;
        if let Some(tail) = self.segments.back_mut() {
            tail.held += held;
            tail.last = batches.last().map(|batch| batch.name).or(tail.last);
        }
        for Waiting { name, before_span, newest } in batches {
            self.spans.meet(name, before_span);
            self.last = Some(name);
            self.newest = self.newest.max(newest);
            self.oldest = self.oldest.or(newest);
            self.depth += 1;
        }
    }

    /// Adds bytes to the last segment and makes them durable. After an error nothing counts that
    /// may have been left behind.
    fn flush(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(tail) = self.segments.back_mut() else {
            return Err(io::Error::other("there is no segment"));
        };
        if let Err(error) = self.storage.append(tail.number, bytes) {
            if self.storage.truncate(tail.number, tail.length).is_err() {
                self.tail = Tail::Doubtful;
            }
            return Err(error);
        }
        if let Err(error) = self.storage.sync(tail.number) {
            self.tail = Tail::Doubtful;
            // What cannot be cut away is passed over later, because it then stands twice.
            let _ = self.storage.truncate(tail.number, tail.length);
            return Err(error);
        }
        tail.length += bytes.len() as u64;
        Ok(())
    }

    /// Makes durable how the lane stands. Only after that it stands so.
    pub(super) fn write_state(&mut self, state: StateRecord) -> io::Result<()> {
        self.begin_segment_if_needed()?;
        let mut bytes = Vec::new();
        Record::State(state).write(&mut bytes);
        self.flush(&bytes)
    }

    /// How the lane stands.
    pub(super) fn state(&self) -> StateRecord {
        StateRecord {
            position: self.position.name,
            spans: self.spans.latest(),
            refused: self.refused.clone(),
            marker: self
                .marker
                .as_ref()
                .map(|gone| gone.encode(&self.labels, 0))
                .unwrap_or_default(),
        }
    }

    fn begin_segment_if_needed(&mut self) -> io::Result<()> {
        let full = SEGMENT_BYTES.min(self.quota / SEGMENTS_OF_QUOTA);
        let begin = match (self.tail, self.segments.back()) {
            (Tail::Sound, Some(tail)) => full <= tail.held,
            (Tail::Sound | Tail::Doubtful, None) | (Tail::Doubtful, Some(_)) => true,
        };
        if begin { self.begin_segment() } else { Ok(()) }
    }

    /// Begins a segment: with how the lane stands, or with what is to be restated.
    pub(super) fn begin_segment(&mut self) -> io::Result<()> {
        let number = self.segments.back().map_or(1, |tail| tail.number + 1);
        let restates = self.pending.restated;
        let header = Header { before: self.last, newest: self.newest, restates }.to_bytes();
        self.storage.create(number)?;
        self.storage.append(number, &header)?;
        let mut bytes = Vec::new();
        if restates {
            // Before anything stands behind it, nobody can take it for a segment of its own.
            self.storage.sync(number)?;
            bytes.extend(&self.pending.bytes);
            Record::Seal(number).write(&mut bytes);
        } else {
            // The segments before it may be removed one day: what they said of the lane goes on.
            Record::State(self.state()).write(&mut bytes);
        }
        self.storage.append(number, &bytes)?;
        self.storage.sync(number)?;
        let begun = Segment::begun(number, Before::Known(self.last));
        let length = (HEADER_BYTES + bytes.len()) as u64;
        self.segments.push_back(Segment { length, ..begun });
        self.tail = Tail::Sound;
        if restates {
            self.settle(self.pending.bytes.len() as u64);
        }
        Ok(())
    }

    /// Reads on from where the last call ended: at least one entry if there is one, and no
    /// more than fit into so many bytes.
    pub fn read(&mut self, most_bytes: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        loop {
            let mut behind = self.cursor;
            match self.next(&mut behind) {
                Ok(None) => {
                    self.cursor = behind;
                    return Ok(entries);
                }
                Ok(Some(Item { entry, .. })) => {
                    bytes += entry.body.len();
                    if most_bytes < bytes && !entries.is_empty() {
                        return Ok(entries);
                    }
                    self.cursor = behind;
                    entries.push(entry);
                }
                Err(error) if entries.is_empty() => return Err(error),
                Err(_) => return Ok(entries),
            }
        }
    }

    /// The next call of `read` begins at the first entry without a receipt.
    pub fn rewind(&mut self) {
        self.cursor = self.front;
    }

    /// Whether something durable has not been read.
    pub fn has_unread(&self) -> bool {
        self.segments.back().is_some_and(|tail| {
            (self.cursor.segment, self.cursor.offset) < (tail.number, tail.length)
        })
    }
}
