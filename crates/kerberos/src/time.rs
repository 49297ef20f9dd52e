//! Points in wall time as Kerberos writes them: seconds in messages, microseconds in authenticators.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in wall time in whole seconds since 1970-01-01 UTC (KerberosTime, RFC 4120 section 5.2.3).
///
/// `Display` writes the form of the wire, `YYYYMMDDHHMMSSZ`; years outside 0..=9999 are written as
/// the nearest that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KerberosTime(i64);

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const WRITABLE: (i64, i64) = (-62_167_219_200, 253_402_300_799);
const DAY: i64 = 86_400;

impl KerberosTime {
    /// Makes a time of seconds since 1970-01-01 UTC.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Gives the seconds since 1970-01-01 UTC.
    pub const fn as_seconds(self) -> i64 {
        self.0
    }

    /// Gives the time from `earlier` to `self`, zero if `earlier` is not earlier.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_secs(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Gives the time that lies `duration` (whole seconds) after `self`.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)))
    }

    /// Tells whether the two times differ by no more than `skew`.
    pub const fn is_within(self, skew: Duration, other: Self) -> bool {
        self.0.abs_diff(other.0) <= skew.as_secs()
    }

    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let (digits, [b'Z']) = text.split_last_chunk::<1>()? else { return None };
        let digits: &[u8; 14] = digits.try_into().ok()?;
        let number = |range: std::ops::Range<usize>| {
            digits.get(range)?.iter().try_fold(0_i64, |value, byte| {
                byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0'))
            })
        };
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        let (hour, minute, second) = (number(8..10)?, number(10..12)?, number(12..14)?);
        // Second 60 is a leap second, which counts as the next minute's first.
        if hour > 23 || minute > 59 || second > 60 || civil(days_to(year, month, day)) != (year, month, day) {
            return None;
        }
        Some(Self(days_to(year, month, day) * DAY + hour * 3600 + minute * 60 + second))
    }
}

impl fmt::Display for KerberosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.clamp(WRITABLE.0, WRITABLE.1);
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let rest = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; the year starts in March,
/// so that the leap day is its last.
const fn days_to(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

const fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// A point in wall time in microseconds since 1970-01-01 UTC: what a clock gives, and what an
/// authenticator carries as `ctime` and `cusec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MICROS: i64 = 1_000_000;

impl Timestamp {
    /// Makes a point of microseconds since 1970-01-01 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Gives the microseconds since 1970-01-01 UTC.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Gives the whole second that the point lies in.
    pub const fn time(self) -> KerberosTime {
        KerberosTime(self.0.div_euclid(MICROS))
    }

    /// Gives the microseconds since the start of that second, 0..=999999.
    pub const fn subsec_micros(self) -> i64 {
        self.0.rem_euclid(MICROS)
    }

    /// Gives the same point on a clock that is `offset` ahead.
    #[must_use]
    pub const fn offset_by(self, offset: ClockOffset) -> Self {
        Self(self.0.saturating_add(offset.0))
    }

    pub(crate) const fn from_parts(time: KerberosTime, micros: i64) -> Self {
        Self(time.0.saturating_mul(MICROS).saturating_add(micros))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self(micros(after)),
            Err(before) => Self(micros(before.duration()).saturating_neg()),
        }
    }
}

/// How far the clock of a KDC is ahead of ours, in microseconds; negative if it is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockOffset(i64);

impl ClockOffset {
    /// The two clocks agree.
    pub const ZERO: Self = Self(0);

    /// Makes an offset of microseconds.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Gives the offset in microseconds.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Gives the offset of a clock that shows `theirs` while ours shows `ours`.
    pub const fn between(ours: Timestamp, theirs: Timestamp) -> Self {
        Self(theirs.0.saturating_sub(ours.0))
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:+} s", self.0 / MICROS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_the_form_of_the_wire() {
        for (seconds, text) in [
            (0, "19700101000000Z"),
            (951_782_399, "20000228235959Z"),
            (951_782_400, "20000229000000Z"),
            (2_147_483_648, "20380119031408Z"),
            (4_107_542_399, "21000228235959Z"),
            (4_107_542_400, "21000301000000Z"),
            (-1, "19691231235959Z"),
        ] {
            assert_eq!(KerberosTime(seconds).to_string(), text);
            assert_eq!(KerberosTime::parse(text.as_bytes()), Some(KerberosTime(seconds)));
        }
        assert_eq!(KerberosTime(i64::MAX).to_string(), "99991231235959Z");
        assert_eq!(KerberosTime(i64::MIN).to_string(), "00000101000000Z");
    }

    #[test]
    fn refuses_times_that_do_not_exist() {
        for text in [
            "",
            "Z",
            "19700101000000",
            "19700101000000z",
            "1970010100000Z",
            "197001010000000Z",
            "19700101000000.5Z",
            "19700001000000Z",
            "19701301000000Z",
            "19700100000000Z",
            "19700230000000Z",
            "19710229000000Z",
            "19700101240000Z",
            "19700101006000Z",
            "19700101000061Z",
            "+9700101000000Z",
        ] {
            assert_eq!(KerberosTime::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn splits_a_timestamp_into_second_and_microseconds() {
        let point = Timestamp::from_micros(-1);
        assert_eq!((point.time().as_seconds(), point.subsec_micros()), (-1, 999_999));
        assert_eq!(Timestamp::from_parts(point.time(), point.subsec_micros()), point);
    }

    #[test]
    fn an_offset_moves_our_clock_onto_theirs() {
        let (ours, theirs) = (Timestamp::from_micros(1_000_000), Timestamp::from_micros(-500));
        let offset = ClockOffset::between(ours, theirs);
        assert_eq!(ours.offset_by(offset), theirs);
        assert_eq!(ClockOffset::from_micros(-90_000_000_000).to_string(), "-90000 s");
    }

    #[test]
    fn skew_is_allowed_on_both_sides() {
        let skew = Duration::from_secs(300);
        let now = KerberosTime(10_000);
        assert!(now.is_within(skew, KerberosTime(10_300)) && now.is_within(skew, KerberosTime(9700)));
        assert!(!now.is_within(skew, KerberosTime(10_301)) && !now.is_within(skew, KerberosTime(9699)));
    }
}
