//! The registers of the simulated devices, set through their profiles.

use std::collections::BTreeMap;

use firegrid_wire::names::PointId;
use firegrid_wire::state::StateSet;

use crate::inventory::Inventory;
use crate::line::plan::{self, Read};
use crate::profile::{Format, Table};
use crate::settings::{Line, Watch};

/// Every register that exists, and which points lie where.
#[derive(Debug, Default)]
pub(super) struct Registers {
    held: BTreeMap<(u8, Table, u16), u16>,
    points: BTreeMap<PointId, Place>,
}

#[derive(Debug, Clone)]
struct Place {
    unit_id: u8,
    table: Table,
    register: u16,
    format: Format,
}

/// A point of the simulated site cannot say what it should.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CannotSay {
    /// The settings have no such device.
    #[error("there is no device {0:?} on this line")]
    NoSuchDevice(String),
    /// The settings have no such point.
    #[error("there is no point {0:?} on this line")]
    NoSuchPoint(String),
    /// The profile has no registers for it.
    #[error("{point:?} cannot say {what:?}")]
    NoWordForIt {
        /// The point.
        point: String,
        /// What it should say.
        what: String,
    },
}

impl Registers {
    /// All devices of a line with nothing to report. Numbers stand at the plausible value that
    /// is nearest to zero.
    pub(super) fn quiet(line: &Line, inventory: &Inventory) -> Registers {
        let mut registers = Registers::default();
        for device in &line.devices {
            let reads: Vec<Read> = device
                .points
                .iter()
                .map(|point| Read {
                    table: point.table,
                    first: point.register,
                    count: point.format.registers(),
                })
                .collect();
            let watched = device.watch.map(|Watch { probe, .. }| Read {
                table: probe.table,
                first: probe.register,
                count: probe.count,
            });
            for read in plan::covering(&reads, device.reads).into_iter().chain(watched) {
                for place in 0..read.count {
                    registers.held.insert((device.unit_id, read.table, read.first + place), 0);
                }
            }
            for point in &device.points {
                let place = Place {
                    unit_id: device.unit_id,
                    table: point.table,
                    register: point.register,
                    format: point.format.clone(),
                };
                registers.rest(&place);
                registers.points.insert(inventory.point(point.index).entry.n.clone(), place);
            }
        }
        registers
    }

    /// Lets a point report states.
    pub(super) fn report(&mut self, point: &str, states: StateSet) -> Result<(), CannotSay> {
        let place = self.place(point)?;
        let cannot = || CannotSay::NoWordForIt { point: point.into(), what: states.to_string() };
        match &place.format {
            Format::Word(word) => {
                self.put_word(&place, word.mask(), word.raw(states).ok_or_else(cannot)?);
            }
            Format::Inputs { word, count } => {
                self.put(&place, &inputs(word.raw(states).ok_or_else(cannot)?, *count));
            }
            Format::Number(_) => return Err(cannot()),
        }
        Ok(())
    }

    /// Lets a point show a number, in the unit of the wire.
    pub(super) fn show(&mut self, point: &str, number: f64) -> Result<(), CannotSay> {
        let place = self.place(point)?;
        let cannot = || CannotSay::NoWordForIt { point: point.into(), what: number.to_string() };
        let Format::Number(format) = &place.format else { return Err(cannot()) };
        let raw = format.raw(number).ok_or_else(cannot)?;
        self.put(&place, &raw);
        Ok(())
    }

    /// Sets a register, whether a point lies there or not.
    pub(super) fn set(&mut self, unit_id: u8, table: Table, register: u16, value: u16) {
        self.held.insert((unit_id, table, register), value);
    }

    /// The registers of a range; `None` if one of them does not exist.
    pub(super) fn range(
        &self,
        unit_id: u8,
        table: Table,
        first: u16,
        count: u16,
    ) -> Option<Vec<u16>> {
        (0..count)
            .map(|place| {
                let register = first.checked_add(place)?;
                self.held.get(&(unit_id, table, register)).copied()
            })
            .collect()
    }

    fn place(&self, point: &str) -> Result<Place, CannotSay> {
        let id = PointId::parse(point).ok();
        let place = id.and_then(|id| self.points.get(&id));
        place.cloned().ok_or_else(|| CannotSay::NoSuchPoint(point.to_owned()))
    }

    fn rest(&mut self, place: &Place) {
        match &place.format {
            Format::Word(word) => {
                if let Some(raw) = word.raw(StateSet::NORMAL) {
                    self.put_word(place, word.mask(), raw);
                }
            }
            Format::Inputs { word, count } => {
                if let Some(raw) = word.raw(StateSet::NORMAL) {
                    self.put(place, &inputs(raw, *count));
                }
            }
            Format::Number(number) => {
                let (lowest, highest) = number.plausible;
                if let Some(raw) = number.raw(0.0_f64.clamp(lowest, highest)) {
                    self.put(place, &raw);
                }
            }
        }
    }

    /// Changes only the bits of a word, because points may share a register.
    fn put_word(&mut self, place: &Place, mask: u16, raw: u16) {
        let held = self.held.entry((place.unit_id, place.table, place.register)).or_default();
        *held = *held & !mask | raw & mask;
    }

    fn put(&mut self, place: &Place, raw: &[u16]) {
        for (register, value) in (place.register..).zip(raw) {
            self.held.insert((place.unit_id, place.table, register), *value);
        }
    }
}

/// The single bits that a word is read from.
fn inputs(word: u16, count: u8) -> Vec<u16> {
    (0..count).map(|bit| word >> bit & 1).collect()
}
