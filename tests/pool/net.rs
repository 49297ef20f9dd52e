//! A cluster in memory whose brokers come and go.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, BrokerId, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse, TopicName,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use ottla::{Connect, Connecting};

use crate::support::peer::{Asked, Broker, Peer};

pub(crate) const PORT: u16 = 9092;
/// The end of every partition.
pub(crate) const END: i64 = 7;

const VERSIONS: [(ApiKey, i16, i16); 3] =
    [(ApiKey::ApiVersions, 0, 4), (ApiKey::Metadata, 4, 13), (ApiKey::ListOffsets, 2, 5)];

/// The names that begin with `seed`, which always lead to a broker, and the brokers of the moment, the first of
/// which leads every partition.
#[derive(Clone, Debug)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    brokers: Vec<String>,
    refusing: BTreeSet<String>,
    /// Names that take connections, and say nothing on them.
    silent: BTreeSet<String>,
    /// Names whose connections take so long to be made.
    slow: BTreeMap<String, Duration>,
    /// Names that send their clients back to the bootstrap list.
    rebootstrapping: BTreeSet<String>,
    /// Topics that may not be described.
    denied: BTreeSet<String>,
    /// So many answers to ListOffsets are about another partition than was asked for.
    astray: u32,
    /// How many requests of each API came, at all names together.
    requests: BTreeMap<&'static str, u64>,
    /// How often the brokers were replaced. Connections of an older cluster close.
    generation: i32,
    dials: BTreeMap<String, u64>,
}

impl Net {
    pub(crate) fn new(brokers: &[&str]) -> Self {
        let net = Self(Arc::default());
        net.replace(brokers);
        net
    }

    /// Takes all brokers away and puts others in their place.
    pub(crate) fn replace(&self, brokers: &[&str]) {
        let mut state = self.state();
        state.brokers = brokers.iter().map(|&name| name.to_owned()).collect();
        state.generation += 1;
    }

    /// Has a broker refuse connections from now on.
    pub(crate) fn refuse(&self, name: &str) {
        self.state().refusing.insert(name.to_owned());
    }

    /// Has a broker answer again.
    pub(crate) fn restore(&self, name: &str) {
        let mut state = self.state();
        state.refusing.remove(name);
        state.silent.remove(name);
    }

    /// Has a broker say nothing from now on.
    pub(crate) fn silence(&self, name: &str) {
        self.state().silent.insert(name.to_owned());
    }

    /// Has connections to a broker take this long to be made.
    pub(crate) fn slow(&self, name: &str, time: Duration) {
        self.state().slow.insert(name.to_owned(), time);
    }

    /// Has a broker answer Metadata by REBOOTSTRAP_REQUIRED from now on.
    pub(crate) fn send_back(&self, name: &str) {
        self.state().rebootstrapping.insert(name.to_owned());
    }

    pub(crate) fn deny(&self, topic: &str) {
        self.state().denied.insert(topic.to_owned());
    }

    pub(crate) fn allow(&self, topic: &str) {
        self.state().denied.remove(topic);
    }

    /// Has so many answers to ListOffsets be about another partition than was asked for.
    pub(crate) fn lead_astray(&self, answers: u32) {
        self.state().astray = answers;
    }

    /// How many requests of an API came.
    pub(crate) fn requests(&self, api: &str) -> u64 {
        self.state().requests.get(api).copied().unwrap_or(0)
    }

    fn is_silent(&self, name: &str) -> bool {
        self.state().silent.contains(name)
    }

    /// How many connections to this name were tried.
    pub(crate) fn dials(&self, name: &str) -> u64 {
        self.state().dials.get(name).copied().unwrap_or(0)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn dialled(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        *state.dials.entry(name.to_owned()).or_default() += 1;
        let listens = name.starts_with("seed") || state.brokers.iter().any(|broker| broker == name);
        match listens && !state.refusing.contains(name) {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    async fn serve(self, name: String, mut it: Broker) -> io::Result<()> {
        let generation = self.state().generation;
        if self.is_silent(&name) {
            return it.fall_silent().await;
        }
        it.tell_versions(&VERSIONS).await?;
        loop {
            let asked = it.asked().await?;
            if self.state().generation != generation {
                return Ok(());
            }
            if self.is_silent(&name) {
                return it.fall_silent().await;
            }
            match asked.api {
                ApiKey::Metadata => {
                    *self.state().requests.entry("Metadata").or_default() += 1;
                    it.answer(&asked, &self.metadata(&name, &asked)).await?;
                }
                ApiKey::ListOffsets => {
                    *self.state().requests.entry("ListOffsets").or_default() += 1;
                    let partition = self.offered();
                    it.answer(&asked, &offsets(&asked, partition)).await?;
                }
                other => panic!("{other:?} was not expected"),
            }
        }
    }

    /// The partition that an answer to ListOffsets is about.
    fn offered(&self) -> i32 {
        let mut state = self.state();
        let is_astray = state.astray > 0;
        state.astray = state.astray.saturating_sub(1);
        i32::from(is_astray)
    }

    fn metadata(&self, name: &str, asked: &Asked) -> MetadataResponse {
        let request = MetadataRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
        let state = self.state();
        if state.rebootstrapping.contains(name) {
            return MetadataResponse::default().with_error_code(129);
        }
        let first = state.generation * 10;
        let broker = |(id, host): (i32, &String)| {
            let host = StrBytes::from_string(host.clone());
            let port = i32::from(PORT);
            MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(port)
        };
        let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(first));
        let topic = |name: Option<TopicName>| {
            let is_denied = name.as_ref().is_some_and(|name| state.denied.contains(name.as_str()));
            let (code, partitions) = if is_denied { (29, Vec::new()) } else { (0, vec![partition.clone()]) };
            let topic = MetadataResponseTopic::default().with_name(name).with_error_code(code);
            topic.with_partitions(partitions)
        };
        let topics = request.topics.unwrap_or_default().into_iter().map(|topic| topic.name);
        MetadataResponse::default()
            .with_brokers((first..).zip(&state.brokers).map(broker).collect())
            .with_topics(topics.map(topic).collect())
    }
}

fn offsets(asked: &Asked, partition: i32) -> ListOffsetsResponse {
    let request = ListOffsetsRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
    let partition = ListOffsetsPartitionResponse::default().with_partition_index(partition).with_offset(END);
    let topic = ListOffsetsTopicResponse::default().with_name(request.topics[0].name.clone());
    ListOffsetsResponse::default().with_topics(vec![topic.with_partitions(vec![partition])])
}

impl Connect for Net {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let dialled = self.dialled(host);
            let slow = self.state().slow.get(host).copied();
            tokio::time::sleep(slow.unwrap_or(Duration::from_millis(10))).await;
            dialled?;
            let (net, name) = (self.clone(), host.to_owned());
            Peer::new(move |it| net.clone().serve(name.clone(), it)).connect(host, port).await
        })
    }
}
