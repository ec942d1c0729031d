//! One point of a lane: what it said last, and where the rules stand on it.
//!
//! A quiet point is small: what most points never have stands behind one pointer.

use std::sync::Arc;

use firegrid_wire::names::PointId;
use firegrid_wire::reading::{Quality, Value};
use firegrid_wire::span::SpanId;
use firegrid_wire::state::{StateSet, States};
use firegrid_wire::time::GatewayTime;

use super::binding::{Binding, BoundStep, StepRef};
use crate::condition::{self, Bar, Condition, Evidence, Past, Said, Verdict};
use crate::phase::{Onset, Phase, Timing};
use crate::rulebook::Revision;
use crate::window::{View, Window};

/// A point as the engine keeps it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Point {
    pub(super) binding: Arc<Binding>,
    more: Option<Box<More>>,
    /// What it said last; none: nothing yet.
    said: Option<Said>,
    /// When it said so, in the span of `order`.
    pub(super) time: GatewayTime,
    /// The lane's count of forgettings when it was read. Zero: never.
    pub(super) stamp: u32,
    /// The fingerprint of its source. Zero: it is in no catalogue.
    pub(super) source: u64,
    /// The order of the span of its last numbered reading.
    pub(super) order: u32,
    /// The place of its device in the lane.
    pub(super) device: u32,
    quality: Quality,
    pub(super) read: Read,
    /// Whether it is a device's `comm` point.
    pub(super) comm: bool,
    row: Row,
}

/// Where a point's memory stands, and whether it must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Among the numbers of its lane, or nowhere yet.
    Shared,
    /// The same, and it must be written.
    SharedChanged,
    /// In a row of its own.
    Own,
    /// The same, and it must be written.
    OwnChanged,
}

/// How a point was last read under a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Not yet.
    Never,
    /// Under an unknown catalogue.
    ByWords,
    /// Under the catalogue that describes it.
    ByCatalogue,
}

/// One line of a processor's memory each: a reading of any point waits for it once.
const _: () = assert!(size_of::<Option<Point>>() == 64 && align_of::<Option<Point>>() == 64);

/// What few points have.
#[derive(Debug, Default)]
pub(super) struct More {
    pub(super) phases: Vec<(StepRef, Phase<GatewayTime>)>,
    pub(super) provisional: Option<Provisional>,
    pub(super) foreign: Vec<Box<str>>,
    pub(super) elders: Vec<Elder>,
    /// What it did before, if a rule asks for that, and when that next changes by itself.
    pub(super) windows: Vec<Window>,
    pub(super) review: Option<GatewayTime>,
}

/// The rule and limits that raised something, where they are other ones now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Elder {
    pub(super) revision: Revision,
    pub(super) step: BoundStep,
    /// Whether the change was told.
    pub(super) told: bool,
}

/// A fire-class state that a heartbeat told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provisional {
    pub(super) span: SpanId,
    pub(super) onset: GatewayTime,
    pub(super) states: StateSet,
}

/// Something raised on a point that is another one now or is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stranded {
    pub(super) rule: crate::rulebook::RuleId,
    pub(super) step: String,
    pub(super) onset: Onset<GatewayTime>,
}

impl Point {
    pub(super) fn new(id: &PointId, binding: Arc<Binding>, source: u64, device: u32) -> Point {
        let comm = id.is_comm();
        Point {
            binding,
            more: None,
            said: None,
            time: GatewayTime::from_millis(0),
            stamp: 0,
            source,
            order: 0,
            device,
            quality: Quality::Good,
            read: Read::Never,
            comm,
            row: Row::Shared,
        }
    }

    /// Its memory must be written. Whether that is new.
    pub(super) fn mark(&mut self) -> bool {
        let before = self.row;
        self.row = match before {
            Row::Shared | Row::SharedChanged => Row::SharedChanged,
            Row::Own | Row::OwnChanged => Row::OwnChanged,
        };
        before != self.row
    }

    /// Whether its memory must be written.
    pub(super) fn is_changed(&self) -> bool {
        matches!(self.row, Row::SharedChanged | Row::OwnChanged)
    }

    /// Whether its memory stands in a row of its own.
    pub(super) fn has_own_row(&self) -> bool {
        matches!(self.row, Row::Own | Row::OwnChanged)
    }

    /// Its memory is written, in a row of its own or among the numbers of its lane.
    pub(super) fn written(&mut self, own: bool) {
        self.row = if own { Row::Own } else { Row::Shared };
    }

    /// Whether it has nothing that few points have.
    pub(super) fn is_bare(&self) -> bool {
        self.more.is_none()
    }

