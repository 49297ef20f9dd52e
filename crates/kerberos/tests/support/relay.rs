//! A port in front of a KDC that keeps the messages that pass, and may change requests.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A relay for TCP; it ends with the test process.
pub(crate) struct Relay {
    pub(crate) port: u16,
    heard: mpsc::Receiver<Vec<u8>>,
}

impl Relay {
    /// Starts a relay to the KDC at `kdc_port`, which gets what `change` makes of each request.
    pub(crate) fn start(kdc_port: u16, change: fn(&[u8]) -> Vec<u8>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, heard) = mpsc::channel();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, mut kdc) =
                    (client.unwrap(), TcpStream::connect(("127.0.0.1", kdc_port)).unwrap());
                // A client may connect and say nothing.
                let Ok(request) = receive(&mut client) else { continue };
                send(&mut kdc, &change(&request));
                let reply = receive(&mut kdc).unwrap();
                if tell.send(request).and_then(|()| tell.send(reply.clone())).is_err() {
                    return;
                }
                send(&mut client, &reply);
            }
        });
        Self { port, heard }
    }

    /// The messages since the last call, requests as they came and replies by turns.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.try_iter().collect()
    }
}

fn send(stream: &mut TcpStream, message: &[u8]) {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], message].concat()).unwrap();
}

fn receive(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut message)?;
    Ok(message)
}
