use super::derive::{Purpose, usage_key};
use super::profile::Profile;
use super::*;

const AES128_SHA1: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;
const AES256_SHA1: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const AES128_SHA256: Enctype = Enctype::AES128_CTS_HMAC_SHA256_128;
const AES256_SHA384: Enctype = Enctype::AES256_CTS_HMAC_SHA384_192;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|letter| letter.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

fn password_key(enctype: Enctype, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
    Salted::unbounded(enctype, salt, iterations).key(password).unwrap().secret_bytes().to_vec()
}

#[test]
fn hashes_passwords_as_rfc_6070() {
    let run = |password: &[u8], salt: &[u8], rounds, length| {
        let mut out = vec![0; length];
        pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, salt, rounds, &mut out);
        out
    };
    assert_eq!(run(b"password", b"salt", 1, 20), hex("0c60c80f961f0e71f3a9b524af6012062fe037a6"));
    assert_eq!(run(b"password", b"salt", 2, 20), hex("ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"));
    assert_eq!(run(b"password", b"salt", 4096, 20), hex("4b007901b765489abead49d926f721d065a429c1"));
    let long = run(b"passwordPASSWORDpassword", b"saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25);
    assert_eq!(long, hex("3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"));
    assert_eq!(run(b"pass\0word", b"sa\0lt", 4096, 16), hex("56fa6aa75548099dcc37d7f03425e0c3"));
}

#[test]
fn makes_keys_of_passwords_as_rfc_3962_appendix_b() {
    let athena = b"ATHENA.MIT.EDUraeburn".as_slice();
    let (x64, x65) = ([b'X'; 64], [b'X'; 65]);
    for (password, salt, iterations, short, long) in [
        (
            b"password".as_slice(),
            athena,
            1,
            "42263c6e89f4fc28b8df68ee09799f15",
            "fe697b52bc0d3ce14432ba036a92e65bbb52280990a2fa27883998d72af30161",
        ),
        (
            b"password",
            athena,
            2,
            "c651bf29e2300ac27fa469d693bdda13",
            "a2e16d16b36069c135d5e9d2e25f896102685618b95914b467c67622225824ff",
        ),
        (
            b"password",
            athena,
            1200,
            "4c01cd46d632d01e6dbe230a01ed642a",
            "55a6ac740ad17b4846941051e1e8b0a7548d93b0ab30a8bc3ff16280382b8c2a",
        ),
        (
            b"password",
            &hex("1234567878563412"),
            5,
            "e9b23d52273747dd5c35cb55be619d8e",
            "97a4e786be20d81a382d5ebc96d5909cabcdadc87ca48f574504159f16c36e31",
        ),
        (
            &x64,
            b"pass phrase equals block size",
            1200,
            "59d1bb789a828b1aa54ef9c2883f69ed",
            "89adee3608db8bc71f1bfbfe459486b05618b70cbae22092534e56c553ba4b34",
        ),
        (
            &x65,
            b"pass phrase exceeds block size",
            1200,
            "cb8005dc5f90179a7f02104c0018751d",
            "d78c5c9cb872a8c9dad4697f0bb5b2d21496c82beb2caeda2112fceea057401b",
        ),
        (
            "\u{1d11e}".as_bytes(),
            b"EXAMPLE.COMpianist",
            50,
            "f149c1f2e154a73452d43e7fe62a56e5",
            "4b6d9839f84406df1f09cc166db4b83c571848b784a3d6bdc346589a3e393f9e",
        ),
    ] {
        assert_eq!(password_key(AES128_SHA1, password, salt, iterations), hex(short));
        assert_eq!(password_key(AES256_SHA1, password, salt, iterations), hex(long));
    }
}

#[test]
fn makes_keys_of_passwords_as_rfc_8009_appendix_a() {
    let salt = [hex("10df9dd783e5bc8acea1730e74355f61"), b"ATHENA.MIT.EDUraeburn".to_vec()].concat();
    assert_eq!(
        password_key(AES128_SHA256, b"password", &salt, 32_768),
        hex("089bca48b105ea6ea77ca5d2f39dc5e7")
    );
    assert_eq!(
        password_key(AES256_SHA384, b"password", &salt, 32_768),
        hex("45bd806dbf6a833a9cffc1c94589a222367a79bc21c413718906e9f578a78467")
    );
}

fn sha256_key() -> AesKey {
    AesKey::new(AES128_SHA256, &hex("3705d96080c17728a0e800eab6e0d23c")).unwrap()
}

