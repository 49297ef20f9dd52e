//! The world itself: brokers, what happens to them and to the clocks, and the end of all trouble.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use ottla::time::{Clock, SystemClock, Timestamp};
use ottla::{Config, Credentials, RunningKeeper, ScramMechanism, Security, Target, TokenSource};
use ottla_testkit::{Action, ApiKey, BrokerId, Cluster, Fault, Protocol, Record};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, sleep, sleep_until};

use super::gauges::Gauges;
use super::keeping::Told;
use super::kind::Kind;
use super::laws::{Notes, now};
use super::net::Net;
use super::plan::{CONNECT, DEADLINE, Event, OWNERS, Plan, REQUEST, TOPIC, What, Wrong};
use super::trouble::{Awaited, Trouble, Whom};

/// What all wall clocks show at first, in seconds.
const WALL: u64 = 1_800_000_000;
/// Records in each partition.
pub(crate) const RECORDS: i64 = 5;

/// A world. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) brokers: Arc<Cluster>,
    pub(crate) net: Net,
    pub(crate) notes: Notes,
    pub(crate) plan: Arc<Plan>,
    pub(crate) gauges: Gauges,
    folder: Arc<tempfile::TempDir>,
    state: Arc<Mutex<State>>,
    slots: Arc<Vec<Mutex<Slot>>>,
    orders: Arc<Vec<UnboundedSender<Told>>>,
}

