//! `[terms]`: how long tickets may take, where a county has its own terms.
//!
//! ```toml
//! [terms.serious]
//! accept = "4h"                # until somebody takes it
//! rectify = "3 working days"   # until it is mended
//! climb = "4h"                 # what each further level has, once a deadline has passed
//! ```

use firegrid_rules::ticket::{Term, Terms, TermsOf};
use firegrid_wire::document::Table;

/// The terms; nothing if there is a mistake.
pub(super) fn read(root: &Table<'_>) -> Option<TermsOf> {
    let usual = TermsOf::default();
    let Some(terms) = root.table("terms") else { return Some(usual) };
    let general = of(&terms, "general", usual.general);
    let serious = of(&terms, "serious", usual.serious);
    let major = of(&terms, "major", usual.major);
    Some(TermsOf { general: general?, serious: serious?, major: major? })
}

fn of(terms: &Table<'_>, severity: &str, usual: Terms) -> Option<Terms> {
    if !terms.has(severity) {
        return Some(usual);
    }
    let table = terms.table(severity)?;
    let accept = term(&table, "accept", usual.accept);
    let rectify = term(&table, "rectify", usual.rectify);
    let climb = term(&table, "climb", usual.climb);
    Some(Terms { accept: accept?, rectify: rectify?, climb: climb? })
}

fn term(table: &Table<'_>, key: &str, usual: Term) -> Option<Term> {
    table.text_or(key, usual)
}
