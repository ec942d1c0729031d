//! What happens on a simulated line, and when: one order a line, behind its time.
//!
//! ```text
//!   # after a quarter of a minute the panel is silent for ten seconds
//!   15s  facp1 silent
//!   25s  facp1 back
//!   30s  facp1/L1D017 fire
//!   60s  again
//! ```
//!
//! Times count from the start and never run backwards; `again` begins anew and ends the script.
//! Every mistake is told with its line and column, before anything is played. Looks at no clock:
//! the player is told how long to wait.

use firegrid_wire::document::{Mistake, Mistakes};
use firegrid_wire::time::Millis;

use super::order::{Order, Word, Wrong};
use super::registers::Registers;
use super::{CannotSay, Simulator, units_of};
use crate::inventory::Inventory;
use crate::settings::Line;

/// The orders of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    steps: Vec<(Millis, Order)>,
    /// How long one round lasts, if it is played again and again.
    again: Option<Millis>,
}

/// A script that is played again and again lasts at least so long.
const SHORTEST_ROUND: Millis = Millis::new(100);

impl Script {
    /// Reads a script for a line. All mistakes are told at once: also devices and points that
    /// the line does not have, and what a point cannot say.
    pub fn read(
        file: &str,
        text: &str,
        line: &Line,
        inventory: &Inventory,
    ) -> Result<Script, Mistakes> {
        let mut reading = Reading {
            units: units_of(line),
            registers: Registers::quiet(line, inventory),
            last: Millis::default(),
            script: Script { steps: Vec::new(), again: None },
        };
        let mut mistakes = Mistakes::default();
        for (row, text) in (1..).zip(text.lines()) {
            let words = words_of(text);
            if let Err((column, what)) = reading.take(&words) {
                let path = format!("line {row}, column {column}");
                mistakes.0.push(Mistake { file: file.to_owned(), path, what });
            }
        }
        if mistakes.0.is_empty() { Ok(reading.script) } else { Err(mistakes) }
    }

    /// Plays the script to its end, if it has one. What is done is told.
    pub async fn play(&self, simulator: &Simulator, mut told: impl FnMut(Millis, &Order)) {
        let mut so_far = Millis::default();
        loop {
            let mut now = Millis::default();
            for (at, order) in &self.steps {
                tokio::time::sleep(at.minus(now).duration()).await;
                now = *at;
                if simulator.obey(order).is_ok() {
                    told(so_far.plus(now), order);
                }
            }
            let Some(round) = self.again else { return };
            tokio::time::sleep(round.minus(now).duration()).await;
            so_far = so_far.plus(round);
        }
    }
}

/// A script while it is read.
struct Reading {
    units: Vec<(String, u8)>,
    registers: Registers,
    last: Millis,
    script: Script,
}

