//! `GET tickets`: the newest first, without those that another one hides. Filters: `grid` (it and
//! every grid below it), `state` (a state, or `open`), `severity`, `unit`, `kind`, `overdue`,
//! `folded_into` (those that one ticket hides). `GET tickets/{id}`: one with its history and what
//! the sensor proves.
//! What people do with them stands in [`deeds`].

mod deeds;

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use firegrid_rules::decision::At;
use firegrid_rules::engine::NotYet;
use firegrid_rules::lifecycle::Deed;
use firegrid_rules::routing::Level;
use firegrid_rules::rulebook::{RuleId, Severity};
use firegrid_rules::ticket::State as TicketState;
use firegrid_wire::names::FullPointId;
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::alarms::{Looked, ShownLine, cursor, look_at, read_cursor};
use super::ask::{Asked, Listed};
use super::deed::ShownDeed;
use super::places::Whereabouts;
use super::problem::{Problem, Reason};
use super::shown::{at_centre, at_gateway};
use super::{Centre, Shared, in_time};
use crate::desk::tickets::subject_of;
use crate::storage::tickets::{self, Ticket, TicketFilter};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 1_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(one)).merge(deeds::router())
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsShown)]
struct Shown {
    id: String,
    kind: String,
    title: String,
    title_en: String,
    rule: String,
    #[schema(value_type = String)]
    severity: Severity,
    severity_zh: &'static str,
    #[schema(value_type = String)]
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
    /// `overdue`, `listed`, `historical`, `self-healed`, `reopened`, `folded`.
    flags: Vec<&'static str>,
    /// The number of its last line of history: give it back with what is done.
    version: u32,
    /// Whose turn it is; none once it is over.
    holder: Option<Holder>,
    /// What must happen next, and by when; none while it is folded or over.
    next: Option<Next>,
    /// Whether it is listed for supervision 挂牌督办.
    listed: bool,
    /// How many tickets it hides.
    hides: u64,
    /// The ticket that hides it.
    folded_into: Option<String>,
    submitted: Option<ShownDeed>,
    marks: Vec<String>,
    recurrences: u32,
    /// Calm is proven and nothing was raised since.
    proven: bool,
    reason: Reason,
    advice: Option<String>,
    advice_en: Option<String>,
    /// The clause that the rule rests on, with the mark of how well it is known.
    basis: Option<String>,
    basis_en: Option<String>,
    /// The steps of the rule that stand now.
    standing: Vec<String>,
    accepted: Option<ShownDeed>,
    closed: Option<ShownDeed>,
    note: Option<String>,
    /// The point it stands on is another one now or is gone: a person must decide.
    retired: bool,
    changed: String,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsDeadlines)]
struct Deadlines {
    accept: String,
    rectify: String,
}

/// Whose turn it is.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsHolder)]
struct Holder {
    grid: String,
    grid_name: Option<String>,
    #[schema(value_type = String)]
    level: Level,
    level_zh: &'static str,
    person: Option<super::places::ShownPerson>,
    since: String,
}

/// What must happen next.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsNext)]
struct Next {
    at: String,
    /// `accept`, `dispatch`, `rectify`, `recheck`, or `review` of a listed one.
    what: &'static str,
}

#[utoipa::path(
    get,
    path = "/tickets",
    tag = "tickets",
    operation_id = "list_tickets",
    summary = "隐患工单 Hazard tickets, the newest first",
    params(("grid" = Option<String>, Query, description = "Only of this grid"), ("state" = Option<String>, Query, description = "Only in this state; `open`: whatever is not over"), ("severity" = Option<String>, Query, description = "Only of this severity"), ("unit" = Option<String>, Query, description = "Only of this unit"), ("kind" = Option<String>, Query, description = "Only of this kind"), ("overdue" = Option<bool>, Query, description = "Only what is overdue"), ("folded_into" = Option<String>, Query, description = "Only what this ticket hides"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<Shown>), Problem)
)]
async fn list(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<Shown>>, Problem> {
    let grid = asked.text("grid")?;
    let state = asked.text("state")?;
    let severity: Option<Severity> = asked.optional("severity")?;
    let unit = asked.text("unit")?;
    let kind = asked.text("kind")?;
    let overdue = asked.flag("overdue")?;
    let folded_into = asked.text("folded_into")?;
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
        severity,
        unit,
        kind,
        overdue_at: overdue.then(|| centre.sources.clock.now()),
        folded_into,
        before: after.as_deref().map(read_cursor).transpose()?,
        limit: u32::try_from(limit + 1).unwrap_or(u32::MAX),
    };
    let found = tickets::list(&centre.sources.reader, &filter).await?;
    let listed = Listed::cut(found, limit, |ticket| cursor(ticket.life.opened, &ticket.id));
    let items = show_all(&centre, &listed.items).await?;
    Ok(Json(Listed { items, next: listed.next }))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsWithHistory)]
