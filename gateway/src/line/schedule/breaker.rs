//! Whether a device answers, and when to try again if it does not.
//!
//! ```text
//!            two polls fail in a row, and the
//!            line's `timeout` has passed                a probe is answered
//!   answers ─────────────────────────► lost, told once ───────────────────► returning
//!      ▲                                 │  ▲    ▲                           │   │
//!      │                                 └──┘    └─────── its poll fails ────┘   │
//!      │     a probe fails: 1 s, 2 s … 30 s until the next                       │
//!      └───────────────────────────── its poll is complete ──────────────────────┘
//! ```
//!
//! The pauses are jittered, so that dead devices do not keep together.

use firegrid_wire::time::Millis;

use crate::clock::Uptime;
use crate::line::report::Standing;

/// After so many failed polls in a row a device is lost.
const POLLS_UNTIL_LOST: u32 = 2;

/// The pause before the first probe of a lost device.
const FIRST_PAUSE: Millis = Millis::seconds(1);

/// The longest pause between two probes of a lost device.
pub(super) const LAST_PAUSE: Millis = Millis::seconds(30);

/// A pause between two probes may be shorter than it should be by its part of so many.
const JITTER: u64 = 4;

/// What a failed poll means for its device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It will be asked again at its next turn.
    Again,
    /// It is lost from now on.
    Lost,
    /// It was lost before.
    StillLost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    Answers,
    Failing { polls: u32, since: Uptime },
    Lost(Lost),
    Returning(Lost),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    since: Uptime,
    pub(super) probe: Uptime,
    pause: Millis,
    /// When it last had a probe of full length, unless it is owed one at once.
    pub(super) full: Option<Uptime>,
}

impl Breaker {
    /// A poll has failed. Nobody is lost before he has been silent for as long as `grace`.
    pub(super) fn fail(
        &mut self,
        now: Uptime,
        grace: Millis,
        random: &mut fastrand::Rng,
    ) -> Failure {
        let mut jittered =
            |pause: Millis| pause.minus(Millis::new(random.u64(..=pause.get() / JITTER)));
        let (polls, since) = match *self {
            Breaker::Answers => (1, now),
            Breaker::Failing { polls, since } => (polls.saturating_add(1), since),
            Breaker::Lost(lost) | Breaker::Returning(lost) => {
                let pause = lost.pause.times(2).min(LAST_PAUSE);
                *self = Breaker::Lost(Lost { probe: now.plus(jittered(pause)), pause, ..lost });
                return Failure::StillLost;
            }
        };
        if polls < POLLS_UNTIL_LOST || now.since(since) < grace {
            *self = Breaker::Failing { polls, since };
            return Failure::Again;
        }
        let probe = now.plus(jittered(FIRST_PAUSE));
        *self = Breaker::Lost(Lost { since: now, probe, pause: FIRST_PAUSE, full: Some(now) });
        Failure::Lost
    }

    /// A request has brought registers.
    pub(super) fn answered(&mut self) {
        match *self {
            Breaker::Lost(lost) => *self = Breaker::Returning(lost),
            Breaker::Answers | Breaker::Failing { .. } | Breaker::Returning(_) => {}
        }
    }

    /// It has its next probe now, and that is one of full length.
    pub(super) fn probe_in_full(&mut self, now: Uptime) {
        match self {
            Breaker::Lost(lost) => (lost.probe, lost.pause, lost.full) = (now, FIRST_PAUSE, None),
            Breaker::Answers | Breaker::Failing { .. } | Breaker::Returning(_) => {}
        }
    }

    /// A probe of full length is sent.
    pub(super) fn probed_in_full(&mut self, now: Uptime) {
        match self {
            Breaker::Lost(lost) => lost.full = Some(now),
            Breaker::Answers | Breaker::Failing { .. } | Breaker::Returning(_) => {}
        }
    }

    /// The device as long as it is only probed.
    pub(super) fn lost(&self) -> Option<Lost> {
        match self {
            Breaker::Lost(lost) => Some(*lost),
            Breaker::Answers | Breaker::Failing { .. } | Breaker::Returning(_) => None,
        }
    }

    /// Whether it has been told as lost.
    pub(super) fn was_lost(&self) -> bool {
        match self {
            Breaker::Answers | Breaker::Failing { .. } => false,
            Breaker::Lost(_) | Breaker::Returning(_) => true,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match *self {
            Breaker::Answers => Standing::Answers,
            Breaker::Failing { polls, .. } => Standing::Failing { polls },
            Breaker::Lost(Lost { since, probe, .. })
            | Breaker::Returning(Lost { since, probe, .. }) => Standing::Lost { since, probe },
        }
    }
}
