//! Routine batches on their way into the series store.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::BatchName;
use firegrid_wire::time::CentreTime;

use super::rows::{Columns, stored};
use super::{Reader, StorageError, Transaction};

/// A routine batch, exactly as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxBatch {
    /// Its name.
    pub name: InboxName,
    /// Its bytes.
    pub body: Vec<u8>,
    /// When it came.
    pub arrived: CentreTime,
}

/// The name of a batch in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboxName {
    /// Whose batch.
    pub gateway: GatewayId,
    /// Its name in the routine lane.
    pub batch: BatchName,
}

/// How much waits: batches and bytes.
pub async fn waiting(reader: &Reader) -> Result<(u64, u64), StorageError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS batches, CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) AS bytes \
         FROM series_inbox",
    )
    .fetch_one(&reader.pool)
    .await?;
    let row = Columns { table: "series_inbox", row: &row };
    Ok((row.count("batches")?, row.count("bytes")?))
}

/// The batches that wait longest.
pub async fn oldest(reader: &Reader, limit: u32) -> Result<Vec<InboxBatch>, StorageError> {
    let rows = sqlx::query(
        "SELECT gateway, span, seq, body, arrived_at FROM series_inbox \
         ORDER BY arrived_at, gateway, span, seq LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| batch(&Columns { table: "series_inbox", row })).collect()
}

/// The batches that wait longest of those that came at this moment or later.
pub async fn oldest_since(
    reader: &Reader,
    since: CentreTime,
    limit: u32,
) -> Result<Vec<InboxBatch>, StorageError> {
    let rows = sqlx::query(
        "SELECT gateway, span, seq, body, arrived_at FROM series_inbox \
         WHERE arrived_at >= $1 ORDER BY arrived_at, gateway, span, seq LIMIT $2",
    )
    .bind(since.millis())
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| batch(&Columns { table: "series_inbox", row })).collect()
}

/// The names of the batches that wait longest.
pub async fn oldest_names(reader: &Reader, limit: u32) -> Result<Vec<InboxName>, StorageError> {
    let rows = sqlx::query(
        "SELECT gateway, span, seq FROM series_inbox \
         ORDER BY arrived_at, gateway, span, seq LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| name(&Columns { table: "series_inbox", row })).collect()
}

/// The batch of a name, if it still waits.
pub async fn named(reader: &Reader, name: &InboxName) -> Result<Option<InboxBatch>, StorageError> {
    let row = sqlx::query(
        "SELECT gateway, span, seq, body, arrived_at FROM series_inbox \
         WHERE gateway = $1 AND span = $2 AND seq = $3",
    )
    .bind(name.gateway.as_str())
    .bind(name.batch.span.to_string())
    .bind(stored(name.batch.seq))
    .fetch_optional(&reader.pool)
    .await?;
    row.map(|row| batch(&Columns { table: "series_inbox", row: &row })).transpose()
}

fn batch(row: &Columns<'_>) -> Result<InboxBatch, StorageError> {
    Ok(InboxBatch {
        name: name(row)?,
        body: row.bytes("body")?,
        arrived: CentreTime::from_millis(row.number("arrived_at")?),
    })
}

fn name(row: &Columns<'_>) -> Result<InboxName, StorageError> {
    Ok(InboxName {
        gateway: row.parsed("gateway")?,
        batch: BatchName { span: row.parsed("span")?, seq: row.count("seq")? },
    })
}

/// Puts a batch into the inbox; the same batch again changes nothing.
pub async fn put(to: &mut Transaction<'_>, row: &InboxBatch) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO series_inbox (gateway, span, seq, body, arrived_at) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (gateway, span, seq) DO NOTHING",
    )
    .bind(row.name.gateway.as_str())
    .bind(row.name.batch.span.to_string())
    .bind(stored(row.name.batch.seq))
    .bind(row.body.clone())
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

/// Takes a batch out of the inbox.
pub async fn remove(to: &mut Transaction<'_>, name: &InboxName) -> Result<(), StorageError> {
    sqlx::query("DELETE FROM series_inbox WHERE gateway = $1 AND span = $2 AND seq = $3")
        .bind(name.gateway.as_str())
        .bind(name.batch.span.to_string())
        .bind(stored(name.batch.seq))
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}
