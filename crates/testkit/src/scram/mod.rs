//! The server side of SCRAM as Kafka speaks it (RFC 5802, RFC 7677, KIP-48).

mod keys;
mod message;

use std::sync::Arc;

pub(crate) use keys::{ITERATIONS, ScramHash, ScramKeys};
pub(crate) use message::ClientFirst;

/// The exchange after server-first: it awaits client-final.
#[derive(Debug)]
pub(crate) struct ExpectClientFinal {
    keys: Arc<ScramKeys>,
    nonce: String,
    /// client-first-bare and server-first, as they stand in the AuthMessage.
    messages: String,
}

impl ExpectClientFinal {
    /// Answers client-first with server-first.
    pub(crate) fn start(first: &ClientFirst, keys: Arc<ScramKeys>, server_nonce: &str) -> (Self, String) {
        let nonce = format!("{}{server_nonce}", first.nonce);
        let server_first = format!("r={nonce},s={},i={}", keys.salt_base64(), keys.iterations());
        let messages = format!("{},{server_first}", first.bare);
        (Self { keys, nonce, messages }, server_first)
    }

    /// Answers client-final with server-final; none if the nonce or the proof is wrong.
    pub(crate) fn finish(self, client_final: &[u8]) -> Option<String> {
        let message = message::ClientFinal::parse(client_final)?;
        if message.nonce != self.nonce {
            return None;
        }
        let auth_message = format!("{},{}", self.messages, message.without_proof);
        let signature = self.keys.verify(&auth_message, &message.proof)?;
        Some(format!("v={signature}"))
    }
}
