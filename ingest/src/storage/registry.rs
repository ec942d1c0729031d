//! The registry as it was imported last: grids, units and whose gateways they have.
//!
//! No grid or unit that an alarm or ticket may still name is ever removed: it is retired, and
//! stays readable under its name. People, buildings and devices stand in `registered`.

use std::collections::HashSet;

use firegrid_rules::routing::GridRow;
use firegrid_wire::names::GatewayId;

use super::many::{self, Asked, Upsert};
use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// A grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// What the registry says of it.
    pub row: GridRow,
    /// Whether it has vanished from the registry.
    pub retired: bool,
}

/// A key unit 联网单位.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The small grid it lies in.
    pub grid: String,
    /// Where it is.
    pub address: String,
    /// Whom to ask for.
    pub contact: String,
    /// Where to call.
    pub phone: String,
    /// The class of its building, for limits that depend on it.
    pub class: String,
    /// Whether it has vanished from the registry.
    pub retired: bool,
}

/// Every grid, by id.
pub async fn grids(reader: &Reader) -> Result<Vec<Grid>, StorageError> {
    let rows = sqlx::query("SELECT id, name, level, parent, retired FROM grid ORDER BY id")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "grid", row };
            let grid = GridRow {
                id: row.text("id")?,
                level: row.parsed("level")?,
                parent: row.maybe_text("parent")?,
                name: row.text("name")?,
            };
            Ok(Grid { row: grid, retired: row.number("retired")? != 0 })
        })
        .collect()
}

/// Every unit, by id.
pub async fn units(reader: &Reader) -> Result<Vec<Unit>, StorageError> {
    let rows = sqlx::query(
        "SELECT id, name, grid, address, contact, phone, class, retired FROM unit ORDER BY id",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "unit", row };
            Ok(Unit {
                id: row.text("id")?,
                name: row.text("name")?,
                grid: row.text("grid")?,
                address: row.text("address")?,
                contact: row.text("contact")?,
                phone: row.text("phone")?,
                class: row.text("class")?,
                retired: row.number("retired")? != 0,
            })
        })
        .collect()
}

const GRIDS: Upsert = Upsert {
    table: "grid",
    key: &["id"],
    columns: &["name", "level", "parent", "retired"],
    first: &[],
};

const UNITS: Upsert = Upsert {
    table: "unit",
    key: &["id"],
    columns: &["name", "grid", "address", "contact", "phone", "class", "retired"],
    first: &[],
};

/// Writes grids of the registry.
pub async fn put_grids(to: &mut Transaction<'_>, rows: &[&GridRow]) -> Result<(), StorageError> {
    GRIDS
        .put(to, rows, |asked, grid| {
            asked
                .bind(grid.id.clone())
                .bind(grid.name.clone())
                .bind(grid.level.as_str())
                .bind(grid.parent.clone())
                .bind(0_i64)
        })
        .await
}

/// Writes units of the registry.
pub async fn put_units(to: &mut Transaction<'_>, rows: &[&Unit]) -> Result<(), StorageError> {
    UNITS
        .put(to, rows, |asked, unit| {
            asked
                .bind(unit.id.clone())
                .bind(unit.name.clone())
                .bind(unit.grid.clone())
                .bind(unit.address.clone())
                .bind(unit.contact.clone())
                .bind(unit.phone.clone())
                .bind(unit.class.clone())
                .bind(0_i64)
        })
        .await
}

/// Retires grids that the registry does not hold any more.
pub async fn retire_grids(to: &mut Transaction<'_>, ids: &[String]) -> Result<(), StorageError> {
    let bind = |asked: Asked, id: &String| asked.bind(id.clone());
    many::each(to, "UPDATE grid SET retired = 1", &["id"], ids, bind).await
}

/// Retires units that the registry does not hold any more.
pub async fn retire_units(to: &mut Transaction<'_>, ids: &[String]) -> Result<(), StorageError> {
    let bind = |asked: Asked, id: &String| asked.bind(id.clone());
    many::each(to, "UPDATE unit SET retired = 1", &["id"], ids, bind).await
}

/// Gateways belong to nobody any more (待归属).
pub async fn unassign(to: &mut Transaction<'_>, ids: &[GatewayId]) -> Result<(), StorageError> {
    let bind = |asked: Asked, id: &GatewayId| asked.bind(id.to_string());
    many::each(to, "UPDATE gateway SET unit = NULL", &["id"], ids, bind).await
}

/// Removes retired grids and units that nothing refers to: no alarm, no ticket, no unit, and
/// no grid below. Grids go level by level, the lowest first.
pub async fn forget_unused(to: &mut Transaction<'_>) -> Result<(), StorageError> {
    sqlx::query(
        "DELETE FROM unit WHERE retired = 1 \
         AND NOT EXISTS (SELECT 1 FROM alarm WHERE alarm.unit = unit.id) \
         AND NOT EXISTS (SELECT 1 FROM ticket WHERE ticket.unit = unit.id)",
    )
    .execute(&mut *to.inner)
    .await?;
    // Tickets are looked through once, not for every grid: alarms wait for this commit.
    let paths = sqlx::query("SELECT DISTINCT grid_path AS path FROM ticket")
        .fetch_all(&mut *to.inner)
        .await?;
    let mut named = HashSet::new();
    for row in &paths {
        let path = Columns { table: "ticket", row }.text("path")?;
        named.extend(path.split('/').map(str::to_owned));
    }
    for level in ["small", "middle", "large", "region"] {
        let unused = sqlx::query(
            "SELECT id FROM grid WHERE retired = 1 AND level = $1 \
             AND NOT EXISTS (SELECT 1 FROM unit WHERE unit.grid = grid.id) \
             AND NOT EXISTS (SELECT 1 FROM grid below WHERE below.parent = grid.id) \
             AND NOT EXISTS (SELECT 1 FROM alarm WHERE alarm.grid = grid.id)",
        )
        .bind(level)
        .fetch_all(&mut *to.inner)
        .await?;
        let ids = unused.iter().map(|row| Columns { table: "grid", row }.text("id"));
        let mut ids = ids.collect::<Result<Vec<String>, StorageError>>()?;
        ids.retain(|id| !named.contains(id));
        let bind = |asked: Asked, id: &String| asked.bind(id.clone());
        many::each(to, "DELETE FROM grid", &["id"], &ids, bind).await?;
    }
    Ok(())
}
