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
    ApiKey, BrokerId, ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::{Decodable, StrBytes};
use ottla::{Connect, Connecting};

use crate::support::peer::{Asked, Broker, Peer};

pub(crate) const PORT: u16 = 9092;
/// The end of every partition.
pub(crate) const END: i64 = 7;

const VERSIONS: [(ApiKey, i16, i16); 3] =
    [(ApiKey::ApiVersions, 0, 4), (ApiKey::Metadata, 4, 9), (ApiKey::ListOffsets, 2, 5)];

/// The name `seed`, which always leads to a broker, and the brokers of the moment, the first of
/// which leads every partition.
#[derive(Clone, Debug)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    brokers: Vec<String>,
    refusing: BTreeSet<String>,
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
        let listens = name == "seed" || state.brokers.iter().any(|broker| broker == name);
        match listens && !state.refusing.contains(name) {
            true => Ok(()),
            false => Err(io::ErrorKind::ConnectionRefused.into()),
        }
    }

    async fn serve(self, mut it: Broker) -> io::Result<()> {
        let generation = self.state().generation;
        it.tell_versions(&VERSIONS).await?;
        loop {
            let asked = it.asked().await?;
            if self.state().generation != generation {
                return Ok(());
            }
            match asked.api {
                ApiKey::Metadata => it.answer(&asked, &self.metadata(&asked)).await?,
                ApiKey::ListOffsets => it.answer(&asked, &offsets(&asked)).await?,
                other => panic!("{other:?} was not expected"),
            }
        }
    }

    fn metadata(&self, asked: &Asked) -> MetadataResponse {
        let request = MetadataRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
        let state = self.state();
        let first = state.generation * 10;
        let broker = |(id, host): (i32, &String)| {
            let host = StrBytes::from_string(host.clone());
            let port = i32::from(PORT);
            MetadataResponseBroker::default().with_node_id(BrokerId(id)).with_host(host).with_port(port)
        };
        let partition = MetadataResponsePartition::default().with_leader_id(BrokerId(first));
        let topic =
            |name| MetadataResponseTopic::default().with_name(name).with_partitions(vec![partition.clone()]);
        let topics = request.topics.unwrap_or_default().into_iter().map(|topic| topic.name);
        MetadataResponse::default()
            .with_brokers((first..).zip(&state.brokers).map(broker).collect())
            .with_topics(topics.map(topic).collect())
    }
}

fn offsets(asked: &Asked) -> ListOffsetsResponse {
    let request = ListOffsetsRequest::decode(&mut asked.body.clone(), asked.version).unwrap();
    let partition = ListOffsetsPartitionResponse::default().with_offset(END);
    let topic = ListOffsetsTopicResponse::default().with_name(request.topics[0].name.clone());
    ListOffsetsResponse::default().with_topics(vec![topic.with_partitions(vec![partition])])
}

impl Connect for Net {
    fn connect<'a>(&'a self, host: &'a str, port: u16) -> Connecting<'a> {
        Box::pin(async move {
            let dialled = self.dialled(host);
            tokio::time::sleep(Duration::from_millis(10)).await;
            dialled?;
            let net = self.clone();
            Peer::new(move |it| net.clone().serve(it)).connect(host, port).await
        })
    }
}
