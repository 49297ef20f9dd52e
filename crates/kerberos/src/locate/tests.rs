use std::future::ready;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use super::*;

fn address(text: &str) -> Result<String, AddressFault> {
    KdcAddress::parse(text).map(|kdc| kdc.to_string())
}

fn srv(priority: u16, weight: u16, target: &str) -> Srv {
    Srv { priority, weight, port: 88, target: target.to_owned() }
}

fn targets(records: Vec<Srv>, random: u32) -> String {
    order(records, || random).into_iter().map(|record| record.target).collect::<Vec<_>>().join(" ")
}

#[test]
fn reads_addresses_as_krb5_conf_has_them() {
    let cases = [
        ("kdc.example.test", "kdc.example.test:88"),
        ("kdc.example.test:1088", "kdc.example.test:1088"),
        ("127.0.0.1:65535", "127.0.0.1:65535"),
        ("[::1]", "[::1]:88"),
        ("[fe80::1%eth0]:750", "[fe80::1%eth0]:750"),
        ("kdc # the old one", "kdc:88"),
        ("kdc:99 kdc2", "kdc:99"),
    ];
    for (text, shown) in cases {
        assert_eq!(address(text), Ok(shown.to_owned()), "{text}");
    }
}

#[test]
fn says_why_an_address_cannot_be_used() {
    for text in ["", " ", ":88", "88", "[]", "[]:88"] {
        assert_eq!(address(text), Err(AddressFault::NoHost), "{text}");
    }
    for text in ["kdc:", "kdc:0", "kdc:65536", "kdc:x", "kdc:8x", "::1", "[::1]:"] {
        let expected = if text == "::1" { AddressFault::NoHost } else { AddressFault::Port };
        assert_eq!(address(text), Err(expected), "{text}");
    }
    assert_eq!([address("[::1"), address("[::1]88")], [const { Err(AddressFault::Brackets) }; 2]);
    assert_eq!(address("https://proxy.test/KdcProxy"), Err(AddressFault::Proxy));
    assert_eq!(address("/run/kdc"), Err(AddressFault::UnixSocket));
}

#[test]
fn the_configured_kdcs_come_in_order_and_once() {
    let conf = b"[realms]\nR={\nkdc=a\nkdc=b:99\nkdc=https://p\nprimary_kdc=b:99\nprimary_kdc=c\n}\nS={\nmaster_kdc=d\n}";
    let conf = Krb5Conf::parse(conf).unwrap();
    let found = Configured::new(&conf, &Realm::new("R"));
    assert_eq!(found.kdcs.iter().map(KdcAddress::to_string).collect::<Vec<_>>(), ["a:88", "b:99", "c:88"]);
    assert_eq!(found.unusable, [Unusable { value: "https://p".to_owned(), fault: AddressFault::Proxy }]);
    assert_eq!(Configured::new(&conf, &Realm::new("S")).kdcs[0].to_string(), "d:88");
    assert_eq!(Configured::new(&conf, &Realm::new("T")), Configured::default());
}

#[test]
fn records_are_ordered_by_priority_then_by_lot() {
    let records = || vec![srv(2, 0, "late"), srv(1, 10, "a"), srv(1, 30, "b"), srv(1, 0, "zero")];
    // The first draw is of 0 to 40: 0 takes what has no weight, 1 to 10 a, the rest b.
    assert_eq!(targets(records(), 0), "zero a b late");
    assert_eq!(targets(records(), 10), "a b zero late");
    assert_eq!(targets(records(), 11), "b zero a late");
    assert_eq!(targets(records(), 40), "b a zero late");
    assert_eq!(targets(vec![srv(1, u16::MAX, "a"), srv(1, u16::MAX, "b")], u32::MAX).len(), 3);
    assert_eq!(targets(vec![], 7), "");
}

#[test]
fn weights_decide_how_often_a_record_is_first() {
    let records = || vec![srv(1, 1, "a"), srv(1, 3, "b")];
    let first = |random| order(records(), || random).remove(0).target;
    let wins = (0..500).filter(|random| first(*random) == "b").count();
    // 0 and 1 of 0 to 4 take a: RFC 2782's draw favours the first record by one.
    assert_eq!(wins, 300);
}

