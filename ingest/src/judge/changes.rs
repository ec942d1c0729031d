//! What one commit holds, and the commit itself.
//!
//! Everything that was judged since the last commit is collected here. If a commit fails the
//! collection stays, more is added, and the same is tried again: every write is idempotent, so
//! nothing is judged twice and nothing stands twice, also when only the answer was lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use crate::registry::Import;
use crate::storage::alarms::Alarm;
use crate::storage::catalogues::CataloguePage;
use crate::storage::commits::CommitNumber;
use crate::storage::conflicts::{ConflictBatch, ConflictSpan};
use crate::storage::dead_letters::DeadLetter;
use crate::storage::events::NewEvent;
use crate::storage::gateways::Gateway;
use crate::storage::history::{self, Book, HistoryLine};
use crate::storage::holes::Hole;
use crate::storage::inbox::{InboxBatch, InboxName};
use crate::storage::positions::{LanePosition, LaneSpan};
use crate::storage::readings::StoredReading;
use crate::storage::tickets::Ticket;
use crate::storage::vouched::Vouched;
use crate::storage::{
    StorageError, Writer, alarms, backup, catalogues, commits, conflicts, dead_letters, events,
    gateways, holes, inbox, positions, readings, rule_state, tickets, vouched,
};

/// Readings and batches that may wait for a commit that fails. Beyond it no batch is admitted;
/// the gateways keep them and send them again. Beats and people are served all the same.
pub const ROWS_WAITING: usize = 20_000;

/// What is to be written.
#[derive(Debug, Default)]
pub struct Changes {
    /// Gateways that were heard for the first time.
    pub gateways: Vec<Gateway>,
    /// Registries that were put in the place of what stood, the last one last.
    pub registry: Vec<(Arc<Import>, CentreTime)>,
    /// Pages of catalogues.
    pub pages: Vec<CataloguePage>,
    /// Catalogues that no batch names any more.
    pub old_catalogues: Vec<(GatewayId, CatalogueHash)>,
    /// Where lanes stand.
    pub positions: BTreeMap<(GatewayId, Lane), LanePosition>,
    /// The spans of lanes.
    pub spans: BTreeMap<(GatewayId, Lane, SpanId), LaneSpan>,
    /// How far lanes are vouched for.
    pub vouched: BTreeMap<(GatewayId, Lane, SpanId, GatewayTime), Vouched>,
    /// How far second boxes were heard.
    pub apart: BTreeMap<(GatewayId, Lane, SpanId), ConflictSpan>,
    /// What second boxes said.
    pub apart_batches: Vec<ConflictBatch>,
    /// Gateways whose identity two boxes use, and those of which that is settled (none).
    pub conflicts: BTreeMap<GatewayId, Option<CentreTime>>,
    /// What is missing.
    pub holes: Vec<Hole>,
    /// What could not be read.
    pub dead_letters: Vec<DeadLetter>,
    /// Readings of discrete points.
    pub readings: Vec<StoredReading>,
    /// Routine batches for the series store.
    pub inbox: Vec<InboxBatch>,
    /// Routine batches that the series store holds.
    pub stored: Vec<InboxName>,
    /// What the rules remember.
    pub rule_state: BTreeMap<String, Option<Vec<u8>>>,
    /// Alarms as they stand.
    pub alarms: BTreeMap<String, Alarm>,
    /// What happened to alarms.
    pub alarm_lines: Vec<(String, HistoryLine)>,
    /// Tickets as they stand.
    pub tickets: BTreeMap<String, Ticket>,
    /// What happened to tickets.
    pub ticket_lines: Vec<(String, HistoryLine)>,
    /// What pages want to know.
    pub events: Vec<NewEvent>,
    /// When it is told that the centre was put back on a copy.
    pub restored_told: Option<CentreTime>,
    /// That the centre is alive.
    pub alive: Option<CentreTime>,
}

