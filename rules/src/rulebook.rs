//! The rulebook: which conditions on which points mean what, and what to do about them.
//!
//! Written in TOML and read through [`firegrid_wire::document`], so that every mistake is told
//! at once with its file and key path. The shipped one is embedded. What it says is checked
//! here; what it does is proven by scenario files. Judges nothing itself.

use std::fmt;
use std::str::FromStr;

use firegrid_wire::catalogue::PointEntry;
use firegrid_wire::document::Mistakes;
use firegrid_wire::time::Millis;

use crate::beside::{Beside, Kinds, Share};
use crate::condition::Condition;
use crate::word::worded;

mod beside;
mod causes;
mod limits;
mod overlay;
mod reading;
mod share;

pub(crate) use limits::amount;

/// Rules, each with its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Rulebook {
    rules: Vec<Rule>,
    revision: Revision,
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name in the rulebook, for example `W1`.
    pub id: RuleId,
    /// Changes with every change of the rule. Evidence counts under the revision that raised it.
    pub revision: Revision,
    /// What it finds, for programs: `fire`, `sprinkler-pressure-low`, `device-silent` …
    pub kind: String,
    /// What it finds, for people.
    pub name: Words,
    /// The clause it rests on, with the mark of how well that is known: `[V]` verified,
    /// `[S]` seen in a secondary text, `[R]` recalled, `[D]` derived.
    pub basis: Words,
    /// What to do about it.
    pub advice: Words,
    /// What it looks at.
    pub applies_to: Selector,
    /// What makes one occurrence one case.
    pub group_by: Grouping,
    /// Kinds of rules whose open hazard, on something that covers this subject, hides this one:
    /// the effect is folded under its cause.
    pub caused_by: Vec<String>,
    /// From the mildest to the gravest; each is judged by itself.
    pub steps: Vec<Step>,
}

/// The same in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its name in the rule, for example `warn`.
    pub name: String,
    /// How grave it is.
    pub severity: Severity,
    /// What it opens.
    pub effect: Effect,
    /// What must hold.
    pub when: Condition,
    /// What must hold on other points with it, in whichever lane they live.
    pub beside: Vec<Beside>,
    /// How many of the rule's points must meet `when`; none: each by itself. What is found is
    /// told of the first point of those that share something.
    pub share: Option<Share>,
    /// For how long.
    pub held_for: Millis,
    /// What must hold on its point for it to calm; none: `when`, or what stands beside it, must
    /// not hold.
    pub clear_when: Option<Condition>,
    /// For how long.
    pub clear_for: Millis,
}

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// Points of the catalogue.
    Points(Kinds),
    /// Every discrete point, in the catalogue or not: its words are enough.
    Discrete,
    /// The `comm` point of every device.
    Devices,
    /// Every gateway, in centre time.
    Gateways,
}

/// What makes one occurrence one case. Zone, device and unit are to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// Each subject by itself.
    Point,
}

worded! {
    /// What a step opens.
    Effect {
        /// Something an operator must handle now 报警.
        Alarm = "alarm", "报警";
        /// A fault that someone must mend 隐患: a ticket.
        Hazard = "hazard", "隐患";
        /// Shown, and nothing else.
        Note = "note", "提示";
    }
}

worded! {
    /// How grave a step is.
    Severity {
        /// Worth knowing.
        Info = "info", "提示";
        /// A general hazard 一般.
        General = "general", "一般";
        /// An outstanding hazard 突出.
        Serious = "serious", "突出";
        /// A major hazard 重大.
        Major = "major", "重大";
    }
}

/// The name of a rule: 1 to 32 letters, digits and hyphens, beginning with a letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(std::sync::Arc<str>);

