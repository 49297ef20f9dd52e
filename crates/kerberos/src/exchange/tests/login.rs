use super::*;

fn client_key() -> AesKey {
    key(Enctype(18), 5)
}

fn begin_with(secret: LongTermSecret) -> AsExchange {
    let options = Options::default();
    AsExchange::begin(principal(ALICE), secret, options, ClockOffset::ZERO, NOW, &seed(1)).unwrap().1
}

fn begin() -> AsExchange {
    begin_with(keytab_of(&[(1, client_key())]))
}

fn step(reply: &[u8]) -> Result<Step<AsExchange, Login>, Error> {
    begin().step(reply, NOW, &seed(2))
}

fn refusal_of(reply: &Reply) -> Fault {
    let error = step(&reply.encode(11, &client_key(), KeyUsage::AS_REP)).unwrap_err();
    assert_eq!((error.class(), error.stage()), (Class::Security, Stage::Login));
    error.fault().clone()
}

fn right() -> Reply {
    Reply::to(&seed(1), ALICE, TGS)
}

fn done(step: Result<Step<AsExchange, Login>, Error>) -> Login {
    match step.unwrap() {
        Step::Done(login) => login,
        Step::Send { .. } => panic!("asks again"),
    }
}

fn again(step: Result<Step<AsExchange, Login>, Error>) -> AsExchange {
    match step.unwrap() {
        Step::Send { next, .. } => next,
        Step::Done(_) => panic!("is done"),
    }
}

#[test]
fn takes_a_reply_that_is_right_under_either_tag() {
    for part_tag in [25, 26] {
        let reply = Reply { part_tag, ..right() };
        let login = done(step(&reply.encode(11, &client_key(), KeyUsage::AS_REP)));
        assert_eq!((login.tgt.server, login.offset), (principal(TGS), ClockOffset::ZERO));
    }
}

#[test]
fn refuses_a_reply_with_another_nonce() {
    assert_eq!(refusal_of(&Reply { nonce: 77, ..right() }), ReplyFault::Nonce.into());
}

#[test]
fn refuses_a_reply_for_another_client() {
    let fault = ReplyFault::Client.into();
    assert_eq!(refusal_of(&Reply { client: principal("bob@R"), ..right() }), fault);
    assert_eq!(refusal_of(&Reply { client: principal("alice@S"), ..right() }), fault);
}

#[test]
fn refuses_a_ticket_for_another_server_or_of_another_realm() {
    for other in ["kafka/b@R", "krbtgt/S@R", "krbtgt/R@S"] {
        let reply = Reply { server: principal(other), ticket_server: principal(other), ..right() };
        assert_eq!(refusal_of(&reply), ReplyFault::Server.into());
    }
}

#[test]
fn refuses_a_ticket_whose_outside_names_another_server_than_the_sealed_part() {
    for other in ["kafka/b@R", "krbtgt/R@S"] {
        let reply = Reply { ticket_server: principal(other), ..right() };
        assert_eq!(refusal_of(&reply), ReplyFault::TicketServer.into());
    }
}

#[test]
fn refuses_a_ticket_that_lasts_longer_than_was_asked_for() {
    let day = 24 * 3600;
    done(step(&Reply { end_time: seconds(day), ..right() }.encode(11, &client_key(), KeyUsage::AS_REP)));
    assert_eq!(refusal_of(&Reply { end_time: seconds(day + 1), ..right() }), ReplyFault::EndTime.into());
}

#[test]
fn refuses_a_ticket_that_does_not_start_now() {
    for offset in [-301, 301] {
        let reply = Reply { start_time: Some(seconds(offset)), ..right() };
        assert_eq!(refusal_of(&reply), ReplyFault::StartTime.into());
    }
}

#[test]
fn refuses_a_reply_sealed_with_a_type_that_was_not_offered() {
    let sealed = EncryptedData { enctype: Enctype(23), kvno: None, cipher: vec![0; 60] };
    let error = step(&right().encode_sealed(11, &sealed)).unwrap_err();
    assert_eq!(error.fault(), &ReplyFault::Enctype(Enctype(23)).into());
}

#[test]
fn refuses_a_session_key_of_a_type_that_was_not_offered() {
    let reply = Reply { session_key: Key::new(Enctype(23), vec![0; 16]), ..right() };
    assert_eq!(refusal_of(&reply), ReplyFault::SessionEnctype(Enctype(23)).into());
}

#[test]
fn refuses_a_session_key_of_a_wrong_length() {
    let reply = Reply { session_key: Key::new(Enctype(18), vec![0; 16]), ..right() };
    assert_eq!(refusal_of(&reply), ReplyFault::SessionKey.into());
}

