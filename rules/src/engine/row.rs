//! The engine's memory as rows, so that it goes on after a restart as if there had been none.
//!
//! One row per gateway (both lanes' horizons, devices, silence), one small row per point that
//! ever said something, one per point with retired findings, and one for the centre's own
//! hearing. A row is JSON; moments are whole milliseconds and numbers their shortest decimals,
//! both exact. Bindings are not written: they come from rulebook and catalogue. What was found
//! under another revision of its rule begins its proof anew; what was only suspected begins
//! anew altogether; a finding of a rule that is gone is kept as retired.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use firegrid_wire::catalogue::CatalogueHash;
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::span::{Lane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use serde::{Deserialize, Serialize};

use super::binding::StepRef;
use super::gateway::Gateway;
use super::lane::{Device, LaneState};
use super::point::{Point, Provisional, Stranded};
use super::{ClearHold, Engine, RestoreError, StateKey, adoption, scene};
use crate::condition::{Evidence, Said};
use crate::phase::{Onset, Phase};
use crate::rulebook::{RuleId, Rulebook};
use crate::sight::{Ear, Listened};

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
    stamp: u64,
    forgot: u64,
    named: Option<CatalogueHash>,
    adopted: Option<CatalogueHash>,
    orders: Vec<(SpanId, u32)>,
    seen: Option<(i64, i64)>,
    patience: u64,
    devices: Vec<(String, bool, u64, bool)>,
}

/// One step that is not quiet: rule, revision, step, phase.
#[derive(Serialize, Deserialize)]
struct PhaseRow<T>(String, String, String, Phase<T>);

#[derive(Serialize, Deserialize)]
struct PointRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    said: Option<SaidRow>,
    t: i64,
    order: u32,
    stamp: u64,
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

// Writing.

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
    for id in std::mem::take(&mut lane.removed) {
        // A new point of the same name may already have written its own row.
        let again = lane.index.get(&id).and_then(|place| lane.points[*place as usize].as_ref());
        if !again.is_some_and(|point| point.dirty) {
            rows.push((key(&id), None));
        }
    }
    for place in std::mem::take(&mut lane.dirty) {
        if let Some(point) = lane.points[place as usize].as_mut()
            && std::mem::take(&mut point.dirty)
        {
            rows.push((key(&point.id), Some(bytes(&point_row(point, rulebook)))));
        }
    }
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
            .filter_map(|(id, phase)| phase_row(*id, phase.map(Listened::millis), rulebook))
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
        said: point.evidence.map(said_row),
        t: point.time.millis(),
        order: point.order,
        stamp: point.stamp,
        source: point.source,
        numbered: point.numbered,
        words: point.by_words,
        phases: phases
            .filter_map(|(id, phase)| phase_row(*id, phase.map(GatewayTime::millis), rulebook))
            .collect(),
        told: point
            .provisional()
            .map(|told| (told.span, told.onset.millis(), told.states.to_string())),
        foreign: point.foreign().to_vec(),
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

fn phase_row<T>(id: StepRef, phase: Phase<T>, rulebook: &Rulebook) -> Option<PhaseRow<T>> {
    let (rule, step) = scene::step(rulebook, id)?;
    Some(PhaseRow(rule.id.to_string(), rule.revision.to_string(), step.name.clone(), phase))
}

/// Rows hold strings, numbers and lists: writing them into memory cannot fail.
fn bytes(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).unwrap_or_default()
}

// Reading.

