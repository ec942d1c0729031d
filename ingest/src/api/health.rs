//! `GET health`: how the centre is, and how much of the region is watched. Silence is never
//! calm: an empty list of alarms means nothing without this.

use axum::Json;
use axum::extract::State;

use super::ask::Asked;
use super::points::Watched;
use super::problem::{Problem, Reason};
use super::shown::at_centre;
use super::{Centre, Shared, in_time};
use crate::judge::events::Health;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(health))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = HealthAnswer)]
struct Answer {
    /// `ok`, or `degraded` with its `problems`.
    status: &'static str,
    problems: Vec<Reason>,
    now: String,
    region: String,
    region_name: Option<String>,
    version: &'static str,
    listening: Option<Listening>,
    last_commit: Option<String>,
    commit_failing_since: Option<String>,
    last_event: Option<u64>,
    /// Batches on their way into the series store.
    series_waiting: Option<u64>,
    /// Messages that were refused because a queue was full; the gateways send them again.
    refused_messages: Option<u64>,
    gateways: Gateways,
    points: Option<Watched>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = HealthListening)]
struct Listening {
    urgent: bool,
    routine: bool,
}

#[derive(Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = HealthGateways)]
struct Gateways {
    total: usize,
    online: usize,
    /// Those whose identity two boxes seem to use.
    conflicts: usize,
    unassigned: usize,
}

/// So many batches waiting for the series store are more than a hiccup.
const SERIES_LATE: u64 = 10_000;

#[utoipa::path(
    get,
    path = "/health",
    tag = "health",
    operation_id = "health_health",
    summary = "监控中心状态 How the centre is",
    responses((status = 200, description = "As asked", body = Answer), Problem)
)]
async fn health(State(centre): State<Centre>, asked: Asked) -> Result<Json<Answer>, Problem> {
    asked.finish()?;
    let door = &centre.sources.door;
    let judge = in_time(door.health()).await.ok();
    let known = in_time(door.gateways()).await.ok();
    let points = centre.watch.count(&centre).await.ok();
    let all = known.as_deref().unwrap_or_default();
    let gateways = Gateways {
        total: all.len(),
        online: all.iter().filter(|gateway| gateway.online).count(),
        conflicts: all.iter().filter(|gateway| gateway.conflict.is_some()).count(),
        unassigned: judge.as_ref().map_or(0, |judge| judge.unassigned),
    };
    let problems = problems(judge.as_ref(), &gateways);
    let region = centre.sources.region.as_str();
    Ok(Json(Answer {
        status: if problems.is_empty() { "ok" } else { "degraded" },
        problems,
        now: at_centre(centre.sources.clock.now()),
        region: region.to_owned(),
        region_name: centre.places.grids.get(region).map(|grid| grid.row.name.clone()),
        version: env!("CARGO_PKG_VERSION"),
        listening: judge.as_ref().map(|judge| Listening {
            urgent: judge.listening_urgent,
            routine: judge.listening_routine,
        }),
        last_commit: judge.as_ref().and_then(|judge| judge.committed).map(at_centre),
        commit_failing_since: judge
            .as_ref()
            .and_then(|judge| judge.commit_failing_since)
            .map(at_centre),
        last_event: judge.as_ref().map(|judge| judge.last_event),
        series_waiting: judge.as_ref().map(|judge| judge.series_waiting),
        refused_messages: judge.as_ref().map(|judge| judge.refused_messages),
        gateways,
        points,
    }))
}

/// What a person should know before believing an empty list.
fn problems(judge: Option<&Health>, gateways: &Gateways) -> Vec<Reason> {
    let Some(judge) = judge else {
        return vec![Reason::coded(
            "judge-silent",
            "研判程序没有应答。",
            "The judge does not answer.",
        )];
    };
    let mut problems = Vec::new();
    if !judge.listening_urgent {
        problems.push(Reason::coded(
            "deaf",
            "监控中心未连接消息服务器，收不到报警。",
            "The centre is not connected to the broker and hears no alarm.",
        ));
    }
    if !judge.listening_routine {
        problems.push(Reason::coded(
            "deaf-routine",
            "收不到压力、液位等数据。",
            "No pressure or level is received.",
        ));
    }
    if judge.commit_failing_since.is_some() {
        let why = judge.commit_failure.as_deref().unwrap_or_default();
        problems.push(Reason::coded(
            "not-recorded",
            format!("数据无法入库。{why}"),
            format!("Nothing can be recorded. {why}"),
        ));
    }
    if judge.unrecorded != 0 {
        let count = judge.unrecorded;
        problems.push(Reason::coded(
            "unrecorded",
            format!("{count} 条报警尚未入库。"),
            format!("{count} alarms are not recorded yet."),
        ));
    }
    if SERIES_LATE < judge.series_waiting {
        problems.push(Reason::coded(
            "series-late",
            "历史曲线存储滞后。",
            "The series store lags behind.",
        ));
    }
    let silent = gateways.total - gateways.online;
    if silent != 0 {
        problems.push(Reason::coded(
            "gateways-offline",
            format!("{silent} 台网关离线，其监测点现状未知。"),
            format!("{silent} gateways are silent: nobody knows how their points are."),
        ));
    }
    if gateways.conflicts != 0 {
        let count = gateways.conflicts;
        problems.push(Reason::coded(
            "two-boxes",
            format!("{count} 个网关编号疑似被两台设备使用，核实前不会恢复任何报警。"),
            format!("{count} identities seem to be used by two boxes: nothing of them clears."),
        ));
    }
    if judge.unassigned != 0 {
        let count = judge.unassigned;
        problems.push(Reason::coded(
            "unassigned",
            format!("{count} 台网关待归属。"),
            format!("{count} gateways belong to no unit."),
        ));
    }
    problems
}
