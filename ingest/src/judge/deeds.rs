//! What people do: alarms, tickets and conflicts, through the same queue as everything else.

use firegrid_rules::alarm;
use firegrid_rules::decision::Subject;
use firegrid_rules::rulebook::RuleId;
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::events::{Action, Done, Refused};
use super::judgement::Judgement;
use crate::desk::tickets::deeds::Doing;
use crate::storage::events::NewEvent;

impl Judgement {
    /// A person does something.
    pub fn act(&mut self, action: &Action, by: &str, now: CentreTime) -> Result<Done, Refused> {
        let done = self.do_it(action, by, now)?;
        if let Some((subject, rule)) = retired_case(&done) {
            // A person has decided what no reading can prove any more.
            self.engine.release(&subject, &rule);
        }
        Ok(done)
    }

    fn do_it(&mut self, action: &Action, by: &str, now: CentreTime) -> Result<Done, Refused> {
        let doing = |seen| Doing { by, now, seen };
        let Judgement { alarms, tickets, changes, engine, routing, .. } = self;
        match action {
            Action::AcknowledgeAlarm { alarm, seen } => {
                alarms.act(alarm, alarm::Event::Acknowledge, doing(*seen), changes)
            }
            Action::AcknowledgeIncident { incident } => {
                alarms.take_incident(incident, doing(None), changes)
            }
            Action::CloseAlarm { alarm, verdict, exception, seen } => {
                let event = alarm::Event::Close { verdict: *verdict, exception: exception.clone() };
                alarms.act(alarm, event, doing(*seen), changes)
            }
            Action::Ticket { ticket, deed, seen } => {
                let may_close = |subject: &Subject, rule: &_| engine.may_close(subject, rule, now);
                tickets.act(ticket, deed, doing(*seen), may_close, routing, changes)
            }
            Action::SettleConflict { gateway } => self.settle(gateway, by, now),
            Action::ImportRegistry(import) => Ok(self.import(import, by, now)),
            Action::AssignGateway { gateway, unit } => self.assign(gateway, unit, by, now),
        }
    }

    fn settle(&mut self, id: &GatewayId, by: &str, now: CentreTime) -> Result<Done, Refused> {
        let gateway = self.gateways.get_mut(id).ok_or(Refused::NotFound)?;
        gateway.conflict.take().ok_or(Refused::NotFound)?;
        gateway.voices.settle();
        self.engine.lift_hold(id);
        self.changes.conflicts.insert(id.clone(), None);
        self.alarms.own_over("two-boxes", id, now, &mut self.changes);
        let body = json!({ "gateway": id, "what": "conflict-settled", "by": by });
        self.changes.events.push(NewEvent { kind: "gateway", body, at: now });
        Ok(Done::Settled(id.clone()))
    }
}

/// Subject and rule of a case that was closed on a point that is another one now or is gone.
fn retired_case(done: &Done) -> Option<(Subject, RuleId)> {
    let (gateway, point, rule) = match done {
        Done::Alarm(alarm) if alarm.body.retired && alarm.body.closed.is_some() => {
            (&alarm.gateway, &alarm.point, &alarm.rule)
        }
        Done::Ticket(ticket) if ticket.body.retired && ticket.body.closed.is_some() => {
            (&ticket.gateway, &ticket.point, &ticket.rule)
        }
        Done::Alarm(_)
        | Done::Incident(_)
        | Done::Ticket(_)
        | Done::Settled(_)
        | Done::Registered => return None,
    };
    let point = FullPointId { gateway: gateway.clone(), point: point.clone()? };
    Some((Subject::Point(point), rule.parse().ok()?))
}
