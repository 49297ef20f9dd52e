//! Tokens on standard output.

use ottla::ids::Principal;
use ottla::{DescribedToken, Token};
use serde_json::{Value, json};

use crate::arguments::token::{DescribeOptions, ListFormat};
use crate::failure::Failure;
use crate::{moment, output};

/// Prints tokens in the order of their making.
pub(super) fn print(options: &DescribeOptions, tokens: &mut [DescribedToken]) -> Result<(), Failure> {
    tokens.sort_by_key(|described| described.token.epoch());
    match options.format {
        ListFormat::Json => {
            for described in tokens {
                let mut shown = in_json(&described.token, options.show_secret);
                if let Value::Object(fields) = &mut shown {
                    fields.insert("renewers".to_owned(), names(&described.renewers).into());
                }
                output::print_json(&shown)?;
            }
            Ok(())
        }
        ListFormat::Table => {
            let mut head = ["ID", "OWNER", "REQUESTER", "ISSUED", "EXPIRES", "MAX", "RENEWERS"].to_vec();
            if options.show_secret {
                head.push("HMAC");
            }
            let mut rows = vec![head.into_iter().map(str::to_owned).collect()];
            rows.extend(tokens.iter().map(|described| row(described, options.show_secret)));
            output::print_table(&rows)
        }
    }
}

/// A token as an object; with its secret only if that was asked for.
pub(super) fn in_json(token: &Token, show_secret: bool) -> Value {
    let life = token.life();
    let mut shown = json!({
        "id": token.id(),
        "owner": token.owner().map(ToString::to_string),
        "requester": token.requester().map(ToString::to_string),
        "issued": life.map(|life| moment::written(life.issued)),
        "expires": life.map(|life| moment::written(life.expires)),
        "max": life.map(|life| moment::written(life.max)),
    });
    if let (true, Value::Object(fields)) = (show_secret, &mut shown) {
        fields.insert("hmac".to_owned(), password(token).into());
    }
    shown
}

fn row(described: &DescribedToken, show_secret: bool) -> Vec<String> {
    let token = &described.token;
    let name = |principal: Option<&Principal>| principal.map_or_else(|| "-".to_owned(), ToString::to_string);
    let mut row = vec![token.id().to_owned(), name(token.owner()), name(token.requester())];
    let life = token.life();
    for time in [life.map(|life| life.issued), life.map(|life| life.expires), life.map(|life| life.max)] {
        row.push(time.map_or_else(|| "-".to_owned(), moment::written));
    }
    let renewers = names(&described.renewers).join(",");
    row.push(if renewers.is_empty() { "-".to_owned() } else { renewers });
    if show_secret {
        row.push(password(token));
    }
    row
}

fn names(principals: &[Principal]) -> Vec<String> {
    principals.iter().map(ToString::to_string).collect()
}

fn password(token: &Token) -> String {
    String::from_utf8_lossy(token.secret_password().secret_bytes()).into_owned()
}
