//! Receipts: what is owed to whom, and said only of what is committed. And what is asked of the
//! broker.

use std::collections::BTreeMap;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::GatewayId;
use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{BatchName, Lane, PerLane};

use super::gateway::Gateway;
use super::judgement::Judgement;

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
fn receipt(gateway: &Gateway, beside: PerLane<Beside>) -> Receipt {
    let lanes = PerLane::from_fn(|lane| LaneReceipt {
        position: gateway.committed[lane],
        duplicate: beside[lane].duplicate,
        ask: beside[lane].ask,
        want: gateway.wishes[lane].wanted(),
    });
    Receipt { lanes }
}

impl Judgement {
    /// The receipts for those who are owed one, once what they are owed it for is committed.
    pub fn receipts(&self, owed: Owed) -> Vec<(GatewayId, Receipt)> {
        owed.receipts(&self.gateways)
    }

    /// Answers to the beats since the last call, for as long as nothing can be committed: they
    /// tell what was committed before and name no duplicate, because its first arrival may be
    /// among what waits. The receipts that are owed stay owed.
    pub fn answers_to_beats(&mut self) -> Vec<(GatewayId, Receipt)> {
        let answer = |id: GatewayId| {
            let receipt = receipt(self.gateways.get(&id)?, PerLane::default());
            Some((id, receipt))
        };
        std::mem::take(&mut self.beats).into_iter().filter_map(answer).collect()
    }

    /// The catalogues to ask the broker for again, since the last call: a page is receipted by
    /// nobody, and one that was dropped on its way comes only to a new subscription.
    pub fn catalogues_to_ask_for(&mut self) -> Vec<(GatewayId, CatalogueHash)> {
        std::mem::take(&mut self.unknown)
    }
}
