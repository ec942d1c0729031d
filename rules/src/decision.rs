//! Decisions: what the engine says, with everything a person needs to trust it.
//!
//! A decision tells one change of one step of one rule on one subject. For each occurrence the
//! order is: raised, then any number of calmed and relapsed, then calmed and cleared — or
//! retired, if the point it stood on is no longer there. Confirmed and revised stand anywhere
//! between and change nothing of it.

use std::fmt;

use firegrid_wire::names::{FullPointId, GatewayId};
use firegrid_wire::span::{Seq, SpanId};
use firegrid_wire::state::{State, StateSet};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use crate::condition::Said;
use crate::rulebook::{Effect, Revision, RuleId, Severity};

/// One change of one step of one rule on one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What it is about.
    pub subject: Subject,
    /// The rule that decided.
    pub rule: RuleId,
    /// The revision of that rule: of a raised one that which raised it.
    pub revision: Revision,
    /// The step of the rule, for example `warn`.
    pub step: String,
    /// The rule's kind, for example `fire`.
    pub kind: String,
    /// What the step opens.
    pub effect: Effect,
    /// How grave the step is.
    pub severity: Severity,
    /// What changed.
    pub change: Change,
    /// The span in which it changed; none for a rule in centre time.
    pub span: Option<SpanId>,
    /// When it changed: the moment the deadline fell or the reading was made, which may lie
    /// long before the arrival.
    pub at: At,
    /// Which raising this belongs to. Equal for all decisions of one occurrence, and on
    /// `Raised` equal to `span` and `at`: it names the alarm or the recurrence for ever.
    pub occurrence: Occurrence,
    /// When what led to it arrived.
    pub arrived: CentreTime,
    /// Why.
    pub reason: Reason,
    /// What must be said beside it.
    pub marks: Marks,
}

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A point; for a silent device its `comm` point.
    Point(FullPointId),
    /// A gateway.
    Gateway(GatewayId),
}

/// A moment of one of the two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum At {
    /// In the time of the gateway.
    Gateway(GatewayTime),
    /// In the time of the centre.
    Centre(CentreTime),
}

/// One raising, named by when it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Occurrence {
    /// The span of gateway time; none for a rule in centre time.
    pub span: Option<SpanId>,
    /// When it was raised.
    pub at: At,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The condition held for its time.
    Raised,
    /// The calm was broken: the condition holds again, or fire was reported again.
    Relapsed,
    /// The condition is gone and `clear_for` began. Told anew whenever the proof had to begin
    /// anew after a hole or a reading that proved nothing.
    Calmed,
    /// The calm was proven for `clear_for`.
    Cleared,
    /// A numbered reading says what only a heartbeat had told: the mark leaves.
    Confirmed,
    /// The rule or its limits changed while it was raised. Nothing clears by that: what raised
    /// it and what stands now must both be calm.
    Revised,
    /// The point is another one now or is gone. Nothing will clear this: a person must.
    Retired,
}

/// Why a decision was made.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// A numbered reading said so.
    Reading {
        /// The batch it stands in.
        seq: Seq,
        /// Its place in that batch.
        index: u32,
        /// What it said.
        said: Said,
    },
    /// The condition had held for the time it must.
    Held {
        /// When it was first seen to hold.
        since: GatewayTime,
        /// How long it must hold.
        lasting: Millis,
        /// What the point said last.
        said: Said,
    },
    /// After a hole the reading before it counts again, from this moment on.
    Resumed {
        /// What the point says.
        said: Said,
    },
    /// As time passed, what the point did within a window became another thing.
    Window {
        /// What the point says.
        said: Said,
    },
    /// What it and other points say together.
    Together {
        /// For how long that had to hold, if for any time.
        lasting: Option<Millis>,
    },
    /// A heartbeat named the point; the numbered reading has not come yet.
    Beat {
        /// What the point says.
        states: StateSet,
    },
    /// The point was fire-class in what the box no longer has.
    Lost {
        /// What the point said.
        states: StateSet,
    },
    /// Nothing was heard for so long.
    Silent {
        /// The last time anything was heard.
        last: CentreTime,
        /// How long that may last.
        lasting: Millis,
    },
    /// Something was heard again.
    Heard,
    /// The calm had lasted for the time it must.
    CalmSince {
        /// When it began.
        since: At,
        /// How long it must last.
        lasting: Millis,
    },
    /// The catalogue describes another source under this name.
    Replaced,
    /// The catalogue no longer has the point in this lane.
    Vanished,
    /// The rule no longer looks at the point.
    Unwatched,
    /// The rule looks at other points together, or by other limits.
    Regrouped,
    /// The rule or its limits are other ones now than those that raised it.
    OtherRule {
        /// The revision that raised it.
        raised_under: Revision,
        /// The revision that stands now; the same if only limits of the point changed.
        now: Revision,
    },
}

/// What must be said beside a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Marks {
    /// Its onset lay more than 60 s before its arrival.
    pub historical: bool,
    /// The point is shielded 屏蔽.
    pub shielded: bool,
    /// The point is under test 测试.
    pub testing: bool,
    /// A heartbeat told it; the numbered reading has not come yet.
    pub provisional: bool,
}

