//! A bus of four units which answers late, twice, in parts, wrongly or not at all, and knows the
//! truth: what a register holds depends on the unit, the place, and the number of the question.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use crc::{CRC_16_MODBUS, Crc};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, WriteHalf,
};
use tokio::time::sleep;

use crate::line::endpoint::{Endpoint, Stream};
use crate::line::wire::Wire;
use crate::settings::{Framing, Serial};

/// How often something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Faults {
    Never,
    /// With two questions of five.
    Often,
    /// As often, but a copy follows its answer at once. Over a real wire a later one may cross
    /// the next question, and nobody could tell which came first.
    OftenAndAtOnce,
}

/// What the true answer to the last question is; nothing but a refusal if it was refused.
pub(super) type Truth = Result<Vec<u16>, ()>;

#[derive(Clone)]
pub(super) struct Bus {
    framing: Framing,
    serial: Option<Serial>,
    pub(super) patience: Duration,
    longest: Duration,
    faults: Faults,
    state: Arc<Mutex<State>>,
}

struct State {
    random: fastrand::Rng,
    questions: u64,
    truth: Truth,
    /// Which question was the last of its unit and function.
    last_of_shape: BTreeMap<Shape, u64>,
    /// Whoever is connected now hears the bus.
    out: Option<Out>,
}

/// Unit and function: a refusal fits every question of both.
type Shape = (u8, u8);

const CHECKSUM: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Bytes on their way in one direction.
const ON_THEIR_WAY: usize = 4_096;

