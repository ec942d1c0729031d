//! From TOML to stories, and every mistake on the way.

use firegrid_wire::catalogue::{Catalogue, DeviceEntry, PointEntry};
use firegrid_wire::document::{Document, Mistakes, Table};
use firegrid_wire::names::PointId;
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::Lane;
use firegrid_wire::state::{State, StateSet, States};
use firegrid_wire::time::Millis;

use super::shows::Shows;
use super::story::{Deed, Read, Step, Story};
use crate::rulebook::{RuleId, amount};

pub(super) fn read(file: &str, text: &str) -> Result<Vec<Story>, Mistakes> {
    let content = match toml::from_str(text) {
        Ok(content) => content,
        Err(error) => {
            let document = Document::new(file, serde_json::Value::Object(Default::default()));
            document.tell("", error.to_string().trim_end());
            return document.finish(None);
        }
    };
    let document = Document::new(file, content);
    let stories = {
        let root = document.root();
        let devices: Vec<Option<DeviceEntry>> =
            root.tables("device").iter().map(read_device).collect();
        let points: Vec<Option<PointEntry>> = root.tables("point").iter().map(read_point).collect();
        let devices: Option<Vec<DeviceEntry>> = devices.into_iter().collect();
        let points: Option<Vec<PointEntry>> = points.into_iter().collect();
        let catalogue = devices.zip(points).map(|(devices, points)| Catalogue { devices, points });
        let of: Option<Vec<RuleId>> = read_rules(&root);
        if !root.has("scenario") {
            root.tell("scenario", "a file needs at least one scenario");
        }
        let stories: Vec<Option<Story>> = root
            .tables("scenario")
            .iter()
            .map(|table| read_story(table, catalogue.as_ref(), of.as_deref()))
            .collect();
        stories.into_iter().collect::<Option<Vec<Story>>>()
    };
    document.finish(stories)
}

fn read_device(table: &Table<'_>) -> Option<DeviceEntry> {
    let n = table.required_text("name");
    let alarm_period = table.optional_text("alarm_period");
    let analog_period = table.optional_text("analog_period");
    let profile = table.or("profile", "scenario".to_owned());
    Some(DeviceEntry {
        n: n?,
        label: String::new(),
        profile: profile?,
        alarm_period,
        analog_period,
    })
}

fn read_point(table: &Table<'_>) -> Option<PointEntry> {
    let n: Option<PointId> = table.required_text("name");
    let u: Option<Unit> = table.optional_text("unit");
    let lane = if u.is_some() { Lane::Routine } else { Lane::Urgent };
    let lane = table.text_or("lane", lane);
    let system = table.or("system", 0);
    let part = table.or("part", 0);
    let zone = table.or("zone", String::new());
    let tags = table.or("tags", Vec::new());
    let limits = table.or("limits", Default::default());
    let n = n?;
    let source = table.or("source", n.to_string());
    Some(PointEntry {
        n,
        label: String::new(),
        lane: lane?,
        u,
        system: system?,
        part: part?,
        zone: zone?,
        tags: tags?,
        limits: limits?,
        elevation: None,
        source: source?,
    })
}

/// The rules whose file this is.
fn read_rules(root: &Table<'_>) -> Option<Vec<RuleId>> {
    let written: Vec<String> = root.or("rules", Vec::new())?;
    let read: Vec<Option<RuleId>> = written
        .iter()
        .map(|text| text.parse().map_err(|error| root.tell("rules", error)).ok())
        .collect();
    read.into_iter().collect()
}

/// What a story shows, and of which rule: of the only one of the file, or of the one it names.
fn read_shown(table: &Table<'_>, of: Option<&[RuleId]>) -> Option<Option<(RuleId, Shows)>> {
    let named: Option<RuleId> = table.optional_text("rule");
    if !table.has("shows") {
        if table.has("rule") {
            table.tell("rule", "say what of it the story `shows`");
        }
        return Some(None);
    }
    let shows: Option<Shows> = table.required_text("shows");
    let of = of?;
    let rule = match (named, of) {
        (Some(rule), _) if of.contains(&rule) => Some(rule),
        (Some(rule), _) => {
            table.tell("rule", format_args!("{rule} is not among the `rules` of this file"));
            None
        }
        (None, [only]) => Some(only.clone()),
        (None, _) if table.has("rule") => None,
        (None, _) => {
            table.tell("shows", "say of which `rule`: this file is not of exactly one");
            None
        }
    };
    Some(Some((rule?, shows?)))
}

