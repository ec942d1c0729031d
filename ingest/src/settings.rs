//! What the operator wrote, checked: one settings file, the environment, and the files it names.
//!
//! Every mistake of every file is told at once, each with file and place; the program starts
//! with none. All paths are relative to the settings file. Any key can be overridden by an
//! environment variable: `FIREGRID_INGEST__SERIES__KEEP_DAYS=30`,
//! `FIREGRID_INGEST__BROKER__0__ADDRESS=10.0.0.5:1883`.

mod influx;
mod registry;
mod terms;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use firegrid_rules::rulebook::Rulebook;
use firegrid_rules::ticket::TermsOf;
use firegrid_wire::document::{Document, Mistake, Mistakes, Table};
use firegrid_wire::names::RegionId;

use crate::registry::Registry;
use crate::series::influx::InfluxPlace;
use crate::storage::Place;
use crate::storage::retention::Retention;

/// What every variable of ours begins with, and what stands between the keys of its path.
const PREFIX: &str = "FIREGRID_INGEST";
const BETWEEN: &str = "__";

/// The longest list that the environment may point into; it would make missing entries.
const LONGEST_LIST: usize = 16;

/// How long series are kept if nothing is said: a year and a month.
const KEEP_DAYS: u32 = 400;

/// How long a closed ticket is kept at least: twice the time in which it may come back.
const CASES_DAYS_LEAST: u32 = 60;

/// Everything the centre is told from outside, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The region this process holds.
    pub region: RegionId,
    /// The folder of everything that is stored, but what stands elsewhere.
    pub data: PathBuf,
    /// Where the tables stand: a file in the data folder if nothing is said.
    pub storage: Place,
    /// Where the API and the page are served. Always loopback while there are no accounts.
    pub listen: SocketAddr,
    /// The brokers, at least one.
    pub brokers: Vec<BrokerAddress>,
    /// What the files of the registry say; none if they are not named: then the tables are the
    /// truth, and change by import.
    pub registry: Option<Registry>,
    /// For how many days series are kept, at least one.
    pub keep_days: u32,
    /// The server of the series, if they do not stand in the data folder.
    pub influx: Option<InfluxPlace>,
    /// What is run when nothing can be recorded: a program and its arguments; may be empty.
    pub alert_command: Vec<String>,
    /// For how long everything else is kept.
    pub retention: Retention,
    /// How long tickets may take.
    pub terms: TermsOf,
    /// The shipped rules, with the site's own in their place.
    pub rulebook: Arc<Rulebook>,
}

/// `host:port` of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Settings {
    /// Reads the settings file, lets the environment override it, and reads every file it names.
    pub fn read(
        file: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Settings, Mistakes> {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(file)
            .map_err(|error| one_mistake(&name, format_args!("this cannot be read: {error}")))?;
        let overrides = overrides(environment);
        let content = merge(&text, &overrides)
            .map_err(|error| one_mistake(&name, format_args!("{error}")))?;
        let document = Document::new(name, content);
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut elsewhere = Vec::new();
        let read = read_root(&document.root(), folder, &mut elsewhere);
        // What is wrong in another file leaves nothing to say about this one.
        let here = document.finish(Some(()));
        let mut mistakes =
            here.err().map_or_else(Vec::new, |mistakes| name_the_variables(mistakes, &overrides).0);
        mistakes.extend(elsewhere);
        match read {
            Some(settings) if mistakes.is_empty() => Ok(settings),
            Some(_) | None => Err(Mistakes(mistakes)),
        }
    }
}

