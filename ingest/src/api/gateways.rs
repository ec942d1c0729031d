//! `GET gateways`: every box with when it was heard, what its spool holds, and what is missing
//! of it. `GET gateways/{id}`: one, with the devices of which nothing is seen.
//! `POST gateways/{id}/settle`: of two boxes with one identity the one that speaks now is the
//! right one. What is missing of it, and what was vouched for, stands elsewhere (`missing`).

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use firegrid_rules::sight::Sight;
use firegrid_wire::beat::{Clock, SpoolHealth};
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane, PerLane};
use firegrid_wire::time::CentreTime;

use super::ask::{Asked, Body, Listed, person};
use super::points::look_at_all;
use super::problem::Problem;
use super::shown::{at_centre, at_gateway};
use super::{Centre, Shared, deed, in_time};
use crate::api::problem::Refusal;
use crate::judge::events::{Action, BeatNow, GatewayNow, LaneNow, PointNow, PointsAsked};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 5_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).routes(routes!(settle))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GatewaysShown)]
struct Shown {
    gateway: String,
    unit: Option<String>,
    unit_name: Option<String>,
    online: bool,
    last_heard: Option<String>,
    beat: Option<String>,
    span: Option<String>,
    #[schema(value_type = Option<String>)]
    clock: Option<Clock>,
    /// How far the centre's clock was ahead of the gateway's when its last beat came; the way
    /// of the message is part of it.
    clock_offset_ms: Option<i64>,
    /// Points that its last beat tells to be fire-class.
    alarms: Option<u32>,
    spool: Option<ShownSpool>,
    #[schema(value_type = BTreeMap<String, ShownLane>)]
    lanes: PerLane<ShownLane>,
    catalogue: Option<String>,
    /// How many points its catalogue has; null while the centre does not know it.
    points: Option<usize>,
    holes: u64,
    dead_letters: u64,
    /// Batches of its present run that the broker refused for good, as its last beat told.
    refused_by_broker: u32,
    /// How often in its present run another client took its connection, as its last beat told.
    taken_over: u32,
    conflict: Option<String>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GatewaysShownSpool)]
struct ShownSpool {
    #[schema(value_type = String)]
    health: SpoolHealth,
    depth: u64,
    age_ms: u64,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GatewaysShownLane)]
struct ShownLane {
    /// Up to where everything is committed.
    position: Option<String>,
    /// The last batch that its box has, as the last beat told.
    head: Option<String>,
    /// How many batches lie between; null while that cannot be counted.
    behind: Option<u64>,
    /// Up to where it is vouched for and judged, in gateway time.
    horizon: Option<String>,
    /// How far that is behind the last beat; null while both are not of one span.
    behind_ms: Option<u64>,
    want_refresh: Option<u64>,
    /// Its newest spans with their last numbers, the newest first.
    spans: Vec<String>,
}

#[utoipa::path(
    get,
    path = "/gateways",
    tag = "gateways",
    operation_id = "list_gateways",
    summary = "网关 Every gateway",
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(500, MOST)?;
    asked.finish()?;
    let gateways = in_time(centre.sources.door.gateways()).await?;
    let behind = gateways.into_iter().filter(|gateway| after.as_str() < gateway.id.as_str());
    let shown = behind.take(limit + 1).map(|gateway| show(&centre, gateway)).collect();
    Ok(Json(Listed::cut(shown, limit, |gateway: &Shown| gateway.gateway.clone())))
}

fn show(centre: &Centre, gateway: GatewayNow) -> Shown {
    let beat = gateway.beat;
    Shown {
        gateway: gateway.id.to_string(),
        unit_name: centre.places.unit_name(gateway.unit.as_deref()),
        unit: gateway.unit,
        online: gateway.online,
        last_heard: gateway.heard.map(at_centre),
        beat: beat.map(|beat| at_centre(beat.arrived)),
        span: beat.map(|beat| beat.span.to_string()),
        clock: beat.map(|beat| beat.clock),
        clock_offset_ms: beat.map(|beat| beat.arrived.millis() - beat.sent.millis()),
        alarms: beat.map(|beat| beat.alarms),
        spool: beat.map(show_spool),
        lanes: PerLane::from_fn(|lane| show_lane(lane, &gateway.lanes[lane], beat.as_ref())),
        points: gateway.catalogue.as_ref().and_then(|catalogue| catalogue.points),
        catalogue: gateway.catalogue.map(|catalogue| catalogue.hash.to_string()),
        holes: gateway.holes,
        dead_letters: gateway.dead_letters,
        refused_by_broker: beat.map_or(0, |beat| beat.dead_letters),
        taken_over: beat.map_or(0, |beat| beat.taken_over),
        conflict: gateway.conflict.map(at_centre),
    }
}