/// What a story says that it shows must happen in it.
fn check_shown(table: &Table<'_>, shows: Shows, steps: &[Step]) {
    let mut deeds = steps.iter().flat_map(|step| &step.deeds);
    let (happens, what) = match shows {
        Shows::Restart => (deeds.any(|deed| matches!(deed, Deed::Restart)), "restart"),
        Shows::Faulty => (deeds.any(proves_nothing), "reading that proves nothing"),
        Shows::Silence => (deeds.any(is_silent), "silence"),
        Shows::Below | Shows::At | Shows::Above | Shows::ShortOfHold | Shows::Chatter => return,
    };
    if !happens {
        table.tell("shows", format_args!("there is no {what} in this story"));
    }
}

fn proves_nothing(deed: &Deed) -> bool {
    let Deed::Read(read) = deed else { return false };
    let said = read.said.iter().any(|(_, value)| match value {
        Value::Unknown => true,
        Value::States(states) => !states.set.can_speak(),
        Value::Number(..) => false,
    });
    read.quality != Quality::Good || said
}

fn is_silent(deed: &Deed) -> bool {
    match deed {
        Deed::Stop | Deed::Cut(true) | Deed::Deaf(true) | Deed::Marker { .. } => true,
        Deed::Read(read) => read.said.iter().any(|(point, value)| {
            let states = value.states().map_or(StateSet::NORMAL, |states| states.set);
            point.is_comm() && states.has(State::Fault)
        }),
        Deed::Sources(_)
        | Deed::Vanish(_)
        | Deed::Start { .. }
        | Deed::Cut(false)
        | Deed::Beat { .. }
        | Deed::Heard
        | Deed::Restart
        | Deed::Deaf(false)
        | Deed::Hold(_)
        | Deed::MayClose { .. } => false,
    }
}

fn read_story(
    table: &Table<'_>,
    catalogue: Option<&Catalogue>,
    of: Option<&[RuleId]>,
) -> Option<Story> {
    let title: Option<String> = table.required("title");
    let shows = read_shown(table, of);
    let known = table.or("catalogue_known", true);
    let steps: Vec<Option<Step>> =
        table.tables("step").iter().map(|step| read_step(step, catalogue)).collect();
    let steps: Option<Vec<Step>> = steps.into_iter().collect();
    let expected: Option<Vec<String>> = table.required("expect");
    let steps = steps?;
    if let Some(pair) = steps.windows(2).find(|pair| pair[1].at < pair[0].at) {
        table.tell("step", format_args!("{} stands after {}", pair[1].at, pair[0].at));
    }
    if let Some(Some((_, shows))) = &shows {
        check_shown(table, *shows, &steps);
    }
    Some(Story {
        title: title?,
        shows: shows?,
        catalogue: catalogue?.clone(),
        known: known?,
        steps,
        expected: expected?,
    })
}

