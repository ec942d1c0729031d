//! From rows back to what the engine knew.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::span::Lane;
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::joined;
use super::numbers::{self, Stored};
use super::{
    EAR, EarRow, GatewayRow, HoldRow, LaneRow, PhaseRow, PointRow, RETIRED, RaisedByRow,
    RetiredRow, SaidRow,
};
use crate::condition::{Evidence, Said};
use crate::engine::binding::{Binding, BoundStep, StepRef};
use crate::engine::gateway::Gateway;
use crate::engine::lane::{Device, LaneState};
use crate::engine::point::{Elder, Point, Provisional, Read, Stranded};
use crate::engine::{ClearHold, Engine, RestoreError, StateKey, adoption};
use crate::phase::{Onset, Phase, Timing};
use crate::rulebook::{Revision, RuleId, Rulebook};
use crate::sight::{Ear, Listened};
use crate::window::Window;

pub(in crate::engine) fn restore(
    engine: &mut Engine,
    rows: impl IntoIterator<Item = (StateKey, Vec<u8>)>,
) -> Result<(), RestoreError> {
    let steps = Steps::of(&engine.rulebook);
    // A point's row needs its gateway's, whatever the order in which they come.
    let mut points = Vec::new();
    let mut stored: BTreeMap<(usize, Lane), Stored> = BTreeMap::new();
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
        if let Some((gateway, rest)) = key.split_once(joined::KEY) {
            let gateway = GatewayId::parse(gateway).map_err(|error| unreadable(&key, error))?;
            let place = engine.place(&gateway);
            let rules = (&*engine.rulebook, &steps);
            joined::restore(&mut engine.gateways[place], &key, rest, &row, rules)?;
            continue;
        }
        let mut parts = key.splitn(3, '/');
        let mut part = || parts.next().ok_or_else(|| unreadable(&key, "its key is too short"));
        let (gateway, lane, rest) = (part()?, part()?, part()?);
        let gateway = GatewayId::parse(gateway).map_err(|error| unreadable(&key, error))?;
        let lane: Lane = lane.parse().map_err(|error| unreadable(&key, error))?;
        if let Some(slot) = numbers::slot(rest) {
            let place = engine.place(&gateway);
            let stored = stored.entry((place, lane)).or_default();
            stored.take(slot, row).map_err(|reason| unreadable(&key, reason))?;
            continue;
        }
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
    for ((place, lane), stored) in stored {
        let Engine { gateways, bindings, .. } = engine;
        let gateway = &mut gateways[place];
        restore_numbers(&mut gateway.lanes[lane], &stored, &bindings.words).map_err(
            |(slot, reason)| unreadable(&numbers::key(&gateway.id, lane, slot).0, reason),
        )?;
    }
    Ok(())
}

/// What stands among the numbers of a lane and in no row of its own.
fn restore_numbers(
    lane: &mut LaneState,
    stored: &Stored,
    words: &Arc<Binding>,
) -> Result<(), (u32, String)> {
    for told in stored.told(&mut lane.numbers)? {
        if lane.names.find(&told.id).is_some() {
            continue;
        }
        let device = lane.device(told.id.device());
        let mut point = Point::new(&told.id, Arc::clone(words), told.source, device);
        point.set_evidence(told.evidence);
        (point.time, point.order, point.stamp) = (told.time, told.order, told.stamp);
        point.read = told.read;
        lane.unlisted += u32::from(point.is_unlisted());
        lane.add(told.id, point);
    }
    Ok(())
}

type Found<T> = (StepRef, Phase<T>, Option<Box<RaisedByRow>>);

