//! The rows of the six sheets: each row checked by itself, and against the sheets it leans on.
//!
//! A row is looked at whole, whatever is wrong with one of its cells; and what leans on a row
//! that is written but could not be used is no mistake.

use std::collections::{BTreeMap, HashMap, HashSet};

use firegrid_rules::routing::{GridRow, PersonRow};
use firegrid_wire::names::{DeviceId, GatewayId, RegionId};

use super::mistakes::Told;
use super::sheet::{Row, Sheet};
use super::words::{Class, Purpose};
use crate::storage::registered::{Building, Device};
use crate::storage::registry::Unit;

/// What was read, with the number of its row in its sheet.
pub(super) type Numbered<T> = Vec<(usize, T)>;

/// The highest building in metres, and the most floors; a higher one is a slip of the finger.
const HIGHEST: f64 = 1_000.0;
const MOST_FLOORS: u32 = 200;

const NO_ID: (&str, &str) = (
    "不能用作编号：1 到 48 个字母、数字、连字符、下划线或点，以字母或数字开头",
    "is no id: use 1 to 48 letters, digits, hyphens, underscores or dots, beginning with a \
     letter or digit",
);

const NO_PHONE: (&str, &str) =
    ("不是电话号码", "is no telephone number: use digits, spaces and + - ( ) / , ; * #");

pub(super) fn grids(sheet: &Sheet, told: &mut Told) -> Numbered<GridRow> {
    let mut grids = Vec::new();
    for (number, row) in sheet.whole_rows() {
        let id = id(sheet, row, "id", told);
        let level = row.listed(sheet, "level", told);
        let name = row.text(sheet, "name", told);
        let parent = Some(row.cell("parent")).filter(|parent| !parent.is_empty());
        if let (Some(id), Some(level)) = (id, level) {
            // Without its name too, so that its place in the tree is looked at.
            let (name, parent) = (name.unwrap_or_default(), parent.map(str::to_owned));
            grids.push((number, GridRow { id, level, parent, name }));
        }
    }
    grids
}

pub(super) fn units(sheet: &Sheet, told: &mut Told) -> Numbered<Unit> {
    let mut units = Vec::new();
    for (number, row) in sheet.whole_rows() {
        let id = id(sheet, row, "id", told);
        let name = row.text(sheet, "name", told);
        let phone = phone(sheet, row, told);
        let class = row.maybe_listed::<Class>(sheet, "class", told);
        if let Some(id) = id {
            let cell = |column| row.cell(column).to_owned();
            let unit = Unit {
                id,
                name: name.unwrap_or_default(),
                grid: cell("grid"),
                address: cell("address"),
                contact: cell("contact"),
                phone,
                class,
                retired: false,
            };
            units.push((number, unit));
        }
    }
    units
}

pub(super) fn people(sheet: &Sheet, told: &mut Told) -> Numbered<PersonRow> {
    let mut people = Vec::new();
    for (number, row) in sheet.whole_rows() {
        let id = id(sheet, row, "id", told);
        let name = row.text(sheet, "name", told);
        let role = row.listed(sheet, "role", told);
        let phone = phone(sheet, row, told);
        if let (Some(id), Some(role)) = (id, role) {
            let (name, grid) = (name.unwrap_or_default(), row.cell("grid").to_owned());
            people.push((number, PersonRow { id, name, role, phone, grid }));
        }
    }
    people
}

pub(super) fn buildings(
    sheet: &Sheet,
    units: &Sheet,
    told: &mut Told,
) -> BTreeMap<String, Building> {
    let known = units.written("id");
    let mut buildings = BTreeMap::new();
    for (_, row) in sheet.whole_rows() {
        let id = id(sheet, row, "id", told);
        let name = row.text(sheet, "name", told);
        leans_on(sheet, row, "unit", units, &known, told);
        let floors_above = floors(sheet, row, "floors_above", told);
        let floors_below = floors(sheet, row, "floors_below", told);
        let purpose = row.maybe_listed::<Purpose>(sheet, "use", told);
        let height = height(sheet, row, told);
        let Some(id) = id else { continue };
        let (name, unit) = (name.unwrap_or_default(), row.cell("unit").to_owned());
        let building =
            Building { id: id.clone(), unit, name, floors_above, floors_below, purpose, height };
        if buildings.insert(id, building).is_some() {
            twice(sheet, row, "id", told);
        }
    }
    buildings
}

pub(super) fn gateways(
    sheet: &Sheet,
    units: &Sheet,
    told: &mut Told,
) -> BTreeMap<GatewayId, String> {
    let known = units.written("id");
    let mut gateways = BTreeMap::new();
    for (_, row) in sheet.whole_rows() {
        let gateway = id(sheet, row, "gateway", told).and_then(|id| GatewayId::parse(&id).ok());
        leans_on(sheet, row, "unit", units, &known, told);
        let Some(gateway) = gateway else { continue };
        if gateway.as_str() == GatewayId::CENTRE {
            told.cell(
                sheet,
                row,
                "gateway",
                "“centre” 是监控中心自己的名字",
                "\"centre\" is the centre's own name",
            );
        }
        if gateways.insert(gateway, row.cell("unit").to_owned()).is_some() {
            twice(sheet, row, "gateway", told);
        }
    }
    gateways
}

