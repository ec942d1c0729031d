//! Whether what is read reaches the centre, for those who stand beside the box.

use firegrid_wire::time::Millis;

use super::Service;
use crate::clock::Uptime;
use crate::hook::{Event, Teller};
use crate::settings::Settings;

/// What the command of the settings was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    Works,
    Failed,
}

/// Begins the hook of the settings, if there is one.
pub(super) fn hook(settings: &Settings) -> Option<Teller> {
    let hook = settings.hook.clone()?;
    Some(Teller::begin(hook, settings.gateway.clone()))
}

impl Sending {
    /// What it becomes after so long a silence; `None` if it stays.
    fn becomes(self, silence: Millis, most: Millis) -> Option<Sending> {
        match (self, most <= silence) {
            (Sending::Works, true) => Some(Sending::Failed),
            (Sending::Failed, false) => Some(Sending::Works),
            (Sending::Works, false) | (Sending::Failed, true) => None,
        }
    }
}

impl Service {
    /// Tells when nothing reaches the centre any more, and when something does again.
    pub(super) fn look_at_sending(&mut self, now: Uptime) {
        let uplink = self.uplink_standing.borrow();
        let silence = uplink.silence(now);
        let after = self.settings.sending_failed_after;
        let Some(becomes) = self.sending.becomes(silence, after) else { return };
        let trouble = uplink.trouble.clone().unwrap_or_default();
        drop(uplink);
        self.sending = becomes;
        let event = match becomes {
            Sending::Failed => {
                tracing::error!(%silence, trouble, "Nothing has reached the centre for long.");
                Event::SendingFailed { seconds: silence.get() / 1_000, trouble }
            }
            Sending::Works => {
                tracing::info!("The centre answers again.");
                Event::SendingWorks
            }
        };
        self.tell_hook(event);
    }

    pub(super) fn tell_hook(&self, event: Event) {
        if let Some(hook) = &self.hook {
            hook.tell(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_told_once_and_its_end_once() {
        let most = Millis::seconds(60);
        let seconds = [0, 59, 60, 61, 500, 3, 10];
        let mut sending = Sending::Works;
        let told: Vec<Option<Sending>> = seconds
            .into_iter()
            .map(|silence| {
                let becomes = sending.becomes(Millis::seconds(silence), most);
                sending = becomes.unwrap_or(sending);
                becomes
            })
            .collect();
        let (failed, works) = (Some(Sending::Failed), Some(Sending::Works));
        assert_eq!(told, [None, None, failed, None, None, works, None]);
    }
}
