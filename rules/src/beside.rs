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
