//! The files of the registry, if the settings name any.

use std::path::Path;

use firegrid_wire::document::{Mistake, Table};
use firegrid_wire::names::RegionId;

use crate::registry::{self, Registry, RegistryFiles};

/// What the files say. Without the table there are none: the database is the truth then.
pub(super) fn read(
    root: &Table<'_>,
    folder: &Path,
    region: Option<&RegionId>,
    elsewhere: &mut Vec<Mistake>,
) -> Option<Option<Registry>> {
    let Some(table) = root.table("registry") else {
        return (!root.has("registry")).then_some(None);
    };
    let mut files = RegistryFiles::default();
    let mut whole = true;
    for which in registry::Table::ALL {
        let needed = match which {
            registry::Table::Grids | registry::Table::Units | registry::Table::Gateways => true,
            registry::Table::Buildings | registry::Table::People | registry::Table::Devices => {
                false
            }
        };
        if needed || table.has(which.as_str()) {
            match super::path(&table, which.as_str(), folder) {
                Some(path) => drop(files.files.insert(which, path)),
                None => whole = false,
            }
        }
    }
    files.encoding = match table.has("encoding") {
        true => Some(table.required_text("encoding")?),
        false => None,
    };
    if !whole {
        return None;
    }
    match Registry::read(&files, region) {
        Ok(registry) => Some(Some(registry)),
        Err(told) => {
            elsewhere.extend(told.0);
            None
        }
    }
}
