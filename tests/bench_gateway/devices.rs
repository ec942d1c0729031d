//! The devices of the bench: a lean Modbus TCP server whose registers change with time alone.
//!
//! One thread for each connection, no lock and no memory on the way: what is measured beside it
//! is the reader. Every register moves once in [`EVERY`], each at a moment of its own, so that
//! 2 % of them move in a second and hardly any block stands still. Alarm registers say a fault
//! and nothing by turns; fires are set by the bench.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Every register moves once in this time: 2 % in a second.
pub(crate) const EVERY: Duration = Duration::from_secs(50);

/// What an alarm register says; the profile of the bench has the same bits.
pub(crate) const FIRE: u16 = 1;
const FAULT: u16 = 2;

/// Devices with the unit ids 1, 2, 3 …, each with a listener of its own.
pub(crate) struct Devices {
    addresses: Vec<String>,
    shared: Arc<Shared>,
}

struct Shared {
    begin: Instant,
    alarms: usize,
    /// For every unit and alarm register, what the bench has set.
    fires: Vec<AtomicU16>,
    registers: AtomicU64,
    requests: AtomicU64,
}

impl Devices {
    /// Listens; every unit has so many alarm registers, and whatever analog ones are asked for.
    pub(crate) fn start(units: usize, alarms: usize) -> Devices {
        let fires = (0..(units + 1) * alarms).map(|_| AtomicU16::new(0)).collect();
        let shared = Arc::new(Shared {
            begin: Instant::now(),
            alarms,
            fires,
            registers: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        });
        let addresses = (0..units).map(|_| listen(&shared)).collect();
        Devices { addresses, shared }
    }

    /// `host:port` of every device.
    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Sets an alarm register to fire, or back.
    pub(crate) fn set_fire(&self, unit: usize, alarm: usize, burns: bool) {
        let place = unit * self.shared.alarms + alarm;
        self.shared.fires[place].store(if burns { FIRE } else { 0 }, Ordering::Relaxed);
    }

    /// How many registers have been answered, and in how many answers.
    pub(crate) fn answered(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.shared.registers), count(&self.shared.requests))
    }
}

fn listen(shared: &Arc<Shared>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address").to_string();
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.serve(stream));
        }
    });
    address
}

impl Shared {
    /// Answers read requests until the other side leaves.
    fn serve(&self, mut stream: TcpStream) {
        stream.set_nodelay(true).expect("a TCP stream");
        let mut question = [0_u8; 12];
        let mut answer = Vec::with_capacity(9 + 250);
        while stream.read_exact(&mut question).is_ok() {
            let word = |at: usize| u16::from_be_bytes([question[at], question[at + 1]]);
            let (unit, function) = (usize::from(question[6]), question[7]);
            let (first, count) = (word(8), word(10));
            assert!(matches!(function, 3 | 4) && count <= 125, "no read: {question:?}");
            answer.clear();
            answer.extend_from_slice(&question[..4]);
            answer.extend_from_slice(&(3 + 2 * count).to_be_bytes());
            answer.extend_from_slice(&[question[6], function, (2 * count) as u8]);
            let now = self.begin.elapsed().as_millis() as u64;
            for register in (first..).take(usize::from(count)) {
                let value = match function {
                    3 => self.alarm(unit, register, now),
                    _ => analog(unit, register, now),
                };
                answer.extend_from_slice(&value.to_be_bytes());
            }
            self.registers.fetch_add(u64::from(count), Ordering::Relaxed);
            self.requests.fetch_add(1, Ordering::Relaxed);
            if stream.write_all(&answer).is_err() {
                return;
            }
        }
    }

    fn alarm(&self, unit: usize, register: u16, now: u64) -> u16 {
        let place = unit * self.alarms + usize::from(register);
        let fire = self.fires.get(place).map_or(0, |fire| fire.load(Ordering::Relaxed));
        fire | if moves(unit, register, now).is_multiple_of(2) { 0 } else { FAULT }
    }
}

fn analog(unit: usize, register: u16, now: u64) -> u16 {
    (moves(unit, register, now) * 37 % 50_000) as u16 + register % 1_000
}

/// How often a register has moved. Neighbours move at moments that lie far apart.
fn moves(unit: usize, register: u16, now: u64) -> u64 {
    let every = EVERY.as_millis() as u64;
    let offset = (unit as u64 * 7_919 + u64::from(register) * 16_411) % every;
    (now + offset) / every
}
