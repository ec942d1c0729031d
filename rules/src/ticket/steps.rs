//! What an event makes of a ticket: one function for each way of the diagram in [`super`].

use firegrid_wire::time::CentreTime;

use super::{Due, Event, Exception, Folded, REOPENED_AT_LEAST, Setting, State, Ticket};
use crate::engine::NotYet;
use crate::escalation::{Charge, Turn};
use crate::lifecycle::{Deed, Refusal};
use crate::routing::Level;

impl Ticket {
    /// Makes of `to`, a copy of this ticket, what it becomes. `false`: it is so already.
    pub(super) fn after(
        &self,
        event: &Event,
        deed: &Deed,
        setting: Setting<'_>,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        let changes = match event {
            Event::RaisedAgain => self.raised_again(deed.when, setting, to),
            Event::Relapsed | Event::Calmed if self.state.is_over() => Err(over()),
            Event::Relapsed | Event::Calmed => Ok(true),
            Event::Cleared => Ok(self.cleared(deed.when, to)),
            Event::Retired => Ok(!self.state.is_over()),
            Event::Folded { into } => Ok(self.fold(into, deed.when, to)),
            Event::Unfolded => Ok(unfold(deed.when, to)),
            Event::Accept => self.accepting(deed, to),
            Event::Submit => self.submitting(deed, to),
            Event::Return { .. } => self.returning(deed.when, setting, to),
            Event::HandOver { to: person, .. } => {
                self.handing_over(person.as_deref(), deed.when, setting, to)
            }
            Event::Close { proof, exception } => self.closing(proof, exception.as_ref(), deed, to),
            Event::Void { proof, .. } => self.voiding(proof, deed, to),
        }?;
        if changes && to.state.is_over() {
            to.charge = None;
        } else if changes
            && *event != Event::Unfolded
            && (to.state, to.due) != (self.state, self.due)
        {
            let until = to.next_deadline(deed.when, setting);
            if let Some(charge) = &mut to.charge {
                charge.until = until;
            }
        }
        Ok(changes)
    }

    fn raised_again(
        &self,
        now: CentreTime,
        setting: Setting<'_>,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        if !self.takes_recurrence(now) {
            return Err(over());
        }
        to.recurrences = self.recurrences.saturating_add(1);
        to.proven = false;
        let work = if self.accepted.is_some() { State::Rectifying } else { State::Accept };
        match self.state {
            State::Recheck => {
                (to.state, to.self_healed, to.submitted) = (work, false, None);
            }
            State::Closed => {
                let stood = now.since(self.closed.unwrap_or(now));
                let resumed = |due: CentreTime| due.plus(stood).max(now.plus(REOPENED_AT_LEAST));
                to.due =
                    Due { accept: resumed(self.due.accept), rectify: resumed(self.due.rectify) };
                (to.state, to.closed, to.self_healed) = (work, None, false);
                (to.reopened, to.submitted) = (true, None);
                to.charge = Some(setting.chain.first().charge(now, to.due.rectify));
            }
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Suspended
            | State::Void => {}
        }
        Ok(true)
    }

    fn cleared(&self, now: CentreTime, to: &mut Ticket) -> bool {
        match self.state {
            State::Verify | State::Dispatch | State::Accept if self.folded.is_some() => {
                // Never anybody's job by itself: it ends with its cause.
                (to.state, to.proven, to.closed) = (State::Closed, true, Some(now));
                true
            }
            State::Verify | State::Dispatch | State::Accept => {
                (to.state, to.proven, to.self_healed) = (State::Recheck, true, true);
                true
            }
            State::Rectifying | State::Suspended => {
                unfold(now, to);
                (to.state, to.proven) = (State::Recheck, true);
                true
            }
            State::Recheck => {
                to.proven = true;
                !self.proven
            }
            State::Closed | State::Void => false,
        }
    }

    fn fold(&self, into: &str, now: CentreTime, to: &mut Ticket) -> bool {
        // Work that is said or proven to be done waits only for somebody to look.
        let hides = match self.state {
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Suspended => self.folded.is_none(),
            State::Recheck | State::Closed | State::Void => false,
        };
        if hides {
            to.folded = Some(Folded { into: into.to_owned(), since: now });
        }
        hides
    }

    fn accepting(&self, deed: &Deed, to: &mut Ticket) -> Result<bool, Refusal> {
        match self.state {
            State::Accept | State::Dispatch => {
                to.state = State::Rectifying;
                to.accepted = Some(deed.clone());
                Ok(true)
            }
            State::Rectifying => Ok(false),
            State::Verify | State::Recheck | State::Closed | State::Suspended | State::Void => {
                Err(self.not_from_here("接单", "taken"))
            }
        }
    }

    fn submitting(&self, deed: &Deed, to: &mut Ticket) -> Result<bool, Refusal> {
        match self.state {
            State::Rectifying => to.state = State::Recheck,
            State::Recheck if self.submitted.is_some() => return Ok(false),
            State::Recheck => {}
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Closed
            | State::Suspended
            | State::Void => return Err(self.not_from_here("提交复查", "submitted")),
        }
        to.submitted = Some(deed.clone());
        Ok(true)
    }

    fn returning(
        &self,
        now: CentreTime,
        setting: Setting<'_>,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        match self.state {
            State::Accept | State::Rectifying => {
                let turn = self.above(setting)?;
                (to.state, to.accepted) = (State::Dispatch, None);
                to.charge = Some(self.keep_listed(turn.charge(now, self.due.rectify)));
                Ok(true)
            }
            State::Recheck => {
                to.state = if self.accepted.is_some() { State::Rectifying } else { State::Accept };
                (to.submitted, to.self_healed) = (None, false);
                Ok(true)
            }
            State::Verify | State::Dispatch | State::Closed | State::Suspended | State::Void => {
                Err(self.not_from_here("退回", "returned"))
            }
        }
    }

    fn handing_over(
        &self,
        person: Option<&str>,
        now: CentreTime,
        setting: Setting<'_>,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        match self.state {
            State::Verify | State::Dispatch | State::Accept | State::Rectifying => {}
            State::Recheck | State::Closed | State::Suspended | State::Void => {
                return Err(self.not_from_here("移交", "handed over"));
            }
        }
        let holds = self.charge.as_ref().and_then(|charge| charge.person.as_deref());
        let turn = match person {
            Some(person) if holds == Some(person) && self.state != State::Dispatch => {
                return Ok(false);
            }
            Some(person) => {
                let stand = setting.chain.place_of(person).ok_or_else(|| {
                    Refusal::new(
                        "not-in-chain",
                        "只能移交给本网格或其上级网格中登记的人员",
                        "it can be handed only to a person entered for its grid or one above it",
                    )
                })?;
                let (grid, level) = (stand.grid.clone(), stand.level);
                Turn { grid, level, person: Some(person.to_owned()), passed: Vec::new() }
            }
            None => self.above(setting)?,
        };
        (to.state, to.accepted) = (State::Accept, None);
        // Whoever gets it has as long to take it as the first had; to mend it, what is left.
        to.due.accept = setting.terms.accept.from(now);
        to.charge = Some(self.keep_listed(turn.charge(now, to.due.accept)));
        Ok(true)
    }

    fn closing(
        &self,
        proof: &Result<(), NotYet>,
        exception: Option<&Exception>,
        deed: &Deed,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        match self.state {
            State::Closed => return Ok(false),
            State::Void | State::Verify | State::Dispatch => {
                return Err(self.not_from_here("结案", "closed"));
            }
            State::Accept if proof.is_ok() && exception.is_none() => {
                return Err(Refusal::new(
                    "not-accepted",
                    "请先接单，再结案",
                    "take it before closing it",
                ));
            }
            State::Accept | State::Rectifying | State::Recheck | State::Suspended => {}
        }
        if exception.is_none() {
            (*proof).map_err(not_proven)?;
        }
        (to.state, to.closed) = (State::Closed, Some(deed.when));
        to.folded = None;
        Ok(true)
    }

    fn voiding(
        &self,
        proof: &Result<(), NotYet>,
        deed: &Deed,
        to: &mut Ticket,
    ) -> Result<bool, Refusal> {
        match self.state {
            State::Void => Ok(false),
            State::Closed => Err(self.not_from_here("作废", "voided")),
            State::Verify
            | State::Dispatch
            | State::Accept
            | State::Rectifying
            | State::Recheck
            | State::Suspended => {
                (*proof).map_err(not_proven)?;
                (to.state, to.closed) = (State::Void, Some(deed.when));
                Ok(true)
            }
        }
    }

    /// The level above whoever is in charge.
    fn above(&self, setting: Setting<'_>) -> Result<Turn, Refusal> {
        let level = self.charge.as_ref().map_or(Level::Small, |charge| charge.level);
        setting.chain.after(level).ok_or_else(|| {
            Refusal::new(
                "last-level",
                "已在最高一级，无法再上报",
                "there is no level above this one",
            )
        })
    }

    fn keep_listed(&self, charge: Charge) -> Charge {
        let listed = self.charge.as_ref().and_then(|charge| charge.listed);
        Charge { listed, ..charge }
    }

    fn not_from_here(&self, zh: &str, en: &str) -> Refusal {
        Refusal::new(
            "wrong-state",
            format!("工单处于“{}”，不能{zh}", self.state.zh()),
            format!("a ticket in state {} cannot be {en}", self.state),
        )
    }
}

/// Lets the clock go on where it stood.
fn unfold(now: CentreTime, to: &mut Ticket) -> bool {
    let Some(folded) = to.folded.take() else { return false };
    let stood = now.since(folded.since);
    to.due = Due { accept: to.due.accept.plus(stood), rectify: to.due.rectify.plus(stood) };
    if let Some(charge) = &mut to.charge {
        charge.until = charge.until.plus(stood);
    }
    true
}

fn not_proven(not_yet: NotYet) -> Refusal {
    Refusal::new("not-proven", not_yet.zh(), not_yet.to_string())
}

fn over() -> Refusal {
    Refusal::new("over", "该工单已办结，应另立新单", "it is over; this is another ticket")
}
