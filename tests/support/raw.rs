//! A second client, for facts about brokers: Kafka's generated messages over a blocking socket. It
//! shares no code with the client under test, retries nothing and decides nothing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use bytes::{Buf, Bytes, BytesMut};
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use kafka_protocol::messages::create_delegation_token_request::CreatableRenewers;
use kafka_protocol::messages::describe_delegation_token_request::DescribeDelegationTokenOwner;
use kafka_protocol::messages::{
    ApiVersionsRequest, CreateDelegationTokenRequest, CreateDelegationTokenResponse,
    DescribeDelegationTokenRequest, ExpireDelegationTokenRequest, RenewDelegationTokenRequest, RequestHeader,
    ResponseHeader, SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest,
    SaslHandshakeResponse,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use ottla::time::{Clock, SystemClock};
use ottla_lab::Listener;
use sha2::digest::Digest;
use sha2::{Sha256, Sha512};

const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the clock for facts about time.
#[expect(clippy::disallowed_methods, reason = "a fact about time needs one")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Bytes both ways: a socket, or TLS over one.
pub(crate) trait Wire: Read + Write + Send {}
impl<W: Read + Write + Send> Wire for W {}

/// One connection.
pub(crate) struct Raw {
    stream: Box<dyn Wire>,
    correlation_id: i32,
    sasl_version: i16,
    client_id: StrBytes,
}

/// How a SCRAM login went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    /// The error code of the last answer.
    pub(crate) code: i16,
    pub(crate) text: String,
    /// Which SaslAuthenticate that answer was to, from 1; 0: the connection was closed before.
    pub(crate) step: u8,
    pub(crate) lifetime: Duration,
    pub(crate) salt: String,
    pub(crate) iterations: String,
    /// The whole nonce, the client's part in front.
    pub(crate) nonce: String,
}

/// What one logs in with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    pub(crate) mechanism: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) tokenauth: bool,
}

impl<'a> Who<'a> {
    pub(crate) fn password(user: &'a str, password: &'a str) -> Self {
        Self { mechanism: "SCRAM-SHA-256", user, password, tokenauth: false }
    }

    pub(crate) fn token(id: &'a str, password: &'a str) -> Self {
        Self { mechanism: "SCRAM-SHA-256", user: id, password, tokenauth: true }
    }

    pub(crate) fn by(self, mechanism: &'a str) -> Self {
        Self { mechanism, ..self }
    }
}

impl Raw {
    /// A connection to one broker, not logged in.
    pub(crate) fn connect(lab: &ottla_lab::Cluster, broker: u16, listener: Listener) -> Self {
        let address = lab.address(broker, listener).expect("a broker of the cluster");
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self::over(dial(port))
    }

