//! An ingest process, from the shipped settings, and its API.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{free_port, project, settings_from};
use crate::{Broker, Part, World};

/// The monitoring centre of the world.
pub struct Centre {
    world: World,
    port: u16,
    part: Part,
    agent: ureq::Agent,
}

impl Centre {
    /// Starts it and waits until it answers. `change` may alter the settings before.
    pub fn start(world: &World, broker: &Broker, change: impl FnOnce(&mut toml::Table)) -> Centre {
        let port = free_port();
        let mut settings = settings_from("ingest.toml");
        settings["data"] = toml::Value::from(world.path("ingest-data").display().to_string());
        settings["listen"] = toml::Value::from(format!("127.0.0.1:{port}"));
        settings["broker"][0]["address"] = toml::Value::from(broker.address());
        for name in ["grids.csv", "units.csv", "gateways.csv"] {
            std::fs::copy(project().join("deploy/settings").join(name), world.path(name))
                .expect("the shipped registry");
        }
        change(&mut settings);
        std::fs::write(world.path("ingest.toml"), settings.to_string())
            .expect("settings can be written");
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build()
            .into();
        let part = launch(world);
        let centre = Centre { world: world.clone(), port, part, agent };
        centre.wait();
        centre
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.part.kill();
    }

    /// Asks it to stop; whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.part.stop()
    }

    /// Starts it again on the same data.
    pub fn start_again(&mut self) {
        self.part = launch(&self.world);
    }

    /// Waits until it answers.
    pub fn wait(&self) {
        self.world.until("the centre answers", || self.try_get("health").is_some());
    }

    /// `GET /api/v1/{path}`, or nothing while it does not answer with JSON and 200.
    pub fn try_get(&self, path: &str) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port);
        let mut answer = self.agent.get(&url).call().ok()?;
        (answer.status() == 200).then(|| answer.body_mut().read_json().ok()).flatten()
    }

    /// The entries of a list; empty while the centre does not answer.
    pub fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.try_get(path).unwrap_or_default();
        let list = answer.as_array().cloned().or_else(|| answer["items"].as_array().cloned());
        list.unwrap_or_default()
    }

    /// The alarms of a kind.
    pub fn alarms(&self, kind: &str) -> Vec<Value> {
        let alarms = self.list("alarms?limit=1000");
        alarms.into_iter().filter(|alarm| alarm["kind"] == kind).collect()
    }

    /// The tickets of a kind.
    pub fn tickets(&self, kind: &str) -> Vec<Value> {
        let tickets = self.list("tickets?limit=1000");
        tickets.into_iter().filter(|ticket| ticket["kind"] == kind).collect()
    }

    /// A point as the centre sees it.
    pub fn point(&self, point: &str) -> Value {
        let points = self.list("points?limit=10000");
        points.into_iter().find(|entry| entry["point"] == point).unwrap_or_default()
    }

    /// Does something to an alarm or ticket as a named person; the status and the answer.
    pub fn act(&self, path: &str, mut body: Value) -> (u16, Value) {
        body["by"] = json!("王网格员");
        let url = format!("http://127.0.0.1:{}/api/v1/{path}", self.port);
        let mut answer = self.agent.post(&url).send_json(&body).expect("the centre answers");
        (answer.status().as_u16(), answer.body_mut().read_json().unwrap_or_default())
    }
}

fn launch(world: &World) -> Part {
    Part::start_ours(world, "ingest", "firegrid-ingest", &world.path("ingest.toml"))
}
