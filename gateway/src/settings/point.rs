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
use firegrid_wire::state::StateSet;
use firegrid_wire::time::Millis;

use super::line::once;
use super::row::{Contact, NO_NUMBER, Row, SCALING, Scaling};
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
    /// A number that stands still for so long is stuck.
    pub(super) stuck_after: Option<Millis>,
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

impl SitePoint {
    fn of(of_profile: ProfilePoint) -> SitePoint {
        let deadband = match &of_profile.format {
            Format::Word(_) | Format::Inputs { .. } => 0.0,
            Format::Number(number) => number.deadband,
        };
        let (zone, limits) = (String::new(), BTreeMap::new());
        SitePoint { of_profile, stuck_after: None, zone, elevation: None, limits, deadband }
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
            Format::Inputs { .. } | Format::Number(_) => None,
        };
        let bit = match (row.bits, single) {
            (None, Some((bit, _))) => Some(bit),
            (Some((bit, last)), Some(_)) if bit == last => Some(bit),
            (Some(_), _) | (None, None) => None,
        };
        let means = row.means.as_ref().map_or(single.map(|(_, states)| states), |means| {
            means.first().copied().filter(|_| means.len() == 1)
        });
        let (Some(bit), Some(states), Some(_)) = (bit, means, single) else {
            for key in ["bit", "means", "contact"].iter().filter(|key| keys.has(key)) {
                keys.tell(key, "the profile says what this point is made of: leave it out");
            }
            return;
        };
        let Some(rests) = row.contacts_for(keys, 1) else { return };
        let reports = rests != [Contact::NormallyClosed];
        point.format = Format::Word(Arc::new(Word::contacts(&[(bit, reports, states)])));
    }

    /// Takes over what the site says of it besides its place.
    fn describe_as(&mut self, keys: &Keys<'_>, row: Row) {
        let unit = self.of_profile.format.unit();
        self.limits = row.limits_in(keys, unit);
        if let Some(deadband) = row.deadband_in(keys, unit) {
            self.deadband = deadband;
        }
        if unit.is_none() && keys.has("stuck_after") {
            keys.tell("stuck_after", NO_NUMBER);
        }
        self.stuck_after = row.stuck_after;
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
