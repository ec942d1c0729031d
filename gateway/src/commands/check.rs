//! `check`: what would be read, how often, and whether the lines can keep up.
//!
//! Reads settings and explains them; opens no connection and starts nothing. Chinese first,
//! English beside it.

use std::fmt::{self, Write as _};
use std::time::Duration;

use firegrid_wire::span::Lane;
use firegrid_wire::time::Millis;

use crate::line::cycle::{AreaCycle, LineCycle, Pace, ROUND_TRIP, TURNAROUND};
use crate::settings::{Leads, Line, Listen, Serial, Settings};

/// Explains settings, one line of text each.
pub struct Explained<'a>(pub &'a Settings);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explained(settings) = self;
        let devices: usize = settings.lines.iter().map(|line| line.devices.len()).sum();
        let points = settings.inventory.points().count();
        writeln!(f, "设置无误 settings are good")?;
        writeln!(f, "区域 region        {}", settings.region)?;
        writeln!(f, "网关 gateway       {}", settings.gateway)?;
        writeln!(f, "数据目录 data      {}", settings.data.display())?;
        writeln!(f, "消息代理 broker    {}", settings.broker.address)?;
        writeln!(
            f,
            "合计 in all        {} 条线路 lines，{devices} 台设备 devices，{points} 个点 points",
            settings.lines.len()
        )?;
        settings.lines.iter().try_for_each(|line| explain_line(f, settings, line))
    }
}

/// What is not plain from the line's place.
fn explain_wire(f: &mut fmt::Formatter<'_>, leads: &Leads) -> fmt::Result {
    match leads {
        Leads::Tcp(dialled) | Leads::RtuOverTcp(dialled) => match &dialled.backup {
            Some(backup) => writeln!(f, "  备用地址 backup {backup}"),
            None => Ok(()),
        },
        Leads::Serial(serial) => {
            let silence = serial.silence_between_frames().as_secs_f64() * 1_000.0;
            let Serial { baud, parity, stop_bits, .. } = serial;
            writeln!(
                f,
                "  串口 serial {baud} baud，8 data bits，parity {parity}，{stop_bits} stop bits，帧间静默 silence {silence:.2} ms"
            )?;
            if serial.unstable_path() {
                writeln!(
                    f,
                    "  ⚠ {leads} 重启后可能变成另一个串口，请用 /dev/serial/by-id/ 下的名字 may be another port after a restart: name it by its path below /dev/serial/by-id/"
                )?;
            }
            Ok(())
        }
        Leads::Listen(Listen { from: Some(from), .. }) => {
            writeln!(f, "  只接受来自 only from {from}")
        }
        Leads::Listen(Listen { from: None, .. }) => writeln!(
            f,
            "  ⚠ 任何设备都可以接入，请写明 from anybody may dial in: name the converter's address as `from`"
        ),
    }
}

fn explain_line(f: &mut fmt::Formatter<'_>, settings: &Settings, line: &Line) -> fmt::Result {
    writeln!(f)?;
    writeln!(
        f,
        "线路 line {}：{} {}，应答时限 deadline {}",
        line.name,
        line.leads.spoken(),
        line.leads,
        line.timeout
    )?;
    explain_wire(f, &line.leads)?;
    let predicted = LineCycle::of(line);
    let mut slow = String::new();
    for (device, cycle) in line.devices.iter().zip(&predicted.devices) {
        let entry = &settings.inventory.device(device.index).entry;
        writeln!(
            f,
            "  设备 device {}（站号 unit {}）{}：{}，占用 busy {:.0} %",
            device.name,
            device.unit_id,
            entry.label,
            entry.profile,
            cycle.load() * 100.0
        )?;
        for area in &cycle.areas {
            let name = match area.lane {
                Lane::Urgent => "报警区 alarm area",
                Lane::Routine => "模拟量区 analog area",
            };
            writeln!(
                f,
                "    {name}：{} 个点 points，每周期 {} 次请求 requests，约 about {} / {}{}",
                area.points,
                area.requests,
                rounded(area.cycle),
                area.period,
                arithmetic(&predicted.pace, area)
            )?;
            if let Some(kept) = predicted.period_kept(area) {
                writeln!(
                    slow,
                    "  ⚠ {} 的{name}不能按 {} 轮询，一个周期约需 {}；{kept} 可以 cannot be read every {}: one poll takes about {}; every {kept} can be kept",
                    device.name,
                    area.period,
                    rounded(area.cycle),
                    area.period,
                    rounded(area.cycle)
                )?;
            }
        }
        if let Some(watch) = device.watch {
            let period = watch.period;
            writeln!(f, "    变化探测 change probe：每 every {period} 1 次请求 request")?;
        }
    }
    let busy = predicted.load() * 100.0;
    writeln!(
        f,
        "  预计 predicted：一轮 {} 次请求 requests，约 about {}{}，线路占用 busy {busy:.0} %",
        predicted.requests(),
        rounded(predicted.round()),
        assumption(&predicted.pace)
    )?;
    f.write_str(&slow)?;
    if 100.0 < busy {
        writeln!(
            f,
            "  ⚠ 线路 {} 忙不过来，周期不能保证：请放慢周期或分成两条线路 the line cannot keep its periods: make them longer, or divide it into two lines",
            line.name
        )?;
    }
    Ok(())
}

/// How the time of a poll comes about, where it is arithmetic.
fn arithmetic(pace: &Pace, area: &AreaCycle) -> String {
    match pace {
        Pace::RoundTrip => String::new(),
        Pace::Serial { wire, .. } => {
            let silences = (wire.silence_between_frames() * 2).as_secs_f64() * 1_000.0;
            format!(
                " = {} 字节 bytes × {} bit / {} baud + {} ×（静默 silences {silences:.2} ms + 应答 turnaround {}）",
                area.bytes,
                wire.bits(),
                wire.baud,
                area.requests,
                rounded(TURNAROUND)
            )
        }
    }
}

