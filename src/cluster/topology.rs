//! What is known of a cluster: its brokers, and who leads which partition.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ids::{BrokerId, LeaderEpoch, TopicId, TopicPartition};
use crate::wire::codec::metadata::{MetadataResponse, Partition, Topic};
use crate::wire::error_code::ErrorCode;

/// So many answers in a row that tell an older leader epoch are believed: then not they lag, but the
/// epoch that is known was never true, or the partition is another one by now.
const OLDER_BELIEVED: u8 = 5;
/// A topic that nobody used for so long is forgotten (`metadata.max.idle.ms`, KIP-526).
const IDLE: Duration = Duration::from_secs(300);
/// How many addresses an error names.
const NAMED: usize = 5;

/// Where a broker listens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Names addresses for an error, or the first of many.
pub(crate) fn named<'a>(addresses: impl ExactSizeIterator<Item = &'a Address>) -> String {
    let more = match addresses.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named: Vec<_> = addresses.take(NAMED).map(ToString::to_string).collect();
    format!("{}{more}", named.join(", "))
}

/// Who leads a partition, and since which election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) broker: BrokerId,
    pub(crate) epoch: Option<LeaderEpoch>,
}

/// The newest picture of a cluster that this client has.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    brokers: BTreeMap<BrokerId, Address>,
    topics: BTreeMap<Arc<str>, TopicState>,
    /// The topics that somebody uses, of which every refresh asks.
    wanted: BTreeMap<Arc<str>, Use>,
    generation: u64,
    taken: Option<Instant>,
}

/// Who uses a topic.
#[derive(Clone, Copy, Debug)]
struct Use {
    last: Instant,
    /// Readers and writers of it that live.
    holders: usize,
}

#[derive(Debug)]
struct TopicState {
    error: ErrorCode,
    id: Option<TopicId>,
    partitions: BTreeMap<i32, PartitionState>,
}

#[derive(Clone, Copy, Debug)]
struct PartitionState {
    leader: Option<BrokerId>,
    epoch: Option<LeaderEpoch>,
    /// How many answers in a row told an older epoch.
    older: u8,
}

impl PartitionState {
    fn new(leader: Option<BrokerId>, epoch: Option<LeaderEpoch>) -> Self {
        Self { leader, epoch, older: 0 }
    }
}

impl Topology {
    /// Remembers topics, to be asked for from the next refresh on.
    pub(crate) fn want(&mut self, topics: &[Arc<str>], now: Instant) {
        for topic in topics {
            self.used(topic, now);
        }
    }

    fn used(&mut self, topic: &Arc<str>, now: Instant) -> &mut Use {
        let used = self.wanted.entry(Arc::clone(topic)).or_insert(Use { last: now, holders: 0 });
        used.last = now;
        used
    }

    /// Remembers topics until they are let go of, and a little longer.
    pub(crate) fn hold(&mut self, topics: &[Arc<str>], now: Instant) {
        for topic in topics {
            self.used(topic, now).holders += 1;
        }
    }

    /// Lets go of topics that were held.
    pub(crate) fn release(&mut self, topics: &[Arc<str>], now: Instant) {
        for topic in topics {
            let used = self.used(topic, now);
            used.holders = used.holders.saturating_sub(1);
        }
    }

    /// All topics that are used. The others are forgotten.
    pub(crate) fn wanted(&mut self, now: Instant) -> Vec<Arc<str>> {
        self.wanted.retain(|_, used| used.holders > 0 || now < used.last + IDLE);
        let wanted = &self.wanted;
        self.topics.retain(|topic, _| wanted.contains_key(topic));
        self.wanted.keys().cloned().collect()
    }

    /// How many answers this picture is made of.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether something is known of each of these topics, be it an error.
    pub(crate) fn knows(&self, topics: &[Arc<str>]) -> bool {
        topics.iter().all(|topic| self.topics.contains_key(topic))
    }

