//! `GET alarms`: the newest first. Filters: `state` (a state, or `open`), `kind`, `unit`.
//! `GET alarms/{id}`: one with its history. `POST alarms/{id}/acknowledge` and
//! `POST alarms/{id}/close` with a verdict.
//!
//! Alarms that could not be recorded yet (未入库) stand before the others with
//! `"recorded": false`: a fire must reach the wall whatever the disk does.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use firegrid_rules::alarm::{State as AlarmState, Verdict};
use firegrid_rules::rulebook::{RuleId, Severity};
use firegrid_wire::names::FullPointId;
use firegrid_wire::time::CentreTime;

use super::ask::{Asked, Body, Listed, note, person};
use super::deed::{ShownDeed, act};
use super::places::Whereabouts;
use super::problem::{Problem, Reason};
use super::shown::{at_centre, at_gateway, why_not};
use super::{Centre, JUDGE_PATIENCE, Shared, in_time};
use crate::api::problem::Refusal;
use crate::judge::events::{Action, Done, PointsAsked};
use crate::storage::alarms::{self, Alarm, AlarmFilter};
use crate::storage::history::HistoryLine;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 1_000;

/// At most so many points are looked at for one list.
const LOOKED_AT: usize = 200;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one))
        .routes(routes!(acknowledge))
        .routes(routes!(close))
}

/// An alarm as answers show it.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = AlarmsShown)]
pub(super) struct Shown {
    id: String,
    kind: String,
    title: String,
    title_en: String,
    rule: String,
    step: String,
    #[schema(value_type = String)]
    severity: Severity,
    severity_zh: &'static str,
    #[schema(value_type = String)]
    state: AlarmState,
    state_zh: &'static str,
    gateway: String,
    point: Option<String>,
    label: Option<String>,
    #[serde(flatten)]
    whereabouts: Whereabouts,
    /// When it happened: in gateway time if it was judged in it.
    raised: String,
    /// When the centre knew.
    arrived: String,
    changed: String,
    marks: Vec<String>,
    reason: Reason,
    advice: Option<String>,
    advice_en: Option<String>,
    relapses: u32,
    acknowledged: Option<ShownDeed>,
    returned: Option<String>,
    closed: Option<ShownDeed>,
    #[schema(value_type = Option<String>)]
    verdict: Option<Verdict>,
    exception: Option<String>,
    /// The point it stands on is another one now or is gone: only a person can close it.
    retired: bool,
    recorded: bool,
    /// The number of its last line of history: give it back with what is done.
    version: u32,
    /// Whether it must be heard.
    sounds: bool,
    zone: Option<String>,
    /// Its place among the fires of its unit.
    incident: Option<ShownPlace>,
    /// Why its point cannot be seen, or cannot speak, now.
    blind: Option<Reason>,
}

/// An alarm's place in its incident.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = AlarmsShownPlace)]
struct ShownPlace {
    id: String,
    /// Whether it is the first alarm 首警.
    first: bool,
    place: u32,
    new_zone: bool,
}