    /// Whether it was ever read under a number.
    pub(super) fn is_numbered(&self) -> bool {
        self.read != Read::Never
    }

    /// What it said last, and how far to believe it; none: nothing yet.
    pub(super) fn evidence(&self) -> Option<Evidence> {
        self.said.map(|said| Evidence { said, quality: self.quality })
    }

    pub(super) fn set_evidence(&mut self, evidence: Evidence) {
        (self.said, self.quality) = (Some(evidence.said), evidence.quality);
    }

    /// Whether no catalogue lists it. A device's `comm` is Firegrid's own.
    pub(super) fn is_unlisted(&self) -> bool {
        self.source == 0 && !self.comm
    }

    /// Where a step stands.
    pub(super) fn phase(&self, step: StepRef) -> Phase<GatewayTime> {
        let found = self.phases().iter().find(|(id, _)| *id == step);
        found.map_or(Phase::Quiet, |(_, phase)| *phase)
    }

    /// Every step that is not quiet.
    pub(super) fn phases(&self) -> &[(StepRef, Phase<GatewayTime>)] {
        self.more.as_ref().map_or(&[], |more| &more.phases)
    }

    /// Whether nothing is found on it and what it says now finds nothing, nor is it asked for
    /// beside others: what most readings of most points are.
    pub(super) fn is_quiet_under(&self, evidence: Evidence) -> bool {
        let words = self.binding.words || !evidence.state_set().is_fire_class();
        self.more.is_none()
            && words
            && self.binding.parts.is_empty()
            && self.binding.is_quiet_under(evidence)
    }

    pub(super) fn set_phase(&mut self, step: StepRef, phase: Phase<GatewayTime>) {
        self.change_more(|more| {
            more.phases.retain(|(id, _)| *id != step);
            match phase {
                Phase::Quiet | Phase::Suspected { .. } => {
                    more.elders.retain(|elder| elder.step.id != step);
                }
                Phase::Raised { .. } | Phase::Clearing { .. } => {}
            }
            if phase != Phase::Quiet {
                more.phases.push((step, phase));
                more.phases.sort_by_key(|(id, _)| *id);
            }
        });
    }

    /// What raised a step, if its rule or limits are other ones now.
    pub(super) fn elder(&self, step: StepRef) -> Option<&Elder> {
        let elders = self.more.as_ref().map_or(&[][..], |more| &more.elders);
        elders.iter().find(|elder| elder.step.id == step)
    }

    pub(super) fn set_elder(&mut self, step: StepRef, elder: Option<Elder>) {
        self.change_more(|more| {
            more.elders.retain(|elder| elder.step.id != step);
            more.elders.extend(elder);
        });
    }

    /// How long a step must hold and be calm; of two rules the longer proof.
    pub(super) fn timing(&self, step: &BoundStep) -> Timing {
        let elder = self.elder(step.id).map_or(step.timing, |elder| elder.step.timing);
        Timing { clear_for: step.timing.clear_for.max(elder.clear_for), ..step.timing }
    }

    pub(super) fn provisional(&self) -> Option<Provisional> {
        self.more.as_ref().and_then(|more| more.provisional)
    }

    pub(super) fn set_provisional(&mut self, provisional: Option<Provisional>) {
        if self.provisional() != provisional {
            self.change_more(|more| more.provisional = provisional);
        }
    }

    /// Words of a newer gateway.
    pub(super) fn foreign(&self) -> &[Box<str>] {
        self.more.as_ref().map_or(&[], |more| &more.foreign)
    }

    pub(super) fn set_foreign(&mut self, foreign: &[Box<str>]) {
        if self.foreign() != foreign {
            self.change_more(|more| more.foreign = foreign.to_vec());
        }
    }

    /// Nothing stays behind the pointer that says nothing.
    fn change_more(&mut self, change: impl FnOnce(&mut More)) {
        let mut more = self.more.take().unwrap_or_default();
        change(&mut more);
        let empty = more.phases.is_empty()
            && more.provisional.is_none()
            && more.foreign.is_empty()
            && more.elders.is_empty()
            && more.windows.is_empty();
        self.more = (!empty).then_some(more);
    }

    /// What it says of a step. What is raised by a rule or limits that have changed since holds
    /// as long as either says so, and is calm if both do.
    pub(super) fn verdicts(
        &self,
        step: &BoundStep,
        evidence: Evidence,
        now: GatewayTime,
    ) -> (Verdict, Verdict) {
        let (when, calm) = self.verdicts_of(step, evidence, now);
        match self.elder(step.id) {
            None => (when, calm),
            Some(elder) => {
                let (holds, over) = self.verdicts_of(&elder.step, evidence, now);
                (condition::any([when, holds]), condition::all([calm, over]))
            }
        }
    }

