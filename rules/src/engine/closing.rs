//! Whether what a rule found is proven to be over.
//!
//! Calm that was proven once is not enough: at the moment of closing the subject must still be
//! seen and be able to speak. Notes hinder nothing.

use firegrid_wire::names::{FullPointId, PointId};
use firegrid_wire::reading::Quality;
use firegrid_wire::span::Lane;
use firegrid_wire::state::StateSet;
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::Engine;
use super::binding::{BoundStep, StepRef};
use super::gateway::Gateway;
use super::lane::LaneState;
use super::point::Point;
use super::scene;
use super::view::{self, NotYet};
use crate::condition::{Evidence, Said, Verdict};
use crate::decision::{At, Subject};
use crate::phase::{Phase, Timer};
use crate::rulebook::{Effect, RuleId, Step};
use crate::sight::{Listened, Sight};

pub(super) fn may_close(
    engine: &Engine,
    subject: &Subject,
    rule: &RuleId,
    now: CentreTime,
) -> Result<(), NotYet> {
    match subject {
        Subject::Gateway(id) => {
            let gateway = engine.get(id).ok_or(NotYet::Unknown)?;
            free_to_clear(gateway, now)?;
            silence(engine, gateway, rule, now)
        }
        Subject::Point(FullPointId { gateway, point }) => {
            let gateway = engine.get(gateway).ok_or(NotYet::Unknown)?;
            free_to_clear(gateway, now)?;
            let mut found = false;
            for lane in Lane::ALL {
                let state = &gateway.lanes[lane];
                let retired = state.retired.get(point).into_iter().flatten();
                if retired.clone().any(|stranded| stranded.rule == *rule) {
                    return Err(NotYet::Retired);
                }
                found |= in_lane(engine, state, point, rule, now)?;
            }
            found |= over_both(engine, gateway, point, rule, now)?;
            if found { Ok(()) } else { Err(NotYet::Unknown) }
        }
    }
}

fn free_to_clear(gateway: &Gateway, now: CentreTime) -> Result<(), NotYet> {
    if gateway.may_clear(now) { Ok(()) } else { Err(NotYet::TwoBoxes) }
}

fn silence(
    engine: &Engine,
    gateway: &Gateway,
    rule: &RuleId,
    now: CentreTime,
) -> Result<(), NotYet> {
    let mut found = false;
    for (id, phase) in &gateway.silence {
        let Some(step) = grave(engine, *id, rule) else { continue };
        found = true;
        match *phase {
            Phase::Quiet => {}
            Phase::Suspected { since, .. } => {
                return Err(NotYet::Holds { since: At::Centre(since.at()) });
            }
            Phase::Raised { onset } => {
                return Err(NotYet::Holds { since: At::Centre(onset.at.at()) });
            }
            Phase::Clearing { proof, .. } => {
                let since = match proof {
                    Timer::Running(since) => Some(At::Centre(since.at())),
                    Timer::Standing => None,
                };
                return Err(NotYet::Calm { since, of: step.clear_for });
            }
        }
    }
    if !found {
        return Err(NotYet::Unknown);
    }
    if gateway.is_silent(engine.ear.listened(now)) {
        return Err(NotYet::Blind { last: gateway.heard.map(Listened::at) });
    }
    Ok(())
}

/// Whether the lane has the point at all, or why what was found on it is not over.
fn in_lane(
    engine: &Engine,
    lane: &LaneState,
    id: &PointId,
    rule: &RuleId,
    now: CentreTime,
) -> Result<bool, NotYet> {
    let Some(place) = lane.names.find(id) else { return Ok(false) };
    let Some(point) = &lane.points[place as usize] else { return Ok(false) };
    let time = lane.horizon.unwrap_or(point.time);
    let unbound = point.phases().iter().filter(|(id, _)| !binds(point, *id));
    let mut found = false;
    for (step, phase) in unbound {
        if grave(engine, *step, rule).is_some() {
            standing(*phase, None)?;
        }
    }
    for bound in &point.binding.steps {
        let Some(step) = grave(engine, bound.id, rule) else { continue };
        found = true;
        let phase = point.phase(bound.id);
        if !holds_for_sure(point, bound, time) {
            match view::sight(engine, lane, place, now) {
                Sight::Seen { .. } => {}
                Sight::Blind { last, .. } => return Err(NotYet::Blind { last }),
                Sight::Never => return Err(NotYet::Unknown),
            }
            if verdicts(point, bound, time).1 == Verdict::Undecided {
                return Err(cannot_say(point));
            }
        }
        standing(phase, Some(step))?;
        if verdicts(point, bound, time).1 != Verdict::Met {
            return Err(NotYet::Holds { since: At::Gateway(point.time) });
        }
    }
    Ok(found)
}

