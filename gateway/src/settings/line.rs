//! The lines of a site: which devices hang on which connection, and which points they have.
//!
//! What the site says of single points is read by `point`; here stands what it is about, and
//! whatever stands twice is told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firegrid_wire::catalogue::{DeviceEntry, PointEntry};
use firegrid_wire::document::{Mistakes, Table};
use firegrid_wire::names::{DeviceId, GatewayId};
use firegrid_wire::span::Lane;
use firegrid_wire::time::Millis;

use super::leads::{self, Leads, Taken};
use super::point::{self, SitePoint};
use super::sheet::Sheet;
use crate::inventory::{DeviceIndex, Inventory, PointIndex};
use crate::profile::{self, Format, Found, Probe, Profile, Profiles, ReadLimits};

/// The most points of one box; the budget of the design is made for so many.
pub const MOST_POINTS: usize = 100_000;

/// One wire with devices on it.
#[derive(Debug, Clone)]
pub struct Line {
    /// What people call it; unique in the box.
    pub name: String,
    /// Where it leads, and by which wire.
    pub leads: Leads,
    /// After this long without an answer a request has failed.
    pub timeout: Millis,
    /// The slaves on it, in the order of the settings.
    pub devices: Vec<Device>,
}

/// One slave on a line, with what is to be read of it.
#[derive(Debug, Clone)]
pub struct Device {
    /// Its number in the inventory.
    pub index: DeviceIndex,
    /// Its name in the box.
    pub name: DeviceId,
    /// The address of the slave on the line.
    pub unit_id: u8,
    /// How it may be asked.
    pub reads: ReadLimits,
    /// How often alarm areas are read, if it has any.
    pub alarm_period: Option<Millis>,
    /// How often analog areas are read, if it has any.
    pub analog_period: Option<Millis>,
    /// What is looked at between the polls of the alarm area, if the device has it.
    pub watch: Option<Watch>,
    /// Its points, in the order of the inventory.
    pub points: Vec<Point>,
}

/// A change probe, and how often it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The registers that move when something has changed.
    pub probe: Probe,
    /// Shorter than the period of the alarm area.
    pub period: Millis,
}

/// One point and where its registers lie.
#[derive(Debug, Clone)]
pub struct Point {
    /// Its number in the inventory.
    pub index: PointIndex,
    /// The table of the device.
    pub table: profile::Table,
    /// The first register, numbered as on the wire, from 0.
    pub register: u16,
    /// How the registers are read.
    pub format: Format,
    /// A number that stands still for so long is stuck, if the site says so.
    pub stuck_after: Option<Millis>,
}

impl Device {
    /// The period of a lane, if the device has points there.
    pub fn period(&self, lane: Lane) -> Option<Millis> {
        match lane {
            Lane::Urgent => self.alarm_period,
            Lane::Routine => self.analog_period,
        }
    }
}

/// What all lines of a box have in common while they are read.
pub(super) struct Site<'a> {
    /// The folder in which sheets are looked for.
    pub(super) beside: &'a Path,
    pub(super) profiles: &'a Profiles,
    pub(super) inventory: &'a mut Inventory,
    /// The mistakes of other files than the settings.
    pub(super) elsewhere: &'a mut Mistakes,
}

/// Reads all lines, and fills the inventory.
pub(super) fn read_lines(root: &Table<'_>, site: &mut Site<'_>) -> Option<Vec<Line>> {
    let tables = root.tables("line");
    if tables.is_empty() {
        root.tell("line", "without a [[line]] nothing is read");
    }
    let mut seen = Seen::default();
    let lines: Vec<Option<Line>> =
        tables.iter().map(|table| read_line(table, site, &mut seen)).collect();
    let points = site.inventory.points().count();
    if MOST_POINTS < points {
        root.tell("line", format_args!("{points} points are more than {MOST_POINTS}"));
    }
    lines.into_iter().collect()
}

/// What must not stand twice in a box.
#[derive(Default)]
struct Seen {
    lines: BTreeMap<String, String>,
    wires: Taken,
    devices: BTreeMap<DeviceId, String>,
}

