//! A gateway process on a simulated site, with systemd played by the test.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firegrid_gateway::settings::Settings;
use firegrid_gateway::simulate::Simulator;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program at work.
pub(crate) struct Program {
    pub(crate) folder: TempDir,
    pub(crate) simulators: Arc<Vec<Simulator>>,
    fronts: Vec<Front>,
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    systemd: UnixDatagram,
    _runtime: Runtime,
}

/// Settings of lines that each have one panel and one pump, all of them on simulators.
pub(crate) fn site(folder: &Path, lines: &[(&str, SocketAddr)]) -> String {
    let mut text = format!(
        "region = \"demo-county\"\ngateway = \"mall-01\"\ndata = \"{}\"\n\
         [broker]\naddress = \"127.0.0.1:1\"\n",
        folder.join("data").display()
    );
    for (name, address) in lines {
        text += &format!(
            "[[line]]\nname = \"{name}\"\naddress = \"{address}\"\n\
             [[line.device]]\nname = \"{name}-pump\"\nunit_id = 3\n\
             profile = \"fire-pump-controller\"\nalarm_period = \"100ms\"\n"
        );
    }
    text
}

impl Program {
    /// Starts it with a line `a` and a line `b`, and waits until it says that it is ready.
    pub(crate) fn start() -> Program {
        Program::start_in(tempfile::tempdir().expect("a folder"), |text| text)
    }

    /// The same in a folder, with something changed in the settings.
    pub(crate) fn start_in(folder: TempDir, change: impl FnOnce(String) -> String) -> Program {
        Program::start_with(folder, change, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(
        folder: TempDir,
        change: impl FnOnce(String) -> String,
        arguments: &[&str],
    ) -> Program {
        let runtime = Runtime::new().expect("a runtime");
        let nowhere: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let other: SocketAddr = "127.0.0.1:2".parse().expect("an address");
        let text = site(folder.path(), &[("a", nowhere), ("b", other)]);
        let settings = Settings::parse("site", &text).unwrap_or_else(|told| panic!("{told}"));
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let simulators: Vec<Simulator> = settings
            .lines
            .iter()
            .map(|line| Simulator::start(any, line, &settings.inventory))
            .map(|starting| runtime.block_on(starting).expect("a simulator"))
            .collect();
        let systemd = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        systemd.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let file = folder.path().join("gateway.toml");
        let fronts: Vec<Front> = simulators
            .iter()
            .map(|simulator| runtime.block_on(Front::of(simulator.address())))
            .collect();
        let text = site(folder.path(), &lines(&fronts));
        std::fs::write(&file, change(text)).expect("settings");
        let mut child = Command::new(env!("CARGO_BIN_EXE_firegrid-gateway"))
            .args(["run", "--settings"])
            .arg(&file)
            .args(arguments)
            .env("NOTIFY_SOCKET", folder.path().join("notify"))
            .env("WATCHDOG_USEC", "900000")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, errors) = (Arc::clone(&log), child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                lines.lock().expect("the log").push(line);
            }
        });
        let simulators = Arc::new(simulators);
        let mut program =
            Program { folder, simulators, fronts, child, log, systemd, _runtime: runtime };
        program.wait_told("READY=1");
        program
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("gateway.toml")
    }

    /// Where a line leads.
    pub(crate) fn address(&self, line: usize) -> SocketAddr {
        self.fronts[line].address
    }

    /// How often a line was connected to.
    pub(crate) fn connections(&self, line: usize) -> usize {
        self.fronts[line].connections.load(Ordering::Relaxed)
    }

    /// The settings it was started with.
    pub(crate) fn site(&self) -> String {
        site(self.folder.path(), &lines(&self.fronts))
    }

    /// Writes other settings and asks it to read them.
    pub(crate) fn reload(&self, text: &str) {
        std::fs::write(self.file(), text).expect("settings");
        self.signal("HUP");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits until systemd is told this, whatever else it is told before.
    pub(crate) fn wait_told(&mut self, what: &str) {
        let begin = Instant::now();
        let mut message = [0; 512];
        while begin.elapsed() < PATIENCE {
            let Ok(length) = self.systemd.recv(&mut message) else { break };
            let text = String::from_utf8_lossy(&message[..length]).into_owned();
            if text.lines().any(|line| line == what) {
                return;
            }
        }
        panic!("{what} was never told; the log:\n{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("the log").join("\n")
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !is_true() {
            assert!(begin.elapsed() < PATIENCE, "{what}; the log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until every line has been asked so many questions more.
    #[track_caller]
    pub(crate) fn wait_polled(&self, places: &[usize], more: u64) {
        for place in places {
            let asked = self.simulators[*place].requests();
            let most = asked + more;
            self.wait_until("polling goes on", || most <= self.simulators[*place].requests());
        }
    }

    /// Asks it to stop; whether it ended well.
    pub(crate) fn stop(mut self) -> bool {
        self.signal("TERM");
        self.wait_told("STOPPING=1");
        self.child.wait().expect("an end").success()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(fronts: &[Front]) -> Vec<(&'static str, SocketAddr)> {
    ["a", "b"].into_iter().zip(fronts.iter().map(|front| front.address)).collect()
}

/// Stands before a simulator and counts how often it is connected to.
struct Front {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Front {
    async fn of(simulator: SocketAddr) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut behind = TcpStream::connect(simulator).await.expect("the simulator");
                    // A connection that is cut is what the test is about.
                    let _ = copy_bidirectional(&mut stream, &mut behind).await;
                });
            }
        });
        Front { address, connections }
    }
}
