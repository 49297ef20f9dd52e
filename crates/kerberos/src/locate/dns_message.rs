//! Questions for SRV records and their answers (RFC 1035 section 4, RFC 2782).

use std::fmt;

use super::Srv;

/// Why an answer of a name server gives no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsFault {
    /// It does not fit a datagram.
    Truncated,
    /// It is not an answer to the question.
    Malformed,
    /// The name server failed, by its code (RFC 1035 section 4.1.1): 2 for a failure, 5 for a refusal.
    Code(u8),
}

impl fmt::Display for DnsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the answer is too long for a datagram"),
            Self::Malformed => f.write_str("not an answer to the question"),
            Self::Code(code) => write!(f, "the name server answers with code {code}"),
        }
    }
}

impl std::error::Error for DnsFault {}

const SRV: u16 = 33;
const INTERNET: u16 = 1;
const RECURSION_DESIRED: u8 = 1;
const NO_SUCH_NAME: u8 = 3;
/// More records, and more jumps of one name, than any answer has.
const MAX_RECORDS: u16 = 256;
const MAX_LABELS: usize = 128;

/// The question for the SRV records of a complete name; none if it is no name.
pub fn srv_query(id: u16, name: &str) -> Option<Vec<u8>> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([RECURSION_DESIRED, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.strip_suffix('.').unwrap_or(name).split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        query.push(length);
        query.extend_from_slice(label.as_bytes());
    }
    query.push(0);
    query.extend(SRV.to_be_bytes());
    query.extend(INTERNET.to_be_bytes());
    Some(query)
}

/// Reads the answer to [`srv_query`]. That there is no such name, or no record of it, is an empty list.
///
/// # Errors
/// The answer is of another question, or cannot be used.
pub fn srv_reply(id: u16, name: &str, reply: &[u8]) -> Result<Vec<Srv>, DnsFault> {
    let mut reader = Answer { whole: reply, at: 0 };
    let (got, flags, code) = (reader.u16()?, reader.u8()?, reader.u8()? & 0x0f);
    let is_answer = flags & 0x80 != 0;
    if got != id || !is_answer {
        return Err(DnsFault::Malformed);
    }
    if flags & 0x02 != 0 {
        return Err(DnsFault::Truncated);
    }
    if code != 0 && code != NO_SUCH_NAME {
        return Err(DnsFault::Code(code));
    }
    let (questions, answers) = (reader.u16()?, reader.u16()?);
    reader.skip(4)?;
    let asked = name.strip_suffix('.').unwrap_or(name);
    if questions != 1 || !reader.name()?.eq_ignore_ascii_case(asked) {
        return Err(DnsFault::Malformed);
    }
    reader.skip(4)?;
    let mut records = Vec::new();
    for _ in 0..answers.min(MAX_RECORDS) {
        records.extend(reader.record()?);
    }
    Ok(records)
}

/// A message that is read from its beginning, and has names that point back into it.
struct Answer<'a> {
    whole: &'a [u8],
    at: usize,
}