fn sha384_key() -> AesKey {
    let bytes = hex("6d404d37faf79f9df0d33568d320669800eb4836472ea8a026d16b7182460c52");
    AesKey::new(AES256_SHA384, &bytes).unwrap()
}

#[test]
fn derives_keys_as_rfc_8009_appendix_a() {
    let derived = |key: &AesKey, purpose| {
        usage_key(Profile::of(key.enctype()).unwrap(), key.secret_bytes(), KeyUsage(2), purpose).to_vec()
    };
    let (short, long) = (sha256_key(), sha384_key());
    assert_eq!(derived(&short, Purpose::Checksum), hex("b31a018a48f54776f403e9a396325dc3"));
    assert_eq!(derived(&short, Purpose::Encryption), hex("9b197dd1e8c5609d6e67c3e37c62c72e"));
    assert_eq!(derived(&short, Purpose::Integrity), hex("9fda0e56ab2d85e1569a688696c26a6c"));
    assert_eq!(derived(&long, Purpose::Checksum), hex("ef5718be86cc84963d8bbb5031e9f5c4ba41f28faf69e73d"));
    assert_eq!(
        derived(&long, Purpose::Encryption),
        hex("56ab22bee63d82d7bc5227f6773f8ea7a5eb1c825160c38312980c442e5c7e49")
    );
    assert_eq!(derived(&long, Purpose::Integrity), hex("69b16514e3cd8e56b82010d5c73012b622c4d00ffc23ed1f"));
}

/// Length of the text 00 01 02.., confounder, ciphertext.
type Sealed = [(u8, &'static str, &'static str); 4];

const SHA256_SEALED: Sealed = [
    (
        0,
        "7e5895eaf2672435bad817f545a37148",
        "ef85fb890bb8472f4dab20394dca781dad877eda39d50c870c0d5a0a8e48c718",
    ),
    (
        6,
        "7bca285e2fd4130fb55b1a5c83bc5b24",
        "84d7f30754ed987bab0bf3506beb09cfb55402cef7e6877ce99e247e52d16ed4421dfdf8976c",
    ),
    (
        16,
        "56ab21713ff62c0a1457200f6fa9948f",
        "3517d640f50ddc8ad3628722b3569d2ae07493fa8263254080ea65c1008e8fc295fb4852e7d83e1e7c48c37eebe6b0d3",
    ),
    (
        21,
        "a7a4e29a4728ce10664fb64e49ad3fac",
        "720f73b18d9859cd6ccb4346115cd336c70f58edc0c4437c5573544c31c813bce1e6d072c186b39a413c2f92ca9b8334a287ffcbfc",
    ),
];

const SHA384_SEALED: Sealed = [
    (
        0,
        "f764e9fa15c276478b2c7d0c4e5f58e4",
        "41f53fa5bfe7026d91faf9be959195a058707273a96a40f0a01960621ac612748b9bbfbe7eb4ce3c",
    ),
    (
        6,
        "b80d3251c1f6471494256ffe712d0b9a",
        "4ed7b37c2bcac8f74f23c1cf07e62bc7b75fb3f637b9f559c7f664f69eab7b6092237526ea0d1f61cb20d69d10f2",
    ),
    (
        16,
        "53bf8a0d105265d4e276428624ce5e63",
        "bc47ffec7998eb91e8115cf8d19dac4bbbe2e163e87dd37f49beca92027764f68cf51f14d798c2273f35df574d1f932e\
         40c4ff255b36a266",
    ),
    (
        21,
        "763e65367e864f02f55153c7e3b58af1",
        "40013e2df58e8751957d2878bcd2d6fe101ccfd556cb1eae79db3c3ee86429f2b2a602ac86fef6ecb647d6295fae077a\
         1feb517508d2c16b4192e01f62",
    ),
];

#[test]
fn encrypts_and_decrypts_as_rfc_8009_appendix_a() {
    for (key, vectors) in [(sha256_key(), SHA256_SEALED), (sha384_key(), SHA384_SEALED)] {
        for (length, confounder, expected) in vectors {
            let text: Vec<u8> = (0..length).collect();
            let confounder = hex(confounder).try_into().unwrap();
            let sealed = key.encrypt(KeyUsage(2), &confounder, &text);
            assert_eq!(sealed, hex(expected));
            assert_eq!(*key.decrypt(KeyUsage(2), &sealed).unwrap(), text);
        }
    }
}

