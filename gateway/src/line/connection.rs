//! The only place that speaks Modbus to a device, and it can only ask.
//!
//! What can be asked is a [`Read`]: function codes 1 to 4. Nothing here can express a write.
//! Every question has a deadline. What is late, wrong or doubtful is no answer, and whatever it
//! may bring later is kept from the next question: how, is told in [`wire`](super::wire). An
//! exception is an answer.

use std::time::Duration;

use firegrid_wire::time::Millis;
use tokio::time::{sleep, timeout};
use tokio_modbus::client::{Client as _, Context, rtu, tcp};
use tokio_modbus::slave::SlaveContext as _;
use tokio_modbus::{ExceptionCode, Request, Response, Slave};

use super::endpoint::{Endpoint, Stream};
use super::plan::Read;
use super::wire::ear::{Ear, Unasked};
use super::wire::{Kept, Question, Soonest, Wire};
use crate::clock::{Clock, Uptime};
use crate::profile::Table;
use crate::settings::Framing;

/// Nobody answers on an endpoint when every device has been asked so often in vain since the
/// last answer: then the schedule has lost them all.
const IN_VAIN_EACH: usize = 2;

/// A wire on which something stirs for so long is not asked.
const BABBLE: Duration = Duration::from_secs(2);

/// After so many questions in a row on which nothing was heard, a stream may be dead.
const SILENT_UNTIL_DEAD: u8 = 2;

/// A connection to a line, opened when it is needed.
pub(super) struct Connection {
    endpoint: Endpoint,
    wire: Wire,
    clock: Clock,
    /// No answer comes later than this after its question has left the wire, nor is a connection
    /// waited for any longer.
    longest: Duration,
    devices: usize,
    ear: Ear,
    /// Absent while a question is under way: whoever gives up waiting gives up the connection.
    open: Option<Context>,
    /// Before this moment an answer may come to a question of the process before.
    unheard_until: Option<Duration>,
    /// Answers have come sooner than the wire carries bytes, and were right.
    outruns_its_wire: bool,
    soonest: Soonest,
    silent: u8,
    in_vain: usize,
    /// How long the last answer took, beyond what the wire needed for its bytes.
    took: Duration,
    /// What opening a stream costs, by the slowest of late.
    opening: Duration,
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

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no connection in time")]
    ConnectedTooLate,
    #[error("no converter has dialled in")]
    NobodyDialledIn,
    #[error("no connection: {0}")]
    Unconnected(#[source] std::io::Error),
    #[error("no answer in time")]
    TooLate,
    #[error("the wire does not fall silent")]
    NeverSilent,
    #[error("an answer that cannot be trusted: {0}")]
    Doubtful(String),
}

impl Connection {
    /// Nothing is opened yet. No question is asked with more patience than the longest.
    pub(super) fn new(
        endpoint: Endpoint,
        longest: Duration,
        devices: usize,
        clock: Clock,
    ) -> Connection {
        let wire = endpoint.wire().clone();
        Connection {
            ear: Ear::new(&wire, clock),
            endpoint,
            wire,
            clock,
            longest,
            devices,
            open: None,
            unheard_until: None,
            outruns_its_wire: false,
            soonest: Soonest::default(),
            silent: 0,
            in_vain: 0,
            took: Duration::ZERO,
            opening: Duration::ZERO,
        }
    }

    /// Whether a question can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Until when a device has to be left alone, because an answer to an earlier question may
    /// still come. A question that comes too early waits for that itself; others can be asked
    /// meanwhile.
    pub(super) fn quiet_until(&self, unit_id: u8, now: Uptime) -> Option<Uptime> {
        // Rounded up: at that moment it is over.
        let until = Uptime::after(Millis::from(self.rests(unit_id)).plus(Millis::new(1)));
        (now < until && self.clock.elapsed() < self.rests(unit_id)).then_some(until)
    }

    /// How long the last answer took, exceptions included; on a serial wire beyond what its
    /// bytes needed. It is what patience has to cover.
    pub(super) fn took(&self) -> Duration {
        self.took
    }

    /// How long the line is held up by a question that is answered at the last moment, or not at
    /// all: until the next one can be sent.
    pub(super) fn holds_up(&self, unit_id: u8, read: Read, patience: Duration) -> Duration {
        let (times, beside) = self.beside_patience(unit_id, read);
        patience * times + beside
    }

    /// The patience with which a question holds up the line for so long.
    pub(super) fn patience_within(&self, unit_id: u8, read: Read, lasting: Duration) -> Duration {
        let (times, beside) = self.beside_patience(unit_id, read);
        lasting.saturating_sub(beside) / times
    }