impl Bus {
    pub(super) fn new(
        wire: &Wire,
        patience: Duration,
        longest: Duration,
        faults: Faults,
        seed: u64,
    ) -> Bus {
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            questions: 0,
            truth: Err(()),
            last_of_shape: BTreeMap::new(),
            out: None,
        };
        let (framing, serial) = (wire.framing, wire.serial.clone());
        let state = Arc::new(Mutex::new(state));
        Bus { framing, serial, patience, longest, faults, state }
    }

    /// What the last question should have been answered.
    pub(super) fn truth(&self) -> Truth {
        self.state().truth.clone()
    }

    /// Leads to this bus, over streams in memory.
    pub(super) fn endpoint(&self, wire: Wire) -> Endpoint {
        let bus = self.clone();
        Endpoint::in_memory(wire, Box::new(move || Ok(bus.stream())))
    }

    /// Connects to the bus; whoever was connected hears it no more.
    pub(super) fn stream(&self) -> Box<dyn Stream> {
        let (ours, theirs) = tokio::io::duplex(ON_THEIR_WAY);
        tokio::spawn(self.clone().serve(Box::new(theirs)));
        Box::new(Asking { stream: ours, bus: self.clone() })
    }

    /// Answers on a stream until it ends.
    pub(super) async fn serve(self, stream: Box<dyn Stream>) {
        let (mut from, to) = tokio::io::split(stream);
        let out = Arc::new(tokio::sync::Mutex::new(Way { stream: to, within: None }));
        self.state().out = Some(Arc::clone(&out));
        let length = match self.framing {
            Framing::Tcp => 12,
            Framing::Rtu => 8,
        };
        let mut question = [0; 12];
        while from.read_exact(&mut question[..length]).await.is_ok() {
            self.asked(&question[..length], &out);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody has failed")
    }

    fn asked(&self, question: &[u8], out: &Out) {
        let (header, pdu) = match self.framing {
            Framing::Tcp => question.split_at(6),
            Framing::Rtu => question[..6].split_at(0),
        };
        let (unit, function) = (pdu[0], pdu[1]);
        let first = u16::from_be_bytes([pdu[2], pdu[3]]);
        let count = u16::from_be_bytes([pdu[4], pdu[5]]);
        let mut state = self.state();
        state.questions += 1;
        let number = state.questions;
        let refused = self.faults != Faults::Never && state.random.u8(..50) == 0;
        let hold = |register: u16| {
            let mut hasher = DefaultHasher::new();
            (unit, register, number).hash(&mut hasher);
            (hasher.finish() & 0xFFFF) as u16
        };
        let held: Vec<u16> = (first..first + count).map(hold).collect();
        let mut content = vec![unit, function];
        let truth = if refused {
            content = vec![unit, function | 0x80, 6];
            Err(())
        } else if function <= 2 {
            let bits: Vec<u16> = held.iter().map(|word| word & 1).collect();
            content.push(u8::try_from(bits.len().div_ceil(8)).expect("a few"));
            content.extend(bits.chunks(8).map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (place, bit)| byte | (*bit as u8) << place)
            }));
            Ok(bits)
        } else {
            content.push(u8::try_from(held.len() * 2).expect("a few"));
            content.extend(held.iter().flat_map(|word| word.to_be_bytes()));
            Ok(held)
        };
        state.truth = truth;
        let frame = match self.framing {
            Framing::Rtu => [&*content, &CHECKSUM.checksum(&content).to_le_bytes()].concat(),
            Framing::Tcp => {
                let length = u16::try_from(content.len()).expect("short").to_be_bytes();
                [&header[..4], &length, &content].concat()
            }
        };
        let shape = (unit, function);
        state.last_of_shape.insert(shape, number);
        let plan = self.plan(&mut state.random, &frame);
        drop(state);
        for (after, bytes, kind) in plan {
            let (bus, out) = (self.clone(), Arc::clone(out));
            tokio::spawn(async move {
                sleep(after).await;
                bus.deliver(bytes, kind, (shape, number), &out).await;
            });
        }
    }

    /// When which bytes of an answer are heard.
    fn plan(&self, random: &mut fastrand::Rng, frame: &[u8]) -> Vec<(Duration, Vec<u8>, Kind)> {
        // A device behind a serial wire answers no sooner than the wire carries.
        let bytes = u32::try_from(8 + frame.len()).expect("short");
        let carried = self.serial.as_ref().map_or(Duration::ZERO, |wire| wire.carries(bytes));
        let mut within = |from: Duration, to: Duration| from + (to - from).mul_f64(random.f64());
        let soon = carried + within(Duration::ZERO, self.patience.mul_f64(0.8));
        let late = carried + within(self.patience, self.longest);
        let some_time = within(Duration::ZERO, self.longest);
        let copied_after = match self.faults {
            Faults::Never | Faults::OftenAndAtOnce => Duration::ZERO,
            Faults::Often => some_time,
        };
        let cut = random.usize(1..frame.len());
        let whole = || frame.to_vec();
        if self.faults == Faults::Never {
            return vec![(soon, whole(), Kind::Answer)];
        }
        match random.u8(..100) {
            ..60 => vec![(soon, whole(), Kind::Answer)],
            60..70 => vec![(late, whole(), Kind::Answer)],
            70..76 => vec![],
            76..80 => vec![(soon, [frame, frame].concat(), Kind::Answer)],
            80..86 => {
                vec![(soon, whole(), Kind::Answer), (soon + copied_after, whole(), Kind::Copy)]
            }
            86..90 => vec![(soon, frame[..cut].to_vec(), Kind::Begin)],
            90..94 => vec![
                (soon, frame[..cut].to_vec(), Kind::Begin),
                (late.max(soon), frame[cut..].to_vec(), Kind::Answer),
            ],
            94..97 => {
                let mut wrong = whole();
                wrong[cut] ^= 1 << random.u8(..8);
                vec![(soon, wrong, Kind::Noise)]
            }
            _ => {
                let noise = vec![random.u8(..); random.usize(1..9)];
                vec![(some_time, noise, Kind::Noise), (soon, whole(), Kind::Answer)]
            }
        }
    }

    /// Lets bytes go, unless they cannot be meant to arrive. Between that decision and their
    /// arrival no question can be sent, as long as the stream is one in memory.
    async fn deliver(&self, bytes: Vec<u8>, kind: Kind, of: (Shape, u64), out: &Out) {
        let current = self.state().out.clone();
        let out = match (self.framing, current) {
            (Framing::Rtu, Some(current)) => current,
            (Framing::Rtu, None) | (Framing::Tcp, _) => Arc::clone(out),
        };
        let mut out = out.lock().await;
        let (shape, number) = of;
        let asked_again = self.state().last_of_shape.get(&shape) != Some(&number);
        match (self.framing, kind) {
            // TCP itself guards its bytes: nothing is damaged, nothing is added or left out.
            (Framing::Tcp, Kind::Noise) => return,
            (Framing::Tcp, _) if out.within.is_some_and(|within| within != number) => return,
            // Physics: nobody could tell a copy from the answer to the same question once more.
            (Framing::Rtu, Kind::Copy) if asked_again => return,
            (Framing::Tcp | Framing::Rtu, _) => {}
        }
        out.within = matches!(kind, Kind::Begin).then_some(number);
        // Whoever has dropped its stream hears nothing.
        let _nobody_hears = out.stream.write_all(&bytes).await;
        let _nobody_hears = out.stream.flush().await;
    }
}

/// The way from the bus to whoever has asked.
struct Way {
    stream: WriteHalf<Box<dyn Stream>>,
    /// The question whose answer has begun and not ended.
    within: Option<u64>,
}

type Out = Arc<tokio::sync::Mutex<Way>>;

/// The asking end of a stream in memory. A question counts as asked the moment it is sent.
#[derive(Debug)]
struct Asking {
    stream: DuplexStream,
    bus: Bus,
}

impl AsyncRead for Asking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Asking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let (Poll::Ready(Ok(_)), Framing::Rtu) = (&sent, self.bus.framing) {
            let mut state = self.bus.state();
            let number = state.questions + 1;
            state.last_of_shape.insert((bytes[0], bytes[1]), number);
        }
        sent
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Answer,
    /// The first part of one.
    Begin,
    Copy,
    Noise,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus").field("framing", &self.framing).finish_non_exhaustive()
    }
}
