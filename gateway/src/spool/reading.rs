//! What stands at a place of a lane: batches as they were made, and markers where they are gone.

use std::io;

use firegrid_wire::marker::MarkerReason;
use firegrid_wire::span::BatchName;
use firegrid_wire::time::GatewayTime;

use super::damage::Missing;
use super::gone::Gone;
use super::lane::{Before, Entry, Lane, Place};
use super::record::{self, HEADER_BYTES, Read, Record};
use super::storage::{SegmentNumber, Storage};

/// Bytes that are read at once; a longer record is read again whole.
const READ_BYTES: usize = 16 << 10;

/// A segment that cannot be read so many times in a row is passed over like damage.
pub(super) const READ_ATTEMPTS: u32 = 5;

/// What stands at a place.
pub(super) struct Item {
    pub(super) entry: Entry,
    /// The first name it stands for.
    pub(super) first: BatchName,
    /// How many batches it is in what the lane tells of its depth.
    pub(super) counts: u64,
}

impl Place {
    /// Whether it stands before everything, a marker included.
    pub(super) fn is_begin(&self) -> bool {
        self.segment == 0 && self.before.is_none()
    }
}

impl<S: Storage> Lane<S> {
    /// The entry at a place, which moves behind it. `None` at the end of what is durable.
    pub(super) fn next(&mut self, place: &mut Place) -> io::Result<Option<Item>> {
        if let Some(gone) = self.marker.as_ref().filter(|_| place.is_begin()) {
            let (name, newest) = (gone.last, gone.until);
            (place.before, place.newest) = (Some(name), newest);
            let entry = Entry { name, body: gone.encode(&self.labels, self.brevity), newest };
            return Ok(Some(Item { entry, first: gone.first, counts: 1 }));
        }
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
                Read::Record(Record::Position(_) | Record::State(_) | Record::Seal(_), size) => {
                    place.offset += size as u64;
                    continue;
                }
                Read::Short(_) | Read::Damaged => {
                    self.pass_over(place, number, length, &mut rubble);
                    continue;
                }
            };
            self.spans.find(batch.name, place.before);
            if self.spans.is_passed(place.before, batch.name) {
                place.offset += size;
                continue;
            }
            let doubt = place.before.is_some() || !rubble.is_empty();
            if doubt
                && let Some(missing) = Missing::between(place.before, batch.name, batch.before_span)
            {
                return Ok(Some(self.marker(missing, place, batch.newest, &rubble)));
            }
            let (name, newest) = (batch.name, batch.newest);
            let body = if self.refused.contains(&name) {
                let after = self.spans.after(name);
                Gone::batch(name, after, newest, batch.body, MarkerReason::Refused)
                    .encode(&self.labels, self.brevity)
            } else {
                batch.body.to_vec()
            };
            place.offset += size;
            (place.before, place.newest) = (Some(name), newest);
            let entry = Entry { name, body, newest };
            return Ok(Some(Item { entry, first: name, counts: 1 }));
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
        let gone = missing.gone(place.newest, until, rubble);
        let (name, first) = (gone.last, gone.first);
        let body = gone.encode(&self.labels, self.brevity);
        if self.last_marker.replace(name) != Some(name) {
            tracing::error!(
                lane = %self.labels.lane,
                batch = %name,
                "Batches of the spool are damaged, a marker takes their place."
            );
        }
        place.before = Some(name);
        let entry = Entry { name, body, newest: place.newest };
        Item { entry, first, counts: 0 }
    }

    fn missing_until(&self, before: Option<BatchName>, until: BatchName) -> Option<Missing> {
        if self.spans.is_passed(before, until) { None } else { Missing::until(before, until) }
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
