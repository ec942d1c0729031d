//! `GET devices`: the devices of the gateways as the registry knows them, by gateway and name.
//! Filters: `unit`, `gateway`. How they stand is told by `points`.

use axum::Json;
use axum::extract::State;
use firegrid_wire::names::GatewayId;

use super::ask::{Asked, Listed};
use super::problem::Problem;
use super::{Centre, Shared};
use crate::storage::gateways;
use crate::storage::registered::{Device, devices};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 10_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = DevicesShown)]
struct Shown {
    gateway: String,
    device: String,
    name: String,
    /// Empty if nobody has said.
    building: String,
    place: String,
    maker: String,
    model: String,
}

#[utoipa::path(
    get,
    path = "/devices",
    tag = "devices",
    operation_id = "list_devices",
    summary = "设备 The devices of the gateways",
    params(("unit" = Option<String>, Query, description = "Only of this unit"), ("gateway" = Option<String>, Query, description = "Only of this gateway"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let unit = asked.text("unit")?;
    let gateway: Option<GatewayId> = asked.optional("gateway")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(1_000, MOST)?;
    asked.finish()?;
    let reader = &centre.sources.reader;
    let of_unit: Option<Vec<GatewayId>> = match unit {
        None => None,
        Some(unit) => {
            let gateways = gateways::load(reader).await?.into_iter();
            let of_unit = gateways.filter(|gateway| gateway.unit.as_ref() == Some(&unit));
            Some(of_unit.map(|gateway| gateway.id).collect())
        }
    };
    let wanted = |device: &Device| {
        gateway.as_ref().is_none_or(|gateway| *gateway == device.gateway)
            && of_unit.as_ref().is_none_or(|of_unit| of_unit.contains(&device.gateway))
            && after < cursor(device.gateway.as_str(), device.device.as_str())
    };
    // By gateway and device as the cursor compares them, which is not as the table does.
    let mut found: Vec<Device> = devices(reader).await?.into_iter().filter(wanted).collect();
    found.sort_by_key(|device| cursor(device.gateway.as_str(), device.device.as_str()));
    let shown = found.into_iter().take(limit + 1).map(|device| Shown {
        gateway: device.gateway.to_string(),
        device: device.device.to_string(),
        name: device.name,
        building: device.building,
        place: device.place,
        maker: device.maker,
        model: device.model,
    });
    Ok(Json(Listed::cut(shown.collect(), limit, |shown| cursor(&shown.gateway, &shown.device))))
}

fn cursor(gateway: &str, device: &str) -> String {
    format!("{gateway}/{device}")
}
