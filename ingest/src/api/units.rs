//! `GET units`: the key units, by id. Filters: `grid` (it and every grid below it), `retired`
//! (false unless said).

use axum::Json;
use axum::extract::State;

use super::ask::{Asked, Listed};
use super::places::GridPath;
use super::problem::Problem;
use super::{Centre, Shared};
use crate::storage::gateways;
use crate::storage::registry::Unit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 5_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = UnitsShown)]
struct Shown {
    id: String,
    name: String,
    grid: String,
    grid_path: GridPath,
    address: String,
    contact: String,
    phone: String,
    class: String,
    gateways: Vec<String>,
    retired: bool,
}

#[utoipa::path(
    get,
    path = "/units",
    tag = "units",
    operation_id = "list_units",
    summary = "联网单位 The key units",
    params(("grid" = Option<String>, Query, description = "Only of this grid"), ("retired" = Option<bool>, Query, description = "Those that have vanished from the registry"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let grid = asked.text("grid")?;
    let retired = asked.flag("retired")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(500, MOST)?;
    asked.finish()?;
    let places = &centre.places;
    let wanted = |unit: &&Unit| {
        grid.as_ref().is_none_or(|grid| places.path(&unit.grid).leads_through(grid))
            && unit.retired == retired
            && after < unit.id
    };
    let gateways = gateways::load(&centre.sources.reader).await?;
    let shown = places.units.values().filter(wanted).take(limit + 1).map(|unit| Shown {
        id: unit.id.clone(),
        name: unit.name.clone(),
        grid: unit.grid.clone(),
        grid_path: places.path(&unit.grid),
        address: unit.address.clone(),
        contact: unit.contact.clone(),
        phone: unit.phone.clone(),
        class: unit.class.clone(),
        gateways: gateways
            .iter()
            .filter(|gateway| gateway.unit.as_ref() == Some(&unit.id))
            .map(|gateway| gateway.id.to_string())
            .collect(),
        retired: unit.retired,
    });
    Ok(Json(Listed::cut(shown.collect(), limit, |unit| unit.id.clone())))
}
