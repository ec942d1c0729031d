//! `firegrid-ingest`: the monitoring centre as a program.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use firegrid_ingest::commands;
use firegrid_ingest::registry::{Encoding, Language};
use firegrid_wire::document::Mistakes;
use firegrid_wire::terminal::tell_beside;
use tracing_subscriber::EnvFilter;

/// What was asked for did not work.
const FAILED: u8 = 1;
/// The settings are wrong; clap uses the same code for a wrong command line.
const MISTAKEN: u8 = 2;

/// 监控中心：接收网关数据，研判、存储，并把故障变成工单。
/// The monitoring centre: admits what gateways deliver, judges it, and turns faults into tickets.
#[derive(Debug, Parser)]
#[command(version)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// 运行监控中心，直到被要求停止。 Runs the centre until it is asked to stop.
    Run {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
    /// 在线备份数据库（SQLite）。 Copies the tables into a new file, also while the centre runs.
    Backup {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
        /// 备份文件，须尚不存在。 The new file.
        file: PathBuf,
    },
    /// 数据库由 pg_restore 等方式恢复后，启动前执行一次。 To be run once after the tables were
    /// put back by other means than a file of `backup`.
    Restored {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
    /// 从文件夹导入网格、单位、建筑、人员、网关、设备表。 Imports the registry from a folder of
    /// sheets (grids.csv, units.csv …), while the centre does not run.
    Import {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
        /// 只检查，不写入。 Tells every mistake and what would change, and writes nothing.
        #[arg(long)]
        dry_run: bool,
        /// 编码：utf-8 或 gb18030；不指定则自动识别。 How the sheets are written, if that is not
        /// to be found out.
        #[arg(long)]
        encoding: Option<Encoding>,
        /// 存放表格的文件夹。 The folder of the sheets.
        folder: PathBuf,
    },
    /// 导出登记信息到文件夹。 Exports the registry into a folder, also while the centre runs.
    Export {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
        /// 编码：utf-8（带 BOM）或 gb18030。 How the sheets are written.
        #[arg(long, default_value = "utf-8")]
        encoding: Encoding,
        /// 表头和词语用英文。 Heads and words in English instead of Chinese.
        #[arg(long)]
        english: bool,
        /// 目标文件夹。 The folder to write into.
        folder: PathBuf,
    },
    /// 检查设置，说明会做什么，什么也不启动。 Checks the settings and says what would be done.
    Check {
        /// 设置文件。 The settings file.
        #[arg(long, value_name = "FILE")]
        settings: PathBuf,
    },
}

fn main() -> ExitCode {
    let line = Line::parse();
    log_to_stderr();
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let done = match line.command {
        Command::Run { settings } => commands::run::run(&settings, environment),
        Command::Backup { settings, file } => {
            commands::backup::backup(&settings, environment, &file)
        }
        Command::Restored { settings } => commands::backup::restored(&settings, environment),
        Command::Import { settings, dry_run, encoding, folder } => {
            let wanted = commands::registry::Wanted { folder: &folder, encoding, dry_run };
            let out = &mut std::io::stdout().lock();
            commands::registry::import(&settings, environment, wanted, out)
        }
        Command::Export { settings, encoding, english, folder } => {
            let language = if english { Language::English } else { Language::Chinese };
            commands::registry::export(&settings, environment, &folder, encoding, language)
        }
        Command::Check { settings } => {
            commands::check::check(&settings, environment, &mut std::io::stdout().lock())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tell(&error),
    }
}

/// `FIREGRID_LOG` says what is logged, as in `info,firegrid_ingest=debug`.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_env_var("FIREGRID_LOG")
        .with_default_directive(tracing::Level::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}

/// The one place where an error meets the user.
fn tell(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Mistakes>() {
        Some(mistakes) => {
            tell_beside(&format_args!("设置有误。 The settings cannot be used.\n{mistakes}"));
            ExitCode::from(MISTAKEN)
        }
        None => {
            tell_beside(&format_args!("{error:#}"));
            ExitCode::from(FAILED)
        }
    }
}
