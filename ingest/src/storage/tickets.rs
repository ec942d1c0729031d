//! Tickets 工单 and what was done about each.

use std::collections::HashMap;

use firegrid_rules::rulebook::Severity;
use firegrid_rules::ticket::{self, State};
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::time::CentreTime;
use sqlx::AssertSqlSafe;

use super::alarms::Deed;
use super::history::{self, Book, HistoryLine, LastLine, read_last};
use super::rows::{Columns, json};
use super::{Reader, StorageError, Transaction};

/// A ticket as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    /// Made of its first cause: subject, rule, step, span and moment of raising.
    pub id: String,
    /// The kind of hazard: `pump-power`, `sprinkler-pressure-low` …
    pub kind: String,
    /// The rule that found it.
    pub rule: String,
    /// How grave it is: the gravest step so far.
    pub severity: Severity,
    /// What it is about: `{gateway}/{device}/{point}` or `{gateway}`.
    pub subject: String,
    /// The gateway it belongs to.
    pub gateway: GatewayId,
    /// The point inside the gateway, if it is about one.
    pub point: Option<PointId>,
    /// The unit; none while the gateway belongs to nobody.
    pub unit: Option<String>,
    /// The grid that owns it: the small grid of the unit, or the region.
    pub grid: String,
    /// The ids from the region down to the owning grid, joined by strokes, when it was opened.
    pub grid_path: String,
    /// Where it stands, when it was opened, and by when what must be done.
    pub life: ticket::Ticket,
    /// What else is known.
    pub body: TicketBody,
    /// When the centre last changed it.
    pub changed: CentreTime,
    /// The number of its last line of history.
    pub version: u32,
}

/// What is known of a ticket beyond its columns and its life.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct TicketBody {
    /// Why it was raised last, in Chinese.
    pub reason_zh: String,
    /// Why, in English.
    pub reason_en: String,
    /// `historical`, `shielded`, `testing`.
    pub marks: Vec<String>,
    /// When it was raised first, in gateway milliseconds; none for a rule in centre time.
    pub first_raised_t: Option<i64>,
    /// The steps of the rule that stand now.
    pub standing: Vec<Standing>,
    /// Whether the point it stands on is another one now or is gone.
    pub retired: bool,
    /// Who closed it.
    pub closed: Option<Deed>,
    /// What was said on closing.
    pub note: Option<String>,
    /// The zone of its point, where that is known.
    #[serde(default)]
    pub zone: Option<String>,
    /// Since when it is calm, in centre milliseconds, while that is not proven.
    #[serde(default)]
    pub calm_since: Option<i64>,
    /// When what it hides unfolds, in centre milliseconds: it is calm.
    #[serde(default)]
    pub unfolds: Option<i64>,
}

/// A step of the rule that stands now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Standing {
    /// The step.
    pub step: String,
    /// The occurrence, in the words of an id.
    pub occurrence: String,
}

/// Which tickets a list holds.
#[derive(Debug, Clone, Default)]
pub struct TicketFilter {
    /// Only of this grid and every grid below it.
    pub grid: Option<String>,
    /// Only of this state.
    pub state: Option<State>,
    /// Only those that are neither closed nor void.
    pub open: bool,
    /// Only so grave ones.
    pub severity: Option<Severity>,
    /// Only of this unit.
    pub unit: Option<String>,
    /// Only of this kind of hazard.
    pub kind: Option<String>,
    /// Only those that are overdue at this moment.
    pub overdue_at: Option<CentreTime>,
    /// Those that this ticket hides; none: those that nothing hides.
    pub folded_into: Option<String>,
    /// Only opened before this one (its moment and id): the next page.
    pub before: Option<(CentreTime, String)>,
    /// At most so many.
    pub limit: u32,
}

/// Every ticket that is not closed, and every one that was closed since: it may come back.
pub async fn load(reader: &Reader, closed_since: CentreTime) -> Result<Vec<Ticket>, StorageError> {
    let rows = sqlx::query(
        "SELECT id, kind, rule, severity, subject, gateway, point, unit, grid, grid_path, state, \
         life, body, opened_at, accept_by, rectify_by, changed_at, version FROM ticket \
         WHERE state NOT IN ('closed', 'void') OR changed_at >= $1",
    )
    .bind(closed_since.millis())
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// The newest tickets first. A grid's list holds those of every grid below it.
pub async fn list(reader: &Reader, filter: &TicketFilter) -> Result<Vec<Ticket>, StorageError> {
    let (before, id) = match &filter.before {
        Some((at, id)) => (at.millis(), id.as_str()),
        None => (i64::MAX, ""),
    };
    let grid = filter.grid.as_deref().unwrap_or_default();
    // In the words of the index of open ones, or the database would look through all there were.
    let open = if filter.open { "AND state NOT IN ('closed', 'void')" } else { "" };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "WITH RECURSIVE below (id) AS (SELECT CAST($1 AS TEXT) UNION \
         SELECT grid.id FROM grid JOIN below ON grid.parent = below.id) \
         SELECT id, kind, rule, severity, subject, gateway, point, unit, grid, grid_path, state, \
         life, body, opened_at, accept_by, rectify_by, changed_at, version FROM ticket \
         WHERE ($1 = '' OR grid IN (SELECT id FROM below)) AND ($2 = '' OR state = $2) \
         AND (opened_at < $3 OR (opened_at = $3 AND id < $4)) \
         {open} AND COALESCE(folded_into, '') = $6 AND ($7 = '' OR severity = $7) \
         AND ($8 = '' OR unit = $8) AND ($9 = '' OR kind = $9) \
         AND ($10 = 0 OR overdue_from < $10) \
         ORDER BY opened_at DESC, id DESC LIMIT $5",
    )))
    .bind(grid)
    .bind(filter.state.map_or("", State::as_str))
    .bind(before)
    .bind(id)
    .bind(i64::from(filter.limit))
    .bind(filter.folded_into.clone().unwrap_or_default())
    .bind(filter.severity.map_or("", Severity::as_str))
    .bind(filter.unit.clone().unwrap_or_default())
    .bind(filter.kind.clone().unwrap_or_default())
    .bind(filter.overdue_at.map_or(0, CentreTime::millis))
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(read).collect()
}

