//! What the answer to a question looks like, byte for byte.
//!
//! Pure: bytes that were heard in, a verdict out. Only reads are known here.

use crc::{CRC_16_MODBUS, Crc};

use crate::line::plan::Read;
use crate::profile::Table;
use crate::settings::Framing;

/// A question, as far as its answer shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    /// Its number on the stream; only Modbus TCP has one.
    pub(super) transaction: u16,
    pub(crate) unit: u8,
    function: u8,
    data_bytes: u8,
}

/// What has been heard since a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing yet but whole answers to questions that were given up.
    Silence,
    /// Nothing is wrong, and a frame is not at its end.
    Begun,
    /// The answer begins here, and nothing stands behind it.
    Answer { from: usize },
    /// It must not be believed, because of this.
    Doubt(&'static str),
}

/// What may be heard beside frames and means nothing; empty is what may not.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Beside<'a> {
    /// The question, word for word, which a converter of two wires hears from its own mouth.
    pub(super) echo: &'a [u8],
    /// What a converter says of itself.
    pub(super) heartbeat: &'a [u8],
}

/// Whether the answer to a question begins somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Other,
    Begun,
    Whole { length: usize },
    Broken(&'static str),
}

const CHECKSUM: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Set in the function code of a refusal.
const REFUSED: u8 = 0x80;

/// A refusal and its reason.
const REFUSAL: usize = 2;

impl Question {
    /// What is asked of a unit.
    pub(crate) fn new(unit: u8, read: Read) -> Question {
        let (function, data_bytes) = match read.table {
            Table::Coils => (1, read.count.div_ceil(8)),
            Table::DiscreteInputs => (2, read.count.div_ceil(8)),
            Table::HoldingRegisters => (3, read.count.saturating_mul(2)),
            Table::InputRegisters => (4, read.count.saturating_mul(2)),
        };
        let data_bytes = u8::try_from(data_bytes).unwrap_or(u8::MAX);
        Question { transaction: 0, unit, function, data_bytes }
    }

    /// The same with the number that it has on its stream.
    pub(super) fn numbered(self, transaction: u16) -> Question {
        Question { transaction, ..self }
    }

    /// The bytes of a whole answer that is no refusal.
    pub(super) fn answer_length(self, framing: Framing) -> usize {
        let (before, behind) = around(framing);
        before + 2 + usize::from(self.data_bytes) + behind
    }

    fn fits(self, framing: Framing, heard: &[u8]) -> Fit {
        let (before, behind) = around(framing);
        if let Some(misfit) = self.misfit_of_header(framing, heard) {
            return misfit;
        }
        let Some((function, data)) = heard.get(before..).and_then(<[u8]>::split_first) else {
            return Fit::Begun;
        };
        let inner = if *function == self.function | REFUSED {
            REFUSAL
        } else if *function != self.function {
            return Fit::Other;
        } else {
            match data.first() {
                None => return Fit::Begun,
                Some(bytes) if *bytes == self.data_bytes => 2 + usize::from(self.data_bytes),
                Some(_) => return Fit::Other,
            }
        };
        let length = before + inner + behind;
        let Some(frame) = heard.get(..length) else { return Fit::Begun };
        match framing {
            Framing::Rtu => {
                let (content, sum) = frame.split_at(length - behind);
                match CHECKSUM.checksum(content).to_le_bytes() == sum {
                    true => Fit::Whole { length },
                    false => Fit::Broken("its checksum is wrong"),
                }
            }
            Framing::Tcp => {
                let told = usize::from(u16::from_be_bytes([frame[4], frame[5]]));
                match (told == length - HEADER_BEFORE_LENGTH, &frame[2..4]) {
                    (true, [0, 0]) => Fit::Whole { length },
                    (true, _) => Fit::Broken("its header is of another protocol"),
                    (false, _) => Fit::Broken("its header tells another length"),
                }
            }
        }
    }

    /// What is wrong with the bytes before the function code, or that some are missing.
    fn misfit_of_header(self, framing: Framing, heard: &[u8]) -> Option<Fit> {
        let unit = match framing {
            Framing::Rtu => heard.first(),
            Framing::Tcp => {
                let Some(number) = heard.get(..2) else { return Some(Fit::Begun) };
                if number != self.transaction.to_be_bytes() {
                    return Some(Fit::Other);
                }
                heard.get(6)
            }
        };
        match unit {
            None => Some(Fit::Begun),
            Some(unit) if *unit == self.unit => None,
            Some(_) => Some(Fit::Other),
        }
    }
}

/// The bytes of a whole question.
pub(super) fn question_length(framing: Framing) -> usize {
    let (before, behind) = around(framing);
    before + 5 + behind
}

