//! What alarm and ticket have in common: who did something, when, and the three answers.
//!
//! The judgement's changes and people's actions are events alike, each with who and when. An
//! answer is a value; whoever asked persists it. A second seat that does the same is told that
//! it is already so, and one that may not is told why.

use std::fmt;

use firegrid_wire::time::CentreTime;

/// Who did something and when.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Deed {
    /// Who.
    pub who: Actor,
    /// When, at the centre.
    pub when: CentreTime,
}

/// Who can do something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The judgement.
    Judgement,
    /// A person, by the name of the account.
    Person(String),
}

/// What comes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<S, E> {
    /// It was done: what it is now, and what to write into the history.
    Done(S, E),
    /// It was so already; nothing is to be written.
    AlreadySo,
    /// It may not be.
    Refused(Refusal),
}

/// Why something may not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A word for programs, for example `not-proven`.
    pub code: &'static str,
    /// For Chinese pages.
    pub zh: String,
    /// For English pages and logs.
    pub en: String,
}

impl<S, E> Answer<S, E> {
    /// What it is now and what to write, if it was done.
    pub fn done(self) -> Option<(S, E)> {
        match self {
            Answer::Done(state, entry) => Some((state, entry)),
            Answer::AlreadySo | Answer::Refused(_) => None,
        }
    }
}

impl Refusal {
    pub(crate) fn new(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Refusal {
        Refusal { code, zh: zh.into(), en: en.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Judgement => f.write_str("judgement"),
            Actor::Person(name) => f.write_str(name),
        }
    }
}
