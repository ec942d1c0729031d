//! What the engine shows of itself.

use std::fmt;

use firegrid_wire::names::{FullPointId, GatewayId, PointId};
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::{Lane, PerLane};
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::gateway::Gateway;
use super::lane::LaneState;
use super::point::Point;
use super::{Engine, scene};
use crate::condition::Said;
use crate::decision::{At, Occurrence};
use crate::phase::{Instant, Onset, Phase, Timer};
use crate::rulebook::RuleId;
use crate::sight::{Blindness, Listened, Sight};

/// One point as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PointView {
    /// Its name.
    pub point: FullPointId,
    /// What it said last; none: nothing yet.
    pub value: Option<Value>,
    /// How far to believe that.
    pub quality: Quality,
    /// When it said so.
    pub time: Option<GatewayTime>,
    /// Whether it is seen.
    pub sight: Sight,
    /// Whether its silence about a state proves anything.
    pub voice: Voice,
    /// A fire-class state that a heartbeat told and no numbered reading has confirmed yet.
    pub provisional: Option<StateSet>,
    /// Every step of a rule that is not quiet on it.
    pub phases: Vec<PhaseView>,
}

/// Whether what a point does not say proves anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// It can speak.
    Speaks,
    /// It is shielded, under test or absent: these states keep it silent.
    Mute(StateSet),
    /// Its device cannot say, or nothing was read yet.
    Unknown,
    /// Its quality is not good.
    Doubtful(Quality),
}

/// One step of a rule that is not quiet on a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseView {
    /// The rule.
    pub rule: RuleId,
    /// The step.
    pub step: String,
    /// Where it stands.
    pub standing: Standing,
}

/// Where a step stands on a subject, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its condition holds, but not yet for long enough.
    Suspected {
        /// Since when.
        since: At,
    },
    /// It is raised.
    Raised {
        /// Which raising it is.
        occurrence: Occurrence,
    },
    /// It is raised, and calm is being proven.
    Clearing {
        /// Which raising it is.
        occurrence: Occurrence,
        /// Since when calm is proven; none: the proof stands still.
        calm_since: Option<At>,
    },
    /// It is raised on a point that is another one now or is gone. A person must decide.
    Retired {
        /// Which raising it is.
        occurrence: Occurrence,
    },
}

/// Why something may not be closed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotYet {
    /// The condition holds, as far as is known.
    Holds {
        /// Since when.
        since: At,
    },
    /// Calm is being proven.
    Calm {
        /// Since when; none: the proof stands still.
        since: Option<At>,
        /// How long it must last.
        of: Millis,
    },
    /// The point or gateway is not seen now.
    Blind {
        /// The last moment at which it was.
        last: Option<CentreTime>,
    },
    /// The point is shielded, under test or absent.
    Mute(StateSet),
    /// The point's quality is not good.
    Doubtful(Quality),
    /// The point cannot say, or is not known here.
    Unknown,
    /// The point that raised it is another one now or is gone: only a person can decide.
    Retired,
    /// Two boxes seem to use this gateway's identity.
    TwoBoxes,
}

impl NotYet {
    /// The reason on Chinese pages.
    pub fn zh(&self) -> String {
        match self {
            NotYet::Holds { .. } => "故障仍存在，不能结案".to_owned(),
            NotYet::Calm { since: Some(_), of } => {
                format!("已恢复，但尚未稳定满 {of}，不能结案")
            }
            NotYet::Calm { since: None, of } => {
                format!("恢复证明中断，需重新稳定满 {of}，不能结案")
            }
            NotYet::Blind { .. } => "点位当前不可见，无法证明已恢复，不能结案".to_owned(),
            NotYet::Mute(states) => {
                let words: Vec<&str> =
                    states.intersection(StateSet::MUTE).iter().map(State::zh).collect();
                format!("点位处于{}状态，无法证明已恢复，不能结案", words.join("、"))
            }
            NotYet::Doubtful(_) => "读数质量异常，无法证明已恢复，不能结案".to_owned(),
            NotYet::Unknown => "点位状态未知，无法证明已恢复，不能结案".to_owned(),
            NotYet::Retired => "点位已变更或移除，需上级网格说明原因后销案".to_owned(),
            NotYet::TwoBoxes => "疑似两台网关使用同一身份，核实前不能结案".to_owned(),
        }
    }
}

impl fmt::Display for NotYet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotYet::Holds { .. } => f.write_str("the condition still holds"),
            NotYet::Calm { since: Some(_), of } => {
                write!(f, "it is calm, but has not been so for {of}")
            }
            NotYet::Calm { since: None, of } => {
                write!(f, "the proof of calm was broken and must last {of} from anew")
            }
            NotYet::Blind { .. } => f.write_str("it is not seen now and proves nothing"),
            NotYet::Mute(states) => {
                write!(f, "it is {} and proves nothing", states.intersection(StateSet::MUTE))
            }
            NotYet::Doubtful(quality) => write!(f, "its quality is {quality} and proves nothing"),
            NotYet::Unknown => f.write_str("its state is unknown and proves nothing"),
            NotYet::Retired => {
                f.write_str("its point is another one now or is gone: a person must decide")
            }
            NotYet::TwoBoxes => f.write_str("two boxes seem to use this gateway's identity"),
        }
    }
}

/// One point as it stands.
pub(super) fn point(engine: &Engine, point: &FullPointId, now: CentreTime) -> Option<PointView> {
    let gateway = engine.get(&point.gateway)?;
    views(engine, gateway, now, Some(point)).into_iter().next()
}

