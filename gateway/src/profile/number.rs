//! Registers that hold a number.
//!
//! Decodes raw registers to a number in the SI unit of the wire, and encodes for the simulator.
//! What is no number says so in its quality: not a number is a sensor fault, and a number
//! outside the plausible range keeps its value and is marked.

use std::fmt;

use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Value};

/// How registers become a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Number {
    /// How the raw number is laid out.
    pub layout: Layout,
    /// One step of the raw number, in `unit`.
    pub scale: f64,
    /// The unit in which the device counts.
    pub unit: DeviceUnit,
    /// The lowest and the highest plausible value, in the SI unit.
    pub plausible: (f64, f64),
    /// A change up to this much is not worth sending, in the SI unit.
    pub deadband: f64,
}

/// How the raw number lies in its registers.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// One register without sign.
    U16,
    /// One register with sign.
    I16,
    /// An IEEE 754 number in two registers.
    F32 {
        /// Which register comes first.
        words: Order,
        /// Which byte of a register comes first; `Big` by the Modbus standard.
        bytes: Order,
    },
    /// One register whose value picks one of these numbers.
    Choice(Vec<(u16, f64)>),
    /// One register with sign that others beside it describe.
    Described(Described),
    /// One register of an analog input, which the site has scaled.
    Linear(Linear),
}

/// An analog input: what it counts at both ends of the sensor's range.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Whether the register has a sign.
    pub signed: bool,
    /// The raw number at the low and the high end.
    pub raw: (f64, f64),
    /// The value at the low and the high end, in the SI unit.
    pub range: (f64, f64),
    /// Whether the ends are 4 and 20 mA, so that a current outside says that the loop is broken.
    pub live_zero: bool,
}

/// NAMUR NE 43: a 4-20 mA transmitter that is out of order shows at most so much …
const FAILED_LOW: f64 = 3.6;

/// … or at least so much; one that measures stays between 3.8 and 20.5 mA.
const FAILED_HIGH: f64 = 21.0;

/// A whole number with the registers that say what it counts. They are read together, so that
/// the number is never taken with the decimals or the unit of another moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// Where the number lies, in registers behind the first one.
    pub value: u16,
    /// Where the count of its decimals lies, from 0 to 4.
    pub decimals: u16,
    /// Where the device says its unit, if that is believed.
    pub units: Option<UnitCodes>,
    /// What is to be added to the raw number.
    pub offset: i32,
}

/// A register whose value names a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitCodes {
    /// Where it lies, in registers behind the first one.
    pub at: u16,
    /// What its values mean; all units measure the same.
    pub codes: Vec<(u16, DeviceUnit)>,
}

/// More decimals than this no transmitter of the integer map has (register 0x0003, 0 to 4).
const MOST_DECIMALS: u16 = 4;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The high part.
    Big,
    /// The low part.
    Little,
}

/// A unit in which devices count, and the way to the unit of the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceUnit {
    name: &'static str,
    si: Unit,
    factor: f64,
    offset: f64,
}

/// Pressure in psi is 6894.757293168 Pa; Fahrenheit is 5/9 K per step, 0 °C at 32. Water of 1 m
/// stands for 9.807 kPa: what a submerged sensor counts in `kPa-water` or `MPa-water` is a height.
const UNITS: [DeviceUnit; 23] = [
    unit("Pa", Unit::Pascal, 1.0),
    unit("kPa", Unit::Pascal, 1e3),
    unit("MPa", Unit::Pascal, 1e6),
    unit("mbar", Unit::Pascal, 1e2),
    unit("bar", Unit::Pascal, 1e5),
    unit("psi", Unit::Pascal, 6_894.757_293_168),
    unit("m", Unit::Metre, 1.0),
    unit("cm", Unit::Metre, 1e-2),
    unit("mm", Unit::Metre, 1e-3),
    unit("kPa-water", Unit::Metre, 1.0 / 9.807),
    unit("MPa-water", Unit::Metre, 1e3 / 9.807),
    unit("bar-water", Unit::Metre, 1e2 / 9.807),
    unit("Cel", Unit::Celsius, 1.0),
    DeviceUnit { name: "F", si: Unit::Celsius, factor: 5.0 / 9.0, offset: -160.0 / 9.0 },
    unit("A", Unit::Ampere, 1.0),
    unit("mA", Unit::Ampere, 1e-3),
    unit("V", Unit::Volt, 1.0),
    unit("mV", Unit::Volt, 1e-3),
    unit("Hz", Unit::Hertz, 1.0),
    unit("rpm", Unit::Hertz, 1.0 / 60.0),
    unit("l/s", Unit::LitrePerSecond, 1.0),
    unit("/", Unit::Ratio, 1.0),
    unit("count", Unit::Count, 1.0),
];

