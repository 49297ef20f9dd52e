//! A stream whose bytes come to harm.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::network::Harm;

/// The broker's end of a stream: it reads requests and writes answers.
#[derive(Debug)]
pub(super) struct Harmed<S> {
    stream: S,
    harm: Option<Harm>,
    read: u64,
    written: u64,
    /// The client has been told that nothing more comes.
    ended: bool,
}

impl<S> Harmed<S> {
    pub(super) fn new(stream: S, harm: Option<Harm>) -> Self {
        Self { stream, harm, read: 0, written: 0, ended: false }
    }

    /// Nothing is carried any more.
    fn is_silent(&self) -> bool {
        matches!(self.harm, Some(Harm::Silence(after)) if self.written >= after)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Where a position of the stream lies among bytes of which the first has the position `from`.
fn place(position: u64, from: u64) -> Option<usize> {
    usize::try_from(position.checked_sub(from)?).ok()
}

impl<S: AsyncRead + Unpin> AsyncRead for Harmed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_silent() {
            return Poll::Pending;
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        let fresh = buf.filled_mut().get_mut(before..).unwrap_or_default();
        if let Some(Harm::FlipRequest(at)) = self.harm
            && let Some(byte) = place(at, self.read).and_then(|at| fresh.get_mut(at))
        {
            *byte ^= 1;
        }
        self.read += count(fresh.len());
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Harmed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = match this.harm {
            Some(Harm::Silence(after) | Harm::HalfClose(after)) if this.written >= after => {
                if matches!(this.harm, Some(Harm::HalfClose(_))) && !this.ended {
                    ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
                    this.ended = true;
                }
                return Poll::Ready(Ok(buf.len()));
            }
            Some(Harm::Silence(after) | Harm::HalfClose(after)) => {
                let left = place(after, this.written).unwrap_or(0);
                let carried = buf.get(..left).unwrap_or(buf);
                ready!(Pin::new(&mut this.stream).poll_write(cx, carried))?
            }
            Some(Harm::FlipAnswer(at)) if place(at, this.written).is_some_and(|at| at < buf.len()) => {
                let mut damaged = buf.to_vec();
                if let Some(byte) = place(at, this.written).and_then(|at| damaged.get_mut(at)) {
                    *byte ^= 1;
                }
                ready!(Pin::new(&mut this.stream).poll_write(cx, &damaged))?
            }
            _ => ready!(Pin::new(&mut this.stream).poll_write(cx, buf))?,
        };
        this.written += count(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_silent() || self.ended {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_silent() {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
