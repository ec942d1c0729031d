//! Every device and point of the box, numbered in the order of the settings.
//!
//! Inside the gateway a point is its number; names stand here once. What only the centre needs
//! of a point is handed over with the catalogue and not kept: a box may have 100,000 of them.

use firegrid_wire::catalogue::{DeviceEntry, PointEntry, Written};
use firegrid_wire::limits::BATCH_BYTES;
use firegrid_wire::names::PointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::span::Lane;

/// What a reading's record takes besides its point's name, at most: the time, every word of a
/// state or the longest number, the unit, the quality, and what joins them.
const RECORD_BYTES: usize = 224;

/// What a batch takes besides its records, in the spool and with all its labels.
const FRAME_BYTES: usize = 1_024;

/// The number of a device in the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceIndex(pub u32);

/// The number of a point in the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PointIndex(pub u32);

/// All devices and points of a box. Built by the settings, never changed while it runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    devices: Vec<Device>,
    points: Vec<Point>,
    /// What the centre is told of all of them, until it is handed over.
    catalogue: Written,
}

/// One Modbus slave.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Name, label, profile and periods. A period tells that the device has points in that lane.
    pub entry: DeviceEntry,
    /// Its points, as a range of the inventory.
    pub points: std::ops::Range<u32>,
}

/// One thing that can be read of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What the gateway itself knows of it.
    pub entry: Known,
    /// The device it belongs to.
    pub device: DeviceIndex,
    /// A number is worth sending when it moved by more than this, in its unit.
    pub deadband: f64,
}

/// What the gateway itself knows of a point.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// `{device}/{point}`.
    pub n: PointId,
    /// What people call it.
    pub label: String,
    /// The lane it lives in.
    pub lane: Lane,
    /// The unit of an analog point; none for a discrete one.
    pub u: Option<Unit>,
}

impl Inventory {
    /// Adds a device with its points; its number.
    pub fn add(
        &mut self,
        entry: DeviceEntry,
        points: impl IntoIterator<Item = (PointEntry, f64)>,
    ) -> DeviceIndex {
        let device = DeviceIndex(self.devices.len() as u32);
        let first = self.points.len() as u32;
        for (entry, deadband) in points {
            let (n, label) = (entry.n.clone(), entry.label.clone());
            let known = Known { n, label, lane: entry.lane, u: entry.u };
            self.points.push(Point { entry: known, device, deadband });
            self.catalogue.add_point(&entry);
        }
        self.catalogue.add_device(&entry);
        self.devices.push(Device { entry, points: first..self.points.len() as u32 });
        device
    }

    /// A device by its number.
    pub fn device(&self, index: DeviceIndex) -> &Device {
        &self.devices[index.0 as usize]
    }

    /// A point by its number.
    pub fn point(&self, index: PointIndex) -> &Point {
        &self.points[index.0 as usize]
    }

    /// All devices with their numbers.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceIndex, &Device)> {
        self.devices.iter().enumerate().map(|(at, device)| (DeviceIndex(at as u32), device))
    }

    /// All points with their numbers.
    pub fn points(&self) -> impl Iterator<Item = (PointIndex, &Point)> {
        self.points.iter().enumerate().map(|(at, point)| (PointIndex(at as u32), point))
    }

    /// The devices that have points in a lane.
    pub fn devices_in(&self, lane: Lane) -> impl Iterator<Item = DeviceIndex> {
        self.devices()
            .filter(move |(_, device)| device.entry.period(lane).is_some())
            .map(|(index, _)| index)
    }

    /// A refresh of a lane takes at most so many bytes of its spool, whatever the points say.
    pub fn refresh_bytes(&self, lane: Lane) -> u64 {
        let points = self.points.iter().filter(|point| point.entry.lane == lane);
        let points = points.map(|point| point.entry.n.as_str().len());
        let comms = self.devices_in(lane).map(|index| self.device(index).entry.n.as_str().len());
        let records: usize = points.chain(comms).map(|name| name + RECORD_BYTES).sum();
        // A batch that is cut at its limit may lack a record, and carries labels and a frame.
        let batches = records / (BATCH_BYTES / 2) + 1;
        (records + batches * FRAME_BYTES) as u64
    }

    /// What the centre is told of the box; nothing once it was handed over.
    pub fn catalogue(&self) -> &Written {
        &self.catalogue
    }

    /// Hands over what the centre is told of the box: it is not kept here.
    pub fn hand_over(mut self) -> (Written, Inventory) {
        let catalogue = std::mem::take(&mut self.catalogue);
        self.points.shrink_to_fit();
        (catalogue, self)
    }
}
