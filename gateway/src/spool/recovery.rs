//! Opens a lane of the spool after whatever has happened to it.
//!
//! ```text
//!  segment 7        segment 8 (the last)                            segment 9
//!  header ok        header ok                                       header: restates
//!  batch            batch                                    ──►    batch
//!  ▒▒▒ damage ▒▒▒   batch                                           batch
//!  batch            ▒▒▒ no record behind this: never durable ▒▒▒    the seal
//!       └── stays; a marker stands there when it is read
//! ```
//!
//! It always starts. What the last segment holds is written once more, into a new segment: after
//! a kill it may never have reached the disk, and after a flush that failed no later flush of the
//! same file says anything. Damage is copied as it is. Most of it was durable, and told so; so
//! the new segment takes the place of the old one only as a whole. Until its seal stands it is
//! nothing, and the old one is the last. A disk that has no room for it leaves the old one,
//! flushed; one that can do neither leaves everything pending.

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
        let mut numbers = storage.list()?;
        let mut lane = Lane {
            storage,
            labels,
            quota,
            segments: VecDeque::new(),
            spans: Spans::default(),
            marker: None,
            refused: Vec::new(),
            dead_letters: 0,
            brevity: 0,
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
        lane.pass_over_unbegun(&mut numbers);
        let (mut state, mut position) = (None, None);
        let mut latest: Option<Looked> = None;
        let mut replaced = Vec::new();
        for number in numbers {
            let looked = lane.look_at(number);
            match latest.take() {
                Some(earlier) if looked.restates(&earlier) => replaced.push(earlier.segment.number),
                Some(earlier) => lane.take_in_followed(earlier, &looked),
                None => {}
            }
            if looked.found.state.is_some() {
                (state, position) = (looked.found.state.clone(), None);
            }
            position = looked.found.position.or(position);
            latest = Some(looked);
        }
        if let Some(last) = latest {
            lane.take_in_last(last, replaced);
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

    /// Removes the last segments as far as they were never begun: what they would have held has
    /// never been durable, or still stands before them.
    fn pass_over_unbegun(&mut self, numbers: &mut Vec<SegmentNumber>) {
        while let Some((&number, earlier)) = numbers.split_last() {
            let Looked { segment, found, readable, .. } = self.look_at(number);
            let begun = match found.restates {
                // What it restates is removed only when the seal is durable.
                true => found.seal == Some(number) || !earlier.contains(&(number - 1)),
                false => found.state.is_some() && segment.before != Before::Damaged,
            };
            let counts = begun || (!found.restates && !found.batches.is_empty());
            if counts || !readable {
                return;
            }
            // If it cannot be removed, it is found and passed over again.
            let _ = self.storage.remove(number);
            numbers.pop();
        }
    }

    /// What stands in a segment, as far as it can be read.
    fn look_at(&mut self, number: SegmentNumber) -> Looked {
        let (bytes, readable) = match self.read_whole(number) {
            Some(bytes) => (bytes, true),
            None => (Vec::new(), false),
        };
        let header = Header::from_bytes(&bytes);
        let mut found = Found::in_records(bytes.get(HEADER_BYTES..).unwrap_or_default());
        found.restates = header.is_some_and(|header| header.restates);
        self.newest = self.newest.max(header.and_then(|header| header.newest));
        let before = header.map_or(Before::Damaged, |header| Before::Known(header.before));
        let length = match readable {
            true => bytes.len() as u64,
            false => self.storage.length(number).unwrap_or(HEADER_BYTES as u64),
        };
        let segment = Segment { length, ..Segment::begun(number, before) };
        Looked { segment, found, bytes, readable }
    }

    /// Takes in a segment behind which another one stands.
    fn take_in_followed(&mut self, earlier: Looked, next: &Looked) {
        let Looked { mut segment, mut found, readable, .. } = earlier;
        found.leave_over(segment.before, next.segment.before);
        if readable {
            segment.length = segment.length.min((HEADER_BYTES + found.end) as u64);
        }
        self.take_in(segment, &found);
    }

    /// Takes in a segment with what it holds.
    fn take_in(&mut self, mut segment: Segment, found: &Found) {
        if segment.before == Before::Damaged {
            tracing::error!(
                lane = %self.labels.lane,
                segment = segment.number,
                "A segment of the spool has a damaged header."
            );
        }
        if let Some(state) = &found.state {
            self.spans.remember(&state.spans);
        }
        if let Before::Known(Some(before)) = segment.before {
            self.spans.meet(before, None);
            self.reach(before);
        }
        for batch in &found.batches {
            self.spans.meet(batch.name, batch.before_span);
            segment.held += batch.bytes;
            segment.last = Some(batch.name);
            if self.reach(batch.name) {
                segment.batches += 1;
                self.depth += 1;
            }
            self.newest = self.newest.max(batch.newest);
            self.oldest = self.oldest.or(batch.newest);
        }
        self.segments.push_back(segment);
    }

    /// The lane reaches to this name; whether it did not before. What stands twice counts once.
    fn reach(&mut self, name: BatchName) -> bool {
        let further = !self.spans.is_passed(self.last, name);
        if further {
            self.last = Some(name);
        }
        further
    }

    /// Takes in the last segment by restating what it holds.
    fn take_in_last(&mut self, looked: Looked, mut replaced: Vec<SegmentNumber>) {
        let Looked { mut segment, mut found, bytes, readable } = looked;
        let (length, batches) = (segment.length, std::mem::take(&mut found.batches));
        segment.length = HEADER_BYTES as u64;
        self.take_in(segment.clone(), &found);
        if !readable {
            return self.claim_one();
        }
        let end = HEADER_BYTES + found.end;
        if (end as u64) < length {
            tracing::info!(
                lane = %self.labels.lane,
                bytes = length - end as u64,
                "The end of the spool was not durable and is cut away."
            );
        }
        self.pending.restated = true;
        self.pending.bytes.extend(bytes.get(HEADER_BYTES..end).unwrap_or_default());
        self.pending.batches.extend(batches.iter().map(FoundBatch::waiting));
        let begun = match segment.before {
            Before::Known(_) => self.begin_segment(),
            Before::Damaged => Err(io::Error::other("what stood before it is not known")),
        };
        if begun.is_ok() {
            self.segments.retain(|old| old.number != segment.number);
            replaced.push(segment.number);
            for number in replaced {
                // If it cannot be removed, it is found and passed over again.
                let _ = self.storage.remove(number);
            }
            return;
        }
        let segment = Segment { length, ..segment };
        if let Err(error) = self.flush_as_it_is(segment, end as u64, batches) {
            tracing::error!(
                lane = %self.labels.lane,
                %error,
                "The end of the spool cannot be made durable."
            );
        }
    }

    /// The disk takes no new segment: the last one, flushed and cut to its end, stays it.
    fn flush_as_it_is(
        &mut self,
        segment: Segment,
        end: u64,
        batches: Vec<FoundBatch>,
    ) -> io::Result<()> {
        // Sealed or not, nothing may take its place any more.
        self.storage.remove(segment.number + 1)?;
        if end < segment.length {
            self.storage.truncate(segment.number, end)?;
        }
        self.storage.sync(segment.number)?;
        self.pending = Pending::default();
        self.segments.pop_back();
        let found = Found { batches, ..Found::default() };
        self.take_in(Segment { length: end, ..segment }, &found);
        Ok(())
    }

    /// The last segment cannot be read: it is left as it is, and nothing is written behind it.
    /// That something was there is told by a marker for one batch, the next name.
    fn claim_one(&mut self) {
        if let Some(claimed) = self.last.map(BatchName::next) {
            self.spans.meet(claimed, None);
            self.last = Some(claimed);
        }
    }

    /// The bytes of a segment; nothing if the disk does not give them.
    fn read_whole(&mut self, number: SegmentNumber) -> Option<Vec<u8>> {
        for _ in 0..READ_ATTEMPTS {
            let whole = self.storage.length(number).and_then(|length| {
                self.storage.read(number, 0, usize::try_from(length).unwrap_or(usize::MAX))
            });
            match whole {
                Ok(bytes) => return Some(bytes),
                Err(error) => {
                    tracing::error!(lane = %self.labels.lane, segment = number, %error, "A segment of the spool cannot be read.");
                }
            }
        }
        None
    }
}

/// A segment that was looked at.
#[derive(Debug)]
struct Looked {
    segment: Segment,
    found: Found,
    bytes: Vec<u8>,
    /// Whether the disk gave its bytes.
    readable: bool,
}

impl Looked {
    /// Whether it stands in the place of the segment before it.
    fn restates(&self, earlier: &Looked) -> bool {
        self.found.restates && earlier.segment.number + 1 == self.segment.number
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
    /// It begins with a copy of another segment's records.
    restates: bool,
    /// The last seal in it: its own if the copy is whole.
    seal: Option<SegmentNumber>,
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

impl FoundBatch {
    fn waiting(&self) -> Waiting {
        let &FoundBatch { name, before_span, newest, .. } = self;
        Waiting { name, before_span, newest }
    }
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
                Record::Seal(segment) => found.seal = Some(segment),
                Record::Batch(BatchRecord { name, before_span, newest, .. }) => {
                    let bytes = size as u64;
                    found.batches.push(FoundBatch { name, before_span, newest, end: at, bytes });
                }
            }
        }
        found
    }

    fn begins_with(&self, name: BatchName) -> bool {
        self.batches.first().is_some_and(|first| first.name == name)
    }

    /// The next segment says what stood before it. Whatever stands behind that here was left
    /// over by a flush that failed, and was never durable, or stands there again.
    fn leave_over(&mut self, own: Before, next: Before) {
        let keep = match next {
            Before::Damaged => return,
            Before::Known(_) if next == own => 0,
            Before::Known(None) => 0,
            // Only claimed, when this segment could not be read: the marker was sent for all of it.
            Before::Known(Some(claimed)) if is_next(own, claimed) && !self.begins_with(claimed) => {
                0
            }
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

/// Whether a name follows right behind what stood before a segment.
fn is_next(own: Before, name: BatchName) -> bool {
    matches!(own, Before::Known(Some(before)) if before.next() == name)
}
