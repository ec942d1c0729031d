//! What is open in each grid, counted for maps and trees.

use firegrid_wire::time::CentreTime;

use super::rows::Columns;
use super::{Reader, StorageError};

/// What is open and owned by one grid itself, without those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCount {
    /// The grid's id.
    pub grid: String,
    /// How many.
    pub open: u64,
    /// How many of them are overdue.
    pub overdue: u64,
}

/// Open alarms by the grid that owns them.
pub async fn open_alarms(reader: &Reader) -> Result<Vec<OpenCount>, StorageError> {
    let rows = sqlx::query(
        "SELECT grid, COUNT(*) AS open, CAST(0 AS BIGINT) AS overdue FROM alarm \
         WHERE state NOT IN ('closed') AND grid IS NOT NULL GROUP BY grid",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| count(&Columns { table: "alarm", row })).collect()
}

/// Open tickets by the grid that owns them, without those that another one hides.
pub async fn open_tickets(
    reader: &Reader,
    now: CentreTime,
) -> Result<Vec<OpenCount>, StorageError> {
    let rows = sqlx::query(
        "SELECT grid, COUNT(*) AS open, \
         CAST(SUM(CASE WHEN overdue_from <= $1 THEN 1 ELSE 0 END) AS BIGINT) AS overdue \
         FROM ticket WHERE state NOT IN ('closed', 'void') AND folded_into IS NULL GROUP BY grid",
    )
    .bind(now.millis())
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| count(&Columns { table: "ticket", row })).collect()
}

fn count(row: &Columns<'_>) -> Result<OpenCount, StorageError> {
    Ok(OpenCount {
        grid: row.text("grid")?,
        open: row.count("open")?,
        overdue: row.count("overdue")?,
    })
}
