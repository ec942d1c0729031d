//! A line reads servers that are not ours: pymodbus and libmodbus by RTU over a cable between two
//! pseudo terminals, and pymodbus by RTU over TCP. Every value that comes out is right.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use firegrid_gateway::clock::Clock;
use firegrid_gateway::line;
use firegrid_gateway::poll::News;
use firegrid_gateway::settings::Settings;
use firegrid_wire::reading::{Quality, Value};
use system_tests::python;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_serial::{SerialPort as _, SerialStream};

/// After this long news that should have come is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Counters in registers 100 to 399, read by three requests.
const PROFILE: &str = r#"
name = "plain"
label = "plain registers"
manual = "this test"
reads = { registers = 100 }
[[point]]
source = "this test"
name = "C{n}"
label = "counter {n}"
each = { n = { from = 0, to = 299, step = 1 } }
register = 100
number = { type = "u16", unit = "count", plausible = [0.0, 65535.0] }
system = 1
part = 0
"#;

/// Complete polls of each device that are waited for.
const POLLS: usize = 20;

struct Server(Child);

impl Server {
    /// Starts it and waits until it serves; on which port, if it is one of TCP.
    fn start(command: &mut Command) -> (Server, u16) {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child =
            started.unwrap_or_else(|error| panic!("{command:?}: {error}; run `make tools`"));
        let mut said = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut said).expect("it says that it serves");
        let said: serde_json::Value = serde_json::from_str(&said).expect("it says JSON");
        (Server(child), said["port"].as_u64().expect("a port") as u16)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.0.kill().and_then(|()| self.0.wait());
        assert!(ended.is_ok() || std::thread::panicking(), "the server cannot be ended");
    }
}

/// A cable between two serial ports. What is held keeps them from hanging up while nobody has
/// opened them.
struct Cable {
    ends: [PathBuf; 2],
    _held: [File; 2],
}

impl Cable {
    fn lay() -> Cable {
        let [(mut far, here, held), (mut other, there, held_there)] = [terminal(), terminal()];
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut far, &mut other).await });
        Cable { ends: [here, there], _held: [held, held_there] }
    }
}

fn terminal() -> (SerialStream, PathBuf, File) {
    let (far, near) = SerialStream::pair().expect("a pseudo terminal");
    let path = PathBuf::from(near.name().expect("a name"));
    let held = File::options().read(true).write(true).open(&path).expect("a second hand on it");
    (far, path, held)
}

fn foreign(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("foreign").join(name)
}

/// Settings of one line with these units.
fn settings(leads: &str, units: &[u8]) -> Settings {
    let folder = tempfile::tempdir().expect("a folder");
    let profiles = folder.path().join("profiles");
    std::fs::create_dir(&profiles).expect("a folder");
    std::fs::write(profiles.join("plain.toml"), PROFILE).expect("a profile");
    let devices: String = units
        .iter()
        .map(|unit| {
            format!(
                "[[line.device]]\nname = \"d{unit}\"\nunit_id = {unit}\nprofile = \"plain\"\n\
                 analog_period = \"100ms\"\n"
            )
        })
        .collect();
    let text = format!(
        "region = \"r\"\ngateway = \"g\"\ndata = \"d\"\nprofiles = \"profiles\"\n\
         broker = {{ address = \"127.0.0.1:1883\" }}\n[[line]]\nname = \"l\"\n{leads}\n\
         timeout = \"1s\"\n{devices}"
    );
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, text).expect("a file");
    Settings::read(&file).unwrap_or_else(|told| panic!("{told}"))
}

/// Every device is polled again and again, none is lost, and every register is what its server
/// holds: 1,000 times its unit and its own number.
async fn check(leads: &str, units: &[u8]) {
    let settings = settings(leads, units);
    let (sender, mut news) = mpsc::channel(64);
    let line = settings.lines[0].clone();
    let task = tokio::spawn(line::run(line, Clock::begin(), sender));
    let mut polls: BTreeMap<u32, usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    while polls.len() < units.len() || polls.values().any(|count| *count < POLLS) {
        let told = timeout(PATIENCE, news.recv()).await;
        let told = told.unwrap_or_else(|_| panic!("no news after {polls:?}"));
        let changed = match told.expect("the line lives") {
            News::Polled { device, changed, .. } => {
                *polls.entry(device.0).or_default() += 1;
                changed
            }
            News::Ahead { changed, .. } => changed,
            News::Lost { device, .. } => panic!("device {} is lost", device.0),
        };
        for said in changed {
            let entry = &settings.inventory.point(said.point).entry;
            let unit: f64 = entry.n.device()[1..].parse().expect("a unit");
            let place: f64 = entry.n.point()[1..].parse().expect("a number");
            assert_eq!(said.quality, Quality::Good, "{}", entry.n);
            match said.value {
                Value::Number(number, _) => {
                    assert_eq!(number, unit * 1_000.0 + 100.0 + place, "{}", entry.n);
                }
                Value::States(_) | Value::Unknown => panic!("{} is {}", entry.n, said.value),
            }
            seen.insert(said.point.0);
        }
    }
    assert_eq!(seen.len(), 300 * units.len(), "every register has been told");
    task.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_is_read_over_a_serial_cable() {
    let cable = Cable::lay();
    let [ours, theirs] = &cable.ends;
    let mut command = Command::new(python());
    let (_server, _) = Server::start(command.arg(foreign("modbus_rtu_server.py")).arg(theirs));
    let path = ours.display();
    check(&format!("serial = {{ path = \"{path}\", baud = 19200 }}"), &[1, 2, 3]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn libmodbus_is_read_over_a_serial_cable() {
    let cable = Cable::lay();
    let [ours, theirs] = &cable.ends;
    let program = python().with_file_name("../../modbus_rtu_server");
    let (_server, _) = Server::start(Command::new(program).arg(theirs));
    let path = ours.display();
    check(&format!("serial = {{ path = \"{path}\", baud = 19200, parity = \"even\" }}"), &[1])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pymodbus_is_read_by_rtu_over_tcp() {
    let mut command = Command::new(python());
    let (_server, port) = Server::start(command.arg(foreign("modbus_rtu_server.py")));
    check(&format!("rtu_over_tcp = \"127.0.0.1:{port}\""), &[1, 2, 3]).await;
}
