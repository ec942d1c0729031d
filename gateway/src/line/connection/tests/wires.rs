//! The same over real sockets and a real pseudo terminal, and what single wires do.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio_serial::{SerialPort as _, SerialStream};

use super::*;
use crate::settings::{Dialled, Leads, Listen};

/// Questions of each real wire.
const QUESTIONS: usize = 300;
const PATIENCE: Duration = Duration::from_millis(30);
const LONGEST: Duration = Duration::from_millis(120);

/// A socket at which a bus is heard, and how often somebody has connected.
async fn socket(bus: &Bus) -> (Dialled, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (bus, connected) = (bus.clone(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connected);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            stream.set_nodelay(true).expect("a stream of TCP");
            tokio::spawn(bus.clone().serve(Box::new(stream)));
        }
    });
    (Dialled { address: address.parse().expect("an address"), backup: None }, connected)
}

/// A pseudo terminal: the far end, and the path of the near one. As long as the file is held,
/// the far end does not hang up while nobody has opened the near one.
fn terminal() -> (SerialStream, PathBuf, File) {
    let (far, near) = SerialStream::pair().expect("a pseudo terminal");
    let path = PathBuf::from(near.name().expect("a name"));
    let held = File::options().read(true).write(true).open(&path).expect("a second hand on it");
    (far, path, held)
}

async fn check_over(leads: Leads, bus: Bus, seed: u64) {
    let clock = Clock::begin();
    let endpoint = Endpoint::new("line", &leads, clock);
    let mut connection = Connection::new(endpoint, LONGEST, 4, clock);
    let tally = ask_many(&bus, &mut connection, QUESTIONS, seed).await;
    never_wrong(&tally, seed);
}

#[tokio::test]
async fn a_real_socket_is_never_wrong() {
    let bus = Bus::new(&Wire::tcp(), PATIENCE, LONGEST, Faults::Often, 11);
    let (to, _) = socket(&bus).await;
    check_over(Leads::Tcp(to), bus, 11).await;
}

#[tokio::test]
async fn rtu_over_a_real_socket_is_never_wrong() {
    let wire = Wire::rtu_over_tcp();
    let bus = Bus::new(&wire, PATIENCE, LONGEST, Faults::OftenAndAtOnce, 12);
    let (to, _) = socket(&bus).await;
    check_over(Leads::RtuOverTcp(to), bus, 12).await;
}

#[tokio::test]
async fn a_pseudo_terminal_is_never_wrong() {
    let (far, path, _held) = terminal();
    let serial = Serial { path, ..serial() };
    let wire = Wire::serial(serial.clone());
    let bus = Bus::new(&wire, PATIENCE, LONGEST, Faults::OftenAndAtOnce, 13);
    tokio::spawn(bus.clone().serve(Box::new(far)));
    check_over(Leads::Serial(serial), bus, 13).await;
}

const READ: Read = Read { table: Table::HoldingRegisters, first: 7, count: 2 };

/// A connection whose two devices always answer if anybody does.
fn connection(leads: &Leads) -> Connection {
    let clock = Clock::begin();
    Connection::new(Endpoint::new("line", leads, clock), Duration::from_millis(300), 2, clock)
}

fn honest(wire: &Wire) -> Bus {
    Bus::new(wire, PATIENCE, LONGEST, Faults::Never, 14)
}

/// Opens if it must, and asks a unit.
async fn ask(connection: &mut Connection, unit: u8) -> Result<Answer, NoAnswer> {
    connection.open().await?;
    connection.ask(unit, READ, Duration::from_millis(300)).await
}

