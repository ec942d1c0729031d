//! The only place that speaks Modbus to a device, and it can only ask.
//!
//! What can be asked is a [`Read`]: function codes 1 to 4. Nothing here can express a write.
//! Every question has a deadline. An answer that is late, wrong or doubtful ends the
//! connection, because what comes next on it might be the answer to an earlier question
//! (a late answer has been taken for the next one before). An exception is an answer.

use std::time::Duration;

use tokio::time::timeout;
use tokio_modbus::client::{Client as _, Context, tcp};
use tokio_modbus::slave::SlaveContext as _;
use tokio_modbus::{ExceptionCode, Request, Response, Slave};

use super::endpoint::Endpoint;
use super::plan::Read;
use crate::clock::Uptime;
use crate::profile::Table;

/// A connection to a line, opened when it is needed.
pub(super) struct Connection {
    endpoint: Endpoint,
    /// No question has to wait longer for its answer, nor a connection for being opened.
    longest: Duration,
    /// Absent while a question is under way: whoever gives up waiting gives up the connection.
    open: Option<Context>,
}

/// What a device has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// As many registers as were asked for; single bits are 0 or 1.
    Registers(Vec<u16>),
    /// It does not have what was asked for, and will not have it the next time.
    Refused(ExceptionCode),
    /// It, or what stands between, cannot answer now.
    NotNow(ExceptionCode),
}

/// Why there is no answer. The connection is closed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no connection in time")]
    ConnectedTooLate,
    #[error("no connection: {0}")]
    Unconnected(#[source] std::io::Error),
    #[error("no answer in time")]
    TooLate,
    #[error("an answer that cannot be trusted: {0}")]
    Doubtful(String),
}

impl Connection {
    /// Nothing is opened yet. No question is asked with more patience than the longest.
    pub(super) fn new(endpoint: Endpoint, longest: Duration) -> Connection {
        Connection { endpoint, longest, open: None }
    }

    /// Whether a question can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Until when a device has to be left alone, because an answer to an earlier question may
    /// still come. A question that comes too early waits for that itself.
    pub(super) fn quiet_until(&self, _unit_id: u8, _now: Uptime) -> Option<Uptime> {
        None
    }

    /// Opens the connection if it is not open.
    pub(super) async fn open(&mut self) -> Result<(), NoAnswer> {
        if !self.is_open() {
            let stream = self.endpoint.open(self.longest).await?;
            self.open = Some(tcp::attach(stream));
        }
        Ok(())
    }

    /// Asks one question, and waits as long as that for its answer. Unless it is answered in full
    /// and in time, the connection is closed.
    pub(super) async fn ask(
        &mut self,
        unit_id: u8,
        read: Read,
        patience: Duration,
    ) -> Result<Answer, NoAnswer> {
        let Some(mut context) = self.open.take() else {
            return Err(NoAnswer::Doubtful("the connection is closed".into()));
        };
        context.set_slave(Slave(unit_id));
        let question = match read.table {
            Table::Coils => Request::ReadCoils(read.first, read.count),
            Table::DiscreteInputs => Request::ReadDiscreteInputs(read.first, read.count),
            Table::HoldingRegisters => Request::ReadHoldingRegisters(read.first, read.count),
            Table::InputRegisters => Request::ReadInputRegisters(read.first, read.count),
        };
        let answer = timeout(patience.min(self.longest), context.call(question))
            .await
            .map_err(|_| NoAnswer::TooLate)?
            .map_err(|error| NoAnswer::Doubtful(error.to_string()))?;
        let answer = match answer {
            Ok(response) => Answer::Registers(registers(response, read)?),
            Err(exception) => meaning(exception),
        };
        self.open = Some(context);
        Ok(answer)
    }
}

/// The registers of an answer, if they are what was asked for.
fn registers(response: Response, read: Read) -> Result<Vec<u16>, NoAnswer> {
    let count = usize::from(read.count);
    let registers = match (read.table, response) {
        (Table::HoldingRegisters, Response::ReadHoldingRegisters(registers))
        | (Table::InputRegisters, Response::ReadInputRegisters(registers)) => registers,
        // Bits come in whole bytes; those beyond the last one asked for are padding.
        (Table::Coils, Response::ReadCoils(bits))
        | (Table::DiscreteInputs, Response::ReadDiscreteInputs(bits))
            if bits.len() == count.next_multiple_of(8) =>
        {
            bits.into_iter().take(count).map(u16::from).collect()
        }
        (_, other) => return Err(NoAnswer::Doubtful(format!("it does not fit: {other:?}"))),
    };
    if registers.len() == count {
        Ok(registers)
    } else {
        let told = format!("{} registers instead of {count}", registers.len());
        Err(NoAnswer::Doubtful(told))
    }
}

fn meaning(exception: ExceptionCode) -> Answer {
    match exception {
        ExceptionCode::IllegalFunction
        | ExceptionCode::IllegalDataAddress
        | ExceptionCode::IllegalDataValue => Answer::Refused(exception),
        ExceptionCode::ServerDeviceFailure
        | ExceptionCode::Acknowledge
        | ExceptionCode::ServerDeviceBusy
        | ExceptionCode::MemoryParityError
        | ExceptionCode::GatewayPathUnavailable
        | ExceptionCode::GatewayTargetDevice
        | ExceptionCode::Custom(_) => Answer::NotNow(exception),
    }
}
