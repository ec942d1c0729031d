//! States of a discrete point, as a set of words.
//!
//! The empty set is `normal`. GB/T 26875.3 has fewer bits (8.2.1.1 system, 8.2.1.2 part);
//! [`StateSet::part_bits`] maps to those. A word that this version does not know is kept
//! beside the set and shown; the others are judged.

use std::fmt;

macro_rules! states {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $zh:literal;)*) => {
        /// One thing a discrete point can say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum State { $($(#[$doc])* $name,)* }

        impl State {
            /// Every state, in the order in which the wire writes them.
            pub const ALL: &'static [State] = &[$(State::$name,)*];

            /// The word of the wire.
            pub const fn word(self) -> &'static str {
                match self { $(State::$name => $word,)* }
            }

            /// The word on Chinese pages.
            pub const fn zh(self) -> &'static str {
                match self { $(State::$name => $zh,)* }
            }
        }
    };
}

states! {
    /// A detector or call point reports fire.
    Fire = "fire", "火警";
    /// A detector is close to reporting fire.
    Prealarm = "prealarm", "预警";
    /// The part itself is out of order.
    Fault = "fault", "故障";
    /// Shielded: somebody has switched the part off at the panel.
    Disabled = "disabled", "屏蔽";
    /// A protective system is off-normal (a valve, a flow switch).
    Supervisory = "supervisory", "监管";
    /// The part has been activated or is running.
    Active = "active", "启动";
    /// The part confirms that it has acted.
    Feedback = "feedback", "反馈";
    /// An action is being delayed.
    Delayed = "delayed", "延时";
    /// The part is under test and does not tell the truth about fire.
    Test = "test", "测试";
    /// Mains power of a panel is lost.
    MainsFault = "mains-fault", "主电故障";
    /// The standby battery is out of order.
    BatteryFault = "battery-fault", "备电故障";
    /// A detection loop is broken.
    LoopFault = "loop-fault", "总线故障";
    /// Power of a part (a pump, a supply unit) is lost.
    SupplyFault = "supply-fault", "电源故障";
    /// Not in automatic.
    Manual = "manual", "手动";
    /// Not programmed or not fitted.
    Absent = "absent", "未安装";
}

/// A set of states. The empty set is normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct StateSet(u16);

impl StateSet {
    /// Nothing to report.
    pub const NORMAL: StateSet = StateSet(0);

    /// The states that reach an operator at once: fire, prealarm, supervisory.
    pub const FIRE_CLASS: StateSet =
        StateSet::NORMAL.with(State::Fire).with(State::Prealarm).with(State::Supervisory);

    /// The states under which a point cannot speak: what it does not report proves nothing.
    pub const MUTE: StateSet =
        StateSet::NORMAL.with(State::Disabled).with(State::Test).with(State::Absent);

    /// This set and one more state.
    pub const fn with(self, state: State) -> StateSet {
        StateSet(self.0 | 1 << state as u8)
    }

    /// This set without one state.
    pub const fn without(self, state: State) -> StateSet {
        StateSet(self.0 & !(1 << state as u8))
    }

    /// Both sets together.
    pub const fn union(self, other: StateSet) -> StateSet {
        StateSet(self.0 | other.0)
    }

    /// What both sets hold.
    pub const fn intersection(self, other: StateSet) -> StateSet {
        StateSet(self.0 & other.0)
    }

    /// Whether one state is in it.
    pub const fn has(self, state: State) -> bool {
        self.0 & 1 << state as u8 != 0
    }

