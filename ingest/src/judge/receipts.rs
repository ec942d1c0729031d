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

    /// The receipts, after a commit that holds everything that was admitted when they were owed.
    pub fn receipts(self, known: &BTreeMap<GatewayId, Gateway>) -> Vec<(GatewayId, Receipt)> {
        let write = |(id, beside): (GatewayId, PerLane<Beside>)| {
            let receipt = receipt(known.get(&id)?, beside);
            Some((id, receipt))
        };
        self.gateways.into_iter().filter_map(write).collect()
    }
}

/// What a gateway is told: what is committed, what is wanted, and what stands beside it.
pub fn receipt(gateway: &Gateway, beside: PerLane<Beside>) -> Receipt {
    let lanes = PerLane::from_fn(|lane| LaneReceipt {
        position: gateway.committed[lane],
        duplicate: beside[lane].duplicate,
        ask: beside[lane].ask,
        want: gateway.wishes[lane].wanted(),
    });
    Receipt { lanes }
}
