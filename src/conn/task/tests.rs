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
fn task(commands: mpsc::Receiver<Command>) -> (Task<Box<dyn Stream>>, DuplexStream) {
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
        commands,
        logins,
        counters: Arc::default(),
        mute: Mute::new(),
        opened: oneshot::channel().0,
        idle_after: SECOND,
    });
    (task, broker)
}

type Answer = oneshot::Receiver<Result<Bytes, Failure>>;

fn command() -> (Command, Answer) {
    let request = codec::encode(&MetadataRequest { topics: Some(vec![]) }, 8, "c").unwrap();
    let (reply, answer) = oneshot::channel();
    (Command::Submit { request, deadline: time::now() + 3600 * SECOND, reply }, answer)
}

fn submit(task: &mut Task<Box<dyn Stream>>) -> Answer {
    let (command, answer) = command();
    task.handle_command(Some(command)).unwrap();
    answer
}

#[tokio::test]
async fn what_nobody_took_is_sent_back_unwritten_when_a_connection_is_given_up() {
    let (commands, receiver) = mpsc::channel(8);
    let (mut task, _broker) = task(receiver);
    let mut in_session = submit(&mut task);
    let (queued, mut in_queue) = command();
    commands.send(queued).await.unwrap();
    task.handle_command(None).unwrap();
    assert_eq!(in_queue.try_recv().unwrap().unwrap_err(), Failure::not_written(Error::Retired));
    assert!(in_session.try_recv().is_err(), "what was taken is still to be answered");
    assert!(commands.send(command().0).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_dropped_do_not_pile_up_behind_one_that_waits() {
    let (mut task, _broker) = task(mpsc::channel(1).1);
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
