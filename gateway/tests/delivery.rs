//! The uplink, with a real spool, against a broker that is driven by hand.

mod peer;

use std::time::{Duration, Instant};

use firegrid_gateway::clock::Clock;
use firegrid_gateway::recorder::{Batch, Labels, Occasion, OutgoingBeat, SpanClock};
use firegrid_gateway::settings::Broker;
use firegrid_gateway::spool::Spool;
use firegrid_gateway::uplink::{FromUplink, Pages, Place, Target, Uplink};
use firegrid_wire::beat::{Beat, Clock as ClockFact, SpoolHealth};
use firegrid_wire::catalogue::{DeviceEntry, Written};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::names::{GatewayId, RegionId};
use firegrid_wire::receipt::{LaneReceipt, Receipt};
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::time::{GatewayTime, Millis};
use peer::{Client, Packet, Peer, Publish};
use tokio::sync::{mpsc, watch};

const RECEIPT: &str = "firegrid/1/demo-county/gw/mall-01/receipt";

/// An uplink at work, and both of its ends.
struct World {
    peer: Peer,
    spool: Spool,
    beats: watch::Sender<Option<OutgoingBeat>>,
    wishes: mpsc::Receiver<FromUplink>,
    stop: watch::Sender<bool>,
    target: watch::Sender<Target>,
    _spans: watch::Sender<SpanClock>,
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

fn span() -> SpanId {
    SpanId::from_bits(0xfeed)
}

fn name(seq: u64) -> BatchName {
    BatchName { span: span(), seq }
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = GatewayId::parse("mall-01").expect("a gateway");
    let catalogue = Pages::of(&Written::default());
    let labels = Labels { gateway: gateway.clone(), catalogue: catalogue.hash().clone() };
    let spool =
        Spool::open(folder.path(), &labels, &PerLane::from_fn(|_| 1 << 20)).expect("a spool");
    let peer = Peer::listen();
    let clock = Clock::begin();
    let wall = GatewayTime::from_millis(1_795_000_000_000);
    let (spans, current) = watch::channel(SpanClock::born(span(), clock.uptime(), wall, wall));
    let (beats, latest) = watch::channel(None);
    let (wish, wishes) = mpsc::channel(16);
    let (stop, stopped) = watch::channel(false);
    let broker = Broker::plain(peer.address().parse().expect("an address"));
    let (target, targets) = watch::channel(Target { broker, catalogue });
    let uplink = Uplink {
        place: Place { region: RegionId::parse("demo-county").expect("a region"), gateway },
        target: targets,
        spool: spool.lanes.clone(),
        clock,
        spans: current,
        beats: latest,
        recorder: wish,
        standing: watch::Sender::default(),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.spawn(uplink.run(stopped));
    World {
        peer,
        spool,
        beats,
        wishes,
        stop,
        target,
        _spans: spans,
        _runtime: runtime,
        _folder: folder,
    }
}

impl World {
    /// Puts batches into a lane and waits until they are durable.
    fn append(&self, lane: Lane, numbers: std::ops::RangeInclusive<u64>) {
        let standing = self.spool.lanes[lane].standing();
        let last = Some(name(*numbers.end()));
        for seq in numbers {
            let body = format!("[{{\"seq\":{seq}}}]").into_bytes();
            let newest = Some(GatewayTime::from_millis(1));
            let batch = Batch { lane, name: name(seq), before_span: None, newest, body };
            self.spool.lanes[lane].append(batch);
        }
        wait_until("the batches are durable", || standing.borrow().durable == last);
    }

    fn beat(&self, occasion: Occasion) {
        let sent = GatewayTime::from_millis(1_795_000_000_000);
        let beat = Beat {
            span: span(),
            clock: ClockFact::Unsynced,
            spool: SpoolHealth::Ok,
            depth: 0,
            age: Millis::ZERO,
            lanes: PerLane::default(),
            alarms: Vec::new(),
            alarm_count: 0,
            dead_letters: 0,
            taken_over: 0,
        };
        self.beats.send_replace(Some(OutgoingBeat { beat, sent, occasion }));
    }

    /// Takes a client to where batches come.
    fn connected(&mut self) -> Client {
        let mut client = self.peer.accept();
        assert_eq!(client.welcome(), RECEIPT);
        assert_eq!(self.wishes.blocking_recv(), Some(FromUplink::Connected));
        client
    }

    fn depth(&self, lane: Lane) -> u64 {
        self.spool.lanes[lane].standing().borrow().depth
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn receipt(client: &mut Client, lane: Lane, says: LaneReceipt) {
    let mut receipt = Receipt::default();
    receipt.lanes[lane] = says;
    client.publish(RECEIPT, &receipt.to_bytes());
}

fn position(seq: u64) -> LaneReceipt {
    LaneReceipt { position: Some(name(seq)), ..LaneReceipt::default() }
}

fn number(publish: &Publish) -> u64 {
    let envelope = Envelope::from_properties(&publish.user).expect("an envelope");
    assert_eq!(envelope.current, span());
    envelope.name.expect("a name").seq
}

#[test]
fn a_connection_begins_with_receipts_then_a_beat_then_what_is_retained_then_batches() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=1);
    let mut client = world.connected();
    assert_eq!(client.connect.client_id, "mall-01");
    assert!(client.connect.clean_start);
    assert_eq!(client.connect.session_expiry.unwrap_or(0), 0);
    assert!(client.connect.has_retained_will);
    world.beat(Occasion::Regular);
    let (mut retained, mut topics) = (Vec::new(), Vec::new());
    while topics.len() < 2 {
        let publish = client.take();
        if publish.retained {
            assert_eq!((publish.expiry, topics.contains(&"urgent".to_owned())), (None, false));
            retained.push(publish.topic);
        } else {
            assert_eq!(publish.expiry, Some(30));
            topics.push(publish.topic.rsplit('/').next().expect("a topic").to_owned());
        }
    }
    topics.sort();
    assert_eq!(topics, ["beat", "urgent"]);
    assert!(retained[0].ends_with("/presence"), "{retained:?}");
    assert!(retained[1].contains("/catalogue/"), "{retained:?}");
}

#[test]
fn the_body_of_a_batch_is_the_bytes_of_the_spool_and_urgent_goes_first() {
    let mut world = world();
    world.append(Lane::Routine, 1..=1);
    world.append(Lane::Urgent, 1..=2);
    let mut client = world.connected();
    let first = client.take_until("/urgent");
    assert_eq!((number(&first), first.body), (1, b"[{\"seq\":1}]".to_vec()));
    receipt(&mut client, Lane::Urgent, position(1));
    let mut rest = [client.take_until("e"), client.take_until("t")].map(|publish| publish.topic);
    rest.sort();
    assert!(rest[0].ends_with("/routine") && rest[1].ends_with("/urgent"), "{rest:?}");
}

#[test]
fn the_spool_forgets_on_receipts_and_not_on_pubacks() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=3);
    let mut client = world.connected();
    assert_eq!(number(&client.take_until("/urgent")), 1);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(world.depth(Lane::Urgent), 3);
    receipt(&mut client, Lane::Urgent, position(2));
    wait_until("two are forgotten", || world.depth(Lane::Urgent) == 1);
    assert_eq!(number(&client.take_until("/urgent")), 3);
    let duplicate = LaneReceipt { duplicate: Some(name(3)), ..LaneReceipt::default() };
    receipt(&mut client, Lane::Urgent, duplicate);
    wait_until("the last is forgotten", || world.depth(Lane::Urgent) == 0);
}

