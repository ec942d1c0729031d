//! Turns what the lines say into numbered batches and beats.
//!
//! Sits between the lines and the spool, and is a pure state machine: news, what has become
//! durable, what the centre wants, the wall clock and the passing of time go in; batches to
//! append and beats to send come out, with the next moment at which it must be woken. Uptime
//! becomes gateway time here and nowhere else.
//!
//! ```text
//!  News ──► worth sending? ──► collected ──► batch  span/1, span/2, span/3 …  ──► spool
//!              │                               └─ vouches from .. until
//!              └── a fire-class state moved ──► beat, at once, spool or no spool
//! ```
//!
//! What it promises, per lane: numbers without holes in every span; stretches that never
//! overlap and never run backwards; no `until` in a beat that is not durable; every change in
//! exactly one batch. A span begins with each run and with each step of the wall clock, and
//! every span begins with a refresh.
//!
//! It never waits. If the disk stands still it holds a bounded number of changes, then lets
//! them go, vouches for nothing, and tells by a refresh how things stand.

mod contacts;
mod lane;
mod points;
mod span_clock;

use std::sync::Arc;

use firegrid_wire::beat::{Beat, Clock, SpoolHealth};
use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::limits::{BEAT_ALARMS, BEAT_EVERY_MS, IMMEDIATE_BEAT_ALARMS};
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::time::{GatewayTime, Millis};

pub use span_clock::{SpanClock, WallClock};

use crate::clock::Uptime;
use crate::inventory::{DeviceIndex, Inventory};
use crate::poll::{News, Observation};
use contacts::Poll;
use lane::LaneBook;
use points::Points;

/// A batch that is not durable for this long means that the spool fails.
const SLOWEST_FLUSH: Millis = Millis::seconds(1);

/// The state machine. One per box and run.
#[derive(Debug)]
pub struct Recorder {
    labels: Labels,
    points: Points,
    lanes: PerLane<LaneBook>,
    clock: SpanClock,
    /// The latest gateway time that is taken: spool, build date, whatever was given out.
    newest: GatewayTime,
    spool: PerLane<Standing>,
    /// How often another client took over the connection of this box's id.
    taken_over: u32,
    next_beat: Uptime,
}

/// What every batch of a run carries.
#[derive(Debug, Clone)]
pub struct Labels {
    /// Whose batches they are.
    pub gateway: GatewayId,
    /// The hash of the inventory's catalogue.
    pub catalogue: CatalogueHash,
}

/// What the box has from now on.
#[derive(Debug)]
pub struct Exchange {
    /// Its devices and points.
    pub inventory: Arc<Inventory>,
    /// What every batch carries.
    pub labels: Labels,
    /// The devices that are read on without a break: their number so far, and from now on.
    pub kept: Vec<(DeviceIndex, DeviceIndex)>,
}

/// What the spool had when the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// The last name that stood in the lane, receipted or not.
    pub last: Option<BatchName>,
    /// The newest gateway time in the lane.
    pub newest: Option<GatewayTime>,
}

/// How a lane of the spool stands, for the beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Whether the last flush failed or was slow.
    pub failing: bool,
    /// Durable batches without a receipt.
    pub depth: u64,
    /// The newest time in the oldest of them.
    pub oldest: Option<GatewayTime>,
    /// Bytes that find room before the oldest batches become a marker, if that is known.
    pub room: Option<u64>,
    /// Batches that the broker refused in this run.
    pub dead_letters: u32,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// This batch goes into its lane of the spool.
    Append(Batch),
    /// This beat goes out, if there is a connection.
    Beat(OutgoingBeat),
    /// Changes of this lane were let go, because the disk stands still. A refresh will follow.
    LetGo(Lane),
}

/// A batch on its way into the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its lane.
    pub lane: Lane,
    /// Its name.
    pub name: BatchName,
    /// What stood in the lane before its span.
    pub before_span: Option<BatchName>,
    /// The newest gateway time in it, if it holds any.
    pub newest: Option<GatewayTime>,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// A beat on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingBeat {
    /// What it says.
    pub beat: Beat,
    /// When, in the time of its span.
    pub sent: GatewayTime,
    /// Why it is sent now.
    pub occasion: Occasion,
}

/// Why a beat is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// Ten seconds have passed, or a connection stands. The centre answers these.
    Regular,
    /// A fire-class state has moved.
    Immediate,
}

impl Recorder {
    /// A recorder whose first span is born now. `floor` is the build date.
    pub fn new(
        inventory: Arc<Inventory>,
        labels: Labels,
        recovered: PerLane<Recovered>,
        floor: GatewayTime,
        now: Uptime,
        wall: GatewayTime,
        span: SpanId,
    ) -> Recorder {
        let newest = Lane::ALL
            .into_iter()
            .filter_map(|lane| recovered[lane].newest)
            .fold(floor, GatewayTime::max);
        let clock = SpanClock::born(span, now, wall, newest);
        let mut lanes =
            PerLane::from_fn(|lane| LaneBook::new(lane, &inventory, recovered[lane].last));
        Lane::ALL.into_iter().for_each(|lane| lanes[lane].born(span, clock.begin()));
        Recorder {
            labels,
            points: Points::new(inventory),
            lanes,
            clock,
            newest,
            spool: PerLane::default(),
            taken_over: 0,
            next_beat: now,
        }
    }

