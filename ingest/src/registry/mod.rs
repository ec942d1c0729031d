//! The registry: grids, units, buildings, people, gateways and devices.
//!
//! ```text
//! grids.csv      id,name,level,parent        level: region, large, middle, small
//! units.csv      id,name,grid,address,contact,phone,class
//! buildings.csv  id,unit,name,floors_above,floors_below,use,height
//! people.csv     id,name,role,phone,grid
//! gateways.csv   gateway,unit
//! devices.csv    gateway,device,name,building,place,maker,model
//! ```
//!
//! It has one truth. If the settings name files, those are it: they are stored at every start,
//! and nothing else changes the tables. If they name none, the tables are it, changed by an
//! import. Either way all six are looked at together, every mistake is told at once, and what
//! is stored is whole or nothing. What has vanished is retired, never torn from a ticket.
//!
//! The rules of the tree itself are those of [`firegrid_rules::routing`].

mod difference;
mod export;
mod mistakes;
mod reading;
mod sheet;
mod table;
mod text;
mod tree;
pub mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use firegrid_rules::routing::{GridRow, PersonRow, Routing, UnitRow};
use firegrid_wire::document::Mistakes;
use firegrid_wire::names::{DeviceId, GatewayId, RegionId};

pub use self::difference::{Counts, Difference, Import};
pub use self::export::Language;
pub use self::mistakes::{RegistryMistake, as_mistakes};
pub use self::sheet::{Given, SHEET_BYTES, SHEET_ROWS};
pub use self::table::{Column, Table};
pub use self::text::{Encoding, NoEncoding};

use self::mistakes::Told;
use self::sheet::Sheet;
use self::tree::Written;
use crate::storage::registered::{self, Building, Device};
use crate::storage::registry::{self, Unit};
use crate::storage::{Reader, StorageError, gateways};

/// Where the files are that the settings name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistryFiles {
    /// The file of each table that has one.
    pub files: BTreeMap<Table, PathBuf>,
    /// How they are written; none: each is looked at.
    pub encoding: Option<Encoding>,
}

/// What the six tables say, checked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registry {
    /// The grid tree, where every unit lies in it, and who is entered for what.
    pub routing: Routing,
    /// The units by id.
    pub units: BTreeMap<String, Unit>,
    /// Their buildings by id.
    pub buildings: BTreeMap<String, Building>,
    /// The unit of every gateway.
    pub gateways: BTreeMap<GatewayId, String>,
    /// The devices of the gateways.
    pub devices: BTreeMap<(GatewayId, DeviceId), Device>,
}

/// Sheets to be read, by their tables, and how they are written if somebody has said.
#[derive(Debug, Clone, Default)]
pub struct Sheets {
    /// The sheets.
    pub given: BTreeMap<Table, Given>,
    /// How they are written.
    pub encoding: Option<Encoding>,
}

impl Registry {
    /// Reads the files of the settings. `region` is that of the settings, if it could be read;
    /// the tree must grow from it.
    pub fn read(files: &RegistryFiles, region: Option<&RegionId>) -> Result<Registry, Mistakes> {
        let given = files.files.iter().map(|(table, path)| (*table, Given::read(path)));
        let sheets = Sheets { given: given.collect(), encoding: files.encoding };
        Registry::check(&sheets, &Registry::default(), region).map_err(as_mistakes)
    }

