//! Brokers of a test's own making, in memory: a script for each connection that a client opens.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsResponse, RequestHeader, SaslHandshakeResponse};
use kafka_protocol::messages::{ResponseHeader, SaslAuthenticateResponse};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};
use ottla::{Connect, Connecting, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// What a broker does on one connection, until the client closes it or the script is done.
pub(crate) type Script = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Opens connections to a script.
#[derive(Clone)]
pub(crate) struct Peer {
    script: Arc<dyn Fn(Broker) -> Script + Send + Sync>,
    connections: Arc<AtomicU64>,
}

/// The broker's side of one connection.
pub(crate) struct Broker {
    stream: DuplexStream,
}

/// A request that came in.
pub(crate) struct Asked {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    pub(crate) body: Bytes,
}

impl Peer {
    pub(crate) fn new<F>(script: impl Fn(Broker) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let script: Arc<dyn Fn(Broker) -> Script + Send + Sync> = Arc::new(move |it| Box::pin(script(it)));
        Self { script, connections: Arc::default() }
    }

    /// How many connections the client has opened.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Connect for Peer {
    fn connect<'a>(&'a self, _host: &'a str, _port: u16) -> Connecting<'a> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn((self.script)(Broker { stream: far }));
        Box::pin(std::future::ready(Ok(Box::new(near) as Box<dyn Stream>)))
    }
}

impl Broker {
    pub(crate) async fn asked(&mut self) -> io::Result<Asked> {
        let mut frame = vec![0; usize::try_from(self.stream.read_i32().await?).expect("a length")];
        self.stream.read_exact(&mut frame).await?;
        let mut frame = Bytes::from(frame);
        let api = ApiKey::try_from((&frame[..]).get_i16()).expect("a known API");
        let version = (&frame[2..]).get_i16();
        let header =
            RequestHeader::decode(&mut frame, api.request_header_version(version)).expect("a header");
        Ok(Asked { api, version, correlation_id: header.correlation_id, body: frame })
    }

    /// Answers with a whole frame, whatever it holds.
    pub(crate) async fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.stream.write_i32(i32::try_from(frame.len()).expect("a short frame")).await?;
        self.stream.write_all(frame).await
    }

    /// Writes bytes as they are.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(crate) async fn answer(&mut self, asked: &Asked, response: &impl Encodable) -> io::Result<()> {
        self.write(&frame(asked, asked.correlation_id, response)).await
    }

    /// Answers ApiVersions, as every client begins.
    pub(crate) async fn tell_versions(&mut self, ranges: &[(ApiKey, i16, i16)]) -> io::Result<()> {
        let mut asked = self.asked().await?;
        assert_eq!(asked.api, ApiKey::ApiVersions);
        let known = ranges.iter().find(|range| range.0 == ApiKey::ApiVersions).expect("a range");
        if asked.version > known.2 {
            // KIP-511: refused in version 0.
            asked.version = 0;
            let refusal = versions(35, std::slice::from_ref(known));
            self.answer(&asked, &refusal).await?;
            asked = self.asked().await?;
        }
        self.answer(&asked, &versions(0, ranges)).await
    }

    /// Answers SaslHandshake by accepting whatever mechanism.
    pub(crate) async fn accept_handshake(&mut self) -> io::Result<()> {
        let asked = self.asked().await?;
        assert_eq!(asked.api, ApiKey::SaslHandshake);
        self.answer(&asked, &SaslHandshakeResponse::default()).await
    }

    /// The next SASL message of the client.
    pub(crate) async fn sasl_message(&mut self) -> io::Result<(Asked, String)> {
        let mut asked = self.asked().await?;
        assert_eq!(asked.api, ApiKey::SaslAuthenticate);
        let request =
            kafka_protocol::messages::SaslAuthenticateRequest::decode(&mut asked.body, asked.version);
        let message = request.expect("a request").auth_bytes.to_vec();
        Ok((asked, String::from_utf8(message).expect("text")))
    }

    pub(crate) async fn answer_sasl(&mut self, asked: &Asked, auth_bytes: &str) -> io::Result<()> {
        let bytes = Bytes::copy_from_slice(auth_bytes.as_bytes());
        self.answer(asked, &SaslAuthenticateResponse::default().with_auth_bytes(bytes)).await
    }

    pub(crate) async fn refuse_sasl(&mut self, asked: &Asked, code: i16, text: &str) -> io::Result<()> {
        let text = StrBytes::from_string(text.to_owned());
        let refusal = SaslAuthenticateResponse::default().with_error_code(code);
        self.answer(asked, &refusal.with_error_message(Some(text))).await
    }

    /// Keeps the connection open and says nothing more.
    pub(crate) async fn fall_silent(mut self) -> io::Result<()> {
        let mut sink = [0; 1024];
        while self.stream.read(&mut sink).await? > 0 {}
        Ok(())
    }
}

/// All of a response after its length.
pub(crate) fn frame(asked: &Asked, correlation_id: i32, response: &impl Encodable) -> Vec<u8> {
    let mut frame = BytesMut::new();
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut frame, asked.api.response_header_version(asked.version)).expect("a header");
    response.encode(&mut frame, asked.version).expect("a response");
    frame.to_vec()
}

fn versions(code: i16, ranges: &[(ApiKey, i16, i16)]) -> ApiVersionsResponse {
    let range = |&(api, min, max): &(ApiKey, i16, i16)| {
        ApiVersion::default().with_api_key(api as i16).with_min_version(min).with_max_version(max)
    };
    ApiVersionsResponse::default().with_error_code(code).with_api_keys(ranges.iter().map(range).collect())
}
