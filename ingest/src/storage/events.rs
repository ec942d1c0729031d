//! Events: what pages follow, with ids that grow by one.

use firegrid_wire::time::CentreTime;

use super::rows::{Columns, stored};
use super::{Reader, StorageError, Transaction};

/// Events older than this many ids are forgotten; a page that was away longer reads the lists
/// again.
pub const EVENTS_KEPT: u64 = 100_000;

/// Something that pages want to know.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What kind of thing: `alarm`, `ticket`, `gateway`, `hole` …
    pub kind: &'static str,
    /// What happened.
    pub body: serde_json::Value,
    /// When.
    pub at: CentreTime,
}

/// An event with its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Grows by one.
    pub id: u64,
    /// What kind of thing.
    pub kind: String,
    /// What happened.
    pub body: serde_json::Value,
    /// When.
    pub at: CentreTime,
}

/// The name under which the last id is counted.
const LAST: &str = "event";

/// The events behind an id, oldest first.
pub async fn after(reader: &Reader, id: u64, limit: u32) -> Result<Vec<Event>, StorageError> {
    let rows =
        sqlx::query("SELECT id, kind, body, at FROM event WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(stored(id))
            .bind(i64::from(limit))
            .fetch_all(&reader.pool)
            .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "event", row };
            Ok(Event {
                id: row.count("id")?,
                kind: row.text("kind")?,
                body: row.json("body")?,
                at: CentreTime::from_millis(row.number("at")?),
            })
        })
        .collect()
}

/// The id of the last event that is committed.
pub async fn last(reader: &Reader) -> Result<u64, StorageError> {
    let row = sqlx::query("SELECT value FROM tally WHERE name = $1")
        .bind(LAST)
        .fetch_one(&reader.pool)
        .await?;
    Columns { table: "tally", row: &row }.count("value")
}

/// The id of the last event, as a transaction sees it.
pub async fn last_in(to: &mut Transaction<'_>) -> Result<u64, StorageError> {
    let row = sqlx::query("SELECT value FROM tally WHERE name = $1")
        .bind(LAST)
        .fetch_one(&mut *to.inner)
        .await?;
    Columns { table: "tally", row: &row }.count("value")
}

/// Numbers events and writes them; the last thing that is done in a transaction, because the
/// counter's row stays locked from here to the commit. Answers the last id.
pub async fn put(to: &mut Transaction<'_>, events: &[NewEvent]) -> Result<u64, StorageError> {
    let row = sqlx::query("UPDATE tally SET value = value + $1 WHERE name = $2 RETURNING value")
        .bind(stored(events.len() as u64))
        .bind(LAST)
        .fetch_one(&mut *to.inner)
        .await?;
    let last = Columns { table: "tally", row: &row }.count("value")?;
    let first = last - events.len() as u64 + 1;
    for (id, event) in (first..).zip(events) {
        sqlx::query("INSERT INTO event (id, kind, body, at) VALUES ($1, $2, $3, $4)")
            .bind(stored(id))
            .bind(event.kind)
            .bind(event.body.to_string())
            .bind(event.at.millis())
            .execute(&mut *to.inner)
            .await?;
    }
    sqlx::query("DELETE FROM event WHERE id <= $1")
        .bind(stored(last.saturating_sub(EVENTS_KEPT)))
        .execute(&mut *to.inner)
        .await?;
    Ok(last)
}

/// The name under which it is kept when the centre was last alive.
const ALIVE: &str = "alive";

/// When the centre last wrote that it is alive.
pub async fn alive(reader: &Reader) -> Result<Option<CentreTime>, StorageError> {
    let row = sqlx::query("SELECT value FROM tally WHERE name = $1")
        .bind(ALIVE)
        .fetch_optional(&reader.pool)
        .await?;
    row.map(|row| {
        Columns { table: "tally", row: &row }.number("value").map(CentreTime::from_millis)
    })
    .transpose()
}

/// Writes that the centre is alive.
pub async fn put_alive(to: &mut Transaction<'_>, now: CentreTime) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO tally (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(ALIVE)
    .bind(now.millis())
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}
