//! How much the spool may hold: an amount of bytes as people write it, and whether it is enough.

use std::fmt;
use std::str::FromStr;

use firegrid_wire::document::Table;
use firegrid_wire::span::{Lane, PerLane};

use crate::inventory::Inventory;

/// An urgent record takes about 100 bytes: room for more than half a million changes.
const URGENT: Quota = Quota(64 << 20);

/// A day of ten numbers that each change every second.
const ROUTINE: Quota = Quota(256 << 20);

/// A lane must have room for so many refreshes: one that is wanted after the quota was reached
/// must not push out what the next one would tell.
const REFRESHES: u64 = 4;

/// An amount of bytes: `64MiB`, `512KiB`, `1GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quota(u64);

/// Reads the quotas of both lanes, each with room for a few refreshes of the inventory.
pub(super) fn read_quotas(root: &Table<'_>, inventory: &Inventory) -> Option<PerLane<u64>> {
    let table = root.table("spool");
    let quota = |lane, default| {
        let key = format!("{lane}_quota");
        let Quota(bytes) = match &table {
            Some(table) => table.text_or(&key, default)?,
            None => default,
        };
        let least = REFRESHES * inventory.refresh_bytes(lane);
        if bytes < least {
            root.tell(
                &format!("spool.{key}"),
                format_args!(
                    "{} has no room for {REFRESHES} refreshes of this box: at least {}",
                    Quota(bytes),
                    Quota(least.div_ceil(1 << 10) << 10)
                ),
            );
            return None;
        }
        Some(bytes)
    };
    let (urgent, routine) = (quota(Lane::Urgent, URGENT), quota(Lane::Routine, ROUTINE));
    Some(PerLane { urgent: urgent?, routine: routine? })
}

const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Quota, String> {
        let amount = UNITS.into_iter().find_map(|(unit, bits)| {
            let number: u64 = text.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(1 << bits)
        });
        amount.map(Quota).ok_or_else(|| {
            format!("{text:?} is no amount of bytes: write it like 64MiB, 512KiB or 1GiB")
        })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, bits)| self.0.is_multiple_of(1 << bits));
        match whole {
            Some((unit, bits)) => write!(f, "{}{unit}", self.0 >> bits),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_reads_back_as_it_was_written() {
        for text in ["64MiB", "512KiB", "1GiB", "1025KiB"] {
            assert_eq!(text.parse::<Quota>().expect("an amount").to_string(), text);
        }
        for text in ["64", "64 MB", "-1KiB", "99999999999GiB", "KiB"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }
}
