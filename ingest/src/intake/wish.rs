//! The refresh that the centre wants of a lane, until one that begins after the wish is judged.
//!
//! ```text
//!            want                    a first piece              its last piece
//!   nothing ─────► perhaps a tail ─► fresh ───────► being told ───────────────► nothing
//!                       │              ▲
//!                       └──────────────┘  a batch that is no piece; or the last piece of what
//!                                         may be an older refresh (then with a new number,
//!                                         because the box may take it for its answer)
//! ```
//!
//! After a hole nobody knows whether the next piece is the first of its refresh or the tail of
//! one whose beginning was lost. So a refresh counts only if a batch that is no piece, or a last
//! piece, stood between. The pieces of a refresh stand next to each other.
//!
//! A box answers each number once. So a number is never used again, not even by a centre that
//! was restored from a backup or lost its last commits: it is the moment of the wish.

use firegrid_wire::pack::RefreshPiece;
use firegrid_wire::time::CentreTime;

/// What is wanted, with its number; numbers grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wish {
    last: u64,
    stage: Stage,
}

/// How far a wish is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Nothing is wanted.
    #[default]
    Nothing,
    /// The next piece may be the tail of an older refresh.
    PerhapsTail,
    /// The next piece is the first of a refresh.
    Fresh,
    /// Pieces of a refresh that counts have come.
    BeingTold,
}

impl Wish {
    /// A wish as it was committed.
    pub fn restored(last: u64, stage: Stage) -> Wish {
        Wish { last, stage }
    }

    /// The number to send, if anything is wanted.
    pub fn wanted(self) -> Option<u64> {
        match self.stage {
            Stage::Nothing => None,
            Stage::PerhapsTail | Stage::Fresh | Stage::BeingTold => Some(self.last),
        }
    }

    /// The last number that was ever given.
    pub fn last(self) -> u64 {
        self.last
    }

    /// How far it is.
    pub fn stage(self) -> Stage {
        self.stage
    }

    /// Something is missing: a refresh is wanted from here on.
    pub fn want(self, now: CentreTime) -> Wish {
        let moment = u64::try_from(now.millis()).unwrap_or(0);
        Wish { last: moment.max(self.last + 1), stage: Stage::PerhapsTail }
    }

    /// A batch was judged.
    pub fn judged(self, piece: Option<RefreshPiece>) -> Wish {
        let stage = match (self.stage, piece) {
            (Stage::Nothing, _) => Stage::Nothing,
            (Stage::PerhapsTail | Stage::Fresh, None) => Stage::Fresh,
            (Stage::PerhapsTail, Some(RefreshPiece::More)) => Stage::PerhapsTail,
            (Stage::PerhapsTail, Some(RefreshPiece::Last)) => {
                return Wish { last: self.last + 1, stage: Stage::Fresh };
            }
            (Stage::Fresh | Stage::BeingTold, Some(RefreshPiece::More)) => Stage::BeingTold,
            (Stage::Fresh | Stage::BeingTold, Some(RefreshPiece::Last)) => Stage::Nothing,
            (Stage::BeingTold, None) => Stage::BeingTold,
        };
        Wish { stage, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use RefreshPiece::{Last, More};

    fn at(millis: i64) -> CentreTime {
        CentreTime::from_millis(millis)
    }

    /// What is still wanted after a wish at the first millisecond and these batches.
    #[track_caller]
    fn check(batches: &[Option<RefreshPiece>], wanted: Option<u64>) {
        let wish = Wish::default().want(at(1));
        let wish = batches.iter().fold(wish, |wish, piece| wish.judged(*piece));
        assert_eq!(wish.wanted(), wanted);
    }

    #[test]
    fn a_refresh_that_begins_afterwards_is_the_answer() {
        check(&[], Some(1));
        check(&[None, None], Some(1));
        check(&[None, Some(More), Some(More)], Some(1));
        check(&[None, Some(More), Some(Last)], None);
        check(&[None, Some(Last)], None);
    }

    #[test]
    fn the_tail_of_an_older_refresh_is_no_answer() {
        check(&[Some(More), Some(Last)], Some(2));
        check(&[Some(More), Some(Last), Some(More), Some(Last)], None);
    }

    #[test]
    fn a_new_hole_asks_again() {
        let wish = Wish::default().want(at(1)).judged(None).judged(Some(More)).want(at(1));
        assert_eq!(wish.wanted(), Some(2));
        assert_eq!(wish.judged(Some(Last)).wanted(), Some(3));
    }

    #[test]
    fn a_centre_that_forgot_its_numbers_uses_none_twice() {
        let before = Wish::default().want(at(5_000)).want(at(5_000));
        let restored = Wish::restored(3, Stage::Nothing).want(at(9_000));
        assert!(before.wanted() < restored.wanted());
    }
}
