//! The centre's answers over HTTP: `/api/v1`, one router per resource, and the page at `/`.
//!
//! Reads what is committed with a reader of its own, and asks the judge for what lives in its
//! memory; people's actions go to the judge too, and are answered after their commit. Writes
//! nothing itself.
//!
//! Every list has a limit and a cursor (`next`, given back as `after`). Moments are ISO 8601 in
//! UTC with milliseconds. What cannot be answered is a problem (RFC 9457). Until there are
//! accounts it listens on loopback only, answers only to loopback names, and takes the name of
//! who does something from the body (`by`).

mod alarms;
mod ask;
mod buildings;
mod coverage;
mod deed;
mod devices;
mod events;
mod gateways;
mod grids;
mod health;
mod incidents;
mod limits;
mod live;
mod missing;
mod people;
mod places;
mod points;
mod problem;
mod registry;
mod series;
mod shown;
mod tickets;
mod units;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, Request};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use firegrid_rules::rulebook::Rulebook;
use firegrid_wire::names::RegionId;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use self::places::Places;
use self::problem::{Problem, Reason};
use crate::clock::Clock;
use crate::judge::door::Door;
use crate::series::SeriesStore;
use crate::storage::{Reader, StorageError};

/// The longest body of a request: a name, a verdict and a note.
const BODY_BYTES: usize = 16 * 1024;

/// How long the judge may take for an answer. It takes milliseconds; when its disk is stuck
/// the pages must say so, not hang.
const JUDGE_PATIENCE: Duration = Duration::from_secs(2);

/// How long an action may take: it is answered after its commit.
const ACTION_PATIENCE: Duration = Duration::from_secs(10);

/// Everything that answers come from.
#[derive(Clone)]
pub struct Sources {
    /// The region this centre holds.
    pub region: RegionId,
    /// The way to the judge.
    pub door: Door,
    /// What is committed.
    pub reader: Reader,
    /// The history of analog points.
    pub series: Arc<dyn SeriesStore>,
    /// The rules, for their names and limits.
    pub rulebook: Arc<Rulebook>,
    /// Whether files of the settings are the truth of the registry, and not the tables.
    pub registry_in_files: bool,
    /// The centre's clock.
    pub clock: Clock,
}

/// What every request shares. An import puts other places into it.
#[derive(Clone)]
struct Shared {
    sources: Sources,
    places: Arc<watch::Sender<Arc<Places>>>,
    watch: Arc<points::Watch>,
    seats: live::Seats,
    /// Whoever changes the registry holds it until the change stands.
    registry: Arc<Mutex<()>>,
}

/// What one answer is made from: the sources, and the places as they stand when it is asked for.
struct Centre {
    sources: Sources,
    places: Arc<Places>,
    watch: Arc<points::Watch>,
    seats: live::Seats,
}

impl FromRef<Shared> for Centre {
    fn from_ref(shared: &Shared) -> Centre {
        let Shared { sources, places, watch, seats, .. } = shared.clone();
        let places = places.borrow().clone();
        Centre { sources, places, watch, seats }
    }
}

/// The whole of it: API, page, and routes of whoever runs the centre `beside` them. Reads the
/// registry, so store that first.
pub async fn router(sources: Sources, beside: Router) -> Result<Router, StorageError> {
    let places = Arc::new(Places::load(&sources.reader).await?);
    let shared = Shared {
        sources,
        places: Arc::new(watch::Sender::new(places)),
        watch: Arc::default(),
        seats: Arc::new(Semaphore::new(live::FOLLOWERS)),
        registry: Arc::default(),
    };
    let (api, mut document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(alarms::router())
        .merge(buildings::router())
        .merge(coverage::router())
        .merge(devices::router())
        .merge(events::router())
        .merge(gateways::router())
        .merge(grids::router())
        .merge(health::router())
        .merge(incidents::router())
        .merge(live::router())
        .merge(missing::router())
        .merge(people::router())
        .merge(points::router())
        .merge(registry::router())
        .merge(series::router())
        .merge(tickets::router())
        .merge(units::router())
        .split_for_parts();
    document.paths.paths = document
        .paths
        .paths
        .into_iter()
        .map(|(path, item)| (format!("/api/v1{path}"), item))
        .collect();
    // It never changes while the program runs: it is written once. A document of ours has text
    // keys only, so writing it cannot fail.
    let document: Arc<str> = serde_json::to_string(&document).unwrap_or_default().into();
    let told = async move || {
        (
            [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            document.to_string(),
        )
    };
    let api = api.fallback(async || Problem::missing("这个接口", "such resource"));
    Ok(Router::new()
        .route("/api/openapi.json", get(told))
        .nest("/api/v1", api)
        .merge(crate::page::router())
        .fallback(async || Problem::missing("这个页面", "such page"))
        .method_not_allowed_fallback(async || {
            Problem::Method(Reason::new("不支持这种方法。", "This method does not exist here."))
        })
        .with_state(shared)
        .merge(beside)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(from_fn(guard)))
}

/// What the interface is, for programs: made from the handlers themselves.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Firegrid",
        description = "监控中心接口。 The interface of a monitoring centre. Moments are ISO 8601 \
                       in UTC; lists go on with `after`."
    ),
    components(schemas(problem::Details))
)]
struct Document;

/// Serves until `stop` is done, then lets the answers that are under way finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Answers only to loopback names: another site's page, whose name was made to point here, must
/// not read the county's alarms. And nothing that is answered may be kept by anyone.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_none_or(is_loopback) {
        let reason = Reason::new(
            "此地址只接受本机访问。",
            "Only loopback names are answered here while there are no accounts.",
        );
        return Problem::NotHere(reason).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    response
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What the judge answers in time.
async fn in_time<T, E: Into<Problem>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    match tokio::time::timeout(JUDGE_PATIENCE, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Problem::judge_silent()),
    }
}

#[cfg(test)]
mod tests;