impl FromStr for BrokerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<BrokerAddress, AddressError> {
        let refused = || AddressError { text: text.to_owned() };
        let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(refused)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(refused()),
            None => host,
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if host.is_empty() || (bare.is_none() && !host.bytes().all(plain)) {
            return Err(refused());
        }
        Ok(BrokerAddress { host: host.to_owned(), port })
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is no broker's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no broker: write host and port, as in \"127.0.0.1:1883\"")]
pub struct AddressError {
    text: String,
}

/// Reads the settings and the files they name. `elsewhere` takes the mistakes of those files.
fn read_root(root: &Table<'_>, folder: &Path, elsewhere: &mut Vec<Mistake>) -> Option<Settings> {
    let region: Option<RegionId> = root.required_text("region");
    let data = path(root, "data", folder);
    let storage = storage(root);
    let listen = listen(root);
    let brokers = brokers(root);
    let registry = registry::read(root, folder, region.as_ref(), elsewhere);
    let (keep_days, influx) = series(root, folder);
    let alert_command = alert_command(root);
    let retention = retention(root);
    let terms = terms::read(root);
    let rulebook = rulebook(root, folder, elsewhere);
    Some(Settings {
        region: region?,
        storage: storage?.unwrap_or_else(|| Place::from(data.as_deref().unwrap_or(folder))),
        data: data?,
        listen: listen?,
        brokers: brokers?,
        registry: registry?,
        keep_days: keep_days?,
        influx: influx?,
        alert_command: alert_command?,
        retention: retention?,
        terms: terms?,
        rulebook: Arc::new(rulebook?),
    })
}

/// The program with its arguments. Without the table there is none.
fn alert_command(root: &Table<'_>) -> Option<Vec<String>> {
    let Some(alert) = root.table("alert") else { return Some(Vec::new()) };
    let command: Vec<String> = alert.required("command")?;
    if command.first().is_none_or(|program| program.trim().is_empty()) {
        alert.tell("command", "this must be a program and its arguments, [\"/path\", \"…\"]");
        return None;
    }
    Some(command)
}

fn path(table: &Table<'_>, key: &str, folder: &Path) -> Option<PathBuf> {
    let text: String = table.required(key)?;
    if text.trim().is_empty() {
        table.tell(key, "this must be a path");
        return None;
    }
    Some(folder.join(text))
}

/// Where the tables stand, if not in the data folder.
fn storage(root: &Table<'_>) -> Option<Option<Place>> {
    let Some(table) = root.table("storage") else { return Some(None) };
    let text: String = table.required("url")?;
    Place::postgres(&text).map(Some).map_err(|error| table.tell("url", error)).ok()
}

fn listen(root: &Table<'_>) -> Option<SocketAddr> {
    let text: String = root.required("listen")?;
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Some(address),
        Ok(address) => {
            root.tell(
                "listen",
                format_args!(
                    "{address} can be reached from other machines; there are no accounts yet, \
                     so use 127.0.0.1 or [::1]"
                ),
            );
            None
        }
        Err(_) => {
            root.tell(
                "listen",
                format_args!(
                    "{text:?} is no address to listen on: write IP address and port, as in \
                     \"127.0.0.1:8080\""
                ),
            );
            None
        }
    }
}

fn brokers(root: &Table<'_>) -> Option<Vec<BrokerAddress>> {
    if !root.has("broker") {
        root.tell("broker", "at least one [[broker]] is needed");
    }
    let tables = root.tables("broker");
    let brokers: Vec<Option<BrokerAddress>> =
        tables.iter().map(|broker| broker.required_text("address")).collect();
    if 1 < brokers.len() {
        root.tell("broker", "only one broker can be used for now");
    }
    brokers.into_iter().collect()
}

fn rulebook(root: &Table<'_>, folder: &Path, elsewhere: &mut Vec<Mistake>) -> Option<Rulebook> {
    let shipped = Rulebook::shipped();
    let Some(rules) = root.table("rules") else { return Some(shipped) };
    if !rules.has("overlay") {
        return Some(shipped);
    }
    let file = path(&rules, "overlay", folder)?;
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        elsewhere.extend(one_mistake(&name, format_args!("this cannot be read: {error}")).0);
    });
    shipped.overlaid(&name, &text.ok()?).map_err(|told| elsewhere.extend(told.0)).ok()
}

/// For how many days series are kept, and the server that keeps them instead.
fn series(root: &Table<'_>, folder: &Path) -> (Option<u32>, Option<Option<InfluxPlace>>) {
    let Some(series) = root.table("series") else { return (Some(KEEP_DAYS), Some(None)) };
    (days(&series, "keep_days", KEEP_DAYS, 1), influx::read(&series, folder))
}

