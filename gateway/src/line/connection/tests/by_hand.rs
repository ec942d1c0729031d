//! What the ear makes of single answers, each sent by hand, in virtual time.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use super::*;

/// One stream, with the other end in the test's hand.
struct Hand {
    connection: Connection,
    far: DuplexStream,
}

const READ: Read = Read { table: Table::HoldingRegisters, first: 7, count: 2 };

fn answer(unit: u8, registers: [u16; 2]) -> Vec<u8> {
    let mut frame = vec![unit, 3, 4];
    frame.extend(registers.iter().flat_map(|register| register.to_be_bytes()));
    let sum = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(&frame);
    frame.extend(sum.to_le_bytes());
    frame
}

impl Hand {
    /// The wire has been listened to for as long as a process before could have asked.
    async fn new(wire: Wire) -> Hand {
        let (near, far) = tokio::io::duplex(1_024);
        let mut near = Some(near);
        let opener = move || {
            let stream: Box<dyn Stream> = Box::new(near.take().ok_or(ErrorKind::NotFound)?);
            Ok(stream)
        };
        let endpoint = Endpoint::in_memory(wire, Box::new(opener));
        let mut connection = Connection::new(endpoint, LONGEST, 2, Clock::begin());
        connection.open().await.expect("a stream");
        sleep(LONGEST * 2).await;
        Hand { connection, far }
    }

    /// Asks a unit, and sends these bytes so many milliseconds after the question came.
    async fn ask(&mut self, unit: u8, sent: &[(u64, Vec<u8>)]) -> Result<Answer, NoAnswer> {
        let far = async {
            let mut question = [0; 8];
            self.far.read_exact(&mut question).await.expect("a question");
            let asked = Instant::now();
            for (after, bytes) in sent {
                tokio::time::sleep_until(asked + Duration::from_millis(*after)).await;
                self.far.write_all(bytes).await.expect("somebody listens");
            }
        };
        let (answer, ()) = tokio::join!(self.connection.ask(unit, READ, PATIENCE), far);
        answer
    }

    /// Sends bytes that nobody has asked for.
    async fn say(&mut self, bytes: &[u8]) {
        self.far.write_all(bytes).await.expect("somebody listens");
    }

    /// Unit 1 has not answered one question.
    async fn doubt(&mut self) {
        let silence = self.ask(1, &[]).await;
        assert!(matches!(silence, Err(NoAnswer::TooLate)), "{silence:?}");
    }
}

#[track_caller]
fn registers(answer: Result<Answer, NoAnswer>, expected: [u16; 2]) {
    match answer {
        Ok(Answer::Registers(registers)) => assert_eq!(registers, expected),
        Ok(Answer::Refused(_) | Answer::NotNow(_)) | Err(_) => panic!("{answer:?}"),
    }
}

