//! `GET gateways`: every box with when it was heard, what its spool holds, and what is missing
//! of it. `POST gateways/{id}/settle`: of two boxes with one identity the one that speaks now is
//! the right one.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use firegrid_wire::beat::{Clock, SpoolHealth};
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::PerLane;

use super::ask::{Asked, Body, Listed, person};
use super::problem::Problem;
use super::shown::at_centre;
use super::{Centre, deed, in_time};
use crate::judge::events::{Action, BeatNow, GatewayNow, LaneNow};

const MOST: usize = 5_000;

pub(super) fn router() -> Router<Centre> {
    Router::new().route("/gateways", get(list)).route("/gateways/{id}/settle", post(settle))
}

#[derive(serde::Serialize)]
struct Shown {
    gateway: String,
    unit: Option<String>,
    unit_name: Option<String>,
    online: bool,
    last_heard: Option<String>,
    beat: Option<String>,
    span: Option<String>,
    clock: Option<Clock>,
    spool: Option<ShownSpool>,
    lanes: PerLane<ShownLane>,
    catalogue: Option<String>,
    /// How many points its catalogue has; null while the centre does not know it.
    points: Option<usize>,
    holes: u64,
    dead_letters: u64,
    conflict: Option<String>,
}

#[derive(serde::Serialize)]
struct ShownSpool {
    health: SpoolHealth,
    depth: u64,
    age_ms: u64,
}

#[derive(serde::Serialize)]
struct ShownLane {
    position: Option<String>,
    want_refresh: Option<u64>,
}

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
        spool: beat.map(show_spool),
        lanes: PerLane::from_fn(|lane| show_lane(&gateway.lanes[lane])),
        points: gateway.catalogue.as_ref().and_then(|catalogue| catalogue.points),
        catalogue: gateway.catalogue.map(|catalogue| catalogue.hash.to_string()),
        holes: gateway.holes,
        dead_letters: gateway.dead_letters,
        conflict: gateway.conflict.map(at_centre),
    }
}

fn show_spool(beat: BeatNow) -> ShownSpool {
    ShownSpool { health: beat.spool, depth: beat.depth, age_ms: beat.age.get() }
}

fn show_lane(lane: &LaneNow) -> ShownLane {
    ShownLane { position: lane.position.map(|name| name.to_string()), want_refresh: lane.want }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    by: String,
}

async fn settle(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    Body(body): Body<Settle>,
) -> Result<Json<serde_json::Value>, Problem> {
    let by = person(&body.by)?;
    let gateway = GatewayId::parse(&id).map_err(|_| Problem::missing("这台网关 such gateway"))?;
    deed::act(&centre, &by, Action::SettleConflict { gateway }).await?;
    Ok(Json(serde_json::json!({ "gateway": id, "conflict": null })))
}
