//! A Modbus TCP server that behaves like the devices of a line: for training, tests, the demo.
//!
//! It is made from the same settings and profiles as the gateway that reads it. Points are set
//! by name, registers by number; a device can be made silent or late, or to answer in half frames,
//! the line can refuse connections. Orders say the same in words, for scripts and keys. It keeps count of every function code that is no read. It is not made to be
//! reached from outside: whoever starts it says where it listens.

pub mod keys;
pub mod order;
mod registers;
pub mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firegrid_wire::state::StateSet;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

pub use registers::CannotSay;

use crate::inventory::Inventory;
use crate::profile::{LONGEST_BIT_READ, LONGEST_READ, Table};
use crate::settings::Line;
use gate::Gated;
use registers::Registers;

mod gate;

/// The most connections at a time; a real panel takes fewer.
const MOST_CONNECTIONS: usize = 16;

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    /// Shared with the server's tasks; held only for the time of a look or a change, never
    /// while something is awaited.
    site: Arc<Mutex<Site>>,
    units: Vec<(String, u8)>,
    task: JoinHandle<()>,
}

/// How a simulated device treats questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It answers at once.
    Answers,
    /// It answers nothing.
    Silent,
    /// It answers after so long.
    Late(Duration),
    /// It answers everything with this exception code.
    Excepts(u8),
    /// The first half of every answer comes, the second never.
    HalfFrames,
}

#[derive(Debug, Default)]
struct Site {
    registers: Registers,
    behaviours: BTreeMap<u8, Behaviour>,
    refuses: bool,
    requests: u64,
    not_reads: BTreeSet<u8>,
}

