//! Whether a number stands still for longer than a living sensor can rest.
//!
//! Pure. A sensor whose cable is cut inside its module, or whose converter hangs, often shows its
//! last value for ever: it would be taken for calm. How long a sensor may rest, only the site
//! knows; a point without that is never called stuck.
//!
//! Only time in which the registers were read counts: who was not looked at has not stood still.

use firegrid_wire::time::Millis;

use crate::clock::Uptime;

/// The registers of one point, and since when they are the same.
#[derive(Debug)]
pub(super) struct Rest {
    after: Millis,
    raw: Vec<u16>,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unread,
    Moving { since: Uptime, seen: Uptime },
    Stuck,
}

impl Rest {
    /// A point that may rest for so long.
    pub(super) fn new(after: Millis) -> Rest {
        Rest { after, raw: Vec::new(), standing: Standing::Unread }
    }

    /// Takes what has been read; whether the point has become stuck, or moves again.
    pub(super) fn read(&mut self, raw: &[u16], now: Uptime) -> bool {
        let fresh = Standing::Moving { since: now, seen: now };
        let same = self.raw == raw;
        if !same {
            self.raw.clear();
            self.raw.extend_from_slice(raw);
        }
        let before = self.standing;
        self.standing = match before {
            Standing::Stuck if same => Standing::Stuck,
            Standing::Moving { seen, .. } if same && self.is_gap(now.since(seen)) => fresh,
            Standing::Moving { since, .. } if same => match self.after <= now.since(since) {
                true => Standing::Stuck,
                false => Standing::Moving { since, seen: now },
            },
            Standing::Unread | Standing::Moving { .. } | Standing::Stuck => fresh,
        };
        (before == Standing::Stuck) != self.is_stuck()
    }

    /// Whether it has stood still for too long.
    pub(super) fn is_stuck(&self) -> bool {
        self.standing == Standing::Stuck
    }

    /// Nobody has looked for so long that it may have moved and come back.
    fn is_gap(&self, unseen: Millis) -> bool {
        self.after <= unseen.times(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a register every so many minutes, from minute 0 on; when it is stuck.
    #[track_caller]
    fn check(reads: &[(u64, u16)], stuck: &[bool]) {
        let mut rest = Rest::new(Millis::seconds(60 * 60));
        let mut was = false;
        let mut found = Vec::new();
        for (minute, raw) in reads {
            let changed = rest.read(&[*raw], Uptime::after(Millis::seconds(60 * minute)));
            assert_eq!(changed, was != rest.is_stuck(), "at minute {minute}");
            was = rest.is_stuck();
            found.push(was);
        }
        assert_eq!(found, stuck);
    }

    #[test]
    fn what_rests_for_its_whole_time_is_stuck_until_it_moves() {
        let reads = [(0, 7), (20, 7), (40, 7), (59, 7), (60, 7), (80, 7), (90, 8), (100, 8)];
        check(&reads, &[false, false, false, false, true, true, false, false]);
    }

    #[test]
    fn what_moves_begins_anew() {
        let reads = [(0, 7), (20, 7), (40, 8), (60, 8), (80, 8), (99, 8), (100, 8)];
        check(&reads, &[false, false, false, false, false, false, true]);
    }

    #[test]
    fn time_in_which_nobody_looked_is_no_rest() {
        let reads = [(0, 7), (20, 7), (50, 7), (70, 7), (90, 7), (109, 7), (110, 7)];
        check(&reads, &[false, false, false, false, false, false, true]);
    }
}
