//! Nobody writes to a fire panel: a peer that watches function codes over a long random run.

use std::time::Duration;

use crate::peer::{Peer, Question, Reaction};
use crate::site::{Site, settings};

/// Function codes 1 to 4 and 0x2B read; everything else may change something.
const READS: [u8; 5] = [1, 2, 3, 4, 0x2B];

#[tokio::test]
async fn nothing_but_reads_ever_leaves_whatever_comes_back() {
    let seed = fastrand::u64(..);
    let dice = std::sync::Mutex::new(fastrand::Rng::with_seed(seed));
    let peer = Peer::start(move |question| {
        let mut dice = dice.lock().expect("nobody has failed");
        react(&mut dice, question)
    })
    .await;
    let mut site = Site::start(settings(peer.address, &[1, 2, 3], "60ms"), 256);
    let all = site.during(Duration::from_secs(6)).await;
    let functions = peer.functions();
    assert!(functions.iter().all(|code| READS.contains(code)), "seed {seed}: {functions:?}");
    assert!(functions.contains(&3), "seed {seed}: the line has asked");
    assert!(100 < peer.questions(), "seed {seed}: {} questions", peer.questions());
    site.check(&all);
}

fn react(dice: &mut fastrand::Rng, question: Question) -> Reaction {
    let rubbish = |dice: &mut fastrand::Rng| {
        let length = dice.usize(..40);
        (0..length).map(|_| dice.u8(..)).collect::<Vec<u8>>()
    };
    match dice.u8(..40) {
        0 => Reaction::Silence,
        1 => Reaction::AnswerAfter(Duration::from_millis(dice.u64(20..120))),
        2 => Reaction::Except(dice.u8(..)),
        3 => Reaction::Except(2),
        4 => Reaction::BytesAndClose(rubbish(dice)),
        // One register too few or too many: as many as were asked for would be an answer.
        5 if dice.bool() => Reaction::Registers(vec![0; usize::from(question.count) + 1]),
        5 => Reaction::Registers(vec![0; dice.usize(..usize::from(question.count).max(1))]),
        6 => {
            let transaction = question.transaction.wrapping_add(dice.u16(1..3));
            let other = Question { transaction, ..question };
            Reaction::Bytes(other.frame(&vec![0x8000; usize::from(question.count)]))
        }
        // Answers that look like the answer to a write.
        7 => {
            let other =
                Question { function: *dice.choice(&[5, 6, 15, 16]).unwrap_or(&6), ..question };
            Reaction::Bytes(other.frame(&[0x8000]))
        }
        _ => Reaction::Answer,
    }
}
