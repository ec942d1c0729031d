//! Firegrid in one process: broker, a demonstration county, simulated devices that speak real
//! Modbus TCP on the loopback, a dozen gateways, the centre and its page.
//!
//! Nothing is needed beyond this program and no network beyond the loopback. What it stores
//! stands in `var/demo` and survives a restart; `make demo-clean` forgets it.

mod broker;
mod controls;
mod county;
mod link;
mod scenes;
mod sites;
mod story;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use firegrid_ingest::commands::run::hold;
use firegrid_ingest::service;
use firegrid_ingest::settings::Settings;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing_subscriber::EnvFilter;

use scenes::Stage;
use sites::Site;

/// The port of the page if `FIREGRID_DEMO_PORT` does not name another.
const PORT: u16 = 8_080;

/// Where the demo stores what it must not forget, below the folder it is started in.
const DATA: &str = "var/demo";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // The broker is a library made to be watched; here its every word would hide the story.
    let quiet = "info,rumqttd=off,firegrid_gateway=warn,firegrid_ingest=warn";
    let filter = EnvFilter::try_from_env("FIREGRID_LOG").unwrap_or_else(|_| quiet.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();

    let port = match std::env::var("FIREGRID_DEMO_PORT") {
        Ok(text) => {
            text.parse().with_context(|| format!("FIREGRID_DEMO_PORT={text} is no port"))?
        }
        Err(_) => PORT,
    };
    let data = std::env::current_dir()?.join(DATA);
    std::fs::create_dir_all(&data)?;
    run(&data, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

async fn run(data: &Path, page: SocketAddr) -> anyhow::Result<()> {
    let broker = broker::start()?;
    let stage = Arc::new(Stage::new(Site::start_all(data, broker, page.port()).await?));
    let (stop, stopped) = watch::channel(false);
    let mut parts = JoinSet::new();
    let centre = Settings::read(&write_centre(data, broker, page)?, [])?;
    let _held = hold(&centre.data)?;
    let listener = TcpListener::bind(page)
        .await
        .with_context(|| format!("{page} is taken: choose a port with FIREGRID_DEMO_PORT"))?;
    let controls = controls::router(Arc::clone(&stage));
    let centre = service::run_beside(centre, listener, controls, until(stopped.clone()));
    let mut centre = std::pin::pin!(centre);
    for site in &stage.sites {
        let gateway = site.settings.clone();
        parts.spawn(firegrid_gateway::service::run(gateway, until(stopped.clone())));
    }

    tokio::select! {
        ended = &mut centre => {
            ended.context("the centre of the demo has ended")?;
            anyhow::bail!("the centre of the demo has ended by itself");
        }
        Some(ended) = parts.join_next() => {
            ended?.context("a gateway of the demo has ended")?;
            anyhow::bail!("a gateway of the demo has ended by itself");
        }
        shown = show(&stage, page) => return shown,
        signal = tokio::signal::ctrl_c() => signal?,
    }
    // Whoever listens may have gone already.
    let _ = stop.send(true);
    while let Some(ended) = parts.join_next().await {
        ended??;
    }
    centre.await
}

/// Tells that all is ready, and lets the story begin. The listener stands already: whoever
/// asks now is answered as soon as the centre is.
async fn show(stage: &Arc<Stage>, page: SocketAddr) -> anyhow::Result<()> {
    tell(page);
    tokio::try_join!(story::play(stage), story::breathe(stage)).map(|_| ())
}

#[expect(clippy::print_stdout, reason = "this is what the program is for")]
fn tell(page: SocketAddr) {
    println!("ready http://{page}");
    println!();
    println!(
        "  在浏览器打开上面的地址。五分钟内：火警、水泵失电、压力下降、探测器故障、屏蔽、掉线、渗漏、断网；"
    );
    println!("  随后恢复，再换单位重演。#/demo 页可随时触发任一情景。");
    println!(
        "  Open the address. Within five minutes: fire, a pump without power, sinking pressure, a"
    );
    println!(
        "  failed detector, a shielded loop, a dead converter, a leaking tank, a cut-off gateway."
    );
    println!("  All heal, and it begins again at other units. #/demo has a button for each.");
    println!();
    println!("  curl http://{page}/api/v1/alarms");
    println!("  curl http://{page}/api/v1/tickets");
    println!("  curl 'http://{page}/api/v1/series?point=mall-01/riser1/pressure&step=1min'");
    println!();
    println!("  Ctrl-C ends it. What was stored stays in {DATA}: `make demo-clean` forgets it.");
}

/// Writes the registry and the settings of the centre; the path of the settings.
fn write_centre(data: &Path, broker: SocketAddr, page: SocketAddr) -> anyhow::Result<PathBuf> {
    county::write(data)?;
    std::fs::write(data.join("overlay.toml"), include_str!("../overlay.toml"))?;
    let path = data.join("ingest.toml");
    let (region, store) = (county::REGION, data.join("ingest"));
    let text = format!(
        r#"region = "{region}"
data = "{}"
listen = "{page}"

[[broker]]
address = "{broker}"

[registry]
grids = "grids.csv"
units = "units.csv"
buildings = "buildings.csv"
people = "people.csv"
gateways = "gateways.csv"
devices = "devices.csv"

[rules]                     # shorter holds than a real centre has
overlay = "overlay.toml"
"#,
        store.display()
    );
    std::fs::write(&path, text)?;
    Ok(path)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
