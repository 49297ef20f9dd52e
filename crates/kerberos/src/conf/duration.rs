//! Durations as MIT writes them: `300`, `24h`, `1d 2h`, `1h30m`, `12:30`, `12:30:05`, `2-12:30:05`.

use std::time::Duration;

/// MIT keeps durations in 32 bits.
const MAX_SECONDS: u64 = i32::MAX as u64;

/// Parses a duration. As in MIT's library, what follows a character that has no meaning in it is
/// ignored (`24hours`). Negative durations are refused.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = Rest(text.trim_ascii().as_bytes());
    let (first, _) = rest.number()?;
    let seconds = match rest.next() {
        None => first,
        Some(b':') => hours_minutes(first, &mut rest)?,
        Some(b'-') => {
            let hours = rest.short_number()?;
            rest.expect(b':')?;
            let minutes = rest.short_number()?;
            rest.expect(b':')?;
            first.checked_mul(86_400)?.checked_add(hours * 3600 + minutes * 60 + rest.last_short_number()?)?
        }
        Some(unit) => units(first, unit, &mut rest)?,
    };
    (seconds <= MAX_SECONDS).then(|| Duration::from_secs(seconds))
}

/// Reads on after `hours:`; the seconds may be left out.
fn hours_minutes(hours: u64, rest: &mut Rest<'_>) -> Option<u64> {
    let minutes = rest.short_number()?;
    let seconds = match rest.next() {
        None => 0,
        Some(b':') => rest.last_short_number()?,
        Some(_) => return None,
    };
    hours.checked_mul(3600)?.checked_add(minutes * 60 + seconds)
}

/// Reads on after the first unit; each further one must be smaller than the one before.
fn units(first: u64, unit: u8, rest: &mut Rest<'_>) -> Option<u64> {
    let mut length = length(unit)?;
    let mut seconds = first.checked_mul(length)?;
    loop {
        rest.skip_blanks();
        if rest.is_at_end() {
            return Some(seconds);
        }
        let (number, _) = rest.number()?;
        let smaller = self::length(rest.next()?)?;
        if smaller >= length {
            return None;
        }
        length = smaller;
        seconds = seconds.checked_add(number.checked_mul(length)?)?;
    }
}

fn length(unit: u8) -> Option<u64> {
    match unit {
        b'd' => Some(86_400),
        b'h' => Some(3600),
        b'm' => Some(60),
        b's' => Some(1),
        _ => None,
    }
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn peek(&self) -> Option<u8> {
        let known =
            |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b':' | b'd' | b'h' | b'm' | b's' | b' ' | b'\t');
        self.0.first().copied().filter(known)
    }

    fn is_at_end(&self) -> bool {
        self.peek().is_none()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.0 = self.0.get(1..)?;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.next();
        }
    }

    /// Reads a number and says how many digits it has.
    fn number(&mut self) -> Option<(u64, usize)> {
        let (mut number, mut digits) = (0_u64, 0);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
            digits += 1;
            self.next();
        }
        (digits > 0 && number <= MAX_SECONDS).then_some((number, digits))
    }

    /// Reads a number of one or two digits.
    fn short_number(&mut self) -> Option<u64> {
        self.number().filter(|(_, digits)| *digits <= 2).map(|(number, _)| number)
    }

    fn last_short_number(&mut self) -> Option<u64> {
        let number = self.short_number()?;
        self.is_at_end().then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let cases = [
            ("0", 0),
            ("300", 300),
            ("300s", 300),
            ("10m", 600),
            ("24h", 86_400),
            ("7d", 604_800),
            ("1d 2h", 93_600),
            ("1d2h3m4s", 93_784),
            ("1d 4s", 86_404),
            (" 2h 30m ", 9000),
            ("12:30", 45_000),
            ("12:30:05", 45_005),
            ("100:00", 360_000),
            ("2-12:30:05", 217_805),
            ("24hours", 86_400),
            ("1day", 86_400),
            ("300 ", 300),
            ("2147483647", 2_147_483_647),
        ];
        for (text, seconds) in cases {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        let cases = [
            "",
            "-5",
            "h",
            "x",
            "1h30",
            "1h 2d",
            "1h1h",
            "10 h",
            "12:300",
            "12:30:05:01",
            "1:",
            "1-2:3",
            "1-2:3:4s",
            "2147483648",
            "24856d",
            "99999999999999999999",
            "1d 99999999999999999999s",
            "5s 5",
        ];
        for text in cases {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }
}