impl Simulator {
    /// Listens at an address (port 0: any free one) and shows a line with nothing to report.
    pub async fn start(
        address: SocketAddr,
        line: &Line,
        inventory: &Inventory,
    ) -> std::io::Result<Simulator> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let registers = Registers::quiet(line, inventory);
        let site = Arc::new(Mutex::new(Site { registers, ..Site::default() }));
        let task = tokio::spawn(serve(Server::new(listener), Arc::clone(&site)));
        Ok(Simulator { address, site, units: units_of(line), task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets a discrete point, `{device}/{point}`, report exactly these states.
    pub fn report(&self, point: &str, states: StateSet) -> Result<(), CannotSay> {
        locked(&self.site).registers.report(point, states)
    }

    /// Lets an analog point, `{device}/{point}`, show a number in the unit of the wire.
    pub fn show(&self, point: &str, number: f64) -> Result<(), CannotSay> {
        locked(&self.site).registers.show(point, number)
    }

    /// Sets a register, numbered as on the wire; it exists from then on.
    pub fn set_register(&self, unit_id: u8, table: Table, register: u16, value: u16) {
        locked(&self.site).registers.set(unit_id, table, register, value);
    }

    /// Changes how a device treats questions from now on.
    pub fn behave(&self, unit_id: u8, behaviour: Behaviour) {
        locked(&self.site).behaviours.insert(unit_id, behaviour);
    }

    /// The unit id of a device by its name.
    pub fn unit_of(&self, device: &str) -> Result<u8, CannotSay> {
        let unit = self.units.iter().find(|(name, _)| name == device);
        unit.map(|(_, unit_id)| *unit_id).ok_or_else(|| CannotSay::NoSuchDevice(device.to_owned()))
    }

    /// Cuts all connections at their next question and takes no new ones, or takes them again.
    pub fn refuse(&self, refuses: bool) {
        locked(&self.site).refuses = refuses;
    }

    /// How many questions have come in.
    pub fn requests(&self) -> u64 {
        locked(&self.site).requests
    }

    /// The function codes that have come in and are no reads. Must stay empty.
    pub fn not_reads(&self) -> Vec<u8> {
        locked(&self.site).not_reads.iter().copied().collect()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Site {
    fn answer(&mut self, unit_id: u8, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        self.requests += 1;
        let (table, first, count) = match *request {
            Request::ReadCoils(first, count) => (Table::Coils, first, count),
            Request::ReadDiscreteInputs(first, count) => (Table::DiscreteInputs, first, count),
            Request::ReadHoldingRegisters(first, count) => (Table::HoldingRegisters, first, count),
            Request::ReadInputRegisters(first, count) => (Table::InputRegisters, first, count),
            Request::WriteSingleCoil(..)
            | Request::WriteMultipleCoils(..)
            | Request::WriteSingleRegister(..)
            | Request::WriteMultipleRegisters(..)
            | Request::ReportServerId
            | Request::MaskWriteRegister(..)
            | Request::ReadWriteMultipleRegisters(..)
            | Request::ReadDeviceIdentification(..)
            | Request::Custom(..) => {
                self.not_reads.insert(request.function_code().value());
                return Err(ExceptionCode::IllegalFunction);
            }
        };
        let longest = if table.is_bits() { LONGEST_BIT_READ } else { LONGEST_READ };
        if !(1..=longest).contains(&count) {
            return Err(ExceptionCode::IllegalDataValue);
        }
        let registers = self
            .registers
            .range(unit_id, table, first, count)
            .ok_or(ExceptionCode::IllegalDataAddress)?;
        let bits = |registers: Vec<u16>| registers.into_iter().map(|bit| bit != 0).collect();
        Ok(match table {
            Table::Coils => Response::ReadCoils(bits(registers)),
            Table::DiscreteInputs => Response::ReadDiscreteInputs(bits(registers)),
            Table::HoldingRegisters => Response::ReadHoldingRegisters(registers),
            Table::InputRegisters => Response::ReadInputRegisters(registers),
        })
    }
}

/// One connection's questions.
struct Questions {
    site: Arc<Mutex<Site>>,
    #[expect(dead_code, reason = "the connection counts until it is dropped")]
    connection: OwnedSemaphorePermit,
}

impl Service for Questions {
    type Request = SlaveRequest<'static>;
    type Response = Option<Response>;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Option<Response>, ExceptionCode>> + Send>>;

    fn call(&self, question: SlaveRequest<'static>) -> Self::Future {
        let site = Arc::clone(&self.site);
        Box::pin(async move {
            let SlaveRequest { slave, request } = question;
            let behaviour = locked(&site).behaviours.get(&slave).copied();
            let answer = locked(&site).answer(slave, &request);
            match behaviour.unwrap_or(Behaviour::Answers) {
                Behaviour::Answers | Behaviour::HalfFrames => {}
                Behaviour::Silent => return Ok(None),
                Behaviour::Late(by) => tokio::time::sleep(by).await,
                Behaviour::Excepts(code) => return Err(ExceptionCode::new(code)),
            }
            answer.map(Some)
        })
    }
}

async fn serve(server: Server, site: Arc<Mutex<Site>>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let on_connected = |stream: TcpStream, _: SocketAddr| {
        let permit = Arc::clone(&room).try_acquire_owned().ok();
        let refuses = locked(&site).refuses;
        let site = Arc::clone(&site);
        async move {
            let Some(connection) = permit.filter(|_| !refuses) else { return Ok(None) };
            let transport = Gated::new(stream, Arc::clone(&site));
            Ok(Some((Questions { site, connection }, transport)))
        }
    };
    let on_error = |cause: std::io::Error| tracing::debug!(%cause, "Simulated line cut.");
    if let Err(cause) = server.serve(&on_connected, on_error).await {
        tracing::error!(%cause, "Simulated line has stopped.");
    }
}

/// The devices of a line with their unit ids.
fn units_of(line: &Line) -> Vec<(String, u8)> {
    line.devices.iter().map(|device| (device.name.to_string(), device.unit_id)).collect()
}

/// A panic while the lock was held has failed a test already: what stands there is still whole.
fn locked(site: &Mutex<Site>) -> MutexGuard<'_, Site> {
    site.lock().unwrap_or_else(PoisonError::into_inner)
}