/// For how long everything but the series is kept. A ticket may come back for a while after it
/// was closed, so it is not forgotten before.
fn retention(root: &Table<'_>) -> Option<Retention> {
    let usual = Retention::default();
    let Some(keep) = root.table("keep") else { return Some(usual) };
    let readings_days = days(&keep, "readings_days", usual.readings_days, 1);
    let cases_days = days(&keep, "cases_days", usual.cases_days, CASES_DAYS_LEAST);
    let conflicts_days = days(&keep, "conflicts_days", usual.conflicts_days, 1);
    let letters_days = days(&keep, "letters_days", usual.letters_days, 1);
    let events_days = days(&keep, "events_days", usual.events_days, 1);
    Some(Retention {
        readings_days: readings_days?,
        cases_days: cases_days?,
        conflicts_days: conflicts_days?,
        letters_days: letters_days?,
        events_days: events_days?,
    })
}

fn days(table: &Table<'_>, key: &str, usual: u32, least: u32) -> Option<u32> {
    let text = table.text_or(key, usual.to_string())?;
    let days = text.parse().ok().filter(|days| (least..=3_660).contains(days));
    if days.is_none() {
        let what = format_args!("{text:?} is no number of days between {least} and 3660");
        table.tell(key, what);
    }
    days
}

/// A variable of ours: its name, and the path of the key it overrides.
struct Override {
    variable: String,
    path: String,
    value: String,
}

/// The variables of ours, `FIREGRID_INGEST__BROKER__0__ADDRESS` as `broker[0].address`.
fn overrides(environment: impl IntoIterator<Item = (String, String)>) -> Vec<Override> {
    let mut overrides: Vec<Override> = environment
        .into_iter()
        .filter_map(|(variable, value)| {
            let keys = variable.strip_prefix(PREFIX)?.strip_prefix(BETWEEN)?;
            let mut path = String::new();
            for key in keys.to_lowercase().split(BETWEEN) {
                match key.parse::<usize>() {
                    Ok(place) if place < LONGEST_LIST => path.push_str(&format!("[{place}]")),
                    Ok(_) | Err(_) if path.is_empty() => path.push_str(key),
                    Ok(_) | Err(_) => path.push_str(&format!(".{key}")),
                }
            }
            Some(Override { variable, path, value })
        })
        .collect();
    overrides.sort_by(|one, other| one.path.cmp(&other.path));
    overrides
}

/// The file's content with the overrides in it.
fn merge(text: &str, overrides: &[Override]) -> Result<serde_json::Value, config::ConfigError> {
    let file = config::File::from_str(text, config::FileFormat::Toml);
    let source: HashMap<String, String> = overrides
        .iter()
        .map(|entry| (format!("{PREFIX}.{}", entry.path), entry.value.clone()))
        .collect();
    let environment =
        config::Environment::with_prefix(PREFIX).prefix_separator(".").source(Some(source));
    config::Config::builder().add_source(file).add_source(environment).build()?.try_deserialize()
}

/// Says of every mistake that came from the environment which variable it stands in.
fn name_the_variables(mut mistakes: Mistakes, overrides: &[Override]) -> Mistakes {
    for mistake in &mut mistakes.0 {
        let by = overrides.iter().find(|by| {
            by.path == mistake.path
                || by.path.strip_prefix(mistake.path.as_str()).is_some_and(|rest| {
                    // A table that exists only because a variable names something in it.
                    rest.starts_with(['.', '[']) && mistake.what.contains("no such key")
                })
        });
        if let Some(by) = by {
            mistake.file = format!("environment variable {}", by.variable);
        }
    }
    mistakes
}

