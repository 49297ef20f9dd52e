use std::future::Future;

use super::*;
use crate::error::ErrorKind;
use crate::partition::writer::batch::Place;
use crate::partition::writer::sender::Sender;
use crate::time::now;
use crate::wire::error_code::ErrorCode;
use crate::wire::records::{Codec, Compressor, NewRecord};

const ID: i64 = 7;

fn outbox() -> Outbox {
    Outbox::new(Some(Producer { id: ID, epoch: 0 }))
}

/// A batch of so many records.
fn batch(serial: u64, count: i32, opened: Instant) -> Batch {
    let mut batch = Batch::open(Place { topic: 0, partition: 0 }, serial, opened, Vec::new());
    for _ in 0..count {
        batch.push(&NewRecord::value("v"), 0, false, &Sender::first());
    }
    batch
}

/// Sends a batch, and gives the epoch and the sequence that it went by.
fn send(outbox: &mut Outbox, mut batch: Batch) -> (i16, i32) {
    batch.pack(Codec::Uncompressed, &mut Compressor::default(), Vec::new()).unwrap();
    let stamp = outbox.stamp(&batch).unwrap();
    batch.stamped(stamp);
    outbox.on_sent(batch, now());
    (stamp.producer_epoch, stamp.base_sequence)
}

fn send_waiting(outbox: &mut Outbox) -> (u64, (i16, i32)) {
    let batch = outbox.take_waiting().unwrap();
    let serial = batch.serial;
    (serial, send(outbox, batch))
}

fn refused(code: i16) -> Error {
    Error::broker(ErrorCode(code))
}

/// Takes a verdict, and gives the serials of what it resolved, with whether they were written.
fn judge(outbox: &mut Outbox, serial: u64, verdict: Verdict) -> Vec<(u64, bool)> {
    let attempt = attempt(outbox, serial);
    fates(outbox.on_verdict(attempt, verdict, now(), |_| Duration::ZERO))
}

/// The newest attempt with a batch.
fn attempt(outbox: &Outbox, serial: u64) -> u64 {
    outbox.sent.iter().find(|sent| sent.batch.serial == serial).map_or(0, |sent| sent.attempt)
}

fn fates(resolved: Vec<Resolved>) -> Vec<(u64, bool)> {
    resolved.into_iter().map(|one| (one.batch.serial, one.outcome.is_ok())).collect()
}

/// The batch is written there.
fn at(offset: i64) -> Verdict {
    Verdict::Written(Some(offset))
}

/// The answer is lost, or one that tells nothing.
fn lost() -> Verdict {
    Verdict::Again(refused(6).possibly_written_if(true))
}

fn out_of_order() -> Verdict {
    Verdict::NewEpoch(refused(45))
}

/// An outbox with batches 1 to `last` of 10 records in flight, after a first one that was taken.
fn in_flight(last: u64) -> Outbox {
    let mut outbox = outbox();
    send(&mut outbox, batch(0, 10, now()));
    judge(&mut outbox, 0, at(0));
    (1..=last).for_each(|serial| {
        send(&mut outbox, batch(serial, 10, now()));
    });
    outbox
}

#[test]
fn the_first_batch_goes_alone_and_then_five_at_a_time() {
    let mut outbox = outbox();
    assert!(outbox.may_send(now()));
    assert_eq!(send(&mut outbox, batch(0, 3, now())), (0, 0));
    assert!(!outbox.may_send(now()));
    assert_eq!(judge(&mut outbox, 0, Verdict::Written(None)), [(0, true)]);
    for serial in 1..=5 {
        assert!(outbox.may_send(now()));
        let sequence = 3 + 10 * (i32::try_from(serial).unwrap() - 1);
        assert_eq!(send(&mut outbox, batch(serial, 10, now())), (0, sequence));
    }
    assert!(!outbox.may_send(now()));
}

#[test]
fn nothing_goes_out_without_a_producer() {
    assert!(!Outbox::new(None).may_send(now()));
}

#[test]
fn after_the_last_sequence_number_comes_the_first() {
    let mut outbox = outbox();
    outbox.next_sequence = i32::MAX - 2;
    assert_eq!(send(&mut outbox, batch(0, 5, now())), (0, i32::MAX - 2));
    assert_eq!(outbox.next_sequence, 2);
}

