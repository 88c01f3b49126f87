//! The bytes of an object as they come in, held to what the answer said they would be.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use firmhold_core::{Problem, problem::Code};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::bucket::ByteRange;
use crate::error;

/// The bytes of a body, watched: a silence longer than `patience` and an early end are errors.
pub(crate) fn stream(
    body: ByteStream,
    expected: u64,
    patience: Duration,
) -> BoxStream<'static, Result<Bytes, Problem>> {
    let failed = |text: &str| Problem::new(Code::StoreFailed, text.to_owned());
    futures::stream::unfold(Some((body, expected)), move |state| async move {
        let (mut body, left) = state?;
        let next = tokio::time::timeout(patience, body.next()).await;
        Some(match next {
            Err(_) => (Err(failed("the store fell silent in the middle of the object")), None),
            Ok(Some(Err(cause))) => {
                let cause = error::chain(&cause);
                (
                    Err(failed("the line to the store broke in the middle of the object").caused_by(cause)),
                    None,
                )
            }
            Ok(None) if left > 0 => (Err(failed("the object ended before its length")), None),
            Ok(None) => return None,
            Ok(Some(Ok(chunk))) => match left.checked_sub(chunk.len() as u64) {
                Some(left) => (Ok(chunk), Some((body, left))),
                None => (Err(failed("the object went on past its length")), None),
            },
        })
    })
    .boxed()
}

/// The object's size, from `Content-Range: bytes START-END/SIZE`, which must be the range that was asked for.
pub(crate) fn answered_range(header: Option<&str>, asked: ByteRange, length: u64) -> Result<u64, Problem> {
    let parsed = header.and_then(|header| {
        let (range, size) = header.strip_prefix("bytes ")?.split_once('/')?;
        let (start, end) = range.split_once('-')?;
        Some((start.parse::<u64>().ok()?, end.parse::<u64>().ok()?, size.parse::<u64>().ok()?))
    });
    match parsed {
        Some((start, end, size))
            if start == asked.start
                && end == asked.end.min(size.saturating_sub(1))
                && end.checked_sub(start).and_then(|bytes| bytes.checked_add(1)) == Some(length) =>
        {
            Ok(size)
        }
        _ => Err(Problem::new(
            Code::StoreFailed,
            "the store answered with another range than the one asked for",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_the_one_asked_for() {
        let asked = ByteRange::new(10, 19);
        assert_eq!(answered_range(Some("bytes 10-19/100"), asked, 10).unwrap(), 100);
        assert_eq!(answered_range(Some("bytes 10-14/15"), asked, 5).unwrap(), 15);
        assert_eq!(answered_range(Some("bytes 10-14/15"), ByteRange::from(10), 5).unwrap(), 15);
        for (header, length) in [
            (None, 10),
            (Some("bytes 0-9/100"), 10),
            (Some("bytes 10-19/100"), 11),
            (Some("bytes 10-18/100"), 9),
            (Some("bytes 10-19/*"), 10),
            (Some("bytes */100"), 0),
            (Some("bytes 19-10/100"), 0),
        ] {
            assert!(answered_range(header, asked, length).is_err(), "{header:?}");
        }
        assert!(answered_range(Some("bytes 0-18446744073709551615/0"), ByteRange::from(0), 0).is_err());
    }

    #[tokio::test]
    async fn a_body_has_the_length_that_was_said() {
        let read = async |expected| {
            let bytes: Vec<_> =
                stream(ByteStream::from_static(b"firmware"), expected, Duration::from_secs(1))
                    .collect()
                    .await;
            bytes.into_iter().collect::<Result<Vec<_>, _>>().map(|chunks| chunks.concat())
        };
        assert_eq!(read(8).await.unwrap(), b"firmware");
        assert_eq!(read(9).await.unwrap_err().code(), Code::StoreFailed);
        assert_eq!(read(7).await.unwrap_err().code(), Code::StoreFailed);
    }
}