/// One ticket.
pub async fn one(reader: &Reader, id: &str) -> Result<Option<Ticket>, StorageError> {
    let row = sqlx::query(
        "SELECT id, kind, rule, severity, subject, gateway, point, unit, grid, grid_path, state, \
         life, body, opened_at, accept_by, rectify_by, changed_at, version FROM ticket WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(&reader.pool)
    .await?;
    row.as_ref().map(read).transpose()
}

/// How many open tickets each ticket hides, for those that hide any.
pub async fn hidden(reader: &Reader) -> Result<HashMap<String, u64>, StorageError> {
    let rows = sqlx::query(
        "SELECT folded_into, COUNT(*) AS n FROM ticket WHERE folded_into IS NOT NULL \
         AND state NOT IN ('closed', 'void') GROUP BY folded_into",
    )
    .fetch_all(&reader.pool)
    .await?;
    rows.iter()
        .map(|row| {
            let row = Columns { table: "ticket", row };
            Ok((row.text("folded_into")?, row.count("n")?))
        })
        .collect()
}

/// What was done about a ticket, oldest first.
pub async fn history(reader: &Reader, id: &str) -> Result<Vec<HistoryLine>, StorageError> {
    history::read(reader, Book::Tickets, id).await
}

/// The last line of history that each ticket of [`load`] has.
pub async fn load_lines(
    reader: &Reader,
    closed_since: CentreTime,
) -> Result<Vec<(String, LastLine)>, StorageError> {
    let rows = sqlx::query(
        "SELECT line.ticket AS id, line.n, line.at, line.who, line.what FROM ticket_history line \
         JOIN ticket ON ticket.id = line.ticket \
         WHERE (ticket.state NOT IN ('closed', 'void') OR ticket.changed_at >= $1) \
         AND line.n = (SELECT MAX(n) FROM ticket_history WHERE ticket = line.ticket)",
    )
    .bind(closed_since.millis())
    .fetch_all(&reader.pool)
    .await?;
    rows.iter().map(|row| read_last(&Columns { table: "ticket_history", row })).collect()
}

/// Writes a ticket as it stands.
pub async fn put(to: &mut Transaction<'_>, row: &Ticket) -> Result<(), StorageError> {
    sqlx::query(
        "INSERT INTO ticket (id, kind, rule, severity, subject, gateway, point, unit, grid, \
         grid_path, state, life, body, opened_at, accept_by, rectify_by, changed_at, version, \
         next_at, folded_into, overdue_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $19, $20, $21) \
         ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, unit = excluded.unit, \
         grid = excluded.grid, grid_path = excluded.grid_path, state = excluded.state, \
         life = excluded.life, body = excluded.body, accept_by = excluded.accept_by, \
         rectify_by = excluded.rectify_by, changed_at = excluded.changed_at, \
         version = excluded.version, next_at = excluded.next_at, \
         folded_into = excluded.folded_into, overdue_from = excluded.overdue_from",
    )
    .bind(row.id.clone())
    .bind(row.kind.clone())
    .bind(row.rule.clone())
    .bind(row.severity.as_str())
    .bind(row.subject.clone())
    .bind(row.gateway.as_str())
    .bind(row.point.as_ref().map(|point| point.as_str().to_owned()))
    .bind(row.unit.clone())
    .bind(row.grid.clone())
    .bind(row.grid_path.clone())
    .bind(row.life.state.as_str())
    .bind(json(&row.life))
    .bind(json(&row.body))
    .bind(row.life.opened.millis())
    .bind(row.life.due.accept.millis())
    .bind(row.life.due.rectify.millis())
    .bind(row.changed.millis())
    .bind(i64::from(row.version))
    .bind(row.life.deadline().map(CentreTime::millis))
    .bind(row.life.folded.as_ref().map(|folded| folded.into.clone()))
    .bind(row.life.overdue_from().map(CentreTime::millis))
    .execute(&mut *to.inner)
    .await?;
    Ok(())
}

fn read(row: &sqlx::any::AnyRow) -> Result<Ticket, StorageError> {
    let row = Columns { table: "ticket", row };
    Ok(Ticket {
        id: row.text("id")?,
        kind: row.text("kind")?,
        rule: row.text("rule")?,
        severity: row.parsed("severity")?,
        subject: row.text("subject")?,
        gateway: row.parsed("gateway")?,
        point: row.maybe_parsed("point")?,
        unit: row.maybe_text("unit")?,
        grid: row.text("grid")?,
        grid_path: row.text("grid_path")?,
        life: row.json("life")?,
        body: row.json("body")?,
        changed: CentreTime::from_millis(row.number("changed_at")?),
        version: row.small("version")?,
    })
}