fn read_step(table: &Table<'_>, catalogue: Option<&Catalogue>) -> Option<Step> {
    let at = moment(table, "at");
    if at.is_none() && !table.has("at") {
        table.tell("at", "this key is missing");
    }
    let mut deeds = Vec::new();
    if let Some(sources) = table.table("sources") {
        deeds.push(Deed::Sources(named(&sources, |table, key| table.required(key))?));
    }
    if table.has("vanish") {
        deeds.push(Deed::Vanish(table.optional("vanish")?));
    }
    let flag = |key: &str| if table.has(key) { table.optional::<bool>(key) } else { None };
    if flag("stop") == Some(true) {
        deeds.push(Deed::Stop);
    }
    deeds.extend(flag("cut").map(Deed::Cut));
    deeds.extend(flag("deaf").map(Deed::Deaf));
    deeds.extend(flag("hold").map(Deed::Hold));
    if flag("restart") == Some(true) {
        deeds.push(Deed::Restart);
    }
    let starts = table.has("start");
    if starts {
        let name: String = table.required("start")?;
        deeds.push(Deed::Start { span: span(&name), clock: moment(table, "clock") });
    }
    if let Some(marker) = table.table("marker") {
        let lane = marker.text_or("lane", Lane::Urgent);
        let fires = match marker.table("fires") {
            Some(fires) => named(&fires, |table, key| table.required(key))?,
            None => Vec::new(),
        };
        deeds.push(Deed::Marker {
            lane: lane?,
            fires,
            onset: moment(&marker, "onset").unwrap_or_default(),
        });
    }
    if let Some(inner) = table.table("read") {
        let said = named(&inner, |table, key| said(table, key, catalogue?))?;
        let quality: Option<String> = table.or("quality", "good".to_owned());
        let quality = quality.and_then(|word| {
            let found = Quality::from_word(&word);
            if found.is_none() {
                table.tell("quality", format_args!("{word:?} is no quality"));
            }
            found
        });
        let (time, from) = (moment(table, "time"), moment(table, "from"));
        let vouched = table.or("vouched", !starts)?;
        deeds.push(Deed::Read(Read { said, quality: quality?, time, vouched, from }));
    }
    if let Some(beat) = table.table("beat") {
        let alarms = match beat.table("alarms") {
            Some(alarms) => named(&alarms, |table, key| {
                let words: String = table.required(key)?;
                States::from_words(&words)
            })?,
            None => Vec::new(),
        };
        let onset = moment(&beat, "onset");
        deeds.push(Deed::Beat { alarms, onset, lost: beat.or("lost", false)? });
    }
    if flag("heard") == Some(true) {
        deeds.push(Deed::Heard);
    }
    if let Some(asked) = table.table("may_close") {
        let rule: Option<RuleId> = asked.required_text("rule");
        let answer = asked.required("answer");
        let point = asked.optional_text("point");
        deeds.push(Deed::MayClose { point, rule: rule?, answer: answer? });
    }
    Some(Step { at: at?, deeds })
}

/// A table whose keys are points.
fn named<T>(
    table: &Table<'_>,
    read: impl Fn(&Table<'_>, &str) -> Option<T>,
) -> Option<Vec<(PointId, T)>> {
    let entries: Vec<Option<(PointId, T)>> = table
        .keys()
        .into_iter()
        .map(|key| {
            let point = PointId::parse(key).map_err(|error| table.tell(key, error)).ok();
            point.zip(read(table, key))
        })
        .collect();
    entries.into_iter().collect()
}

/// `0.30 MPa` for an analog point of the catalogue, state words for any other.
fn said(table: &Table<'_>, key: &str, catalogue: &Catalogue) -> Option<Value> {
    let text: String = table.required(key)?;
    let unit = catalogue.points.iter().find(|point| point.n.as_str() == key).and_then(|p| p.u);
    match unit {
        Some(unit) if text != firegrid_wire::state::UNKNOWN_WORD => amount(&text, unit)
            .map(|number| Value::number(number, unit))
            .map_err(|what| table.tell(key, what))
            .ok(),
        Some(_) | None => Some(States::from_words(&text).map_or(Value::Unknown, Value::States)),
    }
}

/// A moment as lengths of time one after the other: `29min 59s`.
fn moment(table: &Table<'_>, key: &str) -> Option<Millis> {
    if !table.has(key) {
        return None;
    }
    let text: String = table.optional(key)?;
    let mut whole = Millis::ZERO;
    for part in text.split_whitespace() {
        let part: Millis = part.parse().map_err(|error| table.tell(key, error)).ok()?;
        whole = whole.plus(part);
    }
    Some(whole)
}

/// A span by its name in the story.
fn span(name: &str) -> u64 {
    name.bytes().fold(7, |bits, byte| (bits << 8) ^ u64::from(byte))
}
