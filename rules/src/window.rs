//! Windows: what a point did within a length of time, for `falls_by`, `rises_by` and
//! `starts_more_than`.
//!
//! A window is known only when it is vouched for in one piece: one that crosses a hole, or a
//! reading that proves nothing, is unknown until its whole length was seen again. It keeps at
//! most [`MOST_KEPT`] moments: extremes that stood within the same 64th of its length are one.
//! Time is an argument, the next moment at which it changes by itself an answer.

use std::collections::VecDeque;

use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::Quality;
use firegrid_wire::state::StateSet;
use firegrid_wire::time::{GatewayTime, Millis};

use crate::condition::{Evidence, Said, Verdict, has_state, states_in_words};

/// As many moments as a window keeps; `starts_more_than` counts fewer than this.
pub const MOST_KEPT: usize = 64;

/// What one point did within a length of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    view: View,
    /// Since when it is vouched for in one piece, and what the point says; none: a hole.
    now: Option<(GatewayTime, f64)>,
    /// What it said before and until when, the most extreme first; or when it started.
    kept: VecDeque<(GatewayTime, f64)>,
}

/// What a window looks for, and how far back.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct View {
    /// What it looks for.
    pub wanted: Wanted,
    /// How far back.
    pub lasting: Millis,
}

/// What a window looks for.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// The highest number in this unit.
    Highest(Unit),
    /// The lowest number in this unit.
    Lowest(Unit),
    /// How often the point came into one of these states.
    Starts(#[serde(with = "states_in_words")] StateSet),
}

/// A window as a row keeps it: since when and what, and what it has kept.
pub type Written = (View, Option<(i64, f64)>, Vec<(i64, f64)>);

impl Window {
    /// A window through which nothing was seen yet.
    pub fn new(view: View) -> Window {
        Window { view, now: None, kept: VecDeque::new() }
    }

    /// What it looks for, and how far back.
    pub fn view(&self) -> View {
        self.view
    }

    /// The point says this from now on.
    pub fn take(&mut self, evidence: Evidence, now: GatewayTime) {
        let Some(says) = self.view.wanted.number(evidence) else { return self.interrupt() };
        match self.now {
            None => self.now = Some((now, says)),
            Some((since, said)) => {
                self.now = Some((since, says));
                self.forget(now);
                match self.view.wanted {
                    Wanted::Highest(_) if says != said => {
                        self.keep(now, said, |one, new| one <= new)
                    }
                    Wanted::Lowest(_) if says != said => {
                        self.keep(now, said, |one, new| new <= one)
                    }
                    Wanted::Starts(_) if said < says => {
                        if self.kept.len() == MOST_KEPT {
                            self.kept.pop_front();
                        }
                        self.kept.push_back((now, says));
                    }
                    Wanted::Highest(_) | Wanted::Lowest(_) | Wanted::Starts(_) => {}
                }
            }
        }
    }

    /// A hole: what was seen proves nothing of what comes.
    pub fn interrupt(&mut self) {
        self.now = None;
        self.kept.clear();
    }

    /// Whether anything is seen through it.
    pub fn is_open(&self) -> bool {
        self.now.is_some()
    }

    /// How far the number lies from the extreme of the window; none: it is unknown.
    pub fn moved(&self, now: GatewayTime) -> Option<f64> {
        let said = self.known(now)?;
        let alive = self.kept.iter().find(|(until, _)| self.is_inside(*until, now));
        let extreme = alive.map_or(said, |(_, extreme)| *extreme);
        Some(match self.view.wanted {
            Wanted::Highest(_) => extreme.max(said) - said,
            Wanted::Lowest(_) => said - extreme.min(said),
            Wanted::Starts(_) => 0.0,
        })
    }

    /// How often the point started within the window; none: it is unknown.
    pub fn starts(&self, now: GatewayTime) -> Option<usize> {
        self.known(now)?;
        Some(self.kept.iter().filter(|(at, _)| self.is_inside(*at, now)).count())
    }

    /// The next moment at which the window changes by itself.
    pub fn deadline(&self, now: GatewayTime) -> Option<GatewayTime> {
        let (since, _) = self.now?;
        let whole = since.plus(self.view.lasting);
        let gone = self.kept.iter().map(|(until, _)| until.plus(self.view.lasting));
        std::iter::once(whole).chain(gone).filter(|moment| now < *moment).min()
    }

    /// What it has to remember.
    pub fn written(&self) -> Written {
        let kept = self.kept.iter().map(|(at, value)| (at.millis(), *value)).collect();
        (self.view, self.now.map(|(since, said)| (since.millis(), said)), kept)
    }

    /// A window as it was written.
    pub fn restored((view, now, kept): Written) -> Window {
        let moment = |(at, value)| (GatewayTime::from_millis(at), value);
        Window { view, now: now.map(moment), kept: kept.into_iter().map(moment).collect() }
    }

    fn known(&self, now: GatewayTime) -> Option<f64> {
        let (since, said) = self.now?;
        (since.plus(self.view.lasting) <= now).then_some(said)
    }

    fn is_inside(&self, until: GatewayTime, now: GatewayTime) -> bool {
        now < until.plus(self.view.lasting)
    }

    fn forget(&mut self, now: GatewayTime) {
        while self.kept.front().is_some_and(|(until, _)| !self.is_inside(*until, now)) {
            self.kept.pop_front();
        }
    }

