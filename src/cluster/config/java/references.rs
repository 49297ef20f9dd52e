//! `config.providers`: values of which Java finds a part elsewhere (KIP-297), as `${env:NAME}`,
//! `${file:PATH:KEY}` or `${directory:PATH:FILE}`.

use super::error::{Error, Fault};
use super::keys::Use;
use crate::cluster::properties::Properties;

/// Refuses a value that refers to one of the providers: its text is not the value, and must not go to a
/// broker in its place. Without providers such a text is itself the value, in Java too.
pub(super) fn refuse(properties: &Properties) -> Result<(), Error> {
    let Some(list) = properties.last("config.providers") else { return Ok(()) };
    let providers = list.value.secret_text().split(',').map(str::trim).filter(|name| !name.is_empty());
    let begins: Vec<String> = providers.map(|name| format!("${{{name}:")).collect();
    for entry in &properties.entries {
        let refers = begins.iter().any(|begin| entry.value.secret_text().contains(begin.as_str()));
        if let (true, Some((key, _))) = (refers, Use::of(&entry.key)) {
            return Err(Error::Value { key, line: entry.line, fault: Fault::Reference });
        }
    }
    Ok(())
}