    /// How often a question's patience can pass, and what else it costs.
    fn beside_patience(&self, unit_id: u8, read: Read) -> (u32, Duration) {
        // The first answer after a doubt is held for as long as it was waited for.
        let times = match self.wire.framing {
            Framing::Rtu if self.ear.doubts(unit_id) => 2,
            Framing::Rtu | Framing::Tcp => 1,
        };
        let carried = self.wire.carries(Question::new(unit_id, read)) + self.wire.silence;
        let opened_before = if self.is_open() { 0 } else { 1 };
        (times, carried * times + self.wire.silence + self.opening * (1 + opened_before))
    }

    /// Opens the connection if it is not open.
    pub(super) async fn open(&mut self) -> Result<(), NoAnswer> {
        if !self.is_open() {
            self.ear.close();
            let begun = self.clock.elapsed();
            let stream = self.endpoint.open(self.longest, self.clock.uptime()).await?;
            self.opening = (self.opening * 7 / 8).max(self.clock.elapsed().saturating_sub(begun));
            self.attach(stream);
        }
        Ok(())
    }

    /// Asks one question, and waits as long as that for its answer. Bytes on a serial wire and
    /// rests come on top.
    pub(super) async fn ask(
        &mut self,
        unit_id: u8,
        read: Read,
        patience: Duration,
    ) -> Result<Answer, NoAnswer> {
        if let Some(stream) = self.endpoint.better(self.clock.uptime()) {
            self.attach(stream);
        }
        let Some(mut context) = self.open.take() else {
            return Err(NoAnswer::Doubtful("the connection is closed".into()));
        };
        let rest = self.rests(unit_id).saturating_sub(self.clock.elapsed());
        if !rest.is_zero() {
            sleep(rest).await;
        }
        match self.fall_silent().await {
            Ok(Unasked::Nothing | Unasked::Harmless) => {}
            Ok(Unasked::Doubtful) if self.wire.framing == Framing::Rtu => {
                self.ear.doubt_the_last(self.clock.elapsed() + self.lateness());
                // If it was this unit that was asked last, it rests; the others need not.
                let rest = self.rests(unit_id).saturating_sub(self.clock.elapsed());
                if !rest.is_zero() {
                    sleep(rest).await;
                    self.fall_silent().await?;
                }
            }
            // The stream has ended, or brought what no question of it asked for: another one.
            Ok(Unasked::Doubtful) | Err(NoAnswer::Unconnected(_)) => {
                self.open().await?;
                match self.open.take() {
                    Some(anew) => context = anew,
                    None => return Err(NoAnswer::Doubtful("the connection is closed".into())),
                }
            }
            Err(cause) => return Err(cause),
        }
        let question = Question::new(unit_id, read);
        let must_hold = self.wire.framing == Framing::Rtu && self.ear.doubts(unit_id);
        let asked = self.clock.elapsed();
        self.ear.ask(question, asked + self.lateness());
        let carried = self.wire.carries(question);
        let patience = patience.min(self.longest) + carried;
        let answer = converse(&mut context, unit_id, read, patience).await;
        self.took = self.clock.elapsed().saturating_sub(asked + carried);
        let answer = match answer {
            Ok(answer) => self.weigh(answer, question, asked, must_hold, patience).await,
            Err(cause) => Err(cause),
        };
        match answer {
            Ok(answer) => {
                self.ear.believe();
                self.ear.listen();
                (self.silent, self.in_vain, self.open) = (0, 0, Some(context));
                Ok(answer)
            }
            Err(cause) => {
                let cause = cause.after(&self.ear.heard());
                if self.goes_on(&cause) {
                    self.ear.listen();
                    self.open = Some(context);
                } else {
                    self.ear.close();
                }
                Err(cause)
            }
        }
    }

    /// Lets an answer count if it need not be held, or nothing follows it.
    async fn weigh(
        &mut self,
        answer: Answer,
        question: Question,
        asked: Duration,
        must_hold: bool,
        patience: Duration,
    ) -> Result<Answer, NoAnswer> {
        let took = self.clock.elapsed().saturating_sub(asked);
        let is_refusal = !matches!(answer, Answer::Registers(_));
        if is_refusal || self.wire.framing == Framing::Tcp {
            return if must_hold {
                self.hold(answer, question, patience).await
            } else {
                Ok(answer)
            };
        }
        let carried = self.wire.carries(question).mul_f64(SOONEST);
        let outran = !self.outruns_its_wire && took < carried;
        let answer = match must_hold || outran || self.soonest.is_beaten(question.unit, took) {
            true => self.hold(answer, question, patience).await?,
            false => answer,
        };
        self.outruns_its_wire |= outran;
        self.soonest.answered(question.unit, took);
        Ok(answer)
    }

