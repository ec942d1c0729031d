//! The box gets other devices while it runs.

use super::*;

/// A site without the first riser, whose panel stands last and has another line in front.
fn rearranged() -> (Arc<Inventory>, Vec<(DeviceIndex, DeviceIndex)>) {
    let before = inventory();
    let mut inventory = Inventory::default();
    for device in [PUMP, RISER2, FACP] {
        let device = before.device(device).clone();
        let entries = before.catalogue().read().points;
        let points = device.points.clone().map(|point| {
            (entries[point as usize].clone(), before.point(PointIndex(point)).deadband)
        });
        inventory.add(device.entry, points.collect::<Vec<_>>());
    }
    let kept = vec![(RISER2, DeviceIndex(1)), (FACP, DeviceIndex(2))];
    (Arc::new(inventory), kept)
}

impl Run {
    pub(super) fn exchange(
        &mut self,
        inventory: Arc<Inventory>,
        kept: Vec<(DeviceIndex, DeviceIndex)>,
    ) {
        self.spans += 1;
        let wall = self.now.since_begin().get() as i64 + WALL * 1_000 + self.set_by_ms;
        let labels = Labels {
            gateway: GatewayId::parse("mall-01").expect("a gateway"),
            catalogue: inventory.catalogue().hash(),
        };
        let exchange = Exchange { inventory, labels, kept };
        let mut outputs = Vec::new();
        let wall = GatewayTime::from_millis(wall);
        self.recorder.exchange(exchange, self.now, wall, span(self.spans), &mut outputs);
        self.take(outputs);
    }
}

#[test]
fn what_was_collected_goes_out_under_the_old_catalogue_and_a_span_begins_with_the_new_one() {
    let mut run = Run::started();
    run.pass(1_000);
    run.poll(RISER2, Lane::Routine, vec![number(PRESSURE2, 450_000.0)]);
    let (inventory, kept) = rearranged();
    run.exchange(Arc::clone(&inventory), kept);
    let catalogues: Vec<_> = run.packs.iter().map(|pack| pack.head.catalogue.clone()).collect();
    assert_eq!(catalogues, [super::inventory().catalogue().hash()]);
    check(&mut run, &["routine 4 [0..0] | riser2/pressure 1000 450000 Pa"]);
    run.poll(DeviceIndex(1), Lane::Routine, vec![]);
    assert_eq!(run.packs[0].head.catalogue, inventory.catalogue().hash());
    check(
        &mut run,
        &["routine 1 after 1/4 more | riser2/pressure 1000 450000 Pa | riser2/comm 1000 normal"],
    );
}

#[test]
fn a_kept_panel_goes_on_burning_under_its_new_number() {
    let mut run = Run::started();
    run.poll(FACP, Lane::Urgent, vec![state(SMOKE2, &[State::Fire])]);
    run.packs.clear();
    let (inventory, kept) = rearranged();
    run.exchange(inventory, kept);
    let alarms: Vec<String> = run.beat().alarms.iter().map(|alarm| alarm.n.to_string()).collect();
    assert_eq!(alarms, ["facp/smoke2"]);
    run.poll(DeviceIndex(2), Lane::Urgent, vec![]);
    check(
        &mut run,
        &["urgent 1 after 1/3 more | facp/smoke2 0 fire | facp/smoke1 0 normal \
           | facp/comm 0 normal"],
    );
}

#[test]
fn nothing_is_vouched_for_before_every_new_device_has_spoken() {
    let mut run = Run::started();
    let (inventory, kept) = rearranged();
    run.exchange(inventory, kept);
    run.pass(1_000);
    run.poll(DeviceIndex(2), Lane::Urgent, vec![]);
    assert_eq!(run.beat().lanes.urgent.until, None);
    run.pass(1_000);
    run.poll(DeviceIndex(2), Lane::Urgent, vec![]);
    run.poll(DeviceIndex(0), Lane::Urgent, vec![state(0, &[])]);
    let until = GatewayTime::from_millis(WALL * 1_000 + 2_000);
    assert_eq!(run.beat().lanes.urgent.until, Some(until));
}

#[test]
fn a_kept_device_that_has_failed_is_told_again_and_holds_nobody_up() {
    let mut run = Run::started();
    run.lose(RISER2);
    run.packs.clear();
    let (inventory, kept) = rearranged();
    run.exchange(inventory, kept);
    run.pass(100);
    run.poll(DeviceIndex(0), Lane::Routine, vec![number(1, 1.0)]);
    check(
        &mut run,
        &[
            "routine 4 [0..0] | riser2/comm 0 fault",
            "routine 1 after 1/4 more | riser2/comm 0 fault",
            "routine 2 [100..100] last | pump/current 100 1 Pa | pump/comm 100 normal",
        ],
    );
}
