//! What is old enough to be forgotten, a little at a time.
//!
//! Never touches what is open: alarms and tickets that are not closed, batches of a second box
//! that nobody has settled, batches that the series store does not hold, positions, rule state.

use firegrid_wire::time::{CentreTime, Millis};

use super::rows::Columns;
use super::{StorageError, Transaction};

/// Rows that one step removes at most: few enough that a commit does not notice.
pub const STEP_ROWS: u32 = 200;

const DAY: u64 = 24 * 3_600;

/// For how many days what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Readings of discrete points, stretches vouched for, and holes.
    pub readings_days: u32,
    /// Alarms and tickets since they were closed, with what was done about them.
    pub cases_days: u32,
    /// What second boxes said, since it came, once a person has settled it.
    pub conflicts_days: u32,
    /// What could not be read.
    pub letters_days: u32,
    /// What pages follow.
    pub events_days: u32,
}

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            readings_days: 400,
            cases_days: 1_100,
            conflicts_days: 100,
            letters_days: 100,
            events_days: 30,
        }
    }
}

/// A kind of thing that grows old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matter {
    /// Table `urgent_reading`.
    Readings,
    /// Table `vouched`.
    Vouched,
    /// Table `hole`.
    Holes,
    /// Tables `alarm` and `alarm_history`.
    Alarms,
    /// Tables `ticket` and `ticket_history`.
    Tickets,
    /// Table `conflict_batch`.
    Conflicts,
    /// Table `dead_letter`.
    Letters,
    /// Table `event`.
    Events,
}

impl Matter {
    /// All of them, in the order in which they are looked through.
    pub const ALL: [Matter; 8] = [
        Matter::Readings,
        Matter::Vouched,
        Matter::Holes,
        Matter::Alarms,
        Matter::Tickets,
        Matter::Conflicts,
        Matter::Letters,
        Matter::Events,
    ];
}

impl Retention {
    /// What is older than this may be forgotten.
    pub fn before(&self, matter: Matter, now: CentreTime) -> CentreTime {
        let days = match matter {
            Matter::Readings | Matter::Vouched | Matter::Holes => self.readings_days,
            Matter::Alarms | Matter::Tickets => self.cases_days,
            Matter::Conflicts => self.conflicts_days,
            Matter::Letters => self.letters_days,
            Matter::Events => self.events_days,
        };
        now.minus(Millis::seconds(u64::from(days) * DAY))
    }
}

/// Forgets at most [`STEP_ROWS`] of what is older. Answers how many.
pub async fn forget(
    to: &mut Transaction<'_>,
    matter: Matter,
    before: CentreTime,
) -> Result<u64, StorageError> {
    let statement = match matter {
        Matter::Readings => {
            "DELETE FROM urgent_reading WHERE (gateway, lane, span, seq, idx) IN \
             (SELECT gateway, lane, span, seq, idx FROM urgent_reading WHERE arrived_at < $1 \
             ORDER BY arrived_at LIMIT $2)"
        }
        Matter::Vouched => {
            "DELETE FROM vouched WHERE (gateway, lane, span, from_t) IN \
             (SELECT gateway, lane, span, from_t FROM vouched WHERE changed_at < $1 \
             ORDER BY changed_at LIMIT $2)"
        }
        Matter::Holes => {
            "DELETE FROM hole WHERE (gateway, lane, span, seq) IN \
             (SELECT gateway, lane, span, seq FROM hole WHERE arrived_at < $1 \
             ORDER BY arrived_at LIMIT $2)"
        }
        Matter::Conflicts => {
            "DELETE FROM conflict_batch WHERE (gateway, lane, span, seq) IN \
             (SELECT gateway, lane, span, seq FROM conflict_batch WHERE arrived_at < $1 \
             AND gateway NOT IN (SELECT gateway FROM conflict) ORDER BY arrived_at LIMIT $2)"
        }
        Matter::Letters => {
            "DELETE FROM dead_letter WHERE id IN \
             (SELECT id FROM dead_letter WHERE arrived_at < $1 ORDER BY arrived_at LIMIT $2)"
        }
        Matter::Events => {
            "DELETE FROM event WHERE at < $1 AND id IN (SELECT id FROM event ORDER BY id LIMIT $2)"
        }
        Matter::Alarms => {
            return forget_cases(
                to,
                before,
                [
                    "SELECT id FROM alarm WHERE state = 'closed' AND raised_at < $1 \
                     AND changed_at < $1 ORDER BY raised_at LIMIT $2",
                    "DELETE FROM alarm_history WHERE alarm = $1",
                    "DELETE FROM alarm WHERE id = $1",
                ],
            )
            .await;
        }
        Matter::Tickets => {
            return forget_cases(
                to,
                before,
                [
                    "SELECT id FROM ticket WHERE state IN ('closed', 'void') AND opened_at < $1 \
                     AND changed_at < $1 ORDER BY opened_at LIMIT $2",
                    "DELETE FROM ticket_history WHERE ticket = $1",
                    "DELETE FROM ticket WHERE id = $1",
                ],
            )
            .await;
        }
    };
    let done = sqlx::query(statement)
        .bind(before.millis())
        .bind(i64::from(STEP_ROWS))
        .execute(&mut *to.inner)
        .await?;
    Ok(done.rows_affected())
}

/// Cases go with their history: which ones, their lines, and themselves.
async fn forget_cases(
    to: &mut Transaction<'_>,
    before: CentreTime,
    [which, lines, themselves]: [&'static str; 3],
) -> Result<u64, StorageError> {
    let rows = sqlx::query(which)
        .bind(before.millis())
        .bind(i64::from(STEP_ROWS / 4))
        .fetch_all(&mut *to.inner)
        .await?;
    for row in &rows {
        let id = Columns { table: "alarm or ticket", row }.text("id")?;
        sqlx::query(lines).bind(id.clone()).execute(&mut *to.inner).await?;
        sqlx::query(themselves).bind(id).execute(&mut *to.inner).await?;
    }
    Ok(rows.len() as u64)
}