#[utoipa::path(
    get,
    path = "/alarms",
    tag = "alarms",
    operation_id = "list_alarms",
    summary = "实时报警 Live alarms, the newest first",
    params(("state" = Option<String>, Query, description = "Only in this state; `open`: whatever is not over"), ("kind" = Option<String>, Query, description = "Only of this kind"), ("unit" = Option<String>, Query, description = "Only of this unit"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let state = asked.text("state")?;
    let kind = asked.text("kind")?;
    let unit = asked.text("unit")?;
    let after = asked.text("after")?;
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    let open = state.as_deref() == Some("open");
    let state: Option<AlarmState> = match state.as_deref() {
        None | Some("open") => None,
        Some(word) => Some(word.parse().map_err(|error| {
            Problem::misasked("没有这种状态。", format!("state: {error}, open"))
        })?),
    };
    let filter = AlarmFilter {
        state,
        open,
        kind: kind.clone(),
        unit: unit.clone(),
        before: after.as_deref().map(read_cursor).transpose()?,
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let wanted = |alarm: &Alarm| {
        state.is_none_or(|state| alarm.state == state)
            && kind.as_ref().is_none_or(|kind| alarm.kind == *kind)
            && unit.as_ref().is_none_or(|unit| alarm.unit.as_ref() == Some(unit))
    };
    // A database that hangs must not hold up the alarms that need none.
    let recorded = alarms::list(&centre.sources.reader, &filter);
    let recorded = tokio::time::timeout(JUDGE_PATIENCE, recorded).await;
    let mut unrecorded = Vec::new();
    if filter.before.is_none() {
        // A judge that is stuck must not hide what is recorded; health tells of it.
        unrecorded = in_time(centre.sources.door.unrecorded()).await.unwrap_or_default();
        unrecorded.retain(wanted);
    }
    let recorded = match recorded {
        Ok(Ok(recorded)) => recorded,
        // The database fails, and there are alarms that need none: they are what matters now.
        Ok(Err(_)) | Err(_) if !unrecorded.is_empty() => Vec::new(),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(Problem::try_again()),
    };
    unrecorded.truncate(MOST);
    let listed = Listed::cut(recorded, limit, |alarm| cursor(alarm.raised, &alarm.id));
    let known: Vec<&str> = listed.items.iter().map(|alarm| alarm.id.as_str()).collect();
    unrecorded.retain(|alarm| !known.contains(&alarm.id.as_str()));
    let seen = looked_at(&centre, unrecorded.iter().chain(&listed.items)).await;
    let first = unrecorded.iter().map(|alarm| show(&centre, alarm, &seen, false));
    let rest = listed.items.iter().map(|alarm| show(&centre, alarm, &seen, true));
    Ok(Json(Listed { items: first.chain(rest).collect(), next: listed.next }))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = AlarmsWithHistory)]
struct WithHistory {
    #[serde(flatten)]
    alarm: Shown,
    history: Vec<ShownLine>,
}

#[utoipa::path(
    get,
    path = "/alarms/{id}",
    tag = "alarms",
    operation_id = "one_alarms",
    summary = "一条报警及其历史 One alarm with its history",
    params(("id" = String, Path, description = "Which one")),
    responses((status = 200, description = "As asked", body = WithHistory), Problem)
)]
async fn one(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithHistory>, Problem> {
    asked.finish()?;
    let reader = &centre.sources.reader;
    let alarm = alarms::one(reader, &id).await?;
    let alarm = alarm.ok_or_else(|| Problem::missing("这条报警", "such alarm"))?;
    let history = alarms::history(reader, &id).await?;
    Ok(Json(WithHistory {
        alarm: shown(&centre, &alarm).await,
        history: history.into_iter().map(ShownLine::of).collect(),
    }))
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlarmsAcknowledge)]
struct Acknowledge {
    by: String,
    /// The version that was seen.
    version: Option<u32>,
}

#[utoipa::path(
    post,
    path = "/alarms/{id}/acknowledge",
    tag = "alarms",
    operation_id = "acknowledge_alarms",
    summary = "接警 Take an alarm",
    params(("id" = String, Path, description = "Which one")),
    request_body = Acknowledge,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn acknowledge(
    State(centre): State<Centre>,
    Path(alarm): Path<String>,
    Body(body): Body<Acknowledge>,
) -> Result<Json<Shown>, Problem> {
    let by = person(&body.by)?;
    done(&centre, act(&centre, &by, Action::AcknowledgeAlarm { alarm, seen: body.version }).await?)
        .await
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlarmsClose)]
struct Close {
    by: String,
    verdict: String,
    /// Why it is closed although nothing has proven that it is over.
    exception: Option<String>,
    /// The version that was seen.
    version: Option<u32>,
}

#[utoipa::path(
    post,
    path = "/alarms/{id}/close",
    tag = "alarms",
    operation_id = "close_alarms",
    summary = "核实结束 Say what an alarm was",
    params(("id" = String, Path, description = "Which one")),
    request_body = Close,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn close(
    State(centre): State<Centre>,
    Path(alarm): Path<String>,
    Body(body): Body<Close>,
) -> Result<Json<Shown>, Problem> {
    let by = person(&body.by)?;
    let verdict: Verdict = body.verdict.parse().map_err(|error| {
        Problem::misasked("请选择定性：真实火警、误报、测试或演练。", format!("verdict: {error}"))
    })?;
    let exception = note(body.exception.as_deref())?;
    let action = Action::CloseAlarm { alarm, verdict, exception, seen: body.version };
    done(&centre, act(&centre, &by, action).await?).await
}

async fn done(centre: &Centre, done: Done) -> Result<Json<Shown>, Problem> {
    match done {
        Done::Alarm(alarm) => Ok(Json(shown(centre, &alarm).await)),
        Done::Incident(_) | Done::Ticket(_) | Done::Settled(_) | Done::Registered => {
            Err(Problem::try_again())
        }
    }
}

/// One alarm that is recorded.
pub(super) async fn shown(centre: &Centre, alarm: &Alarm) -> Shown {
    let seen = looked_at(centre, std::iter::once(alarm)).await;
    show(centre, alarm, &seen, true)
}

/// What is known of the points that alarms stand on; missing ones are no reason to wait.
async fn looked_at(
    centre: &Centre,
    alarms: impl Iterator<Item = &Alarm>,
) -> HashMap<FullPointId, Looked> {
    look_at(centre, alarms.filter_map(full_point)).await
}

/// What is known of a point now.
#[derive(Debug, Clone, Default)]
pub(super) struct Looked {
    /// What it is, as its catalogue says.
    pub(super) label: String,
    /// Why it cannot be seen, or cannot speak.
    pub(super) blind: Option<Reason>,
}

