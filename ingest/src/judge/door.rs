//! The way from the API to the judge: one call per question, answered by the runner itself.
//!
//! What is asked here lives in the runner's memory. What is committed is read from the tables
//! with a reader of one's own and does not come through this door.

use firegrid_rules::decision::Subject;
use firegrid_rules::engine::NotYet;
use firegrid_rules::rulebook::RuleId;
use tokio::sync::{mpsc, oneshot, watch};

use super::events::{
    Action, Asked, Done, GatewayNow, Health, PointNow, PointsAsked, Question, Refused, Wake,
};
use crate::storage::alarms::Alarm;

/// Questions and actions that may wait for the runner. It answers in milliseconds; a full queue
/// makes the API wait, never the judgement.
pub const WAITING_AT_THE_DOOR: usize = 256;

/// The runner is gone: the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the judge has stopped")]
pub struct Gone;

/// Asks the runner. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Door {
    wakes: mpsc::Sender<Wake>,
    last_event: watch::Receiver<u64>,
}

impl Door {
    /// A door to a runner that takes what is sent here, and tells the last event it committed.
    pub fn new(wakes: mpsc::Sender<Wake>, last_event: watch::Receiver<u64>) -> Door {
        Door { wakes, last_event }
    }

    /// Points as they stand, in the order of their names.
    pub async fn points(&self, asked: PointsAsked) -> Result<Vec<PointNow>, Gone> {
        self.ask(|answer| Question::Points(asked, answer)).await
    }

    /// Every gateway as it stands, in the order of the names.
    pub async fn gateways(&self) -> Result<Vec<GatewayNow>, Gone> {
        self.ask(Question::Gateways).await
    }

    /// How the centre is.
    pub async fn health(&self) -> Result<Health, Gone> {
        self.ask(Question::Health).await
    }

    /// Whether what a rule found on a subject is proven to be over, or why not.
    pub async fn proof(&self, subject: Subject, rule: RuleId) -> Result<Result<(), NotYet>, Gone> {
        self.ask(|answer| Question::Proof(subject, rule, answer)).await
    }

    /// Alarms that are raised but could not be committed yet (未入库), the newest first. They
    /// stand in no table: show them beside the list of the recorded ones.
    pub async fn unrecorded(&self) -> Result<Vec<Alarm>, Gone> {
        self.ask(Question::Unrecorded).await
    }

    /// Lets a person do something. Answered after the commit.
    pub async fn act(&self, by: &str, action: Action) -> Result<Done, Refused> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { action, by: by.to_owned(), answer };
        self.wakes.send(Wake::Action(asked)).await.map_err(|_| Refused::Gone)?;
        answered.await.unwrap_or(Err(Refused::Gone))
    }

    /// The id of the last committed event; changes wake whoever waits for it.
    pub fn last_event(&self) -> watch::Receiver<u64> {
        self.last_event.clone()
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.wakes.send(Wake::Question(question(answer))).await.map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}
