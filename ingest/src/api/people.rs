//! `GET people`: who is entered for which grid, by id. Filters: `grid` (only those entered for
//! this very grid), `role`.

use axum::Json;
use axum::extract::State;
use firegrid_rules::routing::{PersonRow, Role};

use super::ask::{Asked, Listed};
use super::problem::Problem;
use super::{Centre, Shared};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 5_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = PeopleShown)]
struct Shown {
    id: String,
    name: String,
    #[schema(value_type = String)]
    role: Role,
    role_zh: &'static str,
    phone: String,
    grid: String,
    grid_name: Option<String>,
}

#[utoipa::path(
    get,
    path = "/people",
    tag = "people",
    operation_id = "list_people",
    summary = "人员 Who is entered for which grid",
    params(("grid" = Option<String>, Query, description = "Only of this grid"), ("role" = Option<String>, Query, description = "Only in this role"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let grid = asked.text("grid")?;
    let role: Option<Role> = asked.optional("role")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(500, MOST)?;
    asked.finish()?;
    let wanted = |person: &&PersonRow| {
        grid.as_ref().is_none_or(|grid| *grid == person.grid)
            && role.is_none_or(|role| role == person.role)
            && after < person.id
    };
    let places = &centre.places;
    let shown = places.people.values().filter(wanted).take(limit + 1).map(|person| Shown {
        id: person.id.clone(),
        name: person.name.clone(),
        role: person.role,
        role_zh: person.role.zh(),
        phone: person.phone.clone(),
        grid: person.grid.clone(),
        grid_name: places.grid_name(&person.grid),
    });
    Ok(Json(Listed::cut(shown.collect(), limit, |person| person.id.clone())))
}
