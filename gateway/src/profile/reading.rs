//! How a group of points reads its registers, as the profile writes it: `word`, `bits` or
//! `number`. What is left to an option becomes a [`Format`] with the answers of a device.

use std::sync::Arc;

use firegrid_wire::document::Table as Keys;

use super::Format;
use super::choice::{self, Answers, Key, Only};
use super::group::Surroundings;
use super::number::{Described, DeviceUnit, Layout, Number, Order, UnitCodes};
use super::word::{self, Word};

/// One of the ways to read a point.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reading {
    Word(Arc<Word>),
    Number {
        layout: RawLayout,
        scale: f64,
        unit: Key<DeviceUnit>,
        plausible: (f64, f64),
        deadband: f64,
    },
}

/// How a raw number is laid out, some of it left to options.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RawLayout {
    Plain(Layout),
    F32 {
        words: Key<Order>,
        bytes: Key<Order>,
    },
    /// The option that holds what is to be added to the raw number, if there is one.
    Described {
        described: Described,
        offset: Option<String>,
    },
}

impl Reading {
    /// The format under the answers of a device; `None` for a choice that leaves the point out.
    pub(super) fn under(&self, answers: &Answers) -> Option<Format> {
        Some(match self {
            Reading::Word(word) => Format::Word(Arc::clone(word)),
            Reading::Number { layout, scale, unit, plausible, deadband } => {
                Format::Number(Arc::new(Number {
                    layout: layout.under(answers)?,
                    scale: *scale,
                    unit: *unit.under(answers)?,
                    plausible: *plausible,
                    deadband: *deadband,
                }))
            }
        })
    }

    /// How many registers a point takes.
    pub(super) fn registers(&self) -> u16 {
        match self {
            Reading::Word(_) | Reading::Number { layout: RawLayout::Plain(_), .. } => 1,
            Reading::Number { layout: RawLayout::F32 { .. }, .. } => 2,
            Reading::Number { layout: RawLayout::Described { described, .. }, .. } => {
                described.registers()
            }
        }
    }

    /// How many bits of its register it needs, counted from the lowest.
    pub(super) fn bits(&self) -> u32 {
        match self {
            Reading::Word(word) => 16 - word.mask().leading_zeros(),
            Reading::Number { .. } => 16,
        }
    }
}

impl RawLayout {
    fn under(&self, answers: &Answers) -> Option<Layout> {
        Some(match self {
            RawLayout::Plain(layout) => layout.clone(),
            RawLayout::F32 { words, bytes } => {
                Layout::F32 { words: *words.under(answers)?, bytes: *bytes.under(answers)? }
            }
            RawLayout::Described { described, offset } => {
                let offset = offset.as_ref().map_or(Some(0), |option| answers.number(option))?;
                Layout::Described(Described { offset, ..described.clone() })
            }
        })
    }
}

/// Reads the one of `word`, `bits` and `number` that is written.
pub(super) fn read_reading(
    table: &Keys<'_>,
    around: &Surroundings<'_>,
    only: Option<&Only>,
) -> Option<Reading> {
    // Each is counted as asked for: one mistake is enough.
    let is_written = |way: &&str| table.raw(way).is_some();
    if ["word", "bits", "number"].iter().copied().filter(is_written).count() != 1 {
        table.tell("", "a point has exactly one of `word`, `bits` and `number`");
        return None;
    }
    if let Some(name) = table.optional::<String>("word") {
        return find_word(table, &name, around).map(Reading::Word);
    }
    if let Some(bits) = table.table("bits") {
        return word::read_inline(&bits).map(|word| Reading::Word(Arc::new(word)));
    }
    read_number(&table.table("number")?, around, only)
}

/// The word with a name, at the key `word` of a table.
pub(super) fn find_word(
    table: &Keys<'_>,
    name: &str,
    around: &Surroundings<'_>,
) -> Option<Arc<Word>> {
    let word = around.words?.get(name);
    if word.is_none() {
        table.tell("word", format_args!("there is no [word.{name}]"));
    }
    word.cloned()
}

