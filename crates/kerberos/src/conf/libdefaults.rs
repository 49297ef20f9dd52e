//! The section `[libdefaults]`.

use std::path::PathBuf;
use std::time::Duration;

use super::Ignored;
use super::duration::duration;
use super::profile::{self, Profile};
use crate::enctype::Enctype;
use crate::principal::Realm;

/// MIT sends no datagram larger than this, whatever the configuration says.
const MAX_UDP_LIMIT: u32 = 32_700;

/// Whether host names in service principals are replaced by what DNS calls the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Canonicalize {
    /// The name stays as it was given.
    #[default]
    No,
    /// The name that DNS gives is used.
    Yes,
    /// The name as it was given is tried first.
    Fallback,
}

/// The section `[libdefaults]`, with defaults for what it does not say.
///
/// They are MIT's, except that names are not looked up in DNS (`rdns`,
/// `dns_canonicalize_hostname`: off, so that no resolver decides which service is spoken to) and
/// that KDCs are asked over TCP (`udp_preference_limit`: 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibDefaults {
    /// The realm of a principal that names none. Default: none.
    pub default_realm: Option<Realm>,
    /// Whether DNS (SRV) is asked for KDCs of a realm without `kdc` lines. Default: true.
    pub dns_lookup_kdc: bool,
    /// Whether DNS (TXT) is asked for the realm of a host. Default: false.
    pub dns_lookup_realm: bool,
    /// The types that a session key may have, most wanted first. Types that this crate cannot use
    /// are left out, so that the list may be empty. Default: [`Enctype::SUPPORTED`].
    pub permitted_enctypes: Vec<Enctype>,
    /// The types to ask for in a login. Default: `permitted_enctypes`.
    pub default_tkt_enctypes: Vec<Enctype>,
    /// The types to ask for with a service ticket. Default: `permitted_enctypes`.
    pub default_tgs_enctypes: Vec<Enctype>,
    /// A request of at most so many bytes is sent by UDP first, at most 32,700. Default: 1, that
    /// is never.
    pub udp_preference_limit: u32,
    /// How far clocks may be apart. Default: 300 s.
    pub clockskew: Duration,
    /// Whether the KDC's clock is followed, if it differs from ours. Default: true.
    pub kdc_timesync: bool,
    /// How long a ticket is asked to last. Default: 24 h.
    pub ticket_lifetime: Duration,
    /// How long a ticket is asked to be renewable; zero for not at all. Default: zero.
    pub renew_lifetime: Duration,
    /// Whether addresses are looked up to find the name of a host. Default: false.
    pub rdns: bool,
    /// Whether DNS is asked for the name of a host. Default: no.
    pub dns_canonicalize_hostname: Canonicalize,
    /// The keytab to log in with if none is named; `%{..}` tokens as they stand.
    pub default_client_keytab_name: Option<String>,
    /// The ticket cache if `KRB5CCNAME` is not set; `%{..}` tokens as they stand.
    pub default_ccache_name: Option<String>,
}

impl Default for LibDefaults {
    fn default() -> Self {
        Self {
            default_realm: None,
            dns_lookup_kdc: true,
            dns_lookup_realm: false,
            permitted_enctypes: Enctype::SUPPORTED.to_vec(),
            default_tkt_enctypes: Enctype::SUPPORTED.to_vec(),
            default_tgs_enctypes: Enctype::SUPPORTED.to_vec(),
            udp_preference_limit: 1,
            clockskew: Duration::from_secs(300),
            kdc_timesync: true,
            ticket_lifetime: Duration::from_secs(86_400),
            renew_lifetime: Duration::ZERO,
            rdns: false,
            dns_canonicalize_hostname: Canonicalize::No,
            default_client_keytab_name: None,
            default_ccache_name: None,
        }
    }
}