    /// A connection that is made, not logged in.
    pub(crate) fn over(stream: impl Wire + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            correlation_id: 0,
            sasl_version: 2,
            client_id: StrBytes::from_static_str("raw"),
        }
    }

    /// A connection on SASL_PLAINTEXT that is logged in.
    pub(crate) fn logged_in(lab: &ottla_lab::Cluster, broker: u16, who: Who<'_>) -> Self {
        let mut raw = Self::connect(lab, broker, Listener::SaslPlaintext);
        let login = raw.login(who);
        assert_eq!(login.code, 0, "{login:?}");
        raw
    }

    /// Sends a request; `None` if the broker closes the connection in place of an answer.
    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.correlation_id += 1;
        let mut frame = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(self.client_id.clone()));
        header.encode(&mut frame, R::header_version(version)).expect("a header");
        request.encode(&mut frame, version).expect("a request");
        let length = i32::try_from(frame.len()).expect("a short frame");
        let written = self.stream.write_all(&[&length.to_be_bytes(), &frame[..]].concat());
        let mut answer = written.and_then(|()| self.frame()).map_or_else(closed, Some)?;
        let header_version = <R::Response as HeaderVersion>::header_version(version);
        let header = ResponseHeader::decode(&mut answer, header_version).expect("a response header");
        assert_eq!(header.correlation_id, self.correlation_id);
        let response = R::Response::decode(&mut answer, version).expect("a response");
        assert_eq!(answer.remaining(), 0, "bytes after the response");
        Some(response)
    }

    /// Sends bytes as they are and gives the next frame; `None` if the broker closes the connection.
    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Option<Bytes> {
        let written = self.stream.write_all(bytes);
        written.and_then(|()| self.frame()).map_or_else(closed, Some)
    }

    fn frame(&mut self) -> io::Result<Bytes> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).expect("a length")];
        self.stream.read_exact(&mut frame)?;
        Ok(frame.into())
    }

    /// Whether the broker still answers a plain request.
    pub(crate) fn is_served(&mut self) -> bool {
        self.call(0, &ApiVersionsRequest::default()).is_some()
    }

    pub(crate) fn handshake(&mut self, mechanism: &str) -> Option<SaslHandshakeResponse> {
        let mechanism = StrBytes::from_string(mechanism.to_owned());
        self.call(1, &SaslHandshakeRequest::default().with_mechanism(mechanism))
    }

    pub(crate) fn authenticate(
        &mut self,
        auth_bytes: impl Into<Vec<u8>>,
    ) -> Option<SaslAuthenticateResponse> {
        let auth_bytes = Bytes::from(auth_bytes.into());
        self.call(self.sasl_version, &SaslAuthenticateRequest::default().with_auth_bytes(auth_bytes))
    }

    /// Speaks another version of SaslAuthenticate than the newest.
    pub(crate) fn with_sasl_version(mut self, version: i16) -> Self {
        self.sasl_version = version;
        self
    }

    /// Goes by another client id.
    pub(crate) fn with_client_id(mut self, client_id: &str) -> Self {
        self.client_id = StrBytes::from_string(client_id.to_owned());
        self
    }

    /// A connection on SASL_PLAINTEXT as a user of any name, by an unsecured OAUTHBEARER token.
    pub(crate) fn anybody(lab: &ottla_lab::Cluster, broker: u16, user: &str) -> Self {
        let mut raw = Self::connect(lab, broker, Listener::SaslPlaintext);
        assert_eq!(raw.handshake("OAUTHBEARER").map(|answer| answer.error_code), Some(0));
        let part = |json: &str| Base64UrlUnpadded::encode_string(json.as_bytes());
        let seconds = SystemClock.now().as_millis() / 1_000;
        let claims = format!(r#"{{"sub":"{user}","iat":{},"exp":{}}}"#, seconds - 60, seconds + 600);
        let message = format!("n,,\x01auth=Bearer {}.{}.\x01\x01", part(r#"{"alg":"none"}"#), part(&claims));
        let answer = raw.authenticate(message).expect("an answer");
        assert_eq!((answer.error_code, answer.auth_bytes.len()), (0, 0), "{:?}", answer.error_message);
        raw
    }

    /// The ids of the tokens of these owners, or of everybody, that the broker lists.
    pub(crate) fn listed(&mut self, owners: Option<&[&str]>) -> Vec<String> {
        let owner = |name: &&str| {
            DescribeDelegationTokenOwner::default()
                .with_principal_type(StrBytes::from_static_str("User"))
                .with_principal_name(StrBytes::from_string((*name).to_owned()))
        };
        let owners = owners.map(|owners| owners.iter().map(owner).collect());
        let request = DescribeDelegationTokenRequest::default().with_owners(owners);
        let response = self.call(3, &request).expect("an answer");
        assert_eq!(response.error_code, 0);
        response.tokens.iter().map(|token| token.token_id.to_string()).collect()
    }

    /// SaslHandshake and the whole of SCRAM, on a new connection or a live one.
    pub(crate) fn login(&mut self, who: Who<'_>) -> Login {
        let handshake = self.handshake(who.mechanism).expect("SaslHandshake to be served");
        if handshake.error_code != 0 {
            return Login { code: handshake.error_code, ..Login::default() };
        }
        self.scram(who)
    }

    /// SCRAM after SaslHandshake.
    pub(crate) fn scram(&mut self, who: Who<'_>) -> Login {
        let extension = if who.tokenauth { ",tokenauth=true" } else { "" };
        self.scram_with_first(who, &format!("n={},r=fyko-d2lbbFgONRv9qkxdawL{extension}", who.user))
    }

    /// SCRAM with a `client_first_bare` of the caller's making.
    pub(crate) fn scram_with_first(&mut self, who: Who<'_>, first_bare: &str) -> Login {
        self.scram_with_header(who, "n,,", first_bare)
    }

    /// SCRAM with a `gs2_header` of the caller's making, too.
    pub(crate) fn scram_with_header(&mut self, who: Who<'_>, gs2_header: &str, first_bare: &str) -> Login {
        let mut login = Login::default();
        let Some(answer) = self.authenticate(format!("{gs2_header}{first_bare}")) else { return login };
        login.take(&answer);
        if login.code != 0 {
            return login;
        }
        let server_first = String::from_utf8(answer.auth_bytes.to_vec()).expect("text");
        let attribute = |name: char| {
            let mut all = server_first.split(',');
            all.find_map(|it| it.strip_prefix(name)?.strip_prefix('=')).expect("an attribute").to_owned()
        };
        (login.salt, login.iterations) = (attribute('s'), attribute('i'));
        login.nonce = attribute('r');
        let binding = Base64::encode_string(gs2_header.as_bytes());
        let without_proof = format!("c={binding},r={}", login.nonce);
        let auth_message = format!("{first_bare},{server_first},{without_proof}");
        let salt = Base64::decode_vec(&login.salt).expect("base64");
        let count = login.iterations.parse().expect("a number");
        let (proof, signature) = match who.mechanism {
            "SCRAM-SHA-256" => proof::<Sha256, 32>(who.password, &salt, count, &auth_message),
            _ => proof::<Sha512, 64>(who.password, &salt, count, &auth_message),
        };
        let client_final = format!("{without_proof},p={}", Base64::encode_string(&proof));
        match self.authenticate(client_final) {
            Some(answer) => {
                login.take(&answer);
                if login.code == 0 {
                    assert_eq!(answer.auth_bytes, format!("v={}", Base64::encode_string(&signature)));
                }
            }
            None => login.step = 0,
        }
        login
    }

    /// Makes a token for whoever is logged in.
    pub(crate) fn create(&mut self, request: &CreateDelegationTokenRequest) -> CreateDelegationTokenResponse {
        self.call(3, request).expect("an answer")
    }

    /// The error code and the new expiry.
    pub(crate) fn renew(&mut self, hmac: &Bytes, period: i64) -> (i16, i64) {
        let request = RenewDelegationTokenRequest::default().with_hmac(hmac.clone());
        let response = self.call(2, &request.with_renew_period_ms(period)).expect("an answer");
        (response.error_code, response.expiry_timestamp_ms)
    }

    /// As [`Raw::expire`], again until the controller knows the token: it may learn of it later than
    /// brokers that already take logins with it.
    pub(crate) fn expire_known(&mut self, hmac: &Bytes, period: i64) -> (i16, i64) {
        Self::until_known(|| self.expire(hmac, period))
    }

    /// As [`Raw::renew`], again until the controller knows the token.
    pub(crate) fn renew_known(&mut self, hmac: &Bytes, period: i64) -> (i16, i64) {
        Self::until_known(|| self.renew(hmac, period))
    }

    fn until_known(mut call: impl FnMut() -> (i16, i64)) -> (i16, i64) {
        let patience = now() + PATIENCE;
        loop {
            let answer = call();
            if answer.0 != 62 || now() > patience {
                return answer;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The error code and the new expiry.
    pub(crate) fn expire(&mut self, hmac: &Bytes, period: i64) -> (i16, i64) {
        let request = ExpireDelegationTokenRequest::default().with_hmac(hmac.clone());
        let response = self.call(2, &request.with_expiry_time_period_ms(period)).expect("an answer");
        (response.error_code, response.expiry_timestamp_ms)
    }
}

impl Login {
    fn take(&mut self, answer: &SaslAuthenticateResponse) {
        self.step += 1;
        self.code = answer.error_code;
        self.text = answer.error_message.as_ref().map_or_else(String::new, |text| text.to_string());
        self.lifetime = Duration::from_millis(u64::try_from(answer.session_lifetime_ms).expect("a time"));
    }
}

/// A request for a token of one's own, as old as it may get.
pub(crate) fn own_token() -> CreateDelegationTokenRequest {
    CreateDelegationTokenRequest::default().with_max_lifetime_ms(-1)
}

/// A principal of the type `User` among the renewers.
pub(crate) fn renewer(name: &str) -> CreatableRenewers {
    CreatableRenewers::default()
        .with_principal_type(StrBytes::from_static_str("User"))
        .with_principal_name(StrBytes::from_string(name.to_owned()))
}

/// A socket to a port on loopback.
pub(crate) fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a broker that listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    stream.set_nodelay(true).expect("a TCP socket");
    stream
}

fn closed(error: io::Error) -> Option<Bytes> {
    let kinds = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
    None
}

/// RFC 5802 section 3: the client's proof and the server's signature.
fn proof<D: EagerHash + Digest, const N: usize>(
    password: &str,
    salt: &[u8],
    iterations: u32,
    auth_message: &str,
) -> (Vec<u8>, Vec<u8>) {
    let hmac = |key: &[u8], text: &[u8]| {
        let mut mac = <Hmac<D> as KeyInit>::new_from_slice(key).expect("any length of key");
        mac.update(text);
        mac.finalize().into_bytes().to_vec()
    };
    let salted = pbkdf2::pbkdf2_hmac_array::<D, N>(password.as_bytes(), salt, iterations);
    let client_key = hmac(&salted, b"Client Key");
    let stored_key = D::digest(&client_key);
    let signature = hmac(&stored_key, auth_message.as_bytes());
    let server_key = hmac(&salted, b"Server Key");
    let proof = client_key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    (proof, hmac(&server_key, auth_message.as_bytes()))
}