pub(super) fn devices(
    sheet: &Sheet,
    (gateways, buildings, units): (&Sheet, &Sheet, &Sheet),
    told: &mut Told,
) -> BTreeMap<(GatewayId, DeviceId), Device> {
    let (known, houses) = (gateways.written("gateway"), buildings.written("id"));
    let (unit_of, owner_of) = (owners(gateways, "gateway", units), owners(buildings, "id", units));
    let mut devices = BTreeMap::new();
    for (_, row) in sheet.whole_rows() {
        leans_on(sheet, row, "gateway", gateways, &known, told);
        let device = id(sheet, row, "device", told).and_then(|id| DeviceId::parse(&id).ok());
        let building = row.cell("building");
        if !building.is_empty() {
            leans_on(sheet, row, "building", buildings, &houses, told);
            let (watched, owner) = (unit_of.get(row.cell("gateway")), owner_of.get(building));
            if let (Some(watched), Some(owner)) = (watched, owner)
                && watched != owner
            {
                told.cell(
                    sheet,
                    row,
                    "building",
                    format!("建筑 {building:?} 属于单位 {owner:?}，而该网关属于 {watched:?}"),
                    format!(
                        "building {building:?} is of unit {owner:?}, the gateway of {watched:?}"
                    ),
                );
            }
        }
        let (Ok(gateway), Some(device)) = (GatewayId::parse(row.cell("gateway")), device) else {
            continue;
        };
        let cell = |column| row.cell(column).to_owned();
        let key = (gateway.clone(), device.clone());
        let device = Device {
            gateway,
            device,
            name: cell("name"),
            building: cell("building"),
            place: cell("place"),
            maker: cell("maker"),
            model: cell("model"),
        };
        if devices.insert(key, device).is_some() {
            twice(sheet, row, "device", told);
        }
    }
    devices
}

/// The unit of each row of a sheet, where it names one that is written.
fn owners<'a>(sheet: &'a Sheet, column: &'static str, units: &Sheet) -> HashMap<&'a str, &'a str> {
    let known = units.written("id");
    let rows = sheet.whole_rows().map(|(_, row)| (row.cell(column), row.cell("unit")));
    rows.filter(|(_, unit)| known.contains(unit)).collect()
}

/// An id: plain in every place it travels, as all names are.
fn id(sheet: &Sheet, row: &Row, column: &'static str, told: &mut Told) -> Option<String> {
    let read = |text: &str| RegionId::parse(text).is_ok().then(|| text.to_owned());
    row.form(sheet, column, told, read, NO_ID)
}

/// A telephone number, or nothing.
fn phone(sheet: &Sheet, row: &Row, told: &mut Told) -> String {
    let fits = |sign: char| sign.is_ascii_digit() || " +-()（）/,，;；、*#转".contains(sign);
    let read = |text: &str| text.chars().all(fits).then(|| text.to_owned());
    row.form(sheet, "phone", told, read, NO_PHONE).unwrap_or_default()
}

fn floors(sheet: &Sheet, row: &Row, column: &'static str, told: &mut Told) -> Option<u32> {
    if row.cell(column).is_empty() {
        return None;
    }
    let read = |text: &str| text.parse().ok().filter(|floors| *floors <= MOST_FLOORS);
    let wanted = (
        format!("不是层数（0 到 {MOST_FLOORS}）"),
        format!("is no number of floors between 0 and {MOST_FLOORS}"),
    );
    row.form(sheet, column, told, read, wanted)
}

/// A height in metres as it is written, or nothing.
fn height(sheet: &Sheet, row: &Row, told: &mut Told) -> String {
    if row.cell("height").is_empty() {
        return String::new();
    }
    let fits = |text: &str| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        plain && text.parse::<f64>().is_ok_and(|height| 0.0 < height && height <= HIGHEST)
    };
    let read = |text: &str| fits(text).then(|| text.to_owned());
    let wanted = (
        format!("不是高度（米，至 {HIGHEST}）"),
        format!("is no height in metres up to {HIGHEST}"),
    );
    row.form(sheet, "height", told, read, wanted).unwrap_or_default()
}

/// What a row names in another sheet must be written there.
fn leans_on(
    sheet: &Sheet,
    row: &Row,
    column: &'static str,
    other: &Sheet,
    known: &HashSet<&str>,
    told: &mut Told,
) {
    let named = row.cell(column);
    let is_there = !named.is_empty() && known.contains(named);
    if row.is_spoilt(column) || is_there || !other.was_read() {
        return;
    }
    let table = other.table;
    told.cell(
        sheet,
        row,
        column,
        format!("{}表中没有 {named:?}", table.zh()),
        format!("{named:?} is not among the {table}"),
    );
}

fn twice(sheet: &Sheet, row: &Row, column: &'static str, told: &mut Told) {
    told.cell(sheet, row, column, "重复出现", "this is written twice");
}
