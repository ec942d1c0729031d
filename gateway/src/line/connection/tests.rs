//! Late, lost, doubled and cut answers by the thousand: never a wrong register.

mod bus;
mod by_hand;
mod wires;

use std::io::ErrorKind;
use std::time::Duration;

use bus::{Bus, Faults};

use super::*;
use crate::settings::{Parity, Serial};

/// How long an answer is waited for …
const PATIENCE: Duration = Duration::from_millis(100);
/// … and how late it may come.
const LONGEST: Duration = Duration::from_millis(1_000);

/// Questions of each wire in virtual time.
const QUESTIONS: usize = 10_000;

fn serial() -> Serial {
    Serial {
        path: "/dev/null".into(),
        baud: 19_200,
        parity: Parity::Even,
        stop_bits: 1,
        silence: None,
    }
}

/// What became of the questions.
#[derive(Debug, Default)]
struct Tally {
    right: usize,
    refused: usize,
    unanswered: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, bus: &Bus, what: String, answer: Option<Answer>) {
        let truth = bus.truth();
        match answer {
            None => self.unanswered += 1,
            Some(Answer::Registers(registers)) if truth == Ok(registers.clone()) => {
                self.right += 1;
            }
            Some(Answer::NotNow(_)) if truth.is_err() => self.refused += 1,
            Some(other) => self.wrong.push(format!("{what}: {other:x?} instead of {truth:x?}")),
        }
    }
}

/// A random question: four units, few shapes, so that a stale answer often fits.
fn random_read(random: &mut fastrand::Rng) -> (u8, Read) {
    let (table, count) = match random.u8(..4) {
        0 => (Table::InputRegisters, 4),
        1 => (Table::Coils, 20),
        _ => (Table::HoldingRegisters, 4),
    };
    (random.u8(1..=4), Read { table, first: random.u16(..50) * 10, count })
}

/// Asks so many questions; a unit that rests is mostly left alone, as the schedule does it.
async fn ask_many(bus: &Bus, connection: &mut Connection, questions: usize, seed: u64) -> Tally {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    for number in 0..questions {
        let (mut unit, read) = random_read(&mut random);
        for _ in 0..4 {
            let now = connection.clock.uptime();
            if connection.quiet_until(unit, now).is_some() && random.u8(..10) != 0 {
                unit = unit % 4 + 1;
            }
        }
        if !connection.is_open() {
            connection.open().await.expect("the bus takes every connection");
        }
        let answer = connection.ask(unit, read, bus.patience).await;
        let what = format!("question {number}, {read:?} of {unit}");
        tally.count(bus, what, answer.ok());
        sleep(bus.patience.mul_f64(random.f64() / 5.0)).await;
    }
    tally
}

#[track_caller]
fn never_wrong(tally: &Tally, seed: u64) {
    let Tally { right, refused, unanswered, wrong } = tally;
    assert!(wrong.is_empty(), "seed {seed}: {} wrong, first {}", wrong.len(), wrong[0]);
    let all = right + refused + unanswered;
    assert!(all / 3 < *right, "hardly anything is read: {tally:?}");
    assert!(all / 10 < *unanswered && 0 < *refused, "no fault came to pass: {tally:?}");
}

async fn check_in_memory(wire: Wire, seed: u64) {
    let bus = Bus::new(&wire, PATIENCE, LONGEST, Faults::Often, seed);
    let endpoint = bus.endpoint(wire);
    let mut connection = Connection::new(endpoint, LONGEST, 4, Clock::begin());
    let tally = ask_many(&bus, &mut connection, QUESTIONS, seed).await;
    never_wrong(&tally, seed);
}

#[tokio::test(start_paused = true)]
async fn modbus_tcp_is_never_wrong() {
    check_in_memory(Wire::tcp(), 1).await;
}

#[tokio::test(start_paused = true)]
async fn modbus_tcp_of_a_converter_that_dials_in_is_never_wrong() {
    check_in_memory(Wire::dialled_in(Framing::Tcp), 2).await;
}

#[tokio::test(start_paused = true)]
async fn rtu_over_tcp_is_never_wrong() {
    check_in_memory(Wire::rtu_over_tcp(), 3).await;
}

#[tokio::test(start_paused = true)]
async fn rtu_over_tcp_of_a_converter_that_dials_in_is_never_wrong() {
    check_in_memory(Wire::dialled_in(Framing::Rtu), 4).await;
}

#[tokio::test(start_paused = true)]
async fn rtu_is_never_wrong() {
    check_in_memory(Wire::serial(serial()), 5).await;
}

/// The library alone, on the same bus with the same faults: the test can fail.
#[tokio::test(start_paused = true)]
async fn without_the_ear_the_same_bus_gives_wrong_registers() {
    let wire = Wire::rtu_over_tcp();
    let bus = Bus::new(&wire, PATIENCE, LONGEST, Faults::Often, 6);
    let mut context = rtu::attach(bus.stream());
    let mut random = fastrand::Rng::with_seed(6);
    let mut tally = Tally::default();
    for number in 0..QUESTIONS {
        let (unit, read) = random_read(&mut random);
        let answer = converse(&mut context, unit, read, PATIENCE).await;
        tally.count(&bus, format!("question {number}"), answer.ok());
    }
    assert!(QUESTIONS / 100 < tally.wrong.len(), "only {} wrong", tally.wrong.len());
}
