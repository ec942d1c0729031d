//! What a simulated line can be told to do, in words: the same in a script and after a key.
//!
//! ```text
//!   facp1 silent            facp1/L1D017 fire disabled
//!   facp1 late 800ms        facp1/L1D017 normal
//!   facp1 except 4          riser1/pressure 350000       in the unit of the wire
//!   facp1 half              line refuse
//!   facp1 back              line back
//! ```

use std::fmt;

use firegrid_wire::state::{StateSet, States};
use firegrid_wire::time::Millis;

use super::{Behaviour, CannotSay, Simulator};

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// A device treats questions so from now on.
    Behave {
        /// Its name in the settings.
        device: String,
        /// How.
        behaviour: Behaviour,
    },
    /// The line takes no connections and cuts those that stand, or takes them again.
    Refuse(bool),
    /// A discrete point, `{device}/{point}`, reports exactly these states.
    Report {
        /// The point.
        point: String,
        /// The states.
        states: StateSet,
    },
    /// An analog point, `{device}/{point}`, shows a number in the unit of the wire.
    Show {
        /// The point.
        point: String,
        /// The number.
        number: f64,
    },
}

/// A word with its column, counted from 1.
pub(super) type Word<'a> = (usize, &'a str);

/// What is wrong in an order, and at which column.
pub(super) type Wrong = (usize, String);

/// What a device can be told.
const OF_DEVICES: &str = "silent, late 800ms, except 4, half or back";

impl Order {
    /// Reads the words of an order. Whether there is such a device or point is not looked at.
    pub(super) fn read(words: &[Word<'_>]) -> Result<Order, Wrong> {
        let [(_, subject), (column, what), rest @ ..] = words else {
            let at = words.first().map_or(1, |(column, word)| column + word.chars().count());
            return Err((at, "say who is to do what, as in \"facp1 silent\"".to_owned()));
        };
        let subject = (*subject).to_owned();
        if subject.contains('/') {
            return of_point(subject, &words[1..]);
        }
        let no_more = |order: Order| match rest {
            [] => Ok(order),
            [(column, word), ..] => Err((*column, format!("{word:?} is too much here"))),
        };
        if subject == "line" {
            return match *what {
                "refuse" => no_more(Order::Refuse(true)),
                "back" => no_more(Order::Refuse(false)),
                other => Err((*column, format!("{other:?} is nothing for a line: refuse or back"))),
            };
        }
        let behave = |behaviour| Order::Behave { device: subject, behaviour };
        match (*what, rest) {
            ("silent", _) => no_more(behave(Behaviour::Silent)),
            ("half", _) => no_more(behave(Behaviour::HalfFrames)),
            ("back", _) => no_more(behave(Behaviour::Answers)),
            ("late", [(column, by)]) => {
                let by: Millis = by.parse().map_err(|error| (*column, format!("{error}")))?;
                Ok(behave(Behaviour::Late(by.duration())))
            }
            ("except", [(column, code)]) => {
                let code = code.parse().ok().filter(|code| *code != 0);
                let wrong = || (*column, "an exception has a number from 1 to 255".to_owned());
                Ok(behave(Behaviour::Excepts(code.ok_or_else(wrong)?)))
            }
            (other, _) => {
                Err((*column, format!("{other:?} is nothing for a device: {OF_DEVICES}")))
            }
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Order::Behave { device, behaviour } => match behaviour {
                Behaviour::Answers => write!(f, "{device} back"),
                Behaviour::Silent => write!(f, "{device} silent"),
                Behaviour::Late(by) => write!(f, "{device} late {}", Millis::from(*by)),
                Behaviour::Excepts(code) => write!(f, "{device} except {code}"),
                Behaviour::HalfFrames => write!(f, "{device} half"),
            },
            Order::Refuse(true) => f.write_str("line refuse"),
            Order::Refuse(false) => f.write_str("line back"),
            Order::Report { point, states } => write!(f, "{point} {states}"),
            Order::Show { point, number } => write!(f, "{point} {number}"),
        }
    }
}

fn of_point(point: String, words: &[Word<'_>]) -> Result<Order, Wrong> {
    if let [(_, number)] = words
        && let Ok(number) = number.parse::<f64>()
    {
        return Ok(Order::Show { point, number });
    }
    let mut states = StateSet::NORMAL;
    for (column, word) in words {
        let known = States::from_words(word).filter(|states| states.foreign.is_empty());
        let wrong = || {
            let what = "is neither a number nor a state such as fire, fault or normal";
            (*column, format!("{word:?} {what}"))
        };
        states = states.union(known.ok_or_else(wrong)?.set);
    }
    Ok(Order::Report { point, states })
}

impl Simulator {
    /// Does what is ordered, if there is such a device or point and it can say that.
    pub fn obey(&self, order: &Order) -> Result<(), CannotSay> {
        match order {
            Order::Behave { device, behaviour } => {
                let unit_id = self.unit_of(device)?;
                self.behave(unit_id, *behaviour);
                Ok(())
            }
            Order::Refuse(refuses) => {
                self.refuse(*refuses);
                Ok(())
            }
            Order::Report { point, states } => self.report(point, *states),
            Order::Show { point, number } => self.show(point, *number),
        }
    }
}
