//! Opens a lane of the spool after whatever has happened to it.
//!
//! ```text
//!  segment 7        segment 8 (the last)
//!  header ok        header ok
//!  batch            batch
//!  ▒▒▒ damage ▒▒▒   batch
//!  batch            ▒▒▒ no record behind this ▒▒▒  ──► cut away: it was never durable
//!       └── stays; a marker stands there when it is read
//! ```
//!
//! It always starts. What is left of the last segment is flushed before it counts: after a
//! kill it may never have reached the disk. If that flush fails, the segment's batches are
//! pending again and go into a new one.

use std::collections::VecDeque;
use std::io;

use firegrid_wire::span::BatchName;
use firegrid_wire::time::GatewayTime;

use super::damage::MarkerLabels;
use super::gone::Gone;
use super::lane::{Before, Lane, Pending, Place, Position, Segment, Tail, Waiting};
use super::reading::next_record;
use super::record::{self, BatchRecord, HEADER_BYTES, Header, Read, Record, StateRecord};
use super::spans::Spans;
use super::storage::{SegmentNumber, Storage};
use crate::recorder::Recovered;

/// A read that fails so many times in a row is taken for damage.
const READ_ATTEMPTS: usize = 3;

impl<S: Storage> Lane<S> {
    /// Opens a lane. Fails only if its segments cannot even be listed.
    /// `quota` is how many bytes of batches it may hold.
    pub fn open(mut storage: S, labels: MarkerLabels, quota: u64) -> io::Result<Lane<S>> {
        let numbers = storage.list()?;
        let mut lane = Lane {
            storage,
            labels,
            quota,
            segments: VecDeque::new(),
            spans: Spans::default(),
            marker: None,
            refused: Vec::new(),
            dead_letters: 0,
            front: Place::default(),
            cursor: Place::default(),
            last: None,
            newest: None,
            pending: Pending::default(),
            tail: Tail::Doubtful,
            position: Position { name: None, is_written: true },
            depth: 0,
            oldest: None,
            failed_reads: 0,
            last_marker: None,
        };
        let (mut state, mut position) = (None, None);
        let mut previous: Option<(Segment, Found)> = None;
        for (place, number) in numbers.iter().enumerate() {
            let is_last = place + 1 == numbers.len();
            let Some((segment, found, bytes)) = lane.look_at(*number, is_last) else { continue };
            if let Some((mut earlier, mut had)) = previous.take() {
                had.leave_over(earlier.before, segment.before);
                earlier.length = earlier.length.min((HEADER_BYTES + had.end) as u64);
                lane.take_in(earlier, &had);
            }
            if found.state.is_some() {
                (state, position) = (found.state.clone(), None);
            }
            position = found.position.or(position);
            if is_last {
                lane.take_in_last(segment, &bytes, &found);
            } else {
                previous = Some((segment, found));
            }
        }
        if let Some((segment, found)) = previous {
            // The last file was never begun, so this segment is the last one.
            let bytes = lane.read_whole(segment.number);
            lane.take_in_last(segment, &bytes, &found);
        }
        lane.take_up(state.unwrap_or_default(), position);
        Ok(lane)
    }

    /// Stands again as the lane stood, receipted up to the position.
    fn take_up(&mut self, state: StateRecord, position: Option<BatchName>) {
        self.refused = state.refused;
        // Segments behind a marker are removed only when it is receipted, even if a crash came
        // before that was written down.
        let first = self.segments.front().map(|first| first.before);
        self.marker = Gone::of_marker(&state.marker).filter(|gone| match first {
            Some(Before::Known(Some(before))) => self.spans.is_passed(Some(gone.last), before),
            Some(Before::Known(None) | Before::Damaged) | None => true,
        });
        if let Some(gone) = &self.marker {
            let last = gone.last;
            // A crash may have come between the marker and the removal of what it stands for.
            let stale = |pair: &[Segment]| match pair[1].before {
                Before::Known(Some(before)) => self.spans.is_passed(Some(last), before),
                Before::Known(None) | Before::Damaged => false,
            };
            let segments = self.segments.make_contiguous();
            let batches: u64 =
                segments.windows(2).filter(|pair| stale(pair)).map(|pair| pair[0].batches).sum();
            self.depth = self.depth.saturating_sub(batches) + 1;
            self.oldest = gone.until.or(self.oldest);
        }
        if let Some(position) = position.or(state.position) {
            self.receipt(position);
        }
        self.remove_forgotten();
        self.rewind();
        self.position.is_written = true;
    }

    /// What stands in the lane, durable or not, for the recorder of a new run.
    pub fn recovered(&self) -> Recovered {
        Recovered { last: self.last_name(), newest: self.newest_time() }
    }

    /// The last name that stands in the lane, durable or not.
    pub(super) fn last_name(&self) -> Option<BatchName> {
        self.pending.batches.last().map(|batch| batch.name).or(self.last)
    }

    /// The newest gateway time in the lane, durable or not.
    pub(super) fn newest_time(&self) -> Option<GatewayTime> {
        let pending = self.pending.batches.iter().map(|batch| batch.newest).max();
        self.newest.max(pending.flatten())
    }

