//! What is missing, what was vouched for, what could not be read, and who speaks twice, each with
//! its evidence.
//!
//! - `GET holes`: the newest first. Filters: `gateway`, `kind` (`marker`, `restored-spool`,
//!   `restored-centre`, `forgotten`, `unreadable`).
//! - `GET dead-letters`: the newest first, without their bytes. Filter: `gateway`.
//!   `GET dead-letters/{id}`: one with its bytes, as text and in hexadecimal.
//! - `GET conflicts`: identities that two boxes use now. Filter: `gateway`.
//!   `GET conflicts/{gateway}`: one with the newest batches of its second box.
//! - `GET vouched?gateway=…&lane=…`: the stretches of gateway time for which a lane was vouched for,
//!   the earliest first, each with what lies before it: a day unless `from` and `to` say otherwise.
//!   What lies in none of them is not known to anybody.

use std::fmt;
use std::str::FromStr;

use axum::Json;
use axum::extract::{Path, State};
use firegrid_wire::names::GatewayId;
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::alarms::{cursor, read_cursor};
use super::ask::{Asked, Listed};
use super::problem::Problem;
use super::shown::{at_centre, at_gateway};
use super::{Centre, Shared};
use crate::storage::conflicts::{self, ConflictBatch, ConflictSpan};
use crate::storage::dead_letters::{self, DeadLetter, LetterFilter};
use crate::storage::holes::{self, Hole, HoleFilter};
use crate::storage::vouched::{self, Gap, Vouched};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const MOST: usize = 1_000;

/// How far back stretches are shown unless somebody says.
const A_DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Batches of a second box that are shown.
const BATCHES_SHOWN: u32 = 20;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(list_holes))
        .routes(routes!(list_letters))
        .routes(routes!(one_letter))
        .routes(routes!(list_conflicts))
        .routes(routes!(one_conflict))
        .routes(routes!(list_vouched))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownHole)]
struct ShownHole {
    gateway: String,
    #[schema(value_type = String)]
    lane: Lane,
    kind: String,
    kind_zh: &'static str,
    kind_en: &'static str,
    /// The batch or marker that told of it; the hole lies before it, or is it.
    #[schema(value_type = String)]
    told_by: BatchName,
    /// What stood before, the marker's own words, or why it cannot be read.
    #[schema(value_type = Object)]
    evidence: serde_json::Value,
    arrived: String,
}

#[utoipa::path(
    get,
    path = "/holes",
    tag = "holes",
    operation_id = "list_holes_holes",
    summary = "缺失 What is known to be missing",
    params(("gateway" = Option<String>, Query, description = "Only of this gateway"), ("kind" = Option<String>, Query, description = "Only of this kind"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<ShownHole>), Problem)
)]
async fn list_holes(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<ShownHole>>, Problem> {
    let gateway = asked.optional("gateway")?;
    let kind = asked.text("kind")?;
    let before = asked.text("after")?.as_deref().map(read_cursor).transpose()?;
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    let filter = HoleFilter { gateway, kind, before, limit: one_more(limit) };
    let found = holes::list(&centre.sources.reader, &filter).await?;
    let listed = Listed::cut(found, limit, |hole| cursor(hole.arrived, &hole.id()));
    let items = listed.items.into_iter().map(show_hole).collect();
    Ok(Json(Listed { items, next: listed.next }))
}

fn show_hole(hole: Hole) -> ShownHole {
    let (kind_zh, kind_en) = match hole.kind.as_str() {
        "marker" => ("网关已丢弃", "given up by the box"),
        "restored-spool" => ("网关存储被还原或丢失", "spool restored or lost"),
        "restored-centre" => ("中心由备份恢复", "centre restored from a backup"),
        "forgotten" => ("网关不再持有", "no longer held by the box"),
        "unreadable" => ("无法读取", "cannot be read"),
        _ => ("缺口", "hole"),
    };
    ShownHole {
        gateway: hole.gateway.to_string(),
        lane: hole.lane,
        kind: hole.kind,
        kind_zh,
        kind_en,
        told_by: hole.told_by,
        evidence: hole.body,
        arrived: at_centre(hole.arrived),
    }
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownLetter)]
struct ShownLetter {
    id: String,
    gateway: String,
    /// The last part of the topic it came on.
    topic: String,
    #[schema(value_type = Option<String>)]
    batch: Option<BatchName>,
    /// The record in the batch, if the others were taken.
    index: Option<u32>,
    reason: String,
    bytes: usize,
    arrived: String,
}