#[test]
fn what_has_no_receipt_is_sent_again_on_the_next_connection() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=3);
    let mut client = world.connected();
    assert_eq!(number(&client.take_until("/urgent")), 1);
    receipt(&mut client, Lane::Urgent, position(1));
    assert_eq!(number(&client.take_until("/urgent")), 2);
    drop(client);
    let mut client = world.connected();
    assert_eq!(number(&client.take_until("/urgent")), 2, "from the last receipt");
}

#[test]
fn what_has_no_receipt_for_five_seconds_is_sent_again() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=1);
    let mut client = world.connected();
    assert_eq!(number(&client.take_until("/urgent")), 1);
    let sent = Instant::now();
    assert_eq!(number(&client.take_until("/urgent")), 1);
    assert!(Duration::from_millis(4_500) < sent.elapsed(), "{:?}", sent.elapsed());
}

#[test]
fn what_is_asked_for_is_sent_again_at_once_and_wishes_reach_the_recorder() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=2);
    let mut client = world.connected();
    assert_eq!(number(&client.take_until("/urgent")), 1);
    let asked = Instant::now();
    let says = LaneReceipt { ask: Some(name(1)), want: Some(7), ..LaneReceipt::default() };
    receipt(&mut client, Lane::Urgent, says);
    assert_eq!(number(&client.take_until("/urgent")), 1);
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(world.wishes.blocking_recv(), Some(FromUplink::Want(Lane::Urgent, 7)));
}

