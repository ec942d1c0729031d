//! The registry changes while the centre runs: from the next decision on everything is routed by
//! the new one, and what is open goes to whoever owns it now, with a line of history.

use std::sync::Arc;

use firegrid_wire::names::GatewayId;
use firegrid_wire::time::CentreTime;
use serde_json::json;

use super::events::{Done, Refused};
use super::gateway::Gateway;
use super::judgement::Judgement;
use crate::registry::Import;
use crate::storage::events::NewEvent;
use crate::storage::gateways;

impl Judgement {
    /// Another registry stands, all of it in the next commit.
    pub(super) fn import(&mut self, import: &Arc<Import>, by: &str, now: CentreTime) -> Done {
        self.routing = import.registry.routing.clone();
        for id in import.registry.gateways.keys() {
            self.gateways.entry(id.clone()).or_insert_with(|| Gateway::new(None));
        }
        for (id, gateway) in &mut self.gateways {
            gateway.unit = import.registry.gateways.get(id).cloned();
        }
        self.moved(now);
        let counts = import.difference.counts();
        let body = json!({ "what": "imported", "by": by, "counts": counts });
        self.changes.events.push(NewEvent { kind: "registry", body, at: now });
        self.changes.registry.push((Arc::clone(import), now));
        Done::Registered
    }

    /// A gateway that was heard belongs to a unit from now on.
    pub(super) fn assign(
        &mut self,
        id: &GatewayId,
        unit: &str,
        by: &str,
        now: CentreTime,
    ) -> Result<Done, Refused> {
        let gateway = self.gateways.get_mut(id).ok_or(Refused::NotFound)?;
        if self.routing.owner(unit).is_none() {
            return Err(Refused::NotAllowed {
                code: "no-such-unit",
                zh: format!("没有单位 {unit:?}。"),
                en: format!("There is no unit {unit:?}."),
            });
        }
        if gateway.unit.as_deref() == Some(unit) {
            return Err(Refused::AlreadySo { by: None, state: "assigned" });
        }
        gateway.unit = Some(unit.to_owned());
        self.moved(now);
        let row = gateways::Gateway { id: id.clone(), unit: Some(unit.to_owned()), known: now };
        self.changes.gateways.push(row);
        let body = json!({ "gateway": id, "what": "assigned", "unit": unit, "by": by });
        self.changes.events.push(NewEvent { kind: "gateway", body, at: now });
        Ok(Done::Registered)
    }

    /// What is open goes to whoever owns its gateway now.
    fn moved(&mut self, now: CentreTime) {
        self.strangers = self.gateway_counts().1;
        self.follow_registry(now);
    }
}