struct WithHistory {
    #[serde(flatten)]
    ticket: Shown,
    evidence: Evidence,
    /// How it climbed.
    escalations: Vec<Escalation>,
    history: Vec<ShownLine>,
}

/// What the sensor proves.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsEvidence)]
struct Evidence {
    /// Whether it may be closed on what is known now.
    proven: bool,
    /// Whether the hazard holds, as far as is known.
    holds: bool,
    /// Since when it is calm, while that is being proven.
    calm_since: Option<String>,
    /// From when on it may be closed if it stays calm.
    closable_from: Option<String>,
    text: Reason,
}

/// One level up.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = TicketsEscalation)]
struct Escalation {
    at: String,
    #[schema(value_type = Object)]
    from: serde_json::Value,
    #[schema(value_type = Object)]
    to: serde_json::Value,
    /// Which deadline had passed: `accept`, `dispatch`, `rectify`, `recheck`.
    #[schema(value_type = Object)]
    missed: serde_json::Value,
    listed: bool,
}

#[utoipa::path(
    get,
    path = "/tickets/{id}",
    tag = "tickets",
    operation_id = "one_tickets",
    summary = "一张工单、依据和历史 One ticket with evidence and history",
    params(("id" = String, Path, description = "Which one")),
    responses((status = 200, description = "As asked", body = WithHistory), Problem)
)]
async fn one(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithHistory>, Problem> {
    asked.finish()?;
    let missing = || Problem::missing("这张工单", "such ticket");
    let ticket = tickets::one(&centre.sources.reader, &id).await?.ok_or_else(missing)?;
    let history = tickets::history(&centre.sources.reader, &id).await?;
    let evidence = evidence(&centre, &ticket).await?;
    let climbs = history.iter().filter(|line| matches!(&*line.what, "escalated" | "listed"));
    let escalations = climbs.map(|line| Escalation {
        at: at_centre(line.at),
        from: line.body["from"].clone(),
        to: line.body["charge"].clone(),
        missed: line.body["missed"].clone(),
        listed: line.what == "listed" || line.body["listed"] == true,
    });
    let escalations = escalations.collect();
    let shown = show_all(&centre, std::slice::from_ref(&ticket)).await?;
    let ticket = shown.into_iter().next().ok_or_else(missing)?;
    let history = history.into_iter().map(ShownLine::of).collect();
    Ok(Json(WithHistory { ticket, evidence, escalations, history }))
}

/// What the judge says of closing it now.
async fn evidence(centre: &Centre, ticket: &Ticket) -> Result<Evidence, Problem> {
    let proof = match (subject_of(ticket), RuleId::parse(&ticket.rule)) {
        (Some(subject), Ok(rule)) => in_time(centre.sources.door.proof(subject, rule)).await?,
        (None, _) | (Some(_), Err(_)) => Err(NotYet::Unknown),
    };
    let moment = |at: At| match at {
        At::Centre(at) => at_centre(at),
        At::Gateway(at) => at_gateway(at),
    };
    let (calm_since, closable_from) = match proof {
        Err(NotYet::Calm { since: Some(since), of }) => {
            let until = match since {
                At::Centre(at) => At::Centre(at.plus(of)),
                At::Gateway(at) => At::Gateway(at.plus(of)),
            };
            (Some(moment(since)), Some(moment(until)))
        }
        Ok(()) | Err(_) => (None, None),
    };
    Ok(Evidence {
        proven: proof.is_ok(),
        holds: matches!(proof, Err(NotYet::Holds { .. })),
        calm_since,
        closable_from,
        text: match proof {
            Ok(()) => Reason::new(
                "传感器已证明恢复，可以结案",
                "the sensor proves the repair: it may be closed",
            ),
            Err(not_yet) => Reason::new(not_yet.zh(), not_yet.to_string()),
        },
    })
}

async fn show_all(centre: &Centre, tickets: &[Ticket]) -> Result<Vec<Shown>, Problem> {
    let seen = look_at(centre, tickets.iter().filter_map(full_point)).await;
    let hidden = tickets::hidden(&centre.sources.reader).await?;
    let now = centre.sources.clock.now();
    Ok(tickets.iter().map(|ticket| show(centre, ticket, &seen, &hidden, now)).collect())
}

fn full_point(ticket: &Ticket) -> Option<FullPointId> {
    Some(FullPointId { gateway: ticket.gateway.clone(), point: ticket.point.clone()? })
}

fn show(
    centre: &Centre,
    ticket: &Ticket,
    seen: &HashMap<FullPointId, Looked>,
    hidden: &HashMap<String, u64>,
    now: CentreTime,
) -> Shown {
    let point = full_point(ticket);
    let label = point.as_ref().and_then(|point| seen.get(point)).map(|it| it.label.clone());
    let rule = RuleId::parse(&ticket.rule).ok();
    let rule = rule.and_then(|rule| centre.sources.rulebook.rule(&rule));
    let (life, body) = (&ticket.life, &ticket.body);
    let overdue = life.is_overdue(now);
    let charge = life.charge.as_ref();
    let listed = charge.is_some_and(|charge| charge.listed.is_some());
    let flags = [
        (overdue, "overdue"),
        (listed, "listed"),
        (life.historical, "historical"),
        (life.self_healed, "self-healed"),
        (life.reopened, "reopened"),
        (life.folded.is_some(), "folded"),
    ];
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
        version: ticket.version,
        holder: charge.map(|charge| Holder {
            grid: charge.grid.clone(),
            grid_name: centre.places.grid_name(&charge.grid),
            level: charge.level,
            level_zh: charge.level.zh(),
            person: charge.person.as_deref().and_then(|id| centre.places.person(id)),
            since: at_centre(charge.since),
        }),
        next: life.deadline().map(|at| Next { at: at_centre(at), what: next_word(ticket) }),
        listed,
        hides: hidden.get(&ticket.id).copied().unwrap_or(0),
        folded_into: life.folded.as_ref().map(|folded| folded.into.clone()),
        submitted: life.submitted.as_ref().map(show_deed),
        marks: body.marks.clone(),
        recurrences: life.recurrences,
        proven: life.proven,
        reason: Reason::new(body.reason_zh.clone(), body.reason_en.clone()),
        advice: rule.map(|rule| rule.advice.zh.clone()),
        advice_en: rule.map(|rule| rule.advice.en.clone()),
        basis: rule.map(|rule| rule.basis.zh.clone()),
        basis_en: rule.map(|rule| rule.basis.en.clone()),
        standing: body.standing.iter().map(|standing| standing.step.clone()).collect(),
        accepted: life.accepted.as_ref().map(show_deed),
        closed: body.closed.as_ref().map(ShownDeed::of),
        note: body.note.clone(),
        retired: body.retired,
        changed: at_centre(ticket.changed),
    }
}

/// What must happen next.
fn next_word(ticket: &Ticket) -> &'static str {
    let life = &ticket.life;
    match life.state {
        TicketState::Recheck if life.proven => "recheck",
        _ if life.charge.as_ref().is_some_and(|charge| charge.listed.is_some()) => "review",
        TicketState::Verify | TicketState::Accept => "accept",
        TicketState::Dispatch => "dispatch",
        TicketState::Rectifying | TicketState::Recheck | TicketState::Suspended => "rectify",
        TicketState::Closed | TicketState::Void => "nothing",
    }
}

fn show_deed(deed: &Deed) -> ShownDeed {
    ShownDeed::new(deed.who.to_string(), deed.when)
}