#[test]
fn what_failed_is_sent_again_as_it_was_once_all_is_known() {
    let mut outbox = in_flight(3);
    assert_eq!(judge(&mut outbox, 1, Verdict::Again(refused(6))), []);
    assert!(!outbox.may_send(now()) && outbox.waiting().is_none(), "not all is known");
    judge(&mut outbox, 2, Verdict::NewEpoch(refused(45)));
    judge(&mut outbox, 3, Verdict::NewEpoch(refused(45)));
    assert_eq!(outbox.waiting().map(|batch| batch.serial), Some(1));
    let again: Vec<_> = (0..3).map(|_| send_waiting(&mut outbox)).collect();
    assert_eq!(again, [(1, (0, 10)), (2, (0, 20)), (3, (0, 30))]);
}

#[test]
fn a_gap_before_the_first_begins_a_new_epoch() {
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, Verdict::NewEpoch(refused(45)));
    judge(&mut outbox, 2, Verdict::NewEpoch(refused(45)));
    assert_eq!(send_waiting(&mut outbox), (1, (1, 0)));
    assert!(!outbox.may_send(now()), "the first of an epoch goes alone");
    judge(&mut outbox, 1, Verdict::Written(None));
    assert_eq!(send_waiting(&mut outbox), (2, (1, 10)));
}

#[test]
fn a_batch_that_is_refused_for_good_leaves_a_gap_for_those_behind_it_only() {
    let mut outbox = in_flight(3);
    judge(&mut outbox, 1, Verdict::Again(refused(19)));
    judge(&mut outbox, 2, Verdict::Fail(refused(10)));
    assert_eq!(judge(&mut outbox, 3, Verdict::NewEpoch(refused(45))), [(2, false)]);
    assert_eq!(send_waiting(&mut outbox), (1, (0, 10)));
    assert!(!outbox.may_send(now()), "the next epoch waits for the last one");
    judge(&mut outbox, 1, Verdict::Written(None));
    assert_eq!(send_waiting(&mut outbox), (3, (1, 0)));
}

#[test]
fn what_may_have_been_written_keeps_its_number_behind_what_is_missing_until_the_broker_denies_it() {
    let mut outbox = in_flight(3);
    judge(&mut outbox, 1, Verdict::Fail(refused(87)));
    judge(&mut outbox, 2, lost());
    assert_eq!(judge(&mut outbox, 3, out_of_order()), [(1, false)]);
    assert_eq!(send_waiting(&mut outbox), (2, (0, 20)));
    assert!(!outbox.may_send(now()), "no epoch begins before");
    assert_eq!(judge(&mut outbox, 2, out_of_order()), []);
    assert_eq!(send_waiting(&mut outbox), (2, (1, 0)));
    assert_eq!(judge(&mut outbox, 2, at(10)), [(2, true)]);
    assert_eq!(send_waiting(&mut outbox), (3, (1, 10)));
}

#[test]
fn what_was_there_behind_a_batch_that_failed_is_not_written_again() {
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, Verdict::Fail(refused(-1).possibly_written_if(true)));
    judge(&mut outbox, 2, lost());
    assert_eq!(send_waiting(&mut outbox), (2, (0, 20)));
    assert_eq!(judge(&mut outbox, 2, at(20)), [(2, true)]);
    assert_eq!(send(&mut outbox, batch(3, 1, now())), (1, 0));
}

#[test]
fn a_later_batch_that_was_taken_proves_the_one_whose_answer_was_lost() {
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, lost());
    assert_eq!(judge(&mut outbox, 2, at(20)), [(1, true), (2, true)]);
    assert!(outbox.is_idle());
}

#[test]
fn an_answer_that_does_not_come_although_later_batches_were_taken_means_written() {
    for late in [lost(), Verdict::Again(refused(7).possibly_written_if(true))] {
        let mut outbox = in_flight(5);
        for serial in 2..=5 {
            assert_eq!(judge(&mut outbox, serial, at(i64::try_from(serial).unwrap() * 10)), [(serial, true)]);
        }
        assert_eq!(judge(&mut outbox, 1, late), [(1, true)]);
        assert!(outbox.is_idle() && outbox.may_send(now()));
    }
}

