//! Where the points and devices of a lane have their places.

use std::sync::Arc;

use firegrid_wire::names::PointId;
use firegrid_wire::span::Lane;
use firegrid_wire::time::GatewayTime;

use super::lane::{Device, LaneState};
use super::point::Point;
use super::scene::Scene;

/// Points that no catalogue lists, per lane: enough for any box whose catalogue is late.
/// Beyond it only fire-class readings make further ones, up to [`MOST_UNLISTED_FIRES`].
const MOST_UNLISTED: u32 = 10_000;

/// Points that no catalogue lists and that report fire. A box with more is no box.
const MOST_UNLISTED_FIRES: u32 = 50_000;

impl LaneState {
    /// The place of a point, made if it has none. `None` if there are too many that no
    /// catalogue lists.
    pub(super) fn place(
        &mut self,
        id: &PointId,
        fire_class: bool,
        scene: &Scene<'_>,
    ) -> Option<u32> {
        if let Some(place) = self.names.find(id) {
            return Some(place);
        }
        if id.is_comm() {
            let known = self.device_index.contains_key(id.device());
            if !known && MOST_UNLISTED as usize <= self.devices.len() {
                return None;
            }
        } else {
            let most = if fire_class { MOST_UNLISTED_FIRES } else { MOST_UNLISTED };
            if most <= self.unlisted {
                return None;
            }
            self.unlisted += 1;
        }
        let device = self.device(id.device());
        let home = self.devices.get(device as usize).is_some_and(|device| device.home);
        let binding = match (id.is_comm(), home) {
            (true, true) => &scene.bindings.comm,
            (true, false) => &scene.bindings.none,
            (false, _) => &scene.bindings.words,
        };
        let point = Point::new(id, Arc::clone(binding), 0, device);
        Some(self.add_new(id, point))
    }

    /// Takes in a point that is new, with the windows that its rules look through.
    pub(super) fn add_new(&mut self, id: &PointId, mut point: Point) -> u32 {
        point.keep_windows();
        let place = self.add(id.clone(), point);
        self.look_again(place);
        place
    }

    /// Notes when the windows of a point next change by themselves.
    pub(super) fn look_again(&mut self, place: u32) {
        let now = self.horizon.unwrap_or(GatewayTime::from_millis(i64::MIN));
        if let Some(point) = self.points[place as usize].as_mut() {
            self.timers.look_again(place, point, now);
        }
    }

    /// Takes in a point that has no place yet.
    pub(super) fn add(&mut self, id: PointId, point: Point) -> u32 {
        let place = self.free.pop().unwrap_or(self.points.len() as u32);
        self.names.insert(&id, place);
        match self.points.get_mut(place as usize) {
            Some(free) => *free = Some(point),
            None => self.points.push(Some(point)),
        }
        place
    }

    /// The place of a device, made if it has none. What no catalogue lists speaks for itself
    /// in the urgent lane.
    pub(super) fn device(&mut self, name: &str) -> u32 {
        if let Some(place) = self.device_index.get(name) {
            return *place;
        }
        let place = self.devices.len() as u32;
        let home = self.lane == Lane::Urgent;
        self.devices.push(Device { name: name.into(), blind: false, forgot: 0, home });
        self.device_index.insert(name.into(), place);
        place
    }

    /// Whether the device of a point does not answer.
    pub(super) fn is_blind(&self, place: u32) -> bool {
        let Some(point) = &self.points[place as usize] else { return true };
        let device = self.devices.get(point.device as usize);
        !point.comm && device.is_some_and(|device| device.blind)
    }

    /// Whether a point was read since the last hole of its lane or its device.
    pub(super) fn is_known(&self, place: u32) -> bool {
        let Some(point) = &self.points[place as usize] else { return false };
        let device = self.devices.get(point.device as usize);
        let forgot = device.filter(|_| !point.comm).map_or(0, |device| device.forgot);
        point.stamp != 0 && self.forgot.max(forgot) <= point.stamp
    }

    /// The row of the point at this place must be written.
    pub(super) fn mark(&mut self, place: u32) {
        if let Some(point) = self.points[place as usize].as_mut()
            && point.mark()
        {
            self.dirty.push(place);
        }
    }
}
