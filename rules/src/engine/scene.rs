//! What surrounds one call of the engine, and how it makes a decision of a change.

use firegrid_wire::names::{FullPointId, GatewayId, PointId};
use firegrid_wire::span::{Seq, SpanId};
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};

use super::binding::{Bindings, StepRef};
use crate::condition::Said;
use crate::decision::{At, Change, Decision, Marks, Occurrence, Reason, Subject};
use crate::phase::{Onset, Phase, Timing, Turn};
use crate::rulebook::{Revision, Rule, Rulebook, Step};

/// An onset older than this at its arrival is marked historical.
const HISTORICAL_AFTER: Millis = Millis::seconds(60);

/// What surrounds one call.
pub(super) struct Scene<'a> {
    pub(super) gateway: &'a GatewayId,
    pub(super) rulebook: &'a Rulebook,
    pub(super) bindings: &'a Bindings,
    pub(super) arrived: CentreTime,
    /// When it was sent, in the time of the sender's current span.
    pub(super) sent: GatewayTime,
    /// The sender's current span, as far as is known.
    pub(super) current: Option<SpanId>,
    /// Whether anything of this gateway may clear.
    pub(super) may_clear: bool,
    pub(super) out: &'a mut Vec<Decision>,
}

/// What makes the engine look at a point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause {
    /// A numbered reading.
    Reading { seq: Seq, index: u32 },
    /// Time is vouched for again, or the device answers again.
    Resumed,
    /// What was before leaves a window.
    Window,
}

/// One change of one step on one point.
pub(super) struct Turned<'a> {
    pub(super) point: &'a PointId,
    pub(super) step: StepRef,
    /// The revision that raised it, if the rule is another one now.
    pub(super) revision: Option<Revision>,
    pub(super) turn: Turn<GatewayTime>,
    pub(super) now: Onset<GatewayTime>,
    pub(super) reason: Reason,
    pub(super) marks: Marks,
}

impl Cause {
    pub(super) fn reason(self, said: Said) -> Reason {
        match self {
            Cause::Reading { seq, index } => Reason::Reading { seq, index, said },
            Cause::Resumed => Reason::Resumed { said },
            Cause::Window => Reason::Window { said },
        }
    }
}

/// Why a deadline that passes changes something.
pub(super) fn passing(phase: Phase<GatewayTime>, timing: Timing, said: Said) -> Reason {
    match phase {
        Phase::Suspected { since, .. } => Reason::Held { since, lasting: timing.held_for, said },
        Phase::Clearing { proof: crate::phase::Timer::Running(since), .. } => {
            Reason::CalmSince { since: At::Gateway(since), lasting: timing.clear_for }
        }
        Phase::Quiet | Phase::Raised { .. } | Phase::Clearing { .. } => Reason::Resumed { said },
    }
}

impl Scene<'_> {
    /// Tells a change of a point in gateway time.
    pub(super) fn tell(&mut self, turned: Turned<'_>) {
        let Turned { point, step, revision, turn, now, reason, mut marks } = turned;
        marks.historical |= HISTORICAL_AFTER < self.sent.since(now.at);
        let (change, onset) = parts(turn);
        let subject = self.point(point);
        let occurrence = Occurrence { span: onset.span, at: At::Gateway(onset.at) };
        self.decide(
            subject,
            (step, revision),
            change,
            (now.span, At::Gateway(now.at)),
            occurrence,
            reason,
            marks,
        );
    }

    /// Tells what stands beside the life of something raised: that a reading confirms it, that
    /// its rule changed, or that nothing will clear it any more.
    #[expect(clippy::too_many_arguments, reason = "the parts of one decision")]
    pub(super) fn tell_beside(
        &mut self,
        point: &PointId,
        step: StepRef,
        change: Change,
        onset: Onset<GatewayTime>,
        now: Onset<GatewayTime>,
        reason: Reason,
        marks: Marks,
    ) {
        let subject = self.point(point);
        let occurrence = Occurrence { span: onset.span, at: At::Gateway(onset.at) };
        let when = (now.span, At::Gateway(now.at));
        self.decide(subject, (step, None), change, when, occurrence, reason, marks);
    }

    /// Tells a change of the gateway itself in centre time.
    pub(super) fn tell_gateway(
        &mut self,
        step: StepRef,
        change: Change,
        raised: CentreTime,
        now: CentreTime,
        reason: Reason,
    ) {
        let subject = Subject::Gateway(self.gateway.clone());
        let occurrence = Occurrence { span: None, at: At::Centre(raised) };
        let when = (None, At::Centre(now));
        self.decide(subject, (step, None), change, when, occurrence, reason, Marks::default());
    }

    fn point(&self, point: &PointId) -> Subject {
        Subject::Point(FullPointId { gateway: self.gateway.clone(), point: point.clone() })
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one decision, told in one place")]
    fn decide(
        &mut self,
        subject: Subject,
        (id, revision): (StepRef, Option<Revision>),
        change: Change,
        (span, at): (Option<SpanId>, At),
        occurrence: Occurrence,
        reason: Reason,
        marks: Marks,
    ) {
        let Some((rule, step)) = step(self.rulebook, id) else { return };
        self.out.push(Decision {
            subject,
            rule: rule.id.clone(),
            revision: revision.unwrap_or(rule.revision),
            step: step.name.clone(),
            kind: rule.kind.clone(),
            effect: step.effect,
            severity: step.severity,
            change,
            span,
            at,
            occurrence,
            arrived: self.arrived,
            reason,
            marks,
        });
    }
}

/// The rule and step at a place. Every place comes from the same rulebook.
pub(super) fn step(rulebook: &Rulebook, id: StepRef) -> Option<(&Rule, &Step)> {
    let rule = rulebook.rules().get(usize::from(id.rule))?;
    Some((rule, rule.steps.get(usize::from(id.step))?))
}

/// What a turn is called, and which raising it belongs to.
pub(super) fn parts<T>(turn: Turn<T>) -> (Change, Onset<T>) {
    match turn {
        Turn::Raised(onset) => (Change::Raised, onset),
        Turn::Relapsed(onset) => (Change::Relapsed, onset),
        Turn::Calmed(onset) => (Change::Calmed, onset),
        Turn::Cleared(onset) => (Change::Cleared, onset),
    }
}