fn one_mistake(file: &str, what: fmt::Arguments<'_>) -> Mistakes {
    let what = what.to_string().trim_end().to_owned();
    Mistakes(vec![Mistake { file: file.to_owned(), path: String::new(), what }])
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        region = "demo-county"
        data = "var/ingest"
        listen = "127.0.0.1:8080"
        [[broker]]
        address = "127.0.0.1:1883"
        [registry]
        grids = "grids.csv"
        units = "units.csv"
        gateways = "gateways.csv"
        [series]
        keep_days = 30
        [alert]
        command = ["/usr/local/bin/tell", "duty"]
        [rules]
        overlay = "overlay.toml"
    "#;

    const OVERLAY: &str = r#"
        [[rule]]
        id = "P2"
        kind = "pump-power"
        name = { zh = "水泵电源", en = "Pump power" }
        basis = "site"
        advice = { zh = "查", en = "look" }
        applies_to = { parts = [91] }
        [[rule.step]]
        name = "hazard"
        severity = "major"
        effect = "hazard"
        when = { has_state = "supply-fault" }
        for = "1s"
        clear_for = "2s"
    "#;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        read_with(text, environment, OVERLAY, "gateway,unit\nmall-01,mall\n")
    }

    fn read_with(
        text: &str,
        environment: &[(&str, &str)],
        overlay: &str,
        gateways: &str,
    ) -> Result<Settings, Mistakes> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ingest.toml");
        let grids = "id,name,level,parent\ndemo-county,示范县,region,\nl,镇,large,demo-county\n\
                     m,社区,middle,l\ns,网格,small,m\n";
        for (name, text) in [
            ("grids.csv", grids),
            ("units.csv", "id,name,grid\nmall,商场,s\n"),
            ("gateways.csv", gateways),
            ("overlay.toml", overlay),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a file");
        }
        std::fs::write(&file, text).expect("a file");
        let environment =
            environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut read = Settings::read(&file, environment);
        if let Ok(settings) = &mut read {
            let data = settings.data.strip_prefix(folder.path()).expect("beside the file");
            settings.data = data.to_owned();
        }
        read
    }

    #[track_caller]
    fn check(text: &str, environment: &[(&str, &str)], told: &[&str]) {
        let mistakes = read(text, environment).expect_err("mistakes");
        let all = mistakes.to_string();
        for told in told {
            assert!(all.contains(told), "{told:?} is not in {all}");
        }
        assert_eq!(mistakes.0.len(), told.len(), "{all}");
    }

    #[test]
    fn a_good_file_says_what_is_meant() {
        let settings = read(GOOD, &[]).expect("settings");
        assert_eq!(settings.region.as_str(), "demo-county");
        assert_eq!(settings.data, Path::new("var/ingest"));
        assert!(settings.storage.to_string().ends_with("var/ingest/firegrid.db"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.brokers[0].to_string(), "127.0.0.1:1883");
        assert_eq!(settings.keep_days, 30);
        assert_eq!(settings.alert_command, ["/usr/local/bin/tell", "duty"]);
        let registry = settings.registry.expect("files");
        assert_eq!(registry.gateways.len(), 1);
        let pump = settings.rulebook.rules().iter().find(|rule| rule.id.as_str() == "P2");
        assert_eq!(pump.map(|rule| rule.basis.zh.as_str()), Some("site"));
    }

    #[test]
    fn the_mistakes_of_the_files_it_names_are_told_beside_its_own() {
        let told = read_with(
            &GOOD.replace("8080\"", "8080\"\nlistne = 1"),
            &[],
            &OVERLAY.replace("1s", "often"),
            "gateway,unit\nmall-01,nobody\n",
        )
        .expect_err("mistakes")
        .to_string();
        for part in [
            "ingest.toml: listne: there is no such key",
            "gateways.csv: line 2: unit: \"nobody\"",
            "overlay.toml: rule[0].step[0].for: \"often\"",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        assert!(told.starts_with("3 mistakes"), "{told}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let settings = read(
            GOOD,
            &[
                ("FIREGRID_INGEST__LISTEN", "[::1]:9090"),
                ("FIREGRID_INGEST__SERIES__KEEP_DAYS", "7"),
                ("FIREGRID_INGEST__STORAGE__URL", "postgres://me:secret@db.example/firegrid"),
                ("FIREGRID_INGEST__BROKER__0__ADDRESS", "broker.example:2883"),
                ("FIREGRID_GATEWAY__LISTEN", "none of ours"),
            ],
        )
        .expect("settings");
        assert_eq!(settings.listen.to_string(), "[::1]:9090");
        assert_eq!(settings.keep_days, 7);
        assert_eq!(settings.storage.to_string(), "postgres://db.example/firegrid");
        assert_eq!(settings.brokers[0].to_string(), "broker.example:2883");
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        check(
            r#"
                regoin = "demo-county"
                data = ""
                listen = "0.0.0.0:8080"
                [[broker]]
                address = "127.0.0.1"
                [[broker]]
                adress = "127.0.0.1:1883"
                [registry]
                grids = "grids.csv"
                units = "units.csv"
                [series]
                keep_days = 0
                [alert]
                command = []
                [keep]
                cases_days = 59
                events_dyas = 1
                [storage]
                url = "mysql://me:secret@db.example/firegrid"
            "#,
            &[],
            &[
                "ingest.toml: region: this key is missing",
                "ingest.toml: regoin: there is no such key",
                "data: this must be a path",
                "listen: 0.0.0.0:8080 can be reached from other machines",
                "broker: only one broker",
                "broker[0].address: \"127.0.0.1\" is no broker",
                "broker[1].address: this key is missing",
                "broker[1].adress: there is no such key",
                "registry.gateways: this key is missing",
                "series.keep_days: \"0\" is no number of days between",
                "alert.command: this must be a program and its arguments",
                "keep.cases_days: \"59\" is no number of days between 60",
                "keep.events_dyas: there is no such key",
                "storage.url: this is no address of a database",
            ],
        );
    }

    #[test]
    fn a_server_of_the_series_is_read_and_its_token_never_shown() {
        let influx = "[series.influx]\nurl = \"http://db.example:8086\"\norg = \"fire\"\n\
                      bucket = \"series\"\ntoken = \"very-secret\"\ntimeout = \"3s\"\n";
        let settings = read(&format!("{GOOD}\n{influx}"), &[]).expect("settings");
        let place = settings.influx.clone().expect("a server");
        assert_eq!(place.token, "very-secret");
        assert_eq!((place.timeout.get(), place.durable_after.get()), (3_000, 10_000));
        assert!(!format!("{settings:?}").contains("secret"));
        assert_eq!(read(GOOD, &[]).expect("settings").influx, None);
    }

    #[test]
    fn mistakes_about_a_server_of_the_series_are_told_at_once() {
        let influx = "[series.influx]\nurl = \"http://me:secret@db.example/x\"\norg = \"\"\n\
                      token_file = \"nowhere\"\ntimeout = \"often\"\ndurable_after = \"2h\"\nkey = 1";
        check(
            &format!("{GOOD}\n{influx}"),
            &[],
            &[
                "series.influx.url: name and password do not belong here",
                "series.influx.org: this must not be empty",
                "series.influx.bucket: this key is missing",
                "series.influx.token_file: this file cannot be read",
                "series.influx.timeout: \"often\"",
                "series.influx.durable_after: this must be between",
                "series.influx.key: there is no such key",
            ],
        );
    }

    #[test]
    fn a_mistake_of_the_environment_names_its_variable() {
        check(
            GOOD,
            &[("FIREGRID_INGEST__LISTEN", "everywhere"), ("FIREGRID_INGEST__LISTNE", "x")],
            &[
                "environment variable FIREGRID_INGEST__LISTEN: listen: \"everywhere\"",
                "environment variable FIREGRID_INGEST__LISTNE: listne: there is no such key",
            ],
        );
    }

    #[test]
    fn a_syntax_error_has_its_line_and_column() {
        let error = read("region = \"a\"\ndata = \"b\nlisten = 1\n", &[]).expect_err("mistakes");
        assert!(error.to_string().contains("line 2, column"), "{error}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Settings::read(Path::new("/nowhere/ingest.toml"), []).expect_err("mistakes");
        assert!(error.to_string().contains("/nowhere/ingest.toml: this cannot be read"), "{error}");
    }

    #[test]
    fn an_address_of_a_broker_is_host_and_port() {
        for (text, good) in [
            ("127.0.0.1:1883", true),
            ("broker.example:1883", true),
            ("[::1]:1883", true),
            ("broker.example", false),
            ("broker.example:0", false),
            ("broker.example:99999", false),
            (":1883", false),
            ("::1:1883", false),
            ("mqtt://broker:1883", false),
            ("[broker]:1883", false),
        ] {
            let read = text.parse::<BrokerAddress>();
            assert_eq!(read.is_ok(), good, "{text}");
            assert_eq!(
                read.ok().map(|address| address.to_string()).is_some_and(|t| t == text),
                good
            );
        }
    }
}
