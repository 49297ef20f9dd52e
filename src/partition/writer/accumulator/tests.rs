use super::memory::{FIRST_BYTES, Memory};
use super::*;
use crate::partition::writer::sender::Sender;
use crate::time::now;

const KIB: usize = 1 << 10;

fn accumulator(memory: usize, partitions: usize) -> Accumulator {
    let options = WriteOptions::new().with_memory(memory).with_batch_bytes(16 * KIB);
    let mut accumulator = Accumulator::new(&options);
    accumulator.topic(&"t".into(), partitions, 1);
    accumulator
}

fn push(accumulator: &mut Accumulator, value: &[u8], partition: i32) -> Pushed {
    let arrival = Arrival { topic: 0, timestamp: 0, now, wants_receipt: false, sender: &Sender::first() };
    accumulator.push(&NewRecord::value(value).with_partition(partition), arrival).unwrap()
}

fn take(accumulator: &mut Accumulator) -> Vec<Batch> {
    let mut taken = Vec::new();
    accumulator.take_ready(|_| true, &mut taken);
    taken
}

#[test]
fn a_full_batch_is_ready_and_a_young_one_lingers() {
    let mut accumulator = accumulator(1 << 20, 2);
    for _ in 0..20 {
        push(&mut accumulator, &[0; KIB], 0);
    }
    accumulator.mark_due(now());
    let ready = take(&mut accumulator);
    assert_eq!((ready.len(), ready[0].count()), (1, 15));
    accumulator.mark_due(now() + Duration::from_millis(6));
    assert_eq!(take(&mut accumulator)[0].count(), 5);
    assert_eq!(accumulator.next_due(), None);
}

#[test]
fn memory_is_what_buffers_hold_and_free_when_batches_are_resolved() {
    let mut accumulator = accumulator(64 * KIB, 8);
    for partition in 0..3 {
        for _ in 0..15 {
            assert!(matches!(push(&mut accumulator, &[0; KIB], partition), Pushed::Taken { .. }));
        }
    }
    assert_eq!(accumulator.memory.used, 3 * (16 * KIB + Batch::COST));
    assert!(matches!(push(&mut accumulator, &[0; 15 * KIB], 4), Pushed::Full { .. }));
    assert!(matches!(push(&mut accumulator, b"v", 5), Pushed::Taken { .. }), "a small one has room");
    accumulator.starving = 1;
    accumulator.mark_due(now());
    let mut ready = take(&mut accumulator);
    assert_eq!(ready.len(), 4, "nothing lingers while somebody waits");
    let batch = ready.remove(0);
    accumulator.finish(batch.serial, batch.charge, None);
    assert!(matches!(push(&mut accumulator, &[0; 15 * KIB], 4), Pushed::Taken { .. }));
}

#[test]
fn a_batch_may_be_as_large_as_the_memory() {
    let mut accumulator = accumulator(16 * KIB, 1);
    for _ in 0..5 {
        while matches!(push(&mut accumulator, &[0; KIB], 0), Pushed::Taken { .. }) {}
        accumulator.starving = 1;
        accumulator.mark_due(now());
        accumulator.starving = 0;
        let ready = take(&mut accumulator);
        assert!(ready.iter().map(Batch::count).sum::<i32>() >= 7, "{ready:?}");
        ready.iter().for_each(|batch| accumulator.finish(batch.serial, batch.charge, None));
    }
}

#[test]
fn a_few_records_of_many_partitions_take_little_memory() {
    let mut accumulator = accumulator(1 << 20, 512);
    for _ in 0..8 {
        for partition in 0..512 {
            assert!(matches!(push(&mut accumulator, &[0; 20], partition), Pushed::Taken { .. }));
        }
    }
    assert_eq!(accumulator.memory.used, 512 * (FIRST_BYTES + Batch::COST));
}

#[test]
fn a_batch_that_cannot_go_takes_records_until_it_is_full() {
    let mut accumulator = accumulator(1 << 20, 1);
    push(&mut accumulator, b"v", 0);
    for _ in 0..10 {
        accumulator.mark_due(now() + Duration::from_secs(1));
        assert_eq!(accumulator.ready().count(), 1);
        accumulator.take_ready(|_| false, &mut Vec::new());
        push(&mut accumulator, b"v", 0);
    }
    for _ in 0..20 {
        push(&mut accumulator, &[0; KIB], 0);
    }
    let counts =
        |accumulator: &mut Accumulator| take(accumulator).iter().map(Batch::count).collect::<Vec<_>>();
    assert_eq!(counts(&mut accumulator), [26]);
    assert!(counts(&mut accumulator).is_empty(), "the second is not due");
    accumulator.mark_due(now() + Duration::from_secs(1));
    assert_eq!(counts(&mut accumulator), [5]);
}

