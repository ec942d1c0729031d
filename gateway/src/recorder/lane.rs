//! One lane of the recorder: what is collected, what it vouches for, and how it is cut.
//!
//! ```text
//!            every device polled or failed           a batch tells it
//!  Broken ────────────────────────────────► Resumed ─────────────────► Standing
//!    ▲   (each of them since the break)                                   │
//!    └────────── a pause between two polls, or more changes ◄─────────────┘
//!                than can wait for a disk that stands still
//! ```
//!
//! *Broken*: nothing is vouched for; batches carry no stretch. *Resumed*: a new stretch has
//! begun and no batch has told so; one is cut at once, with readings or without. *Standing*:
//! every batch goes on where the last one ended.

use std::collections::VecDeque;

use firegrid_wire::beat::LaneBeat;
use firegrid_wire::pack::{After, Head, PackWriter, RefreshPiece, Stretch};
use firegrid_wire::reading::Reading;
use firegrid_wire::span::{BatchName, Lane, Seq, SpanId};
use firegrid_wire::time::{GatewayTime, Millis};

use super::contacts::{Contact, Contacts, Poll};
use super::points::Points;
use super::{Batch, Labels};
use crate::clock::Uptime;
use crate::inventory::{DeviceIndex, Inventory};

/// Batches given to the spool and not durable yet. A disk that stands still for longer than
/// these makes the lane wait; 64 of at most 8 KiB are half a MiB.
pub(super) const OUTSTANDING_BATCHES: usize = 64;

/// Readings that wait for a disk that stands still. When they are full they are let go, the
/// stretch breaks, and a refresh tells how things stand once the disk is back.
pub(super) const COLLECTED_READINGS: usize = 8_192;

/// Routine changes are collected for this long, so that one flush serves many.
const COLLECT_FOR: Millis = Millis::new(200);

/// Numbers of wanted refreshes that are remembered as answered.
const ANSWERED_WANTS: usize = 8;

/// The book of one lane.
#[derive(Debug)]
pub(super) struct LaneBook {
    lane: Lane,
    span: SpanId,
    contacts: Contacts,
    /// The number of the last batch of this span.
    seq: Seq,
    /// The last batch that was given to the spool, of whatever span.
    last: Option<BatchName>,
    /// What stood before the first batch of this span.
    before_span: Option<BatchName>,
    outstanding: VecDeque<Outstanding>,
    durable: Option<BatchName>,
    vouching: Vouching,
    /// Up to where batches have vouched, in this span.
    vouched: Option<GatewayTime>,
    /// Up to where beats have vouched, in this span.
    told: Option<GatewayTime>,
    collected: Vec<Reading>,
    flush_at: Option<Uptime>,
    refresh: Refresh,
    wanted: Option<u64>,
    answered: VecDeque<u64>,
    /// Bytes that a refresh of the lane may take.
    refresh_bytes: u64,
    /// Bytes that the spool takes before it lets go of its oldest batches, if that is known.
    room: Option<u64>,
}

/// A batch that was given to the spool and is not durable yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outstanding {
    name: BatchName,
    since: Uptime,
    until: Option<GatewayTime>,
}

/// What the lane vouches for; the picture above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vouching {
    Broken { since: GatewayTime },
    Resumed { from: GatewayTime },
    Standing,
}

/// What a refresh under way is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refresh {
    /// Single devices that returned. All its pieces say that more follow, because the lane as
    /// a whole is not told.
    OfDevices,
    /// The whole lane; it is complete when no device is awaited.
    OfLane,
}

impl LaneBook {
    /// A book of a lane in whose spool `last` stood last.
    pub(super) fn new(lane: Lane, inventory: &Inventory, last: Option<BatchName>) -> LaneBook {
        LaneBook {
            lane,
            span: SpanId::from_bits(0),
            contacts: Contacts::of(lane, inventory),
            seq: 0,
            last,
            before_span: None,
            outstanding: VecDeque::new(),
            durable: None,
            vouching: Vouching::Broken { since: GatewayTime::from_millis(0) },
            vouched: None,
            told: None,
            collected: Vec::new(),
            flush_at: None,
            refresh: Refresh::OfDevices,
            wanted: None,
            answered: VecDeque::new(),
            refresh_bytes: inventory.refresh_bytes(lane),
            room: None,
        }
    }