/// Up to where the lanes of a gateway are judged.
pub(super) fn horizons(engine: &Engine, gateway: &GatewayId) -> PerLane<Option<GatewayTime>> {
    let known = engine.index.get(gateway).map(|index| &engine.gateways[*index]);
    PerLane::from_fn(|lane| known.and_then(|known| known.lanes[lane].horizon))
}

/// All points of a gateway as they stand, by name.
pub(super) fn points(engine: &Engine, gateway: &GatewayId, now: CentreTime) -> Vec<PointView> {
    let gateway = engine.get(gateway);
    let mut views = gateway.map_or(Vec::new(), |gateway| views(engine, gateway, now, None));
    views.sort_by(|one, other| one.point.cmp(&other.point));
    views
}

/// A point that stands in both lanes (a device's `comm`) is shown from the one that speaks
/// for it.
fn views(
    engine: &Engine,
    gateway: &Gateway,
    now: CentreTime,
    only: Option<&FullPointId>,
) -> Vec<PointView> {
    let mut found: Vec<PointView> = Vec::new();
    for lane in Lane::ALL {
        let state = &gateway.lanes[lane];
        let places: Vec<u32> = match only {
            Some(only) => state.names.find(&only.point).into_iter().collect(),
            None => state.names.places().collect(),
        };
        for place in places {
            let Some(point) = &state.points[place as usize] else { continue };
            let home = state.devices.get(point.device as usize).is_none_or(|device| device.home);
            if point.comm && !home {
                continue;
            }
            let Some(name) = state.names.name(place) else { continue };
            found.push(view(engine, gateway, state, place, (point, &name), now));
        }
        for (point, stranded) in &state.retired {
            let wanted = only.is_none_or(|only| only.point == *point);
            let phases = stranded.iter().map(|stranded| PhaseView {
                rule: stranded.rule.clone(),
                step: stranded.step.clone(),
                standing: Standing::Retired { occurrence: occurrence(stranded.onset) },
            });
            match found.iter_mut().find(|view| view.point.point == *point) {
                Some(view) => view.phases.extend(phases),
                None if wanted => found.push(PointView {
                    point: FullPointId { gateway: gateway.id.clone(), point: point.clone() },
                    value: None,
                    quality: Quality::Good,
                    time: None,
                    sight: Sight::Never,
                    voice: Voice::Unknown,
                    provisional: None,
                    phases: phases.collect(),
                }),
                None => {}
            }
        }
    }
    found
}

fn view(
    engine: &Engine,
    gateway: &Gateway,
    lane: &LaneState,
    place: u32,
    (point, name): (&Point, &PointId),
    now: CentreTime,
) -> PointView {
    let own = point.phases().iter().copied();
    let joined = gateway.joined.of_point(name).map(|(id, finding)| (id, finding.phase));
    let phases = own.chain(joined).filter_map(|(id, phase)| {
        let (rule, step) = scene::step(&engine.rulebook, id)?;
        let standing = standing(phase)?;
        Some(PhaseView { rule: rule.id.clone(), step: step.name.clone(), standing })
    });
    PointView {
        point: FullPointId { gateway: gateway.id.clone(), point: name.clone() },
        value: point.value(),
        quality: point.quality(),
        time: point.is_numbered().then_some(point.time),
        sight: sight(engine, lane, place, now),
        voice: voice(point),
        provisional: point.provisional().map(|told| told.states),
        phases: phases.collect(),
    }
}

/// Whether a point is seen at this moment.
pub(super) fn sight(engine: &Engine, lane: &LaneState, place: u32, now: CentreTime) -> Sight {
    let last = lane.seen.map(Listened::at);
    let numbered = lane.points[place as usize].as_ref().is_some_and(Point::is_numbered);
    let silent = is_silent(engine, lane, now);
    match last {
        _ if !numbered => Sight::Never,
        _ if lane.is_blind(place) => Sight::Blind { last, cause: Blindness::Device },
        Some(last) if !silent && lane.is_known(place) => Sight::Seen { last },
        Some(_) | None => {
            let cause = if silent { Blindness::Silence } else { Blindness::Hole };
            Sight::Blind { last, cause }
        }
    }
}

/// Whether a lane is not seen at this moment.
pub(super) fn is_silent(engine: &Engine, lane: &LaneState, now: CentreTime) -> bool {
    let now = engine.ear.listened(now);
    lane.seen.is_none_or(|seen| lane.patience <= now.elapsed_since(seen))
}

fn voice(point: &Point) -> Voice {
    match point.evidence() {
        None => Voice::Unknown,
        Some(evidence) => match (evidence.said, evidence.quality) {
            (Said::States(states), _) if !states.can_speak() => {
                Voice::Mute(states.intersection(StateSet::MUTE))
            }
            (_, quality) if quality != Quality::Good => Voice::Doubtful(quality),
            (Said::Unknown, _) => Voice::Unknown,
            (Said::Number(..) | Said::States(_), _) => Voice::Speaks,
        },
    }
}

fn standing(phase: Phase<GatewayTime>) -> Option<Standing> {
    Some(match phase {
        Phase::Quiet => return None,
        Phase::Suspected { since, .. } => Standing::Suspected { since: At::Gateway(since) },
        Phase::Raised { onset } => Standing::Raised { occurrence: occurrence(onset) },
        Phase::Clearing { onset, proof } => Standing::Clearing {
            occurrence: occurrence(onset),
            calm_since: match proof {
                Timer::Running(since) => Some(At::Gateway(since)),
                Timer::Standing => None,
            },
        },
    })
}

fn occurrence(onset: Onset<GatewayTime>) -> Occurrence {
    Occurrence { span: onset.span, at: At::Gateway(onset.at) }
}