    /// A provisional reading stands beside the numbered one until it is settled: a fire in it
    /// holds, and anything else must be said by both. Under an unknown catalogue only the rules
    /// on words can hold, and nothing is calm.
    fn verdicts_of(
        &self,
        step: &BoundStep,
        evidence: Evidence,
        now: GatewayTime,
    ) -> (Verdict, Verdict) {
        let past = Past { windows: self.windows(), now };
        let (when, calm) = step.verdicts(evidence, past);
        let told =
            self.provisional().map(|told| step.verdicts(Evidence::states(told.states), past));
        let burns = when == Verdict::Met || told.is_some_and(|(when, _)| when == Verdict::Met);
        if step.fire_class && burns {
            (Verdict::Met, Verdict::Unmet)
        } else if told.is_some_and(|told| told != (when, calm)) {
            (Verdict::Undecided, Verdict::Undecided)
        } else if self.read == Read::ByWords {
            let believed = step.by_words && when == Verdict::Met;
            (if believed { when } else { Verdict::Undecided }, Verdict::Undecided)
        } else {
            (when, calm)
        }
    }

    /// What it says of a part of a step that looks at several points. A provisional reading
    /// must say the same, and under an unknown catalogue it says nothing.
    pub(super) fn says_of(&self, part: &Condition<Bar>, now: GatewayTime) -> Verdict {
        let Some(evidence) = self.evidence().filter(|_| self.read == Read::ByCatalogue) else {
            return Verdict::Undecided;
        };
        let past = Past { windows: self.windows(), now };
        let says = part.amid(evidence, past);
        let told = self.provisional().map(|told| part.amid(Evidence::states(told.states), past));
        if told.is_none_or(|told| told == says) { says } else { Verdict::Undecided }
    }

    /// What it did before, as far as its rules ask.
    pub(super) fn windows(&self) -> &[Window] {
        self.more.as_ref().map_or(&[], |more| &more.windows)
    }

    /// Keeps the windows that its rules look through, and no others.
    pub(super) fn keep_windows(&mut self) {
        let elders = self.more.as_ref().map_or(&[][..], |more| &more.elders);
        let steps = self.binding.steps.iter().chain(elders.iter().map(|elder| &elder.step));
        let parts = self.binding.parts.iter().map(|part| &part.condition);
        let mut views: Vec<View> = Vec::new();
        for condition in steps.flat_map(BoundStep::conditions).chain(parts) {
            condition.visit(&mut |inner| views.extend(inner.view()));
        }
        if views.is_empty() && self.windows().is_empty() {
            return;
        }
        self.change_more(|more| {
            more.windows.retain(|window| views.contains(&window.view()));
            for view in views {
                if !more.windows.iter().any(|window| window.view() == view) {
                    more.windows.push(Window::new(view));
                }
            }
        });
    }

    pub(super) fn set_windows(&mut self, windows: Vec<Window>) {
        if !windows.is_empty() {
            self.change_more(|more| more.windows = windows);
        }
    }

    /// What it says now moves through its windows; none: a hole.
    pub(super) fn move_windows(&mut self, evidence: Option<Evidence>, now: GatewayTime) {
        let Some(more) = self.more.as_mut() else { return };
        for window in &mut more.windows {
            match evidence {
                Some(evidence) => window.take(evidence, now),
                None => window.interrupt(),
            }
        }
    }

    /// Whether holes and returning devices must be told to it though nothing is found on it.
    pub(super) fn is_watched(&self) -> bool {
        !self.windows().is_empty() || !self.binding.parts.is_empty()
    }

    /// When its windows next change by themselves, as it was reckoned last.
    pub(super) fn review(&self) -> Option<GatewayTime> {
        self.more.as_ref().and_then(|more| more.review)
    }

    pub(super) fn set_review(&mut self, review: Option<GatewayTime>) {
        if let Some(more) = self.more.as_mut() {
            more.review = review;
        }
    }

    /// What it said last, as people read it.
    pub(super) fn value(&self) -> Option<Value> {
        Some(match self.said? {
            Said::Number(number, unit) => Value::Number(number, unit),
            Said::States(set) => Value::States(States { set, foreign: self.foreign().to_vec() }),
            Said::Unknown => Value::Unknown,
        })
    }

    /// How far to believe what it said last.
    pub(super) fn quality(&self) -> Quality {
        self.quality
    }
}
