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
        command.env("FIREGRID_LOG", "info,firegrid_gateway=debug,firegrid_ingest=debug");
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
