//! The status page: everything in one answer, nothing from elsewhere, nothing that runs. It
//! loads itself anew.

use std::fmt::{self, Write as _};

use firegrid_wire::span::Lane;
use firegrid_wire::time::{GatewayTime, Millis};

use super::health::Trouble;
use super::{Readings, State};
use crate::clock::Uptime;
use crate::line::report::{self, DeviceReport, ResponseTimes, Standing};
use crate::service::{LastReload, Outcome};

/// The page is loaded anew this often, in seconds.
const EVERY_S: u32 = 5;

/// More points of a device are not shown: a page of this machine must not take its memory.
const MOST_POINTS: usize = 1_000;

/// How the gateway stands.
pub(super) fn overview(state: &State) -> String {
    let mut page = Page::begin(state.gateway.as_str(), true);
    page.add(format_args!(
        "<header><h1>消防网格联网网关 {}</h1><span class=en>Firegrid gateway {}</span></header>",
        Escaped(state.gateway.as_str()),
        env!("CARGO_PKG_VERSION"),
    ));
    verdict(&mut page, &Trouble::of(Some(state)));
    tiles(&mut page, state);
    lines(&mut page, state);
    spool(&mut page, state);
    clock(&mut page, state);
    reload(&mut page, state.last_reload.as_ref());
    page.end()
}

/// What was last read of a device.
pub(super) fn device(readings: &Readings) -> String {
    let mut page = Page::begin(&readings.device, true);
    page.add(format_args!(
        "<header><h1>{}</h1><span class=en><a href=\"/\">返回总览 overview</a></span></header>\
         <section><h2>最近读数 <span class=en>Last readings</span></h2>\
         <table class=wide><thead><tr><th>点位<br>Point<th>含义<br>Value<th>质量<br>Quality\
         <th>寄存器<br>Registers<th>原始值<br>Raw</tr></thead><tbody>",
        Escaped(&readings.device),
    ));
    for (name, label, reading) in readings.points.iter().take(MOST_POINTS) {
        let raw: Vec<String> = reading.raw.iter().map(|raw| format!("{raw:04x}")).collect();
        let kind = if reading.value.is_fire_class() { "bad" } else { "" };
        page.add(format_args!(
            "<tr><td>{} <small>{}</small><td data-head=\"含义 Value\"><span class=\"state {kind}\">{}\
             </span><td data-head=\"质量 Quality\">{}<td data-head=\"寄存器 Registers\" class=mono>\
             {:?} {}<td data-head=\"原始值 Raw\" class=mono>{}</tr>",
            Escaped(label),
            Escaped(name),
            Escaped(&reading.value.to_string()),
            reading.quality,
            reading.read.table,
            reading.read.first,
            if raw.is_empty() { "—".to_owned() } else { raw.join(" ") },
        ));
    }
    page.add("</tbody></table>");
    if let Some(more) = readings.points.len().checked_sub(MOST_POINTS).filter(|more| 0 < *more) {
        page.add(format_args!("<p>还有 {more} 个点位未列出 <span class=en>{more} more</span></p>"));
    }
    page.add("</section>");
    page.end()
}

/// There is nothing to show of a device.
pub(super) fn no_readings(device: &str) -> String {
    let mut page = Page::begin(device, false);
    page.add(format_args!(
        "<header><h1>{}</h1><span class=en><a href=\"/\">返回总览 overview</a></span></header>\
         <section>没有这台设备，或其总线正忙。 <span class=en>There is no such device, or its line \
         is too busy to say.</span></section>",
        Escaped(device),
    ));
    page.end()
}