/// Whether a step that looks at several points looks at this one, or why what it found is not
/// over. All lanes that it looks at must be seen.
fn over_both(
    engine: &Engine,
    gateway: &Gateway,
    point: &PointId,
    rule: &RuleId,
    now: CentreTime,
) -> Result<bool, NotYet> {
    let joined = &gateway.joined;
    for (id, finding) in joined.of_point(point) {
        if let Some(step) = grave(engine, id, rule) {
            standing(finding.phase, Some(step))?;
        }
    }
    // Which points stand beside it nobody knows before the catalogue is taken up again.
    let asks = |lane: Lane| {
        let state = &gateway.lanes[lane];
        let known = state.names.find(point).and_then(|place| state.points[place as usize].as_ref());
        let mut parts = known.into_iter().flat_map(|known| &known.binding.parts);
        parts.any(|part| part.of.is_when() && grave(engine, part.of.step, rule).is_some())
    };
    if !joined.is_in_force() && Lane::ALL.into_iter().any(asks) {
        return Err(NotYet::Unknown);
    }
    let mut found = false;
    for calm in joined.asked(point).filter(|(id, _)| grave(engine, *id, rule).is_some()) {
        found = true;
        for lane in Lane::ALL.into_iter().filter(|lane| joined.lanes()[*lane]) {
            let state = &gateway.lanes[lane];
            if view::is_silent(engine, state, now) {
                return Err(NotYet::Blind { last: state.seen.map(Listened::at) });
            }
        }
        if calm.1 != Verdict::Met {
            return Err(NotYet::Unknown);
        }
    }
    Ok(found)
}

fn standing(phase: Phase<GatewayTime>, step: Option<&Step>) -> Result<(), NotYet> {
    match phase {
        Phase::Quiet => Ok(()),
        Phase::Suspected { since, .. } => Err(NotYet::Holds { since: At::Gateway(since) }),
        Phase::Raised { onset } => Err(NotYet::Holds { since: At::Gateway(onset.at) }),
        Phase::Clearing { proof, .. } => {
            let since = match proof {
                Timer::Running(since) => Some(At::Gateway(since)),
                Timer::Standing => None,
            };
            Err(NotYet::Calm { since, of: step.map(|step| step.clear_for).unwrap_or_default() })
        }
    }
}

fn holds_for_sure(point: &Point, step: &BoundStep, now: GatewayTime) -> bool {
    verdicts(point, step, now).0 == Verdict::Met
}

fn verdicts(point: &Point, step: &BoundStep, now: GatewayTime) -> (Verdict, Verdict) {
    let evidence = Evidence { said: Said::Unknown, quality: Quality::Good };
    point.verdicts(step, point.evidence().unwrap_or(evidence), now)
}

/// Why what a point says decides nothing.
fn cannot_say(point: &Point) -> NotYet {
    match point.evidence() {
        Some(Evidence { said: Said::States(states), .. }) if !states.can_speak() => {
            NotYet::Mute(states.intersection(StateSet::MUTE))
        }
        Some(Evidence { quality, .. }) if quality != Quality::Good => NotYet::Doubtful(quality),
        Some(_) | None => NotYet::Unknown,
    }
}

fn binds(point: &Point, id: StepRef) -> bool {
    point.binding.steps.iter().any(|step| step.id == id)
}

/// The step, if it is one of this rule that opens an alarm or a hazard.
fn grave<'a>(engine: &'a Engine, id: StepRef, rule: &RuleId) -> Option<&'a Step> {
    let (found, step) = scene::step(&engine.rulebook, id)?;
    let grave = match step.effect {
        Effect::Alarm | Effect::Hazard => true,
        Effect::Note => false,
    };
    (found.id == *rule && grave).then_some(step)
}