const fn unit(name: &'static str, si: Unit, factor: f64) -> DeviceUnit {
    DeviceUnit { name, si, factor, offset: 0.0 }
}

impl Number {
    /// How many registers it takes.
    pub fn registers(&self) -> u16 {
        match &self.layout {
            Layout::U16 | Layout::I16 | Layout::Choice(_) => 1,
            Layout::F32 { .. } => 2,
            Layout::Described(described) => described.registers(),
            Layout::Linear(_) => 1,
        }
    }

    /// What the registers say, in the SI unit, and how far to believe it.
    pub fn value(&self, raw: &[u16]) -> (Value, Quality) {
        let mut unit = self.unit;
        let counted = match (&self.layout, raw) {
            (Layout::U16, [raw]) => f64::from(*raw),
            (Layout::I16, [raw]) => f64::from(raw.cast_signed()),
            (Layout::F32 { words, bytes }, [first, second]) => {
                let number = f32::from_bits(join(*first, *second, *words, *bytes));
                if !number.is_finite() {
                    return (Value::Unknown, Quality::SensorFault);
                }
                shortest(number)
            }
            (Layout::Choice(choices), [raw]) => {
                match choices.iter().find(|(code, _)| code == raw) {
                    Some((_, number)) => *number,
                    None => return (Value::Unknown, Quality::OutOfRange),
                }
            }
            (Layout::Described(described), raw) => match described.counted(raw, unit) {
                Ok((counted, said)) => {
                    unit = said;
                    counted
                }
                Err(quality) => return (Value::Unknown, quality),
            },
            (Layout::Linear(linear), [raw]) => match linear.value(*raw) {
                Some(value) => value,
                None => return (Value::Unknown, Quality::SensorFault),
            },
            (
                Layout::U16
                | Layout::I16
                | Layout::F32 { .. }
                | Layout::Choice(_)
                | Layout::Linear(_),
                _,
            ) => {
                return (Value::Unknown, Quality::SensorFault);
            }
        };
        let number = unit.to_si(counted * self.scale);
        let (lowest, highest) = self.plausible;
        let quality =
            if (lowest..=highest).contains(&number) { Quality::Good } else { Quality::OutOfRange };
        (Value::number(number, self.unit.si), quality)
    }

    /// Registers that say this number, for a simulated device; `None` if they cannot.
    pub fn raw(&self, number: f64) -> Option<Vec<u16>> {
        let counted = (number - self.unit.offset) / self.unit.factor / self.scale;
        let whole = counted.round();
        match &self.layout {
            Layout::U16 => (0.0..=65_535.0).contains(&whole).then(|| vec![whole as u16]),
            Layout::I16 => (-32_768.0..=32_767.0)
                .contains(&whole)
                .then(|| vec![(whole as i16).cast_unsigned()]),
            Layout::F32 { words, bytes } => {
                Some(split((counted as f32).to_bits(), *words, *bytes).to_vec())
            }
            Layout::Choice(choices) => choices
                .iter()
                .find(|(_, value)| (value - counted).abs() < 1e-9)
                .map(|(code, _)| vec![*code]),
            Layout::Described(described) => described.raw(counted),
            Layout::Linear(linear) => linear.raw(counted),
        }
    }
}

impl Linear {
    /// Values from 3.8 to 20.5 mA belong to a sensor that measures.
    pub fn plausible(&self) -> (f64, f64) {
        let (low, high) = self.range;
        let at = |milliampere: f64| low + (milliampere - 4.0) / 16.0 * (high - low);
        let (first, last) = (at(3.8), at(20.5));
        (first.min(last), first.max(last))
    }

    /// The value, or nothing from a broken loop.
    fn value(&self, raw: u16) -> Option<f64> {
        let raw = if self.signed { f64::from(raw.cast_signed()) } else { f64::from(raw) };
        let share = (raw - self.raw.0) / (self.raw.1 - self.raw.0);
        let milliampere = 4.0 + 16.0 * share;
        let broken = milliampere <= FAILED_LOW || FAILED_HIGH <= milliampere;
        let value = self.range.0 + share * (self.range.1 - self.range.0);
        (!(self.live_zero && broken)).then_some(value)
    }

