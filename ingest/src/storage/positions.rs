//! Up to where each lane of each gateway is committed, and the order of its spans.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane, Seq, SpanId};

use super::rows::{Columns, stored};
use super::{Reader, StorageError, Transaction};

/// The position of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanePosition {
    /// Whose lane.
    pub gateway: GatewayId,
    /// Which lane.
    pub lane: Lane,
    /// The last batch that is committed.
    pub name: BatchName,
    /// The number of the last refresh that was wanted, wanted still or not.
    pub want: Option<u64>,
    /// How far that wish is, in the words of the intake; none if nothing is wanted.
    pub want_body: Option<String>,
}

/// A span of a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneSpan {
    /// The span.
    pub span: SpanId,
    /// Its place in the order of first admission, from 0.
    pub ordinal: u32,
    /// Its last committed number.
    pub end: Seq,
}

/// Every position.
pub async fn load(reader: &Reader) -> Result<Vec<LanePosition>, StorageError> {
    let rows = sqlx::query("SELECT gateway, lane, span, seq, want, want_body FROM lane_position")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "lane_position", row };
            Ok(LanePosition {
                gateway: row.parsed("gateway")?,
                lane: row.parsed("lane")?,
                name: BatchName { span: row.parsed("span")?, seq: row.count("seq")? },
                want: row.maybe_number("want")?.and_then(|want| u64::try_from(want).ok()),
                want_body: row.maybe_text("want_body")?,
            })
        })
        .collect()
}

/// Every span of every lane.
pub async fn load_spans(reader: &Reader) -> Result<Vec<(GatewayId, Lane, LaneSpan)>, StorageError> {
    let rows = sqlx::query("SELECT gateway, lane, span, ordinal, end_seq FROM lane_span")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "lane_span", row };
            let span = LaneSpan {
                span: row.parsed("span")?,
                ordinal: u32::try_from(row.number("ordinal")?)
                    .map_err(|error| row.strange("ordinal", &error))?,
                end: row.count("end_seq")?,
            };
            Ok((row.parsed("gateway")?, row.parsed("lane")?, span))
        })
        .collect()
}

/// Writes a position.
pub async fn put(to: &mut Transaction<'_>, row: &LanePosition) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO lane_position (gateway, lane, span, seq, want, want_body) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (gateway, lane) DO UPDATE SET span = excluded.span, seq = excluded.seq, \
         want = excluded.want, want_body = excluded.want_body",
    )
    .bind(row.gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.name.span.to_string())
    .bind(stored(row.name.seq))
    .bind(row.want.map(stored))
    .bind(row.want_body.clone())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// Writes a span of a lane.
pub async fn put_span(
    to: &mut Transaction<'_>,
    gateway: &GatewayId,
    lane: Lane,
    row: &LaneSpan,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO lane_span (gateway, lane, span, ordinal, end_seq) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (gateway, lane, span) DO UPDATE SET ordinal = excluded.ordinal, \
         end_seq = excluded.end_seq",
    )
    .bind(gateway.as_str())
    .bind(lane.as_str())
    .bind(row.span.to_string())
    .bind(i64::from(row.ordinal))
    .bind(stored(row.end))
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
