//! Reads frames: four bytes of length, then as many as they say.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// `socket.request.max.bytes`.
pub(super) const MAX_REQUEST: usize = 104_857_600;
/// `sasl.server.max.receive.size`, until somebody has logged in.
pub(super) const MAX_LOGIN_REQUEST: usize = 524_288;

/// Memory grows with the bytes that come, not with the length that is claimed.
const STEP: usize = 1 << 20;

/// The next frame without its length. None at the stream's end, and for a length that no broker
/// takes.
pub(super) async fn read_frame<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
    limit: usize,
) -> Option<Bytes> {
    fill(stream, buffer, 4).await?;
    let length = i32::from_be_bytes(*buffer.split_to(4).first_chunk()?);
    let length = usize::try_from(length).ok().filter(|&length| length <= limit)?;
    fill(stream, buffer, length).await?;
    Some(buffer.split_to(length).freeze())
}

async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut BytesMut, wanted: usize) -> Option<()> {
    while buffer.len() < wanted {
        buffer.reserve((wanted - buffer.len()).min(STEP));
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}
