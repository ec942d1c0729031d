//! `GET series?point=&from=&to=&step=`: what a point read over time, `from <= time < to` in
//! gateway time; the last hour unless said.
//!
//! With `step` (`30s`, `5min`; analog points only): min, mean, max and count per step, with the
//! limits that the rules hold the point against. Without: every row with span, seq, index and
//! quality, the states of a discrete point as words.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use firegrid_wire::names::FullPointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::{BatchName, Lane, Seq, SpanId};
use firegrid_wire::time::{GatewayTime, Millis};

use super::ask::{Asked, Listed};
use super::limits::{self, ShownLimit};
use super::points::lane_of;
use super::problem::Problem;
use super::shown::{ShownValue, at_gateway};
use super::{Centre, Shared, in_time};
use crate::judge::events::{PointNow, PointsAsked};
use crate::series::{Bucket, ROWS_PER_ANSWER, Row};
use crate::storage::readings::{self, PastReading};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What is shown if nothing is said.
const AN_HOUR: Millis = Millis::seconds(3_600);

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(series))
}

/// What was asked, checked.
struct Question {
    point: FullPointId,
    from: GatewayTime,
    to: GatewayTime,
    limit: usize,
    after: Option<String>,
}

#[utoipa::path(
    get,
    path = "/series",
    tag = "series",
    operation_id = "series_series",
    summary = "曲线 The history of a point",
    params(("point" = String, Query, description = "Only this point"), ("from" = Option<String>, Query, description = "From this moment on"), ("to" = Option<String>, Query, description = "Up to this moment"), ("step" = Option<String>, Query, description = "Length of a bucket, as in 1min"), ("after" = Option<String>, Query, description = "The `next` of the page before"), ("limit" = Option<u32>, Query, description = "At most so many entries")),
    responses((status = 200, description = "As asked", body = Buckets), Problem)
)]
async fn series(State(centre): State<Centre>, mut asked: Asked) -> Result<Response, Problem> {
    let now = GatewayTime::from_millis(centre.sources.clock.now().millis());
    let moment = |millis: Option<i64>| millis.map(GatewayTime::from_millis);
    let point: FullPointId = asked.required("point")?;
    let to = moment(asked.moment("to")?);
    let from = moment(asked.moment("from")?);
    let step: Option<Millis> = asked.optional("step")?;
    let limit = asked.limit(1_000, ROWS_PER_ANSWER - 1)?;
    let after = asked.text("after")?;
    asked.finish()?;
    let to = to.unwrap_or(now.plus(Millis::new(1)));
    let from = from.unwrap_or(to.minus(AN_HOUR));
    let question = Question { point, from, to, limit, after };
    let known = known(&centre, &question.point).await;
    match (lane(&question.point, known.as_ref()), step) {
        (Some(Lane::Urgent), None) => words(&centre, question).await,
        (Some(Lane::Urgent), Some(_)) => Err(Problem::misasked(
            "状态点没有 step：请查询每一条记录。",
            "A discrete point has no steps: leave step out and read its rows.",
        )),
        (Some(Lane::Routine) | None, Some(step)) => {
            buckets(&centre, question, step, known.as_ref()).await
        }
        (Some(Lane::Routine), None) => rows(&centre, question).await,
        // Neither the judge nor a catalogue knows it: whoever has something of it answers.
        (None, None) => {
            let analog = rows_of(&centre, &question).await?;
            if analog.items.is_empty() {
                return words(&centre, question).await;
            }
            Ok(Json(Rows { point: question.point.to_string(), rows: analog }).into_response())
        }
    }
}

async fn known(centre: &Centre, point: &FullPointId) -> Option<PointNow> {
    let asked = PointsAsked { point: Some(point.clone()), limit: 1, ..PointsAsked::default() };
    in_time(centre.sources.door.points(asked)).await.ok()?.into_iter().next()
}

fn lane(point: &FullPointId, known: Option<&PointNow>) -> Option<Lane> {
    if point.point.is_comm() { Some(Lane::Urgent) } else { known.map(lane_of) }
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = SeriesBuckets)]
struct Buckets {
    point: String,
    label: Option<String>,
    #[schema(value_type = Option<String>)]
    unit: Option<Unit>,
    shown_unit: Option<&'static str>,
    /// From SI to the shown unit.
    shown_factor: Option<f64>,
    from: String,
    to: String,
    step_ms: u64,
    buckets: Vec<ShownBucket>,
    rule_limits: Vec<ShownLimit>,
}

/// One step. Numbers in SI; null where no reading was good.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = SeriesShownBucket)]
struct ShownBucket {
    start: String,
    min: Option<f64>,
    mean: Option<f64>,
    max: Option<f64>,
    count: u64,
}

