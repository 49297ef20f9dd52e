//! Frames out of a stream of bytes: a length, four bytes, and as many bytes as it says.

use bytes::buf::Limit;
use bytes::{BufMut, Bytes};
use zeroize::{Zeroize, Zeroizing};

use super::error::Error;
use super::pool::{BufferPool, PooledBuf};

const PREFIX: usize = 4;

/// The least a frame holds: a correlation id.
const MIN_FRAME: usize = 4;

/// Bytes read before a frame's length is known, so that a small frame costs one read.
const READ_AHEAD: usize = 4 << 10;

/// Frames up to this length have a buffer of their own and are wiped on drop. So have longer ones that
/// hold secrets, as a list of many tokens; all others live in pooled buffers, which nobody wipes.
const MAX_OWNED: usize = 64 << 10;

/// Room made for a longer frame before its bytes arrive; from there the room doubles with what
/// has arrived, so a peer pays in sent bytes for at least half of the memory it costs.
const FIRST_STEP: usize = 2 << 20;

/// Reads frames as their bytes arrive.
///
/// Call [`poll_frame`](Self::poll_frame) until it gives `None`, then read from the socket into
/// [`spare`](Self::spare), and start again. An error is terminal.
pub(crate) struct FrameReader {
    pool: BufferPool,
    ahead: Vec<u8>,
    /// How much of `ahead` is used up.
    used: usize,
    body: Option<Body>,
}

/// A frame of known length, partly arrived.
struct Body {
    len: usize,
    buf: BodyBuf,
}

enum BodyBuf {
    Owned(Zeroizing<Vec<u8>>),
    Pooled(PooledBuf),
}

impl FrameReader {
    /// Starts at a frame's first byte. Large frames will live in buffers of `pool`.
    pub(crate) fn new(pool: BufferPool) -> Self {
        Self { pool, ahead: Vec::with_capacity(READ_AHEAD), used: 0, body: None }
    }

    /// Where the next bytes from the socket go; never zeroed first. It has room for at least one
    /// byte if [`poll_frame`](Self::poll_frame) gave `None` last, and takes no byte beyond the
    /// present frame once that frame's length is known.
    pub(crate) fn spare(&mut self) -> Limit<&mut Vec<u8>> {
        let (bytes, until) = match &mut self.body {
            Some(body) => {
                let len = body.len;
                let bytes = body.as_mut_vec();
                let until = len.min(bytes.capacity());
                (bytes, until)
            }
            None => (&mut self.ahead, READ_AHEAD),
        };
        let room = until.saturating_sub(bytes.len());
        bytes.limit(room)
    }

    /// How many bytes the peer still owes to the frame whose length is known; 0 between frames.
    pub(crate) fn owed(&self) -> usize {
        self.body.as_ref().map_or(0, Body::owed)
    }

    /// Gives the next frame, without its length prefix, once it is whole. `max` bounds the length
    /// of the frame that starts next; it is checked before room is made.
    ///
    /// # Errors
    /// [`Error::FrameLength`], and again on every later call.
    pub(crate) fn poll_frame(&mut self, max: usize) -> Result<Option<Bytes>, Error> {
        self.poll(max, false)
    }

    /// As [`poll_frame`](Self::poll_frame), where the frame that starts next holds secrets: it is wiped,
    /// however long it is.
    pub(crate) fn poll_secret_frame(&mut self, max: usize) -> Result<Option<Bytes>, Error> {
        self.poll(max, true)
    }

    fn poll(&mut self, max: usize, secret: bool) -> Result<Option<Bytes>, Error> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => match self.poll_body(max, secret)? {
                Some(body) => body,
                None => return Ok(None),
            },
        };
        if body.owed() == 0 {
            return Ok(Some(body.freeze()));
        }
        body.make_room();
        self.body = Some(body);
        Ok(None)
    }

    /// Starts a frame with what has been read ahead of it.
    fn poll_body(&mut self, max: usize, secret: bool) -> Result<Option<Body>, Error> {
        let unread = self.ahead.get(self.used..).unwrap_or_default();
        let Some((prefix, rest)) = unread.split_first_chunk::<PREFIX>() else {
            self.ahead.drain(..self.used);
            self.used = 0;
            return Ok(None);
        };
        let len = checked_length(i32::from_be_bytes(*prefix), max)?;
        let here = rest.get(..len).unwrap_or(rest);
        let mut body = Body::new(len, secret, &self.pool);
        body.as_mut_vec().extend_from_slice(here);
        let end = self.used + PREFIX + here.len();
        if let Some(used) = self.ahead.get_mut(self.used..end) {
            used.fill(0);
        }
        self.used = end;
        Ok(Some(body))
    }
}

fn checked_length(got: i32, max: usize) -> Result<usize, Error> {
    match usize::try_from(got) {
        Ok(len) if (MIN_FRAME..=max).contains(&len) => Ok(len),
        _ => Err(Error::FrameLength { got: got.into(), max }),
    }
}

impl Drop for FrameReader {
    fn drop(&mut self) {
        self.ahead.zeroize();
    }
}

impl Body {
    fn new(len: usize, secret: bool, pool: &BufferPool) -> Self {
        let buf = if secret || len <= MAX_OWNED {
            BodyBuf::Owned(Zeroizing::new(Vec::with_capacity(len.min(FIRST_STEP))))
        } else {
            BodyBuf::Pooled(pool.take(len.min(FIRST_STEP)))
        };
        Self { len, buf }
    }

    fn as_mut_vec(&mut self) -> &mut Vec<u8> {
        match &mut self.buf {
            BodyBuf::Owned(bytes) => bytes,
            BodyBuf::Pooled(bytes) => bytes.as_mut_vec(),
        }
    }

    fn owed(&self) -> usize {
        let arrived = match &self.buf {
            BodyBuf::Owned(bytes) => bytes.len(),
            BodyBuf::Pooled(bytes) => bytes.as_ref().len(),
        };
        self.len.saturating_sub(arrived)
    }

    fn make_room(&mut self) {
        let len = self.len;
        let bytes = self.as_mut_vec();
        let (arrived, capacity) = (bytes.len(), bytes.capacity());
        if arrived < capacity {
            return;
        }
        let room = len.min(2 * capacity);
        match &mut self.buf {
            BodyBuf::Pooled(buf) => buf.grow(room),
            BodyBuf::Owned(small) => {
                // One that grew by itself would leave a copy behind.
                let mut large = Zeroizing::new(Vec::with_capacity(room));
                large.extend_from_slice(small);
                *small = large;
            }
        }
    }

    fn freeze(self) -> Bytes {
        match self.buf {
            BodyBuf::Owned(bytes) => Bytes::from_owner(bytes),
            BodyBuf::Pooled(bytes) => bytes.freeze(),
        }
    }
}

#[cfg(test)]
mod tests;
