//! What an import changes: only that is written, and it is written whole or not at all.

use std::collections::BTreeMap;

use firegrid_rules::routing::{GridRow, PersonRow};
use firegrid_wire::names::{DeviceId, GatewayId};
use firegrid_wire::time::CentreTime;

use super::table::Table;
use super::{Registry, grids_of, people_of};
use crate::storage::registered::{self, Building, Device};
use crate::storage::registry::{self, Unit};
use crate::storage::{StorageError, Transaction, Writer, gateways};

/// A registry that was checked, and what it changes of the one that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// What will stand.
    pub registry: Registry,
    /// What that changes.
    pub difference: Difference,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    grids: Part<String, GridRow>,
    units: Part<String, Unit>,
    buildings: Part<String, Building>,
    people: Part<String, PersonRow>,
    gateways: Part<GatewayId, String>,
    devices: Part<(GatewayId, DeviceId), Device>,
}

/// How many rows of a table are new, changed, and gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = RegistryCounts)]
pub struct Counts {
    /// Rows that did not stand.
    pub new: usize,
    /// Rows that say something else now.
    pub changed: usize,
    /// Rows that stand no more: retired if something may name them, else forgotten.
    pub retired: usize,
}

/// The rows of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part<K, V> {
    put: Vec<(K, V)>,
    new: usize,
    gone: Vec<K>,
}

impl<K, V> Default for Part<K, V> {
    fn default() -> Part<K, V> {
        Part { put: Vec::new(), new: 0, gone: Vec::new() }
    }
}

impl Import {
    /// What `registry` changes of what `stands`.
    pub fn new(registry: Registry, stands: &Registry) -> Import {
        let difference = Difference::between(stands, &registry);
        Import { registry, difference }
    }

    /// Writes it in one transaction of its own.
    pub async fn store(&self, writer: &mut Writer, now: CentreTime) -> Result<(), StorageError> {
        let mut to = writer.begin().await?;
        self.difference.write(&mut to, now).await?;
        to.commit().await
    }
}

impl Difference {
    /// What is to be written where `was` stands, so that `is` stands.
    fn between(was: &Registry, is: &Registry) -> Difference {
        Difference {
            grids: part(&grids_of(was), &grids_of(is)),
            units: part(&was.units, &is.units),
            buildings: part(&was.buildings, &is.buildings),
            people: part(&people_of(was), &people_of(is)),
            gateways: part(&was.gateways, &is.gateways),
            devices: part(&was.devices, &is.devices),
        }
    }

    /// How much of each table it is.
    pub fn counts(&self) -> BTreeMap<&'static str, Counts> {
        let counts = |table: Table| match table {
            Table::Grids => self.grids.counts(),
            Table::Units => self.units.counts(),
            Table::Buildings => self.buildings.counts(),
            Table::People => self.people.counts(),
            Table::Gateways => self.gateways.counts(),
            Table::Devices => self.devices.counts(),
        };
        Table::ALL.into_iter().map(|table| (table.as_str(), counts(table))).collect()
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.counts().values().all(|counts| *counts == Counts::default())
    }

    /// Writes it. What was retired and nothing names any more is forgotten.
    pub async fn write(
        &self,
        to: &mut Transaction<'_>,
        now: CentreTime,
    ) -> Result<(), StorageError> {
        registry::put_grids(to, &self.grids.rows()).await?;
        registry::put_units(to, &self.units.rows()).await?;
        registered::put_buildings(to, &self.buildings.rows()).await?;
        registered::put_people(to, &self.people.rows()).await?;
        let assigned = |(id, unit): &(GatewayId, String)| gateways::Gateway {
            id: id.clone(),
            unit: Some(unit.clone()),
            known: now,
        };
        let assigned: Vec<_> = self.gateways.put.iter().map(assigned).collect();
        gateways::put(to, &assigned).await?;
        registered::put_devices(to, &self.devices.rows()).await?;
        registered::remove_devices(to, &self.devices.gone).await?;
        registry::unassign(to, &self.gateways.gone).await?;
        registered::remove_people(to, &self.people.gone).await?;
        registered::remove_buildings(to, &self.buildings.gone).await?;
        registry::retire_units(to, &self.units.gone).await?;
        registry::retire_grids(to, &self.grids.gone).await?;
        registry::forget_unused(to).await
    }
}

impl<K, V> Part<K, V> {
    fn rows(&self) -> Vec<&V> {
        self.put.iter().map(|(_, row)| row).collect()
    }

    fn counts(&self) -> Counts {
        let changed = self.put.len() - self.new;
        Counts { new: self.new, changed, retired: self.gone.len() }
    }
}

fn part<K: Ord + Clone, V: PartialEq + Clone>(
    was: &BTreeMap<K, V>,
    is: &BTreeMap<K, V>,
) -> Part<K, V> {
    let put = is.iter().filter(|(key, row)| was.get(key) != Some(row));
    let put: Vec<(K, V)> = put.map(|(key, row)| (key.clone(), row.clone())).collect();
    let new = put.iter().filter(|(key, _)| !was.contains_key(key)).count();
    let gone = was.keys().filter(|key| !is.contains_key(key)).cloned().collect();
    Part { put, new, gone }
}
