//! `GET registry/{table}.csv`: a table as a sheet, for Excel unless `encoding=gb18030` is said;
//! `language=en` writes heads and words in English. `POST registry/import`: sheets in the place
//! of the tables, all of them or nothing; with `dry_run=true` it is only told what would change
//! and what is wrong. `POST gateways/{id}/assign`: whose a gateway is.
//!
//! The change itself goes through the judge, in one commit. It is seen through even if whoever
//! asked has gone; until then nobody else can begin another one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use firegrid_wire::names::GatewayId;
use tokio::sync::OwnedMutexGuard;

use super::ask::{Asked, Body, person};
use super::deed::refusal;
use super::places::Places;
use super::problem::{Problem, Reason};
use super::{ACTION_PATIENCE, Shared};
use crate::api::problem::Refusal;
use crate::judge::events::Action;
use crate::registry::{
    Counts, Encoding, Given, Import, Language, Registry, RegistryMistake, Sheets, Table,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

/// The longest body of an import: sheets of 12 MiB in base64. A county's are below one.
const IMPORT_BYTES: usize = 16 * 1024 * 1024;

/// How long the places may wait for the database before they are read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(import).layer(DefaultBodyLimit::max(IMPORT_BYTES)))
        .routes(routes!(assign))
}

#[utoipa::path(
    get,
    path = "/registry/{file}",
    tag = "registry",
    operation_id = "export_registry",
    summary = "导出 A table as a sheet, as in units.csv",
    params(("file" = String, Path, description = "Which one"), ("encoding" = Option<String>, Query, description = "utf-8 or gb18030"), ("language" = Option<String>, Query, description = "zh or en")),
    responses((status = 200, description = "As asked", body = String, content_type = "text/csv"), Problem)
)]
async fn export(
    State(shared): State<Shared>,
    Path(file): Path<String>,
    mut asked: Asked,
) -> Result<Response, Problem> {
    let encoding: Option<Encoding> = asked.optional("encoding")?;
    let encoding = encoding.unwrap_or(Encoding::Utf8);
    let language = match asked.text("language")?.as_deref() {
        None | Some("zh") => Language::Chinese,
        Some("en") => Language::English,
        Some(_) => return Err(Problem::misasked("language 是 zh 或 en。", "language: zh or en.")),
    };
    asked.finish()?;
    let table = file.strip_suffix(".csv").and_then(Table::of);
    let table = table.ok_or_else(|| Problem::missing("这张表", "such table"))?;
    let registry = Registry::load(&shared.sources.reader).await?;
    let bytes = encoding.encode(&registry.to_csv(table, language)).ok_or_else(|| {
        Problem::Refused(Reason::coded(
            "not-in-this-encoding",
            "表中有 GB 18030 无法表示的字符，请以 UTF-8 导出。",
            "The table holds characters that GB 18030 has not: export it in UTF-8.",
        ))
    })?;
    let kind = match encoding {
        Encoding::Utf8 => "text/csv; charset=utf-8; header=present",
        Encoding::Gb18030 => "text/csv; charset=gb18030; header=present",
    };
    let name = format!("attachment; filename=\"{table}.csv\"");
    let name = HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment"));
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(([kind, (header::CONTENT_DISPOSITION, name)], bytes).into_response())
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistryWanted)]
struct Wanted {
    by: String,
    /// Sheets in base64 by the names of their tables. A table without a sheet stays as it is.
    files: BTreeMap<String, String>,
    /// `utf-8` or `gb18030`; without it each sheet is looked at.
    #[serde(default)]
    encoding: Option<String>,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
#[schema(as = RegistryTold)]
struct Told {
    /// Whether it stands now.
    applied: bool,
    #[schema(value_type = BTreeMap<String, Counts>)]
    counts: BTreeMap<&'static str, Counts>,
    mistakes: Vec<RegistryMistake>,
}

#[utoipa::path(
    post,
    path = "/registry/import",
    tag = "registry",
    operation_id = "import_registry",
    summary = "导入 Sheets in the place of the tables",
    params(("dry_run" = Option<bool>, Query, description = "Tell everything, write nothing")),
    request_body = Wanted,
    responses((status = 200, description = "As asked", body = Told), Refusal)
)]
async fn import(
    State(shared): State<Shared>,
    mut asked: Asked,
    Body(wanted): Body<Wanted>,
) -> Result<Json<Told>, Problem> {
    let dry_run = asked.flag("dry_run")?;
    asked.finish()?;
    let by = person(&wanted.by)?;
    if !dry_run {
        tables_are_the_truth(&shared)?;
    }
    let sheets = sheets(wanted)?;
    let alone = alone(&shared)?;
    let stands = Registry::load(&shared.sources.reader).await?;
    let region = shared.sources.region.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let registry = Registry::check(&sheets, &stands, Some(&region))?;
        Ok(Import::new(registry, &stands))
    });
    let import = match checked.await.map_err(|_| Problem::try_again())? {
        Ok(import) => Arc::new(import),
        Err(mistakes) => {
            return Ok(Json(Told { applied: false, counts: BTreeMap::new(), mistakes }));
        }
    };
    let counts = import.difference.counts();
    if !dry_run && !import.difference.is_empty() {
        change(shared, alone, by, Action::ImportRegistry(import)).await?;
    }
    Ok(Json(Told { applied: !dry_run, counts, mistakes: Vec::new() }))
}

