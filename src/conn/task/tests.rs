use tokio::io::DuplexStream;

use super::*;
use crate::conn::credentials::Credentials;
use crate::conn::dial::Stream;
use crate::conn::keys::Keys;
use crate::conn::session::Settings;
use crate::wire::codec;
use crate::wire::codec::metadata::MetadataRequest;
use crate::wire::pool::BufferPool;

const SECOND: Duration = Duration::from_secs(1);

/// A task whose broker has said nothing yet, so that all requests wait for their turn.
fn task() -> (Task<Box<dyn Stream>>, DuplexStream) {
    let (stream, broker) = tokio::io::duplex(1024);
    let settings = Settings { client_id: "c".into(), max_frame: 1 << 20 };
    let logins = Logins {
        credentials: Credentials::None,
        host: "b1".into(),
        port: 9092,
        keys: Arc::new(Keys::new()),
        limit: SECOND,
        mechanism: None,
        used: None,
    };
    let task = Task::new(Parts {
        stream: Box::new(stream) as Box<dyn Stream>,
        session: Session::new(settings, time::now() + SECOND).unwrap(),
        reader: FrameReader::new(BufferPool::default()),
        commands: mpsc::channel(1).1,
        logins,
        counters: Arc::default(),
        opened: oneshot::channel().0,
        idle_after: SECOND,
    });
    (task, broker)
}

fn submit(task: &mut Task<Box<dyn Stream>>) -> oneshot::Receiver<Result<Bytes, Failure>> {
    let request = codec::encode(&MetadataRequest { topics: Some(vec![]) }, 8, "c").unwrap();
    let (reply, answer) = oneshot::channel();
    let command = Command::Submit { request, deadline: time::now() + 3600 * SECOND, reply };
    task.handle_command(Some(command)).unwrap();
    answer
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_dropped_do_not_pile_up_behind_one_that_waits() {
    let (mut task, _broker) = task();
    let first = submit(&mut task);
    for _ in 0..10_000 {
        drop(submit(&mut task));
        assert!(task.session.load() <= 64 && task.replies.len() <= 64, "{}", task.session.load());
    }
    let waiting: Vec<_> = (0..1_000).map(|_| submit(&mut task)).collect();
    task.forget_gone();
    assert_eq!((task.session.load(), task.replies.len()), (1_001, 1_001), "somebody waits for each");
    drop((first, waiting));
}