#[test]
fn names_are_complete_and_only_of_what_dns_can_name() {
    let names = |realm: &str| srv::names(&Realm::new(realm)).map(|names| names.map(|(_, name)| name));
    let expected = ["_kerberos._tcp.A.TEST.".to_owned(), "_kerberos._udp.A.TEST.".to_owned()];
    assert_eq!((names("A.TEST"), names("A.TEST.")), (Some(expected.clone()), Some(expected)));
    for realm in ["", ".", "A..B", "A B", "A\0", "ä", &"a".repeat(64), &"a.".repeat(125)] {
        assert_eq!(names(realm), None, "{realm}");
    }
}

/// A resolver that answers at once and keeps the names that it was asked for.
struct Answers(fn(&str) -> io::Result<Vec<Srv>>, Mutex<Vec<String>>);

impl ResolveSrv for Answers {
    fn srv<'a>(&'a self, name: &'a str) -> SrvFuture<'a> {
        self.1.lock().unwrap().push(name.to_owned());
        Box::pin(ready((self.0)(name)))
    }
}

fn located(conf: &str, answer: fn(&str) -> io::Result<Vec<Srv>>) -> (Result<Vec<KdcAddress>, NoKdc>, usize) {
    let (conf, realm) = (Krb5Conf::parse(conf.as_bytes()).unwrap(), Realm::new("R.TEST"));
    let answers = Answers(answer, Mutex::default());
    let future = std::pin::pin!(kdcs(&conf, &realm, Some(&answers), || 0));
    let Poll::Ready(found) = future.poll(&mut Context::from_waker(Waker::noop())) else { panic!("pending") };
    let asked = answers.1.lock().unwrap().len();
    (found, asked)
}

fn shown(found: Vec<KdcAddress>) -> Vec<(String, Transport)> {
    found.into_iter().map(|kdc| (kdc.to_string(), kdc.transport)).collect()
}

#[test]
fn dns_is_asked_only_if_krb5_conf_lists_no_kdc() {
    let one = |_: &str| Ok(vec![srv(0, 0, "kdc.r.test.")]);
    let (found, asked) = located("[realms]\nR.TEST={\nkdc=a\n}", one);
    assert_eq!((shown(found.unwrap()), asked), (vec![("a:88".to_owned(), Transport::TcpOrUdp)], 0));
    let (found, asked) = located("[realms]\nR.TEST={\nkdc=/socket\n}", one);
    let expected = [Transport::Tcp, Transport::Udp].map(|transport| ("kdc.r.test:88".to_owned(), transport));
    assert_eq!((shown(found.unwrap()), asked), (expected.to_vec(), 2));
    let (found, asked) = located("[libdefaults]\ndns_lookup_kdc=no", one);
    assert_eq!((found.unwrap_err().dns, asked), (Dns::NotAsked, 0));
}

#[test]
fn one_failed_lookup_does_not_hide_what_the_other_found() {
    let udp_only = |name: &str| match name {
        "_kerberos._udp.R.TEST." => Ok(vec![srv(0, 0, "kdc")]),
        _ => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    assert_eq!(shown(located("", udp_only).0.unwrap()), [("kdc:88".to_owned(), Transport::Udp)]);
}

#[test]
fn an_error_says_where_was_looked() {
    let none = |_: &str| Ok(vec![srv(0, 0, ".")]);
    let error = located("", none).0.unwrap_err().to_string();
    assert_eq!(error, "no KDC for realm R.TEST: krb5.conf lists none; DNS has no SRV records");
    let failed = |_: &str| Err(io::Error::from(io::ErrorKind::TimedOut));
    let error = located("[realms]\nR.TEST={\nkdc=https://p\nkdc=:1\n}", failed).0.unwrap_err().to_string();
    let expected = "no KDC for realm R.TEST: \"https://p\" is an HTTPS proxy, which is not supported, \
                    \":1\" names no host; DNS could not be asked: timed out";
    assert_eq!(error, expected);
}
