//! Sizes and times on the command line: `16MiB`, `90s`.

use std::time::Duration;

const KIB: u64 = 1024;
const SIZES: [(&str, u64); 9] = [
    ("KiB", KIB),
    ("MiB", KIB * KIB),
    ("GiB", KIB * KIB * KIB),
    ("TiB", KIB * KIB * KIB * KIB),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];
const TIMES: [(&str, u64); 3] = [("s", 1), ("m", 60), ("h", 3_600)];

/// Bytes: `16MiB`, `100MB`, or plain digits.
///
/// # Errors
/// A sentence for the person.
pub fn size(text: &str) -> Result<u64, String> {
    parse(text, &SIZES)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "write bytes, or a number with KiB, MiB or GiB, such as 16MiB".to_owned())
}

/// A time of at least a second: `90s`, `10m`, `1h`.
///
/// # Errors
/// A sentence for the person.
pub fn time(text: &str) -> Result<Duration, String> {
    parse(text, &TIMES)
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
        .ok_or_else(|| "write a number with s, m or h, such as 90s".to_owned())
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = units.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))?;
    number.trim_end().parse::<u64>().ok()?.checked_mul(unit)
}

/// A time as a person reads it: `40 s`, `10 min`.
pub fn time_text(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        for (text, bytes) in [("16MiB", 16 << 20), ("5 GiB", 5 << 30), ("10MB", 10_000_000), ("7", 7)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1MiB", "1.5MiB", "16 mib", "99999999999TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert_eq!(time("10m"), Ok(Duration::from_secs(600)));
        for text in ["", "10", "0s", "1d", "h"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert_eq!([59, 600, 7200].map(|s| time_text(Duration::from_secs(s))), ["59 s", "10 min", "2 h"]);
    }
}
