//! The ear of a line: everything that comes from a wire passes here, and is judged.
//!
//! The library that knows Modbus owns its stream, so what it owns is a [`Tap`]; the line keeps
//! the [`Ear`] of the same wire. They never work at the same time: the lock between them is
//! taken for a moment and never waited for.
//!
//! Listens, judges and remembers doubts; how long to wait is decided by the connection.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{Beside, Question, Verdict, judge, question_length};
use super::{Kept, Wire};
use crate::clock::Clock;
use crate::line::endpoint::Stream;
use crate::settings::Framing;

/// Bytes that are kept of what is heard. An answer has at most 260; more than this is a doubt.
const ROOM: usize = 1_024;

/// Bytes that people are shown of what cannot be trusted.
const SHOWN: usize = 16;

/// Doubts that are remembered at a time, two for every unit; then the oldest is dropped. A lost
/// device is asked for one area only.
const DOUBTS: usize = 512;

/// The line's side of a wire.
#[derive(Debug)]
pub(crate) struct Ear(Arc<Mutex<Hearing>>);

/// The library's side of a wire.
#[derive(Debug)]
pub(crate) struct Tap(Arc<Mutex<Hearing>>);

/// What came when nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unasked {
    Nothing,
    /// Answers to questions that had been given up, or what a converter says of itself.
    Harmless,
    /// What nobody can have meant, or a second answer to the last question.
    Doubtful,
}

#[derive(Debug)]
struct Hearing {
    clock: Clock,
    framing: Framing,
    /// Whether callers say things of their own between questions.
    chatty: bool,
    stream: Option<Box<dyn Stream>>,
    state: State,
    heard: Box<[u8; ROOM]>,
    length: usize,
    /// More came than there is room for.
    overheard: bool,
    /// When a byte came, went, or could have: silence is counted from here.
    stirred: Duration,
    doubts: Vec<Doubt>,
    last: Option<Question>,
    /// The bytes of the last question that the stream has taken.
    taken: usize,
    /// The last question on RTU, as it may be heard once more.
    asked: [u8; 8],
    heartbeat: Vec<u8>,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Silent,
    Asked { question: Question, numbered: bool },
    Answered { taken: usize },
    Doubtful,
}

/// A question whose answer may come when nobody expects it any more.
#[derive(Debug)]
struct Doubt {
    question: Question,
    /// Until when it may come.
    until: Duration,
    came: Cell<bool>,
}

impl Ear {
    pub(crate) fn new(wire: &Wire, clock: Clock) -> Ear {
        Ear(Arc::new(Mutex::new(Hearing {
            clock,
            framing: wire.framing,
            chatty: wire.kept == Kept::Always,
            stream: None,
            state: State::Silent,
            heard: Box::new([0; ROOM]),
            length: 0,
            overheard: false,
            stirred: Duration::ZERO,
            doubts: Vec::new(),
            last: None,
            taken: 0,
            asked: [0; 8],
            heartbeat: wire.heartbeat.clone(),
            ended: false,
        })))
    }

    /// Listens to a new stream from now on.
    pub(crate) fn attach(&self, stream: Box<dyn Stream>) -> Tap {
        let mut hearing = self.hearing();
        hearing.stirred = hearing.clock.elapsed();
        hearing.stream = Some(stream);
        hearing.ended = false;
        hearing.forget();
        if hearing.framing == Framing::Tcp {
            hearing.doubts.clear();
        }
        Tap(Arc::clone(&self.0))
    }

    /// Lets go of the stream.
    pub(crate) fn close(&self) {
        self.hearing().stream = None;
    }

    /// Takes in what has come unasked, without waiting; how many bytes.
    pub(crate) async fn drain(&self) -> io::Result<usize> {
        std::future::poll_fn(|cx| Poll::Ready(self.hearing().drain(cx))).await
    }

    /// How long no byte has stirred.
    pub(crate) fn silent_for(&self) -> Duration {
        let hearing = self.hearing();
        hearing.clock.elapsed().saturating_sub(hearing.stirred)
    }

    /// What the bytes meant that came unasked; they are forgotten.
    pub(crate) fn unasked(&self) -> Unasked {
        self.hearing().unasked()
    }

    /// Whether anything has come since a unit's answer but late answers of others.
    pub(crate) fn more_than_answered(&self, unit: u8) -> bool {
        let mut hearing = self.hearing();
        let is_more = hearing.judge_but(None, Some(unit)) != Verdict::Silence;
        hearing.forget();
        is_more
    }

