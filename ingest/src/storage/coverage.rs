//! What is open in each grid, counted for maps and trees.

use firegrid_wire::time::CentreTime;

use super::rows::Columns;
use super::{Reader, StorageError};

/// Alarms that are open and owned by one grid itself, without those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAlarms {
    /// The grid's id.
    pub grid: String,
    /// How many.
    pub open: u64,
    /// How many of them are fires that last.
    pub fires: u64,
}

/// Tickets that are open and owned by one grid itself, without those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTickets {
    /// The grid's id.
    pub grid: String,
    /// How many.
    pub open: u64,
    /// How many of them are overdue.
    pub overdue: u64,
}

/// Open alarms by the grid that owns them.
pub async fn open_alarms(reader: &Reader) -> Result<Vec<OpenAlarms>, StorageError> {
    let rows = sqlx::query(
        "SELECT grid, COUNT(*) AS open, CAST(SUM(CASE WHEN kind = 'fire' \
         AND state IN ('active-unacked', 'active-acked') THEN 1 ELSE 0 END) AS BIGINT) AS fires \
         FROM alarm WHERE state <> 'closed' AND grid IS NOT NULL GROUP BY grid",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "alarm", row };
            Ok(OpenAlarms {
                grid: row.text("grid")?,
                open: row.count("open")?,
                fires: row.count("fires")?,
            })
        })
        .collect()
}

/// Open tickets by the grid that owns them, without those that another one hides.
pub async fn open_tickets(
    reader: &Reader,
    now: CentreTime,
) -> Result<Vec<OpenTickets>, StorageError> {
    let rows = sqlx::query(
        "SELECT grid, COUNT(*) AS open, \
         CAST(SUM(CASE WHEN overdue_from < $1 THEN 1 ELSE 0 END) AS BIGINT) AS overdue \
         FROM ticket WHERE state NOT IN ('closed', 'void') AND folded_into IS NULL GROUP BY grid",
    )
    .bind(now.millis())
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "ticket", row };
            Ok(OpenTickets {
                grid: row.text("grid")?,
                open: row.count("open")?,
                overdue: row.count("overdue")?,
            })
        })
        .collect()
}