    fn raw(&self, value: f64) -> Option<Vec<u16>> {
        let share = (value - self.range.0) / (self.range.1 - self.range.0);
        let raw = (self.raw.0 + share * (self.raw.1 - self.raw.0)).round();
        match self.signed {
            true => {
                (-32_768.0..=32_767.0).contains(&raw).then(|| vec![(raw as i16).cast_unsigned()])
            }
            false => (0.0..=65_535.0).contains(&raw).then(|| vec![raw as u16]),
        }
    }
}

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.signed { "i16" } else { "u16" };
        let signal = if self.live_zero { " 4-20 mA" } else { "" };
        let ((low, high), (from, to)) = (self.raw, self.range);
        write!(f, "{kind}{signal} {low}..{high} is {from}..{to}")
    }
}

impl Described {
    /// How many registers lie from the first to the last of them.
    pub fn registers(&self) -> u16 {
        let unit = self.units.as_ref().map_or(0, |units| units.at);
        self.value.max(self.decimals).max(unit).saturating_add(1)
    }

    /// The number, and the unit that it counts: the device's own word, or else `unit`.
    fn counted(&self, raw: &[u16], unit: DeviceUnit) -> Result<(f64, DeviceUnit), Quality> {
        if raw.len() != usize::from(self.registers()) {
            return Err(Quality::SensorFault);
        }
        let at = |place: u16| raw.get(usize::from(place)).copied().ok_or(Quality::SensorFault);
        let decimals = at(self.decimals)?;
        if MOST_DECIMALS < decimals {
            return Err(Quality::SensorFault);
        }
        let unit = match &self.units {
            None => unit,
            Some(units) => units.of(at(units.at)?).ok_or(Quality::OutOfRange)?,
        };
        let whole = i32::from(at(self.value)?.cast_signed()).saturating_add(self.offset);
        Ok((f64::from(whole) / 10_f64.powi(i32::from(decimals)), unit))
    }

    /// Registers with as many decimals as fit; the unit is the first that the device knows.
    fn raw(&self, counted: f64) -> Option<Vec<u16>> {
        let whole = |decimals: u16| {
            let whole =
                (counted * 10_f64.powi(i32::from(decimals))).round() - f64::from(self.offset);
            (-32_768.0..=32_767.0).contains(&whole).then_some((decimals, whole as i16))
        };
        let (decimals, whole) = (0..=MOST_DECIMALS).rev().find_map(whole)?;
        let mut raw = vec![0; usize::from(self.registers())];
        let units = self.units.iter().filter_map(|units| Some((units.at, units.codes.first()?.0)));
        let described = [(self.value, whole.cast_unsigned()), (self.decimals, decimals)];
        for (place, register) in units.chain(described) {
            *raw.get_mut(usize::from(place))? = register;
        }
        Some(raw)
    }
}

impl UnitCodes {
    /// Any of its units: all measure the same.
    pub(super) fn first(&self) -> Option<DeviceUnit> {
        self.codes.first().map(|(_, unit)| *unit)
    }

    fn of(&self, code: u16) -> Option<DeviceUnit> {
        self.codes.iter().find(|(known, _)| *known == code).map(|(_, unit)| *unit)
    }
}

impl fmt::Display for Described {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "i16+{} decimals+{}", self.value, self.decimals)?;
        if let Some(units) = &self.units {
            write!(f, " unit+{}", units.at)?;
            for (code, unit) in &units.codes {
                write!(f, " {code}={}", unit.name)?;
            }
        }
        if self.offset != 0 {
            write!(f, " offset {}", self.offset)?;
        }
        Ok(())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.layout {
            Layout::U16 => f.write_str("u16")?,
            Layout::I16 => f.write_str("i16")?,
            Layout::F32 { words, bytes } => write!(f, "f32 {words} {bytes}")?,
            Layout::Choice(_) => f.write_str("choice")?,
            Layout::Described(described) => return write!(f, "{described} {}", self.unit.name),
            Layout::Linear(linear) => return write!(f, "{linear} {}", self.unit.name),
        }
        if self.scale != 1.0 {
            write!(f, " x{}", self.scale)?;
        }
        write!(f, " {}", self.unit.name)
    }
}

impl DeviceUnit {
    /// The unit with this name.
    pub fn find(name: &str) -> Option<DeviceUnit> {
        UNITS.into_iter().find(|unit| unit.name == name)
    }

    /// The names of all units, for whoever mistyped one.
    pub fn names() -> String {
        UNITS.map(|unit| unit.name).join(" ")
    }

    /// A number in this unit, in the unit of the wire.
    pub fn to_si(self, number: f64) -> f64 {
        tidy(number * self.factor + self.offset)
    }

