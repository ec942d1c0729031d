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
use firegrid_wire::time::Millis;

use super::added::Adding;
use super::line::once;
use super::row::{Contact, NO_NUMBER, Row, SCALING};
use crate::profile::word::Word;
use crate::profile::{Format, ProfilePoint, SitePoints};

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
    let mut laid = model.map(Laid::of);
    let mut seen = BTreeMap::new();
    let mut whole = true;
    for keys in &rows {
        let name: Option<String> = keys.required("name");
        let row = Row::read(keys);
        let Some(name) = name else { continue };
        let is_first = !seen.contains_key(&name);
        once(&mut seen, keys, "name", name.clone());
        if let Some(laid) = laid.as_mut().filter(|_| is_first) {
            whole &= laid.lay(keys, row, name).is_some();
        }
    }
    laid.filter(|_| whole).map(|laid| laid.points)
}

/// The points of a device, while rows are laid over them.
struct Laid {
    points: Vec<SitePoint>,
    /// Where each name stands.
    places: BTreeMap<String, usize>,
    /// What the site may add, and has added.
    adding: Option<Adding>,
}

impl Laid {
    fn of(model: Model) -> Laid {
        let mut laid = Laid {
            points: Vec::new(),
            places: BTreeMap::new(),
            adding: model.site_points.map(Adding::new),
        };
        for point in model.points {
            laid.push(point);
        }
        laid
    }

    fn push(&mut self, point: ProfilePoint) -> usize {
        self.places.insert(point.name.clone(), self.points.len());
        self.points.push(SitePoint::of(point));
        self.points.len() - 1
    }

    /// Moves, adds and describes; `None` if it is told why there is no such point.
    fn lay(&mut self, keys: &Keys<'_>, row: Row, name: String) -> Option<()> {
        let scales = self.adding.as_ref().is_some_and(Adding::scales);
        for key in SCALING.iter().filter(|key| !scales && keys.has(key)) {
            keys.tell(key, "only an analog input is scaled by the site: leave it out");
        }
        let at = match (self.places.get(&name), &mut self.adding) {
            (Some(at), _) => {
                self.points[*at].move_to(keys, &row);
                *at
            }
            (None, Some(adding)) => {
                let added = adding.point(keys, &row, &name)?;
                self.push(added)
            }
            (None, None) => {
                tell_unknown(keys, &name, self.points.first());
                return None;
            }
        };
        self.points[at].describe_as(keys, row);
        Some(())
    }
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
