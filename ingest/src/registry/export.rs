//! Tables as sheets, so that an import reads back what an export wrote.

use super::Registry;
use super::table::Table;
use super::text::harmless;
use super::words::{Class, Purpose, Word, zh_of};

/// In which language heads and words are written. Ids and names are what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// As people who keep the sheets read them.
    #[default]
    Chinese,
    /// As programs and these documents name them.
    English,
}

impl Registry {
    /// A table as a sheet, its rows by their ids.
    pub fn to_csv(&self, table: Table, language: Language) -> String {
        let mut csv = String::new();
        let heads = table.columns().iter().map(|column| match language {
            Language::Chinese => column.head_zh(),
            Language::English => column.key,
        });
        write_row(&mut csv, heads);
        for row in self.rows_of(table, language) {
            write_row(&mut csv, row.iter().map(String::as_str));
        }
        csv
    }

    /// The cells of a table in the order of its columns.
    fn rows_of(&self, table: Table, language: Language) -> Vec<Vec<String>> {
        let number = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
        match table {
            Table::Grids => {
                let row = |grid: &firegrid_rules::routing::GridRow| {
                    let parent = grid.parent.clone().unwrap_or_default();
                    vec![grid.id.clone(), grid.name.clone(), word(grid.level, language), parent]
                };
                self.routing.grids().map(row).collect()
            }
            Table::Units => {
                let row = |unit: &crate::storage::registry::Unit| {
                    let unit = unit.clone();
                    let class = written_word::<Class>(&unit.class, language);
                    vec![
                        unit.id,
                        unit.name,
                        unit.grid,
                        unit.address,
                        unit.contact,
                        unit.phone,
                        class,
                    ]
                };
                self.units.values().map(row).collect()
            }
            Table::Buildings => {
                let row = |row: &crate::storage::registered::Building| {
                    let row = row.clone();
                    let (above, below) = (number(row.floors_above), number(row.floors_below));
                    let purpose = written_word::<Purpose>(&row.purpose, language);
                    vec![row.id, row.unit, row.name, above, below, purpose, row.height]
                };
                self.buildings.values().map(row).collect()
            }
            Table::People => {
                let row = |row: &firegrid_rules::routing::PersonRow| {
                    let row = row.clone();
                    vec![row.id, row.name, word(row.role, language), row.phone, row.grid]
                };
                self.routing.people().map(row).collect()
            }
            Table::Gateways => {
                let rows = self.gateways.iter();
                rows.map(|(gateway, unit)| vec![gateway.to_string(), unit.clone()]).collect()
            }
            Table::Devices => {
                let row = |row: &crate::storage::registered::Device| {
                    let row = row.clone();
                    let (gateway, device) = (row.gateway.to_string(), row.device.to_string());
                    vec![gateway, device, row.name, row.building, row.place, row.maker, row.model]
                };
                self.devices.values().map(row).collect()
            }
        }
    }
}

fn word<T: Word>(word: T, language: Language) -> String {
    match language {
        Language::Chinese => word.zh().to_owned(),
        Language::English => word.word().to_owned(),
    }
}

fn written_word<T: Word>(text: &str, language: Language) -> String {
    match language {
        Language::Chinese => zh_of::<T>(text).to_owned(),
        Language::English => text.to_owned(),
    }
}

fn write_row<'a>(csv: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (place, cell) in cells.enumerate() {
        if place != 0 {
            csv.push(',');
        }
        let cell = harmless(cell);
        if cell.contains([',', '"']) {
            csv.push('"');
            csv.push_str(&cell.replace('"', "\"\""));
            csv.push('"');
        } else {
            csv.push_str(&cell);
        }
    }
    csv.push_str("\r\n");
}