#[test]
fn what_waits_for_long_takes_no_more_and_is_found_when_it_is_late() {
    let mut accumulator = accumulator(1 << 20, 1);
    push(&mut accumulator, b"v", 0);
    let later = now() + Duration::from_secs(1);
    accumulator.mark_due(later);
    accumulator.close_before(later);
    push(&mut accumulator, b"v", 0);
    for _ in 0..50 {
        push(&mut accumulator, &[0; 15 * KIB], 0);
    }
    accumulator.mark_due(later + Duration::from_secs(1));
    assert_eq!(accumulator.take_late(now() + Duration::from_secs(9)).len(), 51);
    assert!(accumulator.ready().next().is_none());
}

#[test]
fn buffers_that_are_spare_give_way_to_what_is_needed() {
    let mut accumulator = accumulator(64 * KIB, 8);
    for _ in 0..3 {
        accumulator.give_back(Vec::with_capacity(16 * KIB));
    }
    for partition in 0..3 {
        assert!(matches!(push(&mut accumulator, &[0; 15 * KIB], partition), Pushed::Taken { .. }));
    }
    assert!(accumulator.memory.held() <= 64 * KIB);
}

#[test]
fn spare_buffers_are_for_batches_that_grow_large_and_are_kept_while_there_is_memory() {
    let mut memory = Memory::new(40 * KIB, 16 * KIB);
    for held in [16, 32, 32] {
        memory.give_back(Vec::with_capacity(16 * KIB));
        assert_eq!(memory.held(), held * KIB);
    }
    memory.give_back(Vec::with_capacity(8 * KIB));
    assert_eq!(memory.held(), 32 * KIB, "one that is too small");
    assert!(memory.reserve(8 * KIB) && memory.held() == 32 * KIB, "just that is free");
    assert!(memory.reserve(40 * KIB) && memory.held() == 0);
    assert!(!memory.reserve(40 * KIB + 1));
    let mut memory = Memory::new(1 << 20, 16 * KIB);
    memory.give_back(Vec::with_capacity(16 * KIB));
    assert!(memory.buffer(8 * KIB, 10).is_some() && memory.held() == 16 * KIB);
    assert!(memory.buffer(9 * KIB, 10).is_some() && memory.held() == 0);
}

#[test]
fn a_batch_that_was_packed_holds_what_its_new_buffer_takes() {
    let mut accumulator = accumulator(1 << 20, 1);
    push(&mut accumulator, b"v", 0);
    accumulator.flush();
    accumulator.mark_due(now());
    let mut batch = take(&mut accumulator).remove(0);
    batch.charge += 7;
    accumulator.memory.used += 7;
    accumulator.recharge(&mut batch);
    let holds = Batch::COST + batch.capacity();
    assert_eq!((batch.charge, accumulator.memory.used), (holds, holds));
}

#[test]
fn records_with_a_key_go_to_its_partition_however_full_that_is() {
    let mut accumulator = accumulator(1 << 20, 4);
    let mut wanted = [0; 4];
    for n in 0..100 {
        let key = [n % 10];
        let record = NewRecord::value(&[0; KIB]).with_key(&key);
        wanted[accumulator.topics()[0].choose(&record).unwrap()] += 1;
        let arrival = Arrival { topic: 0, timestamp: 0, now, wants_receipt: false, sender: &Sender::first() };
        assert!(matches!(accumulator.push(&record, arrival), Ok(Pushed::Taken { .. })));
    }
    let mut found = [0; 4];
    accumulator.take_all().iter().for_each(|batch| found[batch.place.partition] += batch.count());
    assert_eq!(found, wanted);
}