impl Changes {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        let Changes {
            gateways,
            registry,
            pages,
            old_catalogues,
            positions,
            spans,
            vouched,
            apart,
            apart_batches,
            conflicts,
            holes,
            dead_letters,
            readings,
            inbox,
            stored,
            rule_state,
            alarms,
            alarm_lines,
            tickets,
            ticket_lines,
            events,
            restored_told,
            alive,
        } = self;
        gateways.is_empty()
            && registry.is_empty()
            && pages.is_empty()
            && old_catalogues.is_empty()
            && positions.is_empty()
            && spans.is_empty()
            && vouched.is_empty()
            && apart.is_empty()
            && apart_batches.is_empty()
            && conflicts.is_empty()
            && holes.is_empty()
            && dead_letters.is_empty()
            && readings.is_empty()
            && inbox.is_empty()
            && stored.is_empty()
            && rule_state.is_empty()
            && alarms.is_empty()
            && alarm_lines.is_empty()
            && tickets.is_empty()
            && ticket_lines.is_empty()
            && events.is_empty()
            && restored_told.is_none()
            && alive.is_none()
    }

    /// Whether so much waits that no further batch may be admitted.
    pub fn is_full(&self) -> bool {
        let rows = self.readings.len()
            + self.inbox.len()
            + self.apart_batches.len()
            + self.dead_letters.len()
            + self.pages.len();
        ROWS_WAITING <= rows
    }

    /// Writes everything in one transaction. Answers the last event's id, if there were events.
    /// When it answers, it is on the disk. Said to come `again` under its number, it is written
    /// only if it does not stand already.
    pub async fn commit(
        &self,
        writer: &mut Writer,
        number: CommitNumber,
        again: bool,
    ) -> Result<Option<u64>, StorageError> {
        let mut to = writer.begin().await?;
        if again && commits::stands(&mut to, number).await? {
            let last = events::last_in(&mut to).await?;
            to.commit().await?;
            return Ok(Some(last).filter(|_| !self.events.is_empty()));
        }
        commits::put(&mut to, number).await?;
        gateways::put(&mut to, &self.gateways).await?;
        for (import, now) in &self.registry {
            import.difference.write(&mut to, *now).await?;
        }
        for row in &self.pages {
            catalogues::put(&mut to, row).await?;
        }
        for (gateway, hash) in &self.old_catalogues {
            catalogues::remove(&mut to, gateway, hash).await?;
        }
        for row in &self.readings {
            readings::put(&mut to, row).await?;
        }
        for row in &self.inbox {
            inbox::put(&mut to, row).await?;
        }
        for name in &self.stored {
            inbox::remove(&mut to, name).await?;
        }
        for row in &self.apart_batches {
            conflicts::put_batch(&mut to, row).await?;
        }
        for ((gateway, _, _), row) in &self.apart {
            conflicts::put_span(&mut to, gateway, row).await?;
        }
        for (gateway, since) in &self.conflicts {
            match since {
                Some(since) => conflicts::put(&mut to, gateway, *since).await?,
                None => conflicts::remove(&mut to, gateway).await?,
            }
        }
        for row in &self.holes {
            holes::put(&mut to, row).await?;
        }
        for row in &self.dead_letters {
            dead_letters::put(&mut to, row).await?;
        }
        for (id, body) in &self.rule_state {
            match body {
                Some(body) => rule_state::put(&mut to, id, body).await?,
                None => rule_state::remove(&mut to, id).await?,
            }
        }
        for row in self.alarms.values() {
            alarms::put(&mut to, row).await?;
        }
        for (alarm, line) in &self.alarm_lines {
            history::put_line(&mut to, Book::Alarms, alarm, line).await?;
        }
        // One open ticket per subject and kind: what is over leaves before its successor comes.
        let (over, open): (Vec<_>, Vec<_>) =
            self.tickets.values().partition(|row| row.life.state.is_over());
        for row in over.into_iter().chain(open) {
            tickets::put(&mut to, row).await?;
        }
        for (ticket, line) in &self.ticket_lines {
            history::put_line(&mut to, Book::Tickets, ticket, line).await?;
        }
        for row in self.positions.values() {
            positions::put(&mut to, row).await?;
        }
        for ((gateway, lane, _), row) in &self.spans {
            positions::put_span(&mut to, gateway, *lane, row).await?;
        }
        for row in self.vouched.values() {
            vouched::put(&mut to, row).await?;
        }
        if let Some(now) = self.restored_told {
            backup::told(&mut to, now).await?;
        }
        if let Some(now) = self.alive {
            events::put_alive(&mut to, now).await?;
        }
        let last = match self.events.as_slice() {
            [] => None,
            told => Some(events::put(&mut to, told).await?),
        };
        to.commit().await?;
        Ok(last)
    }
}
