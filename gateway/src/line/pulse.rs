//! The sign of life of a line: until when it promises to stir again.
//!
//! A line that sleeps for ten minutes is as alive as one that asks ten times a second; one that
//! neither stirs nor has said that it would not is stuck. Whoever watches looks at the promise.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// The longest that one step of a line may take: opening a connection, a request with its
/// patience (at most 10 s), and a recorder that takes its time.
pub const LONGEST_STEP: Millis = Millis::seconds(40);

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
        assert!(!pulse.is_stuck(at(40)));
        assert!(pulse.is_stuck(at(41)));
        pulse.rests(at(41), Millis::seconds(600));
        assert!(!pulse.is_stuck(at(681)), "it said that it would rest");
        assert!(pulse.is_stuck(at(682)));
    }
}
