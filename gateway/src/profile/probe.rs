//! The change probe of a profile: registers that tell early that something has moved.

use firegrid_wire::document::Table as Keys;

use super::{LONGEST_BIT_READ, LONGEST_READ, Table};

/// Registers that move when something in the device's alarm area has moved. They are looked at
/// between the polls, which come all the same: a probe that stands still proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The table they lie in.
    pub table: Table,
    /// The first one, numbered as on the wire, from 0.
    pub register: u16,
    /// How many, at least 1.
    pub count: u16,
}

/// Reads `[probe]`, if it is written.
pub(super) fn read_probe(root: &Keys<'_>) -> Option<Option<Probe>> {
    let Some(table) = root.table("probe") else { return Some(None) };
    let source: Option<String> = table.required("source");
    let of_table = table.text_or("table", Table::HoldingRegisters);
    let register = table.required("register");
    let count = table.or("count", 1);
    let (of_table, register, count) = (of_table?, register?, count?);
    let longest = if of_table.is_bits() { LONGEST_BIT_READ } else { LONGEST_READ };
    let last = u32::from(register) + u32::from(count);
    if count == 0 || longest < count || 0x1_0000 < last {
        table.tell("count", format_args!("one request reads from 1 to {longest}, up to 65535"));
        return None;
    }
    source?;
    Some(Some(Probe { table: of_table, register, count }))
}
