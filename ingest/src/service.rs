//! The whole centre: what is started in which order, and stopped in the other.
//!
//! Start: database, registry, what was committed, judge, series drain, broker connections, API.
//! Stop: API, broker connections, drain, judge (which commits what waits), database. The
//! listener and the wish to stop come from outside, so that a demonstration or a test can run
//! a centre inside its own process.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context;
use axum::Router;
use firegrid_wire::time::CentreTime;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::api::{self, Sources};
use crate::clock::Clock;
use crate::intake::subscriber::{BrokerPlace, Subscriber};
use crate::judge::alert::{ALERT_AFTER, Alert};
use crate::judge::door::{Door, WAITING_AT_THE_DOOR};
use crate::judge::events::{ConnectionName, Wake};
use crate::judge::inbox;
use crate::judge::judgement::{Judgement, last_alive};
use crate::judge::runner::{
    CATALOGUES_WAITING, Lines, RECEIPTS_WAITING, ROUTINE_WAITING, Runner, URGENT_WAITING,
};
use crate::registry::{Import, Registry};
use crate::series::SeriesStore;
use crate::series::embedded::Embedded;
use crate::series::influx::Influx;
use crate::settings::Settings;
use crate::storage::{self, Reader, StorageError, Writer, events};

/// The folder of the series below the data folder.
const SERIES: &str = "series";

/// What a series store elsewhere will never take.
const REFUSED: &str = "series-refused.lp";

/// How often the series store is asked to forget what is too old.
const FORGET_EVERY: std::time::Duration = std::time::Duration::from_secs(3_600);

/// Runs the centre until `shutdown` is done; answers when everything is committed and closed.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    run_beside(settings, listener, Router::new(), shutdown).await
}

/// The same, with routes of whoever runs it beside its own.
pub async fn run_beside(
    settings: Settings,
    listener: TcpListener,
    beside: Router,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (mut writer, reader) = storage::open(settings.storage.clone()).await?;
    let clock = Clock::begin(last_alive(&reader).await?);
    let registry = registry_of(&settings, &mut writer, &reader, clock.now()).await?;
    let series = open_series(&settings)?;
    let judgement = Judgement::restore(
        &reader,
        settings.rulebook.clone(),
        registry.routing,
        settings.region.clone(),
        settings.terms,
        clock.now(),
    )
    .await
    .context("what was committed cannot be taken up again")?;

    let (control, control_in) = mpsc::channel(WAITING_AT_THE_DOOR);
    let (urgent, urgent_in) = mpsc::channel(URGENT_WAITING);
    let (routine, routine_in) = mpsc::channel(ROUTINE_WAITING);
    let (receipts, receipts_in) = mpsc::channel(RECEIPTS_WAITING);
    let (catalogues, catalogues_in) = mpsc::channel(CATALOGUES_WAITING);
    let (last_event, last_event_in) = watch::channel(events::last(&reader).await?);
    let refused = Arc::new(AtomicU64::new(0));
    let lines = Lines {
        control: control_in,
        urgent: urgent_in,
        routine: routine_in,
        receipts,
        catalogues,
        last_event,
        refused: refused.clone(),
    };
    let runner = Runner::new(judgement, writer, settings.retention, lines, clock.clone());
    let alert = Alert::with(settings.alert_command.clone(), ALERT_AFTER);
    let mut runner = tokio::spawn(runner.alerting(alert).run());
    let (stop, stopped) = watch::channel(false);
    let drain = inbox::drain(
        reader.clone(),
        series.clone(),
        inbox::QUOTA,
        control.clone(),
        stopped.clone(),
    );
    let mut others = vec![
        tokio::spawn(drain),
        tokio::spawn(forget(series.clone(), clock.clone(), stopped.clone())),
    ];
    let broker = settings.brokers.first().context("no broker in the settings")?;
    let broker = BrokerPlace { host: broker.host.clone(), port: broker.port };
    let connections = [
        (ConnectionName::Urgent, urgent, Some((receipts_in, catalogues_in))),
        (ConnectionName::Routine, routine, None),
    ];
    for (connection, messages, outgoing) in connections {
        let (receipts, catalogues) = outgoing.unzip();
        let subscriber = Subscriber {
            connection,
            region: settings.region.clone(),
            broker: broker.clone(),
            messages,
            runner: control.clone(),
            receipts,
            catalogues,
            refused: refused.clone(),
            clock: clock.clone(),
        };
        others.push(tokio::spawn(subscriber.run(stopped.clone())));
    }
    let sources = Sources {
        region: settings.region.clone(),
        door: Door::new(control.clone(), last_event_in),
        reader: reader.clone(),
        series,
        rulebook: settings.rulebook.clone(),
        registry_in_files: settings.registry.is_some(),
        clock,
    };
    let router = api::router(sources, beside).await.context("the API cannot read the registry")?;
    let mut stop_serving = stopped.clone();
    let serve = api::serve(listener, router, async move {
        let _ = stop_serving.wait_for(|stop| *stop).await;
    });
    let mut serve = tokio::spawn(serve);
    tracing::info!(region = %settings.region, "Centre running.");

    let mut ended = Ok(());
    let mut runner_ended = false;
    tokio::select! {
        () = shutdown => {}
        served = &mut serve => ended = Err(anyhow::anyhow!("the API stopped: {served:?}")),
        judged = &mut runner => {
            runner_ended = true;
            ended = Err(anyhow::anyhow!("the judge stopped: {judged:?}"));
        }
    }
    stop.send_replace(true);
    for other in others {
        let _ = other.await;
    }
    let _ = control.send(Wake::Stop).await;
    if !runner_ended {
        runner.await.context("the judge did not end in order")?;
    }
    serve.abort();
    reader.close().await;
    ended
}

/// The registry as it stands from here on: the files of the settings, or else the tables.
async fn registry_of(
    settings: &Settings,
    writer: &mut Writer,
    reader: &Reader,
    now: CentreTime,
) -> anyhow::Result<Registry> {
    let stands = match (Registry::load(reader).await, &settings.registry) {
        // What cannot be read is put right by the files.
        (Err(StorageError::Strange { .. }), Some(_)) => Registry::default(),
        (stands, _) => stands.context("the registry in the tables cannot be read")?,
    };
    let Some(registry) = settings.registry.clone() else { return Ok(stands) };
    let import = Import::new(registry, &stands);
    import.store(writer, now).await.context("registry not stored")?;
    Ok(import.registry)
}

fn open_series(settings: &Settings) -> anyhow::Result<Arc<dyn SeriesStore>> {
    if let Some(place) = &settings.influx {
        let store = Influx::open(place.clone(), settings.data.join(REFUSED))
            .with_context(|| format!("{place} cannot be used"))?;
        return Ok(Arc::new(store));
    }
    let folder = settings.data.join(SERIES);
    let store = Embedded::open(folder.clone(), settings.keep_days)
        .with_context(|| format!("the series in {} cannot be opened", folder.display()))?;
    Ok(Arc::new(store))
}

/// Lets the series store forget once an hour.
async fn forget(series: Arc<dyn SeriesStore>, clock: Clock, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = series.forget(clock.now()).await {
            tracing::warn!(%error, "Old series not forgotten.");
        }
        tokio::select! {
            () = tokio::time::sleep(FORGET_EVERY) => {}
            _ = stop.changed() => {}
        }
    }
}