impl Change {
    /// The word that pages, logs and scenario files use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Change::Raised => "raised",
            Change::Relapsed => "relapsed",
            Change::Calmed => "calmed",
            Change::Cleared => "cleared",
            Change::Confirmed => "confirmed",
            Change::Revised => "revised",
            Change::Retired => "retired",
        }
    }

    /// The change that a word means.
    pub fn from_word(word: &str) -> Option<Change> {
        [
            Change::Raised,
            Change::Relapsed,
            Change::Calmed,
            Change::Cleared,
            Change::Confirmed,
            Change::Revised,
            Change::Retired,
        ]
        .into_iter()
        .find(|change| change.as_str() == word)
    }
}

impl Marks {
    /// The word of what only a heartbeat has told.
    pub const PROVISIONAL: &'static str = "provisional";

    /// The marks that the states of a point ask for.
    pub fn of_states(states: StateSet) -> Marks {
        Marks {
            shielded: states.has(State::Disabled),
            testing: states.has(State::Test),
            ..Marks::default()
        }
    }

    /// The words of the marks that are set.
    pub fn words(self) -> Vec<&'static str> {
        [
            (self.historical, "historical"),
            (self.shielded, "shielded"),
            (self.testing, "testing"),
            (self.provisional, Marks::PROVISIONAL),
        ]
        .into_iter()
        .filter_map(|(set, word)| set.then_some(word))
        .collect()
    }
}

impl Reason {
    /// The reason on Chinese pages.
    pub fn zh(&self) -> String {
        match self {
            Reason::Reading { said, .. } => format!("读数：{}", said_zh(*said)),
            Reason::Held { lasting, said, .. } => {
                format!("持续 {lasting}，当时：{}", said_zh(*said))
            }
            Reason::Resumed { said } => format!("中断后继续，当时：{}", said_zh(*said)),
            Reason::Window { said } => {
                format!("时间窗口内的变化已不同，当时：{}", said_zh(*said))
            }
            Reason::Together { lasting: Some(lasting) } => {
                format!("结合其他点位判断，持续 {lasting}")
            }
            Reason::Together { lasting: None } => "结合其他点位判断".to_owned(),
            Reason::Beat { states } => {
                format!("心跳上报：{}（待编号读数确认）", said_zh(Said::States(*states)))
            }
            Reason::Lost { states } => {
                format!("丢失数据期间曾为：{}", said_zh(Said::States(*states)))
            }
            Reason::Silent { lasting, .. } => format!("超过 {lasting} 未收到任何消息"),
            Reason::Heard => "恢复通信".to_owned(),
            Reason::CalmSince { lasting, .. } => format!("已恢复正常并保持 {lasting}"),
            Reason::Replaced => "点位来源已变更，需人工处理".to_owned(),
            Reason::Vanished => "点位已从目录中移除，需人工处理".to_owned(),
            Reason::Unwatched => "规则不再适用于该点位，需人工处理".to_owned(),
            Reason::Regrouped => "综合判断的点位、限值或规则已变更，需人工处理".to_owned(),
            Reason::OtherRule { raised_under, now } if raised_under == now => {
                "该点位的限值已变更；须同时满足触发时与现行限值才能恢复".to_owned()
            }
            Reason::OtherRule { raised_under, now } => format!(
                "规则已由版本 {raised_under} 变更为 {now}；须同时满足触发时与现行规则才能恢复"
            ),
        }
    }
}

fn said_zh(said: Said) -> String {
    match said {
        Said::Number(number, unit) => {
            let (shown, factor) = unit.shown();
            let rounded = (number * factor * 1e6).round() / 1e6;
            if shown.is_empty() { format!("{rounded}") } else { format!("{rounded} {shown}") }
        }
        Said::States(states) if states.is_normal() => "正常".to_owned(),
        Said::States(states) => states.iter().map(State::zh).collect::<Vec<_>>().join("、"),
        Said::Unknown => "未知".to_owned(),
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Reading { said, .. } => write!(f, "it said {said}"),
            Reason::Held { lasting, said, .. } => {
                write!(f, "it held for {lasting} and said {said}")
            }
            Reason::Resumed { said } => write!(f, "after a hole it said {said}"),
            Reason::Window { said } => write!(f, "its window moved on; it said {said}"),
            Reason::Together { lasting: Some(lasting) } => {
                write!(f, "together with other points it held for {lasting}")
            }
            Reason::Together { lasting: None } => f.write_str("together with other points"),
            Reason::Beat { states } => write!(f, "a heartbeat told {states}"),
            Reason::Lost { states } => write!(f, "it said {states} in what was lost"),
            Reason::Silent { lasting, .. } => write!(f, "nothing was heard for {lasting}"),
            Reason::Heard => f.write_str("it was heard again"),
            Reason::CalmSince { lasting, .. } => write!(f, "it stayed calm for {lasting}"),
            Reason::Replaced => f.write_str("the point has another source now"),
            Reason::Vanished => f.write_str("the catalogue no longer has the point"),
            Reason::Unwatched => f.write_str("the rule no longer looks at the point"),
            Reason::Regrouped => {
                f.write_str("the rule looks at other points together, or by other limits")
            }
            Reason::OtherRule { raised_under, now } if raised_under == now => {
                f.write_str("its limits changed: those that raised it count until it is calm")
            }
            Reason::OtherRule { raised_under, now } => write!(
                f,
                "its rule changed from revision {raised_under} to {now}: the one that raised it \
                 counts until it is calm"
            ),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Point(point) => point.fmt(f),
            Subject::Gateway(gateway) => gateway.fmt(f),
        }
    }
}

impl At {
    /// Whole milliseconds since 1970 on its own clock.
    pub const fn millis(self) -> i64 {
        match self {
            At::Gateway(time) => time.millis(),
            At::Centre(time) => time.millis(),
        }
    }
}
