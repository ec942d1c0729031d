//! Points that the site adds to a device: contacts, parts of registers, analog inputs.
//!
//! Their places stand in no profile; what is missing or stands twice is told at its key.

use std::collections::BTreeMap;
use std::sync::Arc;

use firegrid_wire::document::Table as Keys;
use firegrid_wire::names::{DeviceId, PointId};
use firegrid_wire::state::StateSet;

use super::row::{Contact, Row, Scaling};
use crate::profile::number::{DeviceUnit, Layout, Linear, Number};
use crate::profile::word::Word;
use crate::profile::{Format, ProfilePoint, SiteKind, SitePoints, Table};

/// A change of an analog input up to this share of its range is not worth sending, unless the
/// site says otherwise. Ours: 4 kPa, or 40 cm of water, of a range of 1.6 MPa.
const ANALOG_DEADBAND: f64 = 0.002_5;

/// Which point a bit of a register has been given to.
type Taken = BTreeMap<(Table, u16, u16), String>;

/// What a site may add to the points of a device, and which bits it has given away.
pub(super) struct Adding {
    kind: SitePoints,
    taken: Taken,
}

impl Adding {
    pub(super) fn new(kind: SitePoints) -> Adding {
        Adding { kind, taken: Taken::new() }
    }

    /// Whether the site says what the raw numbers mean.
    pub(super) fn scales(&self) -> bool {
        self.kind.is_scaled()
    }

    /// A point that the site adds; `None` if it is told why not.
    pub(super) fn point(&mut self, keys: &Keys<'_>, row: &Row, name: &str) -> Option<ProfilePoint> {
        let Adding { kind, taken } = self;
        let named = is_a_name(keys, name);
        let (table, register) = match row.place {
            Some(place) => (place.table.unwrap_or(kind.table), Some(place.register)),
            None => {
                if !keys.has("register") && !keys.has("address") {
                    keys.tell("register", "where does it lie? Write `register` or `address`");
                }
                (kind.table, None)
            }
        };
        let format = match &kind.kind {
            SiteKind::Contact { closed } => contacts(keys, row, table, *closed),
            SiteKind::Word { word, bits } => {
                part_word(keys, row, table, word, *bits).map(|word| Format::Word(Arc::new(word)))
            }
            SiteKind::Analog { signed, live_zero } => {
                analog_number(keys, row, table, *signed, *live_zero)
                    .map(|number| Format::Number(Arc::new(number)))
            }
        };
        let (register, format) = (register?, format?);
        let last = u32::from(register) + u32::from(format.registers()) - 1;
        if u32::from(u16::MAX) < last {
            keys.tell("register", format_args!("the last register would be {last}"));
            return None;
        }
        for (register, bit) in bits_of(&format, register) {
            if let Some(other) = taken.insert((table, register, bit), name.to_owned()) {
                keys.tell(
                    if keys.has("bit") { "bit" } else { "register" },
                    format_args!("the same bit of {table} {register} is {other:?} already"),
                );
                return None;
            }
        }
        named.then(|| ProfilePoint {
            name: name.to_owned(),
            label: name.to_owned(),
            table,
            register,
            format,
            system: kind.system,
            part: kind.part,
            tags: Vec::new(),
        })
    }
}

/// An input that the site has scaled from what the module counts.
fn analog_number(
    keys: &Keys<'_>,
    row: &Row,
    table: Table,
    signed: bool,
    live_zero: bool,
) -> Option<Number> {
    for key in ["bit", "means", "contact"].iter().filter(|key| keys.has(key)) {
        keys.tell(key, "an analog input has a number and no states: leave it out");
    }
    if table.is_bits() {
        keys.tell("table", format_args!("{table} are single bits and hold no number"));
        return None;
    }
    let Scaling { raw, range, unit } = row.scaling(keys)?;
    let linear = Linear { signed, raw, range, live_zero };
    Some(Number {
        plausible: linear.plausible(),
        deadband: (range.1 - range.0).abs() * ANALOG_DEADBAND,
        layout: Layout::Linear(linear),
        scale: 1.0,
        unit: DeviceUnit::of(unit),
    })
}

