//! Answers to the API: what lives in the judgement's memory.

use firegrid_rules::decision::Subject;
use firegrid_rules::engine::NotYet;
use firegrid_rules::rulebook::RuleId;
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::time::CentreTime;

use super::changes::Changes;
use super::events::{GatewayNow, POINTS_PER_ANSWER, PointNow, PointsAsked};
use super::gateway::Gateway;
use super::judgement::Judgement;
use crate::storage::alarms::Alarm;

impl Judgement {
    /// Points as they stand, in the order of their names.
    pub fn points(&self, asked: &PointsAsked, now: CentreTime) -> Vec<PointNow> {
        let limit = asked.limit.min(POINTS_PER_ANSWER);
        if let Some(point) = &asked.point {
            let wanted = asked.gateway.as_ref().is_none_or(|gateway| *gateway == point.gateway)
                && asked.after.as_ref().is_none_or(|after| after < point);
            let found = wanted.then(|| self.point(point, now)).flatten();
            return found.into_iter().take(limit).collect();
        }
        let mut found = Vec::new();
        for id in self.gateways.keys() {
            let wanted = asked.gateway.as_ref().is_none_or(|gateway| gateway == id);
            let behind = asked.after.as_ref().is_none_or(|after| after.gateway <= *id);
            if !wanted || !behind {
                continue;
            }
            let mut views = self.engine.points(id, now);
            views.sort_by(|one, other| one.point.cmp(&other.point));
            let views = views
                .into_iter()
                .filter(|view| asked.after.as_ref().is_none_or(|after| *after < view.point));
            let room = limit - found.len();
            found.extend(views.take(room).map(|view| self.described(id, view)));
            if limit <= found.len() {
                break;
            }
        }
        found
    }

    /// Every gateway as it stands.
    pub fn gateways_now(&self, now: CentreTime) -> Vec<GatewayNow> {
        let now_of =
            |(id, gateway): (&GatewayId, &Gateway)| gateway.now(id, self.engine.horizons(id), now);
        self.gateways.iter().map(now_of).collect()
    }

    /// Whether what a rule found on a subject is proven to be over, or why not.
    pub fn proof(&self, subject: &Subject, rule: &RuleId, now: CentreTime) -> Result<(), NotYet> {
        self.engine.may_close(subject, rule, now)
    }

    /// How many gateways are known, and how many of them belong to no unit.
    pub fn gateway_counts(&self) -> (usize, usize) {
        let strangers = self.gateways.values().filter(|gateway| gateway.unit.is_none()).count();
        (self.gateways.len(), strangers)
    }

    /// Alarms that were raised and are not committed, the newest first. `under_way` is what is
    /// being committed.
    pub fn unrecorded(&self, under_way: Option<&Changes>) -> Vec<Alarm> {
        let mut found = raised_in(&self.changes);
        for alarm in under_way.map(raised_in).into_iter().flatten() {
            // What happened to it since is among the newer changes.
            let now = self.changes.alarms.get(&alarm.id).cloned();
            found.push(now.unwrap_or(alarm));
        }
        found
    }

    fn point(&self, point: &FullPointId, now: CentreTime) -> Option<PointNow> {
        let view = self.engine.point(point, now)?;
        Some(self.described(&point.gateway, view))
    }

    fn described(&self, id: &GatewayId, view: firegrid_rules::engine::PointView) -> PointNow {
        let gateway = self.gateways.get(id);
        PointNow {
            entry: gateway.and_then(|gateway| gateway.catalogues.entry(&view.point.point)),
            unit: gateway.and_then(|gateway| gateway.unit.clone()),
            view,
        }
    }
}

/// The alarms that some changes raise, the newest first.
fn raised_in(changes: &Changes) -> Vec<Alarm> {
    let raised = changes.alarm_lines.iter().rev().filter(|(_, line)| line.n == 1);
    raised.filter_map(|(id, _)| changes.alarms.get(id).cloned()).collect()
}