/// Asks until there is an answer.
async fn until_answered(connection: &mut Connection) {
    let begin = connection.clock.elapsed();
    loop {
        match ask(connection, 1).await {
            Ok(Answer::Registers(_)) => return,
            other => {
                let waited = connection.clock.elapsed().saturating_sub(begin);
                assert!(waited < Duration::from_secs(20), "never answered: {other:?}");
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// An address at which nobody listens.
async fn nobody() -> Dialled {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    Dialled { address: address.parse().expect("an address"), backup: None }
}

#[tokio::test]
async fn the_backup_is_used_when_the_primary_cannot_be_reached() {
    let bus = honest(&Wire::tcp());
    let (good, connected) = socket(&bus).await;
    let to = Dialled { backup: Some(good.address), ..nobody().await };
    let mut connection = connection(&Leads::Tcp(to));
    ask(&mut connection, 1).await.expect("an answer by the backup");
    assert_eq!(connected.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_backup_is_used_when_every_device_has_been_asked_twice_in_vain() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    let bus = honest(&Wire::rtu_over_tcp());
    let (good, connected) = socket(&bus).await;
    let address = address.parse().expect("an address");
    let mut connection =
        connection(&Leads::RtuOverTcp(Dialled { address, backup: Some(good.address) }));
    for unit in [1, 2, 1, 2] {
        assert_eq!(connected.load(Ordering::Relaxed), 0, "before all have been asked twice");
        ask(&mut connection, unit).await.expect_err("the primary is silent");
    }
    ask(&mut connection, 1).await.expect("an answer by the backup");
    assert_eq!(connected.load(Ordering::Relaxed), 1);
}

/// The primary is tried beside the questions: none of them fails.
#[tokio::test]
async fn the_primary_is_used_again_when_it_takes_connections_and_no_question_is_lost() {
    let (bus, primary) = (honest(&Wire::tcp()), nobody().await);
    let (good, _) = socket(&bus).await;
    let leads = Leads::Tcp(Dialled { backup: Some(good.address), ..primary.clone() });
    let mut connection = connection(&leads);
    ask(&mut connection, 1).await.expect("an answer by the backup");

    let place = (primary.address.host(), primary.address.port());
    let listener = TcpListener::bind(place).await.expect("the port is free");
    let again = honest(&Wire::tcp());
    let bus_again = again.clone();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a caller");
        bus_again.serve(Box::new(stream)).await;
    });
    for _ in 0..4_000 {
        ask(&mut connection, 1).await.expect("no question is lost");
        if again.truth().is_ok() {
            return;
        }
        tokio::time::pause();
        tokio::time::advance(Duration::from_millis(20)).await;
        tokio::time::resume();
    }
    panic!("the primary was never asked");
}

/// A port that nobody has.
async fn listen(framing: Framing, from: &str) -> Listen {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    Listen { address, framing, from: Some(from.parse().expect("an address")), heartbeat: None }
}

/// A converter dials in from an address of the loopback, as soon as somebody listens.
async fn dial_in(bus: &Bus, from: &str, to: &Listen) {
    let begin = std::time::Instant::now();
    loop {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(format!("{from}:0").parse().expect("an address")).expect("it is ours");
        match socket.connect(to.address).await {
            Ok(stream) => {
                tokio::spawn(bus.clone().serve(Box::new(stream)));
                return;
            }
            Err(cause) => {
                assert!(begin.elapsed() < Duration::from_secs(20), "nobody listens: {cause}");
                sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

async fn check_dial_in(framing: Framing) {
    let listen = listen(framing, "127.0.0.2").await;
    let wire = Wire::dialled_in(framing);
    let (stranger, first, second) = (honest(&wire), honest(&wire), honest(&wire));
    let mut connection = connection(&Leads::Listen(listen.clone()));
    let (answer, ()) =
        tokio::join!(ask(&mut connection, 1), dial_in(&stranger, "127.0.0.3", &listen));
    assert!(matches!(answer, Err(NoAnswer::NobodyDialledIn)), "{answer:?}");
    assert_eq!(stranger.truth(), Err(()), "a stranger is asked nothing");

    dial_in(&first, "127.0.0.2", &listen).await;
    until_answered(&mut connection).await;
    assert!(first.truth().is_ok());

    // It has lost its power, and dials in anew without having hung up.
    dial_in(&second, "127.0.0.2", &listen).await;
    let begin = connection.clock.elapsed();
    while second.truth().is_err() {
        ask(&mut connection, 1).await.expect("an answer by the older or the newer");
        let waited = connection.clock.elapsed().saturating_sub(begin);
        assert!(waited < Duration::from_secs(20), "the newer is never asked");
    }
}

#[tokio::test]
async fn a_converter_of_rtu_dials_in_and_the_newest_counts() {
    check_dial_in(Framing::Rtu).await;
}

#[tokio::test]
async fn a_converter_of_modbus_tcp_dials_in_and_the_newest_counts() {
    check_dial_in(Framing::Tcp).await;
}

#[tokio::test]
async fn a_serial_port_that_is_not_there_is_told_and_found_when_it_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("port");
    let leads = Leads::Serial(Serial { path: path.clone(), ..serial() });
    let mut connection = connection(&leads);
    let answer = ask(&mut connection, 1).await;
    assert!(matches!(answer, Err(NoAnswer::Unconnected(_))), "{answer:?}");

    let (far, terminal, _held) = terminal();
    std::os::unix::fs::symlink(&terminal, &path).expect("a name for it");
    tokio::spawn(honest(&Wire::serial(serial())).serve(Box::new(far)));
    until_answered(&mut connection).await;
}
