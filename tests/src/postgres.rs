//! A throwaway PostgreSQL: made, started, killed and forgotten by one test process.
//!
//! Listens on a socket in its own folder only. It flushes nothing to the disk, so it survives
//! its own death, not the machine's. When the test process ends, however it ends, a shell that
//! waits for that stops the server and removes the folder.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// After this long a server that should run is given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The account inside the database.
const ACCOUNT: &str = "firegrid";

/// Runs the server until its own input ends. `$1` is the folder, `$2` the program.
const KEEPER: &str = r#"
    "$2" -D "$1/data" -k "$1" -c listen_addresses= -c fsync=off -c max_connections=200 \
        -c shared_buffers=32MB >>"$1/log" 2>&1 &
    cat >/dev/null
    kill -QUIT $!
    wait $!
    [ -e "$1/again" ] || rm -rf "$1"
"#;

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    keeper: Option<(Child, ChildStdin)>,
}

impl Postgres {
    /// Makes an empty server and waits until it answers.
    pub fn start() -> Postgres {
        let folder = tempfile::tempdir().expect("a temporary folder").keep();
        if let Some((user, group)) = other_account() {
            chown(&folder, Some(user), Some(group)).expect("the folder can be given away");
        }
        let made = without_root(&program("initdb"))
            .args(["--username", ACCOUNT, "--auth", "trust", "--encoding", "UTF8"])
            .args(["--locale", "C", "--no-sync", "--pgdata"])
            .arg(folder.join("data"))
            .current_dir(&folder)
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut server = Postgres { folder, keeper: None };
        server.start_again();
        server
    }

    /// Kills it as a crash would: every connection is gone, nothing is written down in order.
    pub fn kill(&mut self) {
        std::fs::write(self.folder.join("again"), "").expect("a file in the server's folder");
        self.stop();
    }

    /// Starts it again on what it had committed.
    pub fn start_again(&mut self) {
        let _ = std::fs::remove_file(self.folder.join("again"));
        let mut keeper = without_root(Path::new("sh"))
            .args(["-c", KEEPER, "keeper"])
            .args([self.folder.as_path(), &program("postgres")])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell runs");
        let input = keeper.stdin.take().expect("its input");
        self.keeper = Some((keeper, input));
        let begin = Instant::now();
        while !self.answers() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begin.elapsed() < PATIENCE, "PostgreSQL does not answer\n{}", log());
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Makes an empty database; where it is.
    pub fn database(&self, name: &str) -> String {
        self.ask("postgres", &format!("CREATE DATABASE {name}"));
        let folder = self.folder.display();
        format!("postgres://{ACCOUNT}@localhost/{name}?host={folder}")
    }

    /// What one database answers to a statement, as text.
    pub fn ask(&self, database: &str, statement: &str) -> String {
        let said = self.psql(database, statement);
        assert!(said.status.success(), "{statement}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    fn answers(&self) -> bool {
        self.psql("postgres", "SELECT 1").status.success()
    }

    fn psql(&self, database: &str, statement: &str) -> std::process::Output {
        Command::new(program("psql"))
            .args(["--no-psqlrc", "--tuples-only", "--no-align", "--username", ACCOUNT])
            .args(["--dbname", database, "--command", statement, "--host"])
            .arg(&self.folder)
            .output()
            .expect("psql runs")
    }

    fn stop(&mut self) {
        if let Some((mut keeper, input)) = self.keeper.take() {
            drop(input);
            keeper.wait().expect("the shell ends");
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A program of PostgreSQL. Debian puts the server's beside the versions, not into the path.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> =
        versions.map_while(Result::ok).map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let found = folders.into_iter().map(|folder| folder.join(name)).find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed; run tests/tools"))
}

/// The server refuses to be root: then it is the account of the Debian package.
fn other_account() -> Option<(u32, u32)> {
    let id = |flag: &str, name: &[&str]| -> Option<u32> {
        let said = Command::new("id").arg(flag).args(name).output().expect("id runs");
        String::from_utf8_lossy(&said.stdout).trim().parse().ok()
    };
    if id("-u", &[]) != Some(0) {
        return None;
    }
    let found = ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| Some((id("-u", &[name])?, id("-g", &[name])?)));
    Some(found.expect("an account that is not root"))
}

fn without_root(program: &Path) -> Command {
    let Some((user, group)) = other_account() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &user.to_string(), "--regid", &group.to_string()]);
    command.arg("--clear-groups").arg(program);
    command
}
