//! What happened to an alarm or a ticket, line by line; both books have the same form.

use firegrid_wire::time::CentreTime;

use super::rows::{Columns, plain, stored};
use super::{Reader, StorageError, Transaction};

/// One line of the history of an alarm or a ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryLine {
    /// Counts from 1.
    pub n: u32,
    /// When, on the centre's clock.
    pub at: CentreTime,
    /// Who did it; none if the system did.
    pub who: Option<String>,
    /// What happened: `raised`, `relapsed`, `calmed`, `cleared`, `acknowledged`, `accepted` …
    pub what: String,
    /// What is to be said beside it.
    pub body: serde_json::Value,
}

/// The last line of a history, as far as whoever acts next must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastLine {
    /// Its number.
    pub n: u32,
    /// When.
    pub at: CentreTime,
    /// Who did it; none if the system did.
    pub who: Option<String>,
    /// What happened.
    pub what: String,
}

/// Whose history it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book {
    /// Table `alarm_history`.
    Alarms,
    /// Table `ticket_history`.
    Tickets,
}

/// Everything that happened to one of them, the oldest first.
pub(super) async fn read(
    reader: &Reader,
    book: Book,
    id: &str,
) -> Result<Vec<HistoryLine>, StorageError> {
    let (table, query) = match book {
        Book::Alarms => (
            "alarm_history",
            "SELECT n, at, who, what, body FROM alarm_history WHERE alarm = $1 ORDER BY n",
        ),
        Book::Tickets => (
            "ticket_history",
            "SELECT n, at, who, what, body FROM ticket_history WHERE ticket = $1 ORDER BY n",
        ),
    };
    let rows = sqlx::query(query).bind(id).fetch_all(&reader.pool).await?;
    rows.iter().map(|row| read_line(&Columns { table, row })).collect()
}

/// Writes a line; the same line again changes nothing.
pub async fn put_line(
    to: &mut Transaction<'_>,
    book: Book,
    id: &str,
    line: &HistoryLine,
) -> Result<(), StorageError> {
    let query = match book {
        Book::Alarms => {
            "INSERT INTO alarm_history (alarm, n, at, who, what, body) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (alarm, n) DO NOTHING"
        }
        Book::Tickets => {
            "INSERT INTO ticket_history (ticket, n, at, who, what, body) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (ticket, n) DO NOTHING"
        }
    };
    sqlx::query(query)
        .bind(id)
        .bind(stored(u64::from(line.n)))
        .bind(line.at.millis())
        .bind(line.who.as_deref().map(plain))
        .bind(line.what.clone())
        .bind(line.body.to_string())
        .execute(&mut *to.inner)
        .await?;
    Ok(())
}

fn read_line(row: &Columns<'_>) -> Result<HistoryLine, StorageError> {
    Ok(HistoryLine {
        n: row.small("n")?,
        at: CentreTime::from_millis(row.number("at")?),
        who: row.maybe_text("who")?,
        what: row.text("what")?,
        body: row.json("body")?,
    })
}

pub(super) fn read_last(row: &Columns<'_>) -> Result<(String, LastLine), StorageError> {
    let last = LastLine {
        n: row.small("n")?,
        at: CentreTime::from_millis(row.number("at")?),
        who: row.maybe_text("who")?,
        what: row.text("what")?,
    };
    Ok((row.text("id")?, last))
}
