//! The only place of the gateway that reads a clock.
//!
//! Everything else takes an [`Uptime`] as an argument and answers with its next deadline.

use std::time::Duration;

use firegrid_wire::time::{GatewayTime, Millis};
// The same as that of the standard library, but a test can hold it.
use tokio::time::Instant;

/// Monotonic time since the process began. It never jumps; what a day it is, it does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Uptime(Millis);

impl Uptime {
    /// This long after the begin.
    pub const fn after(begin: Millis) -> Uptime {
        Uptime(begin)
    }

    /// How long ago the begin was.
    pub const fn since_begin(self) -> Millis {
        self.0
    }

    /// This moment and some time after it.
    pub const fn plus(self, lasting: Millis) -> Uptime {
        Uptime(self.0.plus(lasting))
    }

    /// How long ago `earlier` was; zero if it was not earlier.
    pub const fn since(self, earlier: Uptime) -> Millis {
        self.0.minus(earlier.0)
    }
}

/// Reads the clocks of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    begin: Instant,
}

impl Clock {
    /// Starts counting now.
    pub fn begin() -> Clock {
        Clock { begin: Instant::now() }
    }

    /// Monotonic time since the begin.
    pub fn uptime(&self) -> Uptime {
        Uptime(Millis::from(self.begin.elapsed()))
    }

    /// The same, finer than a wire needs it.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// What the wall clock of the machine says. It may be wrong, and it may jump.
    pub fn wall(&self) -> GatewayTime {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since_1970.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        GatewayTime::from_millis(millis)
    }
}

/// When this program was built; [`GatewayTime`] never begins earlier.
pub fn built() -> GatewayTime {
    let seconds: i64 = env!("FIREGRID_BUILT_AT").parse().unwrap_or(0);
    GatewayTime::from_millis(seconds.saturating_mul(1_000))
}
