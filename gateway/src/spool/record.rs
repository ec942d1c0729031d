//! The bytes of a segment: a header, then records.
//!
//! ```text
//! header   "FGSPOOL\n" · version u16 · flags u8 · 0 u8 · last name before it (span u64, seq u64)
//!          · newest gateway time before it i64 · CRC32C u32                          40 bytes
//! record   FF F1 E7 FE · length u32 · CRC32C u32 · payload of that length
//! payload  1 · span u64 · seq u64 · flags u8 · what stood before the span (span u64, seq u64)
//!          · newest gateway time i64 · the batch's bytes
//!       or 2 · span u64 · seq u64                          everything up to here is receipted
//!       or 3 · flags u8 · receipted name · name before the spans · count u16 · (span u64, seq u64)*
//!          · count u16 · refused names · the bytes of the marker at the lane's begin, or none
//!       or 4 · number of the segment u64                   what this segment restates ends here
//! ```
//!
//! The third kind says how the lane stands as a whole: every segment begins with it, and a later
//! one outdoes whatever stands before it. A segment that restates another one (flag 4 of the
//! header) has a copy of its records, then the seal.
//!
//! All numbers are little-endian. The checksum covers length and payload. A batch is JSON, so
//! the four bytes that begin a record never stand inside one: after damage the next record
//! can be found again.

use firegrid_wire::limits::MESSAGE_BYTES;
use firegrid_wire::marker::SpanEnd;
use firegrid_wire::span::{BatchName, SpanId};
use firegrid_wire::time::GatewayTime;

use super::spans::{FORGOTTEN_SPANS, Spans};
use super::storage::SegmentNumber;

/// The version of the format that this program writes.
const VERSION: u16 = 1;

const HEADER_MAGIC: [u8; 8] = *b"FGSPOOL\n";
const RECORD_MAGIC: [u8; 4] = [0xff, 0xf1, 0xe7, 0xfe];

/// The length of a header.
pub(super) const HEADER_BYTES: usize = 40;

/// What stands before a record's payload.
const FRAME_BYTES: usize = 12;

/// What stands before a batch's bytes in its payload.
const BATCH_FRAME_BYTES: usize = 42;

/// No payload is longer.
const LONGEST_PAYLOAD: usize =
    BATCH_FRAME_BYTES + MESSAGE_BYTES + 16 * (FORGOTTEN_SPANS + MOST_REFUSED);

const KIND_BATCH: u8 = 1;
const KIND_POSITION: u8 = 2;
const KIND_STATE: u8 = 3;
const KIND_SEAL: u8 = 4;

/// Refused batches that a lane remembers at a time. They are in flight when they are refused, so
/// there are never many.
pub(super) const MOST_REFUSED: usize = 64;

/// The begin of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The lane's last name before the segment; none in a new spool.
    pub(super) before: Option<BatchName>,
    /// The newest gateway time before the segment.
    pub(super) newest: Option<GatewayTime>,
    /// The segment begins with the records of another one, whose place it takes once it has its
    /// seal.
    pub(super) restates: bool,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// A batch.
    Batch(BatchRecord<'a>),
    /// Everything up to this name is receipted.
    Position(BatchName),
    /// How the lane stands.
    State(StateRecord),
    /// What the segment with this number restates ends here. A copy has the seal of its original
    /// too, which says nothing of the copy.
    Seal(SegmentNumber),
}

/// How a lane stands, besides its batches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StateRecord {
    /// Everything up to this name is receipted, as far as it does not stand in the marker.
    pub(super) position: Option<BatchName>,
    pub(super) spans: Spans,
    /// The batches that the broker refused, and that are not receipted yet.
    pub(super) refused: Vec<BatchName>,
    /// The bytes of the marker that stands at the lane's begin; empty without one.
    pub(super) marker: Vec<u8>,
}

/// A batch as it stands on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchRecord<'a> {
    pub(super) name: BatchName,
    /// What stood in the lane before the batch's span.
    pub(super) before_span: Option<BatchName>,
    /// The newest gateway time in the batch.
    pub(super) newest: Option<GatewayTime>,
    pub(super) body: &'a [u8],
}

/// What stands at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read<'a> {
    /// A record, and how many bytes it takes.
    Record(Record<'a>, usize),
    /// The begin of a record that needs so many bytes in all.
    Short(usize),
    /// No record.
    Damaged,
}

