//! A client of a hundred lines: frames, headers, SCRAM. Made of the generated messages alone.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first thing that is wrong"
)]
#![allow(dead_code, reason = "every test file uses a part of it")]

pub(crate) mod requests;

use std::time::Duration;

use base64ct::{Base64, Encoding};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use hmac::{Hmac, KeyInit, Mac};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request};
use ottla_testkit::{BrokerId, Cluster, Protocol};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(crate) struct Client {
    pub(crate) stream: Box<dyn Stream>,
    correlation_id: i32,
}

/// What came back: a message, or the end of the connection.
#[derive(Debug, PartialEq)]
pub(crate) struct Closed;

impl Client {
    pub(crate) fn new(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), correlation_id: 0 }
    }

    /// Connects to a broker in memory.
    pub(crate) async fn piped(cluster: &Cluster, broker: i32, protocol: Protocol) -> Self {
        let (host, port) = cluster.address(BrokerId(broker), protocol).unwrap();
        Self::new(cluster.connector().connect(&host, port).await.unwrap())
    }

    pub(crate) async fn tcp(cluster: &Cluster, broker: i32, protocol: Protocol) -> Self {
        let address = cluster.address(BrokerId(broker), protocol).unwrap();
        Self::new(tokio::net::TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send<R: Request>(&mut self, request: R, version: i16) {
        self.correlation_id += 1;
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some("test".into()))
            .encode(&mut frame, R::header_version(version))
            .unwrap();
        request.encode(&mut frame, version).unwrap();
        let length = i32::try_from(frame.len() - 4).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        let _ = self.stream.write_all(&frame).await;
    }

    pub(crate) async fn frame(&mut self) -> Result<Bytes, Closed> {
        let read = async {
            let length = self.stream.read_i32().await.map_err(|_| Closed)?;
            let mut frame = vec![0; usize::try_from(length).map_err(|_| Closed)?];
            self.stream.read_exact(&mut frame).await.map_err(|_| Closed)?;
            Ok(frame.into())
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.unwrap()
    }

    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> Result<R::Response, Closed> {
        let mut frame = self.frame().await?;
        let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let response = R::Response::decode(&mut frame, version).unwrap();
        assert!(!frame.has_remaining(), "{} bytes too many", frame.remaining());
        Ok(response)
    }

    pub(crate) async fn call<R: Request>(&mut self, request: R, version: i16) -> Result<R::Response, Closed> {
        self.send(request, version).await;
        self.receive::<R>(version).await
    }

    pub(crate) async fn handshake(&mut self, mechanism: &'static str) -> Result<i16, Closed> {
        let request = SaslHandshakeRequest::default().with_mechanism(mechanism.into());
        Ok(self.call(request, 1).await?.error_code)
    }

    pub(crate) async fn authenticate(
        &mut self,
        bytes: impl Into<Bytes>,
    ) -> Result<SaslAuthenticateResponse, Closed> {
        self.call(SaslAuthenticateRequest::default().with_auth_bytes(bytes.into()), 2).await
    }

    pub(crate) async fn plain(
        &mut self,
        user: &str,
        password: &str,
    ) -> Result<SaslAuthenticateResponse, Closed> {
        assert_eq!(self.handshake("PLAIN").await?, 0);
        self.authenticate(format!("\0{user}\0{password}")).await
    }

    /// Logs in by SCRAM-SHA-256, and gives the last response; the number is that of the step.
    pub(crate) async fn scram(
        &mut self,
        user: &str,
        password: &str,
        token: bool,
    ) -> Result<(u8, SaslAuthenticateResponse), Closed> {
        assert_eq!(self.handshake("SCRAM-SHA-256").await?, 0);
        let bare = format!("n={user},r=clientnonce{}", if token { ",tokenauth=true" } else { "" });
        let first = self.authenticate(format!("n,,{bare}")).await?;
        if first.error_code != 0 {
            return Ok((1, first));
        }
        let server_first = String::from_utf8(first.auth_bytes.to_vec()).unwrap();
        let part =
            |name: &str| server_first.split(',').find_map(|p| p.strip_prefix(name)).unwrap().to_owned();
        let salt = Base64::decode_vec(&part("s=")).unwrap();
        let rounds = part("i=").parse().unwrap();
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), &salt, rounds);
        let without_proof = format!("c=biws,r={}", part("r="));
        let auth_message = format!("{bare},{server_first},{without_proof}");
        let client_key = hmac(&salted, b"Client Key");
        let signature = hmac(&Sha256::digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
        let last = self.authenticate(format!("{without_proof},p={}", Base64::encode_string(&proof))).await?;
        if last.error_code == 0 {
            let verifier = hmac(&hmac(&salted, b"Server Key"), auth_message.as_bytes());
            assert_eq!(last.auth_bytes, format!("v={}", Base64::encode_string(&verifier)));
        }
        Ok((2, last))
    }

    pub(crate) async fn create_token(&mut self) -> CreateDelegationTokenResponse {
        self.call(CreateDelegationTokenRequest::default().with_max_lifetime_ms(-1), 3).await.unwrap()
    }

    pub(crate) async fn renew(&mut self, hmac: &Bytes, period: i64) -> RenewDelegationTokenResponse {
        let request = RenewDelegationTokenRequest::default().with_hmac(hmac.clone());
        self.call(request.with_renew_period_ms(period), 2).await.unwrap()
    }

    pub(crate) async fn expire(&mut self, hmac: &Bytes, period: i64) -> ExpireDelegationTokenResponse {
        let request = ExpireDelegationTokenRequest::default().with_hmac(hmac.clone());
        self.call(request.with_expiry_time_period_ms(period), 2).await.unwrap()
    }

    pub(crate) async fn token_login(
        &mut self,
        token: &CreateDelegationTokenResponse,
    ) -> Result<(u8, SaslAuthenticateResponse), Closed> {
        self.scram(&token.token_id, &Base64::encode_string(&token.hmac), true).await
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(message).finalize().into_bytes().to_vec()
}
