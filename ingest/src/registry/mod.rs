//! Whose grid a unit lies in, and whose unit a gateway watches: read from three CSV files.
//!
//! ```text
//! grids.csv     id,name,level,parent        level: region, large, middle, small
//! units.csv     id,name,grid,address,contact,phone,class
//! gateways.csv  gateway,unit
//! ```
//!
//! Every mistake is told at once with its file and line. The rules of the tree itself are those
//! of [`firegrid_rules::routing`]. Loaded into the tables in one transaction when the centre
//! starts; what has vanished from the files is retired, never torn out from under a ticket.

mod sheet;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use firegrid_rules::routing::{GridRow, Level, Routing, RoutingMistake, UnitRow};
use firegrid_wire::document::Mistakes;
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::time::CentreTime;

use self::sheet::{Row, Sheet, Told};
use crate::storage::registry::Unit;
use crate::storage::{StorageError, Writer, registry};

/// Where the three files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryFiles {
    /// The grid tree.
    pub grids: PathBuf,
    /// The key units.
    pub units: PathBuf,
    /// Which gateway belongs to which unit.
    pub gateways: PathBuf,
}

/// What the files say, checked.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// The grid tree, and where every unit lies in it.
    pub routing: Routing,
    /// The units by id.
    pub units: BTreeMap<String, Unit>,
    /// The unit of every gateway.
    pub gateways: BTreeMap<GatewayId, String>,
}

impl Registry {
    /// Reads the files. `region` is that of the settings, if it could be read; the tree must
    /// grow from it.
    pub fn read(files: &RegistryFiles, region: Option<&RegionId>) -> Result<Registry, Mistakes> {
        let mut told = Told::default();
        let (grid_sheet, grids) = read_grids(&files.grids, &mut told);
        let (unit_sheet, units) = read_units(&files.units, &mut told);
        let gateways = read_gateways(&files.gateways, &unit_sheet, &mut told);
        check_root(&grid_sheet, &grids, region, &mut told);
        let rows = grids.iter().map(|(_, grid)| grid.clone());
        let homes =
            units.iter().map(|(_, unit)| UnitRow { id: unit.id.clone(), grid: unit.grid.clone() });
        let routing = Routing::build(rows, homes, []).unwrap_or_else(|mistakes| {
            tell_tree(&mistakes, (&grid_sheet, &grids), (&unit_sheet, &units), &mut told);
            Routing::default()
        });
        if told.0.is_empty() {
            let units = units.into_iter().map(|(_, unit)| (unit.id.clone(), unit)).collect();
            Ok(Registry { routing, units, gateways })
        } else {
            Err(Mistakes(told.0))
        }
    }

    /// Writes everything into the tables, in one transaction.
    pub async fn store(&self, writer: &mut Writer, now: CentreTime) -> Result<(), StorageError> {
        let mut to = writer.begin().await?;
        registry::retire_all(&mut to).await?;
        for grid in self.routing.grids() {
            registry::put_grid(&mut to, grid).await?;
        }
        for unit in self.units.values() {
            registry::put_unit(&mut to, unit).await?;
        }
        for (gateway, unit) in &self.gateways {
            registry::assign(&mut to, gateway, unit, now).await?;
        }
        registry::forget_unused(&mut to).await?;
        to.commit().await
    }
}

/// What was read with the number of its row in its sheet.
type Numbered<T> = Vec<(usize, T)>;

fn read_grids(path: &Path, told: &mut Told) -> (Sheet, Numbered<GridRow>) {
    let sheet = Sheet::read(path, &["id", "name", "level", "parent"], &[], told);
    let mut grids = Vec::new();
    for (number, row) in sheet.rows().enumerate() {
        let id = name_in(&sheet, row, "id", told);
        let level: Option<Level> = row.parse(&sheet, "level", told);
        let name = text_in(&sheet, row, "name", told);
        let parent = Some(row.cell("parent")).filter(|parent| !parent.is_empty());
        if let (Some(id), Some(level)) = (id, level) {
            // Without its name too, so that its place in the tree is looked at.
            let (name, parent) = (name.unwrap_or_default(), parent.map(str::to_owned));
            grids.push((number, GridRow { id, level, parent, name }));
        }
    }
    (sheet, grids)
}

fn read_units(path: &Path, told: &mut Told) -> (Sheet, Numbered<Unit>) {
    let optional = ["address", "contact", "phone", "class"];
    let sheet = Sheet::read(path, &["id", "name", "grid"], &optional, told);
    let mut units = Vec::new();
    for (number, row) in sheet.rows().enumerate() {
        let id = name_in(&sheet, row, "id", told);
        let name = text_in(&sheet, row, "name", told);
        if let Some(id) = id {
            let cell = |column| row.cell(column).to_owned();
            let unit = Unit {
                id,
                // Without its name too, so that its grid is looked for.
                name: name.unwrap_or_default(),
                grid: cell("grid"),
                address: cell("address"),
                contact: cell("contact"),
                phone: cell("phone"),
                class: cell("class"),
                retired: false,
            };
            units.push((number, unit));
        }
    }
    (sheet, units)
}

