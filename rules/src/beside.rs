//! Which points a rule looks at, and which others it looks at beside them.

use firegrid_wire::catalogue::PointEntry;
use firegrid_wire::quantity::Unit;

use crate::condition::Condition;
use crate::word::worded;

/// What points must be to be looked at; what is left empty does not restrict.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kinds {
    /// System types of GB/T 26875.3-2011 table 4.
    pub systems: Vec<u8>,
    /// Part types of GB/T 26875.3-2011 table 5.
    pub parts: Vec<u8>,
    /// The unit of an analog point.
    pub unit: Option<Unit>,
    /// The point must have all of these tags.
    pub tags: Vec<String>,
}

/// What must hold beside a step's own condition: a condition on points of the same gateway, in
/// whichever lane they live. The point that the rule looks at counts too if it is one of them. A
/// point that lacks a limit which the condition names is none of them, and a step for which the
/// catalogue has none at all does not apply.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    /// What they are.
    pub points: Kinds,
    /// What they have in common with the point that the rule looks at.
    pub shares: Shares,
    /// On how many of them.
    pub on: On,
    /// What must hold there.
    pub when: Condition,
}

worded! {
    /// On how many points something holds.
    On {
        /// On at least one.
        Any = "any", "至少一个";
        /// On none: each proves that it does not.
        None = "none", "没有一个";
    }
}

worded! {
    /// What points have in common.
    Shares {
        /// The device.
        Device = "device", "设备";
        /// The name of the zone 分区, whichever device tells it. A point without one has none in
        /// common with any.
        Zone = "zone", "分区";
        /// Only the gateway.
        Gateway = "gateway", "网关";
    }
}

/// How many of the points of a rule that share something must meet the step's condition. The
/// programmed points are counted: one that says nothing (blind, shielded, under test) is none
/// that meets it, and none that proves the contrary either. Points of the two lanes are counted apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// What they share.
    pub of: Shares,
    /// The least share of them, as a ratio.
    pub at_least: f64,
    /// And the least number; of fewer points, all of them.
    pub points: u32,
}

impl Share {
    /// How many of so many points it needs.
    pub fn needed(self, programmed: u32) -> u32 {
        // Of 20 points 5 % are one, however the product rounds.
        let share = (f64::from(programmed) * self.at_least - 1e-9).ceil() as u32;
        share.max(self.points).clamp(1, programmed.max(1))
    }
}

impl Kinds {
    /// Whether a point is one of these.
    pub fn hold(&self, entry: &PointEntry) -> bool {
        (self.systems.is_empty() || self.systems.contains(&entry.system))
            && (self.parts.is_empty() || self.parts.contains(&entry.part))
            && (self.unit.is_none() || self.unit == entry.u)
            && self.tags.iter().all(|tag| entry.tags.contains(tag))
    }
}

impl Shares {
    /// What a point has of it; none: nothing that another could have too.
    pub fn of(self, entry: &PointEntry) -> Option<&str> {
        match self {
            Shares::Device => Some(entry.n.device()),
            Shares::Zone => Some(entry.zone.as_str()).filter(|zone| !zone.is_empty()),
            Shares::Gateway => Some(""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(at_least: f64, points: u32, programmed: u32, needed: u32) {
        let share = Share { of: Shares::Zone, at_least, points };
        assert_eq!(share.needed(programmed), needed);
    }

    #[test]
    fn a_share_of_points_is_a_whole_number_of_them() {
        check(0.05, 1, 20, 1);
        check(0.05, 1, 21, 2);
        check(0.05, 1, 100, 5);
        check(0.05, 1, 101, 6);
        check(1.0, 1, 7, 7);
    }

    #[test]
    fn a_small_zone_needs_its_least_number_and_never_more_than_it_has() {
        check(0.05, 2, 20, 2);
        check(0.05, 2, 1, 1);
        check(0.05, 3, 2, 2);
    }
}
