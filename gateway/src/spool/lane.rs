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
//! A group of pending batches is appended and made durable by one flush. If the append fails,
//! the segment is cut back and the group is tried again; if the flush fails, what it left
//! behind cannot be known, and the group goes into a new segment. What then stands twice is
//! passed over when it is read.

use std::collections::VecDeque;
use std::io;

use firegrid_wire::span::{BatchName, SpanId};
use firegrid_wire::time::GatewayTime;

use super::damage::{MarkerLabels, Missing};
use super::record::{self, BatchRecord, HEADER_BYTES, Header, Read, Record};
use super::storage::{SegmentNumber, Storage};
use super::writer::Standing;
use crate::recorder::Batch;

/// A segment that has reached this length is not appended to any more.
pub(super) const SEGMENT_BYTES: u64 = 1 << 20;

/// Bytes that are read at once; a longer record is read again whole.
const READ_BYTES: usize = 16 << 10;

/// A segment that cannot be read so many times in a row is passed over like damage.
const READ_ATTEMPTS: u32 = 5;

/// The queue. Whoever owns it gives it the time and the disk: [`LaneSpool`](super::LaneSpool)
/// is the same with a thread of its own.
#[derive(Debug)]
pub struct Lane<S> {
    pub(super) storage: S,
    pub(super) labels: MarkerLabels,
    pub(super) segments: VecDeque<Segment>,
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
    pub(super) before: Before,
    /// The spans of its batches, in their order, with those that its batches name as earlier.
    pub(super) spans: Vec<SpanId>,
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
    pub(super) batches: Vec<(BatchName, Option<GatewayTime>)>,
}

/// Whether the last segment may be appended to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Its end is known.
    Sound,
    /// Something may stand behind what is known, or there is no segment: a new one is begun.
    Doubtful,
}

/// Up to where the lane is receipted, and whether that is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// It is, or there is nothing to write.
    Written,
    /// A restart would send from an earlier place.
    Moved(BatchName),
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

/// An entry, and whether its bytes stand on the disk as they are.
enum Item {
    Batch(Entry),
    Marker(Entry),
}

impl Segment {
    /// A batch of a span stands here; another span came before that one.
    pub(super) fn meet(&mut self, span: SpanId, before: Option<SpanId>) {
        let place = self.spans.iter().position(|known| *known == span);
        let before = before.filter(|before| !self.spans.contains(before));
        match (place, before) {
            (Some(place), Some(before)) => self.spans.insert(place, before),
            (Some(_), None) => {}
            (None, before) => self.spans.extend(before.into_iter().chain([span])),
        }
    }
}

impl<S: Storage> Lane<S> {
    /// Adds a batch to what is pending.
    pub fn append(&mut self, batch: &Batch) {
        let &Batch { name, before_span, newest, ref body, lane: _ } = batch;
        Record::Batch(BatchRecord { name, before_span, newest, body })
            .write(&mut self.pending.bytes);
        self.pending.batches.push((name, newest));
    }

    /// How the lane stands. Whether the last flush failed, only its owner knows.
    pub fn standing(&self, failing: bool) -> Standing {
        Standing {
            durable: self.last,
            depth: self.depth,
            oldest: self.oldest,
            failing,
            unread: self.has_unread(),
        }
    }

    /// Whether something is pending.
    pub fn is_pending(&self) -> bool {
        !self.pending.bytes.is_empty()
    }

    /// Whether a restart would send more than it has to.
    pub fn position_moved(&self) -> bool {
        self.position != Position::Written
    }

