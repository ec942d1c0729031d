//! A group of points of a profile: one formula for names and registers, one way to read them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use firegrid_wire::document::Table as Keys;
use firegrid_wire::names::{DeviceId, PointId};

use super::choice::{self, Answers, Asked, Only};
use super::reading::{self, Reading};
use super::template::Template;
use super::word::Word;
use super::{ProfilePoint, Table};

/// The most points one group may make; ten full loops of a large panel are 3 180.
const POINTS_OF_A_GROUP: usize = 10_000;

/// One `[[point]]` of a profile.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    name: Template,
    label: Template,
    each: Vec<Variable>,
    table: Table,
    register: Register,
    reading: Reading,
    only: Option<Only>,
    system: u8,
    part: u8,
    tags: Vec<String>,
}

/// What a place in a name runs through.
#[derive(Debug, Clone, PartialEq)]
struct Variable {
    name: String,
    values: Values,
    /// The place moves by so many bits with every step; a register has sixteen.
    bits: u32,
}

/// Where the first point of a group lies.
#[derive(Debug, Clone, PartialEq)]
enum Register {
    Fixed(u16),
    /// So many registers behind the number that the site has answered, which is at most `most`.
    Behind {
        option: String,
        most: u16,
        plus: u16,
    },
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    Range { from: u16, to: u16 },
    Option { name: String, from: u16, to: u16 },
}

impl Group {
    /// The points under the answers of a device, in the order of their registers.
    pub(super) fn points(&self, answers: &Answers) -> Vec<ProfilePoint> {
        let format = self.reading.under(answers);
        let (true, Some(format)) =
            (self.only.as_ref().is_none_or(|only| only.holds(answers)), format)
        else {
            return Vec::new();
        };
        let mut points: Vec<ProfilePoint> = self
            .places(answers)
            .into_iter()
            .map(|(numbers, place)| {
                let number = |name: &str| numbers.get(name).copied();
                ProfilePoint {
                    name: self.name.fill(number),
                    label: self.label.fill(number),
                    table: self.table,
                    register: u16::try_from(place / 16).unwrap_or(u16::MAX),
                    format: format.moved(place % 16),
                    system: self.system,
                    part: self.part,
                    tags: self.tags.clone(),
                }
            })
            .collect();
        points.sort_by_key(|point| point.register);
        points
    }

    /// Every combination of its variables, with the bit it leads to, counted from the first of
    /// register 0.
    fn places(&self, answers: &Answers) -> Vec<(BTreeMap<&str, u16>, u32)> {
        let mut places = vec![(BTreeMap::new(), u32::from(self.register.under(answers)) * 16)];
        for variable in &self.each {
            let (from, values): (u16, Vec<u16>) = match &variable.values {
                Values::Range { from, to } => (*from, (*from..=*to).collect()),
                Values::Option { name, from, .. } => (*from, answers.list(name).to_vec()),
            };
            places = places
                .iter()
                .flat_map(|(numbers, place)| {
                    values.iter().map(move |value| {
                        let mut numbers: BTreeMap<&str, u16> = numbers.clone();
                        numbers.insert(&variable.name, *value);
                        (numbers, place + u32::from(value - from) * variable.bits)
                    })
                })
                .collect();
        }
        places
    }

    /// The most points, and the last register, whatever a site answers.
    fn extent(&self) -> (usize, u64) {
        let (mut count, mut last) = (1_usize, u64::from(self.register.most()) * 16);
        for variable in &self.each {
            let (Values::Range { from, to } | Values::Option { from, to, .. }) = &variable.values;
            let steps = to.saturating_sub(*from);
            count = count.saturating_mul(usize::from(steps) + 1);
            last += u64::from(steps) * u64::from(variable.bits);
        }
        (count, last / 16 + u64::from(self.reading.registers() - 1))
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
    let only = choice::read_only(table, around.asked);
    let source: Option<String> = table.required("source");
    let of_table = table.text_or("table", Table::HoldingRegisters);
    let register = read_register(table, around);
    let reading = reading::read_reading(table, around, only.as_ref().and_then(Option::as_ref));
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
        only: only?,
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
    if group.table.is_bits() && matches!(group.reading, Reading::Number { .. }) {
        table.tell("number", "a table of single bits holds no numbers");
        return None;
    }
    let parts = group.each.iter().map(|variable| variable.bits).filter(|bits| bits % 16 != 0);
    if let Some(part) = parts.min()
        && (part_of_register(group.table, part) < group.reading.bits())
    {
        table.tell("each", format_args!("the word does not fit into {part} bits of a register"));
        return None;
    }
    if group.table.is_bits() && 1 < group.reading.bits() {
        table.tell("table", "it holds single bits, and the word has more");
        return None;
    }
    Some(group)
}

/// How many bits a point has when a register is divided into such parts; 0 if it cannot be.
fn part_of_register(table: Table, bits: u32) -> u32 {
    match 16_u32.is_multiple_of(bits) && !table.is_bits() {
        true => bits,
        false => 0,
    }
}

impl Register {
    fn under(&self, answers: &Answers) -> u16 {
        match self {
            Register::Fixed(register) => *register,
            Register::Behind { option, most, plus } => {
                let answer = answers.number(option).and_then(|answer| u16::try_from(answer).ok());
                answer.map_or(*most, |answer| answer.saturating_add(*plus))
            }
        }
    }

    fn most(&self) -> u32 {
        match self {
            Register::Fixed(register) => u32::from(*register),
            Register::Behind { most, plus, .. } => u32::from(*most) + u32::from(*plus),
        }
    }
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
        let bits = match entry.has("bits") {
            true => entry.required("bits"),
            false => entry.required("step").map(|step: u16| u32::from(step) * 16),
        };
        let values = if entry.has("option") {
            read_option(&entry, around)
        } else {
            let (from, to) = (entry.required("from"), entry.required("to"));
            from.zip(to).map(|(from, to)| Values::Range { from, to })
        };
        Some(Variable { name: name.to_owned(), values: values?, bits: bits? })
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

/// A number as on the wire, or `{ option = "zones_at", plus = 3 }`.
fn read_register(table: &Keys<'_>, around: &Surroundings<'_>) -> Option<Register> {
    if !table.raw("register").is_some_and(serde_json::Value::is_object) {
        return table.required("register").map(Register::Fixed);
    }
    let behind = table.table("register")?;
    let (option, plus) = (behind.required::<String>("option"), behind.or("plus", 0));
    let option = option?;
    let bounds = choice::bounds_of(around.asked?, &option);
    let most = bounds.filter(|(from, _)| 0 <= *from).and_then(|(_, to)| u16::try_from(to).ok());
    if most.is_none() {
        behind
            .tell("option", format_args!("{option:?} is no option with the number of a register"));
    }
    Some(Register::Behind { option, most: most?, plus: plus? })
}
