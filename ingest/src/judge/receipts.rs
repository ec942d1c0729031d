//! Receipts: what is owed to whom, and said only of what is committed.

use std::collections::BTreeMap;

use firegrid_wire::names::GatewayId;
use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{BatchName, Lane, PerLane};

use super::gateway::Gateway;

/// What is to be said beside the positions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside {
    /// A batch that came again; everything up to it was admitted.
    pub duplicate: Option<BatchName>,
    /// What is missing.
    pub ask: Option<BatchName>,
}

/// The gateways that are to get a receipt after the next commit.
#[derive(Debug, Default)]
pub struct Owed {
    gateways: BTreeMap<GatewayId, PerLane<Beside>>,
}

impl Owed {
    /// A gateway gets a receipt.
    pub fn to(&mut self, gateway: &GatewayId) -> &mut PerLane<Beside> {
        self.gateways.entry(gateway.clone()).or_default()
    }

    /// A batch came again. Of several in one lane the last is named, because a box sends in
    /// order and everything before it is committed too.
    pub fn duplicate(&mut self, gateway: &GatewayId, lane: Lane, name: BatchName) {
        self.to(gateway)[lane].duplicate = Some(name);
    }

    /// Whether nobody is owed anything.
    pub fn is_empty(&self) -> bool {
        self.gateways.is_empty()
    }

    /// The receipts, after a commit that holds everything admitted so far.
    pub fn after_commit(
        &mut self,
        known: &BTreeMap<GatewayId, Gateway>,
    ) -> Vec<(GatewayId, Receipt)> {
        self.write(known, |beside| beside)
    }

    /// The receipts while a commit fails: they tell what was committed before, and name no
    /// duplicate, because its first arrival may be among what waits.
    pub fn while_failing(
        &mut self,
        known: &BTreeMap<GatewayId, Gateway>,
    ) -> Vec<(GatewayId, Receipt)> {
        self.write(known, |beside| Beside { duplicate: None, ..beside })
    }

    fn write(
        &mut self,
        known: &BTreeMap<GatewayId, Gateway>,
        say: impl Fn(Beside) -> Beside,
    ) -> Vec<(GatewayId, Receipt)> {
        let owed = std::mem::take(&mut self.gateways);
        let write = |(id, beside): (GatewayId, PerLane<Beside>)| {
            let gateway = known.get(&id)?;
            let lanes = PerLane::from_fn(|lane| {
                let Beside { duplicate, ask } = say(beside[lane]);
                LaneReceipt {
                    position: gateway.committed[lane],
                    duplicate,
                    ask,
                    want: gateway.wishes[lane].wanted(),
                }
            });
            Some((id, Receipt { lanes }))
        };
        owed.into_iter().filter_map(write).collect()
    }
}