impl Header {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(HEADER_MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        let Header { before, newest, restates } = self;
        let flags = [before.is_some(), newest.is_some(), restates];
        bytes.push(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
        bytes.push(0);
        push_name(&mut bytes, before);
        bytes.extend(newest.map_or(0, GatewayTime::millis).to_le_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads a header; `None` if it is damaged, too short, or of another version.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Header> {
        let mut fields = Fields(bytes.get(..HEADER_BYTES)?);
        let covered = fields.0.len() - 4;
        let sum = crc32c::crc32c(&fields.0[..covered]);
        let magic = fields.take::<8>()?;
        let version = u16::from_le_bytes(fields.take()?);
        let [flags, _] = fields.take()?;
        let before = fields.name()?;
        let newest = i64::from_le_bytes(fields.take()?);
        let written = u32::from_le_bytes(fields.take()?);
        (magic == HEADER_MAGIC && version == VERSION && sum == written).then(|| Header {
            before: (flags & 1 != 0).then_some(before),
            newest: (flags & 2 != 0).then(|| GatewayTime::from_millis(newest)),
            restates: flags & 4 != 0,
        })
    }
}

impl Record<'_> {
    /// Adds the record to some bytes.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        let begin = to.len();
        to.extend(RECORD_MAGIC);
        to.extend([0; 8]);
        match self {
            Record::Batch(batch) => {
                to.push(KIND_BATCH);
                push_name(to, Some(batch.name));
                let before = u8::from(batch.before_span.is_some());
                to.push(before | u8::from(batch.newest.is_some()) << 1);
                push_name(to, batch.before_span);
                to.extend(batch.newest.map_or(0, GatewayTime::millis).to_le_bytes());
                to.extend(batch.body);
            }
            Record::Position(name) => {
                to.push(KIND_POSITION);
                push_name(to, Some(*name));
            }
            Record::State(state) => {
                to.push(KIND_STATE);
                let StateRecord { position, spans, refused, marker } = state;
                to.push(u8::from(position.is_some()) | u8::from(spans.before.is_some()) << 1);
                push_name(to, *position);
                push_name(to, spans.before);
                to.extend((spans.ends.len() as u16).to_le_bytes());
                for SpanEnd { span, seq } in &spans.ends {
                    push_name(to, Some(BatchName { span: *span, seq: *seq }));
                }
                to.extend((refused.len() as u16).to_le_bytes());
                refused.iter().for_each(|name| push_name(to, Some(*name)));
                to.extend(marker);
            }
            Record::Seal(segment) => {
                to.push(KIND_SEAL);
                to.extend(segment.to_le_bytes());
            }
        }
        let length = (to.len() - begin - FRAME_BYTES) as u32;
        let sum = checksum(length, &to[begin + FRAME_BYTES..]);
        to[begin + 4..begin + 8].copy_from_slice(&length.to_le_bytes());
        to[begin + 8..begin + 12].copy_from_slice(&sum.to_le_bytes());
    }
}

/// Reads what stands at the begin of some bytes.
pub(super) fn read(bytes: &[u8]) -> Read<'_> {
    let Some(frame) = bytes.get(..FRAME_BYTES) else {
        let begins = RECORD_MAGIC.starts_with(&bytes[..bytes.len().min(RECORD_MAGIC.len())])
            || bytes.starts_with(&RECORD_MAGIC);
        return if begins { Read::Short(FRAME_BYTES) } else { Read::Damaged };
    };
    let mut fields = Fields(frame);
    let (Some(magic), Some(length), Some(sum)) = (fields.take(), fields.take(), fields.take())
    else {
        return Read::Damaged;
    };
    let length = u32::from_le_bytes(length);
    let whole = FRAME_BYTES + length as usize;
    if magic != RECORD_MAGIC || LONGEST_PAYLOAD < length as usize {
        return Read::Damaged;
    }
    let Some(payload) = bytes.get(FRAME_BYTES..whole) else { return Read::Short(whole) };
    if checksum(length, payload) != u32::from_le_bytes(sum) {
        return Read::Damaged;
    }
    payload_of(payload).map_or(Read::Damaged, |record| Read::Record(record, whole))
}

/// The next place after the first byte where a record may begin.
pub(super) fn next_begin(bytes: &[u8]) -> Option<usize> {
    let found = bytes.get(1..)?.windows(RECORD_MAGIC.len()).position(|at| at == RECORD_MAGIC);
    found.map(|place| place + 1)
}