#[test]
fn a_message_that_is_no_receipt_changes_nothing() {
    let mut world = world();
    world.append(Lane::Urgent, 1..=1);
    let mut client = world.connected();
    for body in [&b""[..], b"{", b"[1]", b"{\"urgent\":{\"position\":\"x/0\"}}", &[0xff; 100]] {
        client.publish(RECEIPT, body);
    }
    assert_eq!(number(&client.take_until("/urgent")), 1);
    assert_eq!(world.depth(Lane::Urgent), 1);
    receipt(&mut client, Lane::Urgent, position(1));
    wait_until("a receipt still works", || world.depth(Lane::Urgent) == 0);
}

#[test]
fn two_unanswered_beats_end_the_connection() {
    let mut world = world();
    let mut client = world.connected();
    for occasion in [Occasion::Regular, Occasion::Immediate, Occasion::Regular] {
        world.beat(occasion);
        client.take_until("/beat");
    }
    world.beat(Occasion::Regular);
    while client.next() != Packet::Closed {}
    let mut client = world.connected();
    world.beat(Occasion::Regular);
    client.take_until("/beat");
}

#[test]
fn an_answer_keeps_the_connection() {
    let mut world = world();
    let mut client = world.connected();
    for _ in 0..5 {
        world.beat(Occasion::Regular);
        client.take_until("/beat");
        receipt(&mut client, Lane::Urgent, LaneReceipt::default());
        // The answer must be taken before the next beat.
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_broker_that_refuses_or_gives_the_place_away_is_not_stormed() {
    let mut world = world();
    let attempts = world.peer.refuse_for(Duration::from_secs(4));
    assert!((1..=8).contains(&attempts), "{attempts} in 4 s");
    let mut client = world.connected();
    client.take_over();
    while client.next() != Packet::Closed {}
    assert_eq!(world.wishes.blocking_recv(), Some(FromUplink::TakenOver));
    world.connected();
}

#[test]
fn a_stop_says_good_bye() {
    let mut world = world();
    let mut client = world.connected();
    let catalogue = client.take_until("/1");
    assert!(catalogue.retained);
    world.stop.send_replace(true);
    let presence = client.take_until("/presence");
    assert!(String::from_utf8_lossy(&presence.body).contains("offline"));
    assert_eq!(client.next(), Packet::Disconnect);
}

#[test]
fn another_broker_is_connected_to_at_once_and_told_the_new_catalogue_first() {
    let mut world = world();
    let mut client = world.connected();
    client.take_until("/1");
    let other = Peer::listen();
    let device = DeviceEntry {
        n: "d".parse().expect("a device"),
        label: String::new(),
        profile: "p".into(),
        alarm_period: None,
        analog_period: None,
    };
    let mut catalogue = Written::default();
    catalogue.add_device(&device);
    let catalogue = Pages::of(&catalogue);
    let hash = catalogue.hash().to_string();
    let broker = Broker::plain(other.address().parse().expect("an address"));
    world.target.send_replace(Target { broker, catalogue });
    world.peer = other;
    // Without an acknowledgement: the gateway may have gone by then.
    let Packet::Publish(goodbye) = client.next() else { panic!("no good-bye") };
    assert!(goodbye.topic.ends_with("/presence") && goodbye.retained, "{goodbye:?}");
    assert!(String::from_utf8_lossy(&goodbye.body).contains("offline"), "{goodbye:?}");
    let mut client = world.connected();
    world.append(Lane::Urgent, 1..=1);
    world.beat(Occasion::Regular);
    let mut topics = Vec::new();
    while topics.last().is_none_or(|topic: &String| !topic.ends_with("/urgent")) {
        topics.push(client.take().topic);
    }
    assert!(topics.iter().any(|topic| topic.contains(&hash)), "{topics:?}");
}

#[test]
fn the_backup_broker_is_tried_when_the_first_one_is_not_there_and_then_in_turn() {
    let mut world = world();
    let (first, backup) = (Peer::listen(), Peer::listen());
    let catalogue = Pages::of(&Written::default());
    let mut broker = Broker::plain("127.0.0.1:1".parse().expect("an address"));
    broker.backup = Some(backup.address().parse().expect("an address"));
    world.target.send_replace(Target { broker: broker.clone(), catalogue: catalogue.clone() });
    world.peer = backup;
    drop(world.connected());
    broker.address = first.address().parse().expect("an address");
    world.target.send_replace(Target { broker, catalogue });
    world.peer = first;
    drop(world.connected());
}