fn read_gateways(path: &Path, unit_sheet: &Sheet, told: &mut Told) -> BTreeMap<GatewayId, String> {
    let sheet = Sheet::read(path, &["gateway", "unit"], &[], told);
    let known = ids(unit_sheet);
    let mut gateways = BTreeMap::new();
    for row in sheet.rows() {
        let gateway: Option<GatewayId> = row.parse(&sheet, "gateway", told);
        let unit = row.cell("unit");
        if unit_sheet.was_read() && !known.contains(unit) {
            told.row(&sheet, row, format_args!("unit {unit:?} is not in the units' file"));
        }
        let Some(gateway) = gateway else { continue };
        if gateway.as_str() == GatewayId::CENTRE {
            told.row(&sheet, row, "gateway \"centre\" is the centre's own name");
        }
        if gateways.insert(gateway.clone(), unit.to_owned()).is_some() {
            told.row(&sheet, row, format_args!("gateway \"{gateway}\" is written twice"));
        }
    }
    gateways
}

/// The tree must have one root, the region of the settings.
fn check_root(
    sheet: &Sheet,
    grids: &Numbered<GridRow>,
    region: Option<&RegionId>,
    told: &mut Told,
) {
    let Some(region) = region else { return };
    let mut found = false;
    for (number, grid) in grids.iter().filter(|(_, grid)| grid.level == Level::Region) {
        if grid.id == region.as_str() {
            found = true;
        } else if let Some(row) = sheet.rows().nth(*number) {
            told.row(
                sheet,
                row,
                format_args!(
                    "region {:?} is not the region of the settings, \"{region}\"",
                    grid.id
                ),
            );
        }
    }
    if !found && !grids.is_empty() {
        let what = format_args!("the region of the settings, \"{region}\", is missing");
        told.file(sheet.name(), what);
    }
}

/// Every id that is written in a sheet, also in a row that could not be used.
fn ids(sheet: &Sheet) -> HashSet<&str> {
    sheet.rows().map(|row| row.cell("id")).collect()
}

/// Tells the tree's mistakes where their rows stand. A grid that only misses because its own
/// row was told of is no mistake of those below it.
fn tell_tree(
    mistakes: &[RoutingMistake],
    (grid_sheet, grids): (&Sheet, &Numbered<GridRow>),
    (unit_sheet, units): (&Sheet, &Numbered<Unit>),
    told: &mut Told,
) {
    // The last row of an id: where two have one, the second is the mistake.
    let grid_rows: HashMap<&str, usize> =
        grids.iter().map(|(number, grid)| (grid.id.as_str(), *number)).collect();
    let unit_rows: HashMap<&str, usize> =
        units.iter().map(|(number, unit)| (unit.id.as_str(), *number)).collect();
    let written = ids(grid_sheet);
    for mistake in mistakes {
        if let RoutingMistake::UnknownParent { parent: above, .. }
        | RoutingMistake::UnknownGrid { grid: above, .. } = mistake
            && (!grid_sheet.was_read() || !above.is_empty() && written.contains(above.as_str()))
        {
            continue;
        }
        let (sheet, number) = match mistake {
            RoutingMistake::GridTwice { id }
            | RoutingMistake::UnknownParent { id, .. }
            | RoutingMistake::WrongLevel { id, .. }
            | RoutingMistake::NoParent { id, .. }
            | RoutingMistake::RegionWithParent { id, .. }
            | RoutingMistake::Cycle { id } => (grid_sheet, grid_rows.get(id.as_str())),
            RoutingMistake::UnitTwice { id }
            | RoutingMistake::UnknownGrid { id, .. }
            | RoutingMistake::NotSmall { id, .. } => (unit_sheet, unit_rows.get(id.as_str())),
            // No people are read yet.
            RoutingMistake::PersonTwice { .. } | RoutingMistake::UnknownPersonsGrid { .. } => {
                continue;
            }
        };
        match number.and_then(|number| sheet.rows().nth(*number)) {
            Some(row) => told.row(sheet, row, mistake),
            None => told.file(sheet.name(), mistake),
        }
    }
}

/// An id: plain in every place it travels, as all names are.
fn name_in(sheet: &Sheet, row: &Row, column: &'static str, told: &mut Told) -> Option<String> {
    let text = row.cell(column);
    if RegionId::parse(text).is_ok() {
        return Some(text.to_owned());
    }
    let what = format_args!(
        "{column}: {text:?} is no id: use 1 to 48 letters, digits, hyphens, underscores or dots, \
         beginning with a letter or digit"
    );
    told.row(sheet, row, what);
    None
}

fn text_in(sheet: &Sheet, row: &Row, column: &'static str, told: &mut Told) -> Option<String> {
    let text = row.cell(column);
    if text.is_empty() {
        told.row(sheet, row, format_args!("{column} is empty"));
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests;