impl LibDefaults {
    /// Reads the section, and lists what could not be understood.
    pub(super) fn read(profiles: &[Profile], files: &[PathBuf]) -> (Self, Vec<Ignored>) {
        let mut section = Section { profiles, files, ignored: Vec::new() };
        let default = Self::default();
        let text = |text: &str| Some(text.to_owned());
        let permitted = section
            .read("permitted_enctypes", enctypes)
            .unwrap_or_else(|| default.permitted_enctypes.clone());
        // The older name of the relation.
        let dns = section.read("dns_fallback", boolean).unwrap_or(default.dns_lookup_kdc);
        let read = Self {
            default_realm: section.read("default_realm", |name| Some(Realm::new(name))),
            dns_lookup_kdc: section.read("dns_lookup_kdc", boolean).unwrap_or(dns),
            dns_lookup_realm: section.read("dns_lookup_realm", boolean).unwrap_or(default.dns_lookup_realm),
            default_tkt_enctypes: section
                .read("default_tkt_enctypes", enctypes)
                .unwrap_or_else(|| permitted.clone()),
            default_tgs_enctypes: section
                .read("default_tgs_enctypes", enctypes)
                .unwrap_or_else(|| permitted.clone()),
            permitted_enctypes: permitted,
            udp_preference_limit: section
                .read("udp_preference_limit", |text| text.parse().ok())
                .map_or(default.udp_preference_limit, |limit: u32| limit.min(MAX_UDP_LIMIT)),
            clockskew: section.read("clockskew", duration).unwrap_or(default.clockskew),
            kdc_timesync: section.read("kdc_timesync", boolean).unwrap_or(default.kdc_timesync),
            ticket_lifetime: section.read("ticket_lifetime", duration).unwrap_or(default.ticket_lifetime),
            renew_lifetime: section.read("renew_lifetime", duration).unwrap_or(default.renew_lifetime),
            rdns: section.read("rdns", boolean).unwrap_or(default.rdns),
            dns_canonicalize_hostname: section
                .read("dns_canonicalize_hostname", canonicalize)
                .unwrap_or(default.dns_canonicalize_hostname),
            default_client_keytab_name: section.read("default_client_keytab_name", text),
            default_ccache_name: section.read("default_ccache_name", text),
        };
        (read, section.ignored)
    }
}

struct Section<'a> {
    profiles: &'a [Profile],
    files: &'a [PathBuf],
    ignored: Vec<Ignored>,
}

impl Section<'_> {
    /// Reads the first value of a relation.
    fn read<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let value = profile::values(self.profiles, &["libdefaults"], name).into_iter().next()?;
        let parsed = parse(&value.text);
        if parsed.is_none() {
            let file = self.files.get(value.file).cloned().unwrap_or_default();
            self.ignored.push(Ignored { file, line: value.line, name, value: value.text.clone() });
        }
        parsed
    }
}

fn boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_one_of(&["y", "yes", "true", "t", "1", "on"]) {
        return Some(true);
    }
    is_one_of(&["n", "no", "false", "nil", "0", "off"]).then_some(false)
}

fn canonicalize(text: &str) -> Option<Canonicalize> {
    if text.eq_ignore_ascii_case("fallback") {
        return Some(Canonicalize::Fallback);
    }
    boolean(text).map(|yes| if yes { Canonicalize::Yes } else { Canonicalize::No })
}

/// Reads a list of types, families (`aes`) and `DEFAULT`, with `-` to take out what was put in. A
/// name that is not known is skipped, as MIT does: files outlive types.
#[expect(clippy::unnecessary_wraps, reason = "one of the parsers of values, the others can fail")]
fn enctypes(text: &str) -> Option<Vec<Enctype>> {
    let mut list = Vec::new();
    for word in text.split([' ', '\t', '\r', '\n', ',']).filter(|word| !word.is_empty()) {
        let (takes_out, name) = match word.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, word.strip_prefix('+').unwrap_or(word)),
        };
        let named = match name {
            _ if name.eq_ignore_ascii_case("DEFAULT") || name.eq_ignore_ascii_case("aes") => {
                Enctype::SUPPORTED.to_vec()
            }
            _ => Enctype::from_name(name).into_iter().filter(|enctype| enctype.is_supported()).collect(),
        };
        list.retain(|enctype| !takes_out || !named.contains(enctype));
        let added: Vec<_> =
            named.into_iter().filter(|enctype| !takes_out && !list.contains(enctype)).collect();
        list.extend(added);
    }
    Some(list)
}
