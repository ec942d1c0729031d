//! The world of one test: its folder, its processes, and waiting for things to become true.

use std::cell::RefCell;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// After this long something that should have become true is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One test's folder and the logs of its processes.
#[derive(Clone)]
pub struct World {
    folder: Rc<tempfile::TempDir>,
    logs: Rc<RefCell<Vec<(String, PathBuf)>>>,
}

impl World {
    /// An empty world in a new folder.
    #[expect(clippy::new_without_default, reason = "a world makes a folder on the disk")]
    pub fn new() -> World {
        let folder = tempfile::tempdir().expect("a temporary folder");
        World { folder: Rc::new(folder), logs: Rc::default() }
    }

    /// A path in the world's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The log file of a process, shown when something does not come true.
    pub(crate) fn log_of(&self, part: &str) -> PathBuf {
        let path = self.path(&format!("{part}.log"));
        let mut logs = self.logs.borrow_mut();
        if !logs.iter().any(|(name, _)| name == part) {
            logs.push((part.to_owned(), path.clone()));
        }
        path
    }

    /// Waits until something is true, or fails with the state of all parts.
    #[track_caller]
    pub fn until(&self, what: &str, mut is_true: impl FnMut() -> bool) {
        self.until_some(what, || is_true().then_some(()));
    }

    /// Waits until there is something, or fails with the state of all parts.
    #[track_caller]
    pub fn until_some<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let begin = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            if PATIENCE < begin.elapsed() {
                panic!("after {PATIENCE:?} it is not true that {what}\n{}", self.state());
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Looks at something again and again for a while: it must stay true.
    #[track_caller]
    pub fn stays(&self, what: &str, lasting: Duration, mut is_true: impl FnMut() -> bool) {
        let begin = Instant::now();
        while begin.elapsed() < lasting {
            assert!(is_true(), "it is no longer true that {what}\n{}", self.state());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The last lines of every process.
    pub fn state(&self) -> String {
        let mut state = String::new();
        for (name, path) in self.logs.borrow().iter() {
            let log = std::fs::read_to_string(path).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            state.push_str(&format!("--- {name} ({} lines)\n", lines.len()));
            for line in &lines[lines.len().saturating_sub(25)..] {
                state.push_str(line);
                state.push('\n');
            }
        }
        state
    }
}

/// The top folder of the project.
pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the project's folder")
}

/// The folder in which cargo puts programs; `make test` has built them.
pub(crate) fn programs() -> PathBuf {
    let this = std::env::current_exe().expect("the path of this test");
    this.parent().and_then(Path::parent).expect("the programs' folder").to_owned()
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// One of our programs.
pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// The Python with the packages of `tests/foreign/requirements.txt`, which `make tools` installs.
pub fn python() -> PathBuf {
    programs().join("../tools/venv/bin/python")
}

/// A shipped settings file below `deploy/settings`, to be changed and written elsewhere.
pub fn settings_from(name: &str) -> toml::Table {
    let path = project().join("deploy/settings").join(name);
    let text = std::fs::read_to_string(&path).expect("the shipped settings");
    text.parse().expect("the shipped settings are TOML")
}
