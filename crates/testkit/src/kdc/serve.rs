//! KDCs on sockets and pipes.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::Shared;

/// The longest request that is read.
const MAX_REQUEST: u32 = 1 << 20;
const MAX_DATAGRAM: usize = 65_535;

/// Takes connections to a realm's KDC until the task is aborted.
pub(super) async fn accept(shared: Arc<Shared>, realm: String, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        if stream.set_nodelay(true).is_ok() {
            tokio::spawn(converse(Arc::clone(&shared), realm.clone(), stream));
        }
    }
}

/// Answers requests with their lengths in front (RFC 4120 section 7.2.2) until the client goes.
pub(super) async fn converse<S>(shared: Arc<Shared>, realm: String, mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let length = stream.read_u32().await?;
        if length > MAX_REQUEST {
            return Ok(());
        }
        let mut request = Vec::new();
        (&mut stream).take(length.into()).read_to_end(&mut request).await?;
        if !u32::try_from(request.len()).is_ok_and(|read| read == length) {
            return Ok(());
        }
        let Some(answer) = shared.answer(&realm, &request) else { return Ok(()) };
        stream.write_u32(u32::try_from(answer.len()).unwrap_or(0)).await?;
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
}

/// Answers datagrams until the task is aborted.
pub(super) async fn exchange(shared: Arc<Shared>, realm: String, socket: UdpSocket) {
    let mut request = vec![0; MAX_DATAGRAM];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut request).await else {
            tokio::task::yield_now().await;
            continue;
        };
        let request = request.get(..length).unwrap_or_default();
        if let Some(answer) = shared.answer_datagram(&realm, request) {
            // A datagram that is lost is asked for again.
            let _ = socket.send_to(&answer, from).await;
        }
    }
}
