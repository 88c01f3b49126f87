//! Who downloaded what: from the platform's records, or from S3's server access logs.

use firmhold_core::{Code, Problem};
use serde::{Deserialize, Serialize};

/// Lines that one file may have: a month of a large fleet.
const MAX_LINES: usize = 20_000_000;
/// A line of either kind is far shorter.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// A transfer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Who: the device, or from an access log its address.
    pub device: String,
    /// What: the binary, or from an access log the key.
    pub binary: String,
    /// Bytes that were sent.
    pub bytes: u64,
    /// Bytes of the whole thing, where that is known: forty ranges of one file are one download.
    #[serde(default)]
    pub size: Option<u64>,
}

/// Reads records: lines of JSON (`{"device", "binary", "bytes"}`, with `size` if known), or lines of an access log.
/// Lines of an access log that are no download are left out.
///
/// # Errors
/// [`Code::Usage`] with the number of the line.
pub fn records(text: &str) -> Result<Vec<Record>, Problem> {
    let mut all = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let wrong =
            |says: &str| Problem::new(Code::Usage, format!("line {} of the transfers {says}", index + 1));
        if index >= MAX_LINES || line.len() > MAX_LINE_BYTES {
            return Err(wrong("is too long, or one too many"));
        }
        if line.is_empty() {
            continue;
        }
        if line.starts_with('{') {
            let record = serde_json::from_str(line);
            all.push(record.map_err(|error| wrong(&format!("is no record: {error}")))?);
        } else {
            let fields =
                fields(line).ok_or_else(|| wrong("is neither JSON nor a line of an S3 access log"))?;
            all.extend(download(&fields));
        }
    }
    Ok(all)
}

/// Fields of an access log: separated by spaces, kept together by quotes or brackets.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html>
fn fields(line: &str) -> Option<Vec<&str>> {
    let mut all = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let close = match rest.as_bytes().first()? {
            b'"' => Some('"'),
            b'[' => Some(']'),
            _ => None,
        };
        let (field, after) = match close {
            Some(close) => rest.get(1..)?.split_once(close)?,
            None => rest.split_once(' ').unwrap_or((rest, "")),
        };
        all.push(field);
        rest = after.trim_start();
    }
    (all.len() >= 17).then_some(all)
}

/// Numbers of the fields, from 0.
const ADDRESS: usize = 3;
const OPERATION: usize = 6;
const KEY: usize = 7;
const STATUS: usize = 9;
const SENT: usize = 11;
const SIZE: usize = 12;

fn download(fields: &[&str]) -> Option<Record> {
    let field = |at: usize| fields.get(at).copied();
    let served = matches!(field(STATUS)?, "200" | "206");
    if field(OPERATION)? != "REST.GET.OBJECT" || !served {
        return None;
    }
    Some(Record {
        device: field(ADDRESS)?.to_owned(),
        binary: field(KEY)?.to_owned(),
        bytes: field(SENT)?.parse().unwrap_or(0),
        size: field(SIZE)?.parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be acme-fw [06/Feb/2026:00:00:38 +0000] 192.0.2.3 79a59df9 3E57427F3EXAMPLE REST.GET.OBJECT binaries/sha256/aa/x/1 \"GET /binaries/sha256/aa/x/1?versionId=L4 HTTP/1.1\" 206 - 1048576 4194304 7 6 \"-\" \"swupdate/2026 [arm]\" - host SigV4 TLS_AES QueryString acme-fw.s3.us-west-2.amazonaws.com TLSv1.3 - -";

    #[test]
    fn both_kinds_are_read() {
        let text = format!("{{\"device\":\"gw-1\",\"binary\":\"fw-2\",\"bytes\":10}}\n\n{LOG}\n");
        let read = records(&text).unwrap();
        assert_eq!(read[0], Record { device: "gw-1".into(), binary: "fw-2".into(), bytes: 10, size: None });
        assert_eq!(
            read[1],
            Record {
                device: "192.0.2.3".into(),
                binary: "binaries/sha256/aa/x/1".into(),
                bytes: 1_048_576,
                size: Some(4_194_304)
            }
        );
    }

    #[test]
    fn what_is_no_download_is_left_out() {
        for other in [LOG.replace("GET.OBJECT", "PUT.OBJECT"), LOG.replace(" 206 ", " 403 ")] {
            assert_eq!(records(&other).unwrap(), []);
        }
    }

    #[test]
    fn nonsense_has_its_line() {
        for (text, line) in [("{}", "line 1"), ("\n\"", "line 2"), ("a b c", "line 1"), ("[", "line 1")] {
            assert!(records(text).unwrap_err().to_string().starts_with(line), "{text}");
        }
    }
}
