//! Joins the registers that are wanted into as few requests as the device allows.
//!
//! Pure. A range that is wanted as a whole (a number of two registers) is never torn apart,
//! and registers between ranges are read only within the profile's hole.

use crate::profile::{ReadLimits, Table};

/// Registers, or single bits, that lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Read {
    /// The table of the device.
    pub table: Table,
    /// The first one, numbered as on the wire, from 0.
    pub first: u16,
    /// How many, at least 1.
    pub count: u16,
}

impl Read {
    /// The place behind its last register.
    pub fn end(self) -> u32 {
        u32::from(self.first) + u32::from(self.count)
    }

    /// Whether another range lies inside it.
    pub fn holds(self, other: Read) -> bool {
        self.table == other.table && self.first <= other.first && other.end() <= self.end()
    }
}

/// The requests that cover all ranges, in the order of tables and registers.
///
/// No register is read twice, unless overlapping ranges together are longer than a request.
pub fn covering(wanted: &[Read], limits: ReadLimits) -> Vec<Read> {
    let mut wanted = wanted.to_vec();
    wanted.sort();
    let mut requests: Vec<Read> = Vec::new();
    for range in overlapping_joined(&wanted, limits) {
        match requests.last_mut() {
            Some(last) if may_join(*last, range, limits) => *last = joined(*last, range),
            Some(_) | None => requests.push(range),
        }
    }
    requests
}

/// Ranges that share a register become one, as long as one request can hold them.
fn overlapping_joined(wanted: &[Read], limits: ReadLimits) -> Vec<Read> {
    let mut ranges: Vec<Read> = Vec::new();
    for &range in wanted {
        match ranges.last_mut() {
            Some(last)
                if last.table == range.table
                    && u32::from(range.first) < last.end()
                    && joined(*last, range).count <= longest(range.table, limits) =>
            {
                *last = joined(*last, range);
            }
            Some(_) | None => ranges.push(range),
        }
    }
    ranges
}

fn may_join(last: Read, next: Read, limits: ReadLimits) -> bool {
    let hole = u32::from(next.first).saturating_sub(last.end());
    last.table == next.table
        && hole <= u32::from(limits.hole)
        && joined(last, next).count <= longest(last.table, limits)
}

/// The range from the begin of the first to the end of either; `next` begins not before `last`.
fn joined(last: Read, next: Read) -> Read {
    let count = last.end().max(next.end()) - u32::from(last.first);
    Read { count: u16::try_from(count).unwrap_or(u16::MAX), ..last }
}

fn longest(table: Table, limits: ReadLimits) -> u16 {
    if table.is_bits() { limits.bits } else { limits.registers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: ReadLimits = ReadLimits { registers: 125, bits: 2_000, hole: 0 };

    fn holding(first: u16, count: u16) -> Read {
        Read { table: Table::HoldingRegisters, first, count }
    }

    #[track_caller]
    fn check(wanted: &[(u16, u16)], limits: ReadLimits, requests: &[(u16, u16)]) {
        let wanted: Vec<Read> =
            wanted.iter().map(|&(first, count)| holding(first, count)).collect();
        let expected: Vec<Read> =
            requests.iter().map(|&(first, count)| holding(first, count)).collect();
        assert_eq!(covering(&wanted, limits), expected);
    }

    #[test]
    fn neighbours_share_a_request() {
        check(&[(12, 1), (10, 1), (11, 1)], LIMITS, &[(10, 3)]);
        check(&[(10, 1), (10, 1)], LIMITS, &[(10, 1)]);
        check(&[(0x16, 2), (0x26, 2)], LIMITS, &[(0x16, 2), (0x26, 2)]);
    }

    #[test]
    fn a_hole_is_read_over_when_the_device_allows_it() {
        check(&[(10, 1), (14, 1)], ReadLimits { hole: 3, ..LIMITS }, &[(10, 5)]);
        check(&[(10, 1), (14, 1)], ReadLimits { hole: 2, ..LIMITS }, &[(10, 1), (14, 1)]);
    }

    #[test]
    fn a_full_loop_of_detectors_needs_two_requests() {
        let detectors: Vec<(u16, u16)> = (0..159).map(|number| (number, 1)).collect();
        check(&detectors, LIMITS, &[(0, 125), (125, 34)]);
    }

    #[test]
    fn a_number_of_two_registers_is_not_torn_apart() {
        let limits = ReadLimits { registers: 5, ..LIMITS };
        check(&[(0, 2), (2, 2), (4, 2)], limits, &[(0, 4), (4, 2)]);
    }

    #[test]
    fn the_last_register_of_all_can_be_read() {
        check(&[(65_534, 2)], LIMITS, &[(65_534, 2)]);
    }

    /// Ranges of one or two registers that lie beside each other or coincide.
    fn ranges() -> impl Strategy<Value = Vec<Read>> {
        let table = prop_oneof![Just(Table::HoldingRegisters), Just(Table::Coils)];
        let range = (table, 0_u16..400, 1_u16..=2);
        let at = |(table, slot, count): (Table, u16, u16)| {
            let count = if table.is_bits() { 1 } else { count };
            Read { table, first: slot * 2, count }
        };
        proptest::collection::vec(range.prop_map(at), 1..120)
    }

    proptest! {
        #[test]
        fn every_range_is_covered_within_the_limits_and_no_register_twice(
            wanted in ranges(), registers in 2_u16..=125, bits in 1_u16..=2_000, hole in 0_u16..20,
        ) {
            let requests = covering(&wanted, ReadLimits { registers, bits, hole });
            for range in &wanted {
                prop_assert!(requests.iter().any(|request| request.holds(*range)), "{range:?}");
            }
            for request in &requests {
                let longest = if request.table.is_bits() { bits } else { registers };
                prop_assert!(request.count <= longest, "{request:?}");
                let mut at = u32::from(request.first);
                while at < request.end() {
                    let inside = |range: &&Read| {
                        range.table == request.table
                            && u32::from(range.first) <= at + u32::from(hole)
                            && at < range.end()
                    };
                    let reached = wanted.iter().filter(inside).map(|range| range.end()).max();
                    prop_assert!(reached.is_some(), "a hole longer than {hole} in {request:?}");
                    at = reached.unwrap_or(at + 1);
                }
            }
            for pair in requests.windows(2) {
                let apart = pair[0].table != pair[1].table
                    || pair[0].end() <= u32::from(pair[1].first);
                prop_assert!(apart, "{pair:?}");
            }
        }
    }
}
