//! The engine's memory as rows, so that it goes on after a restart as if there had been none.
//!
//! One row per gateway (both lanes' horizons, devices, silence), one small row per point on which
//! anything is found or that said states, one per point with retired findings, and one for the
//! centre's own hearing; what the other points of a routine lane said stands together
//! ([`numbers`]). What is judged over both lanes has rows of its own ([`joined`]). A row is JSON; moments are whole milliseconds and numbers their shortest decimals,
//! both exact. Bindings are not written: they come from rulebook and catalogue. What was raised
//! is written with the rule and limits that raised it: under other ones its proof begins anew and
//! must satisfy both. What was only suspected begins anew altogether; a finding of a rule that
//! is gone is kept as retired.

use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use serde::{Deserialize, Serialize};

use super::binding::StepRef;
use super::gateway::Gateway;
use super::lane::{Device, LaneState};
use super::point::{Point, Read};
use super::{ClearHold, Engine, StateKey, adoption, scene};
use crate::condition::{Bar, Condition, Evidence, Said};
use crate::phase::{Onset, Phase};
use crate::rulebook::Rulebook;
use crate::sight::Listened;
use crate::window::{Window, Written};

mod joined;
mod numbers;
mod restoring;

pub(super) use numbers::Numbers;
pub(super) use restoring::restore;

/// The key of the centre's own hearing. No gateway's name begins with `@`.
const EAR: &str = "@listening";

/// The last part of the key of a point's retired findings.
const RETIRED: &str = "retired";