    /// Lets an answer count if nothing follows it.
    async fn hold(
        &mut self,
        answer: Answer,
        question: Question,
        patience: Duration,
    ) -> Result<Answer, NoAnswer> {
        self.ear.listen();
        sleep(patience).await;
        self.quiet_down().await?;
        if self.ear.more_than_answered(question.unit) {
            return Err(NoAnswer::Doubtful("more came after it".into()));
        }
        Ok(answer)
    }

    /// Whether the stream is still good after a question in vain.
    fn goes_on(&mut self, cause: &NoAnswer) -> bool {
        self.in_vain = self.in_vain.saturating_add(1);
        let now = self.clock.uptime();
        if self.devices.saturating_mul(IN_VAIN_EACH) <= self.in_vain && self.endpoint.is_mute(now) {
            self.in_vain = 0;
            return false;
        }
        let doubtful = match cause {
            NoAnswer::TooLate => false,
            NoAnswer::Doubtful(_) => true,
            NoAnswer::ConnectedTooLate
            | NoAnswer::NobodyDialledIn
            | NoAnswer::Unconnected(_)
            | NoAnswer::NeverSilent => return false,
        };
        let silent = !doubtful && !self.ear.heard_something();
        self.silent = if silent { self.silent.saturating_add(1) } else { 0 };
        let may_live = self.silent < SILENT_UNTIL_DEAD;
        !self.ear.has_failed()
            && match self.wire.kept {
                Kept::NotInDoubt => false,
                Kept::UnlessDoubtful => !doubtful && may_live,
                Kept::WhileHeard => may_live,
                Kept::Always => !doubtful || self.wire.framing == Framing::Rtu,
            }
    }

    /// Waits until nothing stirs on the wire; what came unasked, and is forgotten.
    async fn fall_silent(&mut self) -> Result<Unasked, NoAnswer> {
        self.quiet_down().await?;
        Ok(self.ear.unasked())
    }

    /// Takes in what comes unasked, until nothing stirs.
    async fn quiet_down(&mut self) -> Result<(), NoAnswer> {
        let begin = self.clock.elapsed();
        loop {
            let fresh = self.ear.drain().await.map_err(NoAnswer::Unconnected)?;
            let missing = self.wire.silence.saturating_sub(self.ear.silent_for());
            if missing.is_zero() || (fresh == 0 && self.wire.silence.is_zero()) {
                return Ok(());
            }
            if BABBLE < self.clock.elapsed().saturating_sub(begin) {
                return Err(NoAnswer::NeverSilent);
            }
            sleep(missing).await;
        }
    }

    /// How long after a question its answer may come.
    fn lateness(&self) -> Duration {
        self.longest + self.wire.longest_frame
    }

    fn rests(&self, unit_id: u8) -> Duration {
        match self.wire.framing {
            Framing::Tcp => Duration::ZERO,
            Framing::Rtu => self.ear.rests(unit_id).max(self.unheard_until.unwrap_or_default()),
        }
    }

    fn attach(&mut self, stream: Box<dyn Stream>) {
        let tap = self.ear.attach(stream);
        self.open = Some(match self.wire.framing {
            Framing::Tcp => tcp::attach(tap),
            Framing::Rtu => rtu::attach(tap),
        });
        let lateness = self.lateness();
        self.unheard_until.get_or_insert(self.clock.elapsed() + lateness);
        self.silent = 0;
    }
}

impl NoAnswer {
    /// With what was heard instead of an answer.
    fn after(self, heard: &str) -> NoAnswer {
        match self {
            NoAnswer::Doubtful(why) => NoAnswer::Doubtful(format!("{why}{heard}")),
            NoAnswer::ConnectedTooLate
            | NoAnswer::NobodyDialledIn
            | NoAnswer::Unconnected(_)
            | NoAnswer::TooLate
            | NoAnswer::NeverSilent => self,
        }
    }
}

/// An answer that comes in a smaller part of the time that its bytes need has not travelled on
/// the wire as it is set.
const SOONEST: f64 = 0.8;

async fn converse(
    context: &mut Context,
    unit_id: u8,
    read: Read,
    patience: Duration,
) -> Result<Answer, NoAnswer> {
    context.set_slave(Slave(unit_id));
    let question = match read.table {
        Table::Coils => Request::ReadCoils(read.first, read.count),
        Table::DiscreteInputs => Request::ReadDiscreteInputs(read.first, read.count),
        Table::HoldingRegisters => Request::ReadHoldingRegisters(read.first, read.count),
        Table::InputRegisters => Request::ReadInputRegisters(read.first, read.count),
    };
    let answer = timeout(patience, context.call(question))
        .await
        .map_err(|_| NoAnswer::TooLate)?
        .map_err(|error| NoAnswer::Doubtful(error.to_string()))?;
    match answer {
        Ok(response) => Ok(Answer::Registers(registers(response, read)?)),
        Err(exception) => Ok(meaning(exception)),
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

#[cfg(test)]
mod tests;