fn read_number(
    table: &Keys<'_>,
    around: &Surroundings<'_>,
    only: Option<&Only>,
) -> Option<Reading> {
    let order =
        |key: &str| choice::read_key(table, key, around.asked, only, Order::find, "big, little");
    let mut read_from_device = None;
    let layout = match table.required::<String>("type").as_deref() {
        Some("u16") => Some(RawLayout::Plain(Layout::U16)),
        Some("i16") => Some(RawLayout::Plain(Layout::I16)),
        Some("choice") => {
            read_choices(table).map(|choices| RawLayout::Plain(Layout::Choice(choices)))
        }
        Some("f32") => {
            let words = order("word_order");
            let bytes = match table.has("byte_order") {
                true => order("byte_order"),
                false => Some(Key::Fixed(Order::Big)),
            };
            words.zip(bytes).map(|(words, bytes)| RawLayout::F32 { words, bytes })
        }
        Some("described") => read_described(table, around).inspect(|layout| {
            if let RawLayout::Described { described, .. } = layout {
                read_from_device = described.units.as_ref().and_then(UnitCodes::first);
            }
        }),
        other => {
            if let Some(other) = other {
                let known = "u16 i16 f32 choice described";
                table.tell("type", format_args!("{other:?} does not fit; known: {known}"));
            }
            // The right type may take any of these.
            for key in ["word_order", "byte_order", "values", "at", "units", "offset"] {
                table.raw(key);
            }
            None
        }
    };
    let unit = match read_from_device {
        Some(unit) => Some(Key::Fixed(unit)),
        None if table.has("units") => None,
        None => {
            let names = DeviceUnit::names();
            choice::read_key(table, "unit", around.asked, only, DeviceUnit::find, &names)
        }
    };
    let scale = table.or("scale", 1.0).filter(|scale: &f64| {
        let fits = scale.is_finite() && *scale != 0.0;
        if !fits {
            table.tell("scale", "a scale is a number other than 0");
        }
        fits
    });
    let plausible: Option<(f64, f64)> = table.required("plausible");
    let plausible = plausible.filter(|(lowest, highest)| {
        let fits = lowest < highest;
        if !fits {
            table.tell("plausible", "write [lowest, highest] in the SI unit");
        }
        fits
    });
    let deadband = table.or("deadband", 0.0).filter(|deadband: &f64| {
        let fits = deadband.is_finite() && 0.0 <= *deadband;
        if !fits {
            table.tell("deadband", "a deadband is 0 or more, in the SI unit");
        }
        fits
    });
    Some(Reading::Number {
        layout: layout?,
        scale: scale?,
        unit: unit?,
        plausible: plausible?,
        deadband: deadband?,
    })
}

fn read_choices(table: &Keys<'_>) -> Option<Vec<(u16, f64)>> {
    let values = table.required_table("values")?;
    read_codes(&values, |code| values.required(code))
}

/// `at = { decimals = 1, value = 2 }`, registers behind the first one; `units` if the device
/// says its unit, in the register `at.unit`.
fn read_described(table: &Keys<'_>, around: &Surroundings<'_>) -> Option<RawLayout> {
    let at = table.required_table("at")?;
    let (value, decimals) = (at.required("value"), at.required("decimals"));
    let units = match table.table("units") {
        None => Some(None),
        Some(units) => {
            let unit = at.required("unit");
            let codes = read_codes(&units, |code| {
                let name: String = units.required(code)?;
                let unit = DeviceUnit::find(&name);
                if unit.is_none() {
                    let known = DeviceUnit::names();
                    units.tell(code, format_args!("{name:?} does not fit; known: {known}"));
                }
                unit
            });
            let mixed = |codes: &[(u16, DeviceUnit)]| {
                codes.iter().any(|(_, unit)| Some(unit.si()) != codes.first().map(|c| c.1.si()))
            };
            if codes.as_ref().is_some_and(|codes| codes.is_empty() || mixed(codes)) {
                table.tell("units", "the units of a point measure one thing");
            }
            unit.zip(codes).map(|(at, codes)| Some(UnitCodes { at, codes }))
        }
    };
    let offset = match table.table("offset") {
        None => Some(None),
        Some(offset) => {
            let option: Option<String> = offset.required("option");
            let option = option.zip(around.asked).filter(|(option, asked)| {
                let is_number = choice::bounds_of(asked, option).is_some();
                if !is_number {
                    offset.tell("option", format_args!("{option:?} is no option with a number"));
                }
                is_number
            });
            option.map(|(option, _)| Some(option))
        }
    };
    let described = Described { value: value?, decimals: decimals?, units: units?, offset: 0 };
    Some(RawLayout::Described { described, offset: offset? })
}

/// A table from codes to what they mean.
fn read_codes<T>(table: &Keys<'_>, meaning: impl Fn(&str) -> Option<T>) -> Option<Vec<(u16, T)>> {
    let read = |key: &str| {
        let code = word::number(key);
        if code.is_none() {
            table.tell(key, "a code is a number like 16 or 0x10");
        }
        let meaning = meaning(key);
        Some((code?, meaning?))
    };
    let codes: Vec<Option<(u16, T)>> = table.keys().into_iter().map(read).collect();
    codes.into_iter().collect()
}