    /// The unit in which numbers of the wire are counted.
    pub fn of(unit: Unit) -> DeviceUnit {
        DeviceUnit { name: unit.as_str(), si: unit, factor: 1.0, offset: 0.0 }
    }

    /// The unit of the wire that numbers in this unit are sent in.
    pub fn si(self) -> Unit {
        self.si
    }
}

impl fmt::Display for DeviceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Order {
    /// `big` or `little`.
    pub fn find(name: &str) -> Option<Order> {
        match name {
            "big" => Some(Order::Big),
            "little" => Some(Order::Little),
            _ => None,
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Big => "big",
            Order::Little => "little",
        })
    }
}

fn join(first: u16, second: u16, words: Order, bytes: Order) -> u32 {
    let (high, low) = match words {
        Order::Big => (first, second),
        Order::Little => (second, first),
    };
    let in_order = |word: u16| match bytes {
        Order::Big => word,
        Order::Little => word.swap_bytes(),
    };
    u32::from(in_order(high)) << 16 | u32::from(in_order(low))
}

fn split(bits: u32, words: Order, bytes: Order) -> [u16; 2] {
    let in_order = |word: u16| match bytes {
        Order::Big => word,
        Order::Little => word.swap_bytes(),
    };
    let (high, low) = (in_order((bits >> 16) as u16), in_order(bits as u16));
    match words {
        Order::Big => [high, low],
        Order::Little => [low, high],
    }
}

/// The shortest decimal that is this number: 0.35, not 0.3499999940395355.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