    /// Whether any state of `other` is in it.
    pub const fn intersects(self, other: StateSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the point has nothing to report.
    pub const fn is_normal(self) -> bool {
        self.0 == 0
    }

    /// Whether fire, prealarm or supervisory is in it.
    pub const fn is_fire_class(self) -> bool {
        self.intersects(StateSet::FIRE_CLASS)
    }

    /// Whether the absence of a state in it proves anything.
    pub const fn can_speak(self) -> bool {
        !self.intersects(StateSet::MUTE)
    }

    /// The states in it, in the order of the wire.
    pub fn iter(self) -> impl Iterator<Item = State> {
        State::ALL.iter().copied().filter(move |state| self.has(*state))
    }

    /// The part status bits of GB/T 26875.3-2011 8.2.1.2 (bit 0: 1 normal, 0 test).
    pub fn part_bits(self) -> u16 {
        const PARTS: [(State, u8); 8] = [
            (State::Fire, 1),
            (State::Fault, 2),
            (State::Disabled, 3),
            (State::Supervisory, 4),
            (State::Active, 5),
            (State::Feedback, 6),
            (State::Delayed, 7),
            (State::SupplyFault, 8),
        ];
        let normal = u16::from(!self.has(State::Test));
        PARTS
            .into_iter()
            .filter(|(state, _)| self.has(*state))
            .fold(normal, |bits, (_, bit)| bits | 1 << bit)
    }
}

impl FromIterator<State> for StateSet {
    fn from_iter<I: IntoIterator<Item = State>>(states: I) -> StateSet {
        states.into_iter().fold(StateSet::NORMAL, StateSet::with)
    }
}

impl From<State> for StateSet {
    fn from(state: State) -> StateSet {
        StateSet::NORMAL.with(state)
    }
}

/// What a discrete point says: the known states, and words this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct States {
    /// The states that are judged.
    pub set: StateSet,
    /// Words of a newer gateway: kept and shown.
    pub foreign: Vec<Box<str>>,
}

/// The word for the empty set.
pub const NORMAL_WORD: &str = "normal";

/// The word of a point whose device cannot say.
pub const UNKNOWN_WORD: &str = "unknown";

impl States {
    /// Reads words joined by a space. `None` is `unknown`: the device cannot say.
    pub fn from_words(words: &str) -> Option<States> {
        let mut states = States::default();
        for word in words.split_ascii_whitespace() {
            match State::ALL.iter().find(|state| state.word() == word) {
                Some(state) => states.set = states.set.with(*state),
                None if word == UNKNOWN_WORD => return None,
                None if word == NORMAL_WORD => {}
                None => states.foreign.push(word.into()),
            }
        }
        Some(states)
    }
}

impl From<StateSet> for States {
    fn from(set: StateSet) -> States {
        States { set, foreign: Vec::new() }
    }
}

impl fmt::Display for StateSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_words(f, self.iter().map(State::word))
    }
}

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let foreign = self.foreign.iter().map(|word| &**word);
        write_words(f, self.set.iter().map(|state| -> &str { state.word() }).chain(foreign))
    }
}

fn write_words<'a>(
    f: &mut fmt::Formatter<'_>,
    words: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    let mut first = true;
    for word in words {
        f.write_str(if first { "" } else { " " })?;
        f.write_str(word)?;
        first = false;
    }
    f.write_str(if first { NORMAL_WORD } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &str, again: &str) {
        let states = States::from_words(words).expect("states");
        assert_eq!(states.to_string(), again);
    }

    #[test]
    fn words_are_written_in_one_order() {
        check("normal", "normal");
        check("", "normal");
        check("disabled fire", "fire disabled");
        check("fire fire", "fire");
    }

    #[test]
    fn a_foreign_word_is_kept_and_the_others_are_read() {
        let states = States::from_words("flooded fire").expect("states");
        assert!(states.set.has(State::Fire));
        assert_eq!(states.to_string(), "fire flooded");
    }

    #[test]
    fn unknown_says_nothing_whatever_stands_beside_it() {
        assert_eq!(States::from_words("fire unknown"), None);
    }

    #[test]
    fn a_shielded_point_cannot_speak_but_its_fire_is_heard() {
        let set = StateSet::from_iter([State::Fire, State::Disabled]);
        assert!(!set.can_speak());
        assert!(set.is_fire_class());
    }

    #[test]
    fn the_standards_bits_say_what_the_words_say() {
        assert_eq!(StateSet::NORMAL.part_bits(), 0b1);
        assert_eq!(StateSet::from(State::Fire).part_bits(), 0b11);
        assert_eq!(StateSet::from_iter([State::Disabled, State::Test]).part_bits(), 0b1000);
        assert_eq!(StateSet::from(State::SupplyFault).part_bits(), 0b1_0000_0001);
    }
}