fn verdict(page: &mut Page, troubles: &[Trouble]) {
    if troubles.is_empty() {
        page.add(
            "<section class=verdict><div>运行正常 <span class=en>All is well: every line is \
             connected, the disk holds, the centre answers.</span></div></section>",
        );
        return;
    }
    page.add(
        "<section class=\"verdict bad\"><div>需要处理 <span class=en>Somebody should look</span><ul>",
    );
    for trouble in troubles {
        let chinese = match trouble {
            Trouble::Silent => "服务没有应答".to_owned(),
            Trouble::LineStuck(line) => format!("总线 {line} 卡死"),
            Trouble::LineUnreachable(line) => format!("总线 {line} 连接不上"),
            Trouble::DeviceLost(line, device) => format!("设备 {device} 失联（总线 {line}）"),
            Trouble::Disk(Lane::Urgent) => "磁盘故障或过慢（报警通道）".to_owned(),
            Trouble::Disk(Lane::Routine) => "磁盘故障或过慢（常规通道）".to_owned(),
            Trouble::Unanswered(silence) => format!("监控中心已 {} 没有应答", Lasting(*silence)),
        };
        page.add(format_args!(
            "<li>{} <span class=en>{}</span>",
            Escaped(&chinese),
            Escaped(&trouble.to_string())
        ));
    }
    page.add("</ul></div></section>");
}

fn tiles(page: &mut Page, state: &State) {
    let (devices, points) = state.size;
    let (alarms, named) = &state.alarms;
    let uplink = &state.uplink;
    let (kind, connected) =
        if uplink.is_connected() { ("good", "已连接") } else { ("bad", "未连接") };
    let broker = uplink.broker.as_ref().map(ToString::to_string).unwrap_or_default();
    let answered = uplink.answered.map_or("从未 never".to_owned(), |answered| {
        format!("{}前 ago", Lasting(state.now.since(answered)))
    });
    page.add("<section class=tiles>");
    let fire = if *alarms == 0 { "good" } else { "bad" };
    page.add(format_args!(
        "<div><small>火警类点位 fire-class points</small><b class={fire}>{alarms}</b>\
         <small>{}</small></div>",
        Escaped(&named.join(", "))
    ));
    page.add(format_args!(
        "<div><small>设备 / 点位 devices / points</small><b>{devices} / {points}</b></div>\
         <div><small>消息服务器 broker</small><b class={kind}>{connected}</b><small>{}</small></div>\
         <div><small>中心上次应答 centre answered</small><b>{answered}</b>\
         <small>回执 receipts {}，连接 connections {}</small></div>\
         <div><small>已运行 up for</small><b>{}</b></div></section>",
        Escaped(&broker),
        uplink.receipts,
        uplink.connections,
        Lasting(state.now.since_begin()),
    ));
    if let Some(trouble) = &uplink.trouble {
        page.add(format_args!(
            "<section><small>上行最近的故障 last trouble of the uplink</small><div class=mono>{}</div>\
             </section>",
            Escaped(trouble)
        ));
    }
}

fn lines(page: &mut Page, state: &State) {
    for line in &state.lines {
        let report = &line.report;
        let (kind, words) = match (line.stuck, report.state) {
            (true, report::State::Reachable | report::State::Unreachable) => ("bad", "卡死 stuck"),
            (false, report::State::Reachable) => ("good", "已连接 connected"),
            (false, report::State::Unreachable) => ("bad", "连接不上 unreachable"),
        };
        page.add(format_args!(
            "<section><h2>总线 {} <span class=\"state {kind}\">{words}</span> \
             <span class=en>{} 以来 since</span></h2><table class=wide><thead><tr><th>设备<br>Device\
             <th>状态<br>State<th>上次应答<br>Answered<th>时限<br>Deadline\
             <th>应答时间 1 ms … 2 s<br>Response times<th>一半 / 99%<br>p50 / p99\
             <th>未应答<br>Unanswered<th>错过轮次<br>Missed turns</tr></thead><tbody>",
            Escaped(&report.line),
            Lasting(state.now.since(report.since)),
        ));
        for device in &report.devices {
            row(page, state.now, device);
        }
        page.add("</tbody></table></section>");
    }
}