    /// What stands in a segment. None if it was never begun: what it would have held has never
    /// been durable.
    fn look_at(
        &mut self,
        number: SegmentNumber,
        is_last: bool,
    ) -> Option<(Segment, Found, Vec<u8>)> {
        let bytes = self.read_whole(number);
        let header = Header::from_bytes(&bytes);
        let found = Found::in_records(bytes.get(HEADER_BYTES..).unwrap_or_default());
        let begun = header.is_some() && found.state.is_some();
        if !begun && is_last && found.batches.is_empty() {
            // If it cannot be removed, it is found and passed over again.
            let _ = self.storage.remove(number);
            return None;
        }
        if header.is_none() {
            tracing::error!(
                lane = %self.labels.lane,
                segment = number,
                "A segment of the spool has a damaged header."
            );
        }
        self.newest = self.newest.max(header.and_then(|header| header.newest));
        let before = header.map_or(Before::Damaged, |header| Before::Known(header.before));
        let segment = Segment { length: bytes.len() as u64, ..Segment::begun(number, before) };
        Some((segment, found, bytes))
    }

    /// Takes in a segment with what it holds.
    fn take_in(&mut self, mut segment: Segment, found: &Found) {
        if let Some(state) = &found.state {
            self.spans.remember(&state.spans);
        }
        if let Before::Known(Some(before)) = segment.before {
            self.spans.meet(before, None);
            self.last = Some(before);
        }
        for batch in &found.batches {
            self.spans.meet(batch.name, batch.before_span);
            segment.held += batch.bytes;
            segment.batches += 1;
            segment.last = Some(batch.name);
            self.depth += 1;
            self.last = Some(batch.name);
            self.newest = self.newest.max(batch.newest);
            self.oldest = self.oldest.or(batch.newest);
        }
        self.segments.push_back(segment);
    }

    /// Takes in the last segment: its end is cut away as far as it holds no record, and the
    /// rest is flushed.
    fn take_in_last(&mut self, mut segment: Segment, bytes: &[u8], found: &Found) {
        let number = segment.number;
        let end = HEADER_BYTES + found.end;
        let cut = if (end as u64) < segment.length {
            tracing::info!(
                lane = %self.labels.lane,
                bytes = segment.length - end as u64,
                "The end of the spool was not durable and is cut away."
            );
            self.storage.truncate(number, end as u64)
        } else {
            Ok(())
        };
        match cut.and_then(|()| self.storage.sync(number)) {
            Ok(()) => {
                segment.length = end as u64;
                self.take_in(segment, found);
                self.tail = Tail::Sound;
            }
            Err(error) => {
                tracing::error!(
                    lane = %self.labels.lane,
                    %error,
                    "The end of the spool cannot be made durable."
                );
                for batch in &found.batches {
                    let &FoundBatch { name, before_span, newest, end, bytes: size } = batch;
                    let end = HEADER_BYTES + end;
                    let record = bytes.get(end - size as usize..end).unwrap_or_default();
                    self.pending.bytes.extend(record);
                    self.pending.batches.push(Waiting { name, before_span, newest });
                }
                segment.length = HEADER_BYTES as u64;
                let state = found.state.clone();
                self.take_in(segment, &Found { state, ..Found::default() });
            }
        }
    }

    /// The bytes of a segment, as far as they can be read at all.
    fn read_whole(&mut self, number: SegmentNumber) -> Vec<u8> {
        for _ in 0..READ_ATTEMPTS {
            let whole = self.storage.length(number).and_then(|length| {
                self.storage.read(number, 0, usize::try_from(length).unwrap_or(usize::MAX))
            });
            match whole {
                Ok(bytes) => return bytes,
                Err(error) => {
                    tracing::error!(lane = %self.labels.lane, segment = number, %error, "A segment of the spool cannot be read.");
                }
            }
        }
        Vec::new()
    }
}

/// What stands in a segment behind its header.
#[derive(Debug, Default)]
struct Found {
    batches: Vec<FoundBatch>,
    /// How the lane stood, when that was written last.
    state: Option<StateRecord>,
    /// The position, if it was written after that.
    position: Option<BatchName>,
    /// Where the last record ends.
    end: usize,
}

/// A batch of a segment, without its bytes.
#[derive(Debug)]
struct FoundBatch {
    name: BatchName,
    before_span: Option<BatchName>,
    newest: Option<GatewayTime>,
    /// Where its record ends.
    end: usize,
    /// How long its record is.
    bytes: u64,
}

impl Found {
    fn in_records(bytes: &[u8]) -> Found {
        let mut found = Found::default();
        let mut at = 0;
        while at < bytes.len() {
            let (record, size) = match record::read(&bytes[at..]) {
                Read::Record(record, size) => (record, size),
                Read::Short(_) | Read::Damaged => match next_record(&bytes[at..]) {
                    Some(passed) => {
                        at += passed;
                        continue;
                    }
                    None => return found,
                },
            };
            at += size;
            found.end = at;
            match record {
                Record::Position(name) => found.position = Some(name),
                Record::State(state) => {
                    (found.state, found.position) = (Some(state), None);
                }
                Record::Batch(BatchRecord { name, before_span, newest, .. }) => {
                    let bytes = size as u64;
                    found.batches.push(FoundBatch { name, before_span, newest, end: at, bytes });
                }
            }
        }
        found
    }

    /// The next segment says what stood before it. Whatever stands behind that here was left
    /// over by a flush that failed, and was never durable.
    fn leave_over(&mut self, own: Before, next: Before) {
        let keep = match next {
            Before::Damaged => return,
            Before::Known(_) if next == own => 0,
            Before::Known(None) => 0,
            Before::Known(Some(last)) => {
                let is_behind = |name: BatchName| name.span == last.span && last.seq < name.seq;
                match self.batches.iter().position(|batch| batch.name == last) {
                    Some(place) => place + 1,
                    None => self
                        .batches
                        .iter()
                        .position(|batch| is_behind(batch.name))
                        .unwrap_or(self.batches.len()),
                }
            }
        };
        if keep < self.batches.len() {
            self.batches.truncate(keep);
            self.end = self.batches.last().map_or(0, |batch| batch.end);
        }
    }
}