    /// How many points are fire-class, and the names of the first of them.
    pub fn alarms(&self, most: usize) -> (u32, Vec<String>) {
        let (alarms, count) = self.points.alarms(most);
        (count, alarms.into_iter().map(|alarm| alarm.n.to_string()).collect())
    }

    /// The clock of the current span, for whoever must tell gateway time.
    pub fn clock(&self) -> SpanClock {
        self.clock
    }

    /// Takes news of a device.
    pub fn news(&mut self, news: News, now: Uptime, outputs: &mut Vec<Output>) {
        let fire_class_moved = match news {
            News::Polled { device, lane, at, changed } => {
                self.polled(device, lane, at, &changed, now, outputs)
            }
            News::Ahead { device, at, changed } => self.ahead(device, at, &changed, now),
            News::Lost { device, at } => {
                self.lost(device, at, now);
                false
            }
        };
        if fire_class_moved {
            self.beat(Occasion::Immediate, now, outputs);
        }
        self.settle(now, outputs);
    }

    /// Everything of the lane up to this batch has become durable.
    pub fn durable(&mut self, lane: Lane, name: BatchName, now: Uptime, outputs: &mut Vec<Output>) {
        self.lanes[lane].durable(name);
        self.settle(now, outputs);
    }

    /// How a lane of the spool stands. The next beat tells it.
    pub fn standing(&mut self, lane: Lane, standing: Standing) {
        self.spool[lane] = standing;
        self.lanes[lane].room(standing.room);
    }

    /// The centre wants a refresh of a lane.
    pub fn want(&mut self, lane: Lane, number: u64, now: Uptime, outputs: &mut Vec<Output>) {
        self.lanes[lane].want(number);
        self.settle(now, outputs);
    }

    /// Another client has taken over the connection of this box's id: every beat tells it.
    pub fn taken_over(&mut self) {
        self.taken_over = self.taken_over.saturating_add(1);
    }

    /// A connection stands: it begins with a beat.
    pub fn connected(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        self.beat(Occasion::Regular, now, outputs);
    }

    /// Takes what the wall clock says. If it has stepped, the span `next` is born.
    pub fn wall(
        &mut self,
        now: Uptime,
        wall: GatewayTime,
        next: SpanId,
        outputs: &mut Vec<Output>,
    ) -> WallClock {
        let compared = self.clock.compare(now, wall);
        match compared {
            WallClock::Follows => {}
            WallClock::Stepped => self.born(next, now, wall, outputs),
        }
        compared
    }

    /// The box has other devices or points from now on: the span `next` is born with them, and
    /// vouches for nothing before each of them is polled or reported. What was collected goes
    /// out as it was meant. Devices that are `kept`, under an old and a new number, must have the
    /// same points in the same order; of them it stays known what they said last.
    pub fn exchange(
        &mut self,
        Exchange { inventory, labels, kept }: Exchange,
        now: Uptime,
        wall: GatewayTime,
        next: SpanId,
        outputs: &mut Vec<Output>,
    ) {
        self.cut_collected(now, outputs);
        for lane in Lane::ALL {
            self.lanes[lane].exchange(&inventory, &kept);
        }
        self.points.exchange(inventory, &kept);
        self.labels = labels;
        self.born(next, now, wall, outputs);
    }

    /// Does what the passing of time asks for.
    pub fn tick(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        self.settle(now, outputs);
        if self.next_beat <= now {
            self.beat(Occasion::Regular, now, outputs);
        }
    }

    /// The run ends: whatever is collected is cut.
    pub fn finish(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        self.settle(now, outputs);
        self.cut_collected(now, outputs);
    }

    /// When it must be woken by [`Recorder::tick`].
    pub fn deadline(&self) -> Uptime {
        Lane::ALL
            .into_iter()
            .filter_map(|lane| self.lanes[lane].deadline())
            .fold(self.next_beat, Uptime::min)
    }

    fn polled(
        &mut self,
        device: DeviceIndex,
        lane: Lane,
        at: Uptime,
        changed: &[Observation],
        now: Uptime,
        outputs: &mut Vec<Output>,
    ) -> bool {
        let Some((poll, time)) = self.lanes[lane].poll(device, self.clock.at(at)) else {
            return false;
        };
        if matches!(poll, Poll::AfterPause { .. }) {
            // What was collected still belongs to what was vouched for before the pause.
            let mut batches = Vec::new();
            self.lanes[lane].cut_collected(&self.labels, now, &mut batches);
            self.give_out(batches, outputs);
            self.lanes[lane].break_stretch(time);
        }
        let moved = self.take(lane, changed, time, poll != Poll::Returned, now);
        if lane == Lane::Urgent {
            for reading in self.points.released(device, time) {
                self.lanes[lane].collect(reading, now);
            }
        }
        self.lanes[lane].polled(device, poll, time);
        moved
    }