    /// Keeps what stood until now; what is less extreme and older can never count again.
    fn keep(&mut self, until: GatewayTime, said: f64, is_less: impl Fn(f64, f64) -> bool) {
        while self.kept.back().is_some_and(|(_, kept)| is_less(*kept, said)) {
            self.kept.pop_back();
        }
        let piece = self.view.lasting.get().div_ceil(MOST_KEPT as u64 - 2).max(1);
        let piece_of = |moment: GatewayTime| moment.millis().div_euclid(piece.cast_signed());
        match self.kept.back_mut() {
            Some(last) if piece_of(until) == piece_of(last.0) => last.0 = until,
            Some(_) | None => self.kept.push_back((until, said)),
        }
    }
}

impl Wanted {
    /// What a reading says of it; none: nothing.
    fn number(self, evidence: Evidence) -> Option<f64> {
        match (self, evidence.said, evidence.quality) {
            (
                Wanted::Highest(unit) | Wanted::Lowest(unit),
                Said::Number(number, of),
                Quality::Good,
            ) if unit == of => Some(number),
            (Wanted::Highest(_) | Wanted::Lowest(_), _, _) => None,
            (Wanted::Starts(states), _, _) => match has_state(states, evidence) {
                Verdict::Met => Some(1.0),
                Verdict::Unmet => Some(0.0),
                Verdict::Undecided => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use firegrid_wire::state::State;

    fn at(seconds: i64) -> GatewayTime {
        GatewayTime::from_millis(seconds * 1_000)
    }

    fn pascal(number: f64) -> Evidence {
        Evidence { said: Said::Number(number, Unit::Pascal), quality: Quality::Good }
    }

    fn highest() -> Window {
        Window::new(View { wanted: Wanted::Highest(Unit::Pascal), lasting: Millis::seconds(600) })
    }

    #[track_caller]
    fn check(said: &[(i64, f64)], now: i64, moved: Option<f64>) {
        let mut window = highest();
        said.iter().for_each(|(second, number)| window.take(pascal(*number), at(*second)));
        assert_eq!(window.moved(at(now)), moved);
        assert_eq!(Window::restored(window.written()), window);
    }

    #[test]
    fn a_fall_counts_from_the_highest_that_stood_within_the_window() {
        check(&[(0, 50.0), (700, 40.0)], 700, Some(10.0));
        check(&[(0, 50.0), (700, 40.0), (800, 45.0), (900, 30.0)], 900, Some(20.0));
        check(&[(0, 50.0), (700, 40.0), (800, 60.0)], 800, Some(0.0));
    }

    #[test]
    fn what_stood_before_the_window_counts_no_more() {
        check(&[(0, 50.0), (700, 40.0)], 1_299, Some(10.0));
        check(&[(0, 50.0), (700, 40.0)], 1_300, Some(0.0));
    }

    #[test]
    fn a_window_that_was_not_seen_whole_is_unknown() {
        check(&[(0, 50.0), (100, 10.0)], 599, None);
        check(&[(0, 50.0), (100, 10.0)], 600, Some(40.0));
        check(&[], 600, None);
        let mut window = highest();
        window.take(pascal(50.0), at(0));
        window.take(Evidence { said: Said::Unknown, quality: Quality::Good }, at(700));
        window.take(pascal(10.0), at(701));
        assert_eq!(window.moved(at(1_300)), None, "a reading that proves nothing is a hole");
        assert_eq!(window.moved(at(1_301)), Some(0.0));
    }

    #[test]
    fn it_tells_when_it_changes_by_itself() {
        let mut window = highest();
        window.take(pascal(50.0), at(0));
        assert_eq!(window.deadline(at(10)), Some(at(600)));
        window.take(pascal(40.0), at(700));
        assert_eq!(window.deadline(at(700)), Some(at(1_300)));
        assert_eq!(window.deadline(at(1_300)), None);
    }

    #[test]
    fn however_much_a_point_says_a_window_stays_small() {
        let mut window = highest();
        for second in 0..10_000 {
            window.take(pascal(1e9 - second as f64), at(second));
            assert!(window.kept.len() <= MOST_KEPT, "{}", window.kept.len());
        }
        let fallen = window.moved(at(10_000)).expect("known");
        assert!((590.0..=620.0).contains(&fallen), "{fallen}");
    }

    #[test]
    fn a_start_is_counted_when_the_point_was_known_to_stand_still() {
        let wanted = Wanted::Starts(State::Active.into());
        let mut window = Window::new(View { wanted, lasting: Millis::seconds(600) });
        let runs = Evidence::states(State::Active.into());
        let stands = Evidence::states(StateSet::NORMAL);
        window.take(runs, at(0));
        for start in 0..10 {
            window.take(stands, at(start * 10 + 5));
            window.take(runs, at(start * 10 + 10));
        }
        assert_eq!(window.starts(at(599)), None);
        assert_eq!(window.starts(at(600)), Some(10));
        assert_eq!(window.starts(at(650)), Some(5));
        for start in 100..500 {
            window.take(stands, at(start * 10 + 5));
            window.take(runs, at(start * 10 + 10));
        }
        assert!(window.kept.len() <= MOST_KEPT);
    }
}