    /// A span begins. Whatever was collected has been cut before.
    pub(super) fn born(&mut self, span: SpanId, begin: GatewayTime) {
        self.span = span;
        self.seq = 0;
        self.before_span = self.last;
        self.vouching = Vouching::Broken { since: begin };
        (self.vouched, self.told) = (None, None);
        self.collected.clear();
        self.flush_at = None;
        let nobody = self.contacts.is_empty();
        self.refresh = if nobody { Refresh::OfDevices } else { Refresh::OfLane };
        self.contacts.born(begin);
    }

    /// The box has other devices from now on; a span begins with them at once. Of those that
    /// are `kept`, under an old and a new number, it stays known which have failed.
    pub(super) fn exchange(&mut self, inventory: &Inventory, kept: &[(DeviceIndex, DeviceIndex)]) {
        let mut contacts = Contacts::of(self.lane, inventory);
        contacts.go_on(&self.contacts, kept);
        self.contacts = contacts;
        self.refresh_bytes = inventory.refresh_bytes(self.lane);
    }

    /// What a poll at this time means, and the time under which it counts. `None` if the device
    /// has no points here. One break is enough for all devices that were not polled meanwhile.
    pub(super) fn poll(&self, device: DeviceIndex, at: GatewayTime) -> Option<(Poll, GatewayTime)> {
        let (poll, at) = self.contacts.poll(device, at)?;
        let poll = match (poll, self.vouching) {
            (Poll::AfterPause { since: pause }, Vouching::Broken { since }) if pause < since => {
                Poll::Next
            }
            (
                Poll::Returned | Poll::Next | Poll::AfterPause { .. },
                Vouching::Broken { .. } | Vouching::Resumed { .. } | Vouching::Standing,
            ) => poll,
        };
        Some((poll, at))
    }

    /// Nothing is vouched for between the last poll and this moment.
    pub(super) fn break_stretch(&mut self, now: GatewayTime) {
        self.vouching = Vouching::Broken { since: now };
    }

    /// A reading waits for the next batch.
    pub(super) fn collect(&mut self, reading: Reading, now: Uptime) {
        self.collected.push(reading);
        let due = match self.lane {
            Lane::Urgent => now,
            Lane::Routine => now.plus(COLLECT_FOR),
        };
        self.flush_at = Some(self.flush_at.map_or(due, |earlier| earlier.min(due)));
    }

    /// A device was polled completely; what changed has been collected.
    pub(super) fn polled(&mut self, device: DeviceIndex, poll: Poll, at: GatewayTime) {
        self.contacts.polled(device, poll, at);
        self.consider_resuming();
    }

    /// A device is reported as failed; the time its `comm` reading must carry, if it has to be
    /// collected now.
    pub(super) fn failed(&mut self, device: DeviceIndex, at: GatewayTime) -> Option<GatewayTime> {
        let time = self.contacts.failed(device, at);
        self.consider_resuming();
        time
    }

    /// So many bytes find room in the spool.
    pub(super) fn room(&mut self, bytes: Option<u64>) {
        self.room = bytes;
    }

    /// The centre wants a refresh. Each number is answered once.
    pub(super) fn want(&mut self, number: u64) {
        if !self.answered.contains(&number) {
            self.wanted = Some(number);
        }
    }

    /// Everything up to this batch is durable.
    pub(super) fn durable(&mut self, name: BatchName) {
        if let Some(place) = self.outstanding.iter().position(|batch| batch.name == name) {
            let current = |batch: &Outstanding| batch.name.span == self.span;
            let durable = self.outstanding.drain(..=place).filter(current);
            self.told = self.told.max(durable.filter_map(|batch| batch.until).max());
            self.durable = Some(name);
        }
    }

    /// Whether more waits for the disk than may be added to.
    pub(super) fn is_stuck(&self) -> bool {
        OUTSTANDING_BATCHES <= self.outstanding.len()
    }