    /// A question is on its way. Until its answer counts it is in doubt, so that whoever gives
    /// up waiting cannot forget that its answer may come up to this moment.
    pub(crate) fn ask(&self, question: Question, until: Duration) {
        let mut hearing = self.hearing();
        hearing.forget();
        hearing.state = State::Asked { question, numbered: false };
        (hearing.last, hearing.taken) = (Some(question), 0);
        hearing.stirred = hearing.clock.elapsed();
        hearing.doubt(question, until);
    }

    /// The question is over: what comes from now on comes unasked.
    pub(crate) fn listen(&self) {
        self.hearing().forget();
    }

    /// The answer to the last question counts. On RTU its unit is beyond doubt; the numbers of
    /// Modbus TCP tell late answers for ever.
    pub(crate) fn believe(&self) {
        let mut hearing = self.hearing();
        let (Some(last), framing) = (hearing.last, hearing.framing) else { return };
        hearing.doubts.retain(|doubt| match framing {
            Framing::Rtu => doubt.question.unit != last.unit,
            Framing::Tcp => doubt.question != last,
        });
    }

    /// The last question might be answered twice.
    pub(crate) fn doubt_the_last(&self, until: Duration) {
        let mut hearing = self.hearing();
        if let Some(last) = hearing.last {
            hearing.doubt(last, until);
        }
    }

    /// Whether the next answer of a unit has to be held.
    pub(crate) fn doubts(&self, unit: u8) -> bool {
        self.hearing().doubts.iter().any(|doubt| doubt.question.unit == unit)
    }

    /// Until when an answer of a unit may come to a question that was given up.
    pub(crate) fn rests(&self, unit: u8) -> Duration {
        let hearing = self.hearing();
        let of_unit =
            hearing.doubts.iter().filter(|doubt| doubt.question.unit == unit && !doubt.came.get());
        of_unit.map(|doubt| doubt.until).max().unwrap_or_default()
    }

    /// The first bytes that were heard since the question, for people.
    pub(crate) fn heard(&self) -> String {
        let hearing = self.hearing();
        let shown = &hearing.heard[..hearing.length.min(SHOWN)];
        let mut text = String::new();
        for (place, byte) in shown.iter().enumerate() {
            let before = if place == 0 { "; heard " } else { " " };
            text.push_str(&format!("{before}{byte:02X}"));
        }
        if SHOWN < hearing.length {
            text.push_str(&format!(" … ({} bytes)", hearing.length));
        }
        text
    }

    /// Whether anything was heard since the question.
    pub(crate) fn heard_something(&self) -> bool {
        self.hearing().length != 0
    }

