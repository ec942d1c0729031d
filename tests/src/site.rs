//! The site: a Modbus server that is not ours, with registers laid out by hand.
//!
//! Register numbers and bits are those of the manuals (wire address = printed number - 40001),
//! never taken from our own profiles.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::World;
use crate::world::{project, python};

/// The unit that is laid out as a Notifier MODBUS-GW: detectors of loop 1 from register 0.
pub const PANEL: u8 = 1;
/// The unit that is laid out as a float pressure transmitter: kPa at registers 0x16 and 0x17.
pub const PRESSURE: u8 = 2;
/// The unit that is laid out as a fire-pump controller: alarm words at registers 1000 and 1001.
pub const PUMP: u8 = 3;

/// A value with which a register answered two reads in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The Modbus unit.
    pub unit: u8,
    /// The register, numbered as on the wire.
    pub register: u16,
    /// What it held.
    pub value: u16,
    /// The time of the first such answer, in milliseconds since 1970.
    pub first: i64,
    /// The time of the second.
    pub second: i64,
}

/// The running server and what it has answered so far.
pub struct Site {
    child: Child,
    orders: Mutex<ChildStdin>,
    port: u16,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    answered: Vec<Answered>,
    writes: HashSet<u64>,
}

impl Site {
    /// Starts the server and waits until it listens.
    pub fn start(world: &World) -> Site {
        let python = python();
        let mut child = Command::new(&python)
            .arg(project().join("tests/foreign/modbus_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(world.log_of("pymodbus")).expect("a log"))
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run `make tools`", python.display()));
        let orders = Mutex::new(child.stdin.take().expect("its input"));
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let first: Value = serde_json::from_str(&first).unwrap_or_default();
        let port = first["port"].as_u64().unwrap_or_else(|| panic!("{}", world.state())) as u16;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let heard_by_reader = Arc::clone(&heard);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let line: Value = serde_json::from_str(&line).expect("the server says JSON");
                heard_by_reader.lock().expect("no reader failed").take(&line);
            }
        });
        Site { child, orders, port, heard }
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Sets holding registers of a unit, the first by its number on the wire.
    pub fn set(&self, unit: u8, register: u16, values: &[u16]) {
        self.order(&json!({ "unit": unit, "register": register, "values": values }));
    }

    /// Sets the pressure in kPa: a float, high word first.
    pub fn set_pressure(&self, kilopascal: f32) {
        let bits = kilopascal.to_bits();
        self.set(PRESSURE, 0x16, &[(bits >> 16) as u16, bits as u16]);
    }

    /// Makes a unit answer nothing, or answer again.
    pub fn silence(&self, unit: u8, silent: bool) {
        self.order(&json!({ "unit": unit, "silent": silent }));
    }

    /// Every value that was answered twice in a row, in the order of the answers.
    pub fn answered(&self) -> Vec<Answered> {
        self.heard.lock().expect("no reader failed").answered.clone()
    }

    /// The function codes that came in and are no reads.
    pub fn writes(&self) -> Vec<u64> {
        self.heard.lock().expect("no reader failed").writes.iter().copied().collect()
    }

    fn order(&self, order: &Value) {
        let mut orders = self.orders.lock().expect("no writer failed");
        writeln!(orders, "{order}").expect("the server takes orders");
    }
}

impl Heard {
    fn take(&mut self, line: &Value) {
        let number = |key: &str| line[key].as_u64();
        if let Some(function) = number("function") {
            self.writes.insert(function);
        }
        if let (Some(unit), Some(register), Some(value)) =
            (number("unit"), number("register"), number("value"))
        {
            self.answered.push(Answered {
                unit: unit as u8,
                register: register as u16,
                value: value as u16,
                first: line["at"][0].as_i64().expect("a time"),
                second: line["at"][1].as_i64().expect("a time"),
            });
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            assert!(std::thread::panicking(), "the Modbus server cannot be ended: {error}");
        }
    }
}
