//! `GET points`: every point with what it says, whether it is seen, and why its calm would prove
//! nothing. In the order of their names. Filters: `gateway`, `lane`, `notable` (only what is not
//! normal or cannot speak), `point` (only this one).

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use firegrid_rules::decision::{At, Occurrence};
use firegrid_rules::engine::{PhaseView, Standing, Voice};
use firegrid_rules::sight::Sight;
use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state;
use firegrid_wire::time::{CentreTime, Millis};
use tokio::sync::Mutex;

use super::ask::{Asked, Listed};
use super::problem::{Problem, Reason};
use super::shown::{ShownSight, ShownValue, at_gateway, quality_zh, why_not};
use super::{Centre, Shared, in_time};
use crate::calendar::iso;
use crate::judge::events::{POINTS_PER_ANSWER, PointNow, PointsAsked};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 10_000;

/// How old the count of what is watched may be. Every page asks for it.
const COUNT_LASTS: Millis = Millis::seconds(3);

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = PointsShown)]
struct Shown {
    point: String,
    label: String,
    gateway: String,
    unit: Option<String>,
    unit_name: Option<String>,
    #[schema(value_type = String)]
    lane: Lane,
    system: Option<u8>,
    part: Option<u8>,
    zone: Option<String>,
    tags: Vec<String>,
    limits: std::collections::BTreeMap<String, f64>,
    #[schema(value_type = Option<String>)]
    si_unit: Option<Unit>,
    value: Option<ShownValue>,
    #[schema(value_type = String)]
    quality: Quality,
    quality_zh: &'static str,
    time: Option<String>,
    sight: ShownSight,
    can_speak: bool,
    why_not: Option<Reason>,
    /// A fire-class state that a heartbeat told and no numbered reading has confirmed yet.
    provisional: Option<String>,
    phases: Vec<ShownPhase>,
}

/// A step of a rule that is not quiet on the point.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = PointsShownPhase)]
struct ShownPhase {
    rule: String,
    step: String,
    /// `suspected`, `raised`, `clearing` or `retired`.
    standing: &'static str,
    /// Since when; for `clearing` since when calm is proven, null while that stands still.
    since: Option<String>,
}

#[utoipa::path(
    get,
    path = "/points",
    tag = "points",
    operation_id = "list_points",
    summary = "监测点 Every point as it stands",
    params(("gateway" = Option<String>, Query, description = "Only of this gateway"), ("lane" = Option<String>, Query, description = "Only of this lane"), ("notable" = Option<bool>, Query, description = "Only what is not normal or cannot speak"), ("point" = Option<String>, Query, description = "Only this point"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let gateway: Option<GatewayId> = asked.optional("gateway")?;
    let point: Option<FullPointId> = asked.optional("point")?;
    let lane: Option<Lane> = asked.optional("lane")?;
    let notable = asked.flag("notable")?;
    let after: Option<FullPointId> = asked.optional("after")?;
    let limit = asked.limit(200, MOST)?;
    asked.finish()?;
    let mut question = PointsAsked { gateway, point, after, limit: limit + 1 };
    let now = centre.sources.clock.now();
    let wanted = |point: &PointNow| {
        lane.is_none_or(|lane| lane_of(point) == lane) && (!notable || is_notable(point, now))
    };
    let filters = lane.is_some() || notable;
    if filters {
        question.limit = POINTS_PER_ANSWER;
    }
    let mut found: Vec<PointNow> = Vec::new();
    loop {
        let answer = in_time(centre.sources.door.points(question.clone())).await?;
        let whole = answer.len() < question.limit.min(POINTS_PER_ANSWER);
        question.after = answer.last().map(|point| point.view.point.clone());
        found.extend(answer.into_iter().filter(wanted));
        if whole || limit < found.len() {
            break;
        }
        // More than one answer can hold: the limit itself, or one full answer without a filter.
        if !filters {
            question.limit = limit + 1 - found.len();
        }
    }
    let listed = Listed::cut(found, limit, |point| point.view.point.to_string());
    let items = listed.items.into_iter().map(|point| show(&centre, point, now)).collect();
    Ok(Json(Listed { items, next: listed.next }))
}

fn show(centre: &Centre, point: PointNow, now: CentreTime) -> Shown {
    let lane = lane_of(&point);
    let why_not = why_not(&point.view, now);
    let PointNow { view, entry, unit } = point;
    let entry = entry.as_deref();
    Shown {
        label: entry.map_or_else(String::new, |entry| entry.label.clone()),
        gateway: view.point.gateway.to_string(),
        unit_name: centre.places.unit_name(unit.as_deref()),
        unit,
        lane,
        system: entry.map(|entry| entry.system),
        part: entry.map(|entry| entry.part),
        zone: entry.map(|entry| entry.zone.clone()),
        tags: entry.map_or_else(Vec::new, |entry| entry.tags.clone()),
        limits: entry.map(|entry| entry.limits.clone()).unwrap_or_default(),
        si_unit: entry.and_then(|entry| entry.u),
        value: view.value.as_ref().map(ShownValue::of),
        quality: view.quality,
        quality_zh: quality_zh(view.quality),
        time: view.time.map(at_gateway),
        sight: ShownSight::of(view.sight),
        can_speak: why_not.is_none(),
        why_not,
        provisional: view.provisional.map(|states| states.to_string()),
        phases: view.phases.iter().map(show_phase).collect(),
        point: view.point.to_string(),
    }
}

fn show_phase(phase: &PhaseView) -> ShownPhase {
    let raised = |occurrence: &Occurrence| Some(at(occurrence.at));
    let (standing, since) = match &phase.standing {
        Standing::Suspected { since } => ("suspected", Some(at(*since))),
        Standing::Raised { occurrence } => ("raised", raised(occurrence)),
        Standing::Clearing { calm_since, .. } => ("clearing", calm_since.map(at)),
        Standing::Retired { occurrence } => ("retired", raised(occurrence)),
    };
    ShownPhase { rule: phase.rule.to_string(), step: phase.step.clone(), standing, since }
}

fn at(moment: At) -> String {
    iso(moment.millis())
}

/// The lane of a point, also while its catalogue is not known.
pub(super) fn lane_of(point: &PointNow) -> Lane {
    match (&point.entry, &point.view.value) {
        (Some(entry), _) => entry.lane,
        (None, Some(Value::Number(..))) => Lane::Routine,
        (None, Some(Value::States(_) | Value::Unknown) | None) => Lane::Urgent,
    }
}

/// Whether somebody should look at it: it is not normal, or its calm proves nothing.
fn is_notable(point: &PointNow, now: CentreTime) -> bool {
    let abnormal = match &point.view.value {
        Some(Value::States(states)) => !states.set.is_normal() || !states.foreign.is_empty(),
        Some(Value::Number(..)) => false,
        Some(Value::Unknown) | None => true,
    };
    abnormal
        || point.view.quality != Quality::Good
        || point.view.provisional.is_some()
        || !point.view.phases.is_empty()
        || why_not(&point.view, now).is_some()
}

/// How many points there are, and how many of them can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = PointsWatched)]
pub(super) struct Watched {
    pub(super) total: usize,
    pub(super) speaking: usize,
}

/// What is watched of one gateway. A point is counted once: as `watched`, else as the first of
/// `never`, `blind`, `shielded` and `in_test` that it is, or as none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) points: usize,
    pub(super) watched: usize,
    pub(super) never: usize,
    pub(super) blind: usize,
    pub(super) shielded: usize,
    pub(super) in_test: usize,
}

