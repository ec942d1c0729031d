//! For which stretches of gateway time a lane was vouched for. What lies between two of them is
//! not known to anybody: no calm was proven there, and no test of a rule may take it for calm.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::rows::Columns;
use super::{Reader, StorageError, Transaction};

/// A stretch, merged of all that touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Whose lane.
    pub gateway: GatewayId,
    /// Which lane.
    pub lane: Lane,
    /// The span of gateway time in which it lies: spans may overlap where a clock fell back.
    pub span: SpanId,
    /// Where it begins.
    pub from: GatewayTime,
    /// How far it goes.
    pub until: GatewayTime,
    /// What lies before it.
    pub gap: Gap,
    /// When the centre last learned of it.
    pub changed: CentreTime,
}

/// What lies before a stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The span began: a start of the box, or a step of its clock.
    Span,
    /// The box did not poll, or had nothing to vouch with.
    Pause,
    /// Something is missing: the table of holes tells what.
    Hole,
}

impl Gap {
    /// The word of the table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Gap::Span => "span",
            Gap::Pause => "pause",
            Gap::Hole => "hole",
        }
    }
}

impl std::str::FromStr for Gap {
    type Err = NoGap;

    fn from_str(text: &str) -> Result<Gap, NoGap> {
        let all = [Gap::Span, Gap::Pause, Gap::Hole];
        all.into_iter().find(|gap| gap.as_str() == text).ok_or(NoGap)
    }
}

/// A word that says of no gap what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no kind of gap")]
pub struct NoGap;

/// The stretch of each lane that may still grow: the newest of the span that was admitted last.
pub async fn load(reader: &Reader) -> Result<Vec<Vouched>, StorageError> {
    let rows = sqlx::query(
        "SELECT vouched.gateway AS gateway, vouched.lane AS lane, vouched.span AS span, from_t, \
         until_t, gap, changed_at FROM vouched JOIN lane_position \
         ON lane_position.gateway = vouched.gateway AND lane_position.lane = vouched.lane \
         AND lane_position.span = vouched.span \
         WHERE from_t = (SELECT MAX(later.from_t) FROM vouched later \
             WHERE later.gateway = vouched.gateway AND later.lane = vouched.lane \
             AND later.span = vouched.span)",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// The stretches of a lane that reach into `from <= time < to`, the earliest first; of those only
/// what stands behind the begin of another one.
pub async fn of_lane(
    reader: &Reader,
    (gateway, lane): (&GatewayId, Lane),
    (from, to): (GatewayTime, GatewayTime),
    behind: Option<(GatewayTime, SpanId)>,
    limit: u32,
) -> Result<Vec<Vouched>, StorageError> {
    let earliest = (GatewayTime::from_millis(i64::MIN), SpanId::from_bits(0));
    let (begin, span) = behind.unwrap_or(earliest);
    let rows = sqlx::query(
        "SELECT gateway, lane, span, from_t, until_t, gap, changed_at FROM vouched \
         WHERE gateway = $1 AND lane = $2 AND until_t >= $3 AND from_t < $4 \
         AND (from_t > $5 OR (from_t = $6 AND span > $7)) \
         ORDER BY from_t, span LIMIT $8",
    )
    .bind(gateway.as_str())
    .bind(lane.as_str())
    .bind(from.millis())
    .bind(to.millis())
    .bind(begin.millis())
    .bind(begin.millis())
    .bind(span.to_string())
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// Writes how far a stretch goes.
pub async fn put(to: &mut Transaction<'_>, row: &Vouched) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO vouched (gateway, lane, span, from_t, until_t, gap, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (gateway, lane, span, from_t) DO UPDATE SET until_t = excluded.until_t, \
         changed_at = excluded.changed_at",
    )
    .bind(row.gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.span.to_string())
    .bind(row.from.millis())
    .bind(row.until.millis())
    .bind(row.gap.as_str())
    .bind(row.changed.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Vouched, StorageError> {
    let row = Columns { table: "vouched", row };
    Ok(Vouched {
        gateway: row.parsed("gateway")?,
        lane: row.parsed("lane")?,
        span: row.parsed("span")?,
        from: GatewayTime::from_millis(row.number("from_t")?),
        until: GatewayTime::from_millis(row.number("until_t")?),
        gap: row.parsed("gap")?,
        changed: CentreTime::from_millis(row.number("changed_at")?),
    })
}
