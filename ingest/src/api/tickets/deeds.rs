//! `POST tickets/{id}/accept`, `submit`, `return`, `hand-over`, `void`, `close`: what people do.
//!
//! Each may give the `version` it has seen; whoever comes second is told who was first. What the
//! sensor has not proven is refused with the reason.

use axum::Json;
use axum::extract::{Path, State};
use firegrid_rules::ticket::Exception;

use super::{Shown, show_all};
use crate::api::ask::{Body, note, person, reason};
use crate::api::deed::act;
use crate::api::problem::Problem;
use crate::api::problem::Refusal;
use crate::api::{Centre, Shared};
use crate::desk::tickets::deeds::TicketDeed;
use crate::judge::events::{Action, Done};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(accept))
        .routes(routes!(submit))
        .routes(routes!(give_back))
        .routes(routes!(hand_over))
        .routes(routes!(void))
        .routes(routes!(close))
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsAccept)]
struct Accept {
    by: String,
    version: Option<u32>,
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/accept",
    tag = "tickets",
    operation_id = "accept_tickets",
    summary = "接单 Take a ticket",
    params(("id" = String, Path, description = "Which one")),
    request_body = Accept,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn accept(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<Accept>,
) -> Result<Json<Shown>, Problem> {
    let deed = TicketDeed::Accept;
    done(&centre, ticket, deed, &body.by, body.version).await
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsSubmit)]
struct Submit {
    by: String,
    version: Option<u32>,
    /// What was done.
    note: Option<String>,
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/submit",
    tag = "tickets",
    operation_id = "submit_tickets",
    summary = "提交复查 Say that it is mended",
    params(("id" = String, Path, description = "Which one")),
    request_body = Submit,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn submit(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<Submit>,
) -> Result<Json<Shown>, Problem> {
    let deed = TicketDeed::Submit { note: note(body.note.as_deref())? };
    done(&centre, ticket, deed, &body.by, body.version).await
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsWithReason)]
struct WithReason {
    by: String,
    version: Option<u32>,
    reason: String,
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/return",
    tag = "tickets",
    operation_id = "give_back_tickets",
    summary = "退回 Give it back",
    params(("id" = String, Path, description = "Which one")),
    request_body = WithReason,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn give_back(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<WithReason>,
) -> Result<Json<Shown>, Problem> {
    let deed = TicketDeed::Return { reason: reason(&body.reason)? };
    done(&centre, ticket, deed, &body.by, body.version).await
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/void",
    tag = "tickets",
    operation_id = "void_tickets",
    summary = "作废 Say that it was none",
    params(("id" = String, Path, description = "Which one")),
    request_body = WithReason,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn void(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<WithReason>,
) -> Result<Json<Shown>, Problem> {
    let deed = TicketDeed::Void { reason: reason(&body.reason)? };
    done(&centre, ticket, deed, &body.by, body.version).await
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsHandOver)]
struct HandOver {
    by: String,
    version: Option<u32>,
    /// A person's id; without it: one level up.
    to: Option<String>,
    reason: String,
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/hand-over",
    tag = "tickets",
    operation_id = "hand_over_tickets",
    summary = "移交 Give it to somebody else",
    params(("id" = String, Path, description = "Which one")),
    request_body = HandOver,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn hand_over(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<HandOver>,
) -> Result<Json<Shown>, Problem> {
    let deed = TicketDeed::HandOver { to: body.to, reason: reason(&body.reason)? };
    done(&centre, ticket, deed, &body.by, body.version).await
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsClose)]
struct Close {
    by: String,
    version: Option<u32>,
    note: Option<String>,
    /// What stands in for the proof where there can be none.
    exception: Option<CloseException>,
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeedsCloseException)]
struct CloseException {
    reason: String,
    /// The second person who answers for it.
    second: String,
}

#[utoipa::path(
    post,
    path = "/tickets/{id}/close",
    tag = "tickets",
    operation_id = "close_tickets",
    summary = "办结 Close a ticket",
    params(("id" = String, Path, description = "Which one")),
    request_body = Close,
    responses((status = 200, description = "As asked", body = Shown), Refusal)
)]
async fn close(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<Close>,
) -> Result<Json<Shown>, Problem> {
    let by = person(&body.by)?;
    let exception = body.exception.map(|exception| read_exception(&by, exception)).transpose()?;
    let deed = TicketDeed::Close { note: note(body.note.as_deref())?, exception };
    done(&centre, ticket, deed, &by, body.version).await
}

fn read_exception(by: &str, exception: CloseException) -> Result<Exception, Problem> {
    let second = person(&exception.second)?;
    let reason = note(Some(&exception.reason))?;
    match reason {
        Some(reason) if second != by => Ok(Exception { reason, second }),
        Some(_) => Err(Problem::misasked(
            "例外结案需要另一人复核。",
            "An exception needs a second person.",
        )),
        None => Err(Problem::misasked("请说明例外原因。", "An exception needs a reason.")),
    }
}

async fn done(
    centre: &Centre,
    ticket: String,
    deed: TicketDeed,
    by: &str,
    seen: Option<u32>,
) -> Result<Json<Shown>, Problem> {
    let by = person(by)?;
    match act(centre, &by, Action::Ticket { ticket, deed, seen }).await? {
        Done::Ticket(ticket) => {
            let shown = show_all(centre, std::slice::from_ref(&*ticket)).await?;
            shown.into_iter().next().map(Json).ok_or_else(Problem::try_again)
        }
        Done::Alarm(_) | Done::Incident(_) | Done::Settled(_) | Done::Registered => {
            Err(Problem::try_again())
        }
    }
}