#[test]
fn a_log_without_room_for_a_batch_proves_nothing() {
    // The topic was made anew between the two.
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, lost());
    assert_eq!(judge(&mut outbox, 2, at(0)), [(2, true)]);
    assert_eq!(send_waiting(&mut outbox), (1, (0, 10)));
}

#[test]
fn at_most_five_batches_are_unresolved_whatever_was_answered_behind_them() {
    let mut outbox = in_flight(5);
    assert!(!outbox.may_send(now()));
    judge(&mut outbox, 2, at(20));
    judge(&mut outbox, 3, at(30));
    for serial in [6, 7] {
        assert!(outbox.may_send(now()));
        send(&mut outbox, batch(serial, 10, now()));
    }
    assert!(!outbox.may_send(now()));
}

#[test]
fn a_new_leader_gets_at_once_what_the_old_one_did_not_answer_and_its_late_answer_counts_no_more() {
    let mut outbox = outbox();
    outbox.follow_leader(Some(BrokerId(1)), now());
    send(&mut outbox, batch(0, 10, now()));
    judge(&mut outbox, 0, at(0));
    for serial in [1, 2] {
        send(&mut outbox, batch(serial, 10, now()));
    }
    let old = attempt(&outbox, 1);
    assert_eq!(fates(outbox.follow_leader(None, now())), []);
    assert!(outbox.waiting().is_none(), "nobody else leads");
    assert_eq!(fates(outbox.follow_leader(Some(BrokerId(2)), now())), []);
    assert_eq!(send_waiting(&mut outbox), (1, (0, 10)));
    assert!(!outbox.may_send(now()), "this leader may know nothing of the producer");
    // The record is there: the new leader knows it by its number.
    assert_eq!(judge(&mut outbox, 1, at(10)), [(1, true)]);
    assert_eq!(send_waiting(&mut outbox), (2, (0, 20)));
    judge(&mut outbox, 2, at(20));
    for serial in 3..13 {
        assert_eq!(send(&mut outbox, batch(serial, 10, now())).0, 0);
        judge(&mut outbox, serial, at(i64::try_from(serial).unwrap() * 10));
    }
    assert_eq!(fates(outbox.on_verdict(old, lost(), now(), |_| Duration::ZERO)), []);
    assert!(outbox.is_idle());
}

#[test]
fn what_fails_at_a_new_leader_waits_and_what_failed_at_the_old_one_does_not() {
    let mut outbox = in_flight(1);
    let minute = |_| Duration::from_secs(60);
    let sent = attempt(&outbox, 1);
    outbox.on_verdict(sent, lost(), now(), minute);
    assert!(!outbox.may_send(now()));
    outbox.follow_leader(Some(BrokerId(2)), now());
    assert!(outbox.may_send(now()));
    for _ in 0..9 {
        send_waiting(&mut outbox);
        let sent = attempt(&outbox, 1);
        outbox.on_verdict(sent, lost(), now(), minute);
    }
    outbox.follow_leader(Some(BrokerId(3)), now());
    assert!(!outbox.may_send(now()), "leaders that move all the time are no reason to send all the time");
    assert!(outbox.may_send(now() + Duration::from_secs(1)));
}

/// Sends all that waits and has the broker refuse it, round after round.
fn insist(outbox: &mut Outbox, batches: &[(u64, i32)]) {
    for _ in 0..4 {
        for &(serial, sequence) in batches {
            assert_eq!(send_waiting(outbox), (serial, (0, sequence)));
        }
        assert!(outbox.waiting().is_none());
        for &(serial, _) in batches {
            assert_eq!(judge(outbox, serial, out_of_order()), []);
        }
    }
}

