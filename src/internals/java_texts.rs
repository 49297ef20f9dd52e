use crate::cluster::jaas::{self, LoginModule};
use crate::cluster::properties::{self, Error, Properties};

/// What became of a `.properties` text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JavaText {
    /// Keys and values, in the order of the text.
    Read(Vec<(String, String)>),
    /// It is refused, and Java is known to accept it.
    Stricter,
    /// It is refused.
    Refused,
}

/// Reads a `.properties` text.
pub fn read_properties(text: &str) -> JavaText {
    match Properties::parse(text.as_bytes()) {
        Ok(read) => JavaText::Read(
            read.entries.into_iter().map(|entry| (entry.key, entry.value.secret_text().to_owned())).collect(),
        ),
        Err(Error::LoneSurrogate { .. }) => JavaText::Stricter,
        Err(_) => JavaText::Refused,
    }
}

/// Writes a `.properties` text.
pub fn written_properties(entries: &[(String, String)]) -> String {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    for (key, value) in entries {
        properties::write(&mut text, key, value);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads a JAAS line: its login module and the options.
///
/// # Errors
/// Whatever is wrong with it.
#[expect(clippy::result_unit_err, reason = "what is wrong does not matter here")]
pub fn read_jaas(line: &str) -> Result<(String, Vec<(String, String)>), ()> {
    let module = LoginModule::parse(line).map_err(|_| ())?;
    let options = module.options().map(|(key, value)| (key.to_owned(), value.secret_text().to_owned()));
    Ok((module.class.clone(), options.collect()))
}

/// Writes a JAAS line.
pub fn written_jaas(class: &str, options: &[(String, String)]) -> String {
    let options: Vec<_> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    jaas::write(class, &options).secret_text().to_owned()
}