fn show_spool(beat: BeatNow) -> ShownSpool {
    ShownSpool { health: beat.spool, depth: beat.depth, age_ms: beat.age.get() }
}

fn show_lane(which: Lane, lane: &LaneNow, beat: Option<&BeatNow>) -> ShownLane {
    let head = beat.and_then(|beat| beat.lanes[which].head);
    let behind = match (head, lane.position) {
        (Some(head), Some(at)) if head.span == at.span => Some(head.seq.saturating_sub(at.seq)),
        (_, _) => None,
    };
    let same_span = |beat: &&BeatNow| lane.position.is_some_and(|at| at.span == beat.span);
    let behind_ms = match (beat.filter(same_span), lane.horizon) {
        (Some(beat), Some(horizon)) => Some(beat.sent.since(horizon).get()),
        (_, _) => None,
    };
    ShownLane {
        position: lane.position.map(|name| name.to_string()),
        head: head.map(|name| name.to_string()),
        behind,
        horizon: lane.horizon.map(at_gateway),
        behind_ms,
        want_refresh: lane.want,
        spans: lane.spans.iter().map(BatchName::to_string).collect(),
    }
}

/// A gateway with the devices of which nothing is seen.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GatewaysWithDevices)]
struct WithDevices {
    #[serde(flatten)]
    gateway: Shown,
    blind_devices: Vec<BlindDevice>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GatewaysBlindDevice)]
struct BlindDevice {
    device: String,
    /// How many of its points are not seen.
    points: usize,
    /// When the first of them was seen last.
    since: Option<String>,
}

#[utoipa::path(
    get,
    path = "/gateways/{id}",
    tag = "gateways",
    operation_id = "one_gateways",
    summary = "一台网关 One gateway with its blind devices",
    params(("id" = String, Path, description = "Which one")),
    responses((status = 200, description = "As asked", body = WithDevices), Problem)
)]
async fn one(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithDevices>, Problem> {
    asked.finish()?;
    let missing = || Problem::missing("这台网关", "such gateway");
    let id = GatewayId::parse(&id).map_err(|_| missing())?;
    let door = &centre.sources.door;
    let found = in_time(door.gateways()).await?.into_iter().find(|gateway| gateway.id == id);
    let gateway = found.ok_or_else(missing)?;
    let mut blind = BTreeMap::new();
    let points = PointsAsked { gateway: Some(id), ..Default::default() };
    look_at_all(&centre, points, |point| count_blind(&mut blind, point)).await?;
    Ok(Json(WithDevices { gateway: show(&centre, gateway), blind_devices: shown_blind(blind) }))
}

/// How many points of each device are not seen, and when the first of them was seen last.
type Blind = BTreeMap<String, (usize, Option<CentreTime>)>;

fn count_blind(blind: &mut Blind, point: &PointNow) {
    let Sight::Blind { last, .. } = point.view.sight else { return };
    let device = point.view.point.point.device().to_string();
    let (count, since) = blind.entry(device).or_default();
    *count += 1;
    *since = match (*since, last) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
}

fn shown_blind(blind: Blind) -> Vec<BlindDevice> {
    let show = |(device, (points, since)): (String, (usize, Option<CentreTime>))| BlindDevice {
        device,
        points,
        since: since.map(at_centre),
    };
    blind.into_iter().map(show).collect()
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GatewaysSettle)]
struct Settle {
    by: String,
}

#[utoipa::path(
    post,
    path = "/gateways/{id}/settle",
    tag = "gateways",
    operation_id = "settle_gateways",
    summary = "确认哪台是真的 Of two boxes the one that speaks now is right",
    params(("id" = String, Path, description = "Which one")),
    request_body = Settle,
    responses((status = 200, description = "As it stands now", body = Object), Refusal)
)]
async fn settle(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    Body(body): Body<Settle>,
) -> Result<Json<serde_json::Value>, Problem> {
    let by = person(&body.by)?;
    let gateway =
        GatewayId::parse(&id).map_err(|_| Problem::missing("这台网关", "such gateway"))?;
    deed::act(&centre, &by, Action::SettleConflict { gateway }).await?;
    Ok(Json(serde_json::json!({ "gateway": id, "conflict": null })))
}