    /// Whether an error is what is known of one of these topics.
    pub(crate) fn has_error(&self, topics: &[Arc<str>]) -> bool {
        let known = topics.iter().filter_map(|topic| self.topics.get(topic));
        known.into_iter().any(|topic| topic.error != ErrorCode::NONE)
    }

    /// Forgets where the brokers are.
    pub(crate) fn forget_brokers(&mut self) {
        self.brokers.clear();
    }

    pub(crate) fn address(&self, broker: BrokerId) -> Option<&Address> {
        self.brokers.get(&broker)
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.brokers.values()
    }

    /// The id of a topic that exists, where brokers tell it (Metadata from version 10 on).
    pub(crate) fn topic_id(&self, topic: &str) -> Option<TopicId> {
        self.topics.get(topic)?.id
    }

    /// The leader of a partition, if there is one.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let state = self.topics.get(&partition.topic)?.partitions.get(&partition.partition)?;
        Some(Leader { broker: state.leader?, epoch: state.epoch })
    }

    /// Why a partition has no leader.
    pub(crate) fn why_leaderless(&self, partition: &TopicPartition) -> ErrorCode {
        match self.partitions(&partition.topic) {
            Err(code) => code,
            Ok(known) if known.contains(&partition.partition) => ErrorCode::LEADER_NOT_AVAILABLE,
            Ok(_) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        }
    }

    /// The partitions of a topic, or why they are not known.
    pub(crate) fn partitions(&self, topic: &str) -> Result<Vec<i32>, ErrorCode> {
        match self.topics.get(topic) {
            None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
            Some(state) if state.error != ErrorCode::NONE => Err(state.error),
            Some(state) => Ok(state.partitions.keys().copied().collect()),
        }
    }

    /// Whether this picture was taken before `moment`, or never.
    pub(crate) fn is_older_than(&self, moment: Instant) -> bool {
        self.taken.is_none_or(|taken| taken < moment)
    }

    /// Takes over an answer to Metadata that came at `now`. A partition whose leader epoch is older than the known
    /// one comes from a broker that lags, and stays as it is (KIP-320), until [`OLDER_BELIEVED`] in a row say so.
    pub(crate) fn update(&mut self, response: MetadataResponse, now: Instant) {
        self.generation += 1;
        self.taken = Some(now);
        if !response.brokers.is_empty() {
            let address = |broker: &crate::wire::codec::metadata::Broker| Address {
                host: Arc::from(broker.host.as_str()),
                port: broker.port,
            };
            self.brokers = response.brokers.iter().map(|broker| (broker.id, address(broker))).collect();
        }
        for topic in response.topics {
            self.update_topic(topic);
        }
    }

    /// Takes over a leader that is newer than the known one and whose address is known, and says
    /// whether it is that. It is no new picture: whoever waits for one still gets it.
    pub(crate) fn learn_leader(
        &mut self,
        partition: &TopicPartition,
        leader: (BrokerId, LeaderEpoch),
    ) -> bool {
        let (broker, epoch) = leader;
        let known = self.topics.get_mut(&partition.topic);
        let Some(state) = known.and_then(|topic| topic.partitions.get_mut(&partition.partition)) else {
            return false;
        };
        let is_news = self.brokers.contains_key(&broker) && state.epoch < Some(epoch);
        if is_news {
            *state = PartitionState::new(Some(broker), Some(epoch));
        }
        is_news
    }

    fn update_topic(&mut self, topic: Topic) {
        let known = self.topics.remove(&topic.name);
        // A topic that was made again has another id, and its epochs begin anew (KIP-516).
        let known = known.filter(|known| known.id.is_none() || topic.id.is_none() || known.id == topic.id);
        let known = known.map(|state| state.partitions).unwrap_or_default();
        let partitions = topic.partitions.iter().map(|partition| {
            let before = known.get(&partition.partition).copied();
            (partition.partition, newer(before, partition))
        });
        let state = TopicState { error: topic.error, id: topic.id, partitions: partitions.collect() };
        self.topics.insert(topic.name, state);
    }
}

