//! `GET incidents`: fires of one unit that belong together 事件, the newest first, each with its
//! first alarm 首警, as long as one of its alarms is not closed. `POST incidents/{id}/acknowledge`
//! takes all of its alarms that sound.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use firegrid_rules::alarm::State as AlarmState;

use super::alarms::{self, Shown};
use super::ask::{Asked, Body, Listed, person};
use super::deed::act;
use super::problem::Problem;
use super::{Centre, Shared};
use crate::api::problem::Refusal;
use crate::judge::events::{Action, Done};
use crate::storage::alarms::{AlarmFilter, list as stored};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Alarms that are looked at for incidents: more than a county ever has open at once.
const ALARMS: u32 = 2_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(acknowledge))
}

/// Fires that belong together.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = IncidentsIncident)]
struct Incident {
    id: String,
    /// The first alarm 首警 that is not closed.
    first: Shown,
    /// How many alarms it has had.
    count: u32,
    /// The zones that burn or burnt.
    zones: Vec<String>,
    /// How many of its alarms last.
    active: usize,
    /// Whether any of them must be heard.
    sounding: bool,
    /// Its alarms that are not closed, in the order in which they came.
    alarms: Vec<String>,
}

#[utoipa::path(
    get,
    path = "/incidents",
    tag = "incidents",
    operation_id = "list_incidents",
    summary = "同一单位的火情 Fires of a unit as one incident",
    responses((status = 200, description = "As asked", body = Listed<Incident>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    asked: Asked,
) -> Result<Json<Listed<Incident>>, Problem> {
    asked.finish()?;
    let filter = AlarmFilter { open: true, limit: ALARMS, ..AlarmFilter::default() };
    let alarms = stored(&centre.sources.reader, &filter).await?;
    let mut members: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for alarm in alarms {
        if let Some(place) = alarm.body.incident.clone() {
            members.entry(place.incident).or_default().push((place.place, alarm));
        }
    }
    let mut found = Vec::new();
    for (id, mut alarms) in members {
        alarms.sort_by_key(|(place, _)| *place);
        let Some((_, first)) = alarms.first() else { continue };
        let mut zones: Vec<String> =
            alarms.iter().filter_map(|(_, alarm)| alarm.body.zone.clone()).collect();
        zones.sort();
        zones.dedup();
        let lasts = |state: AlarmState| match state {
            AlarmState::ActiveUnacked | AlarmState::ActiveAcked => true,
            AlarmState::ReturnedUnacked | AlarmState::ReturnedAcked | AlarmState::Closed => false,
        };
        found.push((
            first.raised,
            Incident {
                id,
                first: alarms::shown(&centre, first).await,
                count: alarms.last().map_or(0, |(place, _)| *place),
                zones,
                active: alarms.iter().filter(|(_, alarm)| lasts(alarm.state)).count(),
                sounding: alarms.iter().any(|(_, alarm)| alarm.sounds()),
                alarms: alarms.iter().map(|(_, alarm)| alarm.id.clone()).collect(),
            },
        ));
    }
    found.sort_by_key(|(raised, _)| std::cmp::Reverse(*raised));
    let items = found.into_iter().map(|(_, incident)| incident).collect();
    Ok(Json(Listed { items, next: None }))
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IncidentsAcknowledge)]
struct Acknowledge {
    by: String,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = IncidentsTaken)]
struct Taken {
    /// The alarms that were taken.
    alarms: Vec<Shown>,
}

#[utoipa::path(
    post,
    path = "/incidents/{id}/acknowledge",
    tag = "incidents",
    operation_id = "acknowledge_incidents",
    summary = "全部接警 Take every alarm of an incident",
    params(("id" = String, Path, description = "Which one")),
    request_body = Acknowledge,
    responses((status = 200, description = "As asked", body = Taken), Refusal)
)]
async fn acknowledge(
    State(centre): State<Centre>,
    Path(incident): Path<String>,
    Body(body): Body<Acknowledge>,
) -> Result<Json<Taken>, Problem> {
    let by = person(&body.by)?;
    match act(&centre, &by, Action::AcknowledgeIncident { incident }).await? {
        Done::Incident(taken) => {
            let mut shown = Vec::new();
            for alarm in &taken {
                shown.push(alarms::shown(&centre, alarm).await);
            }
            Ok(Json(Taken { alarms: shown }))
        }
        Done::Alarm(_) | Done::Ticket(_) | Done::Settled(_) | Done::Registered => {
            Err(Problem::try_again())
        }
    }
}
