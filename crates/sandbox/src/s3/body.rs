//! What a request promises about its body, and whether the body kept it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderMap;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use crate::storage::checksum::{self, Algorithm};
use crate::storage::{ReceivedBlob, Storage, StorageError};

/// The most that one request may carry (5 GiB).
const MAX_BODY: u64 = 5 * 1024 * 1024 * 1024;

/// The promises in a request's headers.
#[derive(Debug)]
pub struct Promise {
    /// Bytes of the body itself, without chunk signatures.
    length: u64,
    md5: Option<Vec<u8>>,
    algorithm: Option<Algorithm>,
    /// The checksum's value, when a header has it; a trailer's comes with the end of the body.
    checksum: Option<String>,
}

impl Promise {
    /// Reads them.
    ///
    /// # Errors
    /// `MissingContentLength`, `EntityTooLarge`, `InvalidDigest`, and `InvalidRequest` for checksums that are
    /// malformed, doubled or announced and absent.
    pub fn read(headers: &HeaderMap) -> S3Result<Self> {
        let length = length(headers)?;
        if length > MAX_BODY {
            return Err(s3_error!(
                EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed object size."
            ));
        }
        let md5 = text(headers, "content-md5").map(decode_md5).transpose()?;
        let (algorithm, checksum) = checksum_of(headers)?;
        Ok(Self { length, md5, algorithm, checksum })
    }

    /// The algorithm whose value the request carries.
    pub fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// Receives the body and holds it to what was promised. `fallback` is the checksum to compute when the
    /// request names none.
    ///
    /// # Errors
    /// `IncompleteBody`, `BadDigest` and what the signature of a chunk or of the payload says.
    pub async fn receive(
        &self,
        storage: &Storage,
        body: Option<StreamingBlob>,
        trailers: Option<&TrailingHeaders>,
        fallback: Algorithm,
    ) -> S3Result<ReceivedBlob> {
        let algorithm = self.algorithm.unwrap_or(fallback);
        let received = match body {
            Some(body) => storage.receive(body, Some(self.length), algorithm).await?,
            None => {
                let nothing = futures::stream::empty::<Result<bytes::Bytes, std::io::Error>>();
                storage.receive(nothing, Some(self.length), algorithm).await?
            }
        };
        if self.md5.as_ref().is_some_and(|md5| md5[..] != received.hashes.md5) {
            return Err(s3_error!(
                BadDigest,
                "The Content-MD5 you specified did not match what we received."
            ));
        }
        if let Some(promised) = self.promised(trailers)?
            && promised != received.hashes.checksum.value
        {
            return Err(StorageError::ChecksumMismatch(algorithm.header()).into());
        }
        Ok(received)
    }

    /// The promised value: the header's, or the trailer's now that the body is read.
    fn promised(&self, trailers: Option<&TrailingHeaders>) -> S3Result<Option<String>> {
        let Some(algorithm) = self.algorithm else { return Ok(None) };
        if let Some(value) = &self.checksum {
            return Ok(Some(value.clone()));
        }
        let trailing = trailers.and_then(TrailingHeaders::take);
        let value = trailing.as_ref().and_then(|headers| text(headers, algorithm.header()));
        value.map(|value| checked(algorithm, value)).ok_or_else(malformed_trailer)?.map(Some)
    }
}

fn length(headers: &HeaderMap) -> S3Result<u64> {
    text(headers, "x-amz-decoded-content-length")
        .or_else(|| text(headers, "content-length"))
        .and_then(|value| value.parse().ok())
        .ok_or_else(|| s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."))
}

fn checksum_of(headers: &HeaderMap) -> S3Result<(Option<Algorithm>, Option<String>)> {
    let mut given = Algorithm::ALL.into_iter().filter(|algorithm| headers.contains_key(algorithm.header()));
    let trailer = text(headers, "x-amz-trailer").and_then(|names| {
        let mut names = names.split(',').map(str::trim);
        names.find_map(|name| Algorithm::ALL.into_iter().find(|a| a.header().eq_ignore_ascii_case(name)))
    });
    let (header, second) = (given.next(), given.next());
    if second.is_some() || (header.is_some() && trailer.is_some()) {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    if let Some(algorithm) = header {
        let value = checked(algorithm, text(headers, algorithm.header()).unwrap_or_default())?;
        return Ok((Some(algorithm), Some(value)));
    }
    if trailer.is_none() && headers.contains_key("x-amz-sdk-checksum-algorithm") {
        return Err(s3_error!(
            InvalidRequest,
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer \
             headers were found."
        ));
    }
    Ok((trailer, None))
}

fn checked(algorithm: Algorithm, value: &str) -> S3Result<String> {
    match checksum::decode(algorithm, value) {
        Some(_) => Ok(value.to_owned()),
        None => Err(s3_error!(InvalidRequest, "Value for {} header is invalid.", algorithm.header())),
    }
}

fn decode_md5(value: &str) -> S3Result<Vec<u8>> {
    let raw = BASE64.decode(value).ok().filter(|raw| raw.len() == 16);
    raw.ok_or_else(|| s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid."))
}

fn malformed_trailer() -> S3Error {
    super::error::custom(
        http::StatusCode::BAD_REQUEST,
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published \
         schema.",
    )
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