fn payload_of(payload: &[u8]) -> Option<Record<'_>> {
    let mut fields = Fields(payload);
    let [kind] = fields.take()?;
    match kind {
        KIND_BATCH => {
            let name = fields.name()?;
            let [flags] = fields.take()?;
            let before = fields.name()?;
            let newest = i64::from_le_bytes(fields.take()?);
            Some(Record::Batch(BatchRecord {
                name,
                before_span: (flags & 1 != 0).then_some(before),
                newest: (flags & 2 != 0).then(|| GatewayTime::from_millis(newest)),
                body: fields.0,
            }))
        }
        KIND_POSITION => fields.name().map(Record::Position),
        KIND_STATE => {
            let [flags] = fields.take()?;
            let (position, before) = (fields.name()?, fields.name()?);
            let ends = fields.names()?.into_iter();
            let ends = ends.map(|BatchName { span, seq }| SpanEnd { span, seq }).collect();
            let refused = fields.names()?;
            Some(Record::State(StateRecord {
                position: (flags & 1 != 0).then_some(position),
                spans: Spans { before: (flags & 2 != 0).then_some(before), ends },
                refused,
                marker: fields.0.to_vec(),
            }))
        }
        KIND_SEAL => fields.take().map(|segment| Record::Seal(u64::from_le_bytes(segment))),
        _ => None,
    }
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length.to_le_bytes()), payload)
}

fn push_name(to: &mut Vec<u8>, name: Option<BatchName>) {
    to.extend(name.map_or(0, |name| name.span.bits()).to_le_bytes());
    to.extend(name.map_or(0, |name| name.seq).to_le_bytes());
}

/// Bytes from which fields are taken one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn name(&mut self) -> Option<BatchName> {
        let span = SpanId::from_bits(u64::from_le_bytes(self.take()?));
        Some(BatchName { span, seq: u64::from_le_bytes(self.take()?) })
    }

    fn names(&mut self) -> Option<Vec<BatchName>> {
        let count = u16::from_le_bytes(self.take()?);
        (0..count).map(|_| self.name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(span: u64, seq: u64) -> BatchName {
        BatchName { span: SpanId::from_bits(span), seq }
    }

    fn batch(body: &[u8]) -> Record<'_> {
        Record::Batch(BatchRecord {
            name: name(7, 3),
            before_span: Some(name(6, 9)),
            newest: Some(GatewayTime::from_millis(-5)),
            body,
        })
    }

    fn state() -> Record<'static> {
        Record::State(StateRecord {
            position: Some(name(6, 2)),
            spans: Spans {
                before: Some(name(5, 1)),
                ends: vec![SpanEnd { span: SpanId::from_bits(6), seq: 9 }],
            },
            refused: vec![name(6, 4)],
            marker: b"[{}]".to_vec(),
        })
    }

    fn bytes(record: &Record<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.write(&mut bytes);
        bytes
    }

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        for header in [
            Header { before: None, newest: None, restates: false },
            Header { before: None, newest: None, restates: true },
            Header {
                before: Some(name(1, 2)),
                newest: Some(GatewayTime::from_millis(3)),
                restates: false,
            },
        ] {
            assert_eq!(header.to_bytes().len(), HEADER_BYTES);
            assert_eq!(Header::from_bytes(&header.to_bytes()), Some(header));
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written_and_tells_its_length() {
        for record in
            [batch(b"[{}]"), batch(b""), Record::Position(name(7, 3)), state(), Record::Seal(9)]
        {
            let mut bytes = bytes(&record);
            let length = bytes.len();
            bytes.extend(b"what follows");
            assert_eq!(read(&bytes), Read::Record(record, length));
        }
    }

    #[test]
    fn a_record_that_is_cut_anywhere_is_short() {
        let whole = bytes(&batch(b"[{}]"));
        for length in 0..whole.len() {
            let needs = if length < FRAME_BYTES { FRAME_BYTES } else { whole.len() };
            assert_eq!(read(&whole[..length]), Read::Short(needs), "{length}");
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        for record in [batch(b"[{}]"), Record::Position(name(1, 1)), state()] {
            let whole = bytes(&record);
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!matches!(read(&flipped), Read::Record(..)), "bit {bit}");
            }
        }
        let header = Header { before: None, newest: None, restates: false }.to_bytes();
        for bit in 0..header.len() * 8 {
            let mut flipped = header.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::from_bytes(&flipped), None, "bit {bit}");
        }
    }

    #[test]
    fn the_next_record_is_found_behind_damage() {
        let mut bytes = bytes(&batch(b"[{}]"));
        let second = bytes.len();
        bytes.extend(super::tests::bytes(&Record::Position(name(1, 1))));
        bytes[20] ^= 1;
        assert_eq!(next_begin(&bytes), Some(second));
    }
}
