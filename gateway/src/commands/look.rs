//! Asks the gateway that runs with the same settings how it stands. The bus is not touched.

use std::path::Path;

use anyhow::Context as _;

use crate::settings::Settings;
use crate::status::socket;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// How it stands.
    State,
    /// What was last read of this device.
    Readings(String),
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The answer of the gateway whose settings these are. They may have mistakes: it works on with
/// those of before.
pub fn ask(settings: &Path, question: &Question, form: Form) -> anyhow::Result<String> {
    let data = Settings::data_folder(settings)?;
    let form = match form {
        Form::Text => "text",
        Form::Json => "json",
    };
    let question = match question {
        Question::State => format!("status {form}"),
        Question::Readings(device) => format!("read {form} {device}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let said = runtime.block_on(socket::ask(&data, &question)).with_context(|| {
        format!("no gateway answers at {}: it does not run", socket::path(&data).display())
    })?;
    match said.split_at_checked(1) {
        Some(("+", said)) => Ok(said.to_owned()),
        Some((_, said)) => anyhow::bail!(said.trim_end().to_owned()),
        None => anyhow::bail!("the gateway broke off"),
    }
}
