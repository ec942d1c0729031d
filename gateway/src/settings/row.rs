//! The keys of one point as the site writes them: numbers with their units, states and contacts
//! in Chinese or English, registers as on the wire or as printed.
//!
//! Knows nothing of the point they are about: what has no effect there is told by `point`.

use std::collections::BTreeMap;

use firegrid_wire::document::Table as Keys;
use firegrid_wire::quantity::Unit;
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::Millis;
use serde_json::Value;

use super::line::lasting;
use crate::profile::Table;
use crate::profile::number::DeviceUnit;

/// What the site says of a point.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) label: Option<String>,
    pub(super) zone: String,
    pub(super) tags: Vec<String>,
    pub(super) system: Option<u8>,
    pub(super) part: Option<u8>,
    pub(super) place: Option<Place>,
    /// The lowest and the highest bit of its register.
    pub(super) bits: Option<(u8, u8)>,
    /// Of one contact, or of several side by side.
    pub(super) means: Option<Vec<StateSet>>,
    pub(super) contact: Option<Vec<Contact>>,
    /// In metres.
    pub(super) elevation: Option<f64>,
    pub(super) stuck_after: Option<Millis>,
    limits: Vec<(String, Amount)>,
    deadband: Option<Amount>,
    raw: (Option<f64>, Option<f64>),
    range: (Option<Amount>, Option<Amount>),
}

/// How long a number may stand still, in milliseconds: from an hour to a year. A shorter rest
/// would call every quiet pipe stuck.
const REST: (u64, u64) = (3_600_000, 365 * 86_400_000);

/// The keys that scale an analog input.
pub(super) const SCALING: [&str; 4] = ["raw_low", "raw_high", "range_low", "range_high"];

/// What an analog input counts at both ends of its sensor's range, and what that means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scaling {
    pub(super) raw: (f64, f64),
    /// In the unit of the wire.
    pub(super) range: (f64, f64),
    pub(super) unit: Unit,
}

/// Where a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The table, if the site names one.
    pub(super) table: Option<Table>,
    /// The first register, numbered as on the wire, from 0.
    pub(super) register: u16,
}

/// How a contact stands while there is nothing to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    NormallyOpen,
    NormallyClosed,
}

/// A number, in the unit of the point if it has none of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Amount {
    number: f64,
    unit: Option<DeviceUnit>,
}

impl Row {
    /// Reads all keys but the name.
    pub(super) fn read(keys: &Keys<'_>) -> Row {
        Row {
            label: keys.optional("label"),
            zone: keys.or("zone", String::new()).unwrap_or_default(),
            tags: keys.or("tags", Vec::new()).unwrap_or_default(),
            system: whole(keys, "system"),
            part: whole(keys, "part"),
            place: read_place(keys),
            bits: read_bits(keys),
            means: read_means(keys),
            contact: read_contact(keys),
            elevation: read_elevation(keys),
            // Without the key nothing is stuck: there is no default that fits every sensor.
            stuck_after: keys
                .has("stuck_after")
                .then(|| lasting(keys, "stuck_after", Millis::default(), REST))
                .flatten(),
            limits: read_limits(keys),
            deadband: read_deadband(keys),
            raw: (number(keys, "raw_low"), number(keys, "raw_high")),
            range: (amount(keys, "range_low"), amount(keys, "range_high")),
        }
    }

    /// How each of so many contacts rests.
    pub(super) fn contacts_for(&self, keys: &Keys<'_>, count: usize) -> Option<Vec<Contact>> {
        match self.contact.as_deref() {
            None if keys.has("contact") => None,
            None => Some(vec![Contact::NormallyOpen; count]),
            Some([one]) => Some(vec![*one; count]),
            Some(each) if each.len() == count => Some(each.to_vec()),
            Some(each) => {
                let given = each.len();
                keys.tell("contact", format_args!("{given} contacts for {count} meanings"));
                None
            }
        }
    }

    /// How an analog input is scaled; what is missing is told.
    pub(super) fn scaling(&self, keys: &Keys<'_>) -> Option<Scaling> {
        for key in SCALING.iter().filter(|key| !keys.has(key)) {
            keys.tell(key, "an analog input needs raw_low, raw_high, range_low and range_high");
        }
        let (raw, range) = (self.raw.0.zip(self.raw.1)?, self.range.0.zip(self.range.1)?);
        let unit = range.0.unit.map(DeviceUnit::si);
        let Some(unit) = unit.filter(|unit| range.1.unit.map(DeviceUnit::si) == Some(*unit)) else {
            keys.tell("range_high", "both ends of a range need a unit, and of the same kind");
            return None;
        };
        if raw.0 == raw.1 || range.0 == range.1 {
            keys.tell("raw_high", "both ends of the range are the same");
            return None;
        }
        let (low, high) = (range.0.in_unit(keys, "range_low", unit), range.1);
        Some(Scaling { raw, range: (low?, high.in_unit(keys, "range_high", unit)?), unit })
    }