#[test]
fn a_log_that_lost_what_was_acknowledged_gets_what_it_shows_not_to_have_under_other_numbers() {
    // After an unclean election the broker expects an older number.
    let mut outbox = in_flight(3);
    judge(&mut outbox, 1, lost());
    judge(&mut outbox, 2, out_of_order());
    assert_eq!(judge(&mut outbox, 3, out_of_order()), []);
    insist(&mut outbox, &[(1, 10), (2, 20), (3, 30)]);
    assert_eq!(send_waiting(&mut outbox), (1, (1, 0)));
    // If it fails after all, the log that is gone may have had it.
    let sent = attempt(&outbox, 1);
    let resolved = outbox.on_verdict(sent, Verdict::Fail(refused(29)), now(), |_| Duration::ZERO);
    assert!(resolved[0].outcome.as_ref().is_err_and(Error::possibly_written));
    assert_eq!(send_waiting(&mut outbox), (2, (2, 0)));
    judge(&mut outbox, 2, at(0));
    assert_eq!(send_waiting(&mut outbox), (3, (2, 10)));
}

#[test]
fn what_a_batch_that_was_given_up_may_hide_fails_as_possibly_written() {
    // A broker that was started again knows the second alone, if it has both.
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, lost());
    assert_eq!(judge(&mut outbox, 2, Verdict::Fail(refused(-1).possibly_written_if(true))), [(2, false)]);
    for _ in 0..3 {
        assert_eq!(send_waiting(&mut outbox), (1, (0, 10)));
        assert_eq!(judge(&mut outbox, 1, out_of_order()), []);
    }
    send_waiting(&mut outbox);
    let sent = attempt(&outbox, 1);
    let resolved = outbox.on_verdict(sent, out_of_order(), now(), |_| Duration::ZERO);
    assert!(resolved[0].outcome.as_ref().is_err_and(Error::possibly_written));
    assert_eq!(send(&mut outbox, batch(3, 1, now())), (1, 0));
}

#[test]
fn what_is_refused_for_its_records_hides_nothing_before_it() {
    let mut outbox = in_flight(3);
    (1..=3).for_each(|serial| drop(judge(&mut outbox, serial, lost())));
    assert_eq!(send_waiting(&mut outbox).0, 1);
    assert_eq!(judge(&mut outbox, 1, Verdict::Fail(refused(87))), [(1, false)]);
    assert_eq!(send_waiting(&mut outbox), (2, (0, 20)));
    judge(&mut outbox, 2, out_of_order());
    assert_eq!((send_waiting(&mut outbox).0, send_waiting(&mut outbox).0), (2, 3));
    judge(&mut outbox, 2, out_of_order());
    assert_eq!(judge(&mut outbox, 3, Verdict::Fail(refused(87))), [(3, false)]);
    assert_eq!(send_waiting(&mut outbox), (2, (1, 0)));
}

#[test]
fn a_broker_that_remembers_the_last_batch_alone_proves_the_others_by_it() {
    // One that was started again remembers no more.
    let mut outbox = in_flight(2);
    judge(&mut outbox, 1, lost());
    judge(&mut outbox, 2, lost());
    assert_eq!(send_waiting(&mut outbox), (1, (0, 10)));
    assert!(!outbox.may_send(now()), "until it is known that numbers are checked");
    assert_eq!(judge(&mut outbox, 1, out_of_order()), []);
    for (serial, sequence) in [(1, 10), (2, 20)] {
        assert!(outbox.may_send(now()));
        assert_eq!(send_waiting(&mut outbox), (serial, (0, sequence)));
    }
    judge(&mut outbox, 1, out_of_order());
    assert_eq!(judge(&mut outbox, 2, at(20)), [(1, true), (2, true)]);
}

#[test]
fn a_fresh_epoch_that_is_refused_is_followed_by_another_and_ends_by_its_timeout() {
    let start = now();
    let mut outbox = outbox();
    send(&mut outbox, batch(0, 10, start));
    for epoch in 1..20 {
        judge(&mut outbox, 0, out_of_order());
        assert_eq!(send_waiting(&mut outbox), (0, (epoch, 0)));
    }
    judge(&mut outbox, 0, Verdict::NewEpoch(refused(59)));
    let late = outbox.expire(start + Duration::from_secs(1));
    assert!(late[0].outcome.as_ref().is_err_and(|error| !error.possibly_written()));
    assert!(outbox.is_idle());
}