/// What of a line's pace nobody has said.
fn assumption(pace: &Pace) -> String {
    match pace {
        Pace::RoundTrip => format!("（每次按 {} 估计 each assumed）", rounded(ROUND_TRIP)),
        Pace::Serial { wire, assumed: true } => {
            format!("（转换器后按 {} baud 估计 assumed behind the converter）", wire.baud)
        }
        Pace::Serial { assumed: false, .. } => String::new(),
    }
}

/// In whole milliseconds, rather more than less.
fn rounded(lasting: Duration) -> Millis {
    Millis::from(lasting + Duration::from_micros(999))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A panel with so many loops, polled so often, and a pump on one line.
    fn explain(loops: u16, alarm_period: &str) -> String {
        let loops: Vec<String> = (1..=loops).map(|number| number.to_string()).collect();
        let text = format!(
            "region = \"r\"\ngateway = \"mall-01\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
             [[line]]\nname = \"room\"\naddress = \"b:502\"\n\
             [[line.device]]\nname = \"facp1\"\nunit_id = 1\nprofile = \"notifier-modbus-gw\"\n\
             alarm_period = \"{alarm_period}\"\noptions = {{ loops = [{}] }}\n\
             [[line.device]]\nname = \"pump1\"\nunit_id = 3\nprofile = \"fire-pump-controller\"\n",
            loops.join(", ")
        );
        let settings = Settings::parse("site", &text).unwrap_or_else(|told| panic!("{told}"));
        Explained(&settings).to_string()
    }

    #[track_caller]
    fn check(text: &str, hints: &[&str]) {
        for hint in hints {
            assert!(text.contains(hint), "{hint:?} is not told:\n{text}");
        }
    }

    #[test]
    fn what_will_be_read_is_told_with_its_cost() {
        let text = explain(1, "500ms");
        check(
            &text,
            &[
                "mall-01",
                "2 台设备 devices，334 个点 points",
                "319 个点 points，每周期 5 次请求 requests，约 about 50ms / 500ms",
                "12 个点 points，每周期 1 次请求 requests，约 about 10ms / 500ms",
                "3 个点 points，每周期 1 次请求 requests，约 about 10ms / 1s",
                "一轮 7 次请求 requests，约 about 70ms",
                "busy 13 %",
            ],
        );
        assert!(!text.contains('⚠'), "{text}");
    }

    /// What is told of a line that leads there.
    #[track_caller]
    fn check_wire(leads: &str, hints: &[&str]) {
        let text = format!(
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = {{ address = \"a:1\" }}\n\
             [[line]]\nname = \"room\"\n{leads}\n[[line.device]]\nname = \"pump1\"\n\
             unit_id = 3\nprofile = \"fire-pump-controller\"\n"
        );
        let settings = Settings::parse("site", &text).unwrap_or_else(|told| panic!("{told}"));
        check(&Explained(&settings).to_string(), hints);
    }

    #[test]
    fn where_a_line_leads_is_told_with_what_may_go_wrong_there() {
        check_wire(
            "serial = { path = \"/dev/ttyUSB0\", baud = 9600, parity = \"even\" }",
            &["RTU /dev/ttyUSB0", "9600 baud", "parity even", "4.01 ms", "⚠ /dev/ttyUSB0"],
        );
        check_wire(
            "rtu_over_tcp = \"a:4001\"\nbackup = \"b:4001\"",
            &["RTU over TCP a:4001", "backup b:4001"],
        );
        check_wire("listen = { address = \"0.0.0.0:4196\" }", &["dialled in", "⚠", "anybody"]);
        check_wire(
            "listen = { address = \"0.0.0.0:4196\", from = \"10.0.0.9\" }",
            &["0.0.0.0:4196", "only from 10.0.0.9"],
        );
    }

    #[test]
    fn a_change_probe_is_told_and_counted() {
        let text = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
            [[line]]\nname = \"room\"\naddress = \"b:502\"\n[[line.device]]\nname = \"facp1\"\n\
            unit_id = 1\nprofile = \"siemens-stt20\"\nalarm_period = \"5s\"\n";
        let settings = Settings::parse("site", text).unwrap_or_else(|told| panic!("{told}"));
        // One request of 10 ms every 5 s, and one every 200 ms.
        check(&Explained(&settings).to_string(), &["change probe：每 every 200ms", "busy 5 %"]);
    }

    #[test]
    fn a_period_that_cannot_be_kept_is_told_plainly() {
        let text = explain(10, "200ms");
        check(&text, &["facp1 的报警区", "cannot be read every 200ms", "cannot keep its periods"]);
    }

    #[test]
    fn a_serial_line_tells_its_arithmetic_and_which_period_it_would_keep() {
        let text = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
            [[line]]\nname = \"bus\"\nserial = { path = \"/dev/ttyS0\", baud = 9600 }\n\
            [[line.device]]\nname = \"facp1\"\nunit_id = 1\nprofile = \"notifier-modbus-gw\"\n\
            options = { loops = [1] }\n";
        let settings = Settings::parse("site", text).unwrap_or_else(|told| panic!("{told}"));
        check(
            &Explained(&settings).to_string(),
            &[
                "703 字节 bytes × 10 bit / 9600 baud + 5 ×（静默 silences 7.29 ms + 应答 turnaround 5ms）",
                "约 about 794ms / 500ms",
                "cannot be read every 500ms: one poll takes about 794ms; every 1s can be kept",
                "busy 159 %",
            ],
        );
    }
}
