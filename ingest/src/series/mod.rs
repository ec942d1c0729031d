//! The history of analog points: what they read, and the spread of it over time.
//!
//! Filled from the series inbox after the commit that judged the readings, so a store that is
//! slow or dead delays no alarm and costs no reading. Discrete points do not live here; their
//! history is in the table of urgent readings.
//!
//! A store promises two things: what `write` has answered for is durable, and writing a row
//! again changes nothing. The inbox forgets on the first and relies on the second.

mod block;
mod day;
mod days;
pub mod embedded;
pub mod influx;

use std::pin::Pin;

use firegrid_wire::names::FullPointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::{Seq, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

/// At most so many rows answer one question about raw readings.
pub const ROWS_PER_ANSWER: usize = 10_000;

/// At most so many buckets answer one question about spreads: more than a screen has pixels.
pub const BUCKETS_PER_ANSWER: u64 = 5_000;

/// A store of series. Whoever holds it may share it; every call may be awaited anywhere.
pub trait SeriesStore: Send + Sync {
    /// Stores rows. When it answers, they are durable. A row that is already there, known by
    /// (point, span, seq, index), stays as it is.
    fn write(&self, rows: Vec<Row>) -> Answer<'_, (), WriteError>;

    /// How long after its answer a write is kept where it came from. A store of ours has flushed
    /// before it answers; a server elsewhere may answer from memory.
    fn durable_after(&self) -> Millis {
        Millis::ZERO
    }

    /// Forgets what is older than the store keeps. Asked once an hour.
    fn forget(&self, now: CentreTime) -> Answer<'_, (), WriteError>;

    /// The rows of a point with `from <= time < to`, oldest first, at most `limit` and never
    /// more than [`ROWS_PER_ANSWER`].
    fn raw(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        limit: usize,
    ) -> Answer<'_, Vec<Row>, ReadError>;

    /// The spread of a point's rows with `from <= time < to`, in buckets that begin at whole
    /// multiples of `step` since 1970, oldest first. Buckets without rows are left out.
    fn buckets(
        &self,
        point: FullPointId,
        from: GatewayTime,
        to: GatewayTime,
        step: Millis,
    ) -> Answer<'_, Vec<Bucket>, ReadError>;
}

/// What a store answers later.
pub type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// One reading of an analog point.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The point in the whole installation.
    pub point: FullPointId,
    /// When the device answered.
    pub time: GatewayTime,
    /// The span of the batch that brought it.
    pub span: SpanId,
    /// The number of that batch.
    pub seq: Seq,
    /// The reading's place in that batch.
    pub index: u32,
    /// What it read: finite, in SI. None if the device could not say.
    pub number: Option<(f64, Unit)>,
    /// How far to believe it.
    pub quality: Quality,
}

/// What a point read during one step of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The first moment of the step.
    pub start: GatewayTime,
    /// How many rows there are, whatever their quality.
    pub count: u64,
    /// The spread of the good ones; none if there is no good one.
    pub spread: Option<Spread>,
}

/// The spread of good readings. Should a point have changed its unit inside one step, it tells
/// of the unit with the most readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The lowest.
    pub min: f64,
    /// The arithmetic mean.
    pub mean: f64,
    /// The highest.
    pub max: f64,
    /// The unit of all three.
    pub unit: Unit,
}

/// Why rows could not be stored, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Nothing is wrong with the rows. Keep them and write them again later.
    #[error("the series store cannot write now: {reason}")]
    TryAgain {
        /// What the store said.
        reason: String,
    },
    /// These rows will never be stored; all others of the same call are, durably.
    #[error("the series store refused {count} rows: {reason}")]
    SetAside {
        /// How many rows.
        count: usize,
        /// What is wrong with them.
        reason: String,
    },
}

/// Why a question was not answered, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store is busy or out of order. Ask again later.
    #[error("the series store cannot answer now: {reason}")]
    TryAgain {
        /// What the store said.
        reason: String,
    },
    /// The store takes rows, but answers no questions: the curves are to be seen there.
    #[error("the curves are on {place}, which is to be asked itself")]
    Elsewhere {
        /// The store.
        place: String,
    },
    /// The question itself is wrong.
    #[error("{reason}")]
    Refused {
        /// What is wrong with it.
        reason: String,
    },
}
