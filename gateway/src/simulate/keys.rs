//! Faults by key, for whoever sits at the terminal: a device is chosen, then something is done
//! to it.
//!
//! ```text
//!  1 … 9 chooses ──► s silent  l late  e exception  h half frames  b back
//!                    f: the next of its points reports fire, or shows its highest number
//!                    n: that point is back to normal        r the line refuses, and back
//! ```
//!
//! Pure: a key goes in, what is to be done comes out.

use firegrid_wire::state::State;

use super::Behaviour;
use super::order::Order;
use crate::inventory::Inventory;
use crate::profile::Format;
use crate::settings::Line;

use std::time::Duration;

/// What the key `l` makes answers late by: more than a line waits if its settings do not say.
const LATE_BY: Duration = Duration::from_millis(1_500);

/// What the key `e` answers with: the device is busy (Modbus application protocol V1.1b3, 7).
const BUSY: u8 = 6;

/// What a key means.
#[derive(Debug, Clone, PartialEq)]
pub enum Pressed {
    /// This is to be done.
    Do(Order),
    /// This device has been chosen.
    Chosen(String),
    /// The key means nothing here.
    Nothing,
    /// It is enough.
    Quit,
}

/// What the keys do, in two lines.
pub const HELP: &str = "\
1-9 选设备 choose a device   s 静默 silent  l 迟答 late  e 异常 exception  h 半帧 half frames  b 恢复 back
f 下一点报警 next point to fire  n 该点恢复 that point normal  r 拒绝/恢复连接 refuse, and back  q 退出 quit";

/// The devices of a line, and which is chosen.
#[derive(Debug)]
pub struct Keys {
    devices: Vec<Keyed>,
    chosen: usize,
    refuses: bool,
}

#[derive(Debug)]
struct Keyed {
    name: String,
    /// What each point does when it is flipped, and how it is at rest.
    flips: Vec<(Order, Order)>,
    flipped: Option<usize>,
}

impl Keys {
    /// The first device is chosen.
    pub fn new(line: &Line, inventory: &Inventory) -> Keys {
        let flips = |device: &crate::settings::Device| {
            let points = device.points.iter();
            let flip = |point: &crate::settings::Point| {
                flip(&inventory.point(point.index).entry.n.to_string(), &point.format)
            };
            points.filter_map(flip).collect()
        };
        let devices = line.devices.iter().map(|device| Keyed {
            name: device.name.to_string(),
            flips: flips(device),
            flipped: None,
        });
        Keys { devices: devices.collect(), chosen: 0, refuses: false }
    }

    /// The names of the devices that keys choose.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().take(9).map(|device| device.name.as_str())
    }

    /// What a key means now.
    pub fn press(&mut self, key: char) -> Pressed {
        let chosen = &mut self.devices[self.chosen];
        let behave =
            |behaviour| Pressed::Do(Order::Behave { device: chosen.name.clone(), behaviour });
        match key {
            's' => behave(Behaviour::Silent),
            'l' => behave(Behaviour::Late(LATE_BY)),
            'e' => behave(Behaviour::Excepts(BUSY)),
            'h' => behave(Behaviour::HalfFrames),
            'b' => behave(Behaviour::Answers),
            'f' => chosen.flip(),
            'n' => chosen.rest(),
            'r' => {
                self.refuses = !self.refuses;
                Pressed::Do(Order::Refuse(self.refuses))
            }
            'q' => Pressed::Quit,
            '1'..='9' => {
                let place = key as usize - '1' as usize;
                let Some(device) = self.devices.get(place) else { return Pressed::Nothing };
                self.chosen = place;
                Pressed::Chosen(device.name.clone())
            }
            _ => Pressed::Nothing,
        }
    }
}

impl Keyed {
    fn flip(&mut self) -> Pressed {
        let next = self.flipped.map_or(0, |flipped| flipped + 1) % self.flips.len().max(1);
        let Some((flip, _)) = self.flips.get(next) else { return Pressed::Nothing };
        self.flipped = Some(next);
        Pressed::Do(flip.clone())
    }

    fn rest(&mut self) -> Pressed {
        let flipped = self.flipped.and_then(|flipped| self.flips.get(flipped));
        flipped.map_or(Pressed::Nothing, |(_, rest)| Pressed::Do(rest.clone()))
    }
}

/// What a point does when it is flipped: fire if it can say that, else the first thing it can
/// say; a number its highest plausible one. And how it is at rest.
fn flip(point: &str, format: &Format) -> Option<(Order, Order)> {
    let report = |states| Order::Report { point: point.to_owned(), states };
    let show = |number| Order::Show { point: point.to_owned(), number };
    match format {
        Format::Word(word) | Format::Inputs { word, .. } => {
            let can_say = |state: &State| word.raw((*state).into()).is_some();
            let states = std::iter::once(State::Fire).chain(word.vocabulary().iter());
            let state = states.into_iter().find(can_say)?;
            word.raw(firegrid_wire::state::StateSet::NORMAL)?;
            Some((report(state.into()), report(firegrid_wire::state::StateSet::NORMAL)))
        }
        Format::Number(number) => {
            let (lowest, highest) = number.plausible;
            number.raw(highest)?;
            Some((show(highest), show(0.0_f64.clamp(lowest, highest))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    /// The orders of these keys, as words.
    #[track_caller]
    fn check(keys: &str, expected: &[&str]) {
        let settings = Settings::parse(
            "site",
            "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nbroker = { address = \"a:1\" }\n\
             [[line]]\nname = \"l\"\naddress = \"b:1\"\n[[line.device]]\nname = \"pump1\"\n\
             unit_id = 1\nprofile = \"fire-pump-controller\"\n[[line.device]]\nname = \"riser1\"\n\
             unit_id = 2\nprofile = \"pressure-transmitter-float\"\n\
             options = { pressure_unit = \"kPa\", word_order = \"big\" }\n",
        );
        let settings = settings.unwrap_or_else(|told| panic!("{told}"));
        let mut desk = Keys::new(&settings.lines[0], &settings.inventory);
        let said: Vec<String> = keys
            .chars()
            .map(|key| match desk.press(key) {
                Pressed::Do(order) => order.to_string(),
                Pressed::Chosen(device) => format!("({device})"),
                Pressed::Nothing => "-".to_owned(),
                Pressed::Quit => ".".to_owned(),
            })
            .collect();
        assert_eq!(said, expected);
    }

    #[test]
    fn a_device_is_chosen_and_something_is_done_to_it() {
        check(
            "s2lehb",
            &[
                "pump1 silent",
                "(riser1)",
                "riser1 late 1500ms",
                "riser1 except 6",
                "riser1 half",
                "riser1 back",
            ],
        );
    }

    #[test]
    fn points_are_flipped_one_after_the_other_and_back() {
        check(
            "2nffn",
            &[
                "(riser1)",
                "-",
                "riser1/pressure 6000000",
                "riser1/temperature 125",
                "riser1/temperature 0",
            ],
        );
    }

    #[test]
    fn the_line_refuses_and_is_back() {
        check("rr9xq", &["line refuse", "line back", "-", "-", "."]);
    }
}