fn row(page: &mut Page, now: Uptime, device: &DeviceReport) {
    let name = Escaped(&device.name);
    let standing = match device.standing {
        Standing::Answers => "<span class=\"state good\">应答 answers</span>".to_owned(),
        Standing::Failing { polls } => {
            format!("<span class=\"state warn\">失败 {polls} 轮 failing</span>")
        }
        Standing::Lost { since, probe } => format!(
            "<span class=\"state bad\">失联 lost</span><br><small>已 {}，{}后再试 probed</small>",
            Lasting(now.since(since)),
            Lasting(probe.since(now)),
        ),
    };
    let refused = match device.refused.len() {
        0 => String::new(),
        parts => format!("<br><small class=warn>拒绝 {parts} 段 parts refused</small>"),
    };
    let answered = device.answered.map_or("从未 never".to_owned(), |answered| {
        format!("{}前 ago", Lasting(now.since(answered)))
    });
    let times = &device.response_times;
    let kept = |share| match times.kept_by(share) {
        Some(bound) => format!("≤{bound}"),
        None => "&gt;2000".to_owned(),
    };
    let (picture, kept) = match times.total() {
        0 => ("—".to_owned(), "—".to_owned()),
        _ => (Picture(times).to_string(), format!("{} / {} ms", kept(0.5), kept(0.99))),
    };
    page.add(format_args!(
        "<tr><td><a href=\"/device/{name}\">{name}</a> <small>#{}</small><td data-head=\"状态 State\">\
         <span>{standing}{refused}</span><td data-head=\"上次应答 Answered\" class=nowrap>{answered}\
         <td data-head=\"时限 Deadline\" class=nowrap>{} ms<td data-head=\"应答时间 1 ms…2 s\">{picture}\
         <td data-head=\"一半 / 99% (ms)\" class=nowrap>{kept}<td data-head=\"未应答 Unanswered\">{}\
         <td data-head=\"错过轮次 Missed\">{}</tr>",
        device.unit_id,
        device.deadline.as_millis(),
        device.unanswered,
        device.missed_turns.urgent + device.missed_turns.routine,
    ));
}

fn spool(page: &mut Page, state: &State) {
    page.add(
        "<section><h2>待发数据 <span class=en>Spool: what the centre has not receipted</span></h2>\
         <table class=wide><thead><tr><th>通道<br>Lane<th>磁盘<br>Disk<th>批次<br>Batches\
         <th>最早<br>Oldest<th>占用 / 配额<br>Held / quota<th>被拒<br>Refused</tr></thead><tbody>",
    );
    for lane in Lane::ALL {
        let of = &state.spool[lane];
        let name = match lane {
            Lane::Urgent => "报警 urgent",
            Lane::Routine => "常规 routine",
        };
        let (kind, disk) =
            if of.standing.failing { ("bad", "故障 failing") } else { ("good", "正常 ok") };
        let oldest = of.standing.oldest;
        let oldest =
            oldest.map_or("—".to_owned(), |oldest| Lasting(state.time.since(oldest)).to_string());
        page.add(format_args!(
            "<tr><td>{name}<td data-head=\"磁盘 Disk\"><span class=\"state {kind}\">{disk}</span>\
             <td data-head=\"批次 Batches\">{}<td data-head=\"最早 Oldest\">{oldest}\
             <td data-head=\"占用 / 配额\" class=nowrap>{} / {}<td data-head=\"被拒 Refused\">{}</tr>",
            of.standing.depth,
            Bytes(of.quota.saturating_sub(of.standing.room)),
            Bytes(of.quota),
            of.standing.dead_letters,
        ));
    }
    page.add("</tbody></table></section>");
}

fn clock(page: &mut Page, state: &State) {
    page.add(format_args!(
        "<section><h2>时钟 <span class=en>Clock</span></h2><div class=tiles>\
         <div><small>系统时间 machine</small><b>{}</b></div>\
         <div><small>网关时间 gateway time</small><b>{}</b></div>\
         <div><small>被调整 5 秒以上 set by over 5 s</small><b>{}</b></div>\
         <div><small>时段 span</small><b class=mono>{}</b></div></div></section>",
        Moment(state.wall),
        Moment(state.time),
        state.clock_steps,
        state.span,
    ));
}

