//! `GET tickets`: the newest first. Filters: `grid` (it and every grid below it), `state` (a
//! state, or `open`). `GET tickets/{id}`: one with its history. `POST tickets/{id}/accept` and
//! `POST tickets/{id}/close`; what cannot be closed yet is refused with the reason.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use firegrid_rules::lifecycle::Deed;
use firegrid_rules::rulebook::{RuleId, Severity};
use firegrid_rules::ticket::{Exception, State as TicketState};
use firegrid_wire::names::FullPointId;
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::Centre;
use super::alarms::{ShownLine, cursor, label_points, read_cursor};
use super::ask::{Asked, Body, Listed, note, person};
use super::deed::{ShownDeed, act};
use super::places::Whereabouts;
use super::problem::{Problem, Reason};
use super::shown::{at_centre, at_gateway};
use crate::judge::events::{Action, Done};
use crate::storage::tickets::{self, Ticket, TicketFilter};

const MOST: usize = 1_000;

pub(super) fn router() -> Router<Centre> {
    Router::new()
        .route("/tickets", get(list))
        .route("/tickets/{id}", get(one))
        .route("/tickets/{id}/accept", post(accept))
        .route("/tickets/{id}/close", post(close))
}

#[derive(serde::Serialize)]
struct Shown {
    id: String,
    kind: String,
    title: String,
    title_en: String,
    rule: String,
    severity: Severity,
    severity_zh: &'static str,
    state: TicketState,
    state_zh: &'static str,
    subject: String,
    gateway: String,
    point: Option<String>,
    label: Option<String>,
    #[serde(flatten)]
    whereabouts: Whereabouts,
    opened: String,
    /// When it was raised first, in gateway time.
    raised: Option<String>,
    deadlines: Deadlines,
    overdue: bool,
    /// `overdue`, `historical`, `self-healed`.
    flags: Vec<&'static str>,
    marks: Vec<String>,
    recurrences: u32,
    /// Calm is proven and nothing was raised since.
    proven: bool,
    reason: Reason,
    advice: Option<String>,
    advice_en: Option<String>,
    /// The steps of the rule that stand now.
    standing: Vec<String>,
    accepted: Option<ShownDeed>,
    closed: Option<ShownDeed>,
    note: Option<String>,
    /// The point it stands on is another one now or is gone: a person must decide.
    retired: bool,
    changed: String,
}

#[derive(serde::Serialize)]
struct Deadlines {
    accept: String,
    rectify: String,
}

async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let grid = asked.text("grid")?;
    let state = asked.text("state")?;
    let after = asked.text("after")?;
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    if let Some(grid) = &grid
        && !centre.places.grids.contains_key(grid)
    {
        return Err(Problem::missing("这个网格", "such grid"));
    }
    let open = state.as_deref() == Some("open");
    let state: Option<TicketState> = match state.as_deref() {
        None | Some("open") => None,
        Some(word) => Some(word.parse().map_err(|error| {
            Problem::misasked("没有这种状态。", format!("state: {error}, open"))
        })?),
    };
    let filter = TicketFilter {
        grid,
        state,
        open,
        before: after.as_deref().map(read_cursor).transpose()?,
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let found = tickets::list(&centre.sources.reader, &filter).await?;
    let listed = Listed::cut(found, limit, |ticket| cursor(ticket.life.opened, &ticket.id));
    let items = show_all(&centre, &listed.items).await;
    Ok(Json(Listed { items, next: listed.next }))
}

#[derive(serde::Serialize)]
struct WithHistory {
    #[serde(flatten)]
    ticket: Shown,
    history: Vec<ShownLine>,
}