pub(super) fn restore(
    engine: &mut Engine,
    rows: impl IntoIterator<Item = (StateKey, Vec<u8>)>,
) -> Result<(), RestoreError> {
    let steps = Steps::of(&engine.rulebook);
    // A point's row needs its gateway's, whatever the order in which they come.
    let mut points = Vec::new();
    for (StateKey(key), row) in rows {
        if key == EAR {
            let row: EarRow = read(&key, &row)?;
            let since = row.since.map(CentreTime::from_millis);
            engine.ear = Ear::restored(Millis::new(row.deaf), since);
            engine.ear_written = engine.ear;
        } else if key.contains('/') {
            points.push((key, row));
        } else {
            let id = GatewayId::parse(&key).map_err(|error| unreadable(&key, error))?;
            let row: GatewayRow = read(&key, &row)?;
            let place = engine.place(&id);
            restore_gateway(&mut engine.gateways[place], row, &steps);
        }
    }
    for (key, row) in points {
        let mut parts = key.splitn(3, '/');
        let mut part = || parts.next().ok_or_else(|| unreadable(&key, "its key is too short"));
        let (gateway, lane, rest) = (part()?, part()?, part()?);
        let gateway = GatewayId::parse(gateway).map_err(|error| unreadable(&key, error))?;
        let lane: Lane = lane.parse().map_err(|error| unreadable(&key, error))?;
        let retired = rest.strip_suffix(RETIRED).and_then(|rest| rest.strip_suffix('/'));
        let retired = retired.filter(|rest| rest.contains('/'));
        let id = PointId::parse(retired.unwrap_or(rest)).map_err(|e| unreadable(&key, e))?;
        let place = engine.place(&gateway);
        let state = &mut engine.gateways[place].lanes[lane];
        if retired.is_some() {
            for RetiredRow(rule, step, onset) in read::<Vec<RetiredRow>>(&key, &row)? {
                let rule = RuleId::parse(&rule).map_err(|error| unreadable(&key, error))?;
                let onset = Onset { span: onset.span, at: GatewayTime::from_millis(onset.at) };
                state.retired.entry(id.clone()).or_default().push(Stranded { rule, step, onset });
            }
        } else {
            let row: PointRow = read(&key, &row)?;
            let evidence = match &row.said {
                Some(said) => Some(evidence(said).map_err(|reason| unreadable(&key, reason))?),
                None => None,
            };
            let binding = {
                let device = state.device(id.device());
                let home = state.devices[device as usize].home;
                match (id.is_comm(), home) {
                    (true, true) => &engine.bindings.comm,
                    (true, false) => &engine.bindings.none,
                    (false, _) => &engine.bindings.words,
                }
            };
            restore_point(state, id, Arc::clone(binding), row, evidence, &steps)
                .map_err(|reason| unreadable(&key, reason))?;
        }
    }
    Ok(())
}

/// Where each step stands in the rulebook, and the revision of its rule.
struct Steps(HashMap<(String, String), (StepRef, String)>);

impl Steps {
    fn of(rulebook: &Rulebook) -> Steps {
        let mut steps = HashMap::new();
        for (rule, place) in rulebook.rules().iter().zip(0..=u16::MAX) {
            for (step, inner) in rule.steps.iter().zip(0..=u16::MAX) {
                let id = StepRef { rule: place, step: inner };
                let name = (rule.id.to_string(), step.name.clone());
                steps.insert(name, (id, rule.revision.to_string()));
            }
        }
        Steps(steps)
    }

    /// The step and its phase, doubted if the rule has changed since.
    fn find<T>(&self, row: PhaseRow<T>) -> Result<(StepRef, Phase<T>), PhaseRow<T>> {
        let PhaseRow(rule, revision, step, phase) = row;
        let name = (rule, step);
        match self.0.get(&name) {
            Some((id, now)) if *now == revision => Ok((*id, phase)),
            Some((id, _)) => Ok((*id, adoption::doubted(phase))),
            None => Err(PhaseRow(name.0, revision, name.1, phase)),
        }
    }
}