/// A keeper as others see it.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) keeper: Option<RunningKeeper>,
    pub(crate) source: Option<TokenSource>,
    /// How often it was started.
    pub(crate) generation: u64,
    /// Ids of its owner's tokens that were in use.
    pub(crate) used: BTreeSet<String>,
    /// Ids of tokens that nobody can know of any more: they die by themselves.
    pub(crate) left: BTreeSet<String>,
    /// When a token came into use, or a keeper began.
    pub(crate) since: Option<Instant>,
    /// Since when more tokens live than it knows of.
    pub(crate) unheard: Option<Instant>,
    /// The last texts of the token file.
    pub(crate) texts: VecDeque<Vec<u8>>,
    /// The file has come to harm.
    pub(crate) is_harmed: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) struck: BTreeSet<Kind>,
    pub(crate) down: BTreeSet<i32>,
    pub(crate) troubles: Vec<Trouble>,
    pub(crate) awaited: Vec<Awaited>,
    /// Tokens of an earlier secret.
    pub(crate) worthless: BTreeSet<String>,
    /// For how many reasons an owner's password is another one.
    refused: BTreeMap<usize, u32>,
    /// Since when it is, where it is.
    pub(crate) refused_since: BTreeMap<usize, Instant>,
    rotations: u32,
    /// Numbers the states of files, so that no two of them look the same.
    stamps: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(plan: Plan, orders: Vec<UnboundedSender<Told>>, gauges: Gauges) -> Self {
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(WALL);
        ottla::internals::set_wall_clock(Some(wall.into()));
        let mut builder = Cluster::builder()
            .brokers(plan.brokers)
            .listener(Protocol::SaslPlaintext)
            .seed(plan.seed)
            .wall_clock(wall)
            .token_expiry(plan.period)
            .token_max_lifetime(plan.max)
            .token_sweep(plan.sweep)
            .token_propagation(plan.propagation)
            // Nothing here is about hashing, which would be nearly all that it costs.
            .token_iterations(1);
        for owner in OWNERS {
            builder = builder.user(owner, format!("{owner}-secret"));
        }
        if let Some(reauth) = plan.reauth {
            builder = builder.max_reauth(reauth);
        }
        let brokers = Arc::new(builder.start_in_memory().unwrap());
        let replicas = usize::try_from(plan.brokers).unwrap();
        brokers.create_topic(TOPIC, plan.brokers, replicas).unwrap();
        for partition in 0..plan.brokers {
            let records: Vec<Record> = (0..RECORDS).map(|_| Record::value("x")).collect();
            brokers.write(TOPIC, partition, &records).unwrap();
        }
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self {
            net: Net::new(brokers.connector(), Duration::ZERO),
            notes: Notes::new(),
            gauges,
            folder: Arc::new(folder.unwrap()),
            state: Arc::default(),
            slots: Arc::new(plan.keepers.iter().map(|_| Mutex::default()).collect()),
            orders: Arc::new(orders),
            plan: Arc::new(plan),
            brokers,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn slot(&self, keeper: usize) -> MutexGuard<'_, Slot> {
        lock(&self.slots[keeper])
    }

    pub(crate) fn strikes(&self, kind: Kind) {
        self.state().struck.insert(kind);
    }

    pub(crate) fn tell(&self, keeper: usize, told: Told) {
        // One that has ended is told nothing.
        let _ = self.orders[keeper].send(told);
    }

    pub(crate) fn saved_state(&self, keeper: usize) -> PathBuf {
        self.folder.path().join(format!("saved-{keeper}"))
    }

    pub(crate) fn token_file(&self, keeper: usize) -> PathBuf {
        self.folder.path().join(format!("token-{keeper}"))
    }

    /// A time that no state of a file had.
    pub(crate) fn stamp(&self) -> SystemTime {
        let mut state = self.state();
        state.stamps += 1;
        SystemTime::UNIX_EPOCH + Duration::from_secs(WALL + state.stamps)
    }

    /// Whoever asks for the tokens of a keeper.
    pub(crate) fn admin(&self, keeper: usize) -> Config {
        let owner = OWNERS[keeper];
        let password = format!("{owner}-secret").into();
        self.patient(Config::new(
            self.brokers.bootstrap(Protocol::SaslPlaintext).unwrap().parse().unwrap(),
            Security::Plaintext,
            Credentials::Plain { user: owner.to_owned(), password },
        ))
    }

    pub(crate) fn target(&self) -> Target {
        Target::of(&self.admin(0)).with_mechanism(ScramMechanism::Sha256)
    }

    /// With the times that all have here.
    pub(crate) fn patient(&self, config: Config) -> Config {
        config
            .with_connector(self.net.clone())
            .with_connect_timeout(CONNECT)
            .with_request_timeout(REQUEST)
            .with_deadline(DEADLINE)
    }

    /// Lets everything happen, then heals.
    pub(crate) async fn live(&self) {
        let began = now();
        for event in &self.plan.events {
            sleep_until(began + event.at).await;
            self.notes.trace(&format!("{:?} {:?}", event.kind, event.what));
            self.happen(event);
        }
        sleep_until(began + self.plan.heals()).await;
        self.notes.trace("healed");
        self.brokers.faults().clear();
        self.note_struck();
        if !std::mem::take(&mut self.state().awaited).is_empty() {
            // One may have struck a moment ago.
            self.trouble(Whom::Admins, Duration::ZERO);
        }
    }

    fn happen(&self, event: &Event) {
        match &event.what {
            What::TokensLate { broker, delay, lasts } => self.late(broker.map(BrokerId), *delay, *lasts),
            What::Keeper { keeper, order } => return self.tell(*keeper, Told::Order(event.kind, *order)),
            What::Answers { api, wrong, times } => return self.answers(event.kind, *api, *wrong, *times),
            What::ConnectionsClosed { broker } => {
                self.brokers.close_connections(BrokerId(*broker)).unwrap();
            }
            What::BrokerAway { broker, lasts } => {
                if !self.stop(*broker, *lasts) {
                    return;
                }
            }
            What::Silence { broker, lasts } => {
                self.trouble(Whom::All, *lasts);
                self.net.silence(*broker);
                let broker = *broker;
                self.later(*lasts, move |world| world.net.let_through(broker));
            }
            What::AdminRefused { keeper, lasts } => self.refuse(*keeper, *lasts),
            What::SecretRotated => self.rotate(),
            What::TokenDeleted { keeper } => {
                let source = self.slot(*keeper).source.clone();
                let Some(source) = source else { return };
                if self.brokers.delete_token(source.current().id()).is_err() {
                    return;
                }
                self.trouble(Whom::Admins, Duration::ZERO);
            }
            What::BrokersClock(by) => {
                let wall = self.brokers.now() + by * 1000;
                self.trouble(Whom::Clocks, Duration::ZERO);
                let wall = Duration::from_millis(u64::try_from(wall).unwrap());
                self.brokers.set_wall_clock(SystemTime::UNIX_EPOCH + wall);
            }
            What::OurClock(by) => {
                let wall = SystemClock.now().as_millis() + by * 1000;
                self.trouble(Whom::Clocks, Duration::ZERO);
                ottla::internals::set_wall_clock(Some(Timestamp::from_millis(wall)));
            }
            What::File { keeper, harm, lasts } => {
                if !self.harm(*keeper, *harm) {
                    return;
                }
                let keeper = *keeper;
                self.later(*lasts, move |world| world.mend(keeper));
            }
        }
        self.strikes(event.kind);
    }

    fn late(&self, broker: Option<BrokerId>, delay: Duration, lasts: Duration) {
        self.trouble(Whom::Admins, lasts + delay);
        self.brokers.set_token_propagation(broker, delay);
        let usual = self.plan.propagation;
        self.later(lasts, move |world| world.brokers.set_token_propagation(broker, usual));
    }

    /// False if it is away already.
    fn stop(&self, broker: i32, lasts: Duration) -> bool {
        let others = {
            let mut state = self.state();
            if !state.down.insert(broker) {
                return false;
            }
            state.down.len() < usize::try_from(self.plan.brokers).unwrap()
        };
        self.trouble(if others { Whom::Admins } else { Whom::All }, lasts);
        self.brokers.stop_broker(BrokerId(broker)).unwrap();
        self.later(lasts, move |world| {
            world.state().down.remove(&broker);
            world.brokers.start_broker(BrokerId(broker)).unwrap();
        });
        true
    }

    fn refuse(&self, keeper: usize, lasts: Duration) {
        self.trouble_refused(lasts);
        let set = move |world: &Self, by: i64| {
            let mut state = world.state();
            let reasons = state.refused.entry(keeper).or_default();
            *reasons = u32::try_from(i64::from(*reasons) + by).unwrap();
            let is_over = *reasons == 0;
            match is_over {
                true => drop(state.refused_since.remove(&keeper)),
                false => drop(state.refused_since.entry(keeper).or_insert_with(now)),
            }
            let word = if is_over { "secret" } else { "another" };
            drop(state);
            world.brokers.set_password(OWNERS[keeper], &format!("{}-{word}", OWNERS[keeper]));
        };
        set(self, 1);
        self.later(lasts, move |world| set(world, -1));
    }

    fn rotate(&self) {
        self.trouble(Whom::Admins, Duration::ZERO);
        let ids: Vec<String> = self.brokers.tokens().into_iter().map(|token| token.id).collect();
        let rotations = {
            let mut state = self.state();
            state.worthless.extend(ids);
            state.rotations += 1;
            state.rotations
        };
        self.brokers.rotate_token_secret(format!("secret {rotations}"));
    }

    fn answers(&self, kind: Kind, api: ApiKey, wrong: Wrong, times: u64) {
        let action = match wrong {
            Wrong::Lost => Action::StallAfter,
            Wrong::ClosedBefore => Action::CloseBefore,
            Wrong::ClosedAfter => Action::CloseAfter,
            Wrong::Stalled => Action::Stall,
            Wrong::Throttled(time) => Action::Throttle(time),
            Wrong::Late(time) => Action::Delay(time),
        };
        self.brokers.faults().add(Fault::new(action).on_api(api).times(times));
        let asked = self.brokers.counters().requests(api);
        self.state().awaited.push(Awaited { kind, api, first: asked + 1, last: asked + times, struck: None });
    }

    /// Does something when so much time has passed.
    pub(crate) fn later(&self, after: Duration, act: impl FnOnce(&Self) + Send + 'static) {
        let world = self.clone();
        tokio::spawn(async move {
            sleep(after).await;
            act(&world);
        });
    }
}