#[test]
fn checksums_as_rfc_8009_appendix_a() {
    let text: Vec<u8> = (0..21).collect();
    for (key, expected) in [
        (sha256_key(), "d78367186643d67b411cba9139fc1dee"),
        (sha384_key(), "45ee791567eefca37f4ac1e0222de80d43c3bfa06699672a"),
    ] {
        assert_eq!(key.checksum(KeyUsage(2), &[&text[..4], &text[4..]]), hex(expected));
        assert_eq!(key.verify_checksum(KeyUsage(2), &[&text], &hex(expected)), Ok(()));
    }
}

fn keys() -> [AesKey; 4] {
    Enctype::SUPPORTED.map(|enctype| AesKey::new(enctype, &vec![7; enctype.key_len().unwrap()]).unwrap())
}

#[test]
fn refuses_other_encryption_types() {
    for enctype in [0, 3, 16, 21, 23, -17].map(Enctype) {
        assert_eq!(AesKey::new(enctype, &[0; 16]).unwrap_err(), Error::Enctype(enctype));
        assert_eq!(Salted::new(enctype, b"", None), Err(Error::Enctype(enctype)));
    }
}

#[test]
fn refuses_keys_of_another_length() {
    let error = AesKey::new(AES128_SHA1, &[0; 32]).unwrap_err();
    assert_eq!(error, Error::KeyLength { enctype: AES128_SHA1, got: 32 });
}

#[test]
fn refuses_ciphertexts_too_short_for_confounder_and_checksum() {
    for key in keys() {
        let shortest = 16 + key.checksum_len();
        for length in 0..shortest {
            assert_eq!(key.decrypt(KeyUsage(2), &vec![0; length]).unwrap_err(), Error::TooShort);
        }
        assert_eq!(key.decrypt(KeyUsage(2), &vec![0; shortest]).unwrap_err(), Error::Integrity);
    }
}

#[test]
fn refuses_every_altered_byte_another_usage_and_another_key() {
    for key in keys() {
        let sealed = key.encrypt(KeyUsage(3), &[5; 16], b"seventeen bytes..");
        assert_eq!(*key.decrypt(KeyUsage(3), &sealed).unwrap(), b"seventeen bytes..");
        for position in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[position] ^= 1;
            assert_eq!(key.decrypt(KeyUsage(3), &altered).unwrap_err(), Error::Integrity);
        }
        assert_eq!(key.decrypt(KeyUsage(8), &sealed).unwrap_err(), Error::Integrity);
        let other = AesKey::new(key.enctype(), &vec![8; key.secret_bytes().len()]).unwrap();
        assert_eq!(other.decrypt(KeyUsage(3), &sealed).unwrap_err(), Error::Integrity);
    }
}

#[test]
fn refuses_checksums_of_another_length() {
    for key in keys() {
        let checksum = key.checksum(KeyUsage(23), &[b"text"]);
        assert_eq!(key.verify_checksum(KeyUsage(23), &[b"te", b"xt"], &checksum), Ok(()));
        for cut in [&[][..], &checksum[..4], &checksum[1..], &[&checksum[..], &[0]].concat()] {
            assert_eq!(key.verify_checksum(KeyUsage(23), &[b"text"], cut), Err(Error::Integrity));
        }
    }
}

#[test]
fn bounds_the_iteration_count_that_a_kdc_may_ask_for() {
    let with = |parameters: Option<&[u8]>| {
        Salted::new(AES256_SHA384, b"", parameters).map(|salted| salted.key(b"").unwrap().enctype())
    };
    assert_eq!(with(None), Ok(AES256_SHA384));
    assert_eq!(with(Some(&[0, 0, 0x10, 0])), Ok(AES256_SHA384));
    assert_eq!(with(Some(&[0, 0, 0x0f, 0xff])), Err(Error::IterationCount { got: 4095 }));
    assert_eq!(with(Some(&[0, 0, 0, 0])), Err(Error::IterationCount { got: 0 }));
    assert_eq!(with(Some(&[0, 0x0f, 0x42, 0x41])), Err(Error::IterationCount { got: 1_000_001 }));
}

#[test]
fn refuses_parameters_that_are_no_iteration_count() {
    for parameters in [&[][..], &[0, 0, 0x10], &[0, 0, 0, 0x10, 0]] {
        let error = Salted::new(AES128_SHA1, b"", Some(parameters)).unwrap_err();
        assert_eq!(error, Error::Parameters);
    }
}

#[test]
fn debug_of_a_key_shows_its_type_alone() {
    assert_eq!(format!("{:?}", sha256_key()), "AesKey(aes128-cts-hmac-sha256-128, ..)");
}