    fn ahead(
        &mut self,
        device: DeviceIndex,
        at: Uptime,
        changed: &[Observation],
        now: Uptime,
    ) -> bool {
        let lane = Lane::Urgent;
        let time = self.lanes[lane].poll(device, self.clock.at(at)).map(|(_, time)| time);
        time.is_some_and(|time| self.take(lane, changed, time, true, now))
    }

    /// Takes what points say; whether a fire-class state moved. What is worth sending is
    /// collected, unless a refresh will tell it anyway: fire-class points first.
    fn take(
        &mut self,
        lane: Lane,
        changed: &[Observation],
        time: GatewayTime,
        collect: bool,
        now: Uptime,
    ) -> bool {
        let mut moved = false;
        let mut worth: Vec<&Observation> = Vec::new();
        for observation in changed {
            let heard = self.points.take(observation, time);
            moved |= heard.fire_class_moved;
            if heard.worth.is_some() && collect {
                worth.push(observation);
            }
        }
        worth.sort_by_key(|observation| !observation.value.is_fire_class());
        for observation in worth {
            if let Some(reading) = self.points.send(observation.point, time) {
                self.lanes[lane].collect(reading, now);
            }
        }
        moved
    }

    fn lost(&mut self, device: DeviceIndex, at: Uptime, now: Uptime) {
        let time = self.clock.at(at);
        for lane in Lane::ALL {
            if let Some(time) = self.lanes[lane].failed(device, time) {
                let comm = self.points.comm(device, false, time);
                self.lanes[lane].collect(comm, now);
            }
        }
    }

    fn born(&mut self, span: SpanId, now: Uptime, wall: GatewayTime, outputs: &mut Vec<Output>) {
        self.cut_collected(now, outputs);
        self.clock = SpanClock::born(span, now, wall, self.newest);
        for lane in Lane::ALL {
            self.lanes[lane].born(span, self.clock.begin());
        }
        self.points.born(self.clock.begin());
        self.settle(now, outputs);
        self.beat(Occasion::Regular, now, outputs);
    }

    fn settle(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        for lane in Lane::ALL {
            if self.lanes[lane].let_go(self.clock.at(now)) {
                outputs.push(Output::LetGo(lane));
            }
            let mut batches = Vec::new();
            self.lanes[lane].settle(&mut self.points, &self.labels, now, &mut batches);
            self.give_out(batches, outputs);
        }
    }

    fn cut_collected(&mut self, now: Uptime, outputs: &mut Vec<Output>) {
        for lane in Lane::ALL {
            let mut batches = Vec::new();
            self.lanes[lane].cut_collected(&self.labels, now, &mut batches);
            self.give_out(batches, outputs);
        }
    }

    fn give_out(&mut self, batches: Vec<Batch>, outputs: &mut Vec<Output>) {
        for batch in batches {
            self.newest = batch.newest.map_or(self.newest, |newest| newest.max(self.newest));
            outputs.push(Output::Append(batch));
        }
    }

    fn beat(&mut self, occasion: Occasion, now: Uptime, outputs: &mut Vec<Output>) {
        let most = match occasion {
            Occasion::Regular => {
                self.next_beat = now.plus(Millis::new(BEAT_EVERY_MS));
                BEAT_ALARMS
            }
            Occasion::Immediate => IMMEDIATE_BEAT_ALARMS,
        };
        let sent = self.clock.at(now);
        let (alarms, alarm_count) = self.points.alarms(most);
        let lanes = PerLane::from_fn(|lane| self.lanes[lane].beat());
        let beat = Beat {
            span: self.clock.span(),
            // Whether a time server has set the clock cannot be asked without unsafe code.
            clock: Clock::Unsynced,
            spool: self.spool_health(now),
            depth: Lane::ALL
                .into_iter()
                .map(|lane| self.spool[lane].depth + self.lanes[lane].waiting())
                .sum(),
            age: self.spool_age(now, sent),
            lanes,
            alarms,
            alarm_count,
            dead_letters: Lane::ALL.into_iter().map(|lane| self.spool[lane].dead_letters).sum(),
            taken_over: self.taken_over,
        };
        outputs.push(Output::Beat(OutgoingBeat { beat, sent, occasion }));
    }

    fn spool_health(&self, now: Uptime) -> SpoolHealth {
        let fails = |lane: Lane| {
            let waits = self.lanes[lane].waits_since().map(|since| now.since(since));
            self.spool[lane].failing || waits.is_some_and(|waits| SLOWEST_FLUSH < waits)
        };
        if Lane::ALL.into_iter().any(fails) { SpoolHealth::Failing } else { SpoolHealth::Ok }
    }

    fn spool_age(&self, now: Uptime, sent: GatewayTime) -> Millis {
        let durable = |lane: Lane| self.spool[lane].oldest.map(|oldest| sent.since(oldest));
        let waiting = |lane: Lane| self.lanes[lane].waits_since().map(|since| now.since(since));
        Lane::ALL
            .into_iter()
            .flat_map(|lane| [durable(lane), waiting(lane)])
            .flatten()
            .max()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
