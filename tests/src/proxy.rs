//! A fault proxy: a TCP link that a test can cut, delay, narrow, make deaf and close.
//!
//! ```text
//!   client ──► accepted ──► reader ──(due time, bytes)──► writer ──► server
//!          ◄── the same the other way round ◄──
//! ```
//!
//! It stands between a gateway and the broker, the centre and the broker, or a gateway and its
//! Modbus site. It loses no byte of a connection that goes on: a connection that became deaf
//! stays so until somebody closes it, as with a router that has forgotten it.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the link does at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Carries everything at once.
    Sound,
    /// Every byte arrives so much later, in both directions.
    Delayed(Duration),
    /// Carries so many bytes a second in each direction of each connection.
    Narrow {
        /// Bytes a second.
        bytes_per_second: u32,
    },
    /// Half open: accepts, swallows in these directions and never closes. Connections that
    /// stand now are deaf from now on, for ever.
    Deaf(Deafness),
    /// Closes every new connection at once; those that stand are cut.
    Closed,
}

/// In which direction a half-open link swallows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deafness {
    /// Nothing reaches the server.
    Server,
    /// Nothing reaches the client.
    Client,
    /// Neither.
    Both,
}

/// The running proxy. It ends with this value.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    link: Mutex<Link>,
    connections: Mutex<Vec<Arc<Connection>>>,
    accepted: AtomicUsize,
    ended: AtomicBool,
}

struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Nothing more goes to the server, or to the client.
    swallowed: [AtomicBool; 2],
    closed: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// Pieces of at most [`PIECE_BYTES`] between reader and writer; when it is full the reader
/// waits, and with it whoever sends.
const PIECES_WAITING: usize = 64;

/// What is read at once.
const PIECE_BYTES: usize = 4 << 10;

/// A writer that holds bytes back looks this often whether the link has changed.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// A narrow link carries this many pieces a second.
const NARROW_PIECES: u32 = 50;

impl Proxy {
    /// A sound link to a server, `host:port`, on a port of its own.
    pub fn to(server: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            link: Mutex::new(Link::Sound),
            connections: Mutex::default(),
            accepted: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared }
    }

    /// Where clients connect: `host:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What the link does from now on.
    pub fn set(&self, link: Link) {
        *guard(&self.shared.link) = link;
        match link {
            Link::Sound | Link::Delayed(_) | Link::Narrow { .. } => {}
            Link::Closed => self.cut(),
            Link::Deaf(deafness) => {
                for connection in guard(&self.shared.connections).iter() {
                    connection.become_deaf(deafness);
                }
            }
        }
    }

    /// Closes every connection that stands. What the link does with new ones stays as it is.
    pub fn cut(&self) {
        for connection in guard(&self.shared.connections).drain(..) {
            connection.close();
        }
    }

    /// How many connections came in so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the thread that accepts; if nobody listens any more it has ended.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let link = *guard(&self.link);
            if link == Link::Closed {
                continue;
            }
            // A server that is not there is a connection that closes at once.
            let Ok(server) = TcpStream::connect(&self.server) else { continue };
            let Some(connection) = Connection::between(client, server) else { continue };
            if let Link::Deaf(deafness) = link {
                connection.become_deaf(deafness);
            }
            let connection = Arc::new(connection);
            let mut connections = guard(&self.connections);
            connections.retain(|connection| !connection.closed.load(Ordering::SeqCst));
            connections.push(Arc::clone(&connection));
            drop(connections);
            // The link may have become deaf or closed meanwhile.
            match *guard(&self.link) {
                Link::Deaf(deafness) => connection.become_deaf(deafness),
                Link::Closed => connection.close(),
                Link::Sound | Link::Delayed(_) | Link::Narrow { .. } => {}
            }
            for way in [Way::ToServer, Way::ToClient] {
                let (give, take) = sync_channel(PIECES_WAITING);
                let reading = Arc::clone(&connection);
                std::thread::spawn(move || reading.read(way, &give));
                let (writing, shared) = (Arc::clone(&connection), Arc::clone(&self));
                std::thread::spawn(move || writing.write(way, &take, &shared));
            }
        }
    }
}

