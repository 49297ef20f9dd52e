use super::*;
use crate::crypto::{AesKey, Error as CryptoError, KeyUsage, Salted};
use crate::der;
use crate::error::{Class, Error, ErrorCode, Fault, ReplyFault, Stage};
use crate::forge::{self, NOW, Reply, key, principal, seconds, seed};
use crate::key::Key;
use crate::keytab::{Entry, Keytab};
use crate::messages::{EncryptedData, KdcReply};
use crate::time::ClockOffset;

mod login;
mod tgs;

const ALICE: &str = "alice@R";
const TGS: &str = "krbtgt/R@R";

fn keytab_of(keys: &[(u32, AesKey)]) -> LongTermSecret {
    let entries = keys.iter().map(|(kvno, key)| Entry {
        principal: principal(ALICE),
        timestamp: 0,
        kvno: *kvno,
        key: Key::new(key.enctype(), key.secret_bytes().to_vec()),
    });
    LongTermSecret::Keytab(std::sync::Arc::new(Keytab::new(entries.collect())))
}

#[test]
fn by_default_types_that_cannot_be_used_are_left_out() {
    let options = Options { enctypes: vec![Enctype(23), Enctype(19), Enctype(3)], ..Options::default() };
    assert_eq!(options.usable_enctypes(), [Enctype(19)]);
    assert_eq!(Options::default().usable_enctypes(), Enctype::SUPPORTED);
}
