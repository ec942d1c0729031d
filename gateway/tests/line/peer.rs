//! A Modbus TCP server driven by hand: it can answer late, wrong, half or not at all.
//!
//! Every register of every unit holds a value that tells its own place, so that an answer taken
//! for another's is seen in the value.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firegrid_gateway::line::endpoint::{Endpoint, Stream};
use firegrid_gateway::line::wire::Wire;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One question as it came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// Counted over all connections, from 0.
    pub(crate) number: u64,
    pub(crate) transaction: u16,
    pub(crate) unit: u8,
    pub(crate) function: u8,
    pub(crate) first: u16,
    pub(crate) count: u16,
}

/// What the peer does with a question.
#[derive(Debug, Clone)]
pub(crate) enum Reaction {
    Answer,
    AnswerAfter(Duration),
    Registers(Vec<u16>),
    Except(u8),
    Bytes(Vec<u8>),
    BytesAndClose(Vec<u8>),
    Silence,
}

/// What a register of a unit holds.
pub(crate) fn held(unit: u8, register: u16) -> u16 {
    u16::from(unit) * 1_000 + register
}

impl Question {
    /// The right registers.
    pub(crate) fn registers(&self) -> Vec<u16> {
        (self.first..self.first + self.count).map(|register| held(self.unit, register)).collect()
    }

    /// A frame with these registers and a header that may be altered.
    pub(crate) fn frame(&self, registers: &[u16]) -> Vec<u8> {
        let mut pdu = vec![self.function, (registers.len() * 2) as u8];
        pdu.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
        self.wrap(&pdu)
    }

    fn wrap(&self, pdu: &[u8]) -> Vec<u8> {
        let mut frame = self.transaction.to_be_bytes().to_vec();
        frame.extend([0, 0]);
        frame.extend((pdu.len() as u16 + 1).to_be_bytes());
        frame.push(self.unit);
        frame.extend(pdu);
        frame
    }
}

/// Bytes on their way in one direction.
const ON_THEIR_WAY: usize = 1_024;

/// A peer at the other end of streams in memory: with it, time can be held.
pub(crate) fn in_memory(
    react: impl Fn(Question) -> Reaction + Clone + Send + Sync + 'static,
) -> Endpoint {
    let asked = Arc::new(Asked::default());
    let opener = Box::new(move || {
        let (ours, theirs) = tokio::io::duplex(ON_THEIR_WAY);
        let (asked, react) = (Arc::clone(&asked), react.clone());
        tokio::spawn(async move {
            // A connection that the other side has dropped ends here, as it should.
            let _ended = converse(theirs, &asked, &react).await;
        });
        Ok(Box::new(ours) as Box<dyn Stream>)
    });
    Endpoint::in_memory(Wire::tcp(), opener)
}

pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    asked: Arc<Asked>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Asked {
    connections: AtomicU64,
    questions: AtomicU64,
    functions: Mutex<BTreeSet<u8>>,
}

impl Peer {
    pub(crate) async fn start(
        react: impl Fn(Question) -> Reaction + Send + Sync + 'static,
    ) -> Peer {
        Peer::listen(TcpListener::bind("127.0.0.1:0").await.expect("a free port"), react)
    }

    pub(crate) fn listen(
        listener: TcpListener,
        react: impl Fn(Question) -> Reaction + Send + Sync + 'static,
    ) -> Peer {
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Asked::default());
        let react = Arc::new(react);
        let of_task = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                of_task.connections.fetch_add(1, Ordering::Relaxed);
                stream.set_nodelay(true).expect("a stream of TCP");
                let (asked, react) = (Arc::clone(&of_task), Arc::clone(&react));
                connections.spawn(async move {
                    // A connection that the other side has dropped ends here, as it should.
                    let _ended = converse(stream, &asked, &*react).await;
                });
            }
        });
        Peer { address, asked, task }
    }

    pub(crate) fn connections(&self) -> u64 {
        self.asked.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn questions(&self) -> u64 {
        self.asked.questions.load(Ordering::Relaxed)
    }

    pub(crate) fn functions(&self) -> BTreeSet<u8> {
        self.asked.functions.lock().expect("nobody has failed").clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(
    mut stream: impl Stream,
    asked: &Asked,
    react: &(impl Fn(Question) -> Reaction + Send + Sync),
) -> std::io::Result<()> {
    loop {
        let mut frame = [0; 8];
        stream.read_exact(&mut frame).await?;
        asked.functions.lock().expect("nobody has failed").insert(frame[7]);
        let mut body = vec![0; usize::from(u16::from_be_bytes([frame[4], frame[5]])) - 2];
        stream.read_exact(&mut body).await?;
        assert_eq!(body.len(), 4, "every read asks for an address and a count");
        let question = Question {
            number: asked.questions.fetch_add(1, Ordering::Relaxed),
            transaction: u16::from_be_bytes([frame[0], frame[1]]),
            unit: frame[6],
            function: frame[7],
            first: u16::from_be_bytes([body[0], body[1]]),
            count: u16::from_be_bytes([body[2], body[3]]),
        };
        let right = question.frame(&question.registers());
        match react(question) {
            Reaction::Answer => stream.write_all(&right).await?,
            Reaction::AnswerAfter(pause) => {
                tokio::time::sleep(pause).await;
                stream.write_all(&right).await?;
            }
            Reaction::Registers(registers) => {
                stream.write_all(&question.frame(&registers)).await?;
            }
            Reaction::Except(code) => {
                stream.write_all(&question.wrap(&[question.function | 0x80, code])).await?;
            }
            Reaction::Bytes(bytes) => stream.write_all(&bytes).await?,
            Reaction::BytesAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return Ok(());
            }
            Reaction::Silence => {}
        }
    }
}