impl RuleId {
    /// Takes 1 to 32 letters, digits and hyphens, beginning with a letter.
    pub fn parse(text: &str) -> Result<RuleId, RuleIdError> {
        let plain = text.len() <= 32
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if plain { Ok(RuleId(text.into())) } else { Err(RuleIdError { text: text.to_owned() }) }
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RuleId {
    type Err = RuleIdError;
    fn from_str(text: &str) -> Result<RuleId, RuleIdError> {
        RuleId::parse(text)
    }
}

/// A text that names no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no rule id: use 1 to 32 letters, digits and hyphens, beginning with a letter")]
pub struct RuleIdError {
    text: String,
}

/// The first 16 hex digits of the SHA-256 of what was written: equal texts have equal
/// revisions, and a changed rule never has that of its former self.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a text.
    pub fn of(text: &str) -> Revision {
        use sha2::Digest;
        let digest = sha2::Sha256::digest(text.as_bytes());
        Revision(digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Revision, std::num::ParseIntError> {
        u64::from_str_radix(text, 16).map(Revision)
    }
}

/// The shipped rulebook: file name and text.
const SHIPPED: [(&str, &str); 5] = [
    ("fire.toml", include_str!("../rulebook/fire.toml")),
    ("water.toml", include_str!("../rulebook/water.toml")),
    ("pumps.toml", include_str!("../rulebook/pumps.toml")),
    ("panel.toml", include_str!("../rulebook/panel.toml")),
    ("silence.toml", include_str!("../rulebook/silence.toml")),
];

impl Rulebook {
    /// The rulebook that is part of the program.
    pub fn shipped() -> Rulebook {
        let files = SHIPPED.map(|(name, text)| (name.to_owned(), text.to_owned()));
        #[expect(clippy::expect_used, reason = "embedded in the program; a test reads it")]
        Rulebook::read(&files).expect("the shipped rulebook is read by a test")
    }

    /// Reads files, each with its name and its text, and tells every mistake in any of them.
    pub fn read(files: &[(String, String)]) -> Result<Rulebook, Mistakes> {
        reading::read(files)
    }

    /// This rulebook with a site's own file over it: a rule there stands in the place of the one
    /// with its id, whole; a new one is added. Tells every mistake of the file.
    pub fn overlaid(&self, name: &str, text: &str) -> Result<Rulebook, Mistakes> {
        overlay::overlay(self, name, text)
    }

    pub(crate) fn of(rules: Vec<Rule>) -> Rulebook {
        let mut revisions: Vec<String> =
            rules.iter().map(|rule| format!("{} {}", rule.id, rule.revision)).collect();
        revisions.sort();
        Rulebook { revision: Revision::of(&revisions.join("\n")), rules }
    }

    /// One rule.
    pub fn rule(&self, id: &RuleId) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.id == *id)
    }

    /// All rules, in the order of the files.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Changes with every change of any rule.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl Selector {
    /// Whether it looks at a point for what its catalogue says. Rules on words, devices and
    /// gateways look at none for that.
    pub fn selects(&self, entry: &PointEntry) -> bool {
        match self {
            Selector::Points(kinds) => kinds.hold(entry),
            Selector::Discrete | Selector::Devices | Selector::Gateways => false,
        }
    }
}

impl Step {
    /// Whether it looks at several points.
    pub fn is_joined(&self) -> bool {
        !self.beside.is_empty() || self.share.is_some()
    }
}

impl Rule {
    /// Whether it runs in centre time.
    pub fn is_on_silence(&self) -> bool {
        match self.applies_to {
            Selector::Gateways => true,
            Selector::Points(_) | Selector::Discrete | Selector::Devices => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rulebook_can_be_read() {
        let files = SHIPPED.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let rulebook = Rulebook::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let ids: Vec<&str> = rulebook.rules().iter().map(|rule| rule.id.as_str()).collect();
        let wanted = [
            "FIRE",
            "PREALARM",
            "SUPERVISORY",
            "W1",
            "W2",
            "W3",
            "W4",
            "W5",
            "W6",
            "W7",
            "V1",
            "P1",
            "P2",
            "P3",
            "P3-FEEDBACK",
            "P4",
            "F1",
            "F2",
            "F2-SUPPLY",
            "F3",
            "F4",
            "F4-ZONE",
            "F5",
            "F5-ZONE",
            "F6",
            "C1-DEVICE",
            "C1-GATEWAY",
            "C2",
        ];
        assert_eq!(ids, wanted);
    }

    #[test]
    fn a_site_replaces_a_rule_whole_or_adds_one() {
        let shipped = Rulebook::shipped();
        let pump = r#"
            [[rule]]
            id = "P2"
            kind = "pump-power"
            name = { zh = "水泵电源", en = "Pump power" }
            basis = "site"
            advice = { zh = "查", en = "look" }
            applies_to = { parts = [91] }
            [[rule.step]]
            name = "hazard"
            severity = "major"
            effect = "hazard"
            when = { has_state = "supply-fault" }
            for = "1s"
            clear_for = "2s"
        "#;
        let site = shipped.overlaid("site.toml", pump).unwrap_or_else(|told| panic!("{told}"));
        let id = RuleId::parse("P2").expect("an id");
        let rule = site.rule(&id).expect("the rule");
        assert_eq!((rule.steps.len(), rule.steps[0].held_for), (1, Millis::seconds(1)));
        assert_eq!(site.rules().len(), shipped.rules().len());
        assert_ne!(site.revision(), shipped.revision());
        let more = shipped.overlaid("site.toml", &pump.replace("P2", "P9")).expect("a rulebook");
        assert_eq!(more.rules().len(), shipped.rules().len() + 1);
    }

    #[test]
    fn no_overlay_lets_a_fire_pass() {
        let weak = include_str!("../rulebook/fire.toml").replace("\"fire\"", "\"prealarm\"");
        let mistakes = Rulebook::shipped().overlaid("site.toml", &weak).expect_err("refused");
        assert!(mistakes.to_string().contains("no rule raises"), "{mistakes}");
    }
}
