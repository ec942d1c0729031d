//! The only place of the centre that reads a clock.
//!
//! Everything else takes a [`CentreTime`] as an argument and answers with its next deadline.

use std::time::Instant;

use firegrid_wire::time::{CentreTime, Millis};

/// Tells the centre's time. It begins at the wall clock and then never runs backwards: a wall
/// clock that is set back neither shortens a silence nor lengthens one.
#[derive(Debug, Clone)]
pub struct Clock {
    begin: Instant,
    began_at: CentreTime,
}

impl Clock {
    /// Starts at the wall clock of the machine, but never before `not_before`: the latest
    /// moment that this centre has written down in an earlier life.
    pub fn begin(not_before: Option<CentreTime>) -> Clock {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since_1970.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
        let wall = CentreTime::from_millis(millis);
        Clock { begin: Instant::now(), began_at: not_before.map_or(wall, |past| wall.max(past)) }
    }

    /// The centre's time now.
    pub fn now(&self) -> CentreTime {
        self.began_at.plus(Millis::from(self.begin.elapsed()))
    }
}
