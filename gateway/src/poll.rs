//! What a line says of a device: the one kind of news that enters the rest of the gateway.

use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;

use crate::clock::Uptime;
use crate::inventory::{DeviceIndex, PointIndex};

/// News of one device.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Every area of the device in this lane has been read once more. The very first such news
    /// of a lane lists all its points; later ones list those whose registers changed.
    Polled {
        /// The device.
        device: DeviceIndex,
        /// Alarm areas are urgent, analog areas routine.
        lane: Lane,
        /// When its last answer came in.
        at: Uptime,
        /// What its points say, each point once.
        changed: Vec<Observation>,
    },
    /// A fire-class state has come, changed or gone, told as soon as it is read: ahead of the
    /// rest of the poll, and even if the rest then fails. It vouches for nothing and says
    /// nothing about the device being back; the next `Polled` repeats it. Urgent lane only.
    Ahead {
        /// The device.
        device: DeviceIndex,
        /// When its answer came in.
        at: Uptime,
        /// Points into or out of which a fire-class state moved, each point once.
        changed: Vec<Observation>,
    },
    /// The device is to be reported as failed: two cycles in a row had no usable answer. Told
    /// once; the next `Polled` says that it is back.
    Lost {
        /// The device.
        device: DeviceIndex,
        /// When the second cycle failed.
        at: Uptime,
    },
}

/// What one point says.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The point.
    pub point: PointIndex,
    /// What it says.
    pub value: Value,
    /// How far to believe it.
    pub quality: Quality,
}
