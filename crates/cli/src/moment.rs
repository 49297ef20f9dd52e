//! Times, and places in a topic, as people write them.

use std::str::FromStr;
use std::time::Duration;

use jiff::Span;
use ottla::time::Timestamp;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Earliest,
    Latest,
    Offset(i64),
    Time(Timestamp),
}

/// Where reading ends; what stands there is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Latest,
    Offset(i64),
    Time(Timestamp),
    Never,
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            _ => match place(text)? {
                Place::Offset(offset) => Ok(Self::Offset(offset)),
                Place::Time(time) => Ok(Self::Time(time)),
            },
        }
    }
}

impl FromStr for End {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "latest" => Ok(Self::Latest),
            "never" => Ok(Self::Never),
            _ => match place(text)? {
                Place::Offset(offset) => Ok(Self::Offset(offset)),
                Place::Time(time) => Ok(Self::Time(time)),
            },
        }
    }
}

enum Place {
    Offset(i64),
    Time(Timestamp),
}

fn place(text: &str) -> Result<Place, String> {
    if let Some(time) = text.strip_prefix('@') {
        let time: jiff::Timestamp =
            time.parse().map_err(|_| "a time is written as RFC 3339 has it: @2026-01-31T12:00:00Z")?;
        return Ok(Place::Time(Timestamp::from_millis(time.as_millisecond())));
    }
    let offset = text.parse().ok().filter(|offset| *offset >= 0);
    offset.map(Place::Offset).ok_or_else(|| "it is a word, an offset from 0 on, or @TIME".to_owned())
}

/// Reads a time such as `90s`, `15m`, `24h`, `7d`.
pub(crate) fn period(text: &str) -> Result<Duration, String> {
    let written = || "a time is written with its unit, for example 500ms, 90s, 15m, 24h or 7d".to_owned();
    let span: Span = text.parse().map_err(|_| written())?;
    let period = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| written())?;
    Duration::try_from(period).ok().filter(|period| !period.is_zero()).ok_or_else(written)
}

/// Writes a point in time as RFC 3339 has it, in UTC. One that no calendar has stays a number.
pub(crate) fn written(time: Timestamp) -> String {
    let millis = time.as_millis();
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_words_offsets_and_times() {
        let at = Start::Time(Timestamp::from_millis(1_769_860_800_500));
        assert_eq!("@2026-01-31T13:00:00.5+01:00".parse(), Ok(at));
        assert_eq!(("earliest".parse(), "latest".parse()), (Ok(Start::Earliest), Ok(Start::Latest)));
        assert_eq!(("7".parse(), "0".parse()), (Ok(Start::Offset(7)), Ok(End::Offset(0))));
        assert_eq!(("latest".parse(), "never".parse()), (Ok(End::Latest), Ok(End::Never)));
        for wrong in ["", "-1", "@", "@2026-01-31", "@2026-01-31T12:00:00", "never", "newest"] {
            assert!(wrong.parse::<Start>().is_err(), "{wrong}");
        }
        assert!("earliest".parse::<End>().is_err());
    }

    #[test]
    fn reads_periods_with_a_unit_only() {
        let seconds = |text| period(text).map(|period| period.as_secs());
        assert_eq!(["90s", "15m", "24h", "7d"].map(seconds), [Ok(90), Ok(900), Ok(86_400), Ok(604_800)]);
        assert_eq!(period("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "-5s", "0s", "1 year", "soon"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn writes_times_in_utc() {
        assert_eq!(written(Timestamp::from_millis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(written(Timestamp::from_millis(1_769_860_800_500)), "2026-01-31T12:00:00.5Z");
        assert_eq!(written(Timestamp::from_millis(i64::MAX)), i64::MAX.to_string());
    }
}