/// The bytes of a header of Modbus TCP that its length does not count.
const HEADER_BEFORE_LENGTH: usize = 6;

/// The bytes before the function code, and behind the data.
fn around(framing: Framing) -> (usize, usize) {
    match framing {
        Framing::Tcp => (HEADER_BEFORE_LENGTH + 1, 0),
        Framing::Rtu => (1, 2),
    }
}

/// What to think of all that has been heard since the question. Whole answers to questions that
/// were given up are passed over, and told by their places in `late`.
pub(super) fn judge(
    framing: Framing,
    heard: &[u8],
    question: Option<Question>,
    beside: Beside<'_>,
    late: impl Iterator<Item = Question> + Clone,
    mut came: impl FnMut(usize),
) -> Verdict {
    let echo = beside.echo;
    let is_echoed = !echo.is_empty() && heard.starts_with(echo);
    let mut from = if is_echoed { echo.len() } else { 0 };
    'frames: loop {
        let rest = &heard[from..];
        if rest.is_empty() {
            return Verdict::Silence;
        }
        if from == 0 && rest.len() < echo.len() && echo.starts_with(rest) {
            return Verdict::Begun;
        }
        if !beside.heartbeat.is_empty() && rest.starts_with(beside.heartbeat) {
            from += beside.heartbeat.len();
            continue;
        }
        if beside.heartbeat.starts_with(rest) {
            return Verdict::Begun;
        }
        match question.map_or(Fit::Other, |question| question.fits(framing, rest)) {
            Fit::Whole { length } if length == rest.len() => return Verdict::Answer { from },
            Fit::Whole { .. } => return Verdict::Doubt("more than one answer"),
            Fit::Begun => return Verdict::Begun,
            Fit::Broken(why) => return Verdict::Doubt(why),
            Fit::Other => {}
        }
        let mut begun = false;
        for (place, earlier) in late.clone().enumerate() {
            match earlier.fits(framing, rest) {
                Fit::Whole { length } => {
                    came(place);
                    from += length;
                    continue 'frames;
                }
                Fit::Begun => begun = true,
                Fit::Other | Fit::Broken(_) => {}
            }
        }
        return match begun {
            true => Verdict::Begun,
            false => Verdict::Doubt("it is no answer to the question"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holding(unit: u8, count: u16) -> Question {
        Question::new(unit, Read { table: Table::HoldingRegisters, first: 7, count })
    }

    fn rtu(content: &[u8]) -> Vec<u8> {
        [content, &CHECKSUM.checksum(content).to_le_bytes()].concat()
    }

    fn tcp(transaction: u16, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("a short frame");
        [&transaction.to_be_bytes()[..], &[0, 0], &length.to_be_bytes(), content].concat()
    }

    /// What is thought of these bytes after unit 1 was asked for two registers as number 5, and
    /// unit 2 in vain for one as number 4.
    #[track_caller]
    fn check(framing: Framing, heard: &[u8], verdict: Verdict) {
        let question = Question { transaction: 5, ..holding(1, 2) };
        let late = [Question { transaction: 4, ..holding(2, 1) }];
        let found =
            judge(framing, heard, Some(question), Beside::default(), late.into_iter(), |_| ());
        assert_eq!(found, verdict, "{heard:x?}");
        for end in 0..heard.len() {
            let cut = judge(
                framing,
                &heard[..end],
                Some(question),
                Beside::default(),
                late.into_iter(),
                |_| (),
            );
            let cut_is_no_answer = !matches!(cut, Verdict::Answer { .. });
            assert!(cut_is_no_answer || matches!(verdict, Verdict::Doubt(_)), "cut at {end}");
        }
    }

    const ANSWER: [u8; 7] = [1, 3, 4, 0, 7, 0, 8];
    const LATE: [u8; 5] = [2, 3, 2, 0, 9];

    #[test]
    fn one_frame_that_fits_is_the_answer() {
        check(Framing::Rtu, &rtu(&ANSWER), Verdict::Answer { from: 0 });
        check(Framing::Tcp, &tcp(5, &ANSWER), Verdict::Answer { from: 0 });
        check(Framing::Rtu, &rtu(&[1, 0x83, 2]), Verdict::Answer { from: 0 });
        check(Framing::Tcp, &tcp(5, &[1, 0x83, 2]), Verdict::Answer { from: 0 });
    }

    #[test]
    fn the_late_answer_of_another_is_passed_over() {
        let (late, answer) = (rtu(&LATE), rtu(&ANSWER));
        check(Framing::Rtu, &[&*late, &answer].concat(), Verdict::Answer { from: late.len() });
        check(Framing::Rtu, &late, Verdict::Silence);
        let (late, answer) = (tcp(4, &LATE), tcp(5, &ANSWER));
        check(Framing::Tcp, &[&*late, &answer].concat(), Verdict::Answer { from: late.len() });
    }

    #[test]
    fn a_question_that_is_heard_before_its_answer_is_passed_over() {
        let (asked, answer) = (rtu(&[1, 3, 0, 7, 0, 2]), rtu(&ANSWER));
        let both = [&*asked, &answer].concat();
        for end in 0..=both.len() {
            let none = std::iter::empty();
            let beside = Beside { echo: &asked, ..Beside::default() };
            let verdict =
                judge(Framing::Rtu, &both[..end], Some(holding(1, 2)), beside, none, |_| ());
            let expected = match end {
                0 | 8 => Verdict::Silence,
                end if end == both.len() => Verdict::Answer { from: 8 },
                _ => Verdict::Begun,
            };
            assert_eq!(verdict, expected, "after {end} bytes");
        }
        let verdict = |heard: &[u8], echo: &[u8]| {
            let beside = Beside { echo, ..Beside::default() };
            judge(Framing::Rtu, heard, Some(holding(1, 2)), beside, std::iter::empty(), |_| ())
        };
        assert_eq!(verdict(&answer, &asked), Verdict::Answer { from: 0 }, "there need be none");
        let twice = [&*asked, &asked].concat();
        assert!(matches!(verdict(&twice, &asked), Verdict::Doubt(_)), "it is heard once");
        assert!(matches!(verdict(&both, &[]), Verdict::Doubt(_)));
    }

    #[test]
    fn a_heartbeat_that_the_settings_name_is_passed_over_wherever_no_frame_is_open() {
        let answer = rtu(&ANSWER);
        let verdict = |parts: &[&[u8]]| {
            let beside = Beside { heartbeat: b"live", ..Beside::default() };
            let none = std::iter::empty();
            judge(Framing::Rtu, &parts.concat(), Some(holding(1, 2)), beside, none, |_| ())
        };
        assert_eq!(verdict(&[b"live", b"live", &answer]), Verdict::Answer { from: 8 });
        assert_eq!(verdict(&[b"live", b"li"]), Verdict::Begun);
        assert_eq!(verdict(&[b"live"]), Verdict::Silence);
        assert!(matches!(verdict(&[b"lives", &answer]), Verdict::Doubt(_)));
        assert!(matches!(verdict(&[&answer[..4], b"live", &answer[4..]]), Verdict::Doubt(_)));
    }

    #[test]
    fn whatever_else_is_heard_casts_a_doubt() {
        let answer = rtu(&ANSWER);
        let more = Verdict::Doubt("more than one answer");
        check(Framing::Rtu, &[&*answer, &answer].concat(), more);
        check(Framing::Rtu, &[&*answer, &[0]].concat(), more);
        let other = Verdict::Doubt("it is no answer to the question");
        check(Framing::Rtu, &[&[0], &*answer].concat(), other);
        check(Framing::Rtu, &rtu(&[1, 3, 2, 0, 7]), other);
        check(Framing::Rtu, &rtu(&[1, 4, 4, 0, 7, 0, 8]), other);
        check(Framing::Rtu, &rtu(&[3, 3, 4, 0, 7, 0, 8]), other);
        check(Framing::Tcp, &tcp(3, &ANSWER), other);
        check(Framing::Tcp, &tcp(5, &[3, 3, 4, 0, 7, 0, 8]), other);
        let mut wrong = answer;
        wrong[4] ^= 1;
        check(Framing::Rtu, &wrong, Verdict::Doubt("its checksum is wrong"));
        let mut wrong = tcp(5, &ANSWER);
        wrong[5] += 1;
        check(Framing::Tcp, &wrong, Verdict::Doubt("its header tells another length"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_stumble_and_only_its_own_frame_is_an_answer(
            heard in proptest::collection::vec(prop_oneof![0_u8..8, any::<u8>()], 0..40),
        ) {
            for framing in [Framing::Rtu, Framing::Tcp] {
                let late = [holding(2, 1)];
                let found =
                    judge(framing, &heard, Some(holding(1, 2)), Beside::default(), late.into_iter(), |_| ());
                if let Verdict::Answer { from } = found {
                    let frame = &heard[from..];
                    let length = holding(1, 2).answer_length(framing);
                    let refusal = length - 4;
                    prop_assert!([length, refusal].contains(&frame.len()), "{frame:x?}");
                }
            }
        }
    }
}
