//! `GET buildings`: the buildings of the units, by id. Filter: `unit`.

use axum::Json;
use axum::extract::State;

use super::ask::{Asked, Listed};
use super::problem::Problem;
use super::{Centre, Shared};
use crate::registry::words::{Purpose, zh_of};
use crate::storage::registered::{Building, buildings};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 5_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = BuildingsShown)]
struct Shown {
    id: String,
    unit: String,
    unit_name: Option<String>,
    name: String,
    floors_above: Option<u32>,
    floors_below: Option<u32>,
    /// A word of the registry; empty if nobody has said.
    r#use: String,
    use_zh: String,
    /// In metres; null if nobody has said.
    height: Option<f64>,
}

#[utoipa::path(
    get,
    path = "/buildings",
    tag = "buildings",
    operation_id = "list_buildings",
    summary = "建筑 The buildings of the units",
    params(("unit" = Option<String>, Query, description = "Only of this unit"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let unit = asked.text("unit")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(500, MOST)?;
    asked.finish()?;
    let wanted = |building: &Building| {
        unit.as_ref().is_none_or(|unit| *unit == building.unit) && after < building.id
    };
    let found = buildings(&centre.sources.reader).await?.into_iter().filter(wanted);
    let shown = found.take(limit + 1).map(|building| Shown {
        unit_name: centre.places.unit_name(Some(&building.unit)),
        use_zh: zh_of::<Purpose>(&building.purpose).to_owned(),
        height: building.height.parse().ok(),
        id: building.id,
        unit: building.unit,
        name: building.name,
        floors_above: building.floors_above,
        floors_below: building.floors_below,
        r#use: building.purpose,
    });
    Ok(Json(Listed::cut(shown.collect(), limit, |building| building.id.clone())))
}