    /// The limits of a point with this unit.
    pub(super) fn limits_in(&self, keys: &Keys<'_>, unit: Option<Unit>) -> BTreeMap<String, f64> {
        let limit = |(name, amount): &(String, Amount)| {
            let key = format!("limits.{name}");
            Some((name.clone(), amount.in_unit(keys, &key, unit?)?))
        };
        if unit.is_none() && !self.limits.is_empty() {
            keys.tell("limits", NO_NUMBER);
        }
        self.limits.iter().filter_map(limit).collect()
    }

    /// The deadband of a point with this unit, if the site names one.
    pub(super) fn deadband_in(&self, keys: &Keys<'_>, unit: Option<Unit>) -> Option<f64> {
        let amount = self.deadband?;
        let Some(unit) = unit else {
            keys.tell("deadband", NO_NUMBER);
            return None;
        };
        // A step, not a place on a scale: 0 °C and 32 °F are the same, 0 K and 32 °F are not.
        let none = Amount { number: 0.0, ..amount };
        let none = none.in_unit(keys, "deadband", unit)?;
        Some(amount.in_unit(keys, "deadband", unit)? - none)
    }
}

/// Told of a key that only a number can have.
pub(super) const NO_NUMBER: &str = "the point has states and no number: leave it out";

impl Amount {
    fn in_unit(self, keys: &Keys<'_>, key: &str, wanted: Unit) -> Option<f64> {
        match self.unit {
            None => Some(self.number),
            Some(unit) if unit.si() == wanted => Some(unit.to_si(self.number)),
            Some(unit) => {
                let (number, measured) = (self.number, wanted.zh());
                keys.tell(
                    key,
                    format_args!("{number} {unit} is no {measured}: the point has {wanted}"),
                );
                None
            }
        }
    }
}

fn whole(keys: &Keys<'_>, key: &str) -> Option<u8> {
    let text: String = keys.optional_text(key)?;
    let number = text.parse().ok();
    if number.is_none() {
        keys.tell(key, format_args!("{text:?} does not fit: a number from 0 to 255"));
    }
    number
}

/// What a module counts.
fn number(keys: &Keys<'_>, key: &str) -> Option<f64> {
    let text: String = keys.optional_text(key)?;
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    if number.is_none() {
        keys.tell(key, format_args!("{text:?} does not fit: a number as the module counts it"));
    }
    number
}

fn read_place(keys: &Keys<'_>) -> Option<Place> {
    let table = keys.optional_text::<String>("table").and_then(|text| {
        let table = find_table(&text);
        if table.is_none() {
            keys.tell(
                "table",
                format_args!(
                    "{text:?} is no table: use holding 保持寄存器, input 输入寄存器, coils 线圈 or \
                     discrete-inputs 离散输入"
                ),
            );
        }
        table
    });
    let register: Option<String> = keys.optional_text("register");
    let address: Option<String> = keys.optional_text("address");
    match (register, address) {
        (Some(_), Some(_)) => {
            keys.tell(
                "address",
                "write either `register`, as on the wire, or `address`, as printed",
            );
            None
        }
        (Some(register), None) => {
            let number = match register.strip_prefix("0x") {
                Some(digits) => u16::from_str_radix(digits, 16).ok(),
                None => register.parse().ok(),
            };
            if number.is_none() {
                keys.tell(
                    "register",
                    format_args!("{register:?} does not fit: a number from 0 to 65535"),
                );
            }
            number.map(|register| Place { table, register })
        }
        (None, Some(address)) => {
            let place = printed(&address);
            match place {
                None => keys.tell(
                    "address",
                    format_args!(
                        "{address:?} does not fit: five or six digits as printed, 40001 or 400001 \
                         for the first holding register"
                    ),
                ),
                Some(place) if table.is_some_and(|table| Some(table) != place.table) => {
                    keys.tell("table", format_args!("the address {address} lies in another"));
                }
                Some(_) => {}
            }
            place
        }
        (None, None) => {
            if keys.has("table") {
                keys.tell("table", "it has no effect without `register`: leave it out");
            }
            None
        }
    }
}

fn find_table(text: &str) -> Option<Table> {
    match text {
        "线圈" => Some(Table::Coils),
        "离散输入" => Some(Table::DiscreteInputs),
        "保持寄存器" => Some(Table::HoldingRegisters),
        "输入寄存器" => Some(Table::InputRegisters),
        other => other.parse().ok(),
    }
}

/// A printed number: the table's digit, and the register counted from 1.
fn printed(address: &str) -> Option<Place> {
    let digits = address.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !matches!(address.len(), 5 | 6) {
        return None;
    }
    let (table, number) = address.split_at(1);
    let table = match table {
        "0" => Table::Coils,
        "1" => Table::DiscreteInputs,
        "3" => Table::InputRegisters,
        "4" => Table::HoldingRegisters,
        _ => return None,
    };
    let number: u32 = number.parse().ok()?;
    let register = u16::try_from(number.checked_sub(1)?).ok()?;
    Some(Place { table: Some(table), register })
}

