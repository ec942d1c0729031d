//! The state as Prometheus reads it: text, one line a number.

use std::fmt::{self, Write as _};

use firegrid_wire::span::Lane;

use super::State;
use crate::line::report::{self, DeviceReport, ResponseTimes, Standing};

/// Everything that is measured.
pub(super) fn text(state: &State) -> String {
    let mut text = Text::default();
    text.family("info", "gauge", "Which gateway this is.");
    let version = env!("CARGO_PKG_VERSION");
    text.line("info", &[("gateway", state.gateway.as_str()), ("version", version)], 1);
    text.one("uptime_seconds", "gauge", "How long it has run.", seconds(state.now.since_begin()));
    text.one("devices", "gauge", "Devices that are read.", state.size.0);
    text.one("points", "gauge", "Points of all devices.", state.size.1);
    text.one(
        "fire_class_points",
        "gauge",
        "Points in fire, prealarm, supervisory.",
        state.alarms.0,
    );
    text.one(
        "clock_steps_total",
        "counter",
        "Times the clock was set by over 5 s.",
        state.clock_steps,
    );
    text.family("reloads_total", "counter", "Settings that were read anew.");
    text.line("reloads_total", &[("outcome", "taken_up")], state.reloads.0);
    text.line("reloads_total", &[("outcome", "refused")], state.reloads.1);
    lines(&mut text, state);
    devices(&mut text, state);
    response_times(&mut text, state);
    spool(&mut text, state);
    uplink(&mut text, state);
    text.0
}

fn lines(text: &mut Text, state: &State) {
    text.family("line_reachable", "gauge", "Whether the line's connection is taken.");
    for line in &state.lines {
        let reachable = line.report.state == report::State::Reachable;
        text.line("line_reachable", &[("line", &line.report.line)], u8::from(reachable));
    }
    text.family("line_stuck", "gauge", "Whether the line has stopped to stir.");
    for line in &state.lines {
        text.line("line_stuck", &[("line", &line.report.line)], u8::from(line.stuck));
    }
}

fn devices(text: &mut Text, state: &State) {
    type Measured = (&'static str, &'static str, &'static str, fn(&DeviceReport) -> f64);
    let families: [Measured; 6] = [
        (
            "device_answers",
            "gauge",
            "1: answers; 0: its polls fail; -1: lost, is probed.",
            |device| match device.standing {
                Standing::Answers => 1.0,
                Standing::Failing { .. } => 0.0,
                Standing::Lost { .. } => -1.0,
            },
        ),
        ("device_deadline_seconds", "gauge", "How long its next answer is waited for.", |device| {
            device.deadline.as_secs_f64()
        }),
        ("device_requests_total", "counter", "Requests to the device.", |device| {
            (device.response_times.total() + device.unanswered) as f64
        }),
        ("device_timeouts_total", "counter", "Requests without a usable answer.", |device| {
            device.unanswered as f64
        }),
        ("device_exceptions_total", "counter", "Requests answered by an exception.", |device| {
            device.exceptions as f64
        }),
        ("device_refused_parts", "gauge", "Parts the device refuses.", |device| {
            device.refused.len() as f64
        }),
    ];
    for (name, kind, help, measured) in families {
        text.family(name, kind, help);
        for (line, device) in each_device(state) {
            text.line(name, &[("line", line), ("device", &device.name)], measured(device));
        }
    }
    let name = "device_missed_turns_total";
    text.family(name, "counter", "Turns that were left out or failed.");
    for (line, device) in each_device(state) {
        for lane in Lane::ALL {
            let labels =
                [("line", line), ("device", device.name.as_str()), ("lane", lane.as_str())];
            text.line(name, &labels, device.missed_turns[lane]);
        }
    }
}

fn response_times(text: &mut Text, state: &State) {
    text.family("device_response_seconds", "histogram", "How long answers took.");
    for (line, device) in each_device(state) {
        let times = &device.response_times;
        let mut so_far = 0;
        for (place, count) in times.counts.iter().enumerate() {
            so_far += count;
            let bound = ResponseTimes::BOUNDS.get(place);
            let bound = bound.map_or("+Inf".to_owned(), |bound| (*bound as f64 / 1e3).to_string());
            let labels = [("line", line), ("device", device.name.as_str()), ("le", bound.as_str())];
            text.line("device_response_seconds_bucket", &labels, so_far);
        }
        let labels = [("line", line), ("device", device.name.as_str())];
        text.line("device_response_seconds_sum", &labels, times.sum_us as f64 / 1e6);
        text.line("device_response_seconds_count", &labels, times.total());
    }
}

fn spool(text: &mut Text, state: &State) {
    type Measured = (&'static str, &'static str, &'static str, fn(&State, Lane) -> f64);
    let families: [Measured; 5] = [
        ("spool_batches", "gauge", "Durable batches without a receipt.", |state, lane| {
            state.spool[lane].standing.depth as f64
        }),
        ("spool_bytes", "gauge", "Bytes of batches that are held.", |state, lane| {
            let of = &state.spool[lane];
            of.quota.saturating_sub(of.standing.room) as f64
        }),
        ("spool_oldest_age_seconds", "gauge", "The age of the oldest of them.", |state, lane| {
            let oldest = state.spool[lane].standing.oldest;
            oldest.map_or(0.0, |oldest| seconds(state.time.since(oldest)))
        }),
        ("spool_failing", "gauge", "Whether the disk fails or is slow.", |state, lane| {
            f64::from(u8::from(state.spool[lane].standing.failing))
        }),
        ("dead_letters_total", "counter", "Batches that the broker refused.", |state, lane| {
            f64::from(state.spool[lane].standing.dead_letters)
        }),
    ];
    for (name, kind, help, measured) in families {
        text.family(name, kind, help);
        for lane in Lane::ALL {
            text.line(name, &[("lane", lane.as_str())], measured(state, lane));
        }
    }
}

fn uplink(text: &mut Text, state: &State) {
    let uplink = &state.uplink;
    let connected = u8::from(uplink.is_connected());
    text.one("uplink_connected", "gauge", "Whether a connection to the broker stands.", connected);
    let name = "uplink_connections_total";
    text.one(name, "counter", "Connections that were made.", uplink.connections);
    text.one("receipts_total", "counter", "Receipts of the centre.", uplink.receipts);
    let silence = seconds(uplink.silence(state.now));
    text.one("uplink_silence_seconds", "gauge", "How long the centre has not answered.", silence);
}

fn each_device(state: &State) -> impl Iterator<Item = (&str, &DeviceReport)> {
    state.lines.iter().flat_map(|line| {
        line.report.devices.iter().map(|device| (line.report.line.as_str(), device))
    })
}

fn seconds(lasting: firegrid_wire::time::Millis) -> f64 {
    lasting.get() as f64 / 1e3
}

/// The text so far. Names are written without the prefix that all have.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A text takes everything.
        let _ = writeln!(self.0, "# HELP firegrid_gateway_{name} {help}");
        let _ = writeln!(self.0, "# TYPE firegrid_gateway_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl fmt::Display) {
        let _ = write!(self.0, "firegrid_gateway_{name}");
        for (number, (label, text)) in labels.iter().enumerate() {
            let before = if number == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{after} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl fmt::Display) {
        self.family(name, kind, help);
        self.line(name, &[], value);
    }
}
