//! `check`: reads the settings and every file they name, and says what would be done. Starts
//! nothing and writes nothing.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use firegrid_rules::routing::Level;
use firegrid_rules::rulebook::{Effect, Rulebook};
use firegrid_wire::terminal;

use crate::registry::Registry;
use crate::settings::Settings;

/// Says what `run` would do, or fails with every mistake at once. A reader that has seen
/// enough, as `head` has, is no failure.
pub fn check(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    Ok(terminal::seen(tell(&settings, out).and_then(|()| out.flush()))?)
}

fn tell(settings: &Settings, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "设置正确。 The settings are good.")?;
    writeln!(out)?;
    line(out, "区域 region", settings.region.as_str())?;
    line(out, "数据目录 data folder", &settings.data.display().to_string())?;
    line(out, "数据库 database", &settings.storage.to_string())?;
    let listen = format!("http://{}  仅限本机 this machine only", settings.listen);
    line(out, "页面与接口 page and API", &listen)?;
    for broker in &settings.brokers {
        line(out, "消息服务器 broker", &broker.to_string())?;
    }
    match &settings.influx {
        Some(place) => {
            let kept = format!("{place}  写入后保留 kept after its answer {}", place.durable_after);
            line(out, "曲线 series", &kept)?;
        }
        None => {
            let days = settings.keep_days;
            line(out, "曲线保留 series kept", &format!("{days} 天 days"))?;
        }
    }
    writeln!(out)?;
    match &settings.registry {
        Some(registry) => tell_registry(registry, out)?,
        None => {
            line(out, "登记信息 registry", "以数据库为准，通过导入更新 in the database, by import")?
        }
    }
    writeln!(out)?;
    tell_rules(&settings.rulebook, out)
}

fn tell_registry(registry: &Registry, out: &mut impl Write) -> std::io::Result<()> {
    let count = |level: Level| registry.routing.grids().filter(|grid| grid.level == level).count();
    let grids: Vec<String> = [Level::Large, Level::Middle, Level::Small]
        .into_iter()
        .map(|level| format!("{} {} {}", level.zh(), level.as_str(), count(level)))
        .collect();
    line(out, "网格 grids", &grids.join(" · "))?;
    line(out, "联网单位 units", &registry.units.len().to_string())?;
    line(out, "建筑 buildings", &registry.buildings.len().to_string())?;
    line(out, "人员 people", &registry.routing.people().count().to_string())?;
    line(out, "网关 gateways", &registry.gateways.len().to_string())?;
    line(out, "设备 devices", &registry.devices.len().to_string())?;
    tell_alone(registry, out)?;
    let silent = registry
        .units
        .keys()
        .filter(|unit| !registry.gateways.values().any(|owner| owner == *unit));
    let silent: Vec<&str> = silent.map(String::as_str).collect();
    if !silent.is_empty() {
        let shown: Vec<&str> = silent.iter().take(10).copied().collect();
        let more = if shown.len() < silent.len() { " …" } else { "" };
        let names = format!("{}：{}{more}", silent.len(), shown.join(", "));
        line(out, "没有网关的单位 units without a gateway", &names)?;
    }
    Ok(())
}

/// Small grids with a unit for which nobody is entered: their tickets go to the grid above.
fn tell_alone(registry: &Registry, out: &mut impl Write) -> std::io::Result<()> {
    let routing = &registry.routing;
    let homes: BTreeSet<&str> = registry.units.values().map(|unit| unit.grid.as_str()).collect();
    let alone: Vec<&str> =
        homes.into_iter().filter(|grid| routing.holders(grid).next().is_none()).collect();
    if !alone.is_empty() {
        let shown: Vec<&str> = alone.iter().take(10).copied().collect();
        let more = if shown.len() < alone.len() { " …" } else { "" };
        let names = format!("{}：{}{more}", alone.len(), shown.join(", "));
        line(out, "无人负责的小网格 grids of units without a person", &names)?;
    }
    Ok(())
}

fn tell_rules(rulebook: &Rulebook, out: &mut impl Write) -> std::io::Result<()> {
    line(
        out,
        "规则 rules",
        &format!("{}  版本 revision {}", rulebook.rules().len(), rulebook.revision()),
    )?;
    for rule in rulebook.rules() {
        writeln!(out, "    {:<12} {} {}", rule.id, rule.name.zh, rule.name.en)?;
        for step in &rule.steps {
            let effect = match step.effect {
                Effect::Alarm | Effect::Hazard => {
                    format!("{} {}", step.effect.zh(), step.severity.zh())
                }
                Effect::Note => step.effect.zh().to_owned(),
            };
            writeln!(
                out,
                "    {:<12}   {}（{effect}）：持续 for {}，恢复后 clear for {}",
                "", step.name, step.held_for, step.clear_for
            )?;
        }
    }
    Ok(())
}

fn line(out: &mut impl Write, name: &str, value: &str) -> std::io::Result<()> {
    writeln!(out, "{name}: {value}")
}

#[cfg(test)]
mod tests {
    use firegrid_wire::document::Mistakes;

    use super::*;

    fn shipped(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/settings").join(name)
    }

    #[test]
    fn the_shipped_settings_are_good_and_it_is_said_what_they_do() {
        let mut said = Vec::new();
        check(&shipped("ingest.toml"), [], &mut said).expect("good settings");
        let said = String::from_utf8(said).expect("text");
        for part in [
            "区域 region: demo-county",
            "http://127.0.0.1:8080",
            "消息服务器 broker: 127.0.0.1:1883",
            "大网格 large 1 · 中网格 middle 1 · 小网格 small 2",
            "联网单位 units: 1",
            "FIRE",
        ] {
            assert!(said.contains(part), "{part:?} is not in\n{said}");
        }
    }

    #[test]
    fn mistakes_come_out_as_such() {
        let environment = [("FIREGRID_INGEST__LISTEN".to_owned(), "0.0.0.0:80".to_owned())];
        let error =
            check(&shipped("ingest.toml"), environment, &mut Vec::new()).expect_err("mistakes");
        assert!(error.downcast_ref::<Mistakes>().is_some(), "{error}");
    }
}
