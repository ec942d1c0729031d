//! What time does to tickets: deadlines pass, what a cause hid unfolds, and what can change no
//! more leaves the book.

use firegrid_rules::escalation::{Chain, Overdue};
use firegrid_rules::routing::Routing;
use firegrid_rules::ticket::{Setting, State};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::{Kept, TicketBook};
use crate::judge::changes::Changes;

impl TicketBook {
    /// The next moment at which [`TicketBook::tick`] changes something.
    pub fn deadline(&self) -> Option<CentreTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Centre time comes so far. Each ticket climbs one level at most, however late it is.
    pub fn tick(&mut self, now: CentreTime, routing: &Routing, to: &mut Changes) {
        let due: Vec<String> =
            self.due.iter().take_while(|(at, _)| *at <= now).map(|(_, id)| id.clone()).collect();
        for id in due {
            self.pass(&id, now, routing, to);
        }
    }

    fn pass(&mut self, id: &str, now: CentreTime, routing: &Routing, to: &mut Changes) {
        let Some(kept) = self.tickets.get_mut(id) else { return };
        if kept.forgotten().is_some_and(|at| at <= now) {
            return self.forget(id);
        }
        let Kept { ticket, .. } = kept;
        if ticket.body.unfolds.is_some_and(|at| CentreTime::from_millis(at) <= now) {
            ticket.body.unfolds = None;
            to.tickets.insert(id.to_owned(), ticket.clone());
            self.rewind(id);
            self.unfold_effects(id, now, to);
        }
        let Some(Kept { ticket, .. }) = self.tickets.get_mut(id) else { return };
        let chain = Chain::of(routing, &ticket.grid);
        let setting = Setting { terms: self.terms.severity(ticket.severity), chain: &chain };
        let missed = match ticket.life.state {
            State::Verify | State::Accept => "accept",
            State::Dispatch => "dispatch",
            State::Rectifying | State::Suspended => "rectify",
            State::Recheck | State::Closed | State::Void => "recheck",
        };
        let before = ticket.life.charge.as_ref().map(|charge| (charge.grid.clone(), charge.level));
        let Some((life, overdue)) = ticket.life.overdue(now, setting) else { return };
        ticket.life = life;
        let from = before.map(|(grid, level)| json!({ "grid": grid, "level": level }));
        let charge = self.charge_words(id);
        let (what, line) = match overdue {
            Overdue::Climbs { to: turn, listed } => (
                "escalated",
                json!({
                    "from": from, "charge": charge, "passed": turn.passed, "missed": missed,
                    "listed": listed,
                }),
            ),
            Overdue::Listed => ("listed", json!({ "charge": charge, "missed": missed })),
            Overdue::LookAgain => ("look-again", json!({ "charge": charge, "missed": missed })),
        };
        self.write_line(id, now, None, what, line, to);
    }
}