    /// Makes durable what is pending, and with it the receipted position. After an error
    /// everything is still pending and may be tried again.
    pub fn commit(&mut self) -> io::Result<()> {
        if let Position::Moved(name) = self.position {
            Record::Position(name).write(&mut self.pending.bytes);
            self.position = Position::Written;
        }
        if self.pending.bytes.is_empty() {
            return Ok(());
        }
        self.begin_segment_if_needed()?;
        let Some(tail) = self.segments.back_mut() else {
            return Err(io::Error::other("there is no segment"));
        };
        if let Err(error) = self.storage.append(tail.number, &self.pending.bytes) {
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
        tail.length += self.pending.bytes.len() as u64;
        self.pending.bytes.clear();
        for (name, newest) in self.pending.batches.drain(..) {
            tail.meet(name.span, None);
            self.last = Some(name);
            self.newest = self.newest.max(newest);
            self.oldest = self.oldest.or(newest);
            self.depth += 1;
        }
        Ok(())
    }

    fn begin_segment_if_needed(&mut self) -> io::Result<()> {
        let begin = match (self.tail, self.segments.back()) {
            (Tail::Sound, Some(tail)) => SEGMENT_BYTES <= tail.length,
            (Tail::Sound | Tail::Doubtful, None) | (Tail::Doubtful, Some(_)) => true,
        };
        if !begin {
            return Ok(());
        }
        let number = self.segments.back().map_or(1, |tail| tail.number + 1);
        let header = Header { before: self.last, newest: self.newest }.to_bytes();
        self.storage.create(number)?;
        self.storage.append(number, &header)?;
        self.storage.sync(number)?;
        let length = HEADER_BYTES as u64;
        let spans = self.last.map(|last| last.span).into_iter().collect();
        let before = Before::Known(self.last);
        self.segments.push_back(Segment { number, length, before, spans });
        self.tail = Tail::Sound;
        Ok(())
    }

    /// Everything up to this name is committed at the centre; whether that moved anything.
    /// A name of a span that is not known, or lower than what is known, moves nothing.
    pub fn receipt(&mut self, name: BatchName) -> bool {
        let mut moved = false;
        if self.order(name.span).is_some() {
            loop {
                let mut behind = self.front;
                let Ok(item) = self.next(&mut behind) else { break };
                let Some(item) = item else {
                    (self.depth, self.oldest) = (0, None);
                    break;
                };
                let (entry, batches) = match item {
                    Item::Batch(entry) => (entry, 1),
                    Item::Marker(entry) => (entry, 0),
                };
                if !self.covers(name, entry.name) {
                    self.oldest = entry.newest;
                    break;
                }
                self.depth = self.depth.saturating_sub(batches);
                self.front = behind;
                self.position = Position::Moved(entry.name);
                moved = true;
            }
        }
        if (self.cursor.segment, self.cursor.offset) < (self.front.segment, self.front.offset) {
            self.cursor = self.front;
        }
        self.remove_forgotten();
        moved
    }

    fn remove_forgotten(&mut self) {
        while let [first, _, ..] = self.segments.make_contiguous() {
            if self.front.segment <= first.number || self.storage.remove(first.number).is_err() {
                return;
            }
            self.segments.pop_front();
        }
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
                Ok(Some(Item::Batch(entry) | Item::Marker(entry))) => {
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

    /// The entry at a place, which moves behind it. `None` at the end of what is durable.
    fn next(&mut self, place: &mut Place) -> io::Result<Option<Item>> {
        let mut rubble = Vec::new();
        loop {
            let Some(at) = self.segments.iter().position(|s| place.segment <= s.number) else {
                return Ok(None);
            };
            let segment = &self.segments[at];
            let (number, length) = (segment.number, segment.length);
            if place.segment < number || place.offset < HEADER_BYTES as u64 {
                (place.segment, place.offset) = (number, HEADER_BYTES as u64);
                match segment.before {
                    // What stood before a segment is known even if the batches are gone.
                    Before::Known(Some(until)) => {
                        if rubble.is_empty() {
                            place.before = place.before.or(Some(until));
                        }
                        if let Some(missing) = self.missing_until(place.before, until) {
                            return Ok(Some(self.marker(missing, place, None, &rubble)));
                        }
                    }
                    Before::Known(None) => {}
                    Before::Damaged => rubble.push(0),
                }
                continue;
            }
            if length <= place.offset {
                let Some(following) = self.segments.get(at + 1) else {
                    let lost = self.last.filter(|_| !rubble.is_empty());
                    let missing = lost.and_then(|last| self.missing_until(place.before, last));
                    return Ok(missing.map(|missing| self.marker(missing, place, None, &rubble)));
                };
                (place.segment, place.offset) = (following.number, 0);
                continue;
            }
            let bytes = match self.bytes_at(number, place.offset, length) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.failed_reads += 1;
                    if self.failed_reads < READ_ATTEMPTS {
                        return Err(error);
                    }
                    place.offset = length;
                    rubble.push(0);
                    continue;
                }
            };
            self.failed_reads = 0;
            let (batch, size) = match record::read(&bytes) {
                Read::Record(Record::Batch(batch), size) => (batch, size as u64),
                Read::Record(Record::Position(_), size) => {
                    place.offset += size as u64;
                    continue;
                }
                Read::Short(_) | Read::Damaged => {
                    self.pass_over(place, number, length, &mut rubble);
                    continue;
                }
            };
            if self.is_passed(place.before, batch.name) {
                place.offset += size;
                continue;
            }
            let doubt = place.before.is_some() || !rubble.is_empty();
            if doubt
                && let Some(missing) = Missing::between(place.before, batch.name, batch.before_span)
            {
                return Ok(Some(self.marker(missing, place, batch.newest, &rubble)));
            }
            let (name, newest, body) = (batch.name, batch.newest, batch.body.to_vec());
            place.offset += size;
            (place.before, place.newest) = (Some(name), newest);
            return Ok(Some(Item::Batch(Entry { name, body, newest })));
        }
    }

    /// The bytes of the record at a place, or whatever stands there, never beyond the length.
    fn bytes_at(&mut self, segment: SegmentNumber, from: u64, length: u64) -> io::Result<Vec<u8>> {
        let left = usize::try_from(length - from).unwrap_or(usize::MAX);
        let bytes = self.storage.read(segment, from, left.min(READ_BYTES))?;
        match record::read(&bytes) {
            Read::Short(whole) if bytes.len() < whole && whole <= left => {
                self.storage.read(segment, from, whole)
            }
            Read::Short(_) | Read::Damaged | Read::Record(..) => Ok(bytes),
        }
    }

    /// Moves a place behind damage: to the next record, or to the end of the segment.
    fn pass_over(
        &mut self,
        place: &mut Place,
        segment: SegmentNumber,
        length: u64,
        rubble: &mut Vec<u8>,
    ) {
        let left = usize::try_from(length - place.offset).unwrap_or(usize::MAX);
        let bytes = self.storage.read(segment, place.offset, left).unwrap_or_default();
        let passed = next_record(&bytes).unwrap_or(left);
        rubble.extend(&bytes[..passed.min(bytes.len())]);
        // Even an empty rest is a rest: something was here.
        rubble.push(0);
        place.offset += passed as u64;
    }

    /// Makes the marker, behind which the place then stands.
    fn marker(
        &mut self,
        missing: Missing,
        place: &mut Place,
        until: Option<GatewayTime>,
        rubble: &[u8],
    ) -> Item {
        let body = missing.marker(&self.labels, place.newest, until, rubble);
        let name = missing.name();
        if self.last_marker.replace(name) != Some(name) {
            tracing::error!(
                lane = %self.labels.lane,
                batch = %name,
                "Batches of the spool are damaged, a marker takes their place."
            );
        }
        place.before = Some(name);
        Item::Marker(Entry { name, body, newest: place.newest })
    }

    fn missing_until(&self, before: Option<BatchName>, until: BatchName) -> Option<Missing> {
        if self.is_passed(before, until) { None } else { Missing::until(before, until) }
    }

    /// Whether a name stands at or before another one in this lane.
    fn is_passed(&self, before: Option<BatchName>, name: BatchName) -> bool {
        let Some(before) = before else { return false };
        if before.span == name.span {
            return name.seq <= before.seq;
        }
        match (self.order(name.span), self.order(before.span)) {
            (Some(name), Some(before)) => name < before,
            (Some(_) | None, None) | (None, Some(_)) => false,
        }
    }

    fn covers(&self, receipt: BatchName, name: BatchName) -> bool {
        self.is_passed(Some(receipt), name)
    }

    /// The place of a span in the order of this lane, if it is known.
    fn order(&self, span: SpanId) -> Option<usize> {
        self.segments.iter().flat_map(|segment| &segment.spans).position(|known| *known == span)
    }
}

/// Where the next record stands behind damage at the begin of some bytes.
pub(super) fn next_record(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = record::next_begin(&bytes[from..]) {
        from += found;
        if let Read::Record(..) = record::read(&bytes[from..]) {
            return Some(from);
        }
    }
    None
}