#[derive(Serialize, Deserialize)]
struct EarRow {
    deaf: u64,
    since: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct GatewayRow {
    current: Option<SpanId>,
    spans: Vec<SpanId>,
    heard: Option<(i64, i64)>,
    looked: Option<(i64, i64)>,
    silence: Vec<PhaseRow<(i64, i64)>>,
    hold: Option<HoldRow>,
    urgent: LaneRow,
    routine: LaneRow,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum HoldRow {
    Until(i64),
    UntilLifted,
}

#[derive(Serialize, Deserialize)]
struct LaneRow {
    span: Option<SpanId>,
    order: u32,
    horizon: Option<i64>,
    suspended: bool,
    stamp: u32,
    forgot: u32,
    named: Option<CatalogueHash>,
    adopted: Option<CatalogueHash>,
    orders: Vec<(SpanId, u32)>,
    seen: Option<(i64, i64)>,
    patience: u64,
    devices: Vec<(String, bool, u32, bool)>,
}

/// One step that is not quiet: rule, revision, step, phase, and what raised it.
#[derive(Serialize, Deserialize)]
struct PhaseRow<T>(String, String, String, Phase<T>, Option<Box<RaisedByRow>>);

/// The rule and limits that raised something: they count until it is over.
#[derive(Serialize, Deserialize)]
struct RaisedByRow {
    revision: String,
    when: Condition<Bar>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    calm: Option<Condition<Bar>>,
    held_for: Millis,
    clear_for: Millis,
    #[serde(default, skip_serializing_if = "is_false")]
    words: bool,
    /// Whether other ones stand now, and that was told.
    #[serde(default, skip_serializing_if = "is_false")]
    told: bool,
}

#[derive(Serialize, Deserialize)]
struct PointRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<SaidRow>,
    t: i64,
    order: u32,
    stamp: u32,
    source: u64,
    #[serde(default, skip_serializing_if = "is_false")]
    numbered: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    words: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    phases: Vec<PhaseRow<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    told: Option<(SpanId, i64, String)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    foreign: Vec<Box<str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<Written>,
}

#[derive(Serialize, Deserialize)]
struct SaidRow {
    /// A number as text, its unit beside it; otherwise state words; otherwise unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    u: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vs: Option<String>,
    #[serde(default, skip_serializing_if = "is_good")]
    q: Quality,
}

/// A finding on a former point: rule, step, onset.
#[derive(Serialize, Deserialize)]
struct RetiredRow(String, String, Onset<i64>);

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_good(quality: &Quality) -> bool {
    *quality == Quality::Good
}

pub(super) fn changed(engine: &mut Engine) -> Vec<(StateKey, Option<Vec<u8>>)> {
    let mut rows = Vec::new();
    if engine.ear != engine.ear_written {
        engine.ear_written = engine.ear;
        let (deaf, since) = engine.ear.remembered();
        let row = EarRow { deaf: deaf.get(), since: since.map(CentreTime::millis) };
        rows.push((StateKey(EAR.to_owned()), Some(bytes(&row))));
    }
    let rulebook = Arc::clone(&engine.rulebook);
    for gateway in &mut engine.gateways {
        let id = gateway.id.clone();
        for lane in Lane::ALL {
            write_lane(&id, &mut gateway.lanes[lane], &rulebook, &mut rows);
        }
        joined::write(&id, &mut gateway.joined, &rulebook, &mut rows);
        if std::mem::take(&mut gateway.dirty) {
            rows.push((StateKey(id.to_string()), Some(bytes(&gateway_row(gateway, &rulebook)))));
        }
    }
    rows
}

fn write_lane(
    gateway: &GatewayId,
    lane: &mut LaneState,
    rulebook: &Rulebook,
    rows: &mut Vec<(StateKey, Option<Vec<u8>>)>,
) {
    let name = lane.lane;
    let key = |point: &PointId| StateKey(format!("{gateway}/{name}/{point}"));
    let removed = std::mem::take(&mut lane.removed);
    let any_removed = !removed.is_empty();
    for id in removed {
        // A new point of the same name may already have written its own row.
        let again = lane.names.find(&id).and_then(|place| lane.points[place as usize].as_ref());
        if !again.is_some_and(Point::is_changed) {
            rows.push((key(&id), None));
        }
    }
    let mut changed = std::mem::take(&mut lane.dirty);
    changed.retain(|place| {
        let Some(point) = lane.points[*place as usize].as_mut() else { return false };
        let among_numbers = numbers::is_plain(name, point);
        if !among_numbers || point.has_own_row() {
            let row = (!among_numbers).then(|| bytes(&point_row(point, rulebook)));
            rows.extend(lane.names.name(*place).map(|id| (key(&id), row)));
        }
        point.written(!among_numbers);
        among_numbers
    });
    numbers::write(gateway, lane, &changed, any_removed, rows);
    changed.clear();
    lane.dirty = changed;
    let mut retired = std::mem::take(&mut lane.retired_dirty);
    retired.sort();
    retired.dedup();
    for id in retired {
        let kept = lane.retired.get(&id).map(|kept| {
            let rows = kept.iter().map(|kept| {
                let onset = Onset { span: kept.onset.span, at: kept.onset.at.millis() };
                RetiredRow(kept.rule.to_string(), kept.step.clone(), onset)
            });
            bytes(&rows.collect::<Vec<_>>())
        });
        rows.push((StateKey(format!("{gateway}/{name}/{id}/{RETIRED}")), kept));
    }
}

fn gateway_row(gateway: &Gateway, rulebook: &Rulebook) -> GatewayRow {
    let silence = gateway.silence.iter().filter(|(_, phase)| *phase != Phase::Quiet);
    GatewayRow {
        current: gateway.current,
        spans: gateway.spans.iter().copied().collect(),
        heard: gateway.heard.map(Listened::millis),
        looked: gateway.looked.map(Listened::millis),
        silence: silence
            .filter_map(|(id, phase)| phase_row(*id, phase.map(Listened::millis), None, rulebook))
            .collect(),
        hold: gateway.hold.map(|hold| match hold {
            ClearHold::Until(until) => HoldRow::Until(until.millis()),
            ClearHold::UntilLifted => HoldRow::UntilLifted,
        }),
        urgent: lane_row(&gateway.lanes[Lane::Urgent]),
        routine: lane_row(&gateway.lanes[Lane::Routine]),
    }
}

fn lane_row(lane: &LaneState) -> LaneRow {
    let device =
        |device: &Device| (device.name.to_string(), device.blind, device.forgot, device.home);
    LaneRow {
        span: lane.span,
        order: lane.order,
        horizon: lane.horizon.map(GatewayTime::millis),
        suspended: lane.suspended,
        stamp: lane.stamp,
        forgot: lane.forgot,
        named: lane.named.clone(),
        adopted: lane.adopted.clone(),
        orders: lane.orders.iter().copied().collect(),
        seen: lane.seen.map(Listened::millis),
        patience: lane.patience.get(),
        devices: lane.devices.iter().map(device).collect(),
    }
}

fn point_row(point: &Point, rulebook: &Rulebook) -> PointRow {
    let phases = point.phases().iter();
    PointRow {
        said: point.evidence().map(said_row),
        t: point.time.millis(),
        order: point.order,
        stamp: point.stamp,
        source: point.source,
        numbered: point.is_numbered(),
        words: point.read == Read::ByWords,
        phases: phases
            .filter_map(|(id, phase)| {
                let raised = adoption::raised(*phase).and_then(|_| raised_by(point, *id, rulebook));
                phase_row(*id, phase.map(GatewayTime::millis), raised, rulebook)
            })
            .collect(),
        told: point
            .provisional()
            .map(|told| (told.span, told.onset.millis(), told.states.to_string())),
        foreign: point.foreign().to_vec(),
        windows: point.windows().iter().map(Window::written).collect(),
    }
}

fn said_row(evidence: Evidence) -> SaidRow {
    let (n, u, vs) = match evidence.said {
        Said::Number(number, unit) => (Some(number.to_string()), Some(unit), None),
        Said::States(states) => (None, None, Some(states.to_string())),
        Said::Unknown => (None, None, None),
    };
    SaidRow { n, u, vs, q: evidence.quality }
}

fn phase_row<T>(
    id: StepRef,
    phase: Phase<T>,
    raised: Option<RaisedByRow>,
    rulebook: &Rulebook,
) -> Option<PhaseRow<T>> {
    let (rule, step) = scene::step(rulebook, id)?;
    let revision = rule.revision.to_string();
    Some(PhaseRow(rule.id.to_string(), revision, step.name.clone(), phase, raised.map(Box::new)))
}

fn raised_by(point: &Point, id: StepRef, rulebook: &Rulebook) -> Option<RaisedByRow> {
    let (rule, _) = scene::step(rulebook, id)?;
    let (step, revision, told) = match point.elder(id) {
        Some(elder) => (&elder.step, elder.revision, elder.told),
        None => {
            let step = point.binding.steps.iter().find(|step| step.id == id)?;
            (step, rule.revision, false)
        }
    };
    Some(RaisedByRow {
        revision: revision.to_string(),
        when: step.when.clone(),
        calm: step.clear_when.clone(),
        held_for: step.timing.held_for,
        clear_for: step.timing.clear_for,
        words: step.by_words,
        told,
    })
}

/// Rows hold strings, numbers and lists: writing them into memory cannot fail.
fn bytes(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}