    /// Whether readings had to be let go, because the disk stands still. What was let go is
    /// told by a refresh, and the stretch is broken.
    pub(super) fn let_go(&mut self, now: GatewayTime) -> bool {
        if !self.is_stuck() || self.collected.len() < COLLECTED_READINGS {
            return false;
        }
        self.collected.clear();
        self.owe_everything();
        self.break_stretch(now);
        true
    }

    /// Since when the spool owes durability.
    pub(super) fn waits_since(&self) -> Option<Uptime> {
        self.outstanding.front().map(|batch| batch.since)
    }

    /// Batches given to the spool that are not durable.
    pub(super) fn waiting(&self) -> u64 {
        self.outstanding.len() as u64
    }

    /// When the lane has something to cut.
    pub(super) fn deadline(&self) -> Option<Uptime> {
        self.flush_at.filter(|_| !self.is_stuck())
    }

    /// What a beat may say: `head` and `until` are read together.
    pub(super) fn beat(&mut self) -> LaneBeat {
        let Some(head) = self.durable.filter(|name| name.span == self.span) else {
            return LaneBeat::default();
        };
        if self.nothing_pending() {
            self.told = self.told.max(self.contacts.oldest_poll());
        }
        LaneBeat { head: Some(head), until: self.told }
    }

    /// Cuts whatever is due.
    pub(super) fn settle(
        &mut self,
        points: &mut Points,
        labels: &Labels,
        now: Uptime,
        batches: &mut Vec<Batch>,
    ) {
        if self.is_stuck() {
            return;
        }
        self.answer_want();
        let flush = self.flush_at.is_some_and(|due| due <= now);
        if flush || self.owes() || matches!(self.vouching, Vouching::Resumed { .. }) {
            self.cut_all(points, labels, now, batches);
        }
    }

    /// Cuts whatever is collected, due or not: a span or a run ends.
    pub(super) fn cut_collected(&mut self, labels: &Labels, now: Uptime, to: &mut Vec<Batch>) {
        self.flush_at = None;
        let pieces = pieces_of(std::mem::take(&mut self.collected));
        self.append(pieces.into_iter().map(|piece| (piece, None)).collect(), labels, now, to);
    }

    fn cut_all(
        &mut self,
        points: &mut Points,
        labels: &Labels,
        now: Uptime,
        batches: &mut Vec<Batch>,
    ) {
        self.flush_at = None;
        let changes = pieces_of(std::mem::take(&mut self.collected));
        let mut pieces: Vec<_> = changes.into_iter().map(|piece| (piece, None)).collect();
        if self.owes() {
            let refreshed = pieces_of(self.refreshed(points));
            pieces.extend(refreshed.into_iter().map(|piece| (piece, Some(RefreshPiece::More))));
            if self.refresh == Refresh::OfLane && !self.contacts.awaits() {
                self.refresh = Refresh::OfDevices;
                match pieces.last_mut() {
                    Some((_, label)) => *label = Some(RefreshPiece::Last),
                    None => pieces.push((Vec::new(), Some(RefreshPiece::Last))),
                }
            }
        }
        if pieces.is_empty() && matches!(self.vouching, Vouching::Resumed { .. }) {
            pieces.push((Vec::new(), None));
        }
        self.append(pieces, labels, now, batches);
    }