async fn one(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithHistory>, Problem> {
    asked.finish()?;
    let missing = || Problem::missing("这张工单", "such ticket");
    let ticket = tickets::one(&centre.sources.reader, &id).await?.ok_or_else(missing)?;
    let history = tickets::history(&centre.sources.reader, &id).await?;
    let shown = show_all(&centre, std::slice::from_ref(&ticket)).await;
    let ticket = shown.into_iter().next().ok_or_else(missing)?;
    Ok(Json(WithHistory { ticket, history: history.into_iter().map(ShownLine::of).collect() }))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Accept {
    by: String,
}

async fn accept(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<Accept>,
) -> Result<Json<Shown>, Problem> {
    let by = person(&body.by)?;
    done(&centre, act(&centre, &by, Action::AcceptTicket { ticket }).await?).await
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    by: String,
    note: Option<String>,
    /// What stands in for the proof where there can be none.
    exception: Option<CloseException>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseException {
    reason: String,
    /// The second person who answers for it.
    second: String,
}

async fn close(
    State(centre): State<Centre>,
    Path(ticket): Path<String>,
    Body(body): Body<Close>,
) -> Result<Json<Shown>, Problem> {
    let by = person(&body.by)?;
    let exception = body.exception.map(|exception| read_exception(&by, exception)).transpose()?;
    let action = Action::CloseTicket { ticket, note: note(body.note.as_deref())?, exception };
    done(&centre, act(&centre, &by, action).await?).await
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

async fn done(centre: &Centre, done: Done) -> Result<Json<Shown>, Problem> {
    match done {
        Done::Ticket(ticket) => {
            let shown = show_all(centre, std::slice::from_ref(&*ticket)).await;
            shown.into_iter().next().map(Json).ok_or_else(Problem::try_again)
        }
        Done::Alarm(_) | Done::Settled(_) => Err(Problem::try_again()),
    }
}

async fn show_all(centre: &Centre, tickets: &[Ticket]) -> Vec<Shown> {
    let labels = label_points(centre, tickets.iter().filter_map(full_point)).await;
    let now = centre.sources.clock.now();
    tickets
        .iter()
        .map(|ticket| {
            let point = full_point(ticket);
            let label = point.as_ref().and_then(|point| labels.get(point).cloned());
            show(centre, ticket, point, label, now)
        })
        .collect()
}

fn full_point(ticket: &Ticket) -> Option<FullPointId> {
    Some(FullPointId { gateway: ticket.gateway.clone(), point: ticket.point.clone()? })
}

fn show(
    centre: &Centre,
    ticket: &Ticket,
    point: Option<FullPointId>,
    label: Option<String>,
    now: CentreTime,
) -> Shown {
    let rule = RuleId::parse(&ticket.rule).ok();
    let rule = rule.and_then(|rule| centre.sources.rulebook.rule(&rule));
    let (life, body) = (&ticket.life, &ticket.body);
    let overdue = life.is_overdue(now);
    let flags =
        [(overdue, "overdue"), (life.historical, "historical"), (life.self_healed, "self-healed")];
    let path = centre.places.written_path(&ticket.grid_path);
    Shown {
        id: ticket.id.clone(),
        kind: ticket.kind.clone(),
        title: rule.map_or_else(|| ticket.kind.clone(), |rule| rule.name.zh.clone()),
        title_en: rule.map_or_else(|| ticket.kind.clone(), |rule| rule.name.en.clone()),
        rule: ticket.rule.clone(),
        severity: ticket.severity,
        severity_zh: ticket.severity.zh(),
        state: life.state,
        state_zh: life.state.zh(),
        subject: ticket.subject.clone(),
        gateway: ticket.gateway.to_string(),
        point: point.map(|point| point.to_string()),
        label,
        whereabouts: centre.places.whereabouts(
            ticket.unit.as_deref(),
            Some(&ticket.grid),
            Some(path),
        ),
        opened: at_centre(life.opened),
        raised: body.first_raised_t.map(|at| at_gateway(GatewayTime::from_millis(at))),
        deadlines: Deadlines {
            accept: at_centre(life.due.accept),
            rectify: at_centre(life.due.rectify),
        },
        overdue,
        flags: flags.into_iter().filter_map(|(set, word)| set.then_some(word)).collect(),
        marks: body.marks.clone(),
        recurrences: life.recurrences,
        proven: life.proven,
        reason: Reason::new(body.reason_zh.clone(), body.reason_en.clone()),
        advice: rule.map(|rule| rule.advice.zh.clone()),
        advice_en: rule.map(|rule| rule.advice.en.clone()),
        standing: body.standing.iter().map(|standing| standing.step.clone()).collect(),
        accepted: life.accepted.as_ref().map(show_deed),
        closed: body.closed.as_ref().map(ShownDeed::of),
        note: body.note.clone(),
        retired: body.retired,
        changed: at_centre(ticket.changed),
    }
}

fn show_deed(deed: &Deed) -> ShownDeed {
    ShownDeed::new(deed.who.to_string(), deed.when)
}