#[test]
fn nothing_waits_for_company_that_lingered_or_is_flushed_or_holds_memory_that_others_need() {
    let mut accumulator = accumulator(1 << 20, 1);
    push(&mut accumulator, b"v", 0);
    accumulator.starving = 1;
    accumulator.mark_due(now());
    let batch = take(&mut accumulator).remove(0);
    let (young, old) = (batch.opened, batch.opened + accumulator.linger);
    assert!(accumulator.is_overdue(&batch, young), "somebody waits for memory");
    accumulator.starving = 0;
    assert!(!accumulator.is_overdue(&batch, young) && accumulator.is_overdue(&batch, old));
    accumulator.flush();
    assert!(accumulator.is_overdue(&batch, young));
    push(&mut accumulator, b"v", 0);
    accumulator.mark_due(now() + Duration::from_secs(1));
    let next = take(&mut accumulator).remove(0);
    assert!(!accumulator.is_overdue(&next, next.opened), "it came after the flush");
}

#[test]
fn a_flush_is_over_when_what_was_there_is_resolved() {
    let mut accumulator = accumulator(1 << 20, 2);
    push(&mut accumulator, b"v", 0);
    let (before, _) = accumulator.flush();
    push(&mut accumulator, b"v", 1);
    accumulator.mark_due(now());
    let ready = take(&mut accumulator);
    assert_eq!((ready.len(), accumulator.is_resolved(before)), (1, false));
    accumulator.finish(ready[0].serial, ready[0].charge, None);
    assert!(accumulator.is_resolved(before) && !accumulator.is_empty());
}

#[test]
fn the_task_is_woken_once_for_what_it_does_not_wait_for_already() {
    let mut accumulator = accumulator(1 << 20, 3);
    let wakes =
        |pushed: Pushed| matches!(pushed, Pushed::Taken { wake: true, .. } | Pushed::Full { wake: true });
    accumulator.sleep(Sleep::Until { then: None, full: true });
    assert!(wakes(push(&mut accumulator, b"v", 0)), "a first record starts to linger");
    assert!(!wakes(push(&mut accumulator, b"v", 1)), "it is awake");
    accumulator.sleep(Sleep::Until { then: Some(now()), full: true });
    assert!(!wakes(push(&mut accumulator, b"v", 2)), "it looks before this one has lingered");
    let woken = (0..20).filter(|_| wakes(push(&mut accumulator, &[0; KIB], 0))).count();
    assert_eq!(woken, 1, "a batch is full");
}

#[test]
fn partitions_are_served_in_turn() {
    let mut accumulator = accumulator(1 << 20, 3);
    for partition in [0, 0, 0, 1, 2] {
        push(&mut accumulator, &[0; 15 * KIB], partition);
    }
    accumulator.flush();
    accumulator.mark_due(now());
    let of = |batches: Vec<Batch>| batches.iter().map(|batch| batch.place.partition).collect::<Vec<_>>();
    assert_eq!(of(take(&mut accumulator)), [0, 1, 2]);
    assert_eq!(of(take(&mut accumulator)), [0]);
}

#[test]
fn all_batches_can_be_taken_at_the_end() {
    let mut accumulator = accumulator(1 << 20, 3);
    for partition in [0, 0, 2] {
        push(&mut accumulator, &[0; 15 * KIB], partition);
    }
    assert_eq!(accumulator.take_all().len(), 3);
}

#[test]
fn a_topic_that_has_fewer_partitions_gives_what_waits_for_the_others() {
    let mut accumulator = accumulator(1 << 20, 5);
    for partition in 0..5 {
        push(&mut accumulator, b"v", partition);
    }
    let gone = accumulator.set_partitions(0, 3, vec![0, 2]);
    assert_eq!(gone.iter().map(|batch| batch.place.partition).collect::<Vec<_>>(), [3, 4]);
    assert_eq!(accumulator.partitions(0), 3);
    // What was opened after those that are gone lingers as before.
    accumulator.mark_due(now() + Duration::from_secs(60));
    assert_eq!(take(&mut accumulator).len(), 3);
    let topic = &accumulator.topics()[0];
    for key in 0..200_i32 {
        let key = key.to_be_bytes();
        assert!(topic.choose(&NewRecord::value("v").with_key(&key)).unwrap() < 3);
    }
    assert!(topic.choose(&NewRecord::value("v")).unwrap() < 3);
    assert_eq!(topic.choose(&NewRecord::value("v").with_partition(3)).unwrap_err().kind(), ErrorKind::Misuse);
    assert!(accumulator.set_partitions(0, 7, Vec::new()).is_empty());
    assert!(matches!(push(&mut accumulator, b"v", 6), Pushed::Taken { .. }));
}
