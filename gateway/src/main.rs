//! The edge box's program.
//!
//! Exit code 2 means that the settings have mistakes; all of them have been told on the
//! standard error.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use firegrid_gateway::commands::check::Explained;
use firegrid_gateway::settings::Settings;

/// 消防网格联网网关 Firegrid gateway: reads fire panels and sprinkler pressure, delivers them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// 检查设置，说明将读取什么 Checks the settings and tells what would be read.
    Check {
        /// 设置文件 The settings file.
        #[arg(long)]
        settings: PathBuf,
    },
}

/// The settings have mistakes.
const BAD_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check { settings } => with_settings(&settings, |settings| {
            tell(&Explained(&settings));
            ExitCode::SUCCESS
        }),
    }
}

fn with_settings(path: &Path, then: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    match Settings::read(path) {
        Ok(settings) => then(settings),
        Err(mistakes) => {
            tell_mistakes(&mistakes);
            ExitCode::from(BAD_SETTINGS)
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
fn tell(text: &dyn std::fmt::Display) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "there is no log yet when settings are read")]
fn tell_mistakes(mistakes: &dyn std::fmt::Display) {
    eprintln!("设置有误 the settings have {mistakes}");
}