/// What is known of points now.
pub(super) async fn look_at(
    centre: &Centre,
    points: impl Iterator<Item = FullPointId>,
) -> HashMap<FullPointId, Looked> {
    let now = centre.sources.clock.now();
    let mut found: HashMap<FullPointId, Looked> = HashMap::new();
    for point in points {
        if LOOKED_AT <= found.len() {
            break;
        }
        if found.contains_key(&point) {
            continue;
        }
        let asked = PointsAsked { point: Some(point.clone()), limit: 1, ..PointsAsked::default() };
        let Ok(answer) = in_time(centre.sources.door.points(asked)).await else { break };
        let looked = answer.into_iter().next().map(|answer| Looked {
            label: answer.entry.map_or_else(String::new, |entry| entry.label.clone()),
            blind: why_not(&answer.view, now),
        });
        found.insert(point, looked.unwrap_or_default());
    }
    found
}

fn full_point(alarm: &Alarm) -> Option<FullPointId> {
    Some(FullPointId { gateway: alarm.gateway.clone(), point: alarm.point.clone()? })
}

fn show(
    centre: &Centre,
    alarm: &Alarm,
    seen: &HashMap<FullPointId, Looked>,
    recorded: bool,
) -> Shown {
    let rule = RuleId::parse(&alarm.rule).ok();
    let rule = rule.and_then(|rule| centre.sources.rulebook.rule(&rule));
    let body = &alarm.body;
    let point = full_point(alarm);
    let looked = point.as_ref().and_then(|point| seen.get(point));
    let words = |zh: fn(&firegrid_rules::rulebook::Words) -> &String| {
        rule.map(|rule| zh(&rule.advice).clone()).filter(|text| !text.is_empty())
    };
    Shown {
        id: alarm.id.clone(),
        kind: alarm.kind.clone(),
        title: body
            .name_zh
            .clone()
            .or_else(|| rule.map(|rule| rule.name.zh.clone()))
            .unwrap_or_else(|| alarm.kind.clone()),
        title_en: body
            .name_en
            .clone()
            .or_else(|| rule.map(|rule| rule.name.en.clone()))
            .unwrap_or_else(|| alarm.kind.clone()),
        rule: alarm.rule.clone(),
        step: alarm.step.clone(),
        severity: alarm.severity,
        severity_zh: alarm.severity.zh(),
        state: alarm.state,
        state_zh: alarm.state.zh(),
        gateway: alarm.gateway.to_string(),
        label: looked.map(|looked| looked.label.clone()),
        blind: looked.and_then(|looked| looked.blind.clone()),
        point: point.map(|point| point.to_string()),
        whereabouts: centre.places.whereabouts(alarm.unit.as_deref(), alarm.grid.as_deref(), None),
        raised: alarm.raised_t.map_or_else(|| at_centre(alarm.raised), at_gateway),
        arrived: at_centre(alarm.raised),
        changed: at_centre(alarm.changed),
        marks: body.marks.clone(),
        reason: Reason::new(body.reason_zh.clone(), body.reason_en.clone()),
        advice: words(|advice| &advice.zh),
        advice_en: words(|advice| &advice.en),
        relapses: body.relapses,
        acknowledged: body.acknowledged.as_ref().map(ShownDeed::of),
        returned: body.returned.map(|at| at_centre(CentreTime::from_millis(at))),
        closed: body.closed.as_ref().map(ShownDeed::of),
        verdict: body.verdict,
        exception: body.exception.clone(),
        retired: body.retired,
        recorded,
        version: alarm.version,
        sounds: alarm.sounds(),
        zone: body.zone.clone(),
        incident: body.incident.as_ref().map(|place| ShownPlace {
            id: place.incident.clone(),
            first: place.place == 1,
            place: place.place,
            new_zone: place.new_zone,
        }),
    }
}

/// A line of the history of an alarm or ticket.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = AlarmsShownLine)]
pub(super) struct ShownLine {
    n: u32,
    at: String,
    by: Option<String>,
    what: String,
    #[schema(value_type = Object)]
    body: serde_json::Value,
}

impl ShownLine {
    pub(super) fn of(line: HistoryLine) -> ShownLine {
        ShownLine {
            n: line.n,
            at: at_centre(line.at),
            by: line.who,
            what: line.what,
            body: line.body,
        }
    }
}

/// Where a list of the newest goes on: `{milliseconds}~{id}`.
pub(super) fn cursor(at: CentreTime, id: &str) -> String {
    format!("{}~{id}", at.millis())
}

pub(super) fn read_cursor(text: &str) -> Result<(CentreTime, String), Problem> {
    let parts = text.split_once('~');
    parts
        .and_then(|(at, id)| Some((CentreTime::from_millis(at.parse().ok()?), id.to_owned())))
        .ok_or_else(|| Problem::misasked("after 无法读取。", "after cannot be read."))
}
