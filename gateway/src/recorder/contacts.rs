//! The devices of one lane: when each was polled last, which have failed, and which owe a
//! refresh.

use firegrid_wire::span::Lane;
use firegrid_wire::time::{GatewayTime, Millis};

use crate::inventory::{DeviceIndex, Inventory};

/// A pause between two polls longer than this, and than three periods, breaks the stretch.
const SHORTEST_PAUSE: Millis = Millis::seconds(5);

/// The devices that have points in a lane.
#[derive(Debug)]
pub(super) struct Contacts {
    devices: Vec<Device>,
}

#[derive(Debug)]
struct Device {
    device: DeviceIndex,
    pause: Millis,
    contact: Contact,
    /// Whether its refresh has yet to be cut.
    owes_refresh: bool,
}

/// What is known of a device in this span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// Neither polled nor reported.
    Awaited,
    /// Its last complete poll.
    Answers { polled: GatewayTime },
    /// Reported as failed.
    Failed { polled: Option<GatewayTime>, since: GatewayTime },
}

/// What a complete poll means for the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Poll {
    /// The first of the span, or after a failure: everything must be told.
    Returned,
    /// It follows the last one.
    Next,
    /// It follows a pause that began then: nobody knows what was between.
    AfterPause { since: GatewayTime },
}

impl Contacts {
    pub(super) fn of(lane: Lane, inventory: &Inventory) -> Contacts {
        let device = |device| {
            let period = inventory.device(device).entry.period(lane).unwrap_or_default();
            let pause = period.times(3).max(SHORTEST_PAUSE);
            Device { device, pause, contact: Contact::Awaited, owes_refresh: false }
        };
        Contacts { devices: inventory.devices_in(lane).map(device).collect() }
    }

    /// Takes what was known of devices that go on under other numbers.
    pub(super) fn go_on(&mut self, before: &Contacts, kept: &[(DeviceIndex, DeviceIndex)]) {
        for (old, new) in kept {
            let known = before.devices.iter().find(|device| device.device == *old);
            let device = self.devices.iter_mut().find(|device| device.device == *new);
            if let Some((known, device)) = known.zip(device) {
                device.contact = known.contact;
            }
        }
    }

    /// A span begins: every device must be heard again, and who has failed is told again.
    pub(super) fn born(&mut self, begin: GatewayTime) {
        for device in &mut self.devices {
            (device.contact, device.owes_refresh) = match device.contact {
                Contact::Awaited | Contact::Answers { .. } => (Contact::Awaited, false),
                Contact::Failed { .. } => (Contact::Failed { polled: None, since: begin }, true),
            };
        }
    }

    /// What a poll at this time means, and the time under which it counts: never before the
    /// device's last one. `None` if the device has no points here.
    pub(super) fn poll(&self, device: DeviceIndex, at: GatewayTime) -> Option<(Poll, GatewayTime)> {
        let device = self.devices.iter().find(|known| known.device == device)?;
        Some(match device.contact {
            Contact::Awaited => (Poll::Returned, at),
            Contact::Failed { polled, .. } => {
                (Poll::Returned, polled.map_or(at, |polled| polled.max(at)))
            }
            Contact::Answers { polled } if device.pause < at.since(polled) => {
                (Poll::AfterPause { since: polled }, at)
            }
            Contact::Answers { polled } => (Poll::Next, at.max(polled)),
        })
    }

    /// A device was polled completely.
    pub(super) fn polled(&mut self, device: DeviceIndex, poll: Poll, at: GatewayTime) {
        if let Some(device) = self.devices.iter_mut().find(|known| known.device == device) {
            device.contact = Contact::Answers { polled: at };
            device.owes_refresh |= poll == Poll::Returned;
        }
    }

    /// A device is reported as failed. The time its `comm` reading must carry, unless that is
    /// part of the refresh it owes, or has been told before.
    pub(super) fn failed(&mut self, device: DeviceIndex, at: GatewayTime) -> Option<GatewayTime> {
        let device = self.devices.iter_mut().find(|known| known.device == device)?;
        let polled = match device.contact {
            Contact::Awaited => None,
            Contact::Answers { polled } => Some(polled),
            Contact::Failed { .. } => return None,
        };
        device.contact = Contact::Failed { polled, since: at };
        device.owes_refresh |= polled.is_none();
        polled.filter(|_| !device.owes_refresh)
    }

    /// Every device that has been heard owes a refresh.
    pub(super) fn owe_everything(&mut self) {
        for device in &mut self.devices {
            device.owes_refresh = device.contact != Contact::Awaited;
        }
    }

    /// The devices that owed a refresh, which they no longer do.
    pub(super) fn settle(&mut self) -> Vec<(DeviceIndex, Contact)> {
        self.devices
            .iter_mut()
            .filter_map(|device| {
                std::mem::take(&mut device.owes_refresh).then_some((device.device, device.contact))
            })
            .collect()
    }

    /// The oldest complete poll among the devices not reported as failed; none while one of
    /// them is awaited, and none if all have failed.
    pub(super) fn oldest_poll(&self) -> Option<GatewayTime> {
        let mut oldest: Option<GatewayTime> = None;
        for device in &self.devices {
            match device.contact {
                Contact::Awaited => return None,
                Contact::Answers { polled } => {
                    oldest = Some(oldest.map_or(polled, |other| other.min(polled)));
                }
                Contact::Failed { .. } => {}
            }
        }
        oldest
    }

    /// Whether a device has neither been polled nor reported in this span.
    pub(super) fn awaits(&self) -> bool {
        self.devices.iter().any(|device| device.contact == Contact::Awaited)
    }

    /// Whether a device owes a refresh.
    pub(super) fn owe(&self) -> bool {
        self.devices.iter().any(|device| device.owes_refresh)
    }

    /// Whether the lane has no points at all.
    pub(super) fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }
}
