//! `GET live`: what changes, as server-sent events: the rows of `GET events` with their ids, each
//! told as soon as it is committed.
//!
//! A page that comes back says the last id that it has seen (`Last-Event-ID`, which browsers send
//! by themselves, or `after`) and misses nothing and gets nothing twice, whichever process it
//! asks. `gap`: rows between are no longer kept, or the centre knows of less than the page has
//! seen: read the lists again. `pulse`: the centre is here and can be read, though nothing
//! happens.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as Sent, Sse};
use futures_util::stream::{self, Stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::ask::Asked;
use super::events::{Shown, show};
use super::problem::{Problem, Reason};
use super::shown::at_centre;
use super::{Centre, Shared};
use crate::storage::events;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How often it is said that the centre is here. A page that hears nothing for twice as long has
/// lost it.
const PULSE: Duration = Duration::from_secs(5);

/// Rows read at once.
const ROWS: u32 = 500;

/// Pages that may follow at once: walls, desks and phones of a county. Each costs some kilobytes;
/// beyond it they are told to ask again.
pub(super) const FOLLOWERS: usize = 256;

/// The places of those who follow.
pub(super) type Seats = Arc<Semaphore>;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(live))
}

#[utoipa::path(
    get,
    path = "/live",
    tag = "live",
    operation_id = "live_live",
    summary = "实时变化（SSE） What changes, as server-sent events",
    params(("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "As asked", body = String, content_type = "text/event-stream"), Problem)
)]
async fn live(
    State(centre): State<Centre>,
    headers: HeaderMap,
    mut asked: Asked,
) -> Result<Sse<impl Stream<Item = Result<Sent, Infallible>>>, Problem> {
    let after: Option<u64> = asked.optional("after")?;
    asked.finish()?;
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seat = centre.seats.clone().try_acquire_owned().map_err(|_| {
        Problem::TryAgain(Reason::new(
            "跟随的页面过多，请稍后重试。",
            "Too many pages follow; try again.",
        ))
    })?;
    let changed = centre.sources.door.last_event();
    let after = match seen.or(after) {
        Some(after) => after,
        None => events::last(&centre.sources.reader).await?,
    };
    let mut follower = Follower { centre, changed, after, waiting: Vec::new(), _seat: seat };
    // A page knows at once that the centre is here.
    follower.waiting.push(follower.pulse());
    Ok(Sse::new(stream::unfold(follower, Follower::next)))
}

/// A page that follows.
struct Follower {
    centre: Centre,
    changed: watch::Receiver<u64>,
    after: u64,
    /// Rows that were read and not told, the next one last.
    waiting: Vec<Sent>,
    _seat: OwnedSemaphorePermit,
}

impl Follower {
    async fn next(mut self) -> Option<(Result<Sent, Infallible>, Follower)> {
        loop {
            if let Some(sent) = self.waiting.pop() {
                return Some((Ok(sent), self));
            }
            self.changed.borrow_and_update();
            // A database that fails is asked again, and no pulse is told meanwhile: a page that
            // cannot be told what happens must not take that for calm.
            let reads = self.read().await.is_ok();
            if !self.waiting.is_empty() {
                continue;
            }
            match tokio::time::timeout(PULSE, self.changed.changed()).await {
                Ok(Ok(())) => {}
                // The judge is gone: the stream ends, and the page sees that it has lost it.
                Ok(Err(_)) => return None,
                Err(_) if !reads => {}
                Err(_) => return Some((Ok(self.pulse()), self)),
            }
        }
    }

    async fn read(&mut self) -> Result<(), Problem> {
        let reader = &self.centre.sources.reader;
        let last = events::last(reader).await?;
        if last < self.after {
            self.waiting.push(told("gap", last, &serde_json::json!({ "next": last.to_string() })));
            self.after = last;
            return Ok(());
        }
        let found = events::after(reader, self.after, ROWS).await?;
        let Some(first) = found.first().map(|event| event.id) else { return Ok(()) };
        let gap = self.after + 1 < first;
        self.after = found.last().map_or(self.after, |event| event.id);
        let rows = found.into_iter().map(show);
        self.waiting = rows.map(|row: Shown| told(&row.kind, row.id, &row)).rev().collect();
        if gap {
            let before = first - 1;
            self.waiting.push(told(
                "gap",
                before,
                &serde_json::json!({ "next": before.to_string() }),
            ));
        }
        Ok(())
    }

    fn pulse(&self) -> Sent {
        let now = at_centre(self.centre.sources.clock.now());
        let body = serde_json::json!({ "now": now, "last": self.after.to_string() });
        // Without an id: what was seen last stays what it was.
        Sent::default().event("pulse").data(body.to_string())
    }
}

/// One event. What cannot be written as JSON does not exist among our rows.
fn told(kind: &str, id: u64, body: &impl serde::Serialize) -> Sent {
    let body = serde_json::to_string(body).unwrap_or_default();
    Sent::default().event(kind).id(id.to_string()).data(body)
}
