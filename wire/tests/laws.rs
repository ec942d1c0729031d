//! Laws of the contract over random input: nothing from outside makes a reader panic, and what
//! was written is read.

use firegrid_wire::beat::Beat;
use firegrid_wire::catalogue::{CatalogueHash, Page};
use firegrid_wire::envelope::Envelope;
use firegrid_wire::limits::{BATCH_BYTES, MESSAGE_BYTES};
use firegrid_wire::names::{GatewayId, PointId};
use firegrid_wire::pack::{Head, PackWriter, Stretch, decode};
use firegrid_wire::quantity::Unit;
use firegrid_wire::reading::{Quality, Reading, Value};
use firegrid_wire::receipt::Receipt;
use firegrid_wire::span::{BatchName, Lane, SpanId};
use firegrid_wire::state::{State, StateSet, States};
use firegrid_wire::time::GatewayTime;
use firegrid_wire::topic::Topic;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (any::<f64>(), prop::sample::select(Unit::ALL)).prop_map(|(v, u)| Value::number(v, u)),
        prop::collection::vec(prop::sample::select(State::ALL), 0..6)
            .prop_map(|states| Value::States(StateSet::from_iter(states).into())),
        "[a-z]{1,8}( [a-z-]{1,9}){0,3}"
            .prop_map(|words| States::from_words(&words).map_or(Value::Unknown, Value::States)),
        Just(Value::Unknown),
    ]
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let time = 0_i64..253_402_300_799_999;
    let quality = prop::sample::select(&Quality::ALL[..]);
    let changes = prop::option::of(any::<u32>());
    ("[a-z0-9]{1,12}/[A-Z0-9._-]{0,8}x", time, any_value(), quality, changes).prop_filter_map(
        "a point's name begins with a letter or digit",
        |(name, millis, value, quality, changes)| {
            let point = PointId::parse(&name).ok()?;
            Some(Reading { point, time: GatewayTime::from_millis(millis), value, quality, changes })
        },
    )
}

fn head() -> Head {
    Head {
        gateway: GatewayId::parse("mall-01").expect("a gateway"),
        lane: Lane::Routine,
        name: BatchName { span: SpanId::from_bits(u64::MAX), seq: i64::MAX as u64 },
        after: None,
        stretch: Some(Stretch {
            from: GatewayTime::from_millis(0),
            until: GatewayTime::from_millis(253_402_300_799_999),
        }),
        catalogue: CatalogueHash::parse("0123456789abcdef").expect("a hash"),
        refresh: None,
        marker: None,
    }
}

proptest! {
    #[test]
    fn what_was_written_is_read(readings in prop::collection::vec(any_reading(), 0..200)) {
        let mut left = readings.as_slice();
        let mut read = Vec::new();
        loop {
            let mut writer = PackWriter::default();
            let fitting = left.iter().take_while(|reading| writer.push(reading)).count();
            let bytes = writer.finish(&head());
            prop_assert!(bytes.len() <= BATCH_BYTES);
            let pack = decode(&bytes).expect("a batch");
            prop_assert_eq!(&pack.head, &head());
            prop_assert!(pack.faults.is_empty(), "{:?}", pack.faults);
            read.extend(pack.readings.into_iter().map(|(_, reading)| reading));
            left = &left[fitting..];
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(read, readings);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = decode(&bytes);
        let _ = Beat::from_bytes(&bytes);
        let _ = Receipt::from_bytes(&bytes);
        let _ = serde_json::from_slice::<Page>(&bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = Topic::parse(&text);
        let _ = Envelope::from_properties(&[("span".into(), text.clone()), ("sent".into(), text)]);
    }

    #[test]
    fn no_damage_to_a_batch_makes_its_reader_panic(
        readings in prop::collection::vec(any_reading(), 0..20),
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = firegrid_wire::pack::encode(&head(), &readings);
        for (place, byte) in damages {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = decode(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = decode(&bytes);
    }

    #[test]
    fn a_body_over_the_limit_is_refused_before_it_is_parsed(extra in 1_usize..100_000) {
        let body = vec![b'['; MESSAGE_BYTES + extra];
        prop_assert!(decode(&body).is_err());
    }
}