#[test]
fn refuses_a_reply_sealed_for_another_use() {
    let error = step(&right().encode(11, &client_key(), KeyUsage::TGS_REP_SESSION)).unwrap_err();
    assert_eq!(error.fault(), &Fault::Crypto(CryptoError::Integrity));
}

#[test]
fn refuses_der_that_is_not_der() {
    let reply = right().encode(11, &client_key(), KeyUsage::AS_REP);
    let refusal = |bytes: &[u8]| step(bytes).unwrap_err().fault().clone();
    let indefinite = forge::with_indefinite_length(&reply);
    assert_eq!(refusal(&indefinite), Fault::Malformed(der::Error::IndefiniteLength));
    let long = forge::with_long_length(&reply);
    assert_eq!(refusal(&long), Fault::Malformed(der::Error::NonMinimalLength));
    let trailing = [&reply[..], &[0]].concat();
    assert_eq!(refusal(&trailing), Fault::Malformed(der::Error::TrailingBytes));
    let cut = &reply[..reply.len() - 1];
    assert_eq!(refusal(cut), Fault::Malformed(der::Error::Truncated));
    assert!(matches!(refusal(&[]), Fault::Malformed(der::Error::UnexpectedTag { got: None, .. })));
    // The same inside what the KDC sealed.
    let part = [right().part(), vec![0]].concat();
    let sealed = EncryptedData::seal(&client_key(), KeyUsage::AS_REP, &[3; 16], &part);
    let error = step(&right().encode_sealed(11, &sealed)).unwrap_err();
    assert_eq!(error.fault(), &Fault::Malformed(der::Error::TrailingBytes));
}

#[test]
fn refuses_the_reply_of_another_exchange() {
    let reply = right().encode(KdcReply::TGS, &client_key(), KeyUsage::AS_REP);
    assert!(matches!(step(&reply).unwrap_err().fault(), Fault::Malformed(der::Error::UnexpectedTag { .. })));
}

#[test]
fn finds_the_key_whatever_version_the_reply_names() {
    let secret = || keytab_of(&[(1, key(Enctype(18), 1)), (9, key(Enctype(18), 2)), (3, client_key())]);
    for kvno in [None, Some(3), Some(9), Some(77)] {
        let reply = Reply { kvno, ..right() }.encode(11, &client_key(), KeyUsage::AS_REP);
        done(begin_with(secret()).step(&reply, NOW, &seed(2)));
    }
    let foreign = right().encode(11, &key(Enctype(18), 6), KeyUsage::AS_REP);
    let error = begin_with(secret()).step(&foreign, NOW, &seed(2)).unwrap_err();
    assert_eq!(error.fault(), &Fault::Crypto(CryptoError::Integrity));
}

#[test]
fn fails_before_asking_if_there_is_no_key_at_all() {
    let secret = keytab_of(&[]);
    let begun =
        AsExchange::begin(principal(ALICE), secret, Options::default(), ClockOffset::ZERO, NOW, &seed(1));
    assert_eq!(begun.unwrap_err().fault(), &Fault::NoKey { kdc: Vec::new() });
}

#[test]
fn fails_if_the_kdc_uses_no_type_that_there_is_a_key_of() {
    let data = forge::method_data(&[(17, None, None), (23, None, None)]);
    let error = step(&forge::krb_error(25, NOW.time(), Some(&data))).unwrap_err();
    assert_eq!(error.fault(), &Fault::NoKey { kdc: vec![Enctype(17), Enctype(23)] });
    assert_eq!(error.class(), Class::Config);
    let sealed = EncryptedData { enctype: Enctype(17), kvno: None, cipher: vec![0; 60] };
    let error = step(&right().encode_sealed(11, &sealed)).unwrap_err();
    assert_eq!(error.fault(), &Fault::NoKey { kdc: vec![Enctype(17)] });
}

#[test]
fn fails_if_the_kdc_wants_another_proof_than_a_timestamp() {
    let data = forge::padata(&[(16, b""), (19, b"\x30\x00")]);
    let error = step(&forge::krb_error(25, NOW.time(), Some(&data))).unwrap_err();
    assert_eq!(error.fault(), &Fault::PreauthUnsupported);
}

#[test]
fn gives_up_on_a_kdc_that_asks_for_the_same_proof_over_and_over() {
    let data = forge::method_data(&[(18, None, None)]);
    let reply = forge::krb_error(25, NOW.time(), Some(&data));
    let mut exchange = begin();
    for round in 2..5 {
        exchange = again(exchange.step(&reply, NOW, &seed(round)));
    }
    let error = exchange.step(&reply, NOW, &seed(9)).unwrap_err();
    assert_eq!(error.fault(), &Fault::TooManyRequests);
}

