use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::crypto::{AesKey, Salted};
use crate::enctype::Enctype;
use crate::error::Fault;
use crate::keytab::Keytab;
use crate::messages::EtypeInfo;
use crate::principal::Principal;

/// What a principal proves itself with to its KDC. `Debug` shows the kind alone.
#[derive(Clone)]
pub enum LongTermSecret {
    /// The keys of a keytab; those of other principals in it are not used.
    Keytab(Arc<Keytab>),
    /// A password, UTF-8.
    Password(Arc<Zeroizing<String>>),
}

impl LongTermSecret {
    /// Takes a password.
    pub fn password(password: String) -> Self {
        Self::Password(Arc::new(Zeroizing::new(password)))
    }

    /// Orders the types for a request: those that there is a key of come first.
    pub(super) fn order(&self, client: &Principal, enctypes: &[Enctype]) -> Vec<Enctype> {
        match self {
            Self::Keytab(keytab) => keytab.order_enctypes(client, enctypes),
            Self::Password(_) => enctypes.to_vec(),
        }
    }

    /// Gives the key for the first type of the KDC's list that there is one of, or of `enctypes`
    /// if the KDC names none.
    pub(super) fn choose(
        &self,
        client: &Principal,
        info: &[EtypeInfo],
        enctypes: &[Enctype],
    ) -> Result<ChosenKey, Fault> {
        if info.is_empty() {
            let first = enctypes.first().ok_or_else(|| Fault::NoKey { kdc: Vec::new() })?;
            return self.key(client, *first, None);
        }
        let named = || info.iter().map(|entry| entry.enctype);
        let entry = info.iter().find(|entry| {
            enctypes.contains(&entry.enctype)
                && match self {
                    Self::Keytab(keytab) => keytab.key(client, entry.enctype, None).is_some(),
                    Self::Password(_) => true,
                }
        });
        let entry = entry.ok_or_else(|| Fault::NoKey { kdc: named().collect() })?;
        self.key(client, entry.enctype, Some(entry))
    }

    /// Gives the key of one type; salt and iteration count are those of `info`, or the default.
    pub(super) fn key(
        &self,
        client: &Principal,
        enctype: Enctype,
        info: Option<&EtypeInfo>,
    ) -> Result<ChosenKey, Fault> {
        match self {
            Self::Keytab(keytab) => {
                let entry = keytab.key(client, enctype, None);
                let entry = entry.ok_or_else(|| Fault::NoKey { kdc: vec![enctype] })?;
                Ok(ChosenKey { key: AesKey::of(&entry.key)?, salted: None })
            }
            Self::Password(password) => {
                let given = info.and_then(|info| info.salt.clone());
                let salt = given.unwrap_or_else(|| default_salt(client));
                let parameters = info.and_then(|info| info.parameters.as_deref());
                let salted = Salted::new(enctype, &salt, parameters)?;
                Ok(ChosenKey { key: salted.key(password.as_bytes())?, salted: Some(salted) })
            }
        }
    }
}

impl fmt::Debug for LongTermSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keytab(_) => "Keytab(..)",
            Self::Password(_) => "Password(..)",
        })
    }
}

/// A key and how the password became it.
#[derive(Debug)]
pub(super) struct ChosenKey {
    pub(super) key: AesKey,
    /// Absent for a keytab: its keys are keys already.
    pub(super) salted: Option<Salted>,
}

/// RFC 4120 section 4: of the principal that we ask for, never of a name that a KDC sends.
fn default_salt(client: &Principal) -> Vec<u8> {
    let mut salt = client.realm.as_str().to_owned();
    client.name.components().iter().for_each(|component| salt.push_str(component));
    salt.into_bytes()
}