fn sheets(wanted: Wanted) -> Result<Sheets, Problem> {
    let encoding = wanted.encoding.as_deref().map(str::parse).transpose();
    let encoding = encoding.map_err(|_| {
        Problem::misasked("encoding 是 utf-8 或 gb18030。", "encoding: utf-8 or gb18030.")
    })?;
    let mut sheets = Sheets { encoding, ..Sheets::default() };
    for (name, text) in wanted.files {
        let shown: String = name.chars().take(40).collect();
        let table = Table::of(name.trim_end_matches(".csv")).ok_or_else(|| {
            let known = Table::ALL.map(Table::as_str).join(", ");
            Problem::misasked(
                format!("没有 {shown:?} 这张表；可用：{known}。"),
                format!("There is no table {shown:?}; known: {known}."),
            )
        })?;
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| {
            Problem::misasked(format!("{shown} 不是 base64。"), format!("{shown} is not base64."))
        })?;
        let given = Given { name: table.file(), bytes: Ok(bytes) };
        if sheets.given.insert(table, given).is_some() {
            let table = table.as_str();
            return Err(Problem::misasked(
                format!("{table} 这张表上传了两次。"),
                format!("The table {table} was sent twice."),
            ));
        }
    }
    if sheets.given.is_empty() {
        return Err(Problem::misasked("没有上传任何表。", "No sheet was sent."));
    }
    Ok(sheets)
}

#[derive(serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegistryAssign)]
struct Assign {
    by: String,
    unit: String,
}

#[utoipa::path(
    post,
    path = "/gateways/{id}/assign",
    tag = "gateways",
    operation_id = "assign_gateways",
    summary = "指定单位 Say whose a gateway is",
    params(("id" = String, Path, description = "Which one")),
    request_body = Assign,
    responses((status = 200, description = "As it stands now", body = Object), Refusal)
)]
async fn assign(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    asked: Asked,
    Body(body): Body<Assign>,
) -> Result<Json<serde_json::Value>, Problem> {
    asked.finish()?;
    let by = person(&body.by)?;
    let gateway =
        GatewayId::parse(&id).map_err(|_| Problem::missing("这台网关", "such gateway"))?;
    tables_are_the_truth(&shared)?;
    let alone = alone(&shared)?;
    let unit = body.unit.clone();
    change(shared, alone, by, Action::AssignGateway { gateway, unit }).await?;
    Ok(Json(serde_json::json!({ "gateway": id, "unit": body.unit })))
}

/// What files say at every start must not be changed here: it would be gone after the next one.
fn tables_are_the_truth(shared: &Shared) -> Result<(), Problem> {
    if !shared.sources.registry_in_files {
        return Ok(());
    }
    Err(Problem::Refused(Reason::coded(
        "registry-from-files",
        "登记信息以设置文件 [registry] 所列文件为准，请修改这些文件后重启监控中心。",
        "The settings name the files of the registry: change those and start the centre again.",
    )))
}

/// Nobody else changes the registry meanwhile.
fn alone(shared: &Shared) -> Result<OwnedMutexGuard<()>, Problem> {
    shared.registry.clone().try_lock_owned().map_err(|_| {
        Problem::Refused(Reason::coded(
            "registry-busy",
            "另一次导入正在进行，请稍后重试。",
            "Another change of the registry is under way; try again.",
        ))
    })
}

/// Has the judge do it, and then answers from the new places.
async fn change(
    shared: Shared,
    alone: OwnedMutexGuard<()>,
    by: String,
    action: Action,
) -> Result<(), Problem> {
    let under_way = tokio::spawn(async move {
        let done = shared.sources.door.act(&by, action).await;
        if done.is_ok() {
            while let Err(error) = read_places(&shared).await {
                tracing::warn!(%error, "Places not read again after the registry changed.");
                tokio::time::sleep(READ_AGAIN_AFTER).await;
            }
        }
        drop(alone);
        done
    });
    match tokio::time::timeout(ACTION_PATIENCE, under_way).await {
        Ok(Ok(Ok(_))) => Ok(()),
        Ok(Ok(Err(refused))) => Err(refusal(refused)),
        Ok(Err(_)) | Err(_) => Err(Problem::TryAgain(Reason::new(
            "尚未确认是否已入库，请查看最新状态。",
            "It is not known whether this was recorded; look at how it stands.",
        ))),
    }
}

async fn read_places(shared: &Shared) -> Result<(), crate::storage::StorageError> {
    let places = Places::load(&shared.sources.reader).await?;
    shared.places.send_replace(Arc::new(places));
    Ok(())
}
