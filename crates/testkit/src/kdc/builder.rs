//! How KDCs are set up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::net::{TcpListener, UdpSocket};

use super::database::Database;
use super::{Account, Kdc, KdcClock, KdcError, Shared, serve};
use crate::clock::Clock;

/// Sets up a [`Kdc`].
#[derive(Clone, Debug)]
pub struct KdcBuilder {
    realms: Vec<String>,
    accounts: Vec<Account>,
    trusts: Vec<(String, String)>,
    hosts: Vec<(String, String)>,
    seed: u64,
    clock: Option<KdcClock>,
    max_datagram: usize,
}

impl Default for KdcBuilder {
    fn default() -> Self {
        Self {
            realms: Vec::new(),
            accounts: Vec::new(),
            trusts: Vec::new(),
            hosts: Vec::new(),
            seed: 0,
            clock: None,
            max_datagram: 4096,
        }
    }
}

impl KdcBuilder {
    /// Adds a realm. The first is the default realm of krb5.conf.
    #[must_use]
    pub fn realm(mut self, name: impl Into<String>) -> Self {
        self.realms.push(name.into());
        self
    }

    /// Adds a principal to the realm in its name.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Lets clients of the first realm use services of the second. Trust goes one way, and on from
    /// realm to realm.
    #[must_use]
    pub fn trust(mut self, clients: impl Into<String>, services: impl Into<String>) -> Self {
        self.trusts.push((clients.into(), services.into()));
        self
    }

    /// Says in which realm the services of a host are, or those of a domain if the name begins with a
    /// dot: who asks another realm for them is referred there.
    #[must_use]
    pub fn host_realm(mut self, host: impl Into<String>, realm: impl Into<String>) -> Self {
        self.hosts.push((host.into(), realm.into()));
        self
    }

    /// The seed of all keys and other numbers by chance. Default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The KDCs' clock, which is read for each request. Default: the system's time at the start, going
    /// with tokio's clock from then on, which can be paused.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Some(KdcClock(Arc::new(clock)));
        self
    }

    /// The longest answer that is sent as a datagram; longer ones are refused with code 52. Default 4096.
    #[must_use]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.max_datagram = bytes;
        self
    }

    /// Starts the KDCs on loopback, each on a free port of 127.0.0.1, TCP and UDP.
    ///
    /// # Errors
    /// [`KdcError::Io`] if a port cannot be bound, or what
    /// [`start_in_memory`](Self::start_in_memory) gives.
    ///
    /// # Cancel safety
    /// Dropping the future leaves nothing behind.
    pub async fn start_tcp(self) -> Result<Kdc, KdcError> {
        let mut sockets = Vec::new();
        for _ in &self.realms {
            sockets.push(sockets_of_one_port().await?);
        }
        let mut kdc = self.start_in_memory()?;
        for (address, (listener, datagrams)) in kdc.addresses.iter_mut().zip(sockets) {
            let local = listener.local_addr()?;
            *address = (address.0.clone(), local.ip().to_string(), local.port());
            let (shared, realm) = (&kdc.shared, &address.0);
            kdc.serving.push(tokio::spawn(serve::accept(Arc::clone(shared), realm.clone(), listener)));
            kdc.serving.push(tokio::spawn(serve::exchange(Arc::clone(shared), realm.clone(), datagrams)));
        }
        Ok(kdc)
    }

    /// Starts the KDCs in memory: clients connect by [`Kdc::connector`]. That of EXAMPLE.TEST is
    /// called `kdc.example.test` and listens on port 88.
    ///
    /// # Errors
    /// [`KdcError::UnknownRealm`] or [`KdcError::Name`] for an account or a trust.
    pub fn start_in_memory(self) -> Result<Kdc, KdcError> {
        let mut database = Database::new(self.seed);
        for realm in &self.realms {
            database.add_realm(realm)?;
        }
        for (clients, services) in &self.trusts {
            database.trust(clients, services)?;
        }
        for (host, realm) in self.hosts {
            database.set_realm_of_host(host, realm);
        }
        for account in self.accounts {
            database.put(account)?;
        }
        let address = |realm: &String| (realm.clone(), format!("kdc.{}", realm.to_lowercase()), 88);
        let addresses = self.realms.iter().map(address).collect();
        let shared = Shared {
            clock: self.clock.unwrap_or_else(KdcClock::of_tokio),
            database: Mutex::new(database),
            max_datagram: self.max_datagram,
        };
        Ok(Kdc { shared: Arc::new(shared), addresses, serving: Vec::new() })
    }
}

impl KdcClock {
    fn of_tokio() -> Self {
        let clock = Clock::start(None);
        Self(Arc::new(move || {
            let millis = u64::try_from(clock.now().millis).unwrap_or(0);
            SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
        }))
    }
}

/// More ports than can be taken by others for UDP alone.
const ATTEMPTS: usize = 20;

async fn sockets_of_one_port() -> Result<(TcpListener, UdpSocket), KdcError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        match UdpSocket::bind(listener.local_addr()?).await {
            Ok(datagrams) => return Ok((listener, datagrams)),
            Err(error) => last = Some(error),
        }
    }
    Err(KdcError::Io(last.unwrap_or_else(|| std::io::ErrorKind::AddrInUse.into())))
}
