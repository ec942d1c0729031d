//! `simulate`: a line of a site as a Modbus server, with faults by key and by script.
//!
//! For training, acceptance and tests beside a gateway that reads it. It listens on this machine
//! alone unless it is told where, and is nothing that a building may rely on.

use std::io::{IsTerminal as _, Read as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use firegrid_wire::terminal::tell_beside;
use tokio::sync::mpsc;

use crate::settings::{Line, Settings};
use crate::simulate::Simulator;
use crate::simulate::keys::{HELP, Keys, Pressed};
use crate::simulate::script::Script;

/// Where it listens if nobody says it.
pub const LISTEN: &str = "127.0.0.1:1502";

/// What is simulated, and how.
#[derive(Debug, clap::Args)]
pub struct Wish {
    /// 设置文件 The settings file.
    #[arg(long)]
    pub settings: PathBuf,
    /// 哪条线路 The line; needed if the settings have several.
    #[arg(long)]
    pub line: Option<String>,
    /// 监听地址 Where to listen, Modbus TCP.
    #[arg(long, default_value = LISTEN)]
    pub listen: SocketAddr,
    /// 脚本 What happens, and when.
    #[arg(long)]
    pub script: Option<PathBuf>,
}

/// Keys that wait to be taken: nobody presses faster.
const KEYS_WAITING: usize = 16;

/// Serves until `shutdown` is ready or somebody presses `q`.
pub async fn run(
    wish: &Wish,
    settings: &Settings,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let line = line(wish.line.as_deref(), settings)?;
    let script = wish.script.as_ref().map(|path| {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the script {file} cannot be read"))?;
        let script = Script::read(&file, &text, line, &settings.inventory);
        script.map_err(|mistakes| anyhow::anyhow!("脚本有误 the script has {mistakes}"))
    });
    let script = script.transpose()?;
    let simulator = Simulator::start(wish.listen, line, &settings.inventory)
        .await
        .with_context(|| format!("{} cannot be listened at", wish.listen))?;
    tell_beside(&format_args!(
        "线路 line {} 模拟于 is simulated at {}",
        line.name,
        simulator.address()
    ));
    let mut keys = Keys::new(line, &settings.inventory);
    let mut terminal = Terminal::take();
    if terminal.is_some() {
        tell_beside(&HELP);
        for (number, device) in (1..).zip(keys.devices()) {
            tell_beside(&format_args!("{number} {device}"));
        }
    }
    let mut shutdown = std::pin::pin!(shutdown);
    let mut play = std::pin::pin!(async {
        if let Some(script) = &script {
            script.play(&simulator, |at, order| tell_beside(&format_args!("{at} {order}"))).await;
        }
        // What the script has left behind stays to be looked at.
        std::future::pending::<()>().await;
    });
    loop {
        let key = tokio::select! {
            () = &mut shutdown => return Ok(()),
            () = &mut play => return Ok(()),
            key = next_key(&mut terminal) => key,
        };
        match keys.press(key) {
            Pressed::Do(order) => match simulator.obey(&order) {
                Ok(()) => tell_beside(&order),
                Err(cannot) => tell_beside(&cannot),
            },
            Pressed::Chosen(device) => tell_beside(&device),
            Pressed::Nothing => tell_beside(&HELP),
            Pressed::Quit => return Ok(()),
        }
    }
}

/// A terminal that gives every key at once and shows none; as it was before when it is dropped.
struct Terminal {
    before: String,
    pressed: mpsc::Receiver<char>,
}

impl Terminal {
    /// `None` if nobody sits there.
    fn take() -> Option<Terminal> {
        if !std::io::stdin().is_terminal() {
            return None;
        }
        let before = stty(&["-g"])?;
        stty(&["-icanon", "-echo", "min", "1"])?;
        let (press, pressed) = mpsc::channel(KEYS_WAITING);
        // Nothing can wake a thread that waits for a key: it ends with the process.
        std::thread::spawn(move || {
            for key in std::io::stdin().lock().bytes().map_while(Result::ok) {
                if press.blocking_send(char::from(key)).is_err() {
                    return;
                }
            }
        });
        Some(Terminal { before: before.trim().to_owned(), pressed })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        stty(&[&self.before]);
    }
}

/// The terminal's settings are changed by the program that every system has for it.
fn stty(arguments: &[&str]) -> Option<String> {
    let done = Command::new("stty").args(arguments).stdin(Stdio::inherit()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

async fn next_key(terminal: &mut Option<Terminal>) -> char {
    if let Some(terminal) = terminal
        && let Some(key) = terminal.pressed.recv().await
    {
        return key;
    }
    std::future::pending().await
}

fn line<'a>(name: Option<&str>, settings: &'a Settings) -> anyhow::Result<&'a Line> {
    let names = || {
        let names = settings.lines.iter().map(|line| line.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    match (name, settings.lines.as_slice()) {
        (None, [line]) => Ok(line),
        (None, _) => anyhow::bail!("say which --line: {}", names()),
        (Some(name), lines) => lines
            .iter()
            .find(|line| line.name == name)
            .with_context(|| format!("there is no line {name:?}; there are {}", names())),
    }
}
