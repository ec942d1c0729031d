//! `GET events?after=`: what changed, oldest first, as rows with ids that grow by one.
//!
//! A page that begins asks with `latest=true` for the last id, reads the lists, and then follows.
//! `gap` says that events between `after` and the first one are no longer kept, or that the
//! centre knows of less than the page has seen: read the lists again.

use axum::Json;
use axum::extract::State;

use super::ask::Asked;
use super::problem::Problem;
use super::shown::at_centre;
use super::{Centre, Shared};
use crate::storage::events::{self, Event};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = EventsAnswer)]
struct Answer {
    items: Vec<Shown>,
    /// Give this as `after` the next time.
    next: String,
    gap: bool,
    now: String,
}

/// An event as answers show it.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = EventsShown)]
pub(super) struct Shown {
    pub(super) id: u64,
    pub(super) kind: String,
    at: String,
    #[schema(value_type = Object)]
    body: serde_json::Value,
}

#[utoipa::path(
    get,
    path = "/events",
    tag = "events",
    operation_id = "list_events",
    summary = "变化 What changed, by id",
    params(("after" = Option<String>, Query, description = "The `next` of the page before"), ("latest" = Option<bool>, Query, description = "Begin at the end"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Answer), Problem)
)]
async fn list(State(centre): State<Centre>, mut asked: Asked) -> Result<Json<Answer>, Problem> {
    let after: Option<u64> = asked.optional("after")?;
    let latest = asked.flag("latest")?;
    let limit = asked.limit(200, MOST)?;
    asked.finish()?;
    let reader = &centre.sources.reader;
    let now = at_centre(centre.sources.clock.now());
    let last = events::last(reader).await?;
    let after = match after {
        Some(after) if after <= last && !latest => after,
        Some(_) | None if latest => {
            return Ok(Json(Answer { items: Vec::new(), next: last.to_string(), gap: false, now }));
        }
        Some(_) => {
            return Ok(Json(Answer { items: Vec::new(), next: last.to_string(), gap: true, now }));
        }
        None => 0,
    };
    let found = events::after(reader, after, u32::try_from(limit).unwrap_or(u32::MAX)).await?;
    let next = found.last().map_or(after, |event| event.id);
    let gap = found.first().is_some_and(|first| after + 1 < first.id);
    let items = found.into_iter().map(show).collect();
    Ok(Json(Answer { items, next: next.to_string(), gap, now }))
}

/// An event as answers show it.
pub(super) fn show(event: Event) -> Shown {
    Shown { id: event.id, kind: event.kind, at: at_centre(event.at), body: event.body }
}
