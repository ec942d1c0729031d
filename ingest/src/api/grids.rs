//! `GET grids`: the grid tree, by id. Filters: `level`, `parent`, `retired` (false unless said).

use axum::Json;
use axum::extract::State;
use firegrid_rules::routing::Level;

use super::ask::{Asked, Listed};
use super::places::GridPath;
use super::problem::Problem;
use super::{Centre, Shared};
use crate::storage::registry::Grid;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A county has about 1 300 grids.
const MOST: usize = 5_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = GridsShown)]
struct Shown {
    id: String,
    name: String,
    #[schema(value_type = String)]
    level: Level,
    level_zh: &'static str,
    parent: Option<String>,
    grid_path: GridPath,
    /// Key units directly in it.
    units: usize,
    retired: bool,
}

#[utoipa::path(
    get,
    path = "/grids",
    tag = "grids",
    operation_id = "list_grids",
    summary = "网格 The grid tree",
    params(("level" = Option<String>, Query, description = "Only of this level"), ("parent" = Option<String>, Query, description = "Only directly below this grid"), ("retired" = Option<bool>, Query, description = "Those that have vanished from the registry"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let level: Option<Level> = asked.optional("level")?;
    let parent = asked.text("parent")?;
    let retired = asked.flag("retired")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(1_000, MOST)?;
    asked.finish()?;
    let wanted = |grid: &&Grid| {
        level.is_none_or(|level| grid.row.level == level)
            && parent.as_ref().is_none_or(|parent| grid.row.parent.as_ref() == Some(parent))
            && grid.retired == retired
            && after < grid.row.id
    };
    let places = &centre.places;
    let shown = places.grids.values().filter(wanted).take(limit + 1).map(|grid| Shown {
        id: grid.row.id.clone(),
        name: grid.row.name.clone(),
        level: grid.row.level,
        level_zh: grid.row.level.zh(),
        parent: grid.row.parent.clone(),
        grid_path: places.path(&grid.row.id),
        units: places
            .units
            .values()
            .filter(|unit| unit.grid == grid.row.id && !unit.retired)
            .count(),
        retired: grid.retired,
    });
    Ok(Json(Listed::cut(shown.collect(), limit, |grid| grid.id.clone())))
}
