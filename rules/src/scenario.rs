//! Scenario files: how a rule's author proves what it does.
//!
//! A file describes one gateway and plays small stories with it in virtual time: what its
//! points say, when it starts, falls silent or loses something. Each story lists **every**
//! decision; one that is not listed fails, and so does one that is missing. The player sends
//! what a well-behaved box would send (refreshes, stretches, a beat every 10 s) and admits it
//! as the centre would. Judges nothing itself and reads no clock.
//!
//! ```toml
//! [[device]]
//! name = "riser"
//! analog_period = "1s"
//!
//! [[point]]
//! name = "riser/pressure"
//! unit = "Pa"
//! tags = ["sprinkler-end"]
//!
//! [[scenario]]
//! title = "Just below the limit for five minutes."
//! step = [
//!     { at = "0s", start = "a", read = { "riser/pressure" = "0.30 MPa" } },
//!     { at = "1min", read = { "riser/pressure" = "0.0499 MPa" } },
//!     { at = "7min" },
//! ]
//! expect = ["6min riser/pressure W1 hazard raised"]
//! ```
//!
//! A file names the `rules` that it is of, and a story what it `shows` of which `rule` (of the only
//! one of the file, where it has one): [`Shows`]. Every shipped rule is shown in every way that
//! applies to it; a test holds this.
//!
//! What a step can hold, besides `at`, its moment since the beginning:
//!
//! | key | meaning |
//! | --- | --- |
//! | `start` | the box begins a span of this name; with `clock`, its clock then shows this |
//! | `stop` | the box is off: nothing comes until it starts again |
//! | `cut` | the link is cut (`true`) or mended (`false`); the box polls on, but nothing arrives |
//! | `read` | a table of points and what they say; `quality`, `time` (of the readings) |
//! | `vouched` | `false`: the batch carries no stretch, as a refresh does; `from`: begin of its stretch |
//! | `refresh` | `false`: the batch of a start does carry a stretch |
//! | `beat` | a beat beside the regular ones: table with `alarms`, `onset`, `lost` (its head is not judged) |
//! | `marker` | table with `lane`, `fires`, `onset`: what the box no longer has |
//! | `heard` | something came that is not judged: a duplicate |
//! | `restart` | the centre's program ends and goes on from its rows |
//! | `deaf`, `hold` | the centre hears nothing (`true`, `false`); nothing clears (`true`, `false`) |
//! | `sources`, `vanish` | from the next start on, points have another source, or are gone |
//! | `may_close` | table with `point` (or none: the gateway), `rule`, `answer` |

use std::fmt;
use std::sync::Arc;

use firegrid_wire::document::Mistakes;

use crate::rulebook::{RuleId, Rulebook};

mod player;
mod reading;
mod shows;
mod story;

pub use shows::Shows;
use story::Story;

/// The gateway of every scenario.
const GATEWAY: &str = "box";

/// The stories of one file.
#[derive(Debug, Clone)]
pub struct Scenarios {
    file: String,
    stories: Vec<Story>,
}

/// What became of one story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The file.
    pub file: String,
    /// The story's title.
    pub title: String,
    /// What went otherwise than it was listed, in the order of its time.
    pub differences: Vec<Difference>,
}

/// One thing that went otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The engine decided this, and the story does not list it.
    Unlisted(String),
    /// The story lists this, and the engine did not decide it.
    Missing(String),
    /// Asked whether it may be closed, the engine said something else.
    Answer {
        /// When it was asked.
        at: String,
        /// What the story says.
        wanted: String,
        /// What the engine says.
        said: String,
    },
    /// The rows could not be read again.
    Restore(String),
}

impl Scenarios {
    /// Reads a file, or tells every mistake in it.
    pub fn read(file: &str, text: &str) -> Result<Scenarios, Mistakes> {
        let stories = reading::read(file, text)?;
        Ok(Scenarios { file: file.to_owned(), stories })
    }

    /// What its stories show of which rules.
    pub fn shown(&self) -> impl Iterator<Item = (&RuleId, Shows)> {
        let shown = self.stories.iter().filter_map(|story| story.shows.as_ref());
        shown.map(|(rule, shows)| (rule, *shows))
    }

    /// Plays every story against a rulebook.
    pub fn play(&self, rulebook: &Arc<Rulebook>) -> Vec<Outcome> {
        self.stories
            .iter()
            .map(|story| Outcome {
                file: self.file.clone(),
                title: story.title.clone(),
                differences: player::play(story, rulebook),
            })
            .collect()
    }
}

impl Outcome {
    /// Whether everything went as it was listed.
    pub fn is_good(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_good() { "ok" } else { "FAILED" };
        write!(f, "{word:6} {}: {}", self.file, self.title)?;
        self.differences.iter().try_for_each(|difference| write!(f, "\n       {difference}"))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Unlisted(decision) => write!(f, "not listed: \"{decision}\""),
            Difference::Missing(decision) => write!(f, "missing:    \"{decision}\""),
            Difference::Answer { at, wanted, said } => {
                write!(f, "at {at} may_close answers {said:?}, not {wanted:?}")
            }
            Difference::Restore(reason) => write!(f, "the rows cannot be read again: {reason}"),
        }
    }
}
