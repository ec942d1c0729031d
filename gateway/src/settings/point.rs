//! What the site says of single points, in `[[line.device.point]]` or in a row of a sheet 点表.
//!
//! Both are read by the same lines here. A row names a point of the profile, to label, tag,
//! limit or move it, or adds one where the profile leaves that to the site. Nothing is taken
//! that has no effect: it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use firegrid_wire::catalogue::PointEntry;
use firegrid_wire::document::Table as Keys;
use firegrid_wire::names::{DeviceId, PointId};

use super::line::once;
use super::row::{Contact, Row, SCALING, Scaling};
use crate::profile::number::{DeviceUnit, Layout, Linear, Number};
use crate::profile::word::Word;
use crate::profile::{Format, ProfilePoint, SiteKind, SitePoints, Table};

/// What a profile says of a device whose options are answered.
pub(super) struct Model {
    /// The points of the profile.
    pub(super) points: Vec<ProfilePoint>,
    /// What the site may add to them.
    pub(super) site_points: Option<SitePoints>,
}

/// A point of a device, with all that profile and site say of it.
pub(super) struct SitePoint {
    /// Where it lies and how it is read; what the site has moved or renamed is in here.
    pub(super) of_profile: ProfilePoint,
    zone: String,
    elevation: Option<f64>,
    limits: BTreeMap<String, f64>,
    deadband: f64,
}

/// Lays the rows of the site over the points of a profile; `None` if a point could not be made.
/// Without a model, because the profile has mistakes of its own, only what is wrong in any case
/// is told.
pub(super) fn lay_over(rows: Vec<Keys<'_>>, model: Option<Model>) -> Option<Vec<SitePoint>> {
    let has_model = model.is_some();
    let mut whole = has_model;
    let (points, site_points) =
        model.map_or((Vec::new(), None), |model| (model.points, model.site_points));
    let mut points: Vec<SitePoint> = points.into_iter().map(SitePoint::of).collect();
    let mut places: BTreeMap<String, usize> =
        points.iter().enumerate().map(|(at, point)| (point.of_profile.name.clone(), at)).collect();
    let mut seen = BTreeMap::new();
    let mut taken = BTreeMap::new();
    for keys in &rows {
        let name: Option<String> = keys.required("name");
        let row = Row::read(keys);
        let Some(name) = name else { continue };
        if seen.contains_key(&name) || !has_model {
            once(&mut seen, keys, "name", name);
            continue;
        }
        once(&mut seen, keys, "name", name.clone());
        let scales = site_points.as_ref().is_some_and(SitePoints::is_scaled);
        for key in SCALING.iter().filter(|key| !scales && keys.has(key)) {
            keys.tell(key, "only an analog input is scaled by the site: leave it out");
        }
        let at = match (places.get(&name), &site_points) {
            (Some(at), _) => {
                points[*at].move_to(keys, &row);
                Some(*at)
            }
            (None, Some(kind)) => add(keys, &row, &name, kind, &mut taken).map(|added| {
                points.push(SitePoint::of(added));
                places.insert(name, points.len() - 1);
                points.len() - 1
            }),
            (None, None) => {
                tell_unknown(keys, &name, points.first());
                None
            }
        };
        match at {
            Some(at) => points[at].describe_as(keys, row),
            None => whole = false,
        }
    }
    whole.then_some(points)
}

fn tell_unknown(keys: &Keys<'_>, name: &str, example: Option<&SitePoint>) {
    if name == PointId::COMM {
        keys.tell("name", "\"comm\" is Firegrid's own and needs no settings");
        return;
    }
    let example = example.map_or("", |point| &point.of_profile.name);
    keys.tell(
        "name",
        format_args!("the device has no point {name:?}; it has, for example, {example:?}"),
    );
}

/// A change of an analog input up to this share of its range is not worth sending, unless the
/// site says otherwise: half of what the sensors at hand claim as their error.
const ANALOG_DEADBAND: f64 = 0.002_5;

/// Which point a bit of a register has been given to.
type Taken = BTreeMap<(Table, u16, u16), String>;

