//! What people do: to the judge, and back with what it became or why not.

use std::time::Duration;

use firegrid_wire::time::CentreTime;

use super::problem::{Problem, Reason};
use super::shown::at_centre;
use super::{ACTION_PATIENCE, Centre};
use crate::judge::events::{Action, Done, Refused};
use crate::storage::alarms::Deed;

/// Who did something and when, as answers show it.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(super) struct ShownDeed {
    by: String,
    at: String,
}

impl ShownDeed {
    pub(super) fn of(deed: &Deed) -> ShownDeed {
        ShownDeed::new(deed.by.clone(), CentreTime::from_millis(deed.at))
    }

    pub(super) fn new(by: String, at: CentreTime) -> ShownDeed {
        ShownDeed { by, at: at_centre(at) }
    }
}

/// Lets the judge do something.
pub(super) async fn act(centre: &Centre, by: &str, action: Action) -> Result<Done, Problem> {
    let patience: Duration = ACTION_PATIENCE;
    match tokio::time::timeout(patience, centre.sources.door.act(by, action)).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(refused)) => Err(refusal(refused)),
        Err(_) => Err(Problem::TryAgain(Reason::new(
            "尚未确认是否已记录，请查看最新状态。",
            "It is not known whether this was recorded; look at how it stands.",
        ))),
    }
}

pub(super) fn refusal(refused: Refused) -> Problem {
    match refused {
        Refused::NotFound => Problem::missing("这条记录", "such record"),
        Refused::AlreadySo { by, state } => {
            let (zh, en) = match by.as_ref().map(ShownDeed::of) {
                Some(deed) => (
                    format!("{} 已于 {} 处理，当前状态 {state}。", deed.by, deed.at),
                    format!("{} has done this at {}; it is {state}.", deed.by, deed.at),
                ),
                None => (format!("已经是 {state}。"), format!("It is {state} already.")),
            };
            Problem::Refused(Reason::coded("already-so", zh, en))
        }
        Refused::NotLatest(last) => {
            let (at, what) = (at_centre(last.at), &last.what);
            let (zh, en) = match &last.who {
                Some(who) => (
                    format!("{who} 已于 {at} 先行处理（{what}），请查看最新状态。"),
                    format!("{who} was first at {at} ({what}); look at how it stands."),
                ),
                None => (
                    format!("系统已于 {at} 更新（{what}），请查看最新状态。"),
                    format!("It has changed by itself at {at} ({what}); look at how it stands."),
                ),
            };
            Problem::Refused(Reason::coded("not-latest", zh, en))
        }
        Refused::NotAllowed { code, zh, en } => Problem::Refused(Reason::coded(code, zh, en)),
        Refused::NotRecorded => Problem::TryAgain(Reason::new(
            "现在无法入库，没有执行，请重试。",
            "It cannot be recorded now and was not done; try again.",
        )),
        Refused::Gone => Problem::judge_silent(),
    }
}
