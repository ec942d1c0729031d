//! An engine under test, with the rows that a centre would keep of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use firegrid_rules::decision::Decision;
use firegrid_rules::engine::{
    Admitted, ClearHold, Engine, HeardBeat, PointView, Standing, StateKey,
};
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::names::{FullPointId, PointId};
use firegrid_wire::time::CentreTime;

use super::{Call, KNOWN, catalogue, gateway, rulebook};

/// An engine, and the rows that a centre would keep of it.
pub struct Run {
    engine: Engine,
    rulebook: Arc<Rulebook>,
    rows: BTreeMap<String, Vec<u8>>,
    now: CentreTime,
    listening: bool,
}

impl Run {
    pub fn new() -> Run {
        let rulebook = rulebook();
        let mut engine = Engine::new(Arc::clone(&rulebook));
        let now = CentreTime::from_millis(0);
        describe(&mut engine, now);
        Run { engine, rulebook, rows: BTreeMap::new(), now, listening: false }
    }

    pub fn make(&mut self, call: &Call) -> Vec<Decision> {
        let mut out = Vec::new();
        let gateway = gateway();
        match call {
            Call::Batch(batch) => {
                self.now = batch.arrived;
                let admitted = Admitted {
                    gateway: &gateway,
                    pack: &batch.pack,
                    span_order: batch.order,
                    hole: batch.hole,
                    sent: batch.sent,
                    current: batch.current,
                    arrived: batch.arrived,
                };
                let head = &batch.pack.head;
                if !self.engine.knows(&gateway, head.lane, &head.catalogue) {
                    out.extend(describe(&mut self.engine, self.now));
                }
                self.engine.observe(admitted, &mut out);
            }
            Call::Beat { beat, sent, arrived, order, heads } => {
                self.now = *arrived;
                let heard = HeardBeat {
                    gateway: &gateway,
                    beat,
                    sent: *sent,
                    arrived: *arrived,
                    urgent_order: *order,
                    heads: *heads,
                };
                self.engine.beat(heard, &mut out);
            }
            Call::Heard(arrived) => {
                self.now = *arrived;
                self.engine.heard(&gateway, *arrived, &mut out);
            }
            Call::Tick(now) => {
                self.now = *now;
                self.engine.tick(*now, &mut out);
            }
            Call::Listening(now, listening) => {
                (self.now, self.listening) = (*now, *listening);
                self.engine.listening(*now, *listening);
            }
            Call::Hold => self.engine.hold_clears(&gateway, ClearHold::UntilLifted),
            Call::Lift => self.engine.lift_hold(&gateway),
        }
        self.commit();
        out
    }

    /// What has changed is written, as after every group of messages.
    fn commit(&mut self) {
        for (StateKey(key), row) in self.engine.changed() {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    /// The program ends and goes on from its rows at the same moment. What it decides by that
    /// alone.
    pub fn restart(&mut self) -> Vec<Decision> {
        self.commit();
        let rows = self.rows.iter().map(|(key, row)| (StateKey(key.clone()), row.clone()));
        self.engine = Engine::restore(Arc::clone(&self.rulebook), rows).expect("its own rows");
        let decisions = describe(&mut self.engine, self.now);
        if self.listening {
            self.engine.listening(self.now, true);
        }
        decisions
    }

    pub fn deadline(&self) -> Option<CentreTime> {
        self.engine.deadline()
    }

    pub fn views(&self) -> Vec<PointView> {
        let views = self.engine.points(&gateway(), self.now).into_iter();
        // A point that the catalogue lists and that never spoke has no row.
        views.filter(|view| view.value.is_some() || !view.phases.is_empty()).collect()
    }

    pub fn standing(&self, id: &str, rule: &str) -> Option<Standing> {
        let id = PointId::parse(id).expect("a point");
        let view = self.engine.point(&FullPointId { gateway: gateway(), point: id }, self.now)?;
        let mut phases = view.phases.into_iter();
        phases.find(|phase| phase.rule.as_str() == rule).map(|phase| phase.standing)
    }
}

fn describe(engine: &mut Engine, now: CentreTime) -> Vec<Decision> {
    let mut out = Vec::new();
    for which in 0..KNOWN {
        let catalogue = catalogue(which);
        engine.catalogue(&gateway(), &catalogue.hash(), &catalogue, now, &mut out);
    }
    out
}
