//! Checks a rulebook and plays scenarios: what an author of rules needs, without a centre.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use firegrid_rules::rulebook::{Rulebook, Selector, Words};
use firegrid_rules::scenario::{Outcome, Scenarios};
use firegrid_wire::terminal::{tell, tell_beside};

/// Checks rulebooks and plays scenarios. Exit code 1: a scenario failed; 2: a file is wrong.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reads a rulebook and lists its rules, or every mistake in it.
    Check {
        /// Rule files or folders of them; none: the shipped rulebook.
        rulebook: Vec<PathBuf>,
    },
    /// Plays scenario files; a decision that is not listed fails.
    Play {
        /// Scenario files or folders of them.
        #[arg(required = true)]
        scenarios: Vec<PathBuf>,
        /// A rule file or a folder of them instead of the shipped rulebook.
        #[arg(long)]
        rulebook: Vec<PathBuf>,
    },
}

fn main() -> ExitCode {
    let (code, told) = match run(Arguments::parse().command) {
        Ok(Answer { text, code }) => (code, tell(&text)),
        Err(mistakes) => (ExitCode::from(2), tell(&format_args!("{mistakes}\n"))),
    };
    match told {
        Ok(()) => code,
        Err(error) => {
            tell_beside(&error);
            ExitCode::FAILURE
        }
    }
}

/// What is written, and how the program ends.
struct Answer {
    text: String,
    code: ExitCode,
}

fn run(command: Command) -> Result<Answer, String> {
    match command {
        Command::Check { rulebook } => {
            let text = Listed(&read_rulebook(&rulebook)?).to_string();
            Ok(Answer { text, code: ExitCode::SUCCESS })
        }
        Command::Play { scenarios, rulebook } => {
            let rulebook = Arc::new(read_rulebook(&rulebook)?);
            let outcomes = play(&scenarios, &rulebook)?;
            let mut text: String = outcomes.iter().map(|outcome| format!("{outcome}\n")).collect();
            let failed = outcomes.iter().filter(|outcome| !outcome.is_good()).count();
            text += &format!("{} scenarios, {failed} failed\n", outcomes.len());
            Ok(Answer { text, code: ExitCode::from(u8::from(0 < failed)) })
        }
    }
}

/// A rulebook's rules with their steps.
struct Listed<'a>(&'a Rulebook);

impl Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Listed(rulebook) = self;
        for rule in rulebook.rules() {
            let on = match &rule.applies_to {
                Selector::Points(_) => "points",
                Selector::Discrete => "every discrete point",
                Selector::Devices => "every device",
                Selector::Gateways => "every gateway, in centre time",
            };
            let Words { zh, en } = &rule.name;
            writeln!(f, "{} {zh} / {en} on {on} ({})", rule.id, rule.revision)?;
            for step in &rule.steps {
                writeln!(
                    f,
                    "  {}: {} {}, held for {}, cleared after {}",
                    step.name, step.severity, step.effect, step.held_for, step.clear_for
                )?;
            }
        }
        writeln!(f, "{} rules, revision {}", rulebook.rules().len(), rulebook.revision())
    }
}

/// Plays every file, or tells the mistakes of all of them.
fn play(paths: &[PathBuf], rulebook: &Arc<Rulebook>) -> Result<Vec<Outcome>, String> {
    let mut outcomes = Vec::new();
    let mut mistakes = Vec::new();
    for (name, text) in read_files(paths)? {
        match Scenarios::read(&name, &text) {
            Ok(scenarios) => outcomes.extend(scenarios.play(rulebook)),
            Err(found) => mistakes.push(found.to_string()),
        }
    }
    if mistakes.is_empty() { Ok(outcomes) } else { Err(mistakes.join("\n")) }
}

fn read_rulebook(paths: &[PathBuf]) -> Result<Rulebook, String> {
    if paths.is_empty() {
        return Ok(Rulebook::shipped());
    }
    Rulebook::read(&read_files(paths)?).map_err(|mistakes| mistakes.to_string())
}

/// The texts of files, and of the `.toml` files of folders, by name.
fn read_files(paths: &[PathBuf]) -> Result<Vec<(String, String)>, String> {
    let unreadable = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, error))? {
                let inner = entry.map_err(|error| unreadable(path, error))?.path();
                if inner.extension().is_some_and(|extension| extension == "toml") {
                    files.push(inner);
                }
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            Ok((path.display().to_string(), text))
        })
        .collect()
}