impl Answer<'_> {
    fn u8(&mut self) -> Result<u8, DnsFault> {
        let byte = self.whole.get(self.at).copied().ok_or(DnsFault::Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn u16(&mut self) -> Result<u16, DnsFault> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), DnsFault> {
        let next = self.at.saturating_add(bytes);
        if next > self.whole.len() {
            return Err(DnsFault::Malformed);
        }
        self.at = next;
        Ok(())
    }

    /// A name, without its final dot.
    fn name(&mut self) -> Result<String, DnsFault> {
        let (mut name, mut behind) = (String::new(), None);
        for _ in 0..MAX_LABELS {
            let length = self.u8()?;
            match length {
                0 => {
                    self.at = behind.unwrap_or(self.at);
                    return Ok(name);
                }
                1..=63 => {
                    let end = self.at.saturating_add(usize::from(length));
                    let label = self.whole.get(self.at..end).ok_or(DnsFault::Malformed)?;
                    let label = std::str::from_utf8(label).map_err(|_| DnsFault::Malformed)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    name.push_str(label);
                    self.at = end;
                }
                // The rest of the name is elsewhere; what comes next is behind the first pointer.
                192.. => {
                    let low = self.u8()?;
                    behind = behind.or(Some(self.at));
                    self.at = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                }
                _ => return Err(DnsFault::Malformed),
            }
        }
        Err(DnsFault::Malformed)
    }

    /// The next record, if it is a SRV record. Its owner may be another name, by an alias.
    fn record(&mut self) -> Result<Option<Srv>, DnsFault> {
        self.name()?;
        let kind = self.u16()?;
        self.skip(6)?;
        let length = usize::from(self.u16()?);
        let end = self.at.saturating_add(length);
        if kind != SRV {
            self.skip(length)?;
            return Ok(None);
        }
        let (priority, weight, port) = (self.u16()?, self.u16()?, self.u16()?);
        let target = self.name()?;
        if self.at != end {
            return Err(DnsFault::Malformed);
        }
        Ok(Some(Srv { priority, weight, port, target }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "_kerberos._tcp.example.test.";

    /// Header, question, and two records: the target of the second points into the first's.
    fn reply(flags: u8, code: u8) -> Vec<u8> {
        let question = &srv_query(7, NAME).unwrap()[12..];
        let mut reply = vec![0, 7, flags, code, 0, 1, 0, 2, 0, 0, 0, 0];
        reply.extend_from_slice(question);
        let target = reply.len() + 18;
        // A pointer to the question, SRV, IN, TTL, length 17: priority 1, weight 2, port 88, kdc1.test.
        reply.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 17, 0, 1, 0, 2, 0, 88]);
        reply.extend(b"\x04kdc1\x04test\x00");
        let pointer = u16::try_from(target + 5).unwrap() | 0xc000;
        reply.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 13, 0, 3, 0, 0, 4, 210]);
        reply.extend(b"\x04kdc2");
        reply.extend(pointer.to_be_bytes());
        reply
    }

    #[test]
    fn reads_records_with_compressed_names() {
        let srv =
            |priority, weight, port, target: &str| Srv { priority, weight, port, target: target.into() };
        let records = srv_reply(7, NAME, &reply(0x81, 0x80)).unwrap();
        assert_eq!(records, [srv(1, 2, 88, "kdc1.test"), srv(3, 0, 1234, "kdc2.test")]);
    }

    #[test]
    fn a_name_that_does_not_exist_has_no_records_and_other_codes_are_faults() {
        let mut none = reply(0x81, 0x83);
        none[7] = 0;
        assert_eq!(srv_reply(7, NAME, &none), Ok(Vec::new()));
        assert_eq!(srv_reply(7, NAME, &reply(0x81, 0x82)), Err(DnsFault::Code(2)));
        assert_eq!(srv_reply(7, NAME, &reply(0x83, 0x80)), Err(DnsFault::Truncated));
    }

    #[test]
    fn refuses_answers_to_other_questions_and_every_cut() {
        let right = reply(0x81, 0x80);
        assert_eq!(srv_reply(8, NAME, &right), Err(DnsFault::Malformed));
        assert_eq!(srv_reply(7, "_kerberos._udp.example.test.", &right), Err(DnsFault::Malformed));
        assert_eq!(srv_reply(7, NAME, &reply(0x01, 0x80)), Err(DnsFault::Malformed));
        for length in 0..right.len() {
            assert_eq!(srv_reply(7, NAME, &right[..length]), Err(DnsFault::Malformed), "{length}");
        }
    }

    #[test]
    fn a_name_that_points_at_itself_ends() {
        let mut looped = reply(0x81, 0x80);
        let place = looped.len() - 2;
        let itself = u16::try_from(place).unwrap() | 0xc000;
        looped[place..].copy_from_slice(&itself.to_be_bytes());
        assert_eq!(srv_reply(7, NAME, &looped), Err(DnsFault::Malformed));
    }

    #[test]
    fn no_damage_makes_it_panic() {
        for place in 0..reply(0x81, 0x80).len() {
            for byte in [0, 1, 63, 64, 192, 255] {
                let mut damaged = reply(0x81, 0x80);
                damaged[place] = byte;
                let _ = srv_reply(7, NAME, &damaged);
            }
        }
    }

    #[test]
    fn only_names_are_asked_for() {
        assert_eq!(srv_query(1, "a..b"), None);
        assert_eq!(srv_query(1, &format!("{}.b", "a".repeat(64))), None);
        assert_eq!(srv_query(1, "a.b.").map(|query| query.len()), Some(12 + 5 + 4));
    }
}
