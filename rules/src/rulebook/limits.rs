//! Limits as they are written: a number with its unit, or a field of the point.

use firegrid_wire::document::Table;
use firegrid_wire::quantity::Unit;

use super::Selector;
use crate::beside::Kinds;
use crate::condition::Limit;

pub(super) fn read_limit(
    table: &Table<'_>,
    key: &str,
    selector: Option<&Selector>,
) -> Option<Limit> {
    let text: Option<String> = table.required(key);
    let or: Option<String> = table.optional("or");
    let unit = unit_of(table, key, selector);
    limit(table, key, &text?, or.as_deref(), unit?)
}

/// A limit needs the unit of its points, so that it can never be held against another quantity.
pub(super) fn unit_of(table: &Table<'_>, key: &str, selector: Option<&Selector>) -> Option<Unit> {
    match selector? {
        Selector::Points(Kinds { unit: Some(unit), .. }) => Some(*unit),
        Selector::Gateways => None,
        Selector::Points(Kinds { unit: None, .. }) | Selector::Discrete | Selector::Devices => {
            table.tell(key, "a limit needs the `unit` of its points named where they are chosen");
            None
        }
    }
}

/// How the name of a point's own limit begins.
const OF_POINT: &str = "limit.";

pub(super) fn limit(
    table: &Table<'_>,
    key: &str,
    text: &str,
    or: Option<&str>,
    unit: Unit,
) -> Option<Limit> {
    let number =
        |key: &str, text: &str| amount(text, unit).map_err(|what| table.tell(key, what)).ok();
    match text.strip_prefix(OF_POINT) {
        Some(field) => {
            let or = match or {
                Some(or) => Some(number("or", or)?),
                None => None,
            };
            Some(Limit::OfPoint { field: field.to_owned(), or })
        }
        None => {
            if or.is_some() {
                table.tell("or", "a fixed limit needs no fallback");
            }
            number(key, text).map(Limit::Fixed)
        }
    }
}

/// Reads `0.10 MPa` or `100000 Pa` as the exact number of the unit of the wire.
pub(crate) fn amount(text: &str, unit: Unit) -> Result<f64, String> {
    let (shown, factor) = unit.shown();
    let refused = || {
        let also = if shown == unit.as_str() || shown.is_empty() {
            String::new()
        } else {
            format!(" or {shown}")
        };
        format!("{text:?} is no number in {unit}{also}, nor a field of the point as `limit.low`")
    };
    let (number, written) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    // The decimal point is moved in the text, so that 0.07 MPa is exactly 70000 Pa.
    let exponent = match written.trim() {
        written if written == unit.as_str() => 0,
        written if written == shown => -(factor.log10().round() as i32),
        _ => return Err(refused()),
    };
    let plain = number.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'));
    let value: f64 =
        plain.then(|| format!("{number}e{exponent}").parse().ok()).flatten().ok_or_else(refused)?;
    if value.is_finite() { Ok(value) } else { Err(refused()) }
}