fn restore_gateway(gateway: &mut Gateway, row: GatewayRow, steps: &Steps) {
    gateway.current = row.current;
    gateway.spans = VecDeque::from(row.spans);
    gateway.heard = row.heard.map(Listened::from_millis);
    gateway.looked = row.looked.map(Listened::from_millis);
    gateway.hold = row.hold.map(|hold| match hold {
        HoldRow::Until(until) => ClearHold::Until(CentreTime::from_millis(until)),
        HoldRow::UntilLifted => ClearHold::UntilLifted,
    });
    for (id, phase) in row.silence.into_iter().filter_map(|row| steps.find(row).ok()) {
        if let Some((_, known)) = gateway.silence.iter_mut().find(|(known, _)| *known == id) {
            *known = phase.map(Listened::from_millis);
        }
    }
    restore_lane(&mut gateway.lanes[Lane::Urgent], row.urgent);
    restore_lane(&mut gateway.lanes[Lane::Routine], row.routine);
}

fn restore_lane(lane: &mut LaneState, row: LaneRow) {
    lane.span = row.span;
    lane.order = row.order;
    lane.horizon = row.horizon.map(GatewayTime::from_millis);
    lane.suspended = row.suspended;
    (lane.stamp, lane.forgot) = (row.stamp, row.forgot);
    (lane.named, lane.adopted) = (row.named, row.adopted);
    lane.orders = VecDeque::from(row.orders);
    lane.seen = row.seen.map(Listened::from_millis);
    lane.patience = Millis::new(row.patience);
    for (name, blind, forgot, home) in row.devices {
        let place = lane.device(&name);
        lane.devices[place as usize] = Device { name: name.into(), blind, forgot, home };
    }
}

fn restore_point(
    lane: &mut LaneState,
    id: PointId,
    binding: Arc<super::binding::Binding>,
    row: PointRow,
    evidence: Option<Evidence>,
    steps: &Steps,
) -> Result<(), String> {
    let device = lane.device(id.device());
    let mut point = Point::new(id.clone(), Arc::clone(&binding), row.source, device);
    point.evidence = evidence;
    point.time = GatewayTime::from_millis(row.t);
    (point.order, point.stamp) = (row.order, row.stamp);
    (point.numbered, point.by_words) = (row.numbered, row.words);
    point.set_foreign(&row.foreign);
    point.set_provisional(row.told.map(|(span, onset, words)| {
        let states = States::from_words(&words).unwrap_or_default().set;
        Provisional { span, onset: GatewayTime::from_millis(onset), states }
    }));
    let mut stranded = Vec::new();
    for phase in row.phases {
        match steps.find(phase) {
            Ok((id, phase)) => point.set_phase(id, phase.map(GatewayTime::from_millis)),
            Err(PhaseRow(rule, _, step, phase)) => {
                let rule = RuleId::parse(&rule).map_err(|error| error.to_string())?;
                let onset = adoption::raised(phase.map(GatewayTime::from_millis));
                stranded.extend(onset.map(|onset| Stranded { rule, step, onset }));
            }
        }
    }
    lane.unlisted += u32::from(point.is_unlisted());
    let place = lane.add(point);
    if let Some(point) = lane.points[place as usize].as_ref() {
        for step in &binding.steps {
            lane.timers.start(place, point, step);
        }
        lane.timers.settle(place, point);
    }
    if !stranded.is_empty() {
        stranded.into_iter().for_each(|stranded| lane.keep_retired(&id, stranded));
        lane.mark(place);
    }
    Ok(())
}

fn evidence(row: &SaidRow) -> Result<Evidence, String> {
    let said = match (&row.n, row.u, &row.vs) {
        (Some(number), Some(unit), None) => {
            Said::Number(number.parse().map_err(|_| format!("{number:?} is no number"))?, unit)
        }
        (None, None, Some(words)) => {
            Said::States(States::from_words(words).unwrap_or_default().set)
        }
        (None, None, None) => Said::Unknown,
        (_, _, _) => return Err("it says two things at once".to_owned()),
    };
    Ok(Evidence { said, quality: row.q })
}

fn read<T: serde::de::DeserializeOwned>(key: &str, row: &[u8]) -> Result<T, RestoreError> {
    serde_json::from_slice(row).map_err(|error| unreadable(key, error))
}

fn unreadable(key: &str, reason: impl std::fmt::Display) -> RestoreError {
    RestoreError { key: key.to_owned(), reason: reason.to_string() }
}