fn reload(page: &mut Page, last: Option<&LastReload>) {
    page.add("<section><h2>设置 <span class=en>Settings</span></h2>");
    match last {
        None => page.add("启动后未重新读取 <span class=en>Not read anew since the start</span>"),
        Some(LastReload { at, outcome: Outcome::TakenUp }) => page.add(format_args!(
            "<span class=\"state good\">{} 新设置已生效</span> <span class=en>taken up</span>",
            Moment(*at)
        )),
        Some(LastReload { at, outcome: Outcome::Refused(mistakes) }) => {
            page.add(format_args!(
                "<span class=\"state bad\">{} 新设置有 {} 处错误，旧设置仍然有效</span> \
                 <span class=en>refused, the old ones stay in force</span><ul>",
                Moment(*at),
                mistakes.0.len()
            ));
            for mistake in &mistakes.0 {
                page.add(format_args!("<li class=mono>{}", Escaped(&mistake.to_string())));
            }
            page.add("</ul>");
        }
    }
    page.add("</section>");
}

/// A page that is being written.
struct Page(String);

impl Page {
    fn begin(title: &str, again: bool) -> Page {
        let again = if again {
            format!("<meta http-equiv=refresh content={EVERY_S}>")
        } else {
            String::new()
        };
        Page(format!(
            "<!doctype html><html lang=zh-CN><meta charset=utf-8>\
             <meta name=viewport content=\"width=device-width,initial-scale=1\">{again}\
             <title>{} · 消防网格联网网关</title><style>{}</style><main>",
            Escaped(title),
            include_str!("page.css"),
        ))
    }

    fn add(&mut self, what: impl fmt::Display) {
        // A text takes everything.
        let _ = write!(self.0, "{what}");
    }

    fn end(self) -> String {
        self.0 + "</main></html>\n"
    }
}

/// Text that came from settings or devices.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            letter => f.write_char(letter),
        })
    }
}

/// Response times as bars: one for each bound, the last one beyond all of them.
struct Picture<'a>(&'a ResponseTimes);

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.0.counts;
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        f.write_str(
            "<svg class=picture viewBox=\"0 0 132 34\" role=img aria-label=\"response times\">",
        )?;
        f.write_str("<line x1=0 y1=33.5 x2=132 y2=33.5 />")?;
        for (place, count) in counts.iter().enumerate().filter(|(_, count)| 0 < **count) {
            // What is rare beside the most frequent must be seen all the same.
            let height = ((*count as f64 / most as f64).sqrt() * 32.0).max(2.0);
            let (x, y) = (place * 11 + 1, 33.0 - height);
            write!(f, "<rect x={x} y={y:.1} width=9 height={height:.1} />")?;
        }
        f.write_str("</svg>")
    }
}

/// How long, as people say it.
struct Lasting(Millis);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.get() / 1_000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} 秒"),
            (0, 0, _) => write!(f, "{minutes} 分 {} 秒", seconds % 60),
            (0, _, _) => write!(f, "{hours} 小时 {} 分", minutes % 60),
            (_, _, _) => write!(f, "{days} 天 {} 小时", hours % 24),
        }
    }
}

/// An amount of bytes.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_024 => write!(f, "{} B", self.0),
            1_024..1_048_576 => write!(f, "{:.1} KiB", self.0 as f64 / 1_024.0),
            1_048_576.. => write!(f, "{:.1} MiB", self.0 as f64 / 1_048_576.0),
        }
    }
}

/// A moment in UTC, which is what a box knows.
struct Moment(GatewayTime);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.millis().div_euclid(1_000);
        let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = date(day);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

/// The date of a day since 1970: the year is counted from March, so that a leap day ends it.
fn date(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_a_date() {
        let check = |millis: i64, text: &str| {
            assert_eq!(Moment(GatewayTime::from_millis(millis)).to_string(), text);
        };
        check(0, "1970-01-01 00:00:00 UTC");
        check(951_782_399_000, "2000-02-28 23:59:59 UTC");
        check(951_868_799_000, "2000-02-29 23:59:59 UTC");
        check(1_795_446_785_000, "2026-11-23 15:13:05 UTC");
    }

    #[test]
    fn what_comes_from_outside_cannot_write_html() {
        let page = no_readings("<script>\"&");
        assert!(page.contains("&lt;script&gt;&quot;&amp;") && !page.contains("<script>"), "{page}");
    }
}
