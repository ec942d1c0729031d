//! The broker inside the demo. It keeps everything in memory, and it may: the spools are the
//! only queue.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use firegrid_wire::limits::MESSAGE_BYTES;
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// Log segments of the broker per topic: what a slow reader may lag behind.
const SEGMENT_BYTES: usize = 1024 * 1024;
const SEGMENTS: usize = 4;

/// Starts the broker on a free port of the loopback; its address.
pub(crate) fn start() -> anyhow::Result<SocketAddr> {
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        // Topic and properties travel in the same packet as the body.
        max_payload_size: 2 * MESSAGE_BYTES,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: false,
    };
    let server = ServerSettings {
        name: "demo".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    let router = RouterConfig {
        max_connections: 100,
        max_outgoing_packet_count: 200,
        max_segment_size: SEGMENT_BYTES,
        max_segment_count: SEGMENTS,
        ..RouterConfig::default()
    };
    let config = Config {
        router,
        v5: Some(HashMap::from([("demo".to_owned(), server)])),
        ..Config::default()
    };
    let mut broker = Broker::new(config);
    std::thread::Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            if let Err(error) = broker.start() {
                tracing::error!(%error, "The broker of the demo has ended.");
            }
        })
        .context("the broker's thread does not start")?;
    Ok(listen)
}
