//! The typed values of conditions: numbers, dates, addresses.

use std::cmp::Ordering;
use std::net::IpAddr;

/// A decimal number, exactly: two that differ in the twentieth digit differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    /// Never of zero.
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

impl Decimal {
    /// Reads `-12.50`. Not what a float can be besides: no `inf`, `nan`, exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0').to_owned();
        let fraction = fraction.trim_end_matches('0').to_owned();
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: text.starts_with('-') && !zero, whole, fraction })
    }

    fn compare_size(&self, other: &Self) -> Ordering {
        let by_length = self.whole.len().cmp(&other.whole.len());
        by_length.then_with(|| self.whole.cmp(&other.whole)).then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        })
    }
}

/// `true` or `false`, in any case.
pub fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Standard base64 with its padding.
pub fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// A point in time, in milliseconds since 1970: the ISO 8601 forms of <https://www.w3.org/TR/NOTE-datetime>, or
/// seconds since 1970, which AWS takes too.
pub fn date(text: &str) -> Option<i64> {
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut parts = day.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let date = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    if parts.next().is_some() || (time.is_some() && day.len() != 10) {
        return None;
    }
    let millis = days(year, month, date)? * 86_400_000;
    match time {
        Some(time) => Some(millis + time_of_day(time)?),
        None => Some(millis),
    }
}

/// `hh:mm[:ss[.s…]]` and a zone, in milliseconds of UTC.
fn time_of_day(text: &str) -> Option<i64> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (clock, zone) = (text.get(..zone_at)?, text.get(zone_at..)?);
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let millis = match parts.next() {
        None => 0,
        Some(seconds) => {
            let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let whole = digits(whole, 2).filter(|second| *second < 60)?;
            if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let thousandths: i64 = format!("{fraction}00").get(..3)?.parse().ok()?;
            whole * 1000 + thousandths
        }
    };
    if parts.next().is_some() {
        return None;
    }
    Some((hour * 60 + minute) * 60_000 + millis - offset(zone)?)
}

/// `Z`, `+hh:mm` or `-hh:mm`, in milliseconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let hours = digits(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes, 2).filter(|minutes| *minutes < 60)?;
    let millis = (hours * 60 + minutes) * 60_000;
    Some(if zone.starts_with('-') { -millis } else { millis })
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// Days since 1970-01-01 in the Gregorian calendar (Howard Hinnant's `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// An address or a block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    address: IpAddr,
    bits: u32,
}

impl Block {
    /// Reads `203.0.113.5`, `10.0.0.0/8`, `2001:db8::/32`, …
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().ok().filter(|bits| *bits <= all)?
            }
            Some(_) => return None,
            None => all,
        };
        Some(Self { address, bits })
    }

    /// Whether it is so wide that S3 takes a policy for public that is limited by it: wider than /8 of IPv4, or /32
    /// of IPv6
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html>).
    pub fn is_vast(&self) -> bool {
        self.bits < if self.address.is_ipv4() { 8 } else { 32 }
    }

    /// Whether an address lies in the block. An IPv4 address written as IPv6 (`::ffff:…`) counts as IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                self.bits == 0 || differ >> (32 - self.bits) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                self.bits == 0 || differ >> (128 - self.bits) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("1970", Some(0)),
            ("1970-01", Some(0)),
            ("1970-01-02", Some(86_400_000)),
            ("2026-11-24T10:00:00Z", Some(1_795_514_400_000)),
            ("2026-11-24T11:00:00+01:00", Some(1_795_514_400_000)),
            ("2026-11-24T09:30-00:30", Some(1_795_514_400_000)),
            ("2026-11-24T10:00:00.1234Z", Some(1_795_514_400_123)),
            ("1795514400", Some(1_795_514_400_000)),
            ("2024-02-29", Some(1_709_164_800_000)),
            ("2026-02-29", None),
            ("2026-11-24T10:00:00", None),
            ("2026-11T10:00Z", None),
            ("tomorrow", None),
            ("", None),
            ("99999999999999999999", None),
            ("2026-11-24T10:00:00.é00Z", None),
            ("2026-11-24T10:00é", None),
        ] {
            assert_eq!(date(text), expected, "{text}");
        }
    }

    #[test]
    fn decimals() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        for (less, more) in [
            ("1.1", "1.2"),
            ("9", "10"),
            ("-10", "-9"),
            ("-1", "0"),
            ("1.19", "1.2"),
            ("9007199254740992", "9007199254740993"),
            ("0", "0.01"),
        ] {
            assert!(number(less) < number(more), "{less} {more}");
            assert!(number(more) > number(less), "{less} {more}");
        }
        assert_eq!(number("-0.0"), number("0"));
        assert_eq!(number("+007.50"), number("7.5"));
        for text in ["", "inf", "nan", "1e3", "0x1", ".", "1.", ".5", "1.2.3", " 1", "--1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn blocks() {
        let holds = |block: &str, address: &str| Block::parse(block).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.9.8.7"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("203.0.113.77/24", "203.0.113.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(holds("::/0", "::1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"));
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "10.0.0.0/+8", "x"] {
            assert!(Block::parse(text).is_none(), "{text}");
        }
    }
}
