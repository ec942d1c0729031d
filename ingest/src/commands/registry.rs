//! `import` and `export`: the registry out of a folder of sheets, and into one.
//!
//! An import is looked at whole before anything is written. While the centre runs it has the one
//! connection that writes, so then an import goes through its API.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use firegrid_wire::names::RegionId;
use firegrid_wire::terminal;
use firegrid_wire::time::CentreTime;

use super::run::hold;
use crate::clock::Clock;
use crate::registry::{
    Difference, Encoding, Given, Import, Language, Registry, RegistryMistake, Sheets, Table,
};
use crate::settings::Settings;
use crate::storage::{self, Place, StorageError};

/// What is imported, and whether it is only looked at.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The folder with `grids.csv`, `units.csv` …; a table without a file stays as it is.
    pub folder: &'a Path,
    /// How the sheets are written; none: each is looked at.
    pub encoding: Option<Encoding>,
    /// Whether nothing is to be written.
    pub dry_run: bool,
}

/// What became of an import.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It stands, or would.
    Good(Box<Difference>),
    /// Nothing was written.
    Mistaken(Vec<RegistryMistake>),
}

/// Imports a folder of sheets, or says what that would do.
pub fn import(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    wanted: Wanted<'_>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    if settings.registry.is_some() {
        bail!(
            "registry-from-files: 登记信息以设置文件 [registry] 所列文件为准，请修改这些文件后重启。 \
             The settings name the files of the registry: change those and start again."
        );
    }
    let sheets = sheets_in(wanted)?;
    // Whoever only looks may do so beside a centre that runs.
    let _held = match wanted.dry_run {
        true => None,
        false => Some(hold(&settings.data).context(
            "监控中心正在运行，请通过页面或 POST /api/v1/registry/import 导入。 \
             The centre is running: import through its page or POST /api/v1/registry/import",
        )?),
    };
    let now = Clock::begin(None).now();
    let outcome = runtime()?.block_on(apply(
        &settings.storage,
        &settings.region,
        &sheets,
        wanted.dry_run,
        now,
    ))?;
    match outcome {
        Outcome::Good(difference) => {
            Ok(terminal::seen(tell_counts(&difference, wanted.dry_run, out))?)
        }
        Outcome::Mistaken(mistakes) => {
            terminal::seen(tell_mistakes(&mistakes, out))?;
            bail!(
                "{} 处错误，未导入任何内容。 {} mistakes: nothing was imported.",
                mistakes.len(),
                mistakes.len()
            )
        }
    }
}

/// Checks sheets against what stands, and writes what they change.
pub(crate) async fn apply(
    place: &Place,
    region: &RegionId,
    sheets: &Sheets,
    dry_run: bool,
    now: CentreTime,
) -> Result<Outcome, StorageError> {
    if dry_run {
        let stands = match place.is_new() {
            true => Registry::default(),
            false => {
                let reader = storage::open_reading(place)?;
                let stands = Registry::load(&reader).await?;
                reader.close().await;
                stands
            }
        };
        return Ok(match Registry::check(sheets, &stands, Some(region)) {
            Ok(registry) => Outcome::Good(Box::new(Import::new(registry, &stands).difference)),
            Err(mistakes) => Outcome::Mistaken(mistakes),
        });
    }
    let (mut writer, reader) = storage::open(place.clone()).await?;
    let stands = Registry::load(&reader).await?;
    let outcome = match Registry::check(sheets, &stands, Some(region)) {
        Ok(registry) => {
            let import = Import::new(registry, &stands);
            import.store(&mut writer, now).await?;
            Outcome::Good(Box::new(import.difference))
        }
        Err(mistakes) => Outcome::Mistaken(mistakes),
    };
    reader.close().await;
    writer.close().await?;
    Ok(outcome)
}

/// Writes a sheet of every table into a folder. May run beside the centre.
pub fn export(
    file: &Path,
    environment: impl IntoIterator<Item = (String, String)>,
    folder: &Path,
    encoding: Encoding,
    language: Language,
) -> anyhow::Result<()> {
    let settings = Settings::read(file, environment)?;
    let registry = runtime()?.block_on(async {
        let reader = storage::open_reading(&settings.storage)?;
        let registry = Registry::load(&reader).await;
        reader.close().await;
        registry
    })?;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    for table in Table::ALL {
        let path = folder.join(table.file());
        let bytes = encoding.encode(&registry.to_csv(table, language)).with_context(|| {
            format!("{table}: not everything in it can be written in {}", encoding.as_str())
        })?;
        std::fs::write(&path, bytes)
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    tracing::info!(folder = %folder.display(), "Registry exported.");
    Ok(())
}

fn sheets_in(wanted: Wanted<'_>) -> anyhow::Result<Sheets> {
    let mut sheets = Sheets { encoding: wanted.encoding, ..Sheets::default() };
    for table in Table::ALL {
        let path = wanted.folder.join(table.file());
        if path.exists() {
            let given = Given { name: table.file(), ..Given::read(&path) };
            sheets.given.insert(table, given);
        }
    }
    if sheets.given.is_empty() {
        let names: Vec<String> = Table::ALL.into_iter().map(Table::file).collect();
        bail!("{} holds none of {}", wanted.folder.display(), names.join(", "));
    }
    Ok(sheets)
}

fn tell_counts(
    difference: &Difference,
    dry_run: bool,
    out: &mut impl Write,
) -> std::io::Result<()> {
    match dry_run {
        true => writeln!(out, "试导入：未写入任何内容。 Dry run: nothing is written.")?,
        false => writeln!(out, "已导入。 Imported.")?,
    }
    let counts = difference.counts();
    for table in Table::ALL {
        let Some(counts) = counts.get(table.as_str()) else { continue };
        writeln!(
            out,
            "{} {table}: 新增 new {} · 变更 changed {} · 停用 retired {}",
            table.zh(),
            counts.new,
            counts.changed,
            counts.retired
        )?;
    }
    out.flush()
}

fn tell_mistakes(mistakes: &[RegistryMistake], out: &mut impl Write) -> std::io::Result<()> {
    for RegistryMistake { file, row, column, zh, en } in mistakes {
        write!(out, "{file}")?;
        if let Some(row) = row {
            write!(out, " 第 {row} 行 line {row}")?;
        }
        if let Some(column) = column {
            write!(out, " {column}")?;
        }
        writeln!(out, ": {zh}。 {en}")?;
    }
    out.flush()
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests;
