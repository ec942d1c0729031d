//! What a story shows of a rule, and which of these a rule must be shown in.

use crate::condition::Condition;
use crate::rulebook::{Rule, Step};
use crate::word::worded;

worded! {
    /// What a story shows of a rule.
    Shows {
        /// What lies on the lower side of a limit.
        Below = "below", "低于";
        /// Exactly a limit; of a rule without one, exactly its hold.
        At = "at", "恰为";
        /// What lies on the upper side of a limit.
        Above = "above", "高于";
        /// One moment less than it must hold.
        ShortOfHold = "short-of-hold", "未满时限";
        /// To and fro.
        Chatter = "chatter", "抖动";
        /// A hole, a box without power, a device or gateway that says nothing.
        Silence = "silence", "中断";
        /// Readings that prove nothing: of doubtful quality, unknown, or of a part that cannot speak.
        Faulty = "faulty", "失效";
        /// The centre's program ends and goes on.
        Restart = "restart", "重启";
    }
}

impl Shows {
    /// Whether a rule must be shown so.
    pub fn applies_to(self, rule: &Rule) -> bool {
        match self {
            Shows::Below | Shows::Above => rule.steps.iter().any(has_limit),
            Shows::ShortOfHold => rule.steps.iter().any(must_last),
            // Silence is all that is ever said of a gateway.
            Shows::Faulty => !rule.is_on_silence(),
            Shows::At | Shows::Chatter | Shows::Silence | Shows::Restart => true,
        }
    }
}

fn has_limit(step: &Step) -> bool {
    step.share.is_some()
        || any(step, |condition| match condition {
            Condition::Below(_)
            | Condition::Above(_)
            | Condition::Outside(..)
            | Condition::FallsBy { .. }
            | Condition::RisesBy { .. }
            | Condition::StartsMoreThan { .. } => true,
            Condition::HasState(_)
            | Condition::QualityIs(_)
            | Condition::BlindFor(_)
            | Condition::AllOf(_)
            | Condition::AnyOf(_)
            | Condition::Not(_) => false,
        })
}

fn must_last(step: &Step) -> bool {
    let patient = any(step, |condition| matches!(condition, Condition::BlindFor(_)));
    patient || firegrid_wire::time::Millis::ZERO < step.held_for
}

fn any(step: &Step, is: impl Fn(&Condition) -> bool) -> bool {
    let mut found = false;
    step.when.visit(&mut |condition| found |= is(condition));
    found
}
