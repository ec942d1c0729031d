//! A group of points of a profile: one formula for names and registers, one way to read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firegrid_wire::document::Table as Keys;
use firegrid_wire::names::{DeviceId, PointId};

use super::choice::{self, Answers, Asked, Key};
use super::number::{DeviceUnit, Layout, Number, Order};
use super::template::Template;
use super::word::{self, Word};
use super::{Format, ProfilePoint, Table};

/// The most points one group may make; ten full loops of a large panel are 3 180.
const POINTS_OF_A_GROUP: usize = 10_000;

/// One `[[point]]` of a profile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    name: Template,
    label: Template,
    each: Vec<Variable>,
    table: Table,
    register: u16,
    reading: Reading,
    unless: Option<(String, String)>,
    system: u8,
    part: u8,
    tags: Vec<String>,
}

/// What a place in a name runs through.
#[derive(Debug, Clone, PartialEq)]
struct Variable {
    name: String,
    values: Values,
    /// The register moves by this much with every step.
    step: u16,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    Range { from: u16, to: u16 },
    Option { name: String, from: u16, to: u16 },
}

#[derive(Debug, Clone, PartialEq)]
enum Reading {
    Word(Arc<Word>),
    Number {
        layout: RawLayout,
        scale: f64,
        unit: Key<DeviceUnit>,
        plausible: (f64, f64),
        deadband: f64,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum RawLayout {
    Plain(Layout),
    F32 { words: Key<Order>, bytes: Key<Order> },
}

impl Group {
    /// The points under the answers of a device, in the order of their registers.
    pub(super) fn points(&self, answers: &Answers) -> Vec<ProfilePoint> {
        let left_out = |(option, choice): &(String, String)| answers.word(option) == Some(choice);
        let format = self.reading.under(answers);
        let (false, Some(format)) = (self.unless.as_ref().is_some_and(left_out), format) else {
            return Vec::new();
        };
        let mut points: Vec<ProfilePoint> = self
            .places(answers)
            .into_iter()
            .map(|(numbers, register)| {
                let number = |name: &str| numbers.get(name).copied();
                ProfilePoint {
                    name: self.name.fill(number),
                    label: self.label.fill(number),
                    table: self.table,
                    register,
                    format: format.clone(),
                    system: self.system,
                    part: self.part,
                    tags: self.tags.clone(),
                }
            })
            .collect();
        points.sort_by_key(|point| point.register);
        points
    }

    /// Every combination of its variables, with the register it leads to.
    fn places(&self, answers: &Answers) -> Vec<(BTreeMap<&str, u16>, u16)> {
        let mut places = vec![(BTreeMap::new(), self.register)];
        for variable in &self.each {
            let (from, values): (u16, Vec<u16>) = match &variable.values {
                Values::Range { from, to } => (*from, (*from..=*to).collect()),
                Values::Option { name, from, .. } => (*from, answers.numbers(name).to_vec()),
            };
            places = places
                .iter()
                .flat_map(|(numbers, register)| {
                    values.iter().map(move |value| {
                        let mut numbers: BTreeMap<&str, u16> = numbers.clone();
                        numbers.insert(&variable.name, *value);
                        (numbers, register + (value - from) * variable.step)
                    })
                })
                .collect();
        }
        places
    }

    /// The most points, and the last register, whatever a site answers.
    fn extent(&self) -> (usize, u64) {
        let (mut count, mut last) = (1_usize, u64::from(self.register));
        for variable in &self.each {
            let (Values::Range { from, to } | Values::Option { from, to, .. }) = &variable.values;
            let steps = to.saturating_sub(*from);
            count = count.saturating_mul(usize::from(steps) + 1);
            last += u64::from(steps) * u64::from(variable.step);
        }
        (count, last + u64::from(self.reading.registers() - 1))
    }
}

impl Reading {
    fn under(&self, answers: &Answers) -> Option<Format> {
        Some(match self {
            Reading::Word(word) => Format::Word(Arc::clone(word)),
            Reading::Number { layout, scale, unit, plausible, deadband } => {
                Format::Number(Arc::new(Number {
                    layout: match layout {
                        RawLayout::Plain(layout) => layout.clone(),
                        RawLayout::F32 { words, bytes } => Layout::F32 {
                            words: *words.under(answers)?,
                            bytes: *bytes.under(answers)?,
                        },
                    },
                    scale: *scale,
                    unit: *unit.under(answers)?,
                    plausible: *plausible,
                    deadband: *deadband,
                }))
            }
        })
    }

    fn registers(&self) -> u16 {
        match self {
            Reading::Word(_) | Reading::Number { layout: RawLayout::Plain(_), .. } => 1,
            Reading::Number { layout: RawLayout::F32 { .. }, .. } => 2,
        }
    }
}

/// What a group may refer to; `None` where a mistake in it was told already.
pub(super) struct Surroundings<'a> {
    pub(super) asked: Option<&'a BTreeMap<String, Asked>>,
    pub(super) words: Option<&'a BTreeMap<String, Arc<Word>>>,
}

/// Reads one `[[point]]`.
pub(super) fn read_group(table: &Keys<'_>, around: &Surroundings<'_>) -> Option<Group> {
    let each = read_variables(table, around);
    let name = read_template(table, "name", each.as_deref());
    let label = read_template(table, "label", each.as_deref());
    let unless = match table.table("unless") {
        None => Some(None),
        Some(unless) => {
            let (option, is) = (unless.required("option"), unless.required("is"));
            option.zip(is).map(Some)
        }
    };
    let left_out = unless.clone().flatten();
    let source: Option<String> = table.required("source");
    let of_table = table.text_or("table", Table::HoldingRegisters);
    let register = table.required("register");
    let reading = read_reading(table, around, left_out.as_ref());
    let (system, part) = (table.required("system"), table.required("part"));
    let tags = table.or("tags", Vec::new());
    source?;
    let group = Group {
        name: name?,
        label: label?,
        each: each?,
        table: of_table?,
        register: register?,
        reading: reading?,
        unless: unless?,
        system: system?,
        part: part?,
        tags: tags?,
    };
    let (count, last) = group.extent();
    if POINTS_OF_A_GROUP < count {
        table.tell("each", format_args!("{count} points are more than {POINTS_OF_A_GROUP}"));
        return None;
    }
    if u64::from(u16::MAX) < last {
        table.tell("register", format_args!("the last register would be {last}"));
        return None;
    }
    if matches!(group.table, Table::Coils | Table::DiscreteInputs)
        && matches!(group.reading, Reading::Number { .. })
    {
        table.tell("number", "a table of single bits holds no numbers");
        return None;
    }
    Some(group)
}

impl Group {
    /// How many registers one of its points takes.
    pub(super) fn width(&self) -> u16 {
        self.reading.registers()
    }
}

/// Tells names that are no names, and names that stand twice, whatever a site answers.
pub(super) fn tell_bad_names(root: &Keys<'_>, groups: &[Group], asked: &BTreeMap<String, Asked>) {
    let Ok(device) = DeviceId::parse("d") else { return };
    for answers in choice::every_answer(asked) {
        let mut seen = BTreeSet::new();
        for (place, group) in groups.iter().enumerate() {
            for point in group.points(&answers) {
                let key = format!("point[{place}].name");
                match PointId::of(&device, &point.name) {
                    Err(error) => root.tell(&key, error),
                    Ok(point) if point.is_comm() => {
                        root.tell(&key, "\"comm\" is Firegrid's own: choose another name");
                    }
                    Ok(_) => {}
                }
                if !seen.insert(point.name.clone()) {
                    root.tell(&key, format_args!("{:?} stands twice", point.name));
                }
            }
        }
    }
}

fn read_template(table: &Keys<'_>, key: &str, each: Option<&[Variable]>) -> Option<Template> {
    let text: String = table.required(key)?;
    let Some(template) = Template::parse(&text) else {
        table.tell(key, format_args!("{text:?} has a place that is not {{name}} or {{name:3}}"));
        return None;
    };
    let is_unknown =
        |name: &&str| each.is_some_and(|each| each.iter().all(|variable| variable.name != **name));
    let unknown: Vec<&str> = template.variables().filter(is_unknown).collect();
    for name in &unknown {
        table.tell(key, format_args!("{{{name}}} is not in `each`"));
    }
    unknown.is_empty().then_some(template)
}

fn read_variables(table: &Keys<'_>, around: &Surroundings<'_>) -> Option<Vec<Variable>> {
    let Some(each) = table.table("each") else { return Some(Vec::new()) };
    let read = |name: &str| {
        let entry = each.table(name)?;
        let step = entry.required("step");
        let values = if entry.has("option") {
            read_option(&entry, around)
        } else {
            let (from, to) = (entry.required("from"), entry.required("to"));
            from.zip(to).map(|(from, to)| Values::Range { from, to })
        };
        Some(Variable { name: name.to_owned(), values: values?, step: step? })
    };
    let variables: Vec<Option<Variable>> = each.keys().into_iter().map(read).collect();
    variables.into_iter().collect()
}

fn read_option(entry: &Keys<'_>, around: &Surroundings<'_>) -> Option<Values> {
    let name: String = entry.required("option")?;
    let range = choice::range_of(around.asked?, &name);
    if range.is_none() {
        entry.tell("option", format_args!("{name:?} is no option with numbers"));
    }
    range.map(|(from, to)| Values::Option { name, from, to })
}

fn read_reading(
    table: &Keys<'_>,
    around: &Surroundings<'_>,
    left_out: Option<&(String, String)>,
) -> Option<Reading> {
    // Each is counted as asked for: one mistake is enough.
    let is_written = |way: &&str| table.raw(way).is_some();
    if ["word", "bits", "number"].iter().copied().filter(is_written).count() != 1 {
        table.tell("", "a point has exactly one of `word`, `bits` and `number`");
        return None;
    }
    if let Some(name) = table.optional::<String>("word") {
        let word = around.words?.get(&name);
        if word.is_none() {
            table.tell("word", format_args!("there is no [word.{name}]"));
        }
        return word.cloned().map(Reading::Word);
    }
    if let Some(bits) = table.table("bits") {
        return word::read_inline(&bits).map(|word| Reading::Word(Arc::new(word)));
    }
    read_number(&table.table("number")?, around, left_out)
}

fn read_number(
    table: &Keys<'_>,
    around: &Surroundings<'_>,
    left_out: Option<&(String, String)>,
) -> Option<Reading> {
    let left_out = left_out.map(|(option, choice)| (option.as_str(), choice.as_str()));
    let unit = choice::read_key(
        table,
        "unit",
        around.asked,
        left_out,
        DeviceUnit::find,
        &DeviceUnit::names(),
    );
    let order = |key: &str| {
        choice::read_key(table, key, around.asked, left_out, Order::find, "big, little")
    };
    let layout = match table.required::<String>("type").as_deref() {
        Some("u16") => Some(RawLayout::Plain(Layout::U16)),
        Some("i16") => Some(RawLayout::Plain(Layout::I16)),
        Some("choice") => {
            read_choices(table).map(|choices| RawLayout::Plain(Layout::Choice(choices)))
        }
        Some("f32") => {
            let words = order("word_order");
            let bytes = match table.has("byte_order") {
                true => order("byte_order"),
                false => Some(Key::Fixed(Order::Big)),
            };
            words.zip(bytes).map(|(words, bytes)| RawLayout::F32 { words, bytes })
        }
        other => {
            if let Some(other) = other {
                let known = "u16 i16 f32 choice";
                table.tell("type", format_args!("{other:?} does not fit; known: {known}"));
            }
            // The right type may take any of these.
            for key in ["word_order", "byte_order", "values"] {
                table.raw(key);
            }
            None
        }
    };
    let scale = table.or("scale", 1.0).filter(|scale: &f64| {
        let fits = scale.is_finite() && *scale != 0.0;
        if !fits {
            table.tell("scale", "a scale is a number other than 0");
        }
        fits
    });
    let plausible: Option<(f64, f64)> = table.required("plausible");
    let plausible = plausible.filter(|(lowest, highest)| {
        let fits = lowest < highest;
        if !fits {
            table.tell("plausible", "write [lowest, highest] in the SI unit");
        }
        fits
    });
    let deadband = table.or("deadband", 0.0).filter(|deadband: &f64| {
        let fits = deadband.is_finite() && 0.0 <= *deadband;
        if !fits {
            table.tell("deadband", "a deadband is 0 or more, in the SI unit");
        }
        fits
    });
    Some(Reading::Number {
        layout: layout?,
        scale: scale?,
        unit: unit?,
        plausible: plausible?,
        deadband: deadband?,
    })
}

fn read_choices(table: &Keys<'_>) -> Option<Vec<(u16, f64)>> {
    let values = table.required_table("values")?;
    let read = |key: &str| {
        let code = word::number(key);
        if code.is_none() {
            values.tell(key, "a code is a number like 16 or 0x10");
        }
        let number = values.required(key);
        Some((code?, number?))
    };
    let choices: Vec<Option<(u16, f64)>> = values.keys().into_iter().map(read).collect();
    choices.into_iter().collect()
}
