//! The mistakes of the grid tree, told where their rows stand.

use std::collections::HashMap;

use firegrid_rules::routing::{GridRow, Level, PersonRow, RoutingMistake};
use firegrid_wire::names::RegionId;

use super::mistakes::Told;
use super::reading::Numbered;
use super::sheet::Sheet;
use crate::storage::registry::Unit;

/// The sheets whose rows make the tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) grids: (&'a Sheet, &'a Numbered<GridRow>),
    pub(super) units: (&'a Sheet, &'a Numbered<Unit>),
    pub(super) people: (&'a Sheet, &'a Numbered<PersonRow>),
}

/// The tree must have one root, the region of the settings.
pub(super) fn check_root(
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
        } else if let Some(row) = sheet.row(*number) {
            told.cell(
                sheet,
                row,
                "id",
                format!("区域 {:?} 不是设置中的区域 \"{region}\"", grid.id),
                format!("region {:?} is not the region of the settings, \"{region}\"", grid.id),
            );
        }
    }
    let written = sheet.written("id").contains(region.as_str());
    if !found && !written && !grids.is_empty() {
        told.sheet(
            sheet,
            format!("缺少设置中的区域 \"{region}\""),
            format!("the region of the settings, \"{region}\", is missing"),
        );
    }
}

/// Tells the tree's mistakes where their rows stand. A grid that only misses because its own
/// row was told of is no mistake of those below it.
pub(super) fn tell(mistakes: &[RoutingMistake], written: Written<'_>, told: &mut Told) {
    let Written { grids: (grid_sheet, grids), units: (unit_sheet, units), people: (folk, people) } =
        written;
    // The last row of an id: where two have one, the second is the mistake.
    let grid_rows = rows(grids, |grid| &grid.id);
    let unit_rows = rows(units, |unit| &unit.id);
    let people_rows = rows(people, |person| &person.id);
    let known = grid_sheet.written("id");
    for mistake in mistakes {
        if let RoutingMistake::UnknownParent { parent: above, .. }
        | RoutingMistake::UnknownGrid { grid: above, .. }
        | RoutingMistake::UnknownPersonsGrid { grid: above, .. } = mistake
            && (!grid_sheet.was_read() || !above.is_empty() && known.contains(above.as_str()))
        {
            continue;
        }
        let (sheet, number, column) = match mistake {
            RoutingMistake::GridTwice { id } => (grid_sheet, grid_rows.get(id.as_str()), "id"),
            RoutingMistake::UnknownParent { id, .. }
            | RoutingMistake::WrongLevel { id, .. }
            | RoutingMistake::NoParent { id, .. }
            | RoutingMistake::RegionWithParent { id, .. }
            | RoutingMistake::Cycle { id } => (grid_sheet, grid_rows.get(id.as_str()), "parent"),
            RoutingMistake::UnitTwice { id } => (unit_sheet, unit_rows.get(id.as_str()), "id"),
            RoutingMistake::UnknownGrid { id, .. } | RoutingMistake::NotSmall { id, .. } => {
                (unit_sheet, unit_rows.get(id.as_str()), "grid")
            }
            RoutingMistake::PersonTwice { id } => (folk, people_rows.get(id.as_str()), "id"),
            RoutingMistake::UnknownPersonsGrid { id, .. } => {
                (folk, people_rows.get(id.as_str()), "grid")
            }
        };
        match number.and_then(|number| sheet.row(*number)) {
            Some(row) if row.is_spoilt(column) => {}
            Some(row) => told.cell(sheet, row, column, zh(mistake), mistake.to_string()),
            None => told.sheet(sheet, zh(mistake), mistake.to_string()),
        }
    }
}

fn rows<T>(numbered: &Numbered<T>, id: impl Fn(&T) -> &String) -> HashMap<&str, usize> {
    let mut rows = HashMap::new();
    for (number, row) in numbered {
        rows.insert(id(row).as_str(), *number);
    }
    rows
}

fn zh(mistake: &RoutingMistake) -> String {
    match mistake {
        RoutingMistake::GridTwice { id } => format!("网格 {id:?} 重复出现"),
        RoutingMistake::UnitTwice { id } => format!("单位 {id:?} 重复出现"),
        RoutingMistake::PersonTwice { id } => format!("人员 {id:?} 重复出现"),
        RoutingMistake::UnknownParent { id, parent } => {
            format!("网格 {id:?} 的上级 {parent:?} 不存在")
        }
        RoutingMistake::WrongLevel { id, level, parent, wanted } => {
            format!("{}{id:?} 的上级 {parent:?} 不是{}", level.zh(), wanted.zh())
        }
        RoutingMistake::NoParent { id, level } => format!("{}{id:?} 没有上级", level.zh()),
        RoutingMistake::RegionWithParent { id, parent } => {
            format!("区域 {id:?} 是树根，不能有上级 {parent:?}")
        }
        RoutingMistake::Cycle { id } => format!("网格 {id:?} 的上级最终又回到它自己"),
        RoutingMistake::UnknownGrid { id, grid } => format!("单位 {id:?} 的网格 {grid:?} 不存在"),
        RoutingMistake::UnknownPersonsGrid { id, grid } => {
            format!("人员 {id:?} 的网格 {grid:?} 不存在")
        }
        RoutingMistake::NotSmall { id, grid, level } => {
            format!("单位 {id:?} 的网格 {grid:?} 是{}，应为小网格", level.zh())
        }
    }
}