#[test]
fn what_is_not_resolved_in_time_fails_as_possibly_written_and_holds_up_nobody() {
    let (old, young) = (now(), now() + Duration::from_secs(9));
    let mut outbox = in_flight(0);
    send(&mut outbox, batch(1, 10, old));
    send(&mut outbox, batch(2, 10, young));
    judge(&mut outbox, 1, lost());
    judge(&mut outbox, 2, lost());
    let late = outbox.expire(young);
    assert_eq!(late.len(), 1);
    assert!(late[0].outcome.as_ref().is_err_and(Error::possibly_written));
    // The second may be there as well: it keeps its number.
    assert_eq!(send_waiting(&mut outbox), (2, (0, 20)));
    assert_eq!(judge(&mut outbox, 2, out_of_order()), []);
    assert_eq!(send_waiting(&mut outbox), (2, (1, 0)));
}

#[test]
fn what_is_given_up_while_the_broker_denies_it_holds_up_nobody() {
    let late: fn(&mut Outbox) -> Vec<Resolved> = |outbox| outbox.expire(now() + Duration::from_secs(1));
    let refused: fn(&mut Outbox) -> Vec<Resolved> = |outbox| {
        send_waiting(outbox);
        let sent = attempt(outbox, 1);
        outbox.on_verdict(sent, Verdict::Fail(refused(29)), now(), |_| Duration::ZERO)
    };
    for give_up in [late, refused] {
        let mut outbox = in_flight(1);
        judge(&mut outbox, 1, lost());
        send_waiting(&mut outbox);
        assert_eq!(judge(&mut outbox, 1, out_of_order()), []);
        assert!(give_up(&mut outbox)[0].outcome.as_ref().is_err_and(Error::possibly_written));
        assert!(outbox.is_idle() && outbox.may_send(now()));
        assert_eq!(send(&mut outbox, batch(2, 1, now())), (1, 0));
    }
}

#[test]
fn what_is_in_flight_when_all_is_dropped_may_be_written() {
    let mut outbox = outbox();
    let mut open = batch(0, 0, now());
    let receipt = open.push(&NewRecord::value("v"), 0, true, &Sender::first()).unwrap();
    send(&mut outbox, open);
    drop(outbox);
    let mut receipt = std::pin::pin!(receipt);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(told) = receipt.as_mut().poll(&mut context) else { panic!() };
    assert!(told.is_err_and(|error| error.possibly_written()));
}

#[test]
fn epochs_end_and_another_producer_is_needed_then() {
    let mut outbox = Outbox::new(Some(Producer { id: ID, epoch: i16::MAX }));
    send(&mut outbox, batch(0, 1, now()));
    judge(&mut outbox, 0, Verdict::NewEpoch(refused(45)));
    assert_eq!(outbox.producer, None);
    outbox.producer = Some(Producer { id: 8, epoch: 0 });
    assert_eq!(send_waiting(&mut outbox), (0, (0, 0)));
}

#[test]
fn a_producer_that_is_not_known_is_replaced() {
    let mut outbox = in_flight(1);
    judge(&mut outbox, 1, Verdict::NewProducer(refused(49)));
    assert!(outbox.producer.is_none() && !outbox.may_send(now()));
}

#[test]
fn what_is_too_old_to_wait_and_cannot_be_given_up_yet_is_found_until_it_is_told() {
    let (old, young) = (now(), now() + Duration::from_secs(9));
    let mut outbox = in_flight(0);
    send(&mut outbox, batch(1, 10, old));
    send(&mut outbox, batch(2, 10, young));
    outbox.waiting.push_back(batch(3, 10, old));
    let serials = |outbox: &mut Outbox| outbox.overdue(young).map(|batch| batch.serial).collect::<Vec<_>>();
    assert_eq!(serials(&mut outbox), [1, 3]);
    outbox.overdue(young).for_each(|batch| batch.tell(Err(refused(7))));
    assert_eq!(serials(&mut outbox), [0; 0]);
}