#[utoipa::path(
    get,
    path = "/dead-letters",
    tag = "dead-letters",
    operation_id = "list_letters_dead_letters",
    summary = "死信 What could not be read",
    params(("gateway" = Option<String>, Query, description = "Only of this gateway"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<ShownLetter>), Problem)
)]
async fn list_letters(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<ShownLetter>>, Problem> {
    let gateway = asked.optional("gateway")?;
    let before = asked.text("after")?.as_deref().map(read_cursor).transpose()?;
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    let filter = LetterFilter { gateway, before, limit: one_more(limit) };
    let found = dead_letters::list(&centre.sources.reader, &filter).await?;
    let listed = Listed::cut(found, limit, |letter| cursor(letter.arrived, &letter.id));
    let items = listed.items.iter().map(show_letter).collect();
    Ok(Json(Listed { items, next: listed.next }))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingWithBytes)]
struct WithBytes {
    #[serde(flatten)]
    letter: ShownLetter,
    text: String,
    hex: String,
}

#[utoipa::path(
    get,
    path = "/dead-letters/{id}",
    tag = "dead-letters",
    operation_id = "one_letter_dead_letters",
    summary = "一条死信 One of them",
    params(("id" = String, Path, description = "Which one")),
    responses((status = 200, description = "As asked", body = WithBytes), Problem)
)]
async fn one_letter(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithBytes>, Problem> {
    asked.finish()?;
    let letter = dead_letters::one(&centre.sources.reader, &id).await?;
    let letter =
        letter.ok_or_else(|| Problem::missing("这条无法读取的数据", "such dead letter"))?;
    Ok(Json(WithBytes {
        letter: show_letter(&letter),
        text: String::from_utf8_lossy(&letter.body).into_owned(),
        hex: hex(&letter.body),
    }))
}

fn show_letter(letter: &DeadLetter) -> ShownLetter {
    ShownLetter {
        id: letter.id.clone(),
        gateway: letter.gateway.to_string(),
        topic: letter.topic.clone(),
        batch: letter.name,
        index: letter.index,
        reason: letter.reason.clone(),
        bytes: letter.body.len(),
        arrived: at_centre(letter.arrived),
    }
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownConflict)]
struct ShownConflict {
    gateway: String,
    since: String,
    /// Where the second box stands, per span.
    spans: Vec<ShownSpan>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownSpan)]
struct ShownSpan {
    #[schema(value_type = String)]
    lane: Lane,
    #[schema(value_type = String)]
    position: BatchName,
}

#[utoipa::path(
    get,
    path = "/conflicts",
    tag = "conflicts",
    operation_id = "list_conflicts_conflicts",
    summary = "同号冲突 Identities that two boxes use",
    params(("gateway" = Option<String>, Query, description = "Only of this gateway"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<ShownConflict>), Problem)
)]
async fn list_conflicts(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<ShownConflict>>, Problem> {
    let gateway: Option<GatewayId> = asked.optional("gateway")?;
    let after = asked.text("after")?.unwrap_or_default();
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    let spans = conflicts::load_spans(&centre.sources.reader).await?;
    let mut found = conflicts::load(&centre.sources.reader).await?;
    found.retain(|(id, _)| {
        after.as_str() < id.as_str() && gateway.as_ref().is_none_or(|wanted| wanted == id)
    });
    found.sort();
    let shown = found.into_iter().map(|(id, since)| show_conflict(&id, since, &spans));
    let shown: Vec<ShownConflict> = shown.collect();
    Ok(Json(Listed::cut(shown, limit, |conflict| conflict.gateway.clone())))
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingWithBatches)]
struct WithBatches {
    #[serde(flatten)]
    conflict: ShownConflict,
    batches: Vec<ShownBatch>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownBatch)]
struct ShownBatch {
    #[schema(value_type = String)]
    lane: Lane,
    #[schema(value_type = String)]
    batch: BatchName,
    text: String,
    arrived: String,
}

