//! Two boxes with one identity: since when, how far the second was heard, and what it said.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane, Seq, SpanId};
use firegrid_wire::time::CentreTime;

use super::rows::{Columns, stored};
use super::{Reader, StorageError, Transaction};

/// A span of a second box and its own position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConflictSpan {
    /// Which lane.
    pub lane: Lane,
    /// The span.
    pub span: SpanId,
    /// The last number that was kept.
    pub end: Seq,
}

/// A batch of a second box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictBatch {
    /// The identity that both boxes use.
    pub gateway: GatewayId,
    /// Which lane.
    pub lane: Lane,
    /// Its name.
    pub name: BatchName,
    /// Its bytes.
    pub body: Vec<u8>,
    /// When it came.
    pub arrived: CentreTime,
}

/// The gateways of which nothing clears, and since when.
pub async fn load(reader: &Reader) -> Result<Vec<(GatewayId, CentreTime)>, StorageError> {
    let rows =
        sqlx::query("SELECT gateway, since_at FROM conflict").fetch_all(&reader.pool).await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "conflict", row };
            Ok((row.parsed("gateway")?, CentreTime::from_millis(row.number("since_at")?)))
        })
        .collect()
}

/// The spans of second boxes.
pub async fn load_spans(reader: &Reader) -> Result<Vec<(GatewayId, ConflictSpan)>, StorageError> {
    let rows = sqlx::query("SELECT gateway, lane, span, end_seq FROM conflict_span")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "conflict_span", row };
            let span = ConflictSpan {
                lane: row.parsed("lane")?,
                span: row.parsed("span")?,
                end: row.count("end_seq")?,
            };
            Ok((row.parsed("gateway")?, span))
        })
        .collect()
}

/// The newest batches of the second box of one identity.
pub async fn newest_batches(
    reader: &Reader,
    gateway: &GatewayId,
    limit: u32,
) -> Result<Vec<ConflictBatch>, StorageError> {
    let rows = sqlx::query(
        "SELECT lane, span, seq, body, arrived_at FROM conflict_batch WHERE gateway = $1 \
         ORDER BY arrived_at DESC, seq DESC LIMIT $2",
    )
    .bind(gateway.as_str())
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "conflict_batch", row };
            Ok(ConflictBatch {
                gateway: gateway.clone(),
                lane: row.parsed("lane")?,
                name: BatchName { span: row.parsed("span")?, seq: row.count("seq")? },
                body: row.bytes("body")?,
                arrived: CentreTime::from_millis(row.number("arrived_at")?),
            })
        })
        .collect()
}

/// Writes that two boxes use one identity.
pub async fn put(
    to: &mut Transaction<'_>,
    gateway: &GatewayId,
    since: CentreTime,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO conflict (gateway, since_at) VALUES ($1, $2) ON CONFLICT (gateway) DO NOTHING",
    )
    .bind(gateway.as_str())
    .bind(since.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// A person has said which box is the right one.
pub async fn remove(to: &mut Transaction<'_>, gateway: &GatewayId) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM conflict WHERE gateway = $1")
        .bind(gateway.as_str())
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}

/// Writes how far a second box was heard.
pub async fn put_span(
    to: &mut Transaction<'_>,
    gateway: &GatewayId,
    row: &ConflictSpan,
) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO conflict_span (gateway, lane, span, end_seq) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (gateway, lane, span) DO UPDATE SET end_seq = excluded.end_seq",
    )
    .bind(gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.span.to_string())
    .bind(stored(row.end))
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// Keeps a batch of a second box.
pub async fn put_batch(to: &mut Transaction<'_>, row: &ConflictBatch) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO conflict_batch (gateway, lane, span, seq, body, arrived_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (gateway, lane, span, seq) DO NOTHING",
    )
    .bind(row.gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.name.span.to_string())
    .bind(stored(row.name.seq))
    .bind(row.body.clone())
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
