use crate::Security;
use crate::cluster::config::java::Draft;
use crate::cluster::jaas::{self, LoginModule};
use crate::cluster::properties::{self, Properties};
use crate::token::file::TokenFile;

/// Reads a `.properties` text, writes what was read, and reads that again. A text that makes a
/// whole configuration is only read: it may name files.
///
/// # Panics
/// If the second reading differs from the first.
pub fn fuzz_properties(input: &[u8]) {
    let Ok(first) = Properties::parse(input) else { return };
    let mut written = zeroize::Zeroizing::new(Vec::new());
    for entry in &first.entries {
        properties::write(&mut written, &entry.key, entry.value.secret_text());
    }
    // Escapes lengthen a text, so that a large one may pass the limit.
    let Ok(second) = Properties::parse(&written) else { return };
    let entries = |properties: Properties| properties.entries.into_iter().map(|e| (e.key, e.value));
    assert!(entries(first).eq(entries(second)), "written and read, it is another file");
    let _ = Draft::parse(input);
}

/// Reads the value of a `sasl.jaas.config`, and reads again what is written of it.
///
/// # Panics
/// If the second reading differs from the first.
pub fn fuzz_jaas(input: &[u8]) {
    let Ok(line) = std::str::from_utf8(input) else { return };
    let Ok(first) = LoginModule::parse(line) else { return };
    let password = first.option("password").map_or("", properties::Value::secret_text);
    let written = jaas::write("M", &[("password", password)]);
    let second = LoginModule::parse(written.secret_text());
    let again = second.as_ref().ok().and_then(|module| module.option("password"));
    assert_eq!(
        again.map(properties::Value::secret_text),
        Some(password),
        "written and read, it is another line"
    );
}

/// Reads a token file, and reads again what is written of its token.
///
/// # Panics
/// If the second token differs from the first.
pub fn fuzz_token_file(input: &[u8]) {
    let Ok(first) = TokenFile::parse(input) else { return };
    let Ok(bootstrap) = "b1:9092".parse() else { return };
    let written =
        crate::token::file::write(first.token(), &bootstrap, &Security::Plaintext, first.mechanism());
    // A file of the largest size may not fit any more with escapes.
    let Ok(written) = written else { return };
    let second = TokenFile::parse(written.secret_bytes()).map(|file| file.token().clone());
    assert_eq!(second.as_ref(), Ok(first.token()), "written and read, it is another token");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_the_same_when_it_is_written(text in "(?s).{0,80}", dense in r#"[\\\r\n \t=:#u0-9a-f]{0,80}"#) {
            fuzz_properties(text.as_bytes());
            fuzz_properties(dense.as_bytes());
        }

        #[test]
        fn any_option_is_read_the_same_when_it_is_written(value in r#"(?s)[^"\n\r]{0,40}"#) {
            fuzz_jaas(format!("M required password=\"{value}\";").as_bytes());
        }

        #[test]
        fn any_comments_are_read_the_same_when_they_are_written(comments in "(# ottla.(version=1|id=i|owner=U:[a\\\\é ]{1,4}|max=[0-9]{1,3})\n){0,5}") {
            let login = r#"org.apache.kafka.common.security.scram.ScramLoginModule required username=i password="YQ==" tokenauth=true;"#;
            fuzz_token_file(format!("{comments}bootstrap.servers=b:1\nsecurity.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config={login}\n").as_bytes());
        }
    }
}