#[utoipa::path(
    get,
    path = "/conflicts/{gateway}",
    tag = "conflicts",
    operation_id = "one_conflict_conflicts",
    summary = "一处冲突 One of them",
    params(("gateway" = String, Path, description = "Which one")),
    responses((status = 200, description = "As asked", body = WithBatches), Problem)
)]
async fn one_conflict(
    State(centre): State<Centre>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Json<WithBatches>, Problem> {
    asked.finish()?;
    let missing = || Problem::missing("这个身份冲突", "such conflict");
    let id = GatewayId::parse(&id).map_err(|_| missing())?;
    let reader = &centre.sources.reader;
    let found = conflicts::load(reader).await?.into_iter().find(|(gateway, _)| *gateway == id);
    let (_, since) = found.ok_or_else(missing)?;
    let spans = conflicts::load_spans(reader).await?;
    let batches = conflicts::newest_batches(reader, &id, BATCHES_SHOWN).await?;
    Ok(Json(WithBatches {
        conflict: show_conflict(&id, since, &spans),
        batches: batches.into_iter().map(show_batch).collect(),
    }))
}

fn show_conflict(
    id: &GatewayId,
    since: CentreTime,
    spans: &[(GatewayId, ConflictSpan)],
) -> ShownConflict {
    let spans = spans.iter().filter(|(gateway, _)| gateway == id);
    ShownConflict {
        gateway: id.to_string(),
        since: at_centre(since),
        spans: spans
            .map(|(_, span)| ShownSpan {
                lane: span.lane,
                position: BatchName { span: span.span, seq: span.end },
            })
            .collect(),
    }
}

fn show_batch(batch: ConflictBatch) -> ShownBatch {
    ShownBatch {
        lane: batch.lane,
        batch: batch.name,
        text: String::from_utf8_lossy(&batch.body).into_owned(),
        arrived: at_centre(batch.arrived),
    }
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = MissingShownStretch)]
struct ShownStretch {
    span: String,
    /// Gateway time, as all of it.
    from: String,
    until: String,
    /// What lies before it: `span`, `pause` or `hole`.
    gap: &'static str,
    gap_zh: &'static str,
    gap_en: &'static str,
    /// When the centre last learned of it.
    changed: String,
}

#[utoipa::path(
    get,
    path = "/vouched",
    tag = "vouched",
    operation_id = "list_vouched_vouched",
    summary = "可信时段 For which time a lane was vouched",
    params(("gateway" = String, Query, description = "Only of this gateway"), ("lane" = String, Query, description = "Only of this lane"), ("from" = Option<String>, Query, description = "From this moment on"), ("to" = Option<String>, Query, description = "Up to this moment"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Listed<ShownStretch>), Problem)
)]
async fn list_vouched(
    State(centre): State<Centre>,
    mut asked: Asked,
) -> Result<Json<Listed<ShownStretch>>, Problem> {
    let gateway: GatewayId = asked.required("gateway")?;
    let lane: Lane = asked.required("lane")?;
    let to = asked.moment("to")?.unwrap_or_else(|| centre.sources.clock.now().millis());
    let from = asked.moment("from")?.unwrap_or(to.saturating_sub(A_DAY_MS));
    let behind = asked.optional::<Begin>("after")?.map(|Begin(from, span)| (from, span));
    let limit = asked.limit(100, MOST)?;
    asked.finish()?;
    let time = (GatewayTime::from_millis(from), GatewayTime::from_millis(to));
    let reader = &centre.sources.reader;
    let found = vouched::of_lane(reader, (&gateway, lane), time, behind, one_more(limit)).await?;
    let listed = Listed::cut(found, limit, |stretch| Begin(stretch.from, stretch.span).to_string());
    let items = listed.items.into_iter().map(show_stretch).collect();
    Ok(Json(Listed { items, next: listed.next }))
}

/// Where a stretch begins, as the cursor of its list.
struct Begin(GatewayTime, SpanId);

impl fmt::Display for Begin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.0.millis(), self.1)
    }
}

impl FromStr for Begin {
    type Err = ();

    fn from_str(text: &str) -> Result<Begin, ()> {
        let (from, span) = text.split_once('~').ok_or(())?;
        let from = from.parse().map(GatewayTime::from_millis).map_err(|_| ())?;
        Ok(Begin(from, span.parse().map_err(|_| ())?))
    }
}

fn show_stretch(stretch: Vouched) -> ShownStretch {
    let (gap_zh, gap_en) = match stretch.gap {
        Gap::Span => ("网关启动或时钟校正", "the box started, or its clock was set"),
        Gap::Pause => ("网关停止轮询", "the box did not poll"),
        Gap::Hole => ("数据缺失", "something is missing"),
    };
    ShownStretch {
        span: stretch.span.to_string(),
        from: at_gateway(stretch.from),
        until: at_gateway(stretch.until),
        gap: stretch.gap.as_str(),
        gap_zh,
        gap_en,
        changed: at_centre(stretch.changed),
    }
}

/// One entry more than is shown, so that the end is known.
fn one_more(limit: usize) -> u32 {
    u32::try_from(limit + 1).unwrap_or(u32::MAX)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
