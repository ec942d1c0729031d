//! What must hold on other points, as it is written.

use firegrid_wire::document::Table;

use super::Selector;
use super::reading::{read_condition, read_kinds};
use crate::beside::{Beside, Kinds, On, Shares};

/// Reads `beside = [{ parts = [91], shares = "gateway", none = { has_state = "active" } }]`.
pub(super) fn read_beside(table: &Table<'_>, selector: Option<&Selector>) -> Option<Vec<Beside>> {
    if !table.has("beside") {
        return Some(Vec::new());
    }
    if matches!(selector, Some(Selector::Discrete | Selector::Devices | Selector::Gateways)) {
        table.tell("beside", "only a rule on points of the catalogue can look at other points");
    }
    let read: Vec<Option<Beside>> = table.tables("beside").iter().map(read_one).collect();
    read.into_iter().collect()
}

fn read_one(table: &Table<'_>) -> Option<Beside> {
    let points = read_kinds(table);
    if points.as_ref().is_some_and(|points| *points == Kinds::default()) {
        table.tell("", "say which points: by systems, parts, unit or tags");
    }
    let shares: Option<Shares> = table.required_text("shares");
    let written: Vec<On> = On::ALL.iter().copied().filter(|on| table.has(on.as_str())).collect();
    let [on] = written[..] else {
        // Each is counted as asked for: one mistake is enough.
        for on in On::ALL {
            table.raw(on.as_str());
        }
        table.tell("", "either `any` or `none` says what must hold on the other points");
        return None;
    };
    let selector = points.clone().map(Selector::Points);
    let when = table
        .required_table(on.as_str())
        .and_then(|inner| read_condition(&inner, selector.as_ref(), 0));
    Some(Beside { points: points?, shares: shares?, on, when: when? })
}
