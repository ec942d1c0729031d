//! A tap between the gateway and its broker: it counts the bytes, and says when a batch with a
//! fire was sent and when its PUBACK came.
//!
//! It copies before it looks, so that nothing waits for it. Packets are cut apart as MQTT 5
//! frames them (2.1.4); only PUBLISH of the urgent lane and PUBACK are looked into.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use firegrid_wire::reading::Reading;
use firegrid_wire::state::State;

/// A PUBACK for a batch in which a point says fire.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    /// The points that say fire.
    pub(crate) points: Vec<String>,
    /// When the PUBACK came in.
    pub(crate) at: Instant,
}

/// The running tap.
pub(crate) struct Tap {
    address: String,
    bytes: Arc<AtomicU64>,
    acknowledged: mpsc::Receiver<Acknowledged>,
}

/// Batches with a fire that have no PUBACK yet, by their packet id.
type Open = Arc<Mutex<HashMap<u16, Vec<String>>>>;

impl Tap {
    /// Listens, and leads every connection to the broker.
    pub(crate) fn start(broker: String) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let bytes = Arc::new(AtomicU64::new(0));
        let (tell, acknowledged) = mpsc::channel();
        let count = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&broker) else { continue };
                let open = Open::default();
                let pair = |stream: &TcpStream| stream.try_clone().expect("a TCP stream");
                let (from_client, to_client) = (pair(&client), client);
                let (from_server, to_server) = (pair(&server), server);
                let sent = Arc::clone(&open);
                let up = Arc::clone(&count);
                std::thread::spawn(move || {
                    carry(from_client, to_server, &up, |packet| note_publish(packet, &sent));
                });
                let (down, tell) = (Arc::clone(&count), tell.clone());
                std::thread::spawn(move || {
                    carry(from_server, to_client, &down, |packet| {
                        if let Some(points) = answered(packet, &open) {
                            let _ = tell.send(Acknowledged { points, at: Instant::now() });
                        }
                    });
                });
            }
        });
        Tap { address, bytes, acknowledged }
    }

    /// `host:port`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Bytes carried so far, both ways.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The batches with fires that have been acknowledged.
    pub(crate) fn acknowledged(&self) -> &mpsc::Receiver<Acknowledged> {
        &self.acknowledged
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, bytes: &AtomicU64, mut look: impl FnMut(&[u8])) {
    to.set_nodelay(true).expect("a TCP stream");
    let mut piece = vec![0; 64 * 1024];
    let mut held = Vec::new();
    while let Ok(count @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
        bytes.fetch_add(count as u64, Ordering::Relaxed);
        held.extend_from_slice(&piece[..count]);
        let mut begin = 0;
        while let Some(end) = packet_end(&held[begin..]) {
            look(&held[begin..begin + end]);
            begin += end;
        }
        held.drain(..begin);
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// Where the packet that begins here ends, if all of it is there.
fn packet_end(bytes: &[u8]) -> Option<usize> {
    let (length, begin) = number(bytes, 1)?;
    Some(begin + length).filter(|end| *end <= bytes.len())
}

/// A variable byte integer, and the place behind it.
fn number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut value = 0;
    for place in 0..4 {
        let byte = *bytes.get(at + place)?;
        value |= usize::from(byte & 0x7F) << (7 * place);
        if byte < 0x80 {
            return Some((value, at + place + 1));
        }
    }
    None
}

fn note_publish(packet: &[u8], open: &Open) {
    const PUBLISH_QOS_1: u8 = 0x32;
    if packet[0] & 0xF6 != PUBLISH_QOS_1 {
        return;
    }
    let publish = || {
        let (_, at) = number(packet, 1)?;
        let topic = at + 2 + usize::from(word(packet, at)?);
        packet.get(at + 2..topic)?.ends_with(b"/urgent").then_some(())?;
        let id = word(packet, topic)?;
        let (properties, at) = number(packet, topic + 2)?;
        Some((id, packet.get(at + properties..)?))
    };
    let Some((id, body)) = publish() else { return };
    if !body.windows(4).any(|word| word == b"fire") {
        return;
    }
    let pack = firegrid_wire::pack::decode(body).expect("a batch of the gateway");
    let says_fire = |(_, reading): &&(u32, Reading)| {
        reading.value.states().is_some_and(|states| states.set.has(State::Fire))
    };
    let fires = pack.readings.iter().filter(says_fire);
    let points = fires.map(|(_, reading)| reading.point.to_string()).collect();
    open.lock().expect("no other thread failed").insert(id, points);
}

fn answered(packet: &[u8], open: &Open) -> Option<Vec<String>> {
    const PUBACK: u8 = 0x40;
    if packet[0] != PUBACK {
        return None;
    }
    let (_, at) = number(packet, 1)?;
    open.lock().expect("no other thread failed").remove(&word(packet, at)?)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}
