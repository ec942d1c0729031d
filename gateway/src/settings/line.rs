//! The lines of a site: which devices hang on which connection, and which points they have.
//!
//! Lays the site's own words (labels, zones, tags, limits) over what the profile says, and
//! tells whatever stands twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firegrid_wire::catalogue::{DeviceEntry, PointEntry};
use firegrid_wire::document::Table;
use firegrid_wire::names::{DeviceId, GatewayId, PointId};
use firegrid_wire::span::Lane;
use firegrid_wire::time::Millis;

use super::address::Address;
use crate::inventory::{DeviceIndex, Inventory, PointIndex};
use crate::profile::{self, Format, Found, Profile, ProfilePoint, Profiles, ReadLimits};

/// The most points of one box; the budget of the design is made for so many.
pub const MOST_POINTS: usize = 100_000;

/// One Modbus connection.
#[derive(Debug, Clone)]
pub struct Line {
    /// What people call it; unique in the box.
    pub name: String,
    /// Where it leads, Modbus TCP.
    pub address: Address,
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
    /// Its points, in the order of the inventory.
    pub points: Vec<Point>,
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

/// Reads all lines, and fills the inventory.
pub(super) fn read_lines(
    root: &Table<'_>,
    profiles: &Profiles,
    inventory: &mut Inventory,
) -> Option<Vec<Line>> {
    let tables = root.tables("line");
    if tables.is_empty() {
        root.tell("line", "without a [[line]] nothing is read");
    }
    let mut seen = Seen::default();
    let lines: Vec<Option<Line>> =
        tables.iter().map(|table| read_line(table, profiles, inventory, &mut seen)).collect();
    let points = inventory.points().count();
    if MOST_POINTS < points {
        root.tell("line", format_args!("{points} points are more than {MOST_POINTS}"));
    }
    lines.into_iter().collect()
}

/// What must not stand twice in a box.
#[derive(Default)]
struct Seen {
    lines: BTreeMap<String, String>,
    addresses: BTreeMap<Address, String>,
    devices: BTreeMap<DeviceId, String>,
}

/// Tells a key whose value stood at another path already.
fn once<T: Ord + std::fmt::Display>(
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

fn read_line(
    table: &Table<'_>,
    profiles: &Profiles,
    inventory: &mut Inventory,
    seen: &mut Seen,
) -> Option<Line> {
    let name: Option<String> = table.required("name");
    if let Some(name) = &name {
        if GatewayId::parse(name).is_err() {
            table.tell("name", "use 1 to 48 letters, digits, hyphens, underscores or dots");
        }
        once(&mut seen.lines, table, "name", name.clone());
    }
    let address: Option<Address> = table.required_text("address");
    if let Some(address) = &address {
        once(&mut seen.addresses, table, "address", address.clone());
    }
    let timeout = lasting(table, "timeout", Millis::seconds(1), (50, 10_000));
    let tables = table.tables("device");
    if tables.is_empty() {
        table.tell("device", "without a [[line.device]] nothing is read");
    }
    let mut units = BTreeMap::new();
    let mut around =
        Around { address: address.as_ref(), profiles, inventory, seen, units: &mut units };
    let devices: Vec<Option<Device>> =
        tables.iter().map(|table| read_device(table, &mut around)).collect();
    let devices: Option<Vec<Device>> = devices.into_iter().collect();
    Some(Line { name: name?, address: address?, timeout: timeout?, devices: devices? })
}

/// What a device is read in.
struct Around<'a> {
    address: Option<&'a Address>,
    profiles: &'a Profiles,
    inventory: &'a mut Inventory,
    seen: &'a mut Seen,
    units: &'a mut BTreeMap<u8, String>,
}

fn read_device(table: &Table<'_>, around: &mut Around<'_>) -> Option<Device> {
    let name: Option<DeviceId> = table.required_text("name");
    if let Some(name) = &name {
        once(&mut around.seen.devices, table, "name", name.clone());
    }
    let unit_id = read_unit_id(table);
    if let Some(unit_id) = unit_id {
        once(around.units, table, "unit_id", unit_id);
    }
    let label = table.or("label", String::new());
    let profile = read_profile(table, around.profiles);
    let answers = match &profile {
        Some(profile) => profile.answers(table),
        None => {
            table.raw("options");
            None
        }
    };
    let points = profile.as_ref().zip(answers).map(|(profile, answers)| profile.points(&answers));
    let sheets = read_sheets(table, points.as_deref());
    let has = |lane: Lane| points.as_ref().map(|points| has_lane(points, lane));
    let alarm_period =
        period(table, "alarm_period", 500, (100, 10_000), has(Lane::Urgent), "alarm");
    let analog_period =
        period(table, "analog_period", 1_000, (100, 600_000), has(Lane::Routine), "analog");
    let (name, unit_id, profile, points) = (name?, unit_id?, profile?, points?);
    let (alarm_period, analog_period) = (alarm_period?, analog_period?);
    let entry = DeviceEntry {
        n: name.clone(),
        label: label?,
        profile: profile.name().to_owned(),
        alarm_period,
        analog_period,
    };
    let place = format!("{}#{unit_id} {}", around.address?, profile.name());
    let entries: Option<Vec<(PointEntry, f64)>> = points
        .iter()
        .map(|point| describe(&name, &place, point, sheets.get(&point.name)))
        .collect();
    let index = around.inventory.add(entry, entries?);
    let numbers = around.inventory.device(index).points.clone();
    let points = numbers
        .zip(points)
        .map(|(number, point)| Point {
            index: PointIndex(number),
            table: point.table,
            register: point.register,
            format: point.format,
        })
        .collect();
    let reads = profile.reads();
    Some(Device { index, name, unit_id, reads, alarm_period, analog_period, points })
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

fn has_lane(points: &[ProfilePoint], lane: Lane) -> bool {
    points.iter().any(|point| point.format.lane() == lane)
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

fn lasting(
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

/// What the site says of a single point.
#[derive(Default)]
struct Sheet {
    label: Option<String>,
    zone: String,
    tags: Vec<String>,
    limits: BTreeMap<String, f64>,
    deadband: Option<f64>,
}

/// Reads `[[line.device.point]]`. Without the profile's points only what stands twice is told.
fn read_sheets(device: &Table<'_>, points: Option<&[ProfilePoint]>) -> BTreeMap<String, Sheet> {
    let mut sheets = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for table in device.tables("point") {
        let name: Option<String> = table.required("name");
        let sheet = read_sheet(&table);
        let Some(name) = name else { continue };
        once(&mut seen, &table, "name", name.clone());
        match points.map(|points| points.iter().find(|point| point.name == name)) {
            Some(None) if name == PointId::COMM => {
                table.tell("name", "\"comm\" is Firegrid's own and needs no settings");
            }
            Some(None) => {
                let example = points.and_then(<[_]>::first).map_or("", |point| &point.name);
                table.tell(
                    "name",
                    format_args!(
                        "the device has no point {name:?}; it has, for example, {example:?}"
                    ),
                );
            }
            Some(Some(point)) if sheet.deadband.is_some() && point.format.unit().is_none() => {
                table.tell("deadband", "the point has states and no number: leave it out");
            }
            Some(Some(_)) | None => {}
        }
        sheets.insert(name, sheet);
    }
    sheets
}

fn read_sheet(table: &Table<'_>) -> Sheet {
    let deadband = table.optional_text("deadband").filter(|deadband: &f64| {
        let fits = deadband.is_finite() && 0.0 <= *deadband;
        if !fits {
            table.tell("deadband", "a deadband is 0 or more, in the unit of the point");
        }
        fits
    });
    Sheet {
        label: table.optional("label"),
        zone: table.or("zone", String::new()).unwrap_or_default(),
        tags: table.or("tags", Vec::new()).unwrap_or_default(),
        limits: read_limits(table),
        deadband,
    }
}

/// Whatever names they have; those that are no numbers are told one by one.
fn read_limits(table: &Table<'_>) -> BTreeMap<String, f64> {
    let Some(limits) = table.table("limits") else { return BTreeMap::new() };
    let read = |name: &str| limits.optional(name).map(|limit| (name.to_owned(), limit));
    limits.keys().into_iter().filter_map(read).collect()
}

/// What the centre is told of a point, and its deadband.
fn describe(
    device: &DeviceId,
    place: &str,
    point: &ProfilePoint,
    sheet: Option<&Sheet>,
) -> Option<(PointEntry, f64)> {
    let empty = Sheet::default();
    let sheet = sheet.unwrap_or(&empty);
    let deadband = match &point.format {
        Format::Word(_) => 0.0,
        Format::Number(number) => sheet.deadband.unwrap_or(number.deadband),
    };
    let mut known = BTreeSet::new();
    let tags = point.tags.iter().chain(&sheet.tags).filter(|tag| known.insert(tag.as_str()));
    let entry = PointEntry {
        n: PointId::of(device, &point.name).ok()?,
        label: sheet.label.clone().unwrap_or_else(|| point.label.clone()),
        lane: point.format.lane(),
        u: point.format.unit(),
        system: point.system,
        part: point.part,
        zone: sheet.zone.clone(),
        tags: tags.cloned().collect(),
        limits: sheet.limits.clone(),
        source: format!("{place} {} {} {}", point.table, point.register, point.format),
    };
    Some((entry, deadband))
}