/// `7`, or two bits like `11-10`.
fn read_bits(keys: &Keys<'_>) -> Option<(u8, u8)> {
    let text: String = keys.optional_text("bit")?;
    let bit = |text: &str| text.trim().parse().ok().filter(|bit| *bit < 16);
    let bits = match text.split_once('-') {
        None => bit(&text).map(|bit| (bit, bit)),
        Some((high, low)) => bit(high).zip(bit(low)).map(|(a, b): (u8, u8)| (a.min(b), a.max(b))),
    };
    if bits.is_none() {
        keys.tell("bit", format_args!("{text:?} does not fit: a bit from 0 to 15, or 11-10"));
    }
    bits
}

/// The words of states, Chinese or English; of several contacts, `启动/反馈`.
fn read_means(keys: &Keys<'_>) -> Option<Vec<StateSet>> {
    let text: String = keys.optional_text("means")?;
    let find = |word: &str| {
        State::ALL.iter().copied().find(|state| state.word() == word || state.zh() == word)
    };
    let states = |part: &str| {
        let words = part.split([' ', '、', '+', ';']).filter(|word| !word.is_empty());
        let states: Option<StateSet> = words.map(find).collect();
        states.filter(|states| !states.is_normal())
    };
    let parts: Option<Vec<StateSet>> = text.split(['/', '／']).map(states).collect();
    let parts = parts.filter(|parts| parts.len() <= 16);
    if parts.is_none() {
        let known: Vec<String> =
            State::ALL.iter().map(|state| format!("{} {}", state.zh(), state.word())).collect();
        keys.tell("means", format_args!("{text:?} is no state: use {}", known.join(", ")));
    }
    parts
}

/// `常开`; of several contacts `常开/常闭`, or one for all.
fn read_contact(keys: &Keys<'_>) -> Option<Vec<Contact>> {
    let text: String = keys.optional_text("contact")?;
    let contact = |part: &str| match part.trim().to_ascii_lowercase().as_str() {
        "常开" | "normally-open" | "no" => Some(Contact::NormallyOpen),
        "常闭" | "normally-closed" | "nc" => Some(Contact::NormallyClosed),
        _ => None,
    };
    let contacts: Option<Vec<Contact>> = text.split(['/', '／']).map(contact).collect();
    if contacts.is_none() {
        keys.tell(
            "contact",
            format_args!("{text:?} does not fit: 常开 normally-open or 常闭 normally-closed"),
        );
    }
    contacts
}

/// Whatever names they have; those that are no numbers are told one by one.
fn read_limits(keys: &Keys<'_>) -> Vec<(String, Amount)> {
    let Some(limits) = keys.table("limits") else { return Vec::new() };
    let read = |name: &str| amount(&limits, name).map(|amount| (name.to_owned(), amount));
    limits.keys().into_iter().filter_map(read).collect()
}

/// Metres above the zero of the site, below it negative. Higher than any building is a mistake.
fn read_elevation(keys: &Keys<'_>) -> Option<f64> {
    let text: String = keys.optional_text("elevation")?;
    let metres = text.trim_end_matches(['m', '米']).trim_end().parse().ok();
    let metres = metres.filter(|metres: &f64| (-1_000.0..=9_000.0).contains(metres));
    if metres.is_none() {
        keys.tell("elevation", format_args!("{text:?} does not fit: a height in metres"));
    }
    metres
}

fn read_deadband(keys: &Keys<'_>) -> Option<Amount> {
    let amount = amount(keys, "deadband")?;
    if amount.number < 0.0 {
        keys.tell("deadband", "a deadband is 0 or more");
        return None;
    }
    Some(amount)
}

/// `100000.0`, in the unit of the point, or `"0.10 MPa"`. A text needs its unit: 0.1 alone would
/// be a tenth of a pascal, and never be crossed.
fn amount(keys: &Keys<'_>, key: &str) -> Option<Amount> {
    let value = keys.raw(key)?;
    let amount = match value {
        Value::Number(number) => number.as_f64().map(|number| Amount { number, unit: None }),
        Value::String(text) => with_unit(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    if amount.is_none() {
        let units = DeviceUnit::names();
        keys.tell(
            key,
            format_args!(
                "{value} does not fit: a number with its unit, like \"0.10 MPa\"; {units}"
            ),
        );
    }
    amount
}

fn with_unit(text: &str) -> Option<Amount> {
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let (number, unit) = text.split_at(text.find(|c| !is_number(c))?);
    let number: f64 = number.parse().ok()?;
    Some(Amount { number, unit: Some(DeviceUnit::find(unit.trim())?) })
}
