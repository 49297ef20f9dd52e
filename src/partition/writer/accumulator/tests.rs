use super::*;
use crate::time::now;

const KIB: usize = 1 << 10;

fn accumulator(memory: usize, partitions: usize) -> Accumulator {
    let options = WriteOptions::new().with_memory(memory).with_batch_bytes(16 * KIB);
    let mut accumulator = Accumulator::new(&options);
    accumulator.topic(&"t".into(), partitions, 1);
    accumulator
}

fn arrival() -> Arrival {
    Arrival { topic: 0, timestamp: 0, now, wants_receipt: false }
}

fn push(accumulator: &mut Accumulator, value: &[u8], partition: i32) -> Pushed {
    accumulator.push(&NewRecord::value(value).with_partition(partition), arrival()).unwrap()
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
    accumulator.close_due(now());
    let ready = take(&mut accumulator);
    assert_eq!((ready.len(), ready[0].count()), (1, 15));
    accumulator.close_due(now() + Duration::from_millis(6));
    assert_eq!(take(&mut accumulator)[0].count(), 5);
    assert_eq!(accumulator.next_due(), None);
}

#[test]
fn memory_is_taken_by_open_batches_and_free_when_they_are_resolved() {
    let mut accumulator = accumulator(64 * KIB, 8);
    for partition in 0..4 {
        assert!(matches!(push(&mut accumulator, b"v", partition), Pushed::Taken { .. }));
    }
    assert!(matches!(push(&mut accumulator, b"v", 4), Pushed::Full { .. }));
    assert!(matches!(push(&mut accumulator, b"v", 0), Pushed::Taken { .. }), "there is room in its batch");
    accumulator.starving = 1;
    accumulator.close_due(now());
    let mut ready = take(&mut accumulator);
    assert_eq!(ready.len(), 4, "nothing lingers while somebody waits");
    let batch = ready.remove(0);
    accumulator.finish(batch.serial, batch.charge, None);
    assert!(matches!(push(&mut accumulator, b"v", 4), Pushed::Taken { .. }));
    assert!(matches!(push(&mut accumulator, b"v", 5), Pushed::Full { .. }));
}

#[test]
fn a_flush_is_over_when_what_was_there_is_resolved() {
    let mut accumulator = accumulator(1 << 20, 2);
    push(&mut accumulator, b"v", 0);
    let (before, _) = accumulator.flush();
    push(&mut accumulator, b"v", 1);
    accumulator.close_due(now());
    let ready = take(&mut accumulator);
    assert_eq!((ready.len(), accumulator.is_resolved(before)), (1, false));
    accumulator.finish(ready[0].serial, ready[0].charge, None);
    assert!(accumulator.is_resolved(before) && !accumulator.is_empty());
}

#[test]
fn the_task_is_woken_once_for_what_it_does_not_wait_for_already() {
    let mut accumulator = accumulator(1 << 20, 2);
    let wakes =
        |pushed: Pushed| matches!(pushed, Pushed::Taken { wake: true, .. } | Pushed::Full { wake: true });
    accumulator.sleep(Sleep::Until { then: None, full: true });
    assert!(wakes(push(&mut accumulator, b"v", 0)), "a first record starts to linger");
    assert!(!wakes(push(&mut accumulator, b"v", 1)), "it is awake");
    accumulator.sleep(Sleep::Until { then: Some(now()), full: true });
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
    accumulator.close_due(now());
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