impl Reading {
    fn take(&mut self, words: &[Word<'_>]) -> Result<(), Wrong> {
        let [(column, time), rest @ ..] = words else { return Ok(()) };
        if self.script.again.is_some() {
            return Err((*column, "nothing comes after \"again\"".to_owned()));
        }
        let at: Millis = time.parse().map_err(|error| (*column, format!("{error}")))?;
        if at < self.last {
            return Err((*column, format!("the line before it is at {}", self.last)));
        }
        self.last = at;
        match rest {
            [(column, "again")] if at < SHORTEST_ROUND => {
                Err((*column, format!("a round lasts at least {SHORTEST_ROUND}")))
            }
            [(_, "again")] => {
                self.script.again = Some(at);
                Ok(())
            }
            [(column, _), ..] => {
                let order = Order::read(rest)?;
                self.tried(&order).map_err(|cannot| (*column, cannot.to_string()))?;
                self.script.steps.push((at, order));
                Ok(())
            }
            [] => Err((column + time.chars().count(), "what is to happen then?".to_owned())),
        }
    }

    fn tried(&mut self, order: &Order) -> Result<(), CannotSay> {
        match order {
            Order::Behave { device, behaviour: _ } => {
                match self.units.iter().any(|(name, _)| name == device) {
                    true => Ok(()),
                    false => Err(CannotSay::NoSuchDevice(device.clone())),
                }
            }
            Order::Refuse(_) => Ok(()),
            Order::Report { point, states } => self.registers.report(point, *states),
            Order::Show { point, number } => self.registers.show(point, *number),
        }
    }
}

/// The words of a line before its comment, each with its column.
fn words_of(text: &str) -> Vec<Word<'_>> {
    let text = text.split_once('#').map_or(text, |(before, _)| before);
    let words = text.split_whitespace();
    let column = |word: &str| {
        let before = word.as_ptr().addr() - text.as_ptr().addr();
        text[..before].chars().count() + 1
    };
    words.map(|word| (column(word), word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    const SITE: &str = "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\n\
         broker = { address = \"a:1\" }\n[[line]]\nname = \"l\"\naddress = \"b:1\"\n\
         [[line.device]]\nname = \"facp1\"\nunit_id = 1\nprofile = \"notifier-modbus-gw\"\n\
         options = { loops = [1] }\n[[line.device]]\nname = \"riser1\"\nunit_id = 2\n\
         profile = \"pressure-transmitter-float\"\n\
         options = { pressure_unit = \"kPa\", word_order = \"big\" }\n";

    fn read(text: &str) -> Result<Script, Mistakes> {
        let settings = Settings::parse("site", SITE).unwrap_or_else(|told| panic!("{told}"));
        Script::read("script", text, &settings.lines[0], &settings.inventory)
    }

    #[track_caller]
    fn check_told(text: &str, expected: &[&str]) {
        let told = read(text).expect_err("mistakes");
        let told: Vec<String> = told.0.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(&format!("script: {expected}")), "{told} is not {expected}");
        }
    }

    #[test]
    fn every_order_can_be_written() {
        let text = "# a comment\n\n0s facp1 silent\n1s facp1 late 800ms # why not\n2s facp1 except 4\n\
             3s facp1 half\n4s facp1 back\n5s line refuse\n6s line back\n7s facp1/L1D017 fire\n\
             7s facp1/L1D017 normal\n8s riser1/pressure 350000\n1min again\n";
        let script = read(text).unwrap_or_else(|told| panic!("{told}"));
        assert_eq!((script.steps.len(), script.again), (10, Some(Millis::seconds(60))));
    }

    #[test]
    fn all_mistakes_are_told_with_line_and_column() {
        check_told(
            "soon facp1 silent\n5s facp1 asleep\n4s facp1 back\n6s\n  6s facp2 back\n\
             7s facp1 late soon\n7s facp1 except 0\n7s line silent\n7s facp1/L9 fire\n\
             7s facp1/L1D017 wet\n7s facp1/L1D017 7\n7s riser1/pressure fire\n7s facp1 half now\n\
             7s facp1\n8s again\n9s facp1 back\n",
            &[
                "line 1, column 1: \"soon\" does not say how long",
                "line 2, column 10: \"asleep\" is nothing for a device",
                "line 3, column 1: the line before it is at 5s",
                "line 4, column 3: what is to happen then?",
                "line 5, column 6: there is no device \"facp2\"",
                "line 6, column 15: \"soon\" does not say how long",
                "line 7, column 17: an exception has a number",
                "line 8, column 9: \"silent\" is nothing for a line",
                "line 9, column 4: there is no point \"facp1/L9\"",
                "line 10, column 17: \"wet\" is neither a number nor a state",
                "line 11, column 4: \"facp1/L1D017\" cannot say \"7\"",
                "line 12, column 4: \"riser1/pressure\" cannot say \"fire\"",
                "line 13, column 15: \"now\" is too much here",
                "line 14, column 9: say who is to do what",
                "line 16, column 1: nothing comes after \"again\"",
            ],
        );
    }

    #[test]
    fn a_round_without_time_would_never_end() {
        check_told("0s facp1 silent\n0s again\n", &["line 2, column 4: a round lasts at least"]);
    }
}
