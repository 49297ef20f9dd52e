//! The principal of a broker, by the rules of Kafka's Java client.

use std::net::IpAddr;

use ottla_kerberos::conf::Krb5Conf;
use ottla_kerberos::exchange::ServiceRequest;
use ottla_kerberos::principal::{NameType, PrincipalName, Realm};

use super::Fault;

/// Names the service of the broker at `host`: the name that the client connects to, in lower
/// case, without a final dot. Names are not looked up: whoever answers for DNS would decide whom
/// we trust.
pub(super) fn name(service: &str, host: &str) -> Result<PrincipalName, Fault> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return Err(Fault::IpAddress { service: service.into(), host: host.into() });
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    Ok(PrincipalName::new(NameType::SRV_HST, [service.to_owned(), host]))
}

/// Adds the realm, as `[domain_realm]` has it; else the client's KDC is to find it.
pub(super) fn request(name: PrincipalName, conf: &Krb5Conf, client: Option<&Realm>) -> ServiceRequest {
    let host = name.components().last().map_or("", String::as_str);
    let Some(realm) = conf.realm_of_host(host) else { return ServiceRequest::by_referral(name) };
    let path = client.and_then(|client| conf.path_between(client, &realm)).unwrap_or_default();
    ServiceRequest { path, ..ServiceRequest::in_realm(name, realm) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_connected_to_in_lower_case_and_without_a_final_dot() {
        let shown = |host| name("kafka", host).unwrap().to_string();
        assert_eq!(shown("B1.Example.COM."), "kafka/b1.example.com");
        assert_eq!(shown("bunny"), "kafka/bunny");
    }

    #[test]
    fn an_ip_address_is_no_host_of_a_service() {
        for host in ["127.0.0.1", "::1", "[2001:db8::1]"] {
            let fault = name("kafka", host).unwrap_err();
            assert_eq!(fault, Fault::IpAddress { service: "kafka".into(), host: host.into() });
            assert!(fault.to_string().contains(host) && fault.to_string().contains("host name"), "{fault}");
        }
    }

    #[test]
    fn the_realm_and_the_way_to_it_are_those_of_krb5_conf() {
        let text = b"[domain_realm]\n .example.com = FAR\n[capaths]\n NEAR = {\n FAR = MIDDLE\n }\n";
        let conf = Krb5Conf::parse(text).unwrap();
        let near = Realm::new("NEAR");
        let asked = |host| request(name("kafka", host).unwrap(), &conf, Some(&near));
        let far = asked("b1.example.com");
        assert_eq!((far.realm, far.path), (Some(Realm::new("FAR")), vec![Realm::new("MIDDLE")]));
        assert_eq!(asked("b1").realm, None);
    }
}
