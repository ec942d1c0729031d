//! What the registry holds beside grids and units: people, buildings, and devices.
//!
//! Nothing refers to these rows: who did something is written by name, so whoever vanishes from
//! the registry is forgotten.

use firegrid_rules::routing::PersonRow;
use firegrid_wire::names::{DeviceId, GatewayId};

use super::many::{self, Asked, Upsert};
use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// A building of a unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Building {
    /// Its id.
    pub id: String,
    /// The unit it belongs to.
    pub unit: String,
    /// What people call it.
    pub name: String,
    /// Floors above ground, if it is known.
    pub floors_above: Option<u32>,
    /// Floors below ground, if it is known.
    pub floors_below: Option<u32>,
    /// What it is used for: a word of the registry; empty if nobody has said.
    pub purpose: String,
    /// Its height in metres as it is written; empty if nobody has said.
    pub height: String,
}

/// A device of a gateway, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The gateway that reads it.
    pub gateway: GatewayId,
    /// What its gateway calls it.
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// The building it stands in; empty if nobody has said.
    pub building: String,
    /// Where in the building.
    pub place: String,
    /// Who made it.
    pub maker: String,
    /// Its model.
    pub model: String,
}

/// Every building, by id.
pub async fn buildings(reader: &Reader) -> Result<Vec<Building>, StorageError> {
    let rows = sqlx::query(
        "SELECT id, unit, name, floors_above, floors_below, purpose, height FROM building \
         ORDER BY id",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "building", row };
            let floors = |column| -> Result<Option<u32>, StorageError> {
                let number = row.maybe_number(column)?;
                number
                    .map(|number| u32::try_from(number).map_err(|e| row.strange(column, &e)))
                    .transpose()
            };
            Ok(Building {
                id: row.text("id")?,
                unit: row.text("unit")?,
                name: row.text("name")?,
                floors_above: floors("floors_above")?,
                floors_below: floors("floors_below")?,
                purpose: row.text("purpose")?,
                height: row.text("height")?,
            })
        })
        .collect()
}

/// Everybody, by id.
pub async fn people(reader: &Reader) -> Result<Vec<PersonRow>, StorageError> {
    let rows = sqlx::query("SELECT id, name, role, phone, grid FROM person ORDER BY id")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "person", row };
            Ok(PersonRow {
                id: row.text("id")?,
                name: row.text("name")?,
                role: row.parsed("role")?,
                phone: row.text("phone")?,
                grid: row.text("grid")?,
            })
        })
        .collect()
}

/// Every device, by gateway and name.
pub async fn devices(reader: &Reader) -> Result<Vec<Device>, StorageError> {
    let rows = sqlx::query(
        "SELECT gateway, device, name, building, place, maker, model FROM device \
         ORDER BY gateway, device",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "device", row };
            Ok(Device {
                gateway: row.parsed("gateway")?,
                device: row.parsed("device")?,
                name: row.text("name")?,
                building: row.text("building")?,
                place: row.text("place")?,
                maker: row.text("maker")?,
                model: row.text("model")?,
            })
        })
        .collect()
}

const BUILDINGS: Upsert = Upsert {
    table: "building",
    key: &["id"],
    columns: &["unit", "name", "floors_above", "floors_below", "purpose", "height"],
    first: &[],
};

const PEOPLE: Upsert = Upsert {
    table: "person",
    key: &["id"],
    columns: &["name", "role", "phone", "grid"],
    first: &[],
};

const DEVICES: Upsert = Upsert {
    table: "device",
    key: &["gateway", "device"],
    columns: &["name", "building", "place", "maker", "model"],
    first: &[],
};

/// Writes buildings.
pub async fn put_buildings(
    to: &mut Transaction<'_>,
    rows: &[&Building],
) -> Result<(), StorageError> {
    BUILDINGS
        .put(to, rows, |asked, row| {
            asked
                .bind(row.id.clone())
                .bind(row.unit.clone())
                .bind(row.name.clone())
                .bind(row.floors_above.map(i64::from))
                .bind(row.floors_below.map(i64::from))
                .bind(row.purpose.clone())
                .bind(row.height.clone())
        })
        .await
}

/// Writes people.
pub async fn put_people(to: &mut Transaction<'_>, rows: &[&PersonRow]) -> Result<(), StorageError> {
    PEOPLE
        .put(to, rows, |asked, row| {
            asked
                .bind(row.id.clone())
                .bind(row.name.clone())
                .bind(row.role.as_str())
                .bind(row.phone.clone())
                .bind(row.grid.clone())
        })
        .await
}

/// Writes devices.
pub async fn put_devices(to: &mut Transaction<'_>, rows: &[&Device]) -> Result<(), StorageError> {
    DEVICES
        .put(to, rows, |asked, row| {
            asked
                .bind(row.gateway.to_string())
                .bind(row.device.to_string())
                .bind(row.name.clone())
                .bind(row.building.clone())
                .bind(row.place.clone())
                .bind(row.maker.clone())
                .bind(row.model.clone())
        })
        .await
}

/// Forgets buildings.
pub async fn remove_buildings(
    to: &mut Transaction<'_>,
    ids: &[String],
) -> Result<(), StorageError> {
    let bind = |asked: Asked, id: &String| asked.bind(id.clone());
    many::each(to, "DELETE FROM building", &["id"], ids, bind).await
}

/// Forgets people.
pub async fn remove_people(to: &mut Transaction<'_>, ids: &[String]) -> Result<(), StorageError> {
    let bind = |asked: Asked, id: &String| asked.bind(id.clone());
    many::each(to, "DELETE FROM person", &["id"], ids, bind).await
}

/// Forgets devices.
pub async fn remove_devices(
    to: &mut Transaction<'_>,
    ids: &[(GatewayId, DeviceId)],
) -> Result<(), StorageError> {
    let bind = |asked: Asked, (gateway, device): &(GatewayId, DeviceId)| {
        asked.bind(gateway.to_string()).bind(device.to_string())
    };
    many::each(to, "DELETE FROM device", &["gateway", "device"], ids, bind).await
}