impl Tally {
    fn count(&mut self, point: &PointNow, now: CentreTime) {
        self.points += 1;
        if why_not(&point.view, now).is_none() {
            self.watched += 1;
            return;
        }
        match (point.view.sight, point.view.voice) {
            (Sight::Never, _) => self.never += 1,
            (Sight::Blind { .. }, _) => self.blind += 1,
            (Sight::Seen { .. }, Voice::Mute(states)) if states.has(state::State::Disabled) => {
                self.shielded += 1;
            }
            (Sight::Seen { .. }, Voice::Mute(states)) if states.has(state::State::Test) => {
                self.in_test += 1;
            }
            (
                Sight::Seen { .. },
                Voice::Mute(_) | Voice::Speaks | Voice::Unknown | Voice::Doubtful(_),
            ) => {}
        }
    }
}

/// Shows every point that is asked for, however many answers that takes.
pub(super) async fn look_at_all(
    centre: &Centre,
    mut question: PointsAsked,
    mut look: impl FnMut(&PointNow),
) -> Result<(), Problem> {
    question.limit = POINTS_PER_ANSWER;
    loop {
        let answer = in_time(centre.sources.door.points(question.clone())).await?;
        answer.iter().for_each(&mut look);
        if answer.len() < POINTS_PER_ANSWER {
            return Ok(());
        }
        question.after = answer.last().map(|point| point.view.point.clone());
    }
}

/// When it was counted, and what is watched of each gateway.
type Counted = (CentreTime, Arc<HashMap<GatewayId, Tally>>);

/// The last count of what is watched. Behind a lock, because every page asks for it every few
/// seconds and one count serves them all.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Mutex<Option<Counted>>,
}

impl Watch {
    /// The count, at most a few seconds old.
    pub(super) async fn count(&self, centre: &Centre) -> Result<Watched, Problem> {
        let tallies = self.by_gateway(centre).await?;
        let mut watched = Watched::default();
        for tally in tallies.values() {
            watched.total += tally.points;
            watched.speaking += tally.watched;
        }
        Ok(watched)
    }

    /// The count of each gateway, at most a few seconds old.
    pub(super) async fn by_gateway(
        &self,
        centre: &Centre,
    ) -> Result<Arc<HashMap<GatewayId, Tally>>, Problem> {
        let now = centre.sources.clock.now();
        // Whoever counts now is waited for no longer than the judge is.
        let lock = async { Ok::<_, Problem>(self.last.lock().await) };
        let mut last = in_time(lock).await?;
        if let Some((at, tallies)) = &*last
            && now.since(*at) < COUNT_LASTS
        {
            return Ok(Arc::clone(tallies));
        }
        let mut tallies: HashMap<GatewayId, Tally> = HashMap::new();
        let count = |point: &PointNow| {
            let gateway = point.view.point.gateway.clone();
            tallies.entry(gateway).or_default().count(point, now);
        };
        look_at_all(centre, PointsAsked::default(), count).await?;
        let tallies = Arc::new(tallies);
        *last = Some((now, Arc::clone(&tallies)));
        Ok(tallies)
    }
}
