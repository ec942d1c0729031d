//! Answers whoever looks at the service. Nothing is changed by it, and nothing waited for.

use std::net::SocketAddr;
use std::path::Path;

use firegrid_wire::span::PerLane;
use tokio::task::JoinSet;

use super::Service;
use crate::status::{self, Desk, LaneState, Question, State};

/// Fire-class points that are named beside their number.
const ALARMS_NAMED: usize = 8;

/// Answers on the local socket until it is dropped.
pub(super) fn listen(data: &Path, desk: &Desk) -> JoinSet<()> {
    let mut listening = JoinSet::new();
    listening.spawn(status::socket::listen(data.to_owned(), desk.clone()));
    listening
}

/// Shows the status page, if there is to be one, until it is dropped.
pub(super) fn show(address: Option<SocketAddr>, desk: &Desk) -> JoinSet<()> {
    let mut shown = JoinSet::new();
    if let Some(address) = address {
        shown.spawn(status::serve(address, desk.clone()));
    }
    shown
}

impl Service {
    /// Whoever asked may have gone away.
    pub(super) fn answer(&self, question: Question) {
        match question {
            Question::State(answer) => {
                let _ = answer.send(self.state());
            }
            Question::Readings(name, answer) => {
                let inventory = &self.settings.inventory;
                let named = inventory.devices().find(|(_, device)| device.entry.n.as_str() == name);
                let source = named.and_then(|(index, _)| self.lines.source(index, inventory));
                let _ = answer.send(source);
            }
        }
    }

    fn state(&self) -> State {
        let now = self.clock.uptime();
        let clock = self.recorder.clock();
        let inventory = &self.settings.inventory;
        State {
            gateway: self.settings.gateway.clone(),
            now,
            time: clock.at(now),
            wall: self.clock.wall(),
            span: clock.span(),
            clock_steps: self.clock_steps,
            size: (inventory.devices().count(), inventory.points().count()),
            alarms: self.recorder.alarms(ALARMS_NAMED),
            lines: self.lines.states(now),
            spool: PerLane::from_fn(|lane| LaneState {
                standing: *self.standing[lane].borrow(),
                quota: self.settings.quotas[lane],
            }),
            uplink: self.uplink_standing.borrow().clone(),
            last_reload: self.last_reload.clone(),
            reloads: self.reloads,
        }
    }
}