    /// Gives pieces to the spool. Only the last one vouches: the others end somewhere in it.
    fn append(
        &mut self,
        pieces: Vec<(Vec<Reading>, Option<RefreshPiece>)>,
        labels: &Labels,
        now: Uptime,
        batches: &mut Vec<Batch>,
    ) {
        let count = pieces.len();
        for (place, (mut readings, refresh)) in pieces.into_iter().enumerate() {
            readings.sort_by_key(|reading| reading.time);
            let stretch = if place + 1 == count { self.vouch() } else { None };
            self.seq += 1;
            let name = BatchName { span: self.span, seq: self.seq };
            let head = Head {
                gateway: labels.gateway.clone(),
                lane: self.lane,
                name,
                after: (self.seq == 1)
                    .then(|| self.before_span.map_or(After::Nothing, After::Batch)),
                stretch,
                catalogue: labels.catalogue.clone(),
                refresh,
                marker: None,
            };
            let newest = readings
                .last()
                .map(|reading| reading.time)
                .max(stretch.map(|stretch| stretch.until));
            let mut writer = PackWriter::default();
            for reading in &readings {
                let fits = writer.push(reading);
                debug_assert!(fits, "it was measured before");
            }
            batches.push(Batch {
                lane: self.lane,
                name,
                before_span: self.before_span,
                newest,
                body: writer.finish(&head),
            });
            let until = stretch.map(|stretch| stretch.until);
            self.outstanding.push_back(Outstanding { name, since: now, until });
            self.last = Some(name);
        }
    }

    /// The stretch that a batch cut now vouches for.
    fn vouch(&mut self) -> Option<Stretch> {
        let until = self.contacts.oldest_poll().filter(|_| !self.owes())?;
        let from = match self.vouching {
            Vouching::Broken { .. } => return None,
            Vouching::Resumed { from } => from,
            Vouching::Standing => self.vouched.unwrap_or(until),
        };
        if until < from {
            return None;
        }
        self.vouching = Vouching::Standing;
        self.vouched = Some(until);
        Some(Stretch { from, until })
    }

    /// The refresh of the devices that owe one: fire-class points first, each device's `comm`
    /// after its points.
    fn refreshed(&mut self, points: &mut Points) -> Vec<Reading> {
        let (mut fires, mut others, mut comms) = (Vec::new(), Vec::new(), Vec::new());
        for (device, contact) in self.contacts.settle() {
            match contact {
                Contact::Awaited => {}
                Contact::Answers { polled } => {
                    for reading in points.send_all(device, self.lane, polled) {
                        let fire_class = reading.value.is_fire_class();
                        if fire_class { &mut fires } else { &mut others }.push(reading);
                    }
                    comms.push(points.comm(device, true, polled));
                }
                Contact::Failed { polled, since } => {
                    comms.push(points.comm(device, false, polled.unwrap_or(since)));
                }
            }
        }
        fires.append(&mut others);
        fires.append(&mut comms);
        fires
    }

    fn answer_want(&mut self) {
        if self.contacts.awaits() || self.refresh == Refresh::OfLane {
            return;
        }
        // One that pushed out what stands before it would only be wanted again.
        if self.room.is_some_and(|room| room < self.refresh_bytes) {
            return;
        }
        let Some(number) = self.wanted.take() else { return };
        self.answered.truncate(ANSWERED_WANTS - 1);
        self.answered.push_front(number);
        self.owe_everything();
    }

    fn owe_everything(&mut self) {
        self.refresh = Refresh::OfLane;
        self.contacts.owe_everything();
    }

    /// A new stretch begins as soon as every device was polled since the break, or failed.
    fn consider_resuming(&mut self) {
        if let Vouching::Broken { since } = self.vouching
            && let Some(oldest) = self.contacts.oldest_poll()
            && since <= oldest
        {
            self.vouching = Vouching::Resumed { from: oldest };
        }
    }

    /// Whether a refresh has yet to be cut; one of a lane without devices has no readings.
    fn owes(&self) -> bool {
        let whole = self.contacts.is_empty() && self.refresh == Refresh::OfLane;
        whole || self.contacts.owe()
    }

    fn nothing_pending(&self) -> bool {
        self.outstanding.is_empty()
            && self.collected.is_empty()
            && !self.owes()
            && self.vouching == Vouching::Standing
    }
}

/// Cuts readings into what fits into batches.
fn pieces_of(readings: Vec<Reading>) -> Vec<Vec<Reading>> {
    let (mut pieces, mut piece) = (Vec::new(), Vec::new());
    let mut measure = PackWriter::default();
    for reading in readings {
        if !measure.push(&reading) {
            pieces.push(std::mem::take(&mut piece));
            measure = PackWriter::default();
            measure.push(&reading);
        }
        piece.push(reading);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
