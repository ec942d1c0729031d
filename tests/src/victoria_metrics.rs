//! A real VictoriaMetrics: a server of series that takes InfluxDB 2 writes and is not ours.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::world::free_port;
use crate::{Part, World};

/// A server on a port of its own, dead until it is started.
pub struct VictoriaMetrics {
    world: World,
    port: u16,
    part: Option<Part>,
}

impl VictoriaMetrics {
    /// A place for a server; nothing runs there yet.
    pub fn dead(world: &World) -> VictoriaMetrics {
        VictoriaMetrics { world: world.clone(), port: free_port(), part: None }
    }

    /// Starts it on what it has stored, and waits until it answers.
    pub fn start(&mut self) {
        let mut command = Command::new("victoria-metrics");
        command
            .arg(format!("-httpListenAddr=127.0.0.1:{}", self.port))
            .arg(format!("-storageDataPath={}", self.world.path("victoria-metrics").display()))
            // A row that is written again is the same row.
            .arg("-dedup.minScrapeInterval=1ms");
        self.part = Some(Part::start(&self.world, "victoria-metrics", &mut command));
        self.world.until("VictoriaMetrics answers", || self.get("health").is_some());
    }

    /// `kill -9`: what it held in memory only is gone.
    pub fn kill(&mut self) {
        self.part = None;
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Everything it holds of a field of a point: by time in milliseconds.
    pub fn export(&self, field: &str, point: &str) -> BTreeMap<i64, f64> {
        let selector = format!("firegrid_{field}%7Bpoint%3D%22{}%22%7D", point.replace('/', "%2F"));
        let text = self.get(&format!("api/v1/export?match[]={selector}")).unwrap_or_default();
        let mut found = BTreeMap::new();
        for line in text.lines() {
            let line: Value = serde_json::from_str(line).expect("a line of JSON");
            let values = line["values"].as_array().into_iter().flatten().filter_map(Value::as_f64);
            let times = line["timestamps"].as_array().into_iter().flatten();
            found.extend(times.filter_map(Value::as_i64).zip(values));
        }
        found
    }

    /// Lines that it took and threw away.
    pub fn invalid(&self) -> f64 {
        let metrics = self.get("metrics").expect("metrics");
        let lines = metrics.lines().filter(|line| line.starts_with("vm_rows_invalid_total"));
        let counts: Vec<f64> =
            lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect();
        assert!(!counts.is_empty(), "{metrics}");
        counts.into_iter().sum()
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut answer = ureq::get(format!("{}/{path}", self.url())).call().ok()?;
        answer.body_mut().read_to_string().ok()
    }
}
