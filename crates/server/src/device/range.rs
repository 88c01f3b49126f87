//! The `Range` header of a download (RFC 9110, section 14).

/// At most this many ranges in one request; more is 416 (API contract 11, item 4).
const MAX_RANGES: usize = 1_024;

/// Bytes `start..=end` of a whole, both inclusive as in HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// Last byte.
    pub end: u64,
}

impl Span {
    /// All of a whole of `size` bytes, which is not empty.
    pub const fn whole(size: u64) -> Self {
        Self { start: 0, end: size.saturating_sub(1) }
    }

    /// Bytes in it.
    pub const fn length(self) -> u64 {
        self.end - self.start + 1
    }

    /// Value of `Content-Range`.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.end)
    }
}

/// What a `Range` header asks of a whole of a known size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// 200: no header, or one that a server must or may ignore: another unit, bad syntax, several ranges.
    Whole,
    /// 206.
    Part(Span),
    /// 416: every range starts at or after the end, or there are more than 1,024.
    Unsatisfiable,
}

/// Reads a `Range` header for a whole of `size` bytes.
///
/// Several satisfiable ranges give the whole: RFC 9110 (14.2) lets a server ignore the header, and the clients that
/// ask for many ranges notice a 200, while a 206 with only one of them would corrupt their file.
pub fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(list) = header.and_then(bytes_unit) else { return Wanted::Whole };
    let mut count = 0;
    let mut satisfiable = None;
    for spec in list.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        count += 1;
        match one(spec, size) {
            Some(Some(span)) => satisfiable = Some(span),
            Some(None) => {}
            // One malformed range makes the whole header invalid, and an invalid header is ignored.
            None => return Wanted::Whole,
        }
    }
    match (count, satisfiable) {
        (0, _) => Wanted::Whole,
        (n, _) if n > MAX_RANGES => Wanted::Unsatisfiable,
        (_, None) => Wanted::Unsatisfiable,
        (1, Some(span)) => Wanted::Part(span),
        (_, Some(_)) => Wanted::Whole,
    }
}

fn bytes_unit(header: &str) -> Option<&str> {
    let (unit, list) = header.split_once('=')?;
    unit.trim().eq_ignore_ascii_case("bytes").then_some(list)
}

/// One range: nothing if it is malformed, nothing inside if it cannot be satisfied.
fn one(spec: &str, size: u64) -> Option<Option<Span>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim_end(), last.trim_start());
    if first.is_empty() {
        let suffix = number(last)?;
        let satisfiable = suffix > 0 && size > 0;
        return Some(
            satisfiable.then(|| Span { start: size.saturating_sub(suffix), end: size.saturating_sub(1) }),
        );
    }
    let start = number(first)?;
    let end = if last.is_empty() { u64::MAX } else { number(last)? };
    if end < start {
        return None;
    }
    Some((start < size).then(|| Span { start, end: end.min(size.saturating_sub(1)) }))
}

/// A run of digits. One that does not fit is as good as the largest: it lies past every end.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Wanted::{Part, Unsatisfiable, Whole};
    use super::*;

    fn part(start: u64, end: u64) -> Wanted {
        Part(Span { start, end })
    }

    #[test]
    fn single_ranges() {
        for (header, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-99", part(0, 99)),
            ("bytes=10-", part(10, 99)),
            ("bytes=99-", part(99, 99)),
            ("bytes=10-1000", part(10, 99)),
            ("bytes=-1", part(99, 99)),
            ("bytes=-1000", part(0, 99)),
            ("Bytes = 5-6", part(5, 6)),
            ("bytes=,5-6,", part(5, 6)),
            ("bytes=5-99999999999999999999999", part(5, 99)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=99999999999999999999999-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
        ] {
            assert_eq!(wanted(Some(header), 100), expected, "{header}");
        }
    }

    #[test]
    fn what_is_no_range_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "items=0-1",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=--1",
            "bytes=1-2-3",
            "bytes=0x1-",
            "bytes=+1-2",
            "bytes=0-1,x",
        ] {
            assert_eq!(wanted(Some(header), 100), Whole, "{header}");
        }
        assert_eq!(wanted(None, 100), Whole);
    }

    #[test]
    fn several_ranges_give_the_whole_and_too_many_are_refused() {
        assert_eq!(wanted(Some("bytes=0-1,50-60"), 100), Whole);
        assert_eq!(wanted(Some("bytes=100-,200-"), 100), Unsatisfiable);
        let many = format!("bytes={}", vec!["0-1"; 1_025].join(","));
        assert_eq!(wanted(Some(&many), 100), Unsatisfiable);
    }

    #[test]
    fn a_span_describes_itself() {
        let span = Span { start: 10, end: 19 };
        assert_eq!((span.length(), span.content_range(100).as_str()), (10, "bytes 10-19/100"));
        assert_eq!(Span::whole(1).length(), 1);
    }
}