#[test]
fn what_is_too_old_is_given_up_and_what_is_not_begins_an_epoch() {
    let (old, young) = (now(), now() + Duration::from_secs(9));
    let mut outbox = in_flight(0);
    send(&mut outbox, batch(1, 10, old));
    send(&mut outbox, batch(2, 10, young));
    assert!(outbox.expire(young).is_empty(), "in flight");
    judge(&mut outbox, 1, Verdict::Again(refused(19)));
    judge(&mut outbox, 2, Verdict::Again(refused(45)));
    let late = outbox.expire(young);
    assert_eq!(late.len(), 1);
    let error = late[0].outcome.as_ref().unwrap_err();
    assert_eq!((error.kind(), error.possibly_written()), (ErrorKind::Timeout, false));
    assert_eq!(send_waiting(&mut outbox), (2, (1, 0)));
}

#[test]
fn a_wait_follows_each_failure() {
    let mut outbox = in_flight(1);
    let pause = |failures| Duration::from_secs(u64::from(failures));
    let sent = attempt(&outbox, 1);
    outbox.on_verdict(sent, Verdict::Again(refused(6)), now(), pause);
    assert!(!outbox.may_send(now()) && outbox.may_send(now() + Duration::from_secs(2)));
}

#[test]
fn a_batch_that_is_too_large_goes_in_parts_by_its_own_numbers_and_without_a_pause() {
    let mut outbox = outbox();
    send(&mut outbox, batch(0, 10, now()));
    judge(&mut outbox, 0, Verdict::Written(None));
    let (large, next) = (Batch::SERIALS, 2 * Batch::SERIALS);
    send(&mut outbox, batch(large, 10, now()));
    send(&mut outbox, batch(next, 10, now()));
    let at = now();
    let refusal = Verdict::TooLarge(refused(10));
    let sent = [large, next].map(|serial| attempt(&outbox, serial));
    assert!(outbox.on_verdict(sent[0], refusal, at, |_| Duration::from_secs(1)).is_empty());
    let follows = Verdict::NewEpoch(refused(45));
    assert!(outbox.on_verdict(sent[1], follows, at, |_| Duration::from_secs(1)).is_empty());
    assert!(outbox.may_send(at));
    let parts = outbox.take_parts();
    assert!(matches!(parts[..], [second] if large < second && second < next));
    for (serial, sequence) in [(large, 10), (parts[0], 15), (next, 20)] {
        assert_eq!(send_waiting(&mut outbox), (serial, (0, sequence)));
    }
    // A part goes in parts of its own, as long as there are records.
    judge(&mut outbox, large, Verdict::Written(None));
    judge(&mut outbox, next, Verdict::NewEpoch(refused(45)));
    assert_eq!(judge(&mut outbox, parts[0], Verdict::TooLarge(refused(18))), []);
    let quarter = outbox.take_parts()[0];
    for (serial, sequence) in [(parts[0], 15), (quarter, 18), (next, 20)] {
        assert_eq!(send_waiting(&mut outbox), (serial, (0, sequence)));
    }
}

#[test]
fn a_record_that_is_too_large_fails_alone_and_the_next_begins_an_epoch() {
    let mut outbox = in_flight(0);
    send(&mut outbox, batch(1, 1, now()));
    send(&mut outbox, batch(2, 5, now()));
    judge(&mut outbox, 2, Verdict::NewEpoch(refused(45)));
    assert_eq!(judge(&mut outbox, 1, Verdict::TooLarge(refused(10))), [(1, false)]);
    assert_eq!(send_waiting(&mut outbox), (2, (1, 0)));
}

#[test]
fn a_partition_that_is_gone_gives_what_it_has_and_a_late_answer_is_about_nothing() {
    let mut outbox = in_flight(2);
    let late = attempt(&outbox, 1);
    let given = outbox.end_log(&refused(3).not_written());
    assert!(given.iter().all(|one| one.outcome.as_ref().is_err_and(Error::possibly_written)));
    assert_eq!(fates(given), [(1, false), (2, false)]);
    assert!(outbox.is_idle());
    // The topic grows again.
    send(&mut outbox, batch(3, 10, now()));
    assert!(outbox.on_verdict(late, at(10), now(), |_| Duration::ZERO).is_empty());
    assert_eq!(judge(&mut outbox, 3, at(0)), [(3, true)]);
}
