//! What the box knows of every point, and which of them are fire-class now.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firegrid_wire::beat::BeatAlarm;
use firegrid_wire::limits::CHANGES_PER_MINUTE;
use firegrid_wire::names::PointId;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::{State, StateSet, States};
use firegrid_wire::time::GatewayTime;

use crate::inventory::{DeviceIndex, Inventory, PointIndex};
use crate::poll::Observation;
use crate::worth_sending::{Memory, Said, Worth};

/// All points of the box.
#[derive(Debug)]
pub(super) struct Points {
    inventory: Arc<Inventory>,
    memory: Vec<Memory>,
    /// The points that are fire-class, and since when.
    burning: BTreeMap<PointIndex, GatewayTime>,
    /// The points of which a change is held, because they change too often.
    held: BTreeSet<PointIndex>,
    /// A discrete point that changes more often in a minute is bounded.
    pub(super) most_changes: u32,
}

/// What an observation means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    /// Why it is worth sending, if it is.
    pub(super) worth: Option<Worth>,
    /// Whether a fire-class state came or went with it.
    pub(super) fire_class_moved: bool,
}

impl Points {
    pub(super) fn new(inventory: Arc<Inventory>) -> Points {
        let memory = inventory.points().map(|_| Memory::default()).collect();
        Points {
            inventory,
            memory,
            burning: BTreeMap::new(),
            held: BTreeSet::new(),
            most_changes: CHANGES_PER_MINUTE,
        }
    }

    /// The box has other points from now on. Those of the devices that are `kept`, under an old
    /// and a new number, are remembered: nobody will list them anew.
    pub(super) fn exchange(
        &mut self,
        inventory: Arc<Inventory>,
        kept: &[(DeviceIndex, DeviceIndex)],
    ) {
        let mut before = std::mem::replace(self, Points::new(inventory));
        self.most_changes = before.most_changes;
        for (old, new) in kept {
            let old = before.inventory.device(*old).points.clone();
            let new = self.inventory.device(*new).points.clone();
            for (old, new) in old.zip(new) {
                let memory = std::mem::take(&mut before.memory[old as usize]);
                self.memory[new as usize] = memory;
                let since = before.burning.get(&PointIndex(old));
                self.burning.extend(since.map(|since| (PointIndex(new), *since)));
                self.held.extend(before.held.get(&PointIndex(old)).map(|_| PointIndex(new)));
            }
        }
    }

    /// Takes what a point says at a time.
    pub(super) fn take(&mut self, observation: &Observation, time: GatewayTime) -> Heard {
        let Observation { point, value, quality } = observation;
        let memory = &mut self.memory[point.0 as usize];
        let before = memory.read().map_or(StateSet::NORMAL, |said| fire_class(&said.value));
        let now = fire_class(value);
        let deadband = self.inventory.point(*point).deadband;
        let said = Said { value: value.clone(), quality: *quality };
        let worth = match self.inventory.point(*point).entry.lane {
            Lane::Urgent => memory.take_discrete(said, time, self.most_changes),
            Lane::Routine => memory.take(said, deadband),
        };
        if memory.holds() {
            self.held.insert(*point);
        }
        if now.is_normal() {
            self.burning.remove(point);
        } else if now.intersection(before) != now {
            // What has come is newer than what stood: a prealarm that becomes a fire begins anew.
            self.burning.insert(*point, time);
        }
        Heard { worth, fire_class_moved: before != now }
    }

    /// The last reading of a point goes out, under this time. `None` if it was never read.
    pub(super) fn send(&mut self, point: PointIndex, time: GatewayTime) -> Option<Reading> {
        let memory = &mut self.memory[point.0 as usize];
        let (said, changes) = (memory.send()?, memory.untold());
        Some(Reading { changes, ..self.reading(point, said, time) })
    }

    /// The points of a device whose changes were held for long enough go out, at a poll of it.
    pub(super) fn released(&mut self, device: DeviceIndex, time: GatewayTime) -> Vec<Reading> {
        let range = self.inventory.device(device).points.clone();
        let points = self.held.range(PointIndex(range.start)..PointIndex(range.end)).copied();
        let due = |point: &PointIndex| self.memory[point.0 as usize].is_due(time);
        let due: Vec<PointIndex> = points.filter(due).collect();
        let mut readings = Vec::new();
        for point in due {
            self.held.remove(&point);
            let memory = &mut self.memory[point.0 as usize];
            let Some(said) = memory.read() else { continue };
            if memory.take_discrete(said, time, self.most_changes).is_some() {
                readings.extend(self.send(point, time));
            }
        }
        readings
    }

    fn reading(&self, point: PointIndex, said: Said, time: GatewayTime) -> Reading {
        let Said { value, quality } = said;
        Reading {
            point: self.inventory.point(point).entry.n.clone(),
            time,
            value,
            quality,
            changes: None,
        }
    }

    /// The last readings of all points that a device has in a lane go out, under this time.
    pub(super) fn send_all(
        &mut self,
        device: DeviceIndex,
        lane: Lane,
        time: GatewayTime,
    ) -> Vec<Reading> {
        let inventory = Arc::clone(&self.inventory);
        let range = inventory.device(device).points.clone();
        range
            .map(PointIndex)
            .filter(|point| inventory.point(*point).entry.lane == lane)
            .filter_map(|point| {
                let said = self.memory[point.0 as usize].refresh()?;
                Some(self.reading(point, said, time))
            })
            .collect()
    }

    /// The reading that says whether a device answers.
    pub(super) fn comm(&self, device: DeviceIndex, answers: bool, time: GatewayTime) -> Reading {
        let states = if answers { StateSet::NORMAL } else { State::Fault.into() };
        Reading {
            point: PointId::comm(&self.inventory.device(device).entry.n),
            time,
            value: Value::States(states.into()),
            quality: Quality::Good,
            changes: None,
        }
    }

    /// The fire-class points: fire before prealarm before supervisory, newest first, and how
    /// many there are in all.
    pub(super) fn alarms(&self, most: usize) -> (Vec<BeatAlarm>, u32) {
        let mut order: Vec<(u8, Reverse<GatewayTime>, PointIndex)> = self
            .burning
            .iter()
            .map(|(point, since)| (rank(self.states(*point).set), Reverse(*since), *point))
            .collect();
        order.sort_unstable();
        let count = order.len() as u32;
        let listed = order.into_iter().take(most).map(|(_, Reverse(since), point)| BeatAlarm {
            n: self.inventory.point(point).entry.n.clone(),
            vs: self.states(point),
            t: since,
        });
        (listed.collect(), count)
    }

    /// A new span has begun: what burns, burns in it from its begin.
    pub(super) fn born(&mut self, begin: GatewayTime) {
        self.burning.values_mut().for_each(|since| *since = begin);
    }

    fn states(&self, point: PointIndex) -> States {
        let said = self.memory[point.0 as usize].read();
        said.and_then(|said| said.value.states().cloned()).unwrap_or_default()
    }
}

fn fire_class(value: &Value) -> StateSet {
    value.states().map_or(StateSet::NORMAL, |states| states.set.intersection(StateSet::FIRE_CLASS))
}

fn rank(set: StateSet) -> u8 {
    if set.has(State::Fire) {
        0
    } else if set.has(State::Prealarm) {
        1
    } else {
        2
    }
}
