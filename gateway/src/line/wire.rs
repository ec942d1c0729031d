//! How a wire is listened to, so that no answer is ever taken for another question's.
//!
//! Modbus TCP numbers its questions. On an RTU wire, behind a converter or not, nothing says
//! which question an answer belongs to: a late answer of a device fits its next question of the
//! same length, and a decoder that skips bytes until a checksum fits will find it. So a thin ear
//! lies between the wire and the library that knows Modbus, and lets through what is beyond doubt:
//!
//! ```text
//!                        exactly one frame, of the unit, function and length asked for
//!   silent ──► asked ─────────────────────────────────────────────────────────► answered
//!     ▲          │ late, cut, doubled, rubbish, or somebody else's                  │
//!     │          ▼                                                                  │
//!     └──── in doubt, this unit only: rests until its answer must have come, ◄──────┘
//!           then its first answer counts if nothing follows it          a copy came unasked
//! ```
//!
//! - Before a question the wire is emptied, and on RTU silent for 3.5 characters. What came
//!   unasked casts a doubt on the unit that was asked last.
//! - A doubt rests on one unit. Its neighbours are asked meanwhile: an answer names its unit, so
//!   the late one is known when it comes, and is put aside.
//! - The first answer after a doubt is *held*: a stale one is followed by the true one, and then
//!   neither counts. So is an answer that came much sooner than any of its unit before, and on a
//!   serial wire sooner than bytes can travel at its speed, until that has proved to be this
//!   wire's way.
//! - A question that comes back word for word before its answer is an echo, as converters of two
//!   wires make it, and is passed over.
//!   So is the heartbeat of a converter that dials in, if the settings name it.
//! - An RTU wire that is opened for the first time is listened to as long as an answer to a
//!   question of the process before could come.
//!
//! What physics leaves open, and no listening master can close: a copy of an answer that a wire
//! delays until the same unit has been asked for as many registers once more, where no doubt
//! was before and the unit often answers as soon as that; and an answer later than the line's `timeout`, if in addition the answer to the
//! next question is lost. Modbus TCP has neither hole.

pub(super) mod ear;
mod frame;
mod soonest;

use std::time::Duration;

use crate::settings::{Framing, Serial};

pub(super) use frame::Question;
pub(super) use soonest::Soonest;

/// What has to be known of a wire in order to listen to it.
#[derive(Debug, Clone)]
pub struct Wire {
    /// How its frames are wrapped.
    pub framing: Framing,
    /// How long it is silent before a question.
    pub silence: Duration,
    /// How long the longest frame may need, behind whatever converts it.
    pub longest_frame: Duration,
    /// How fast it is, if it is a port of the box.
    pub serial: Option<Serial>,
    /// What is said on it now and then that is no frame; empty if nothing is.
    pub heartbeat: Vec<u8>,
    /// When its stream is given up.
    pub kept: Kept,
}

/// When the stream of a wire is given up. A stream that has ended always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// After any doubt: another stream costs little, and brings nothing from before.
    NotInDoubt,
    /// After what cannot be trusted, and after two questions on which nothing at all was heard:
    /// a stream may be dead although nobody has closed it.
    UnlessDoubtful,
    /// After two questions on which nothing at all was heard.
    WhileHeard,
    /// As long as it lasts, for it is the other side that opens it. Modbus TCP that cannot be
    /// trusted is given up all the same.
    Always,
}

/// The longest frame of RTU.
const LONGEST_FRAME: u32 = 256;

/// A question for registers, in RTU.
const QUESTION: u32 = 8;

/// Behind a converter the speed is unknown. This is the longest frame at 9600 baud.
const LONGEST_FRAME_CONVERTED: Duration = Duration::from_millis(300);

/// Behind a converter, the converter keeps the silence of its wire; this much shows what comes
/// unasked.
const SILENCE_CONVERTED: Duration = Duration::from_millis(2);

impl Wire {
    /// Modbus TCP to a device or a gateway of devices.
    pub fn tcp() -> Wire {
        Wire {
            framing: Framing::Tcp,
            silence: Duration::ZERO,
            longest_frame: Duration::ZERO,
            serial: None,
            heartbeat: Vec::new(),
            kept: Kept::NotInDoubt,
        }
    }

    /// RTU through a converter.
    pub fn rtu_over_tcp() -> Wire {
        Wire {
            framing: Framing::Rtu,
            silence: SILENCE_CONVERTED,
            longest_frame: LONGEST_FRAME_CONVERTED,
            serial: None,
            heartbeat: Vec::new(),
            kept: Kept::UnlessDoubtful,
        }
    }

    /// RTU on a port of the box.
    pub fn serial(serial: Serial) -> Wire {
        Wire {
            framing: Framing::Rtu,
            silence: serial.silence_between_frames(),
            longest_frame: serial.carries(LONGEST_FRAME + QUESTION),
            serial: Some(serial),
            heartbeat: Vec::new(),
            kept: Kept::WhileHeard,
        }
    }

    /// Through a converter that dials in.
    pub fn dialled_in(framing: Framing) -> Wire {
        match framing {
            Framing::Tcp => Wire { kept: Kept::Always, ..Wire::tcp() },
            Framing::Rtu => Wire { kept: Kept::Always, ..Wire::rtu_over_tcp() },
        }
    }

    /// How long the question and its answer are on the wire; the device's time to think comes
    /// on top.
    pub(super) fn carries(&self, question: Question) -> Duration {
        let bytes = QUESTION + question.answer_length(Framing::Rtu) as u32;
        self.serial.as_ref().map_or(Duration::ZERO, |serial| serial.carries(bytes))
    }
}