fn newer(known: Option<PartitionState>, told: &Partition) -> PartitionState {
    match known {
        Some(known)
            if told.leader_epoch < known.epoch
                && told.leader_epoch.is_some()
                && known.older + 1 < OLDER_BELIEVED =>
        {
            PartitionState { older: known.older + 1, ..known }
        }
        _ => PartitionState::new(told.leader, told.leader_epoch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::metadata::Broker;

    fn topic(error: ErrorCode, partitions: Vec<Partition>) -> Topic {
        Topic { error, name: "t".into(), id: None, internal: false, partitions }
    }

    fn told(leader: i32, epoch: i32) -> MetadataResponse {
        let broker = |id| Broker { id: BrokerId(id), host: format!("b{id}"), port: 9092 };
        let partition = Partition {
            error: ErrorCode::NONE,
            partition: 0,
            leader: Some(BrokerId(leader)),
            leader_epoch: Some(LeaderEpoch(epoch)),
            replicas: 1,
            in_sync: 1,
        };
        MetadataResponse {
            error: ErrorCode::NONE,
            brokers: vec![broker(1), broker(2)],
            controller: Some(BrokerId(1)),
            topics: vec![topic(ErrorCode::NONE, vec![partition])],
        }
    }

    #[test]
    fn an_error_names_five_addresses_and_how_many_more_there_are() {
        let at = |host: &str, port| Address { host: host.into(), port };
        let two = [at("b1", 9092), at("::1", 9093)];
        assert_eq!(named(two.iter()), "b1:9092, [::1]:9093");
        let many: Vec<_> = (1..=7).map(|port| at("b", port)).collect();
        assert_eq!(named(many.iter()), "b:1, b:2, b:3, b:4, b:5 and 2 more");
    }

    #[test]
    fn a_picture_is_older_than_what_comes_after_it_alone() {
        let (mut topology, taken) = (Topology::default(), crate::time::now());
        assert!(topology.is_older_than(taken), "there is none");
        topology.update(told(1, 1), taken);
        assert!(!topology.is_older_than(taken) && topology.is_older_than(taken + Duration::from_nanos(1)));
    }

    #[test]
    fn a_partition_without_a_leader_is_told_from_one_that_is_not_there() {
        let mut topology = Topology::default();
        let mut answer = told(1, 1);
        answer
            .topics
            .iter_mut()
            .flat_map(|topic| &mut topic.partitions)
            .for_each(|known| known.leader = None);
        topology.update(answer, crate::time::now());
        let why = |topic, partition| topology.why_leaderless(&TopicPartition::new(topic, partition));
        assert_eq!(why("t", 0), ErrorCode::LEADER_NOT_AVAILABLE);
        assert_eq!(why("t", 1), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        assert_eq!(why("u", 0), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    }

    fn leader_after(answers: &[(i32, i32)]) -> Option<i32> {
        let mut topology = Topology::default();
        for (leader, epoch) in answers {
            topology.update(told(*leader, *epoch), crate::time::now());
        }
        topology.leader(&TopicPartition::new("t", 0)).map(|leader| leader.broker.0)
    }

    #[test]
    fn a_topic_that_nobody_used_for_five_minutes_is_forgotten_unless_somebody_holds_it() {
        let (mut topology, start) = (Topology::default(), crate::time::now());
        let names: [Arc<str>; 3] = ["t".into(), "held".into(), "used".into()];
        topology.want(&names, start);
        topology.hold(&names[1..2], start);
        topology.hold(&names[1..2], start);
        topology.update(told(1, 1), start);
        let (soon, late) = (start + IDLE / 2, start + IDLE);
        topology.want(&names[2..], soon);
        assert_eq!(topology.wanted(soon).len(), 3);
        assert!(topology.knows(&names[..1]));
        assert_eq!(topology.wanted(late), [Arc::clone(&names[1]), Arc::clone(&names[2])]);
        assert!(!topology.knows(&names[..1]), "nothing is known of it any more");
        topology.release(&names[1..2], late);
        assert_eq!(topology.wanted(late + 2 * IDLE), [Arc::clone(&names[1])], "one holds it still");
        topology.release(&names[1..2], late + 2 * IDLE);
        assert_eq!(topology.wanted(late + 3 * IDLE), Vec::<Arc<str>>::new());
    }

    #[test]
    fn a_lagging_broker_does_not_bring_an_old_leader_back() {
        assert_eq!(leader_after(&[(1, 5), (2, 6), (1, 5)]), Some(2));
        assert_eq!(leader_after(&[(1, 5), (2, 5)]), Some(2));
    }

    #[test]
    fn the_epochs_of_a_topic_that_was_made_again_begin_anew() {
        let mut topology = Topology::default();
        let mut answer = |id, epoch| {
            let mut answer = told(epoch, epoch);
            answer.topics.iter_mut().for_each(|topic| topic.id = TopicId::new(id));
            topology.update(answer, crate::time::now());
            let leader = topology.leader(&TopicPartition::new("t", 0)).unwrap();
            (leader.broker.0, topology.topic_id("t").map(TopicId::as_u128))
        };
        assert_eq!(answer(7, 2), (2, Some(7)));
        assert_eq!(answer(7, 1), (2, Some(7)), "an answer that lags");
        assert_eq!(answer(8, 1), (1, Some(8)));
        assert_eq!(answer(0, 2), (2, None));
    }

    #[test]
    fn an_epoch_that_no_answer_confirms_is_given_up() {
        let lagging = [(2, 900), (1, 5), (1, 5), (1, 5), (1, 5)];
        assert_eq!(leader_after(&lagging), Some(2));
        assert_eq!(leader_after(&[&lagging[..], &[(1, 5)]].concat()), Some(1));
        // They lag if one in between confirms it.
        assert_eq!(leader_after(&[&lagging[..], &[(2, 900), (1, 5)]].concat()), Some(2));
    }

    #[test]
    fn a_leader_is_learned_if_it_is_newer_and_can_be_reached() {
        let mut topology = Topology::default();
        let partition = TopicPartition::new("t", 0);
        let leader = |broker, epoch| (BrokerId(broker), LeaderEpoch(epoch));
        assert!(!topology.learn_leader(&partition, leader(2, 9)));
        topology.update(told(1, 5), crate::time::now());
        for (hint, is_news) in [(leader(2, 5), false), (leader(3, 6), false), (leader(2, 6), true)] {
            assert_eq!(topology.learn_leader(&partition, hint), is_news, "{hint:?}");
        }
        assert_eq!(topology.leader(&partition).unwrap().broker, BrokerId(2));
        assert_eq!(topology.generation(), 1);
        topology.update(told(1, 5), crate::time::now());
        assert_eq!(topology.leader(&partition).unwrap().broker, BrokerId(2), "an answer that lags");
        assert_eq!(topology.generation(), 2);
    }

    #[test]
    fn a_topic_that_is_gone_is_an_error_and_no_partitions() {
        let mut topology = Topology::default();
        topology.update(told(1, 1), crate::time::now());
        let gone = topic(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, Vec::new());
        topology.update(MetadataResponse { topics: vec![gone], ..told(1, 1) }, crate::time::now());
        assert_eq!(topology.partitions("t"), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert!(topology.knows(&["t".into()]) && !topology.knows(&["u".into()]));
    }

    #[test]
    fn an_answer_without_brokers_leaves_those_that_are_known() {
        let mut topology = Topology::default();
        topology.update(told(1, 1), crate::time::now());
        topology.update(MetadataResponse { brokers: Vec::new(), ..told(1, 1) }, crate::time::now());
        assert_eq!(topology.addresses().count(), 2);
    }
}
