//! How values, moments and sight are shown: SI and the unit that people read, words in both
//! languages, ISO 8601.

use firegrid_rules::engine::{PointView, Voice};
use firegrid_rules::sight::{Blindness, Sight};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::state::{NORMAL_WORD, State, StateSet, States, UNKNOWN_WORD};
use firegrid_wire::time::{CentreTime, GatewayTime};

use super::problem::Reason;
use crate::calendar::iso;

/// What a point says.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ShownValue {
    /// In the words of the wire: `fire disabled`, `normal`, `unknown`, or number and SI unit.
    pub(super) text: String,
    /// In Chinese, numbers in the unit that people read.
    pub(super) zh: String,
    /// The number in SI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) number: Option<f64>,
    /// The SI unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) unit: Option<Unit>,
    /// The number as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shown: Option<f64>,
    /// The unit that people read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shown_unit: Option<&'static str>,
    /// The states, each by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) states: Option<Vec<String>>,
}

/// Whether a point is watched.
#[derive(Debug, Clone, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ShownSight {
    /// `never`, `seen` or `blind`.
    pub(super) state: &'static str,
    /// The last moment of centre time that was vouched for.
    pub(super) last: Option<String>,
}

impl ShownValue {
    /// A value of any kind.
    pub(super) fn of(value: &Value) -> ShownValue {
        match value {
            Value::Number(number, unit) => ShownValue::number(*number, *unit),
            Value::States(states) => ShownValue::states(states),
            Value::Unknown => ShownValue::words(UNKNOWN_WORD.to_owned(), "未知".to_owned()),
        }
    }

    /// The words of a stored reading.
    pub(super) fn of_words(words: &str) -> ShownValue {
        States::from_words(words)
            .map_or_else(|| ShownValue::of(&Value::Unknown), |states| ShownValue::states(&states))
    }

    fn number(number: f64, unit: Unit) -> ShownValue {
        let (shown_unit, factor) = unit.shown();
        let shown = people_read(number * factor);
        let zh = format!("{shown} {shown_unit}").trim_end().to_owned();
        ShownValue {
            number: Some(number),
            unit: Some(unit),
            shown: Some(shown),
            shown_unit: Some(shown_unit),
            ..ShownValue::words(format!("{number} {unit}"), zh)
        }
    }

    fn states(states: &States) -> ShownValue {
        let text = states.to_string();
        let words = text.split(' ').filter(|word| *word != NORMAL_WORD).map(str::to_owned);
        let words: Vec<String> = words.collect();
        ShownValue { states: Some(words), ..ShownValue::words(text, states_zh(states)) }
    }

    fn words(text: String, zh: String) -> ShownValue {
        ShownValue {
            text,
            zh,
            number: None,
            unit: None,
            shown: None,
            shown_unit: None,
            states: None,
        }
    }
}

impl ShownSight {
    /// A point's sight.
    pub(super) fn of(sight: Sight) -> ShownSight {
        match sight {
            Sight::Never => ShownSight { state: "never", last: None },
            Sight::Seen { last } => ShownSight { state: "seen", last: Some(at_centre(last)) },
            Sight::Blind { last, .. } => ShownSight { state: "blind", last: last.map(at_centre) },
        }
    }
}

/// Why a point's calm proves nothing now; none if it can speak.
pub(super) fn why_not(view: &PointView, now: CentreTime) -> Option<Reason> {
    match view.sight {
        Sight::Never => return Some(Reason::new("从未看到", "never seen")),
        Sight::Blind { last, cause } => return Some(blind(last, cause, now)),
        Sight::Seen { .. } => {}
    }
    match view.voice {
        Voice::Speaks => None,
        Voice::Mute(states) => {
            let states = states.intersection(StateSet::MUTE);
            let zh: Vec<&str> = states.iter().map(State::zh).collect();
            Some(Reason::new(
                format!("{}，不能证明正常", zh.join("、")),
                format!("{states}: proves nothing"),
            ))
        }
        Voice::Unknown => Some(Reason::new("设备无法给出状态", "the device cannot say")),
        Voice::Doubtful(quality) => {
            Some(Reason::new(quality_zh(quality), format!("quality {quality}")))
        }
    }
}

fn blind(last: Option<CentreTime>, cause: Blindness, now: CentreTime) -> Reason {
    let (zh, en) = match cause {
        Blindness::Silence => ("网关没有消息", "its gateway is silent"),
        Blindness::Device => ("设备没有应答", "its device does not answer"),
        Blindness::Hole => ("数据中断后尚未重新读取", "not read again since a hole"),
    };
    match last {
        None => Reason::new(format!("看不到：{zh}"), format!("not seen: {en}")),
        Some(last) => {
            let seconds = now.since(last).get() / 1_000;
            let (zh_ago, en_ago) = match seconds {
                0..120 => (format!("{seconds} 秒"), format!("{seconds} s")),
                120..7_200 => (format!("{} 分钟", seconds / 60), format!("{} min", seconds / 60)),
                7_200.. => (format!("{} 小时", seconds / 3_600), format!("{} h", seconds / 3_600)),
            };
            Reason::new(format!("{zh_ago}没有看到：{zh}"), format!("not seen for {en_ago}: {en}"))
        }
    }
}

/// A quality on Chinese pages.
pub(super) const fn quality_zh(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "良好",
        Quality::OutOfRange => "超出量程",
        Quality::SensorFault => "传感器故障",
        Quality::Stuck => "数值停滞",
    }
}

/// A moment of centre time.
pub(super) fn at_centre(at: CentreTime) -> String {
    iso(at.millis())
}

/// A moment of gateway time.
pub(super) fn at_gateway(at: GatewayTime) -> String {
    iso(at.millis())
}

fn states_zh(states: &States) -> String {
    let known = states.set.iter().map(|state| state.zh().to_owned());
    let words: Vec<String> =
        known.chain(states.foreign.iter().map(|word| word.to_string())).collect();
    if words.is_empty() { "正常".to_owned() } else { words.join(" ") }
}

/// Without the dust of binary fractions: nine digits are more than any sensor has.
fn people_read(number: f64) -> f64 {
    format!("{number:.8e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &Value, text: &str, zh: &str) {
        let shown = ShownValue::of(value);
        assert_eq!((shown.text.as_str(), shown.zh.as_str()), (text, zh));
    }

    #[test]
    fn people_read_their_own_units_and_words() {
        check(&Value::number(412_000.0, Unit::Pascal), "412000 Pa", "0.412 MPa");
        check(&Value::number(0.1 + 0.2, Unit::Ratio), "0.30000000000000004 /", "30 %");
        check(&Value::number(7.0, Unit::Count), "7 count", "7");
        check(&Value::Unknown, "unknown", "未知");
        assert_eq!(ShownValue::of_words("normal").zh, "正常");
        assert_eq!(ShownValue::of_words("unknown").text, "unknown");
        let shielded = ShownValue::of_words("disabled fire flooded");
        assert_eq!(shielded.zh, "火警 屏蔽 flooded");
        assert_eq!(
            shielded.states,
            Some(["fire", "disabled", "flooded"].map(str::to_owned).to_vec())
        );
    }
}
