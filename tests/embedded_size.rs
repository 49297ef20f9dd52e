//! What an embedded broker takes beside the data that it holds.
#![allow(clippy::unwrap_used, reason = "tests")]

use ottla_testkit::{Cluster, Record};

const BATCHES: usize = 400;
const RECORDS: usize = 500;
const VALUE: usize = 100;

#[test]
fn a_log_takes_its_data_and_a_fifth_at_most() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let records = vec![Record::value(vec![b'x'; VALUE]); RECORDS];
    let mut held = None;
    let memory = allocation_counter::measure(|| {
        let cluster = Cluster::builder().brokers(3).start_in_memory().unwrap();
        cluster.create_topic("t", 4, 3).unwrap();
        for n in 0..BATCHES {
            cluster.write("t", i32::try_from(n % 4).unwrap(), &records).unwrap();
        }
        held = Some(cluster);
    });
    let data = i64::try_from(BATCHES * RECORDS * VALUE).unwrap();
    println!("{} bytes for {data} bytes of values", memory.bytes_current);
    assert!(memory.bytes_current < data * 12 / 10, "{} for {data}", memory.bytes_current);
    drop(held);
}
