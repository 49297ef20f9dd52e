//! Unclean elections, which take away what was acknowledged and what brokers remember of the writer: what is written
//! afterwards goes by other numbers, and neither comes twice nor is told untruly.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ottla::{NewRecord, Receipt, WriteOptions};
use ottla_testkit::{Action, ApiKey, BrokerId, Fate, Fault};

use crate::support::within;
use crate::{LIMIT, Setup, TOPIC, builder, flush, now};

const SEEDS: u64 = 25;
const ROUNDS: u32 = 8;

/// Numbers that look random (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }

    fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }

    /// An answer that leaves open whether a batch was written, or says so.
    fn doubt(&mut self) -> Action {
        match self.below(6) {
            0 => Action::StallAfter,
            1 => Action::CloseAfter,
            2 => Action::HoldProduce(self.millis(20_000)),
            3 => Action::RefuseAfter([3, 6, 7, 56][usize::try_from(self.below(4)).unwrap()]),
            4 => Action::CloseBefore,
            _ => Action::Delay(self.millis(3_000)),
        }
    }
}

/// Everything that was ever appended: the value, where, and what became of it.
fn appended(setup: &Setup) -> Vec<(u32, i64, Fate)> {
    let mut all = Vec::new();
    for batch in setup.brokers.appended(TOPIC, 0) {
        for record in batch.records().unwrap() {
            let value = String::from_utf8(record.value.unwrap().to_vec()).unwrap();
            all.push((value.parse().unwrap(), record.offset, batch.fate(record.offset)));
        }
    }
    all
}

/// What the log has, each once. A leader that lost all that it knew of the writer takes what comes next, so batches
/// that were on their way together may have changed their places.
fn assert_log(setup: &Setup, seed: u64) -> BTreeSet<u32> {
    let values = &setup.values(1)[&0];
    let each: BTreeSet<u32> = values.iter().map(|value| value.parse().unwrap()).collect();
    assert_eq!(each.len(), values.len(), "seed {seed}: {values:?}");
    each
}

/// Elects a leader that lacks some of the log, or all of it; now and then one that lacks nothing.
fn elect(setup: &Setup, dice: &mut Dice) {
    let to = BrokerId(1 + i32::try_from(dice.below(3)).unwrap());
    let end = setup.brokers.offsets(TOPIC, 0).unwrap().end;
    let cut = match dice.below(4) {
        0 => 0,
        1 => end,
        2 => end - i64::try_from(dice.below(7)).unwrap().min(end),
        _ => i64::try_from(dice.below(u64::try_from(end).unwrap() + 1)).unwrap(),
    };
    setup.brokers.unclean_leader(TOPIC, 0, to, cut).unwrap();
}

#[tokio::test(start_paused = true)]
async fn elections_that_take_away_what_was_acknowledged_double_nothing_and_no_receipt_lies() {
    let (mut taken_away, mut in_doubt) = (0, 0);
    for seed in 0..SEEDS {
        let (mut dice, setup) = (Dice(seed), Setup::of(builder().seed(seed), 1).await);
        // Some are given up while nobody knows what became of them.
        let timeout = Duration::from_secs([8, 20, 120][usize::try_from(dice.below(3)).unwrap()]);
        let options = WriteOptions::new().with_batch_bytes(300).with_linger(Duration::ZERO);
        let writer = setup.client.write(options.with_delivery_timeout(timeout));
        let topic = writer.topic(TOPIC).await.unwrap();
        let mut receipts: BTreeMap<u32, Receipt> = BTreeMap::new();
        let mut number = 0;
        for round in 0..ROUNDS {
            if round > 0 {
                let fault = Fault::new(dice.doubt()).on_api(ApiKey::Produce);
                setup.brokers.faults().add(fault.chance(0.5).times(1 + dice.below(3)));
            }
            for _ in 0..5 + dice.below(40) {
                let value = number.to_string();
                receipts.insert(number, topic.send_with_receipt(NewRecord::value(&value)).await.unwrap());
                number += 1;
                tokio::time::sleep(dice.millis(30)).await;
            }
            assert_log(&setup, seed);
            elect(&setup, &mut dice);
        }
        setup.brokers.faults().clear();
        let _ = flush(&writer).await;
        // A connection that the network swallowed lasts as long as a request.
        tokio::time::sleep(Duration::from_secs(40)).await;
        topic.send(NewRecord::value(&number.to_string())).await.unwrap();
        flush(&writer).await.unwrap();
        let left = assert_log(&setup, seed);
        let all = appended(&setup);
        taken_away += all.iter().filter(|(.., fate)| *fate == Fate::Truncated).count();
        for (number, receipt) in receipts {
            let places: Vec<i64> = all.iter().filter(|(one, ..)| *one == number).map(|it| it.1).collect();
            match within(LIMIT, "a receipt", receipt).await {
                Ok(told) => {
                    let offset = told.offset.unwrap_or_else(|| *places.last().unwrap());
                    assert!(
                        places.contains(&offset),
                        "seed {seed}: {number} at {offset}, in truth {places:?}"
                    );
                }
                Err(error) if error.possibly_written() => in_doubt += 1,
                Err(error) => assert_eq!(places, [0; 0], "seed {seed}: {number}: {error}"),
            }
        }
        assert!(left.contains(&number), "seed {seed}: {left:?}");
    }
    println!("{taken_away} records were taken away, {in_doubt} are in doubt");
    assert!(taken_away > 500 && in_doubt > 0, "{taken_away}, {in_doubt}");
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_was_sent_before_it_and_not_for_what_other_tasks_send_meanwhile() {
    let setup = Setup::new(2).await;
    setup.brokers.move_leader(TOPIC, 0, BrokerId(1)).unwrap();
    setup.brokers.move_leader(TOPIC, 1, BrokerId(2)).unwrap();
    let writer = setup.client.write(WriteOptions::new());
    let other = writer.clone();
    let [mine, others] = [writer.topic(TOPIC).await.unwrap(), other.topic(TOPIC).await.unwrap()];
    mine.send(NewRecord::value("0").with_partition(0)).await.unwrap();
    flush(&writer).await.unwrap();
    let slow = Action::Delay(Duration::from_secs(3));
    setup.brokers.faults().add(Fault::new(slow).on_api(ApiKey::Produce).on_broker(BrokerId(1)).times(1));
    let mute = Fault::new(Action::Refuse(19)).on_api(ApiKey::Produce).on_broker(BrokerId(2));
    setup.brokers.faults().add(mute);
    mine.send(NewRecord::value("1").with_partition(0)).await.unwrap();
    let began = now();
    let send_meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for number in 2..5_u32 {
            others.send(NewRecord::value(&number.to_string()).with_partition(1)).await.unwrap();
        }
        // Behind the batch that is under way.
        others.send(NewRecord::value("5").with_partition(0)).await.unwrap();
    };
    let (flushed, ()) = tokio::join!(flush(&writer), send_meanwhile);
    flushed.unwrap();
    assert!((3..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    setup.brokers.faults().clear();
    flush(&other).await.unwrap();
    setup.assert_each_once(2, 6);
}
