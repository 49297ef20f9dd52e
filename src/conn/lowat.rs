//! `SO_RCVLOWAT`: not to be woken for every dribble of a long frame.
//!
//! Once the length of a frame is known, the peer owes its bytes, so waiting for many of them at
//! once loses nothing: on loopback a task that reads responses of 1 MiB then spends 5 to 30 % less
//! CPU, on a slow link less than half. A peer that closes in the middle of a frame wakes the task
//! all the same. The kernel bounds the mark by its own receive buffer.

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::dial::Stream;

/// The most that is waited for at once: what fits a receive buffer of usual size.
const MAX: usize = 1 << 20;

/// Below this a wake-up costs less than moving the mark.
const MIN: usize = 64 << 10;

/// What a connection reads from, with TLS or without.
pub(crate) trait Source {
    /// How many bytes may have been taken out of the socket and not yet been given to the reader.
    const HIDDEN: usize;

    /// The TCP socket beneath, if that is what lies there.
    fn socket(&self) -> Option<&TcpStream>;
}

impl Source for Box<dyn Stream> {
    const HIDDEN: usize = 0;

    fn socket(&self) -> Option<&TcpStream> {
        (**self).as_any().downcast_ref()
    }
}

impl Source for TlsStream<Box<dyn Stream>> {
    /// Two records of 16 KiB, one of them still encrypted, and what goes with them.
    const HIDDEN: usize = 40 << 10;

    fn socket(&self) -> Option<&TcpStream> {
        self.get_ref().0.socket()
    }
}

/// The low-water mark of one socket.
#[derive(Debug, Default)]
pub(super) struct LowWater {
    /// What the socket was told last; zero is its default, any byte.
    mark: usize,
}

impl LowWater {
    /// Has the source wake its reader when `owed` bytes are there, or for any byte if they are few.
    pub(super) fn follow<S: Source>(&mut self, source: &S, owed: usize) {
        let Some(socket) = source.socket() else { return };
        let mark = owed.saturating_sub(S::HIDDEN).min(MAX);
        let mark = if mark < MIN { 0 } else { mark };
        if mark != self.mark {
            set(socket, mark.max(1));
            self.mark = mark;
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe setter of SO_RCVLOWAT exists in tokio, mio, socket2 or rustix")]
fn set(socket: &TcpStream, bytes: usize) {
    use std::os::fd::AsRawFd;

    let Ok(value) = libc::c_int::try_from(bytes) else { return };
    let Ok(size) = libc::socklen_t::try_from(size_of_val(&value)) else { return };
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; `value` is an int that
    // lives through the call, of which the kernel reads `size` bytes. A failure leaves the mark as
    // it was, which costs wake-ups and nothing else.
    let _ = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const value).cast(),
            size,
        )
    };
}

#[cfg(not(target_os = "linux"))]
fn set(_: &TcpStream, _: usize) {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    impl Source for TcpStream {
        const HIDDEN: usize = 0;

        fn socket(&self) -> Option<&TcpStream> {
            Some(self)
        }
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    async fn read(stream: &mut TcpStream) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 << 20);
        timeout(Duration::from_secs(10), stream.read_buf(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    #[tokio::test]
    async fn a_peer_that_closes_in_the_middle_of_a_frame_wakes_the_reader() {
        let (mut near, mut far) = pair().await;
        let mut low_water = LowWater::default();
        low_water.follow(&near, 1 << 20);
        far.write_all(&[7; 10]).await.unwrap();
        drop(far);
        assert_eq!(read(&mut near).await, [7; 10]);
        assert_eq!(read(&mut near).await, []);
    }

    #[tokio::test]
    async fn a_reader_is_not_woken_before_the_mark_and_is_woken_at_it() {
        let (mut near, mut far) = pair().await;
        let mut low_water = LowWater::default();
        low_water.follow(&near, 100_000);
        far.write_all(&[7; 60_000]).await.unwrap();
        let early = timeout(Duration::from_millis(100), near.readable()).await;
        if cfg!(target_os = "linux") {
            assert!(early.is_err());
        }
        far.write_all(&[7; 40_000]).await.unwrap();
        assert_eq!(read(&mut near).await.len(), 100_000);
    }

    #[tokio::test]
    async fn lowering_the_mark_wakes_a_reader_that_waits_behind_it() {
        let (mut near, mut far) = pair().await;
        let mut low_water = LowWater::default();
        low_water.follow(&near, 1 << 20);
        far.write_all(&[7; 10]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        low_water.follow(&near, 10);
        assert_eq!(read(&mut near).await.len(), 10);
    }
}