    /// Checks sheets together with what `stands` says where there is no sheet, or tells every
    /// mistake in them.
    pub fn check(
        sheets: &Sheets,
        stands: &Registry,
        region: Option<&RegionId>,
    ) -> Result<Registry, Vec<RegistryMistake>> {
        let mut told = Told::default();
        let mut read = |table: Table| match sheets.given.get(&table) {
            Some(given) => Sheet::read(table, given, sheets.encoding, &mut told),
            None => {
                let name = format!("{} (现有 as it stands)", table.file());
                let bytes = Ok(stands.to_csv(table, Language::English).into_bytes());
                let given = Given { name, bytes };
                Sheet::read(table, &given, Some(Encoding::Utf8), &mut told)
            }
        };
        let (grid_sheet, unit_sheet) = (read(Table::Grids), read(Table::Units));
        let (building_sheet, people_sheet) = (read(Table::Buildings), read(Table::People));
        let (gateway_sheet, device_sheet) = (read(Table::Gateways), read(Table::Devices));
        let grids = reading::grids(&grid_sheet, &mut told);
        let units = reading::units(&unit_sheet, &mut told);
        let people = reading::people(&people_sheet, &mut told);
        let buildings = reading::buildings(&building_sheet, &unit_sheet, &mut told);
        let gateways = reading::gateways(&gateway_sheet, &unit_sheet, &mut told);
        let leaning = (&gateway_sheet, &building_sheet, &unit_sheet);
        let devices = reading::devices(&device_sheet, leaning, &mut told);
        tree::check_root(&grid_sheet, &grids, region, &mut told);
        let written = Written {
            grids: (&grid_sheet, &grids),
            units: (&unit_sheet, &units),
            people: (&people_sheet, &people),
        };
        let routing =
            Routing::build(rows(&grids), units.iter().map(|(_, unit)| home(unit)), rows(&people))
                .unwrap_or_else(|mistakes| {
                    tree::tell(&mistakes, written, &mut told);
                    Routing::default()
                });
        if 0 < told.count() {
            return Err(told.into_mistakes());
        }
        let units = units.into_iter().map(|(_, unit)| (unit.id.clone(), unit)).collect();
        Ok(Registry { routing, units, buildings, gateways, devices })
    }

    /// What the tables say.
    pub async fn load(reader: &Reader) -> Result<Registry, StorageError> {
        let grids = registry::grids(reader).await?;
        let grids = grids.into_iter().filter(|grid| !grid.retired).map(|grid| grid.row);
        let units = registry::units(reader).await?;
        let units: BTreeMap<String, Unit> = units
            .into_iter()
            .filter(|unit| !unit.retired)
            .map(|unit| (unit.id.clone(), unit))
            .collect();
        let people: Vec<PersonRow> = registered::people(reader).await?;
        let routing =
            Routing::build(grids, units.values().map(home), people).map_err(|mistakes| {
                let reason: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                StorageError::Strange { table: "grid", reason: reason.join("; ") }
            })?;
        let buildings = registered::buildings(reader).await?.into_iter();
        let gateways = gateways::load(reader).await?.into_iter();
        let devices = registered::devices(reader).await?.into_iter();
        Ok(Registry {
            routing,
            units,
            buildings: buildings.map(|row| (row.id.clone(), row)).collect(),
            gateways: gateways.filter_map(|row| Some((row.id, row.unit?))).collect(),
            devices: devices.map(|row| ((row.gateway.clone(), row.device.clone()), row)).collect(),
        })
    }
}

impl Given {
    /// The sheet in a file.
    pub fn read(path: &Path) -> Given {
        let longest = SHEET_BYTES as u64;
        let bytes = match std::fs::metadata(path).map(|file| file.len()) {
            Ok(length) if longest < length => Err(format!("it is longer than {longest} bytes")),
            Ok(_) | Err(_) => std::fs::read(path).map_err(|error| error.to_string()),
        };
        Given { name: path.display().to_string(), bytes }
    }
}

fn rows<T: Clone>(numbered: &reading::Numbered<T>) -> impl Iterator<Item = T> {
    numbered.iter().map(|(_, row)| row.clone())
}

fn home(unit: &Unit) -> UnitRow {
    UnitRow { id: unit.id.clone(), grid: unit.grid.clone() }
}

/// The grids of a registry by id.
fn grids_of(registry: &Registry) -> BTreeMap<String, GridRow> {
    registry.routing.grids().map(|grid| (grid.id.clone(), grid.clone())).collect()
}

/// The people of a registry by id.
fn people_of(registry: &Registry) -> BTreeMap<String, PersonRow> {
    registry.routing.people().map(|person| (person.id.clone(), person.clone())).collect()
}

#[cfg(test)]
mod tests;
