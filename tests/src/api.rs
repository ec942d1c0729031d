//! The API of a centre, as a program outside would use it.

use std::time::Duration;

use serde_json::{Value, json};

/// The API on a port of the loopback.
pub struct Api {
    port: u16,
    agent: ureq::Agent,
}

impl Api {
    /// Whoever answers on this port.
    pub fn on(port: u16) -> Api {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .http_status_as_error(false)
            .build()
            .into();
        Api { port, agent }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
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
