//! Readings of discrete points, one row each.

use firegrid_wire::names::{FullPointId, GatewayId, PointId};
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::span::{BatchName, Lane};
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::rows::{Columns, plain, stored};
use super::{Reader, StorageError, Transaction};

/// A reading and its name.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReading {
    /// Whose reading.
    pub gateway: GatewayId,
    /// The lane it came in.
    pub lane: Lane,
    /// The batch it came in.
    pub batch: BatchName,
    /// Its place there.
    pub index: u32,
    /// What it says.
    pub reading: Reading,
    /// When it came.
    pub arrived: CentreTime,
}

/// A row of a point's history. `words` is the value as the wire writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastReading {
    /// The batch it came in.
    pub batch: BatchName,
    /// Its place there.
    pub index: u32,
    /// When the device said it.
    pub time: GatewayTime,
    /// State words, or `unknown`.
    pub words: String,
    /// How far to believe it.
    pub quality: Quality,
    /// How often the point changed in the minute that it ends, if not all of that was told.
    pub changes: Option<u32>,
}

/// The readings of a discrete point with `from <= time < to`, in the order of gateway time,
/// then of their names. `after` goes on behind a row that was answered before.
pub async fn of_point(
    reader: &Reader,
    point: &FullPointId,
    from: GatewayTime,
    to: GatewayTime,
    after: Option<&PastReading>,
    limit: u32,
) -> Result<Vec<PastReading>, StorageError> {
    let after_t = after.map_or(i64::MIN, |row| row.time.millis());
    let after_span = after.map_or(String::new(), |row| row.batch.span.to_string());
    let after_seq = after.map_or(0, |row| stored(row.batch.seq));
    let after_index = after.map_or(-1, |row| i64::from(row.index));
    let rows = sqlx::query(
        "SELECT span, seq, idx, reading_t, words, quality, changes FROM urgent_reading \
         WHERE gateway = $1 AND point = $2 AND reading_t >= $3 AND reading_t < $4 \
         AND (reading_t > $5 OR (reading_t = $5 AND (span > $6 OR (span = $6 \
              AND (seq > $7 OR (seq = $7 AND idx > $8)))))) \
         ORDER BY reading_t, span, seq, idx LIMIT $9",
    )
    .bind(point.gateway.as_str())
    .bind(point.point.as_str())
    .bind(from.millis())
    .bind(to.millis())
    .bind(after_t)
    .bind(after_span)
    .bind(after_seq)
    .bind(after_index)
    .bind(i64::from(limit))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "urgent_reading", row };
            let quality = row.text("quality")?;
            Ok(PastReading {
                batch: BatchName { span: row.parsed("span")?, seq: row.count("seq")? },
                index: u32::try_from(row.number("idx")?)
                    .map_err(|error| row.strange("idx", &error))?,
                time: GatewayTime::from_millis(row.number("reading_t")?),
                words: row.text("words")?,
                quality: Quality::from_word(&quality)
                    .ok_or_else(|| row.strange("quality", &quality))?,
                changes: row
                    .maybe_number("changes")?
                    .map(|changes| {
                        u32::try_from(changes).map_err(|error| row.strange("changes", &error))
                    })
                    .transpose()?,
            })
        })
        .collect()
}

/// Keeps a reading; the same reading again changes nothing.
pub async fn put(to: &mut Transaction<'_>, row: &StoredReading) -> Result<(), StorageError> {
    let words = match &row.reading.value {
        Value::States(states) => states.to_string(),
        Value::Number(number, unit) => format!("{number} {unit}"),
        Value::Unknown => firegrid_wire::state::UNKNOWN_WORD.to_owned(),
    };
    let point: &PointId = &row.reading.point;
    sqlx::query(
        "INSERT INTO urgent_reading (gateway, lane, span, seq, idx, point, reading_t, words, \
         quality, changes, arrived_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (gateway, lane, span, seq, idx) DO NOTHING",
    )
    .bind(row.gateway.as_str())
    .bind(row.lane.as_str())
    .bind(row.batch.span.to_string())
    .bind(stored(row.batch.seq))
    .bind(i64::from(row.index))
    .bind(point.as_str())
    .bind(row.reading.time.millis())
    .bind(plain(&words))
    .bind(row.reading.quality.as_str())
    .bind(row.reading.changes.map(i64::from))
    .bind(row.arrived.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
