//! The registry as answers need it: names of units and grids, and the way up from a grid.
//!
//! Read once when the centre starts, because the files are. Retired places are in it too: an
//! old ticket still names them.

use std::collections::BTreeMap;

use firegrid_rules::routing::{Level, PersonRow, Role};

use crate::storage::registered::people;
use crate::storage::registry::{Grid, Unit, grids, units};
use crate::storage::{Reader, StorageError};

/// Units and grids by their ids.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) grids: BTreeMap<String, Grid>,
    pub(super) units: BTreeMap<String, Unit>,
    pub(super) people: BTreeMap<String, PersonRow>,
}

/// A person, as far as whoever must call needs it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ShownPerson {
    id: String,
    name: String,
    #[schema(value_type = String)]
    role: Role,
    role_zh: &'static str,
    phone: String,
}

/// From the region down to the owning grid; a level that is not on the way is null.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct GridPath {
    pub(super) region: Option<Named>,
    pub(super) large: Option<Named>,
    pub(super) middle: Option<Named>,
    pub(super) small: Option<Named>,
}

impl GridPath {
    /// Whether a grid is on the way.
    pub(super) fn leads_through(&self, id: &str) -> bool {
        [&self.region, &self.large, &self.middle, &self.small]
            .into_iter()
            .flatten()
            .any(|named| named.id == id)
    }
}

/// A place and its name.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Named {
    pub(super) id: String,
    pub(super) name: String,
}

/// Where something is and whom to call, as far as it is known.
#[derive(Debug, Clone, Default, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Whereabouts {
    /// The unit's id.
    unit: Option<String>,
    unit_name: Option<String>,
    address: Option<String>,
    contact: Option<String>,
    phone: Option<String>,
    /// The owning grid's id.
    grid: Option<String>,
    grid_name: Option<String>,
    grid_path: Option<GridPath>,
}

impl Places {
    pub(super) async fn load(reader: &Reader) -> Result<Places, StorageError> {
        let grids = grids(reader).await?;
        let units = units(reader).await?;
        let people = people(reader).await?;
        Ok(Places {
            grids: grids.into_iter().map(|grid| (grid.row.id.clone(), grid)).collect(),
            units: units.into_iter().map(|unit| (unit.id.clone(), unit)).collect(),
            people: people.into_iter().map(|person| (person.id.clone(), person)).collect(),
        })
    }

    /// What people call a unit.
    pub(super) fn unit_name(&self, id: Option<&str>) -> Option<String> {
        Some(self.units.get(id?)?.name.clone())
    }

    /// What people call a grid.
    pub(super) fn grid_name(&self, id: &str) -> Option<String> {
        Some(self.grids.get(id)?.row.name.clone())
    }

    /// A person.
    pub(super) fn person(&self, id: &str) -> Option<ShownPerson> {
        let PersonRow { id, name, role, phone, .. } = self.people.get(id)?.clone();
        Some(ShownPerson { id, name, role, role_zh: role.zh(), phone })
    }

    /// The way to a grid.
    pub(super) fn path(&self, grid: &str) -> GridPath {
        let above = std::iter::successors(self.grids.get(grid), |grid| {
            self.grids.get(grid.row.parent.as_ref()?)
        });
        // A tree has four levels; what was retired may form anything.
        self.along(above.take(Level::ALL.len()).map(|grid| grid.row.id.as_str()))
    }

    /// The way as a ticket wrote it down: ids joined by strokes.
    pub(super) fn written_path(&self, path: &str) -> GridPath {
        self.along(path.split('/').filter(|id| !id.is_empty()).take(Level::ALL.len()))
    }

    /// Where a unit is, and the grid that owns the matter.
    pub(super) fn whereabouts(
        &self,
        unit: Option<&str>,
        grid: Option<&str>,
        path: Option<GridPath>,
    ) -> Whereabouts {
        let known = unit.and_then(|unit| self.units.get(unit));
        let told = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        Whereabouts {
            unit: unit.map(str::to_owned),
            unit_name: known.map(|unit| unit.name.clone()),
            address: known.and_then(|unit| told(&unit.address)),
            contact: known.and_then(|unit| told(&unit.contact)),
            phone: known.and_then(|unit| told(&unit.phone)),
            grid: grid.map(str::to_owned),
            grid_name: grid.and_then(|grid| Some(self.grids.get(grid)?.row.name.clone())),
            grid_path: path.or_else(|| grid.map(|grid| self.path(grid))),
        }
    }

    fn along<'a>(&self, ids: impl Iterator<Item = &'a str>) -> GridPath {
        let mut path = GridPath::default();
        for grid in ids.filter_map(|id| self.grids.get(id)) {
            let named = Some(Named { id: grid.row.id.clone(), name: grid.row.name.clone() });
            match grid.row.level {
                Level::Region => path.region = named,
                Level::Large => path.large = named,
                Level::Middle => path.middle = named,
                Level::Small => path.small = named,
            }
        }
        path
    }
}