/// Tells a key whose value stood at another path already.
pub(super) fn once<T: Ord + std::fmt::Display>(
    seen: &mut BTreeMap<T, String>,
    table: &Table<'_>,
    key: &str,
    value: T,
) {
    match seen.get(&value) {
        Some(first) => {
            table.tell(key, format_args!("{value} stands already at {first}"));
        }
        None => {
            seen.insert(value, table.path_of(key));
        }
    }
}

fn read_line(table: &Table<'_>, site: &mut Site<'_>, seen: &mut Seen) -> Option<Line> {
    let name: Option<String> = table.required("name");
    if let Some(name) = &name {
        if GatewayId::parse(name).is_err() {
            table.tell("name", "use 1 to 48 letters, digits, hyphens, underscores or dots");
        }
        once(&mut seen.lines, table, "name", name.clone());
    }
    let leads = leads::read_leads(table, &mut seen.wires);
    let timeout = lasting(table, "timeout", Millis::seconds(1), (50, 10_000));
    let tables = table.tables("device");
    if tables.is_empty() {
        table.tell("device", "without a [[line.device]] nothing is read");
    }
    let mut units = BTreeMap::new();
    let mut around = Around { leads: leads.as_ref(), site, seen, units: &mut units };
    let devices: Vec<Option<Device>> =
        tables.iter().map(|table| read_device(table, &mut around)).collect();
    let devices: Option<Vec<Device>> = devices.into_iter().collect();
    Some(Line { name: name?, leads: leads?, timeout: timeout?, devices: devices? })
}

/// What a device is read in.
struct Around<'a, 'b> {
    leads: Option<&'a Leads>,
    site: &'a mut Site<'b>,
    seen: &'a mut Seen,
    units: &'a mut BTreeMap<u8, String>,
}

fn read_device(table: &Table<'_>, around: &mut Around<'_, '_>) -> Option<Device> {
    let name: Option<DeviceId> = table.required_text("name");
    if let Some(name) = &name {
        once(&mut around.seen.devices, table, "name", name.clone());
    }
    let unit_id = read_unit_id(table);
    if let Some(unit_id) = unit_id {
        once(around.units, table, "unit_id", unit_id);
    }
    let label = table.or("label", String::new());
    let profile = read_profile(table, around.site.profiles);
    let answers = match &profile {
        Some(profile) => profile.answers(table),
        None => {
            table.raw("options");
            None
        }
    };
    let model = profile.as_ref().zip(answers).map(|(profile, answers)| point::Model {
        points: profile.points(&answers),
        site_points: profile.site_points(&answers),
    });
    let points = read_points(table, model, around);
    let has = |lane: Lane| points.as_ref().map(|points| has_lane(points, lane));
    let alarm_period =
        period(table, "alarm_period", 500, (100, 10_000), has(Lane::Urgent), "alarm");
    let analog_period =
        period(table, "analog_period", 1_000, (100, 600_000), has(Lane::Routine), "analog");
    let probe = profile.as_ref().map(|profile| profile.probe());
    let watch = read_watch(table, probe, alarm_period);
    let (name, unit_id, profile, points) = (name?, unit_id?, profile?, points?);
    let (alarm_period, analog_period) = (alarm_period?, analog_period?);
    let entry = DeviceEntry {
        n: name.clone(),
        label: label?,
        profile: profile.name().to_owned(),
        alarm_period,
        analog_period,
    };
    let place = format!("{}#{unit_id} {}", around.leads?, profile.name());
    let entries: Option<Vec<(PointEntry, f64)>> =
        points.iter().map(|point| point.describe(&name, &place)).collect();
    let index = around.site.inventory.add(entry, entries?);
    let numbers = around.site.inventory.device(index).points.clone();
    let points = numbers
        .zip(points)
        .map(|(number, SitePoint { of_profile: point, stuck_after, .. })| Point {
            index: PointIndex(number),
            table: point.table,
            register: point.register,
            format: point.format,
            stuck_after,
        })
        .collect();
    let (reads, watch) = (profile.reads(), watch?);
    Some(Device { index, name, unit_id, reads, alarm_period, analog_period, watch, points })
}

/// How often a change probe is looked at if the settings do not say it.
const LOOK_PERIOD: Millis = Millis::new(200);