/// A point that the site adds to the profile; `None` if it is told why not.
fn add(
    keys: &Keys<'_>,
    row: &Row,
    name: &str,
    kind: &SitePoints,
    taken: &mut Taken,
) -> Option<ProfilePoint> {
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
        SiteKind::Contact { closed } => {
            contact_word(keys, row, table, *closed).map(|word| Format::Word(Arc::new(word)))
        }
        SiteKind::Word { word, bits } => {
            part_word(keys, row, table, word, *bits).map(|word| Format::Word(Arc::new(word)))
        }
        SiteKind::Analog { signed, live_zero } => {
            analog_number(keys, row, table, *signed, *live_zero)
                .map(|number| Format::Number(Arc::new(number)))
        }
    };
    let (register, format) = (register?, format?);
    let mask = match &format {
        Format::Word(word) => word.mask(),
        Format::Number(_) => u16::MAX,
    };
    for bit in (0..16).map(|bit| 1_u16 << bit).filter(|bit| mask & bit != 0) {
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

/// A contact reports when it leaves its rest: a normally-open one when it closes.
fn contact_word(keys: &Keys<'_>, row: &Row, table: Table, closed: bool) -> Option<Word> {
    let bit = match (table.is_bits(), row.bits) {
        (true, None) => Some(0),
        (true, Some(_)) => {
            keys.tell("bit", format_args!("{table} are single bits: leave it out"));
            None
        }
        (false, Some((bit, last))) if bit == last => Some(bit),
        (false, Some(_)) => {
            keys.tell("bit", "a contact is one bit, from 0 to 15");
            None
        }
        (false, None) => {
            if !keys.has("bit") {
                keys.tell("bit", "which bit of the register, from 0 to 15?");
            }
            None
        }
    };
    if row.means.is_none() && !keys.has("means") {
        keys.tell("means", "what does the contact report, for example 火警 fire?");
    }
    let reports = match row.contact.unwrap_or(Contact::NormallyOpen) {
        Contact::NormallyOpen => closed,
        Contact::NormallyClosed => !closed,
    };
    Some(Word::contact(bit?, reports, row.means?))
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

impl SitePoint {
    fn of(of_profile: ProfilePoint) -> SitePoint {
        let deadband = match &of_profile.format {
            Format::Word(_) => 0.0,
            Format::Number(number) => number.deadband,
        };
        let (zone, limits) = (String::new(), BTreeMap::new());
        SitePoint { of_profile, zone, elevation: None, limits, deadband }
    }

    /// Moves a point of the profile to other registers, another bit or another sense.
    fn move_to(&mut self, keys: &Keys<'_>, row: &Row) {
        let point = &mut self.of_profile;
        if let Some(place) = row.place {
            let table = place.table.unwrap_or(point.table);
            let last = u32::from(place.register) + u32::from(point.format.registers()) - 1;
            if table.is_bits() != point.table.is_bits() {
                keys.tell("table", format_args!("a point of {} cannot lie there", point.table));
            } else if u32::from(u16::MAX) < last {
                keys.tell("register", format_args!("the last register would be {last}"));
            } else {
                (point.table, point.register) = (table, place.register);
            }
        }
        if row.bits.is_none() && row.means.is_none() && row.contact.is_none() {
            return;
        }
        let single = match &point.format {
            Format::Word(word) => word.single_bit(),
            Format::Number(_) => None,
        };
        let bit = match (row.bits, single) {
            (None, Some((bit, _))) => Some(bit),
            (Some((bit, last)), Some(_)) if bit == last => Some(bit),
            (Some(_), _) | (None, None) => None,
        };
        let Some((bit, (_, states))) = bit.zip(single) else {
            for key in ["bit", "means", "contact"].iter().filter(|key| keys.has(key)) {
                keys.tell(key, "the profile says what this point is made of: leave it out");
            }
            return;
        };
        let reports = row.contact != Some(Contact::NormallyClosed);
        let word = Word::contact(bit, reports, row.means.unwrap_or(states));
        point.format = Format::Word(Arc::new(word));
    }

    /// Takes over what the site says of it besides its place.
    fn describe_as(&mut self, keys: &Keys<'_>, row: Row) {
        let unit = self.of_profile.format.unit();
        self.limits = row.limits_in(keys, unit);
        if let Some(deadband) = row.deadband_in(keys, unit) {
            self.deadband = deadband;
        }
        let point = &mut self.of_profile;
        if let Some(label) = row.label {
            point.label = label;
        }
        point.system = row.system.unwrap_or(point.system);
        point.part = row.part.unwrap_or(point.part);
        (self.zone, self.elevation) = (row.zone, row.elevation);
        let mut known: BTreeSet<String> = point.tags.iter().cloned().collect();
        point.tags.extend(row.tags.into_iter().filter(|tag| known.insert(tag.clone())));
    }

    /// What the centre is told of it, and its deadband.
    pub(super) fn describe(
        &self,
        device: &DeviceId,
        place: &impl fmt::Display,
    ) -> Option<(PointEntry, f64)> {
        let point = &self.of_profile;
        let entry = PointEntry {
            n: PointId::of(device, &point.name).ok()?,
            label: point.label.clone(),
            lane: point.format.lane(),
            u: point.format.unit(),
            system: point.system,
            part: point.part,
            zone: self.zone.clone(),
            tags: point.tags.clone(),
            limits: self.limits.clone(),
            elevation: self.elevation,
            source: format!("{place} {} {} {}", point.table, point.register, point.format),
        };
        Some((entry, self.deadband))
    }
}