#[track_caller]
fn doubtful(answer: Result<Answer, NoAnswer>) {
    assert!(matches!(answer, Err(NoAnswer::Doubtful(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_later_than_any_is_followed_by_the_true_one_and_neither_counts() {
    let mut hand = Hand::new(Wire::dialled_in(Framing::Rtu)).await;
    hand.doubt().await;
    sleep(LONGEST * 3).await;
    doubtful(hand.ask(1, &[(10, answer(1, [1, 1])), (60, answer(1, [2, 2]))]).await);
    registers(hand.ask(1, &[(10, answer(1, [3, 3]))]).await, [3, 3]);
}

#[tokio::test(start_paused = true)]
async fn after_a_doubt_one_answer_is_held_and_the_next_is_not() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    hand.doubt().await;
    sleep(LONGEST * 3).await;
    let asked = Instant::now();
    registers(hand.ask(1, &[(10, answer(1, [1, 2]))]).await, [1, 2]);
    assert!(PATIENCE < asked.elapsed(), "{:?}", asked.elapsed());
    let asked = Instant::now();
    registers(hand.ask(1, &[(10, answer(1, [3, 4]))]).await, [3, 4]);
    assert!(asked.elapsed() < PATIENCE / 5, "{:?}", asked.elapsed());
}

/// A timeout costs the neighbours nothing, nor does the answer that comes late after all.
#[tokio::test(start_paused = true)]
async fn while_one_unit_rests_its_neighbour_is_asked_at_once() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    hand.doubt().await;
    let now = hand.connection.clock.uptime();
    assert!(hand.connection.quiet_until(1, now).is_some());
    assert!(hand.connection.quiet_until(2, now).is_none());
    for _ in 0..3 {
        let asked = Instant::now();
        registers(hand.ask(2, &[(5, answer(2, [7, 7]))]).await, [7, 7]);
        assert!(asked.elapsed() < PATIENCE / 5, "{:?}", asked.elapsed());
    }
    registers(hand.ask(2, &[(2, answer(1, [9, 9])), (5, answer(2, [8, 8]))]).await, [8, 8]);
    let now = hand.connection.clock.uptime();
    assert!(hand.connection.quiet_until(1, now).is_none(), "its answer has come");
    registers(hand.ask(1, &[(5, answer(1, [6, 6]))]).await, [6, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_comes_too_early_waits_until_the_unit_has_rested() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    let asked = Instant::now();
    hand.doubt().await;
    registers(hand.ask(1, &[(5, answer(1, [6, 6]))]).await, [6, 6]);
    assert!(LONGEST < asked.elapsed(), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_second_answer_that_comes_unasked_casts_a_doubt_on_its_unit_alone() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    registers(hand.ask(1, &[(5, answer(1, [1, 1]))]).await, [1, 1]);
    hand.say(&answer(1, [1, 1])).await;
    let asked = Instant::now();
    registers(hand.ask(2, &[(5, answer(2, [2, 2]))]).await, [2, 2]);
    assert!(asked.elapsed() < PATIENCE / 5, "{:?}", asked.elapsed());
    let now = hand.connection.clock.uptime();
    assert!(hand.connection.quiet_until(1, now).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_before_its_bytes_can_have_travelled_is_held_until_the_wire_is_known() {
    let mut hand = Hand::new(Wire::serial(serial())).await;
    doubtful(hand.ask(1, &[(0, answer(1, [1, 1])), (60, answer(1, [2, 2]))]).await);
    let mut hand = Hand::new(Wire::serial(serial())).await;
    let asked = Instant::now();
    registers(hand.ask(1, &[(0, answer(1, [1, 1]))]).await, [1, 1]);
    assert!(PATIENCE < asked.elapsed(), "{:?}", asked.elapsed());
    let asked = Instant::now();
    registers(hand.ask(1, &[(0, answer(1, [1, 1]))]).await, [1, 1]);
    assert!(asked.elapsed() < PATIENCE / 5, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn on_a_serial_wire_three_and_a_half_characters_are_silent_before_a_question() {
    let mut hand = Hand::new(Wire::serial(serial())).await;
    // 17 bytes need 9.7 ms at 19200 baud.
    registers(hand.ask(1, &[(12, answer(1, [1, 1]))]).await, [1, 1]);
    for _ in 0..5 {
        let answered = Instant::now();
        registers(hand.ask(1, &[(12, answer(1, [1, 1]))]).await, [1, 1]);
        assert!(Duration::from_millis(13) < answered.elapsed(), "{:?}", answered.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_converter_that_dials_in_says_of_itself_is_dropped_before_a_question() {
    let mut hand = Hand::new(Wire::dialled_in(Framing::Rtu)).await;
    hand.say(b"REG 867567030012345\r\n").await;
    for _ in 0..5 {
        let asked = Instant::now();
        registers(hand.ask(1, &[(5, answer(1, [1, 1]))]).await, [1, 1]);
        assert!(asked.elapsed() < PATIENCE / 5, "{:?}", asked.elapsed());
        hand.say(b"heartbeat").await;
    }
    hand.say(&answer(1, [1, 1])).await;
    sleep(Duration::from_millis(5)).await;
    let asked = Instant::now();
    registers(hand.ask(1, &[(5, answer(1, [2, 2]))]).await, [2, 2]);
    assert!(LONGEST < asked.elapsed(), "a second answer is no heartbeat: {:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_is_heard_is_given_up_after_two_questions() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    hand.doubt().await;
    assert!(hand.connection.is_open());
    registers(hand.ask(2, &[(5, answer(2, [1, 1]))]).await, [1, 1]);
    hand.doubt().await;
    assert!(hand.connection.is_open(), "somebody was heard in between");
    hand.doubt().await;
    assert!(!hand.connection.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_wire_that_never_falls_silent_is_not_asked() {
    let hand = Hand::new(Wire::rtu_over_tcp()).await;
    let Hand { mut connection, mut far } = hand;
    let babbling = tokio::spawn(async move {
        while far.write_all(&[0x55; 3]).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    });
    sleep(PATIENCE).await;
    let answer = connection.ask(1, READ, PATIENCE).await;
    assert!(matches!(answer, Err(NoAnswer::NeverSilent)), "{answer:?}");
    babbling.abort();
}

/// Whoever stops waiting cannot forget that an answer may still come.
#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_waits_for_any_more_leaves_a_doubt() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    let given_up = timeout(PATIENCE / 2, hand.connection.ask(1, READ, PATIENCE)).await;
    assert!(given_up.is_err() && !hand.connection.is_open());
    let now = hand.connection.clock.uptime();
    assert!(hand.connection.quiet_until(1, now).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_answer_much_sooner_than_any_of_its_unit_before_is_held() {
    let mut hand = Hand::new(Wire::dialled_in(Framing::Rtu)).await;
    for _ in 0..40 {
        registers(hand.ask(1, &[(20, answer(1, [1, 1]))]).await, [1, 1]);
    }
    doubtful(hand.ask(1, &[(2, answer(1, [1, 1])), (20, answer(1, [2, 2]))]).await);
    sleep(LONGEST * 2).await;
    registers(hand.ask(1, &[(20, answer(1, [3, 3]))]).await, [3, 3]);
    let asked = Instant::now();
    registers(hand.ask(1, &[(2, answer(1, [4, 4]))]).await, [4, 4]);
    assert!(PATIENCE < asked.elapsed(), "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_trusted_is_shown_to_people() {
    let mut hand = Hand::new(Wire::rtu_over_tcp()).await;
    let noise = [&[0], &*answer(1, [1, 1])].concat();
    let told = hand.ask(1, &[(5, noise)]).await.expect_err("no answer").to_string();
    assert!(told.contains("heard 00 01 03 04 00 01"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_converter_that_hears_the_question_from_its_own_mouth_hinders_nothing() {
    let mut hand = Hand::new(Wire::dialled_in(Framing::Rtu)).await;
    for _ in 0..3 {
        let mut echo = vec![1, 3, 0, 7, 0, 2];
        let sum = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS).checksum(&echo);
        echo.extend(sum.to_le_bytes());
        let asked = Instant::now();
        registers(hand.ask(1, &[(1, echo), (20, answer(1, [1, 1]))]).await, [1, 1]);
        assert!(asked.elapsed() < PATIENCE / 2, "{:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_amid_a_question_costs_nothing_if_the_settings_name_it() {
    let wire = Wire { heartbeat: b"live".to_vec(), ..Wire::dialled_in(Framing::Rtu) };
    let mut hand = Hand::new(wire).await;
    for _ in 0..3 {
        let asked = Instant::now();
        let sent = [(1, b"live".to_vec()), (9, b"live".to_vec()), (20, answer(1, [1, 1]))];
        registers(hand.ask(1, &sent).await, [1, 1]);
        hand.say(b"live").await;
        assert!(asked.elapsed() < PATIENCE / 2, "{:?}", asked.elapsed());
    }
}