/// Twelve significant digits: more than any register holds, fewer than a multiplication blurs.
fn tidy(number: f64) -> f64 {
    // A whole number has them already, and most numbers of devices are whole.
    if number.fract() == 0.0 && number.abs() < 1e12 {
        return number;
    }
    format!("{number:.11e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(layout: Layout, scale: f64, unit: &str) -> Number {
        let unit = DeviceUnit::find(unit).expect("a unit");
        Number { layout, scale, unit, plausible: (-1e5, 6e6), deadband: 0.0 }
    }

    fn float(words: Order, bytes: Order, unit: &str) -> Number {
        number(Layout::F32 { words, bytes }, 1.0, unit)
    }

    #[track_caller]
    fn check(number: &Number, raw: &[u16], value: Option<f64>, quality: Quality) {
        let expected = value.map_or(Value::Unknown, |value| Value::Number(value, number.unit.si));
        assert_eq!(number.value(raw), (expected, quality), "{number} {raw:04x?}");
    }

    #[test]
    fn a_float_is_read_in_the_order_of_its_words_and_bytes() {
        // 0.35 is 0x3EB33333.
        check(
            &float(Order::Big, Order::Big, "MPa"),
            &[0x3EB3, 0x3333],
            Some(350_000.0),
            Quality::Good,
        );
        check(
            &float(Order::Little, Order::Big, "MPa"),
            &[0x3333, 0x3EB3],
            Some(350_000.0),
            Quality::Good,
        );
        check(
            &float(Order::Big, Order::Little, "MPa"),
            &[0xB33E, 0x3333],
            Some(350_000.0),
            Quality::Good,
        );
        check(
            &float(Order::Little, Order::Little, "MPa"),
            &[0x3333, 0xB33E],
            Some(350_000.0),
            Quality::Good,
        );
    }

    #[test]
    fn a_float_becomes_its_shortest_decimal_in_any_unit() {
        let of = |value: f32| [(value.to_bits() >> 16) as u16, value.to_bits() as u16];
        for (value, unit, pascal) in [
            (0.35, "Pa", 0.35),
            (0.07, "kPa", 70.0),
            (0.3, "MPa", 300_000.0),
            (347.5, "kPa", 347_500.0),
        ] {
            check(&float(Order::Big, Order::Big, unit), &of(value), Some(pascal), Quality::Good);
        }
    }

    #[test]
    fn what_is_no_number_is_a_sensor_fault() {
        let pressure = float(Order::Big, Order::Big, "kPa");
        for raw in [[0x7FC0, 0], [0x7F80, 0], [0xFF80, 0]] {
            check(&pressure, &raw, None, Quality::SensorFault);
        }
        check(&pressure, &[0x3EB3], None, Quality::SensorFault);
    }

    #[test]
    fn an_implausible_number_keeps_its_value_and_is_marked() {
        let pressure = number(Layout::I16, 1.0, "kPa");
        check(&pressure, &[6_000], Some(6e6), Quality::Good);
        check(&pressure, &[6_001], Some(6.001e6), Quality::OutOfRange);
        check(&pressure, &[0xFF9B], Some(-101_000.0), Quality::OutOfRange);
    }

    #[test]
    fn a_code_that_picks_no_number_says_nothing() {
        let frequency = number(Layout::Choice(vec![(0, 60.0), (1, 50.0)]), 1.0, "Hz");
        check(&frequency, &[1], Some(50.0), Quality::Good);
        check(&frequency, &[2], None, Quality::OutOfRange);
    }

    /// The pressure transmitter's integer map with the device's own unit: 3 bar, 6 psi.
    fn described(offset: i32) -> Number {
        let codes = [(3, "bar"), (6, "psi")];
        let codes = codes.map(|(code, name)| (code, DeviceUnit::find(name).expect("a unit")));
        let units = Some(UnitCodes { at: 0, codes: codes.to_vec() });
        let described = Described { value: 2, decimals: 1, units, offset };
        number(Layout::Described(described), 1.0, "bar")
    }

    #[test]
    fn a_described_number_is_believed_only_with_a_description() {
        check(&described(0), &[3, 2, 350], Some(350_000.0), Quality::Good);
        check(&described(-50), &[3, 2, 350], Some(300_000.0), Quality::Good);
        check(&described(0), &[3, 0, 0xFFFF], Some(-100_000.0), Quality::Good);
        check(&described(0), &[3, 5, 350], None, Quality::SensorFault);
        check(&described(0), &[4, 2, 350], None, Quality::OutOfRange);
        check(&described(0), &[3, 2], None, Quality::SensorFault);
        check(&described(0), &[], None, Quality::SensorFault);
    }

    /// NAMUR NE 43: up to 3.6 and from 21 mA the loop is broken; 3.8 to 20.5 mA are measured.
    #[test]
    fn a_current_outside_its_range_is_a_sensor_fault() {
        let linear = |live_zero| {
            let linear = Linear { signed: false, raw: (4e3, 2e4), range: (0.0, 1.6e6), live_zero };
            let plausible = linear.plausible();
            Number { plausible, ..number(Layout::Linear(linear), 1.0, "Pa") }
        };
        for (microampere, value, quality) in [
            (0, None, Quality::SensorFault),
            (3_600, None, Quality::SensorFault),
            (3_601, Some(-39_900.0), Quality::OutOfRange),
            (3_800, Some(-20_000.0), Quality::Good),
            (4_000, Some(0.0), Quality::Good),
            (12_000, Some(800_000.0), Quality::Good),
            (20_500, Some(1_650_000.0), Quality::Good),
            (20_999, Some(1_699_900.0), Quality::OutOfRange),
            (21_000, None, Quality::SensorFault),
        ] {
            check(&linear(true), &[microampere], value, quality);
        }
        check(&linear(false), &[0], Some(-400_000.0), Quality::OutOfRange);
        check(&linear(true), &[4_000, 4_000], None, Quality::SensorFault);
    }

    proptest::proptest! {
        #[test]
        fn no_registers_of_a_described_number_end_the_program(
            raw in proptest::collection::vec(0_u16.., 0..5), offset in i32::MIN..,
        ) {
            let (value, quality) = described(offset).value(&raw);
            let is_number = matches!(value, Value::Number(number, _) if number.is_finite());
            proptest::prop_assert!(is_number || quality != Quality::Good, "{value} {quality:?}");
        }

        #[test]
        fn a_described_number_is_heard_as_it_is_shown(bar in -0.9_f64..3.0, offset in -9..9) {
            let shown = described(offset);
            let (value, quality) = shown.value(&shown.raw(bar * 1e5).expect("registers"));
            let Value::Number(heard, _) = value else { panic!("{value} {quality:?}") };
            proptest::prop_assert!((heard - bar * 1e5).abs() <= 5.1, "{heard} instead of {bar} bar");
        }
    }

    #[test]
    fn fahrenheit_becomes_celsius() {
        check(&number(Layout::I16, 0.1, "F"), &[680], Some(20.0), Quality::Good);
    }

    #[test]
    fn the_simulator_says_what_the_decoder_hears() {
        let layouts = [
            number(Layout::U16, 0.1, "V"),
            number(Layout::I16, 0.1, "Cel"),
            float(Order::Little, Order::Little, "kPa"),
            number(Layout::Choice(vec![(7, 50.0)]), 1.0, "Hz"),
        ];
        for number in layouts {
            let raw = number.raw(50.0).expect("registers");
            check(&number, &raw, Some(50.0), Quality::Good);
        }
    }
}
