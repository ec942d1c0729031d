//! What really is the case at the site: two devices, their points, and the inventory that a box
//! has of them.

use std::sync::Arc;

use firegrid_gateway::inventory::{DeviceIndex, Inventory, PointIndex};
use firegrid_gateway::poll::Observation;
use firegrid_wire::catalogue::{DeviceEntry, PointEntry};
use firegrid_wire::names::{DeviceId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::States;
use firegrid_wire::time::Millis;

/// Devices are polled this often.
pub(crate) const PERIOD_MS: u64 = 1_000;

/// The points: name, device, lane. In the order of the inventory.
pub(crate) const POINTS: [(&str, usize, Lane); 6] = [
    ("d1/f1", 0, Lane::Urgent),
    ("d1/f2", 0, Lane::Urgent),
    ("d1/p1", 0, Lane::Routine),
    ("d2/f3", 1, Lane::Urgent),
    ("d2/f4", 1, Lane::Urgent),
    ("d2/p2", 1, Lane::Routine),
];

/// How many devices there are.
pub(crate) const DEVICES: usize = 2;

/// The point that another catalogue describes otherwise.
pub(crate) const CHANGING: usize = 1;

/// What a pressure must not fall below.
pub(crate) const LOW: f64 = 100_000.0;

/// A pressure as it should be.
const SOUND: f64 = 300_000.0;

/// The site.
#[derive(Debug, Clone)]
pub(crate) struct Panel {
    /// Discrete points: words. Analog points: a number.
    says: [Said; POINTS.len()],
    /// Devices that do not answer.
    dead: [bool; DEVICES],
}

/// What a point says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Said {
    /// State words.
    Words(&'static str),
    /// A pressure.
    Number(f64),
}

impl Said {
    /// As it travels.
    pub(crate) fn value(self) -> Value {
        match self {
            Said::Words(words) => Value::States(States::from_words(words).unwrap_or_default()),
            Said::Number(number) => Value::number(number, Unit::Pascal),
        }
    }

    /// Whether an alarm is due for it.
    pub(crate) fn is_alarming(self) -> bool {
        match self {
            Said::Words(words) => words.split(' ').any(|word| word == "fire"),
            Said::Number(number) => number < LOW,
        }
    }

    /// Whether an alarm of this kind is due for it. Kinds of words are called like their word.
    pub(crate) fn is_due(self, kind: &str) -> bool {
        match self {
            Said::Words(words) => words.split(' ').any(|word| word == kind),
            Said::Number(_) => self.is_alarming(),
        }
    }

    /// Whether it proves that no alarm of this kind is due: the point can speak, and says
    /// something else. A prealarm proves that there is no fire any more, and keeps its own alarm.
    pub(crate) fn is_calm_of(self, kind: &str) -> bool {
        match self {
            Said::Words(words) => {
                let speaks = words.split(' ').all(|word| word != "disabled");
                speaks && !self.is_due(kind)
            }
            Said::Number(_) => self.is_calm(),
        }
    }

    /// Whether it proves that no alarm is due: shielded, a detector proves nothing.
    pub(crate) fn is_calm(self) -> bool {
        match self {
            Said::Words(words) => words == "normal" || words == "fault",
            Said::Number(number) => LOW <= number,
        }
    }
}

impl Default for Panel {
    fn default() -> Panel {
        let says = POINTS.map(|(_, _, lane)| match lane {
            Lane::Urgent => Said::Words("normal"),
            Lane::Routine => Said::Number(SOUND),
        });
        Panel { says, dead: [false; DEVICES] }
    }
}

impl Panel {
    /// A point says something else now.
    pub(crate) fn say(&mut self, point: usize, said: Said) {
        self.says[point] = said;
    }

    /// What a point says.
    pub(crate) fn says(&self, point: usize) -> Said {
        self.says[point]
    }

    /// A device stops or begins to answer.
    pub(crate) fn dies(&mut self, device: usize, dead: bool) {
        self.dead[device] = dead;
    }

    /// What all points of a device say, if it answers.
    pub(crate) fn read(&self, device: usize) -> Option<Vec<(usize, Said)>> {
        let points = (0..POINTS.len()).filter(|point| POINTS[*point].1 == device);
        (!self.dead[device]).then(|| points.map(|point| (point, self.says[point])).collect())
    }
}

/// A point's reading as a line tells it.
pub(crate) fn observation(point: usize, said: Said) -> Observation {
    Observation { point: PointIndex(point as u32), value: said.value(), quality: Quality::Good }
}

/// The number of a device in the inventory.
pub(crate) fn device_index(device: usize) -> DeviceIndex {
    DeviceIndex(device as u32)
}

/// The name of a point.
pub(crate) fn point_id(point: usize) -> PointId {
    PointId::parse(POINTS[point].0).expect("a point")
}

/// The inventory of a box. In another generation one point is wired to another register.
pub(crate) fn inventory(generation: u32) -> Arc<Inventory> {
    let mut inventory = Inventory::default();
    for (device, name) in ["d1", "d2"].into_iter().enumerate() {
        let entry = DeviceEntry {
            n: DeviceId::parse(name).expect("a device"),
            label: String::new(),
            profile: "simulated".into(),
            alarm_period: Some(Millis::new(PERIOD_MS)),
            analog_period: Some(Millis::new(PERIOD_MS)),
        };
        let points = (0..POINTS.len()).filter(|point| POINTS[*point].1 == device);
        inventory.add(entry, points.map(|point| (entry_of(point, generation), 500.0)));
    }
    Arc::new(inventory)
}

fn entry_of(point: usize, generation: u32) -> PointEntry {
    let (_, _, lane) = POINTS[point];
    let register = if point == CHANGING { 100 + generation } else { 10 };
    let (unit, tags) = match lane {
        Lane::Urgent => (None, Vec::new()),
        Lane::Routine => (Some(Unit::Pascal), vec!["sprinkler-end".to_owned()]),
    };
    PointEntry {
        n: point_id(point),
        label: String::new(),
        lane,
        u: unit,
        system: 1,
        part: 40,
        zone: String::new(),
        tags,
        limits: std::collections::BTreeMap::new(),
        elevation: None,
        source: format!("simulated, register {register}"),
    }
}
