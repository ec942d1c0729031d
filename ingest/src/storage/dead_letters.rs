//! What could not be read or believed, with the reason.

use firegrid_wire::names::GatewayId;
use firegrid_wire::span::BatchName;
use firegrid_wire::time::CentreTime;

use sqlx::any::AnyRow;

use super::rows::{Columns, plain, stored};
use super::{Reader, StorageError, Transaction};

/// A message, or one record of it, that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Made of what it is, so that the same message set aside twice is one letter.
    pub id: String,
    /// The gateway in whose topic it came.
    pub gateway: GatewayId,
    /// The last part of the topic: `urgent`, `routine`, `beat`, `catalogue` …
    pub topic: String,
    /// The name of the batch, as far as its envelope told.
    pub name: Option<BatchName>,
    /// The record in the batch, if the others were taken.
    pub index: Option<u32>,
    /// What is wrong with it.
    pub reason: String,
    /// Its bytes, cut at 64 KiB.
    pub body: Vec<u8>,
    /// When it came.
    pub arrived: CentreTime,
}

/// How many letters each gateway has.
pub async fn counts(reader: &Reader) -> Result<Vec<(GatewayId, u64)>, StorageError> {
    let rows = sqlx::query("SELECT gateway, COUNT(*) AS letters FROM dead_letter GROUP BY gateway")
        .fetch_all(&reader.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "dead_letter", row };
            Ok((row.parsed("gateway")?, row.count("letters")?))
        })
        .collect()
}

/// Which letters are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LetterFilter {
    /// Only of this gateway.
    pub gateway: Option<GatewayId>,
    /// Only those before this one: when it came, and its id.
    pub before: Option<(CentreTime, String)>,
    /// At most so many.
    pub limit: u32,
}

/// The newest letters first.
pub async fn list(reader: &Reader, filter: &LetterFilter) -> Result<Vec<DeadLetter>, StorageError> {
    let (before, id) = match &filter.before {
        Some((at, id)) => (at.millis(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let rows = sqlx::query(
        "SELECT id, gateway, topic, span, seq, idx, reason, body, arrived_at FROM dead_letter \
         WHERE ($1 = '' OR gateway = $1) \
         AND (arrived_at < $2 OR (arrived_at = $2 AND id < $3)) \
         ORDER BY arrived_at DESC, id DESC LIMIT $4",
    )
    .bind(filter.gateway.as_ref().map_or("", GatewayId::as_str))
    .bind(before)
    .bind(id)
    .bind(i64::from(filter.limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// One letter.
pub async fn one(reader: &Reader, id: &str) -> Result<Option<DeadLetter>, StorageError> {
    let row = sqlx::query(
        "SELECT id, gateway, topic, span, seq, idx, reason, body, arrived_at FROM dead_letter \
         WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&reader.pool)
    .await?;
    row.as_ref().map(read).transpose()
}

/// The newest letters of all.
pub async fn newest(reader: &Reader, limit: u32) -> Result<Vec<DeadLetter>, StorageError> {
    list(reader, &LetterFilter { limit, ..LetterFilter::default() }).await
}

/// Keeps a letter; the same letter again changes nothing.
pub async fn put(to: &mut Transaction<'_>, row: &DeadLetter) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO dead_letter (id, gateway, topic, span, seq, idx, reason, body, arrived_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING",
    )
    .bind(row.id.clone())
    .bind(row.gateway.as_str())
    .bind(row.topic.clone())
    .bind(row.name.map(|name| name.span.to_string()))
    .bind(row.name.map(|name| stored(name.seq)))
    .bind(row.index.map(i64::from))
    .bind(plain(&row.reason))
    .bind(row.body.clone())
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<DeadLetter, StorageError> {
    let row = Columns { table: "dead_letter", row };
    let name = match (row.maybe_parsed("span")?, row.maybe_number("seq")?) {
        (Some(span), Some(seq)) => Some(BatchName {
            span,
            seq: u64::try_from(seq).map_err(|error| row.strange("seq", &error))?,
        }),
        (_, _) => None,
    };
    Ok(DeadLetter {
        id: row.text("id")?,
        gateway: row.parsed("gateway")?,
        topic: row.text("topic")?,
        name,
        index: row.maybe_number("idx")?.and_then(|index| u32::try_from(index).ok()),
        reason: row.text("reason")?,
        body: row.bytes("body")?,
        arrived: CentreTime::from_millis(row.number("arrived_at")?),
    })
}
