//! Takes one request to a KDC of its realm: which KDC, over what, for how long.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::Connect;
use crate::conf::Krb5Conf;
use crate::entropy;
use crate::error::{ErrorCode, Fault};
use crate::exchange::KdcRequest;
use crate::locate::{self, KdcAddress, ResolveSrv};
use crate::messages::KrbError;
use crate::principal::Realm;

/// The longest reply that is read: 1 MiB.
const MAX_REPLY: u32 = 1 << 20;

/// For how long KDCs are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one KDC until the next is asked. Default 3 s.
    pub per_kdc: Duration,
    /// For all KDCs of a realm together. Default 15 s.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { per_kdc: Duration::from_secs(3), total: Duration::from_secs(15) }
    }
}

pub(super) struct Transport {
    pub(super) conf: Arc<Krb5Conf>,
    pub(super) connect: Arc<dyn Connect>,
    pub(super) resolver: Option<Arc<dyn ResolveSrv>>,
    pub(super) timeouts: Timeouts,
    /// The KDC of each realm that answered last: an exchange of several requests stays with it.
    pub(super) answered: HashMap<Realm, KdcAddress>,
}

/// A reply and who gave it.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) kdc: KdcAddress,
}

impl Transport {
    /// Asks the KDCs of the realm, that which answered last first, until one answers.
    pub(super) async fn exchange(
        &mut self,
        request: &KdcRequest,
        avoid: Option<&KdcAddress>,
    ) -> Result<Answer, Fault> {
        let kdcs = self.candidates(&request.realm, avoid).await?;
        let until = deadline(self.timeouts.total);
        let (mut unavailable, mut last) = (None, io::ErrorKind::TimedOut);
        for kdc in kdcs {
            let attempt = timeout(self.timeouts.per_kdc, self.ask(&kdc, &request.bytes));
            match timeout_at(until, attempt).await {
                Ok(Ok(Ok(bytes))) if code_of(&bytes) == Some(ErrorCode::SVC_UNAVAILABLE) => {
                    unavailable = Some(Answer { bytes, kdc });
                    continue;
                }
                Ok(Ok(Ok(bytes))) => {
                    self.answered.insert(request.realm.clone(), kdc.clone());
                    return Ok(Answer { bytes, kdc });
                }
                Ok(Ok(Err(error))) => last = error.kind(),
                Ok(Err(_)) => last = io::ErrorKind::TimedOut,
                Err(_) => break,
            }
            tracing::debug!(%kdc, realm = %request.realm, error = %last, "the KDC does not answer");
        }
        unavailable.ok_or_else(|| Fault::Unreachable(request.realm.clone(), last))
    }

    /// Tells whether the realm has a KDC other than this one.
    pub(super) async fn has_other(&self, realm: &Realm, kdc: &KdcAddress) -> bool {
        self.candidates(realm, Some(kdc)).await.is_ok_and(|others| others.iter().any(|other| other != kdc))
    }

    async fn candidates(&self, realm: &Realm, avoid: Option<&KdcAddress>) -> Result<Vec<KdcAddress>, Fault> {
        let random = || entropy::random_u32().unwrap_or(0);
        let found = locate::kdcs(&self.conf, realm, self.resolver.as_deref(), random).await;
        let mut kdcs = found.map_err(|error| Fault::NoKdc(Box::new(error)))?;
        let answered = self.answered.get(realm);
        kdcs.sort_by_key(|kdc| (Some(kdc) == avoid, Some(kdc) != answered));
        Ok(kdcs)
    }

    async fn ask(&self, kdc: &KdcAddress, request: &[u8]) -> io::Result<Vec<u8>> {
        let limit = usize::try_from(self.conf.libdefaults.udp_preference_limit).unwrap_or(usize::MAX);
        // A limit of 1 or 0 means TCP; no request is that short.
        let by_datagram = match kdc.transport {
            locate::Transport::Tcp => false,
            locate::Transport::Udp => true,
            locate::Transport::TcpOrUdp => request.len() <= limit,
        };
        if by_datagram {
            match self.by_udp(kdc, request).await {
                Ok(bytes) if code_of(&bytes) != Some(ErrorCode::RESPONSE_TOO_BIG) => return Ok(bytes),
                Err(error) if kdc.transport == locate::Transport::Udp => return Err(error),
                _ => {}
            }
        }
        self.by_tcp(kdc, request).await
    }

    /// Gives a lost datagram less time than the KDC has in all, so that TCP still has its turn.
    async fn by_udp(&self, kdc: &KdcAddress, request: &[u8]) -> io::Result<Vec<u8>> {
        let answer = self.connect.datagram(&kdc.host, kdc.port, request);
        timeout(self.timeouts.per_kdc / 3, answer).await?
    }

    /// One request for each connection, with its length in front (RFC 4120 section 7.2.2).
    async fn by_tcp(&self, kdc: &KdcAddress, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = self.connect.connect(&kdc.host, kdc.port).await?;
        let length = u32::try_from(request.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes()[..], request].concat()).await?;
        stream.flush().await?;
        let mut length = [0; 4];
        stream.read_exact(&mut length).await?;
        let length = u32::from_be_bytes(length);
        if length > MAX_REPLY {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // The buffer grows with what arrives, not with what is announced.
        let mut reply = Vec::new();
        stream.take(u64::from(length)).read_to_end(&mut reply).await?;
        if u32::try_from(reply.len()).is_ok_and(|got| got == length) {
            Ok(reply)
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

fn code_of(reply: &[u8]) -> Option<ErrorCode> {
    if KrbError::is_message(reply) {
        KrbError::parse(reply).ok().map(|error| ErrorCode(error.code))
    } else {
        None
    }
}

#[expect(clippy::disallowed_methods, reason = "tokio's timers need a point of tokio's clock")]
fn deadline(within: Duration) -> Instant {
    Instant::now() + within
}