async fn buckets(
    centre: &Centre,
    question: Question,
    step: Millis,
    known: Option<&PointNow>,
) -> Result<Response, Problem> {
    let Question { point, from, to, .. } = question;
    let name = point.to_string();
    let buckets = centre.sources.series.buckets(point, from, to, step).await?;
    let entry = known.and_then(|known| known.entry.as_deref());
    let unit = entry
        .and_then(|entry| entry.u)
        .or_else(|| buckets.iter().rev().find_map(|bucket| Some(bucket.spread?.unit)));
    let shown = unit.map(Unit::shown);
    Ok(Json(Buckets {
        point: name,
        label: entry.map(|entry| entry.label.clone()),
        unit,
        shown_unit: shown.map(|(unit, _)| unit),
        shown_factor: shown.map(|(_, factor)| factor),
        from: at_gateway(from),
        to: at_gateway(to),
        step_ms: step.get(),
        buckets: buckets.iter().map(|bucket| show_bucket(bucket, unit)).collect(),
        rule_limits: entry
            .map_or_else(Vec::new, |entry| limits::of_point(&centre.sources.rulebook, entry)),
    })
    .into_response())
}

/// A bucket in the unit of the curve; numbers of another unit are counted but not drawn.
fn show_bucket(bucket: &Bucket, unit: Option<Unit>) -> ShownBucket {
    let spread = bucket.spread.filter(|spread| Some(spread.unit) == unit);
    ShownBucket {
        start: at_gateway(bucket.start),
        min: spread.map(|spread| spread.min),
        mean: spread.map(|spread| spread.mean),
        max: spread.map(|spread| spread.max),
        count: bucket.count,
    }
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = SeriesRows)]
struct Rows {
    point: String,
    #[serde(flatten)]
    rows: Listed<ShownRow>,
}

/// One reading with its name.
#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = SeriesShownRow)]
struct ShownRow {
    time: String,
    value: ShownValue,
    #[schema(value_type = String)]
    quality: Quality,
    #[schema(value_type = String)]
    span: SpanId,
    #[schema(value_type = u64)]
    seq: Seq,
    index: u32,
    /// How often the point changed in the minute that it ends, if not all of that was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<u32>,
}

async fn rows(centre: &Centre, question: Question) -> Result<Response, Problem> {
    let rows = rows_of(centre, &question).await?;
    Ok(Json(Rows { point: question.point.to_string(), rows }).into_response())
}

async fn rows_of(centre: &Centre, question: &Question) -> Result<Listed<ShownRow>, Problem> {
    let (from, skip) = match question.after.as_deref() {
        None => (question.from, 0),
        Some(text) => read_place(text, question.limit)?,
    };
    let limit = (question.limit + skip + 1).min(ROWS_PER_ANSWER);
    let series = &centre.sources.series;
    let mut found = series.raw(question.point.clone(), from, question.to, limit).await?;
    let more = skip + question.limit < found.len();
    found.truncate(skip + question.limit);
    // Several rows may share a millisecond: the cursor says how many of the last one are told.
    let next = found.last().filter(|_| more).map(|last| {
        let told = found.iter().rev().take_while(|row| row.time == last.time).count();
        format!("{}~{told}", last.time.millis())
    });
    Ok(Listed { items: found.into_iter().skip(skip).map(show_row).collect(), next })
}

/// `{milliseconds}~{rows of that moment already told}`.
fn read_place(text: &str, limit: usize) -> Result<(GatewayTime, usize), Problem> {
    let read = || {
        let (time, told) = text.split_once('~')?;
        let told: usize = told.parse().ok()?;
        let fits = limit.checked_add(told)? < ROWS_PER_ANSWER;
        fits.then_some((GatewayTime::from_millis(time.parse().ok()?), told))
    };
    read().ok_or_else(|| Problem::misasked("after 无法读取。", "after cannot be read."))
}

fn show_row(row: Row) -> ShownRow {
    let value = row.number.map_or(Value::Unknown, |(number, unit)| Value::number(number, unit));
    ShownRow {
        time: at_gateway(row.time),
        value: ShownValue::of(&value),
        quality: row.quality,
        span: row.span,
        seq: row.seq,
        index: row.index,
        changes: None,
    }
}

async fn words(centre: &Centre, question: Question) -> Result<Response, Problem> {
    let after = question.after.as_deref().map(read_name).transpose()?;
    let found = readings::of_point(
        &centre.sources.reader,
        &question.point,
        question.from,
        question.to,
        after.as_ref(),
        u32::try_from(question.limit + 1).unwrap_or(u32::MAX),
    )
    .await?;
    let listed = Listed::cut(found, question.limit, |row| {
        format!("{}~{}~{}", row.time.millis(), row.batch, row.index)
    });
    let items = listed.items.into_iter().map(show_words).collect();
    let rows = Listed { items, next: listed.next };
    Ok(Json(Rows { point: question.point.to_string(), rows }).into_response())
}

/// The name of the last row that was told: `{milliseconds}~{span}/{seq}~{index}`.
fn read_name(text: &str) -> Result<PastReading, Problem> {
    let read = || {
        let mut parts = text.split('~');
        let time = GatewayTime::from_millis(parts.next()?.parse().ok()?);
        let batch: BatchName = parts.next()?.parse().ok()?;
        let index = parts.next()?.parse().ok()?;
        let words = String::new();
        Some(PastReading { batch, index, time, words, quality: Quality::Good, changes: None })
    };
    read().ok_or_else(|| Problem::misasked("after 无法读取。", "after cannot be read."))
}

fn show_words(row: PastReading) -> ShownRow {
    ShownRow {
        time: at_gateway(row.time),
        value: ShownValue::of_words(&row.words),
        quality: row.quality,
        span: row.batch.span,
        seq: row.batch.seq,
        index: row.index,
        changes: row.changes,
    }
}
