//! Settings that were read anew become those in force.

use std::sync::Arc;

use firegrid_wire::document::Mistakes;
use firegrid_wire::span::Lane;

use super::reload::{Fresh, LastReload, Outcome};
use super::sending::hook;
use super::show::show;
use super::{Service, fresh_span};
use crate::recorder::{Exchange, Labels};
use crate::systemd::Told;
use crate::uplink::Target;

impl Service {
    /// Takes up settings that were read, or tells why not.
    pub(super) async fn reloaded(&mut self, read: Result<Box<Fresh>, Mistakes>) {
        let outcome = match self.reload.end(read, &self.settings) {
            Ok(fresh) => {
                self.take_up(*fresh).await;
                self.reloads.0 += 1;
                Outcome::TakenUp
            }
            Err(mistakes) => {
                for mistake in &mistakes.0 {
                    tracing::error!(%mistake, "The new settings have a mistake.");
                }
                let count = mistakes.0.len();
                tracing::warn!(count, "The old settings stay in force.");
                self.reloads.1 += 1;
                Outcome::Refused(mistakes)
            }
        };
        self.last_reload = Some(LastReload { at: self.clock.wall(), outcome });
        self.systemd.tell(Told::Ready);
    }

    /// Exchanges what is meant otherwise than before. What is meant as before is not disturbed.
    async fn take_up(&mut self, Fresh { settings, lines, catalogue }: Fresh) {
        let mut outputs = Vec::new();
        let plan = self.lines.plan(lines);
        for news in self.lines.stop_what_ends(&plan).await {
            self.recorder.news(news, self.clock.uptime(), &mut outputs);
        }
        let is_told = self.target.borrow().catalogue.hash() == catalogue.hash();
        let target = Target { broker: settings.broker.clone(), catalogue: catalogue.clone() };
        for lane in Lane::ALL {
            self.spool.lanes[lane].exchange(catalogue.hash().clone(), settings.quotas[lane]);
        }
        // The connection begins with the catalogue, so it is left before a batch names it.
        self.target.send_if_modified(|before| before.exchange(target));
        if !is_told || self.settings.inventory != settings.inventory {
            let labels =
                Labels { gateway: settings.gateway.clone(), catalogue: catalogue.hash().clone() };
            let inventory = Arc::clone(&settings.inventory);
            let exchange = Exchange { inventory, labels, kept: plan.kept.clone() };
            let (now, wall) = (self.clock.uptime(), self.clock.wall());
            self.recorder.exchange(exchange, now, wall, fresh_span(), &mut outputs);
            self.tell_span();
        }
        self.lines.carry_out(plan);
        if self.settings.status != settings.status {
            self.status = show(settings.status, &self.desk);
        }
        if self.settings.hook != settings.hook {
            self.hook = hook(&settings);
        }
        self.settings = settings;
        self.carry_out(outputs);
        tracing::info!(
            span = %self.recorder.clock().span(),
            devices = self.settings.inventory.devices().count(),
            points = self.settings.inventory.points().count(),
            "The new settings are in force."
        );
    }
}