fn is_a_name(keys: &Keys<'_>, name: &str) -> bool {
    let Ok(device) = DeviceId::parse("d") else { return false };
    match PointId::of(&device, name) {
        Err(error) => {
            keys.tell("name", error);
            false
        }
        Ok(point) if point.is_comm() => {
            keys.tell("name", "\"comm\" is Firegrid's own: choose another name");
            false
        }
        Ok(_) => true,
    }
}

/// Every bit that a point is read from, with its register.
fn bits_of(format: &Format, register: u16) -> Vec<(u16, u16)> {
    let of_mask = |mask: u16| {
        let bits = (0..16).map(|bit| 1_u16 << bit).filter(move |bit| mask & bit != 0);
        bits.map(|bit| (register, bit)).collect()
    };
    match format {
        Format::Word(word) => of_mask(word.mask()),
        Format::Inputs { count, .. } => {
            (0..u16::from(*count)).map(|place| (register.saturating_add(place), 1)).collect()
        }
        Format::Number(_) => of_mask(u16::MAX),
    }
}

/// Contacts side by side. One reports when it leaves its rest: a normally-open one when it
/// closes.
fn contacts(keys: &Keys<'_>, row: &Row, table: Table, closed: bool) -> Option<Format> {
    if row.means.is_none() && !keys.has("means") {
        keys.tell("means", "what does the contact report, for example 火警 fire?");
    }
    let count = row.means.as_ref().map(Vec::len);
    let lowest = match (table.is_bits(), row.bits) {
        (true, None) => Some(0),
        (true, Some(_)) => {
            keys.tell("bit", format_args!("{table} are single bits: leave it out"));
            None
        }
        (false, Some((lowest, highest))) => {
            let bits = usize::from(highest - lowest) + 1;
            let fits = count.is_none_or(|count| count == bits);
            if !fits {
                keys.tell("bit", "a contact is one bit, from 0 to 15; two are for example 1-0");
            }
            fits.then_some(lowest)
        }
        (false, None) => {
            if !keys.has("bit") {
                keys.tell("bit", "which bit of the register, from 0 to 15?");
            }
            None
        }
    };
    let (lowest, means) = (lowest?, row.means.as_ref()?);
    let rests = row.contacts_for(keys, means.len())?;
    let contact = |(place, (states, rest)): (u8, (&StateSet, Contact))| {
        (lowest + place, closed == (rest == Contact::NormallyOpen), *states)
    };
    let each: Vec<_> = (0..16).zip(means.iter().zip(rests)).map(contact).collect();
    let word = Arc::new(Word::contacts(&each));
    Some(match (table.is_bits(), each.len()) {
        (true, 2..) => Format::Inputs { word, count: u8::try_from(each.len()).ok()? },
        (true | false, _) => Format::Word(word),
    })
}

/// Some bits of a register, which the profile explains.
fn part_word(keys: &Keys<'_>, row: &Row, table: Table, word: &Word, bits: u8) -> Option<Word> {
    for key in ["means", "contact"].iter().filter(|key| keys.has(key)) {
        keys.tell(key, "the profile says what the bits mean: leave it out");
    }
    if table.is_bits() {
        keys.tell("table", format_args!("{table} are single bits, and a point takes {bits}"));
        return None;
    }
    match row.bits {
        Some((lowest, highest)) if highest + 1 == lowest + bits && lowest % bits == 0 => {
            Some(word.moved(u32::from(lowest)))
        }
        Some(_) => {
            let pairs: Vec<String> = (0..16 / bits)
                .rev()
                .map(|place| format!("{}-{}", place * bits + bits - 1, place * bits))
                .collect();
            keys.tell("bit", format_args!("it takes {bits} bits: one of {}", pairs.join(", ")));
            None
        }
        None => {
            if !keys.has("bit") {
                keys.tell("bit", format_args!("which {bits} bits of the register?"));
            }
            None
        }
    }
}
