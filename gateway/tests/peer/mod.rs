//! A broker driven by hand: it says what comes in, and answers only what it is told to.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The listening side.
pub(crate) struct Peer {
    listener: TcpListener,
}

/// One client that has connected.
pub(crate) struct Client {
    stream: TcpStream,
    /// What its CONNECT said.
    pub(crate) connect: Connect,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) client_id: String,
    pub(crate) clean_start: bool,
    pub(crate) session_expiry: Option<u32>,
    pub(crate) has_retained_will: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Subscribe { id: u16, topic: String },
    Publish(Publish),
    PingRequest,
    Disconnect,
    Closed,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) id: Option<u16>,
    pub(crate) retained: bool,
    pub(crate) expiry: Option<u32>,
    pub(crate) user: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Peer {
    pub(crate) fn listen() -> Peer {
        Peer { listener: TcpListener::bind("127.0.0.1:0").expect("a free port") }
    }

    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    /// Takes the next connection and reads its CONNECT.
    pub(crate) fn accept(&self) -> Client {
        let (stream, _) = self.listener.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let connect = Connect {
            client_id: String::new(),
            clean_start: false,
            session_expiry: None,
            has_retained_will: false,
        };
        let mut client = Client { stream, connect };
        let (kind, bytes) = client.frame().expect("a CONNECT");
        assert_eq!(kind, 0x10);
        let mut fields = Fields(&bytes);
        assert_eq!(fields.text(), "MQTT");
        assert_eq!(fields.byte(), 5, "the protocol's version");
        let flags = fields.byte();
        fields.number(2);
        let properties = fields.properties();
        client.connect = Connect {
            client_id: fields.text(),
            clean_start: flags & 0x02 != 0,
            session_expiry: properties.session_expiry,
            has_retained_will: flags & 0x24 == 0x24,
        };
        client
    }

    /// Takes connections for a while and refuses each; how many there were.
    pub(crate) fn refuse_for(&self, lasting: Duration) -> usize {
        self.listener.set_nonblocking(true).expect("a listener");
        let begin = std::time::Instant::now();
        let mut count = 0;
        while begin.elapsed() < lasting {
            if let Ok((mut stream, _)) = self.listener.accept() {
                count += 1;
                stream.set_nonblocking(false).expect("a stream");
                // Not authorized.
                stream.write_all(&[0x20, 3, 0, 0x87, 0]).expect("an answer");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.listener.set_nonblocking(false).expect("a listener");
        count
    }
}

impl Client {
    /// Accepts the client, and its subscription, which must come first.
    pub(crate) fn welcome(&mut self) -> String {
        self.send(&[0x20, 3, 0, 0, 0]);
        match self.next() {
            Packet::Subscribe { id, topic } => {
                let [high, low] = id.to_be_bytes();
                self.send(&[0x90, 4, high, low, 0, 1]);
                topic
            }
            other @ (Packet::Publish(_)
            | Packet::PingRequest
            | Packet::Disconnect
            | Packet::Closed) => panic!("instead of a subscription: {other:?}"),
        }
    }

    /// The next packet that is no ping; pings are answered.
    pub(crate) fn next(&mut self) -> Packet {
        loop {
            let packet = self.read();
            if packet != Packet::PingRequest {
                return packet;
            }
            self.send(&[0xd0, 0]);
        }
    }

    /// The next message, and an acknowledgement for it.
    pub(crate) fn take(&mut self) -> Publish {
        match self.next() {
            Packet::Publish(publish) => {
                if let Some(id) = publish.id {
                    self.acknowledge(id);
                }
                publish
            }
            other @ (Packet::Subscribe { .. }
            | Packet::PingRequest
            | Packet::Disconnect
            | Packet::Closed) => panic!("instead of a message: {other:?}"),
        }
    }

    /// The next message on a topic that ends like this. Others are acknowledged and passed over.
    pub(crate) fn take_until(&mut self, ending: &str) -> Publish {
        loop {
            let publish = self.take();
            if publish.topic.ends_with(ending) {
                return publish;
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.send(&[0x40, 2, high, low]);
    }

    /// Sends a message of at most a few hundred bytes.
    pub(crate) fn publish(&mut self, topic: &str, body: &[u8]) {
        let mut rest = (topic.len() as u16).to_be_bytes().to_vec();
        rest.extend(topic.as_bytes());
        rest.push(0);
        rest.extend(body);
        let mut bytes = vec![0x30];
        bytes.extend([(rest.len() % 128) as u8 | 0x80, (rest.len() / 128) as u8]);
        bytes.extend(rest);
        self.send(&bytes);
    }

    /// Says that another client has taken its place.
    pub(crate) fn take_over(&mut self) {
        self.send(&[0xe0, 2, 0x8e, 0]);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a living client");
    }

    fn read(&mut self) -> Packet {
        let Some((kind, bytes)) = self.frame() else { return Packet::Closed };
        let mut fields = Fields(&bytes);
        match kind & 0xf0 {
            0x30 => {
                let topic = fields.text();
                let id = (kind & 0x06 != 0).then(|| fields.number(2) as u16);
                let properties = fields.properties();
                Packet::Publish(Publish {
                    topic,
                    id,
                    retained: kind & 1 != 0,
                    expiry: properties.expiry,
                    user: properties.user,
                    body: fields.0.to_vec(),
                })
            }
            0x80 => {
                let id = fields.number(2) as u16;
                fields.properties();
                Packet::Subscribe { id, topic: fields.text() }
            }
            0xc0 => Packet::PingRequest,
            0xe0 => Packet::Disconnect,
            other => panic!("a packet of kind {other:#x}"),
        }
    }

    /// First byte and content of a packet; none when the client has gone.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).ok()?;
        let kind = byte[0];
        let mut length = 0;
        for place in 0..4 {
            self.stream.read_exact(&mut byte).ok()?;
            length |= usize::from(byte[0] & 0x7f) << (7 * place);
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        let mut content = vec![0; length];
        self.stream.read_exact(&mut content).ok()?;
        Some((kind, content))
    }
}

struct Fields<'a>(&'a [u8]);

#[derive(Default)]
struct Properties {
    session_expiry: Option<u32>,
    expiry: Option<u32>,
    user: Vec<(String, String)>,
}

impl Fields<'_> {
    fn byte(&mut self) -> u8 {
        self.number(1) as u8
    }

    fn number(&mut self, bytes: usize) -> u32 {
        let (number, rest) = self.0.split_at(bytes);
        self.0 = rest;
        number.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    fn text(&mut self) -> String {
        let length = self.number(2) as usize;
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).expect("UTF-8")
    }

    fn properties(&mut self) -> Properties {
        let mut length = 0;
        for place in 0..4 {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        let mut fields = Fields(bytes);
        let mut properties = Properties::default();
        while !fields.0.is_empty() {
            match fields.byte() {
                0x02 => properties.expiry = Some(fields.number(4)),
                0x03 => drop(fields.text()),
                0x11 => properties.session_expiry = Some(fields.number(4)),
                0x21 => drop(fields.number(2)),
                0x26 => properties.user.push((fields.text(), fields.text())),
                0x27 => drop(fields.number(4)),
                other => panic!("a property {other:#x}"),
            }
        }
        properties
    }
}