impl Connection {
    fn between(client: TcpStream, server: TcpStream) -> Option<Connection> {
        client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).ok()?;
        Some(Connection { client, server, swallowed: Default::default(), closed: false.into() })
    }

    fn become_deaf(&self, deafness: Deafness) {
        let (server, client) = match deafness {
            Deafness::Server => (true, false),
            Deafness::Client => (false, true),
            Deafness::Both => (true, true),
        };
        for (way, deaf) in [(Way::ToServer, server), (Way::ToClient, client)] {
            self.swallowed[way as usize].fetch_or(deaf, Ordering::SeqCst);
        }
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for stream in [&self.client, &self.server] {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn swallows(&self, way: Way) -> bool {
        self.swallowed[way as usize].load(Ordering::SeqCst)
    }

    fn ends(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::ToServer => (&self.client, &self.server),
            Way::ToClient => (&self.server, &self.client),
        }
    }

    fn read(&self, way: Way, give: &SyncSender<(Instant, Vec<u8>)>) {
        let (mut from, _) = self.ends(way);
        let mut piece = [0; PIECE_BYTES];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            if !self.swallows(way) && give.send((Instant::now(), piece[..count].to_vec())).is_err()
            {
                return;
            }
        }
        // Nobody hears that the other end of a deaf link has closed.
        if !self.swallows(way) {
            // The writer closes when everything before has been carried.
            let _ = give.send((Instant::now(), Vec::new()));
        }
    }

    fn write(&self, way: Way, take: &Receiver<(Instant, Vec<u8>)>, shared: &Shared) {
        let (_, mut to) = self.ends(way);
        while let Ok((since, piece)) = take.recv() {
            let mut rest = piece.as_slice();
            loop {
                if self.swallows(way) {
                    break;
                }
                let carried = match *guard(&shared.link) {
                    Link::Sound | Link::Deaf(_) | Link::Closed => rest.len(),
                    Link::Delayed(delay) if delay <= since.elapsed() => rest.len(),
                    Link::Delayed(_) => 0,
                    Link::Narrow { bytes_per_second } => {
                        std::thread::sleep(Duration::from_secs(1) / NARROW_PIECES);
                        rest.len().min((bytes_per_second / NARROW_PIECES).max(1) as usize)
                    }
                };
                if carried == 0 && !rest.is_empty() {
                    if self.closed.load(Ordering::SeqCst) {
                        return;
                    }
                    std::thread::sleep(LOOK_EVERY);
                    continue;
                }
                if to.write_all(&rest[..carried]).is_err() {
                    return self.close();
                }
                rest = &rest[carried..];
                if rest.is_empty() {
                    break;
                }
            }
            if piece.is_empty() && !self.swallows(way) {
                return self.close();
            }
        }
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that says everything back, the proxy before it, and a client.
    struct Echo {
        proxy: Proxy,
    }

    impl Echo {
        fn start() -> Echo {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let address = listener.local_addr().expect("its address").to_string();
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    std::thread::spawn(move || {
                        let mut reader = &stream;
                        let mut writer = &stream;
                        // It ends when the client goes.
                        let _ = std::io::copy(&mut reader, &mut writer);
                    });
                }
            });
            Echo { proxy: Proxy::to(&address) }
        }

        fn connect(&self) -> TcpStream {
            let stream = TcpStream::connect(self.proxy.address).expect("the proxy listens");
            stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
            stream
        }
    }

    fn say(mut stream: &TcpStream, text: &[u8]) {
        stream.write_all(text).expect("the proxy takes everything");
    }

    #[track_caller]
    fn hears(mut stream: &TcpStream, text: &[u8]) {
        let mut heard = vec![0; text.len()];
        stream.read_exact(&mut heard).expect("an answer");
        assert_eq!(heard, text);
    }

    #[track_caller]
    fn is_closed(mut stream: &TcpStream) {
        assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)));
    }

    /// Nothing comes, and the connection stands.
    #[track_caller]
    fn is_silent(mut stream: &TcpStream) {
        stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let error = stream.read(&mut [0]).expect_err("nothing comes");
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_sound_link_carries_everything_in_order() {
        let echo = Echo::start();
        let client = echo.connect();
        let text: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| say(&client, &text));
            hears(&client, &text);
        });
        assert_eq!(echo.proxy.accepted(), 1);
    }

    #[test]
    fn a_cut_closes_what_stands_and_new_connections_are_well() {
        let echo = Echo::start();
        let client = echo.connect();
        say(&client, b"one");
        hears(&client, b"one");
        echo.proxy.cut();
        is_closed(&client);
        let client = echo.connect();
        say(&client, b"two");
        hears(&client, b"two");
    }

    #[test]
    fn a_closed_link_lets_nobody_in_until_it_opens() {
        let echo = Echo::start();
        let client = echo.connect();
        echo.proxy.set(Link::Closed);
        is_closed(&client);
        is_closed(&echo.connect());
        echo.proxy.set(Link::Sound);
        let client = echo.connect();
        say(&client, b"open");
        hears(&client, b"open");
    }

    #[test]
    fn a_deaf_link_swallows_and_never_closes_and_stays_deaf() {
        for deafness in [Deafness::Server, Deafness::Client, Deafness::Both] {
            let echo = Echo::start();
            let before = echo.connect();
            say(&before, b"before");
            hears(&before, b"before");
            echo.proxy.set(Link::Deaf(deafness));
            let during = echo.connect();
            for client in [&before, &during] {
                say(client, b"swallowed");
                is_silent(client);
            }
            echo.proxy.set(Link::Sound);
            say(&before, b"still swallowed");
            is_silent(&before);
            let after = echo.connect();
            say(&after, b"after");
            hears(&after, b"after");
        }
    }

    #[test]
    fn a_delayed_link_holds_back_and_loses_nothing() {
        let echo = Echo::start();
        let client = echo.connect();
        echo.proxy.set(Link::Delayed(Duration::from_secs(3_600)));
        say(&client, b"one");
        say(&client, b"two");
        is_silent(&client);
        echo.proxy.set(Link::Delayed(Duration::from_millis(1)));
        client.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        hears(&client, b"onetwo");
    }

    #[test]
    fn a_narrow_link_carries_slowly_and_loses_nothing() {
        let echo = Echo::start();
        let client = echo.connect();
        echo.proxy.set(Link::Narrow { bytes_per_second: 20_000 });
        let begin = Instant::now();
        say(&client, &[7; 10_000]);
        hears(&client, &[7; 10_000]);
        // Each way takes half a second at least; a machine that is slow only adds to it.
        assert!(Duration::from_millis(400) < begin.elapsed(), "{:?}", begin.elapsed());
    }
}