    /// Whether the stream itself has failed, has not taken the whole question, or is amid an
    /// answer that no checksum guards.
    pub(crate) fn has_failed(&self) -> bool {
        let hearing = self.hearing();
        let amid = hearing.framing == Framing::Tcp && hearing.judge(hearing.last) == Verdict::Begun;
        hearing.ended || amid || hearing.taken < question_length(hearing.framing)
    }

    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hearing {
    fn forget(&mut self) {
        (self.state, self.length, self.overheard) = (State::Silent, 0, false);
    }

    fn doubt(&mut self, question: Question, until: Duration) {
        self.doubts.retain(|doubt| doubt.question != question);
        if self.doubts.len() == DOUBTS {
            self.doubts.remove(0);
        }
        self.doubts.push(Doubt { question, until, came: Cell::new(false) });
    }

    /// Reads what there is into the room.
    fn hear(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = self.stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        if self.length == ROOM {
            (self.length, self.overheard) = (0, true);
        }
        let mut room = ReadBuf::new(&mut self.heard[self.length..]);
        let read = ready!(Pin::new(stream).poll_read(cx, &mut room));
        let fresh = room.filled().len();
        if read.is_err() || fresh == 0 {
            self.ended = true;
            return Poll::Ready(Err(read.err().unwrap_or(io::ErrorKind::UnexpectedEof.into())));
        }
        self.length += fresh;
        self.stirred = self.clock.elapsed();
        Poll::Ready(Ok(fresh))
    }

    fn drain(&mut self, cx: &mut Context<'_>) -> io::Result<usize> {
        let mut drained = 0;
        // Whoever says more than this at once is not waited for.
        while drained < 4 * ROOM {
            match self.hear(cx) {
                Poll::Ready(fresh) => drained += fresh?,
                Poll::Pending => break,
            }
        }
        Ok(drained)
    }

    fn judge(&self, question: Option<Question>) -> Verdict {
        self.judge_but(question, None)
    }

    /// The same, without excuse for late answers of one unit.
    fn judge_but(&self, question: Option<Question>, without_excuse: Option<u8>) -> Verdict {
        if self.overheard {
            return Verdict::Doubt("more than any answer");
        }
        let late = self.doubts.iter().filter(|doubt| Some(doubt.question.unit) != without_excuse);
        let heard = &self.heard[..self.length];
        let echo = match (question, self.framing) {
            (Some(_), Framing::Rtu) => &self.asked[..],
            (Some(_), Framing::Tcp) | (None, _) => &[],
        };
        let beside = Beside { echo, heartbeat: &self.heartbeat };
        let answers = late.clone().map(|doubt| doubt.question);
        judge(self.framing, heard, question, beside, answers, |place| {
            if let Some(doubt) = late.clone().nth(place) {
                doubt.came.set(true);
            }
        })
    }

    fn unasked(&mut self) -> Unasked {
        if self.length == 0 && !self.overheard {
            return Unasked::Nothing;
        }
        let unasked = match self.judge(None) {
            Verdict::Silence => Unasked::Harmless,
            Verdict::Begun | Verdict::Answer { .. } | Verdict::Doubt(_) => {
                match self.chatty && !self.holds_a_copy() {
                    true => Unasked::Harmless,
                    false => Unasked::Doubtful,
                }
            }
        };
        self.forget();
        unasked
    }

    /// Whether a second answer to the last question stands among what came.
    fn holds_a_copy(&self) -> bool {
        let heard = &self.heard[..self.length];
        let begins = |from: usize| {
            let none = std::iter::empty();
            let verdict =
                judge(self.framing, &heard[from..], self.last, Beside::default(), none, |_| ());
            matches!(verdict, Verdict::Answer { .. } | Verdict::Doubt("more than one answer"))
        };
        self.overheard || (0..heard.len()).any(begins)
    }
}

impl AsyncRead for Tap {
    /// Lets through the answer, whole or not at all.
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hearing = &mut *hearing;
        loop {
            match hearing.state {
                State::Silent | State::Doubtful => {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                State::Answered { taken } => {
                    let rest = &hearing.heard[taken..hearing.length];
                    let count = rest.len().min(buf.remaining());
                    buf.put_slice(&rest[..count]);
                    hearing.state = State::Answered { taken: taken + count };
                    // Nothing more is let through; the deadline ends whoever waits for it.
                    return if count == 0 { Poll::Pending } else { Poll::Ready(Ok(())) };
                }
                State::Asked { question, .. } => {
                    ready!(hearing.hear(cx))?;
                    match hearing.judge(Some(question)) {
                        Verdict::Silence | Verdict::Begun => {}
                        Verdict::Answer { from } => hearing.state = State::Answered { taken: from },
                        Verdict::Doubt(why) => {
                            hearing.state = State::Doubtful;
                            return Poll::Ready(Err(io::Error::new(
                                io::ErrorKind::InvalidData,
                                why,
                            )));
                        }
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hearing.number(bytes);
        let Some(stream) = hearing.stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let taken = ready!(Pin::new(stream).poll_write(cx, bytes))?;
        hearing.taken += taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match hearing.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match hearing.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Hearing {
    /// Keeps the question's bytes, or reads from them which number the library has given it.
    fn number(&mut self, bytes: &[u8]) {
        match (self.state, self.framing, bytes) {
            (State::Asked { question, numbered: false }, Framing::Tcp, [high, low, ..]) => {
                let transaction = u16::from_be_bytes([*high, *low]);
                let numbered = question.numbered(transaction);
                self.state = State::Asked { question: numbered, numbered: true };
                self.last = Some(numbered);
                if let Some(doubt) = self.doubts.last_mut() {
                    doubt.question = numbered;
                }
            }
            (State::Asked { .. }, Framing::Rtu, bytes) if self.taken == 0 => {
                if let Ok(bytes) = bytes.try_into() {
                    self.asked = bytes;
                }
            }
            (
                State::Silent | State::Asked { .. } | State::Answered { .. } | State::Doubtful,
                Framing::Tcp | Framing::Rtu,
                _,
            ) => {}
        }
    }
}
