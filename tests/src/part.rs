//! A process of the world: started, killed, stopped, with its log.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::World;

/// One running process. It is killed when the test ends.
pub struct Part {
    name: String,
    child: Option<Child>,
}

/// What the shipped service sets for a program, so that what is measured is what is delivered.
fn environment_of_service(program: &str) -> Vec<(String, String)> {
    let unit = format!("{}/../deploy/{program}.service", env!("CARGO_MANIFEST_DIR"));
    let unit = std::fs::read_to_string(unit).unwrap_or_default();
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Part {
    /// Starts a program; what it prints goes to the world's log of that name.
    pub fn start(world: &World, name: &str, command: &mut Command) -> Part {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(world.log_of(name))
            .expect("the log can be written");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}; run `make test`"));
        Part { name: name.to_owned(), child: Some(child) }
    }

    /// One of our own programs with its settings file.
    pub(crate) fn start_ours(world: &World, name: &str, program: &str, settings: &Path) -> Part {
        let mut command = Command::new(crate::program(program));
        command.arg("run").arg("--settings").arg(settings);
        command.envs(environment_of_service(program));
        if std::env::var_os("FIREGRID_LOG").is_none() {
            command.env("FIREGRID_LOG", "info,firegrid_gateway=debug,firegrid_ingest=debug");
        }
        Part::start(world, name, &mut command)
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a process of ours can be killed");
            child.wait().expect("it ends");
        }
    }

    /// `kill -TERM`; whether it ended well.
    pub fn stop(&mut self) -> bool {
        let Some(mut child) = self.child.take() else { return false };
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} can be signalled", self.name);
        child.wait().is_ok_and(|status| status.success())
    }

    /// `SIGSTOP`: it stands still with everything it holds, and its connections stay open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// `SIGCONT`: it goes on as if no time had passed.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let Some(child) = &self.child else { return };
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} can be signalled", self.name);
    }

    /// Resident memory in MiB, as the kernel counts it.
    pub fn resident_mib(&self) -> f64 {
        self.memory_mib("VmRSS:")
    }

    /// The most resident memory in MiB that it has had.
    pub fn most_resident_mib(&self) -> f64 {
        self.memory_mib("VmHWM:")
    }

    fn memory_mib(&self, name: &str) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("its memory");
        let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("kB");
        kib / 1024.0
    }

    /// Seconds of CPU used so far, in user and in system mode.
    pub fn cpu_seconds(&self) -> f64 {
        /// The kernel counts in hundredths, whatever its own ticks are.
        const TICKS: f64 = 100.0;
        let stat = self.proc("stat");
        let (_, fields) = stat.rsplit_once(')').expect("its name in brackets");
        let ticks = fields.split_ascii_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().expect("ticks")).sum::<f64>() / TICKS
    }

    /// The number of its process; 0 when it has gone.
    pub fn process(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.process()))
            .expect("the process lives")
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.kill();
    }
}
