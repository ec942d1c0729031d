//! Which kinds of hazards hide which: every cause is a kind of the rulebook, and none of them
//! comes round to itself, or each would hide the other and nobody would see either.

use std::collections::{BTreeMap, BTreeSet};

use firegrid_wire::document::Mistake;

use super::Rule;

/// A rule and where it is written: its file and its key path.
pub(super) struct Written<'a> {
    pub rule: &'a Rule,
    pub file: &'a str,
    pub path: String,
}

/// The mistakes in what the rules say of their causes.
pub(super) fn mistakes(rules: &[Written<'_>]) -> Vec<Mistake> {
    let mut causes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Written { rule, .. } in rules {
        let of_kind = causes.entry(rule.kind.as_str()).or_default();
        of_kind.extend(rule.caused_by.iter().map(String::as_str));
    }
    let mut told = Vec::new();
    for Written { rule, file, path } in rules {
        for (index, cause) in rule.caused_by.iter().enumerate() {
            let what = if !causes.contains_key(cause.as_str()) {
                format!("no rule has the kind {cause:?}")
            } else if leads_to(&causes, cause, &rule.kind) {
                format!(
                    "{cause:?} is itself caused by {:?}: a circle hides all it holds",
                    rule.kind
                )
            } else {
                continue;
            };
            let path = format!("{path}.caused_by[{index}]");
            told.push(Mistake { file: (*file).to_owned(), path, what });
        }
    }
    told
}

/// Whether following the causes of `from` one comes to `to`; every kind comes to itself.
fn leads_to(causes: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![from];
    while let Some(kind) = ahead.pop() {
        if kind == to {
            return true;
        }
        if seen.insert(kind) {
            ahead.extend(causes.get(kind).into_iter().flatten());
        }
    }
    false
}
