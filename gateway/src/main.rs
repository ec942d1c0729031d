//! The edge box's program.
//!
//! Exit code 2 means that the settings have mistakes; all of them have been told on the
//! standard error.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use firegrid_gateway::commands::check::Explained;
use firegrid_gateway::commands::look::{self, Form, Question};
use firegrid_gateway::commands::simulate::{self, Wish};
use firegrid_gateway::service::{self, Reloads};
use firegrid_gateway::settings::Settings;
use firegrid_gateway::systemd::Systemd;
use firegrid_wire::terminal::{tell, tell_beside};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// 消防网格联网网关 Firegrid gateway: reads fire panels and sprinkler pressure, delivers them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// 运行网关 Reads the devices and delivers what they say, until it is asked to stop.
    Run {
        /// 设置文件 The settings file.
        #[arg(long)]
        settings: PathBuf,
        /// 日志格式 How the log is written.
        #[arg(long, value_enum, default_value_t = LogFormat::Text)]
        log_format: LogFormat,
    },
    /// 运行中的网关状态 Tells how the gateway stands that runs with these settings.
    Status {
        /// 设置文件 The settings file.
        #[arg(long)]
        settings: PathBuf,
        /// 以 JSON 输出 Writes JSON.
        #[arg(long)]
        json: bool,
    },
    /// 设备最近的读数 Tells what that gateway last read of a device, raw and decoded.
    Read {
        /// 设置文件 The settings file.
        #[arg(long)]
        settings: PathBuf,
        /// 以 JSON 输出 Writes JSON.
        #[arg(long)]
        json: bool,
        /// 设备名 The device's name.
        device: String,
    },
    /// 检查设置，说明将读取什么 Checks the settings and tells what would be read.
    Check {
        /// 设置文件 The settings file.
        #[arg(long)]
        settings: PathBuf,
    },
    /// 模拟一条线路 Is a line of the settings for others to read, with faults by key and script.
    Simulate(Wish),
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One line of text each, on the standard error.
    Text,
    /// One JSON object a line, on the standard error.
    Json,
    /// Into the journal of systemd, with its fields.
    Journald,
}

/// What is logged, in the words of `tracing`'s filters; `info` if it is not set.
const LOG: &str = "FIREGRID_LOG";

/// The settings have mistakes.
const BAD_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run { settings: file, log_format } => {
            with_settings(&file, |settings| run(settings, file.clone(), log_format))
        }
        Command::Status { settings, json } => look(&settings, &Question::State, json),
        Command::Read { settings, json, device } => {
            look(&settings, &Question::Readings(device), json)
        }
        Command::Check { settings } => with_settings(&settings, |settings| check(&settings)),
        Command::Simulate(wish) => {
            with_settings(&wish.settings, |settings| simulate(&wish, &settings))
        }
    }
}

/// Runs until SIGTERM or Ctrl-C, and reads the settings anew on SIGHUP; a service that ends for another reason has failed.
fn run(settings: Settings, file: PathBuf, log_format: LogFormat) -> ExitCode {
    begin_log(log_format);
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run_until_asked(settings, file)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            tracing::error!(cause = format!("{cause:#}"), "Gateway has stopped.");
            ExitCode::FAILURE
        }
    }
}

/// A box without a journal logs as text, and says so.
fn begin_log(format: LogFormat) {
    let filter = EnvFilter::try_from_env(LOG).unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    let lines = || tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Text => log.with(lines().with_ansi(colours)).init(),
        LogFormat::Json => log.with(lines().json().flatten_event(true)).init(),
        LogFormat::Journald => match tracing_journald::layer() {
            Ok(journal) => log.with(journal).init(),
            Err(error) => {
                log.with(lines().with_ansi(colours)).init();
                tracing::warn!(%error, "There is no journal, the log goes to the standard error.");
            }
        },
    }
}

async fn run_until_asked(settings: Settings, file: PathBuf) -> anyhow::Result<()> {
    let asked_to_stop = asked_to_stop()?;
    let mut hung_up = signal(SignalKind::hangup())?;
    let (ask, asked) = mpsc::channel(1);
    let reloads = Reloads { file, asked };
    tokio::spawn(async move {
        while hung_up.recv().await.is_some() {
            // One that waits already will read what stands there then.
            let _ = ask.try_send(());
        }
    });
    service::run_operated(settings, reloads, Systemd::of_process()?, asked_to_stop).await
}

fn simulate(wish: &Wish, settings: &Settings) -> ExitCode {
    let simulated = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            runtime.block_on(async {
                let asked_to_stop = asked_to_stop()?;
                simulate::run(wish, settings, asked_to_stop).await
            })
        });
    match simulated {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            tell_beside(&format_args!("{cause:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Ready on SIGTERM or Ctrl-C.
fn asked_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

fn with_settings(path: &Path, then: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    match Settings::read(path) {
        Ok(settings) => then(settings),
        Err(mistakes) => {
            tell_beside(&format_args!("设置有误 the settings have {mistakes}"));
            ExitCode::from(BAD_SETTINGS)
        }
    }
}

fn look(settings: &Path, question: &Question, json: bool) -> ExitCode {
    let form = if json { Form::Json } else { Form::Text };
    let told = look::ask(settings, question, form).and_then(|said| Ok(tell(&said)?));
    match told {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            tell_beside(&format_args!("{cause:#}"));
            ExitCode::FAILURE
        }
    }
}

fn check(settings: &Settings) -> ExitCode {
    match tell(&Explained(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_beside(&error);
            ExitCode::FAILURE
        }
    }
}
