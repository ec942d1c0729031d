//! Hears every call and checks, by itself, what is claimed to be proven.

use std::collections::HashMap;

use firegrid_rules::decision::{At, Decision};
use firegrid_rules::engine::HeadStanding;
use firegrid_wire::names::PointId;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::state::{State, States};

use super::{Batch, Call, POINTS};

/// Hears every call and knows, by itself, what was vouched for and what was said.
#[derive(Default)]
pub struct Witness {
    lanes: HashMap<Lane, LaneWitness>,
}

#[derive(Default)]
struct LaneWitness {
    span: Option<SpanId>,
    /// How far time is vouched for, and since when in one piece; none: a hole.
    piece: Option<(i64, i64)>,
    horizon: Option<i64>,
    said: HashMap<PointId, Vec<Said>>,
}

/// What a point said: when it counts, and whether that proves calm of each rule.
struct Said {
    at: i64,
    value: Option<(Value, Quality)>,
}

impl LaneWitness {
    fn breaks(&mut self, forget: bool) {
        self.piece = None;
        if forget {
            for said in self.said.values_mut() {
                said.push(Said { at: i64::MIN, value: None });
            }
        }
    }

    fn vouched(&mut self, from: i64, until: i64) {
        let horizon = self.horizon.unwrap_or(from);
        if self.piece.is_some() && horizon < from {
            self.piece = None;
        }
        let begin = self.piece.map_or(from.max(horizon), |(begin, _)| begin);
        let end = until.max(horizon).max(begin);
        (self.piece, self.horizon) = (Some((begin, end)), Some(end));
    }
}

impl Witness {
    pub fn hears(&mut self, call: &Call) {
        match call {
            Call::Batch(batch) => self.hears_batch(batch),
            Call::Beat { beat, heads, .. } => {
                for lane in Lane::ALL {
                    let judged = matches!(heads[lane], HeadStanding::Judged { .. });
                    let witness = self.lanes.entry(lane).or_default();
                    if let (true, Some(until)) = (judged, beat.lanes[lane].until) {
                        let from = if witness.piece.is_some() { witness.horizon } else { None };
                        witness.vouched(from.unwrap_or(until.millis()), until.millis());
                    }
                }
                for alarm in &beat.alarms {
                    let urgent = self.lanes.entry(Lane::Urgent).or_default();
                    let said = urgent.said.entry(alarm.n.clone()).or_default();
                    let value = Some((Value::States(alarm.vs.clone()), Quality::Good));
                    said.push(Said { at: alarm.t.millis(), value });
                }
            }
            Call::Lift => self.lanes.values_mut().for_each(|lane| lane.breaks(false)),
            Call::Heard(_) | Call::Tick(_) | Call::Listening(..) | Call::Hold => {}
        }
    }

    fn hears_batch(&mut self, batch: &Batch) {
        let head = &batch.pack.head;
        let witness = self.lanes.entry(head.lane).or_default();
        if head.marker.is_some() {
            witness.breaks(true);
        }
        if witness.span != Some(head.name.span) {
            witness.breaks(true);
            witness.span = Some(head.name.span);
            witness.horizon = None;
        }
        let stretch = head.stretch.map(|s| (s.from.millis(), s.until.millis()));
        if let (Some((from, _)), Some(horizon)) = (stretch, witness.horizon)
            && horizon < from
        {
            witness.breaks(false);
        }
        for (_, reading) in &batch.pack.readings {
            let (id, time) = (&reading.point, reading.time.millis());
            let known = stretch.map_or(time, |(_, until)| time.min(until));
            let horizon = witness.horizon.map(|horizon| horizon.max(known));
            let at = horizon.map_or(time, |horizon| horizon.max(time)).max(time);
            if id.is_comm() && reading.value != Value::States(States::default()) {
                let points = witness.said.iter_mut();
                let fallen = points.filter(|(p, _)| p.device() == id.device() && !p.is_comm());
                fallen.for_each(|(_, said)| said.push(Said { at: i64::MIN, value: None }));
            }
            let value = Some((reading.value.clone(), reading.quality));
            witness.said.entry(id.clone()).or_default().push(Said { at, value });
        }
        if let Some((from, until)) = stretch {
            witness.vouched(from, until);
        }
    }

    /// Whether the calm was vouched for in one piece by good readings of a point that speaks.
    pub fn proves(&self, id: &PointId, decision: &Decision) -> Result<(), String> {
        let proof = match (decision.rule.as_str(), decision.step.as_str()) {
            ("LOW", "hazard") => 40_000,
            ("LOW", _) => 0,
            ("POWER", _) => 25_000,
            // The proof and the window before it: one that crosses a hole is unknown.
            ("FALL", _) => 10_000 + 20_000,
            ("STARTS", _) => 5_000 + 30_000,
            ("FIRE" | "PREALARM" | "SUPERVISORY" | "C1-DEVICE", _) => 20_000,
            other => return Err(format!("no such rule: {other:?}")),
        };
        let At::Gateway(end) = decision.at else { return Err("in centre time".into()) };
        let (begin, end) = (end.millis() - proof, end.millis());
        // A device's `comm` is judged in the lane that speaks for the device.
        let home = POINTS.iter().find(|(name, _)| *name == id.as_str());
        let home = home.map_or(Lane::Urgent, |(_, lane)| *lane);
        let lane = self.lanes.get(&home).filter(|lane| lane.said.contains_key(id));
        let lane = lane.filter(|lane| lane.span == decision.span).ok_or("never heard of")?;
        match lane.piece {
            Some((from, until)) if from <= begin && end <= until => {}
            piece => return Err(format!("[{begin}, {end}] is not inside {piece:?}")),
        }
        let said = &lane.said[id];
        // The last thing said by the begin of the proof, and everything until its end.
        let last = said.iter().rposition(|said| said.at <= begin && said.value.is_some());
        let last = last.ok_or("nothing was said by the begin of the proof")?;
        for said in said[last..].iter().filter(|said| said.at < end) {
            let calm = said.value.as_ref().is_some_and(|(value, quality)| {
                *quality == Quality::Good && is_calm(value, decision)
            });
            if !calm {
                return Err(format!("at {} it said {:?}", said.at, said.value));
            }
        }
        Ok(())
    }
}

fn is_calm(value: &Value, decision: &Decision) -> bool {
    match value {
        Value::Number(..) if decision.rule.as_str() == "FALL" => true,
        Value::Number(number, _) if decision.step == "note" => 20.0 <= *number,
        Value::Number(number, _) => 12.0 < *number,
        Value::States(states) if decision.rule.as_str() == "STARTS" => {
            states.set.can_speak() || states.set.has(State::SupplyFault)
        }
        Value::States(states) => {
            let words = states.to_string();
            let kind = if decision.rule.as_str() == "POWER" { "supply-fault" } else { "fire" };
            let kind = if decision.rule.as_str() == "C1-DEVICE" { "fault" } else { kind };
            let mute = ["disabled", "test", "absent"];
            !words.split(' ').any(|word| word == kind || mute.contains(&word))
        }
        Value::Unknown => false,
    }
}