/// Where each step stands in the rulebook, and the revision of its rule.
pub(super) struct Steps(HashMap<(String, String), (StepRef, String)>);

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

    /// Where a step stands now.
    pub(super) fn place(&self, rule: String, step: String) -> Option<StepRef> {
        self.0.get(&(rule, step)).map(|(id, _)| *id)
    }

    /// The step and its phase, whatever its rule is now.
    pub(super) fn any<T>(&self, row: PhaseRow<T>) -> Result<(StepRef, Phase<T>), PhaseRow<T>> {
        let PhaseRow(rule, revision, step, phase, raised) = row;
        match self.place(rule.clone(), step.clone()) {
            Some(id) => Ok((id, phase)),
            None => Err(PhaseRow(rule, revision, step, phase, raised)),
        }
    }

    /// The step and its phase, doubted if the rule has changed since.
    fn find<T>(&self, row: PhaseRow<T>) -> Result<Found<T>, PhaseRow<T>> {
        let PhaseRow(rule, revision, step, phase, raised) = row;
        let name = (rule, step);
        match self.0.get(&name) {
            Some((id, now)) if *now == revision => Ok((*id, phase, raised)),
            Some((id, _)) => {
                let raised = raised.map(|raised| Box::new(RaisedByRow { told: false, ..*raised }));
                Ok((*id, adoption::doubted(phase), raised))
            }
            None => Err(PhaseRow(name.0, revision, name.1, phase, raised)),
        }
    }
}

impl RaisedByRow {
    fn elder(self, id: StepRef) -> Result<Elder, String> {
        let revision: Revision =
            self.revision.parse().map_err(|_| format!("{:?} is no revision", self.revision))?;
        let step = BoundStep {
            id,
            timing: Timing { held_for: self.held_for, clear_for: self.clear_for },
            fire_class: self.when.is_fire_class(),
            when: self.when,
            clear_when: self.calm,
            by_words: self.words,
        };
        Ok(Elder { revision, step, told: self.told })
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
    for (id, phase, _) in row.silence.into_iter().filter_map(|row| steps.find(row).ok()) {
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
    binding: Arc<Binding>,
    row: PointRow,
    evidence: Option<Evidence>,
    steps: &Steps,
) -> Result<(), String> {
    let device = lane.device(id.device());
    let mut point = Point::new(&id, Arc::clone(&binding), row.source, device);
    if let Some(evidence) = evidence {
        point.set_evidence(evidence);
    }
    point.time = GatewayTime::from_millis(row.t);
    (point.order, point.stamp) = (row.order, row.stamp);
    point.read = match (row.numbered, row.words) {
        (false, _) => Read::Never,
        (true, true) => Read::ByWords,
        (true, false) => Read::ByCatalogue,
    };
    point.set_foreign(&row.foreign);
    point.set_windows(row.windows.into_iter().map(Window::restored).collect());
    point.set_provisional(row.told.map(|(span, onset, words)| {
        let states = States::from_words(&words).unwrap_or_default().set;
        Provisional { span, onset: GatewayTime::from_millis(onset), states }
    }));
    let mut stranded = Vec::new();
    for phase in row.phases {
        match steps.find(phase) {
            Ok((id, phase, raised)) => {
                point.set_phase(id, phase.map(GatewayTime::from_millis));
                if let Some(raised) = raised {
                    point.set_elder(id, Some(raised.elder(id)?));
                }
            }
            Err(PhaseRow(rule, _, step, phase, _)) => {
                let rule = RuleId::parse(&rule).map_err(|error| error.to_string())?;
                let onset = adoption::raised(phase.map(GatewayTime::from_millis));
                stranded.extend(onset.map(|onset| Stranded { rule, step, onset }));
            }
        }
    }
    lane.unlisted += u32::from(point.is_unlisted());
    point.written(true);
    let place = lane.add(id.clone(), point);
    if let Some(point) = lane.points[place as usize].as_ref() {
        for step in &binding.steps {
            lane.timers.start(place, point, step);
        }
        lane.timers.settle(place, point);
    }
    lane.look_again(place);
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

pub(super) fn read<T: serde::de::DeserializeOwned>(
    key: &str,
    row: &[u8],
) -> Result<T, RestoreError> {
    serde_json::from_slice(row).map_err(|error| unreadable(key, error))
}

pub(super) fn unreadable(key: &str, reason: impl std::fmt::Display) -> RestoreError {
    RestoreError { key: key.to_owned(), reason: reason.to_string() }
}
