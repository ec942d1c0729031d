//! Calls that no box and no admission would make.

use firegrid_rules::engine::HeadStanding;
use firegrid_wire::beat::{Beat, BeatAlarm, Clock, LaneBeat, SpoolHealth};
use firegrid_wire::marker::{LostFire, Marker, MarkerReason, More};
use firegrid_wire::names::PointId;
use firegrid_wire::pack::{Head, Pack, Stretch};
use firegrid_wire::reading::Reading;
use firegrid_wire::span::{BatchName, Lane, PerLane, SpanId};
use firegrid_wire::state::States;
use firegrid_wire::time::{CentreTime, GatewayTime, Millis};
use proptest::prelude::*;

use super::{BEGIN, Batch, Call, POINTS, WORDS, catalogue, gateway, point, value};

/// Calls that no box and no admission would make: any times, any order, any names.
pub fn wild_calls() -> impl Strategy<Value = Vec<Call>> {
    let time = || {
        prop_oneof![
            any::<i64>(),
            0..100_000_i64,
            Just(0),
            Just(i64::MAX),
            Just(i64::MIN),
            (BEGIN..BEGIN + 100_000),
        ]
    };
    let reading = (0..8_usize, time(), 0..60_usize).prop_map(|(place, time, what)| {
        let id = match place {
            5 => PointId::parse("d1/comm"),
            6 => PointId::parse("d7/comm"),
            7 => PointId::parse("d7/new"),
            known => PointId::parse(POINTS[known].0),
        };
        let (value, quality) =
            value(if what.is_multiple_of(3) { Lane::Routine } else { Lane::Urgent }, what);
        let time = GatewayTime::from_millis(time);
        Reading { point: id.expect("a point"), time, value, quality, changes: None }
    });
    let marker = prop::option::weighted(
        0.1,
        (0..5_usize, time(), 0..4_u64).prop_map(|(place, time, span)| Marker {
            first: BatchName { span: SpanId::from_bits(span), seq: 1 },
            ends: Vec::new(),
            since: None,
            until: None,
            reason: MarkerReason::Damaged,
            fires: vec![LostFire {
                n: point(place),
                span: SpanId::from_bits(span),
                t: GatewayTime::from_millis(time),
                vs: "fire test".into(),
            }],
            more: More::default(),
        }),
    );
    let batch = (
        (any::<bool>(), 0..4_u64, 0..9_u32, any::<bool>(), 0..5_usize),
        prop::option::of((time(), time())),
        prop::collection::vec(reading, 0..6),
        marker,
        (time(), time(), 0..4_u64),
    )
        .prop_map(|((urgent, span, order, hole, which), stretch, readings, marker, rest)| {
            let (sent, arrived, current) = rest;
            let lane = if urgent { Lane::Urgent } else { Lane::Routine };
            let head = Head {
                gateway: gateway(),
                lane,
                name: BatchName { span: SpanId::from_bits(span), seq: 1 },
                after: None,
                stretch: stretch.map(|(one, other)| Stretch {
                    from: GatewayTime::from_millis(one),
                    until: GatewayTime::from_millis(other),
                }),
                catalogue: catalogue(which).hash(),
                refresh: None,
                marker,
            };
            Call::Batch(Batch {
                pack: Pack { head, readings: (1..).zip(readings).collect(), faults: Vec::new() },
                order,
                hole,
                sent: GatewayTime::from_millis(sent),
                current: SpanId::from_bits(current),
                arrived: CentreTime::from_millis(arrived),
            })
        });
    let head = || {
        prop_oneof![
            Just(HeadStanding::NotJudged),
            Just(HeadStanding::JudgedInOlderSpan),
            any::<bool>().prop_map(|is_position| HeadStanding::Judged { is_position }),
        ]
    };
    let beat = (
        (0..4_u64, time(), time(), time(), time()),
        prop::option::of(0..9_u32),
        (head(), head()),
        prop::collection::vec((0..5_usize, 0..9_usize, time()), 0..3),
    )
        .prop_map(|((span, urgent, routine, sent, arrived), order, heads, alarms)| {
            let lane =
                |until| LaneBeat { head: None, until: Some(GatewayTime::from_millis(until)) };
            let alarms: Vec<BeatAlarm> = alarms
                .into_iter()
                .map(|(place, words, time)| BeatAlarm {
                    n: point(place),
                    vs: States::from_words(WORDS[words]).unwrap_or_default(),
                    t: GatewayTime::from_millis(time),
                })
                .collect();
            Call::Beat {
                beat: Beat {
                    span: SpanId::from_bits(span),
                    clock: Clock::Unsynced,
                    spool: SpoolHealth::Failing,
                    depth: 0,
                    age: Millis::ZERO,
                    lanes: PerLane { urgent: lane(urgent), routine: lane(routine) },
                    alarm_count: alarms.len() as u32,
                    dead_letters: 0,
                    taken_over: 0,
                    alarms,
                },
                sent: GatewayTime::from_millis(sent),
                arrived: CentreTime::from_millis(arrived),
                order,
                heads: PerLane { urgent: heads.0, routine: heads.1 },
            }
        });
    let centre = || time().prop_map(CentreTime::from_millis);
    let call = prop_oneof![
        10 => batch,
        6 => beat,
        1 => centre().prop_map(Call::Heard),
        2 => centre().prop_map(Call::Tick),
        1 => (centre(), any::<bool>()).prop_map(|(at, on)| Call::Listening(at, on)),
        1 => Just(Call::Hold),
        1 => Just(Call::Lift),
    ];
    prop::collection::vec(call, 1..40)
}
