//! The sign of life of a line: until when it promises to stir again.
//!
//! A line that sleeps for ten minutes is as alive as one that asks ten times a second; one that
//! neither stirs nor has said that it would not is stuck. Whoever watches looks at the promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// The longest that one step of a line may take: trying two addresses and then a request, each
/// with a patience of at most 10 s, and a recorder that waits for a slow disk.
pub const LONGEST_STEP: Millis = Millis::seconds(60);

/// A promise that a line renews and others look at.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    /// Shared, because the watcher must never wait for the line. Milliseconds of uptime.
    until: Arc<AtomicU64>,
}

impl Pulse {
    /// The pulse of a line that begins now.
    pub fn new(now: Uptime) -> Pulse {
        let pulse = Pulse { until: Arc::default() };
        pulse.stirs(now);
        pulse
    }

    /// The line does something that ends within the bound.
    pub fn stirs(&self, now: Uptime) {
        self.rests(now, Millis::default());
    }

    /// The line does nothing for so long, and is back within the bound after it.
    pub fn rests(&self, now: Uptime, lasting: Millis) {
        let until = now.plus(lasting).plus(LONGEST_STEP);
        self.until.store(until.since_begin().get(), Ordering::Relaxed);
    }

    /// Whether the line has broken its promise.
    pub fn is_stuck(&self, now: Uptime) -> bool {
        self.until.load(Ordering::Relaxed) < now.since_begin().get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_stuck_when_it_has_not_stirred_within_its_promise() {
        let at = |seconds| Uptime::after(Millis::seconds(seconds));
        let pulse = Pulse::new(at(0));
        assert!(!pulse.is_stuck(at(60)));
        assert!(pulse.is_stuck(at(61)));
        pulse.rests(at(61), Millis::seconds(600));
        assert!(!pulse.is_stuck(at(721)), "it said that it would rest");
        assert!(pulse.is_stuck(at(722)));
    }
}
