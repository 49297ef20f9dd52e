use super::*;
use crate::conn::credentials::Credentials;
use crate::conn::dial::Stream;
use crate::conn::keys::Keys;
use crate::conn::session::Settings;
use crate::wire::codec;
use crate::wire::codec::metadata::MetadataRequest;
use crate::wire::pool::BufferPool;

#[tokio::test]
async fn what_nobody_took_is_sent_back_unwritten_when_a_connection_is_given_up() {
    let (stream, _peer) = tokio::io::duplex(1 << 10);
    let ((commands, receiver), (opened, _)) = (mpsc::channel(8), oneshot::channel());
    let now = time::now();
    let settings = Settings { client_id: "c".into(), max_frame: 1 << 20 };
    let mut task = Task::new(Parts {
        stream: Box::new(stream) as Box<dyn Stream>,
        session: Session::new(settings, now + Duration::from_secs(60)).unwrap(),
        reader: FrameReader::new(BufferPool::default()),
        commands: receiver,
        logins: Logins {
            credentials: Credentials::None,
            host: "b1".into(),
            port: 1,
            keys: Arc::new(Keys::new()),
            limit: Duration::from_secs(60),
            mechanism: None,
            used: None,
        },
        counters: Arc::default(),
        mute: Mute::new(),
        opened,
        idle_after: Duration::from_secs(60),
    });
    let submit = || {
        let request = codec::encode(&MetadataRequest { topics: None }, 8, "c").unwrap();
        let (reply, outcome) = oneshot::channel();
        (Command::Submit { request, deadline: now + Duration::from_secs(60), reply }, outcome)
    };
    let ((taken, mut in_session), (queued, mut in_queue)) = (submit(), submit());
    task.handle_command(Some(taken)).unwrap();
    commands.send(queued).await.unwrap();
    task.handle_command(None).unwrap();
    assert_eq!(in_queue.try_recv().unwrap().unwrap_err(), Failure::not_written(Error::Retired));
    assert!(in_session.try_recv().is_err(), "what was taken is still to be answered");
    assert!(commands.send(submit().0).await.is_err());
}