/// The change probe of a profile with its period. Without an alarm area, or one that is read as
/// often, there is nothing to gain by looking.
fn read_watch(
    table: &Table<'_>,
    probe: Option<Option<Probe>>,
    alarm_period: Option<Option<Millis>>,
) -> Option<Option<Watch>> {
    let period = lasting(table, "probe_period", LOOK_PERIOD, (50, 10_000));
    match (probe?, alarm_period?) {
        (Some(probe), Some(alarm)) if period? < alarm => {
            Some(Some(Watch { probe, period: period? }))
        }
        (Some(_), _) if table.has("probe_period") => {
            table.tell("probe_period", "the alarm area is read as often: leave it out");
            None
        }
        (None, _) if table.has("probe_period") => {
            table.tell("probe_period", "the profile has no change probe: leave it out");
            None
        }
        (Some(_) | None, Some(_) | None) => Some(None),
    }
}

/// The points of a device: those of its profile, with what the site says of each in the settings
/// and in a sheet, and those that the site adds.
fn read_points(
    device: &Table<'_>,
    model: Option<point::Model>,
    around: &mut Around<'_, '_>,
) -> Option<Vec<SitePoint>> {
    let sheet =
        device.optional::<PathBuf>("sheet").map(|file| Sheet::read(&around.site.beside.join(file)));
    let mut rows = device.tables("point");
    rows.extend(sheet.iter().flat_map(Sheet::rows));
    let points = point::lay_over(rows, model);
    let mistakes = sheet.map(Sheet::finish).unwrap_or_default();
    if points.as_ref().is_some_and(Vec::is_empty) && mistakes.0.is_empty() {
        device.tell("sheet", "the profile has no points of its own: name them in a sheet");
    }
    let has_mistakes = !mistakes.0.is_empty();
    around.site.elsewhere.0.extend(mistakes.0);
    // What a sheet with mistakes does not name may well be there.
    points.filter(|points| !points.is_empty() && !has_mistakes)
}

fn read_unit_id(table: &Table<'_>) -> Option<u8> {
    let number: i64 = table.required_text("unit_id")?;
    let unit_id = u8::try_from(number).ok().filter(|unit_id| matches!(unit_id, 1..=247 | 255));
    if unit_id.is_none() {
        table.tell("unit_id", "a slave has an address from 1 to 247, or 255");
    }
    unit_id
}

fn read_profile(table: &Table<'_>, profiles: &Profiles) -> Option<Arc<Profile>> {
    let name: String = table.required("profile")?;
    match profiles.find(&name) {
        Found::Good(profile) => Some(profile),
        Found::Broken => {
            table.tell("profile", format_args!("{name:?} has mistakes of its own"));
            None
        }
        Found::Unknown => {
            let known = profiles.names();
            table.tell("profile", format_args!("there is no profile {name:?}; known: {known}"));
            None
        }
    }
}

fn has_lane(points: &[SitePoint], lane: Lane) -> bool {
    points.iter().any(|point| point.of_profile.format.lane() == lane)
}

/// The period of a lane; `Some(None)` if the device has no points there.
fn period(
    table: &Table<'_>,
    key: &str,
    default: u64,
    bounds: (u64, u64),
    has: Option<bool>,
    what: &str,
) -> Option<Option<Millis>> {
    let read = lasting(table, key, Millis::new(default), bounds);
    match has {
        Some(false) if table.has(key) => {
            table.tell(key, format_args!("the device has no {what} points: leave it out"));
            None
        }
        Some(false) => Some(None),
        Some(true) => read.map(Some),
        None => None,
    }
}

pub(super) fn lasting(
    table: &Table<'_>,
    key: &str,
    default: Millis,
    (shortest, longest): (u64, u64),
) -> Option<Millis> {
    let lasting: Millis = table.text_or(key, default)?;
    if (shortest..=longest).contains(&lasting.get()) {
        return Some(lasting);
    }
    let (shortest, longest) = (Millis::new(shortest), Millis::new(longest));
    table.tell(key, format_args!("{lasting} does not fit: from {shortest} to {longest}"));
    None
}