#[test]
fn believes_the_clock_of_an_error_only_once() {
    let skew = |offset| forge::krb_error(37, seconds(offset), None);
    let exchange = again(begin().step(&skew(1000), NOW, &seed(2)));
    let error = exchange.step(&skew(2000), NOW, &seed(3)).unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode::SKEW), Class::Config));
    assert!(error.hint().unwrap().contains("+999 s"), "{:?}", error.hint());
}

#[test]
fn learns_the_clock_from_a_reply_that_our_key_seals() {
    let reply = Reply {
        auth_time: seconds(5000),
        start_time: Some(seconds(5000)),
        end_time: seconds(5000 + 24 * 3600),
        ..right()
    };
    let login = done(step(&reply.encode(11, &client_key(), KeyUsage::AS_REP)));
    assert_eq!(login.offset.as_micros(), 5_000_000_000 - 123_456);
}

#[test]
fn follows_no_clock_if_told_so() {
    let options = Options { follow_clock: false, ..Options::default() };
    let begin = || {
        let secret = keytab_of(&[(1, client_key())]);
        let begun =
            AsExchange::begin(principal(ALICE), secret, options.clone(), ClockOffset::ZERO, NOW, &seed(1));
        begun.unwrap().1
    };
    let error = begin().step(&forge::krb_error(37, seconds(1000), None), NOW, &seed(2)).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::SKEW));
    let reply = Reply { auth_time: seconds(5000), start_time: Some(seconds(5000)), ..right() };
    let reply = reply.encode(11, &client_key(), KeyUsage::AS_REP);
    let error = begin().step(&reply, NOW, &seed(2)).unwrap_err();
    assert_eq!(error.fault(), &ReplyFault::StartTime.into());
}

fn password() -> LongTermSecret {
    LongTermSecret::password("secret".to_owned())
}

fn preauth_required(salt: &str) -> Vec<u8> {
    forge::krb_error(25, NOW.time(), Some(&forge::method_data(&[(18, Some(salt), None)])))
}

fn preauth_failed(salt: &str) -> Vec<u8> {
    forge::krb_error(24, NOW.time(), Some(&forge::method_data(&[(18, Some(salt), None)])))
}

#[test]
fn tries_another_salt_once_for_a_password() {
    let failed =
        |salt: &str, exchange: AsExchange, round| exchange.step(&preauth_failed(salt), NOW, &seed(round));
    let exchange = again(begin_with(password()).step(&preauth_required("old"), NOW, &seed(2)));
    // The same salt: the password is wrong.
    let error = failed("old", exchange, 3).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PREAUTH_FAILED));
    let exchange = again(begin_with(password()).step(&preauth_required("old"), NOW, &seed(2)));
    let exchange = again(failed("new", exchange, 3));
    let error = failed("newer", exchange, 4).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PREAUTH_FAILED));
}

#[test]
fn a_keytab_has_no_salt_to_correct() {
    let exchange = again(begin().step(&preauth_required("old"), NOW, &seed(2)));
    let error = exchange.step(&preauth_failed("new"), NOW, &seed(3)).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::PREAUTH_FAILED));
}

#[test]
fn the_salt_is_that_of_the_request_unless_the_kdc_names_one() {
    let reply_under = |salt: &str, exchange: AsExchange, seeded: u8| {
        let key = Salted::new(Enctype(18), salt.as_bytes(), None).unwrap().key(b"secret").unwrap();
        let reply = Reply::to(&seed(seeded), ALICE, TGS);
        exchange.step(&reply.encode(11, &key, KeyUsage::AS_REP), NOW, &seed(9))
    };
    done(reply_under("Ralice", begin_with(password()), 1));
    let exchange = again(begin_with(password()).step(&preauth_required("named"), NOW, &seed(2)));
    done(reply_under("named", exchange, 2));
}

#[test]
fn refuses_an_iteration_count_out_of_bounds() {
    let data = forge::method_data(&[(18, None, Some(&[0, 0, 0, 1]))]);
    let error = begin_with(password())
        .step(&forge::krb_error(25, NOW.time(), Some(&data)), NOW, &seed(2))
        .unwrap_err();
    assert_eq!(error.fault(), &Fault::Crypto(CryptoError::IterationCount { got: 1 }));
    assert_eq!(error.class(), Class::Config);
}

#[test]
fn sends_no_proof_to_another_realm() {
    let error = step(&forge::krb_error(68, NOW.time(), None)).unwrap_err();
    assert_eq!((error.code(), error.class()), (Some(ErrorCode::WRONG_REALM), Class::Config));
}
