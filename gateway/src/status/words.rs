//! The state and readings as text for a terminal, and as JSON for programs.

use std::fmt::Write as _;

use firegrid_wire::span::Lane;
use serde_json::{Value, json};

use super::health::Trouble;
use super::{Readings, State};
use crate::line::report::{DeviceReport, LastReading, Standing, State as LineStanding};
use crate::service::Outcome;

/// The state as text.
pub(super) fn state(state: &State) -> String {
    let mut text = String::new();
    let mut add = |line: String| {
        text += &line;
        text.push('\n');
    };
    let troubles = Trouble::of(Some(state));
    let (devices, points) = state.size;
    add(format!("网关 gateway {}, 已运行 up for {}", state.gateway, state.now.since_begin()));
    match troubles.is_empty() {
        true => add("运行正常 all is well".to_owned()),
        false => troubles.iter().for_each(|trouble| add(format!("注意 look: {trouble}"))),
    }
    add(format!(
        "{devices} 台设备 devices, {points} 个点 points, 火警类 fire-class {}",
        state.alarms.0
    ));
    for line in &state.lines {
        let standing = if line.stuck { "stuck" } else { line_word(line.report.state) };
        let since = state.now.since(line.report.since);
        add(format!("总线 line {}: {standing} for {since}", line.report.line));
        for device in &line.report.devices {
            let answered = device.answered.map_or("never answered".to_owned(), |answered| {
                format!("answered {} ago", state.now.since(answered))
            });
            add(format!(
                "  {} #{}: {}, {answered}, deadline {} ms, {} of {} unanswered, {} exceptions, \
                 {} missed turns, {} refused parts",
                device.name,
                device.unit_id,
                standing_word(device),
                device.deadline.as_millis(),
                device.unanswered,
                device.unanswered + device.response_times.total(),
                device.exceptions,
                device.missed_turns.urgent + device.missed_turns.routine,
                device.refused.len(),
            ));
        }
    }
    for lane in Lane::ALL {
        let of = &state.spool[lane];
        let oldest = of
            .standing
            .oldest
            .map_or("none".to_owned(), |oldest| format!("oldest {}", state.time.since(oldest)));
        add(format!(
            "待发 spool {lane}: {} batches ({oldest}), {} of {} bytes, disk {}",
            of.standing.depth,
            of.quota.saturating_sub(of.standing.room),
            of.quota,
            if of.standing.failing { "failing" } else { "ok" },
        ));
    }
    let uplink = &state.uplink;
    add(format!(
        "上行 uplink {}: {}, {} receipts, the centre answered {} ago",
        uplink.broker.as_ref().map_or("-".to_owned(), ToString::to_string),
        if uplink.is_connected() { "connected" } else { "not connected" },
        uplink.receipts,
        uplink.silence(state.now),
    ));
    if let Some(trouble) = &uplink.trouble {
        add(format!("  {trouble}"));
    }
    match state.last_reload.as_ref().map(|last| &last.outcome) {
        None => {}
        Some(Outcome::TakenUp) => add("设置 settings: the last reload was taken up".to_owned()),
        Some(Outcome::Refused(mistakes)) => {
            add(format!("设置 settings: the last reload was refused, {mistakes}"));
        }
    }
    text
}

/// The state as JSON.
pub(super) fn state_json(state: &State) -> Value {
    let troubles = Trouble::of(Some(state));
    let healthy = !troubles.iter().any(Trouble::is_of_gateway);
    let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
    let device = |device: &DeviceReport| {
        json!({
            "name": device.name,
            "unit_id": device.unit_id,
            "standing": standing_word(device),
            "answered_ms_ago": device.answered.map(|answered| state.now.since(answered).get()),
            "deadline_ms": device.deadline.as_millis() as u64,
            "answers": device.response_times.total(),
            "answers_by_bound": device.response_times.counts,
            "unanswered": device.unanswered,
            "exceptions": device.exceptions,
            "missed_turns": {
                "urgent": device.missed_turns.urgent, "routine": device.missed_turns.routine,
            },
            "refused_parts": device.refused.len(),
        })
    };
    let lines: Vec<Value> = state
        .lines
        .iter()
        .map(|line| {
            json!({
                "name": line.report.line,
                "state": line_word(line.report.state),
                "stuck": line.stuck,
                "devices": line.report.devices.iter().map(device).collect::<Vec<_>>(),
            })
        })
        .collect();
    let lane = |lane: Lane| {
        let of = &state.spool[lane];
        json!({
            "batches": of.standing.depth,
            "bytes": of.quota.saturating_sub(of.standing.room),
            "quota": of.quota,
            "oldest_ms": of.standing.oldest.map(|oldest| state.time.since(oldest).get()),
            "failing": of.standing.failing,
            "dead_letters": of.standing.dead_letters,
        })
    };
    let refused = state.last_reload.as_ref().map(|last| match &last.outcome {
        Outcome::TakenUp => Vec::new(),
        Outcome::Refused(mistakes) => mistakes.0.iter().map(ToString::to_string).collect(),
    });
    json!({
        "gateway": state.gateway.as_str(),
        "healthy": healthy,
        "reasons": troubles,
        "up_ms": state.now.since_begin().get(),
        "span": state.span.to_string(),
        "clock_steps": state.clock_steps,
        "devices": state.size.0,
        "points": state.size.1,
        "fire_class_points": state.alarms.0,
        "lines": lines,
        "spool": { "urgent": lane(Lane::Urgent), "routine": lane(Lane::Routine) },
        "uplink": {
            "broker": state.uplink.broker.as_ref().map(ToString::to_string),
            "connected": state.uplink.is_connected(),
            "connections": state.uplink.connections,
            "receipts": state.uplink.receipts,
            "silence_ms": state.uplink.silence(state.now).get(),
            "trouble": state.uplink.trouble,
        },
        "mistakes_of_last_reload": refused,
    })
}

/// Readings as text: name, value, quality, where they lie and what stood there.
pub(super) fn readings(readings: &Readings) -> String {
    let mut text = String::new();
    for (name, label, reading) in &readings.points {
        let LastReading { read, value, quality, .. } = reading;
        let (raw, table, first) = (raw(reading), read.table, read.first);
        // A text takes everything.
        let _ = writeln!(text, "{name}\t{value}\t{quality}\t{table:?} {first}\t{raw}\t{label}");
    }
    text
}

/// Readings as JSON.
pub(super) fn readings_json(readings: &Readings) -> Value {
    let point = |(name, label, reading): &(String, String, LastReading)| {
        json!({
            "point": name,
            "label": label,
            "value": reading.value.to_string(),
            "quality": reading.quality.to_string(),
            "table": format!("{:?}", reading.read.table),
            "register": reading.read.first,
            "raw": reading.raw,
        })
    };
    let points: Vec<Value> = readings.points.iter().map(point).collect();
    json!({ "device": readings.device, "points": points })
}

fn raw(reading: &LastReading) -> String {
    if reading.raw.is_empty() {
        return "-".to_owned();
    }
    let words: Vec<String> = reading.raw.iter().map(|raw| format!("{raw:04x}")).collect();
    words.join(" ")
}

fn line_word(state: LineStanding) -> &'static str {
    match state {
        LineStanding::Reachable => "connected",
        LineStanding::Unreachable => "unreachable",
    }
}

fn standing_word(device: &DeviceReport) -> &'static str {
    match device.standing {
        Standing::Answers => "answers",
        Standing::Failing { .. } => "failing",
        Standing::Lost { .. } => "lost",
    }
}
