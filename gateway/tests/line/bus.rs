//! An RTU bus driven by hand: every frame needs its time on the wire, and devices share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crc::{CRC_16_MODBUS, Crc};
use firegrid_gateway::line::endpoint::Stream;
use firegrid_gateway::settings::Serial;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;

use crate::peer::{Question, Reaction};

const CHECKSUM: Crc<u16> = Crc::<u16>::new(&CRC_16_MODBUS);

/// Answers at one end of a wire until the other is dropped. Whoever answers late does so while
/// others are asked, as on a real wire.
pub(crate) async fn serve(
    stream: impl Stream + 'static,
    wire: Serial,
    react: impl Fn(Question) -> Reaction,
) {
    let (mut from, to) = tokio::io::split(stream);
    let (to, number) = (Arc::new(Mutex::new(to)), AtomicU64::new(0));
    let mut frame = [0; 8];
    while from.read_exact(&mut frame).await.is_ok() {
        let question = Question {
            number: number.fetch_add(1, Ordering::Relaxed),
            transaction: 0,
            unit: frame[0],
            function: frame[1],
            first: u16::from_be_bytes([frame[2], frame[3]]),
            count: u16::from_be_bytes([frame[4], frame[5]]),
        };
        let (pause, answer) = match react(question) {
            Reaction::Answer => (Default::default(), registers(question)),
            Reaction::AnswerAfter(pause) => (pause, registers(question)),
            Reaction::Except(code) => {
                (Default::default(), checked(&[question.unit, question.function | 0x80, code]))
            }
            Reaction::Silence => continue,
            Reaction::Registers(_) | Reaction::Bytes(_) | Reaction::BytesAndClose(_) => {
                panic!("no bus does that")
            }
        };
        let carried = wire.carries((frame.len() + answer.len()) as u32);
        let to = Arc::clone(&to);
        tokio::spawn(async move {
            tokio::time::sleep(carried + pause).await;
            // Whoever has dropped the wire hears nothing.
            let _nobody_hears = to.lock().await.write_all(&answer).await;
        });
    }
}

fn registers(question: Question) -> Vec<u8> {
    let registers = question.registers();
    let mut content = vec![question.unit, question.function, (registers.len() * 2) as u8];
    content.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    checked(&content)
}

fn checked(content: &[u8]) -> Vec<u8> {
    [content, &CHECKSUM.checksum(content).to_le_bytes()].concat()
}
