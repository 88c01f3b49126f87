//! The parts of an upload as an S3-compatible store lists them. Some call the document otherwise than AWS does, which the
//! SDK takes for no list at all; so theirs is asked for by a presigned URL and read here.

use firmhold_core::{Digest, Problem, Timestamp, problem::Code};

use crate::bucket::StoredPart;
use crate::error;
use crate::presign::{Presign, encode};
use crate::s3::unquoted;
use crate::session::RoleSession;
use crate::target::Target;
use crate::ticket::Address;

/// A page holds at most a thousand parts of some hundred bytes.
const LARGEST: usize = 4 * 1024 * 1024;
/// Seconds that the URL lives.
const SECONDS: u64 = 300;

/// One page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub parts: Vec<StoredPart>,
    /// Whether there is another one.
    pub truncated: bool,
    /// The marker of that one.
    pub next: Option<String>,
}

/// Where lists are asked for.
#[derive(Debug)]
pub(crate) struct Lister {
    pub http: reqwest::Client,
    pub address: Address,
}

impl Lister {
    /// The page after `marker`.
    pub async fn page(
        &self,
        target: &Target,
        session: &RoleSession,
        now: Timestamp,
        (key, upload_id, marker): (&firmhold_core::ObjectKey, &str, Option<&str>),
    ) -> Result<Page, Problem> {
        let marker = marker.map(|marker| format!("&part-number-marker={}", encode(marker)));
        let query = format!("{}&uploadId={}", marker.unwrap_or_default(), encode(upload_id));
        let url = Presign {
            method: "GET",
            origin: self.address.origin(),
            host: self.address.host(),
            path: &self.address.path_of(key),
            query: &query,
            before_host: &[],
            after_host: &[],
            region: &target.region,
            at: now,
            seconds: SECONDS,
        }
        .sign(session);
        let broken = |cause: reqwest::Error| {
            Problem::new(Code::StoreFailed, "the store did not list the parts")
                .caused_by(error::chain(&cause.without_url()))
        };
        let mut answer = self.http.get(url).send().await.map_err(broken)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(broken)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(no_list());
            }
        }
        let body = String::from_utf8_lossy(&body);
        if !status.is_success() {
            return Err(error::s3_refusal("list the parts", status.as_u16(), &body));
        }
        read(&body).ok_or_else(no_list)
    }
}

fn no_list() -> Problem {
    Problem::new(Code::StoreFailed, "the store answered with something else than a list of parts")
}

/// Reads a page, whether its root is called `ListPartsResult`, as at AWS, `ListPartsResponse` or otherwise.
fn read(document: &str) -> Option<Page> {
    // What does not end as a list is something else, or was cut short.
    let (_, end) = document.trim_end().strip_suffix('>')?.rsplit_once("</")?;
    if !end.starts_with("ListParts") {
        return None;
    }
    // One store says it only of a list that goes on.
    let truncated = element(document, "IsTruncated") == Some("true");
    let mut parts = Vec::new();
    for rest in document.split("<Part>").skip(1) {
        let (part, _) = rest.split_once("</Part>")?;
        parts.push(StoredPart {
            number: element(part, "PartNumber")?.parse().ok()?,
            size: element(part, "Size")?.parse().ok()?,
            sha256: element(part, "ChecksumSHA256").and_then(|text| Digest::from_base64(text).ok()),
            // One store leaves it out; who sent the part was told it then.
            etag: unquoted(&unescape(element(part, "ETag").unwrap_or_default())),
        });
    }
    let next = element(document, "NextPartNumberMarker").filter(|_| truncated).map(str::to_owned);
    Some(Page { parts, truncated, next })
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(value, _)| value.trim())
}

fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#x22;", "\"").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_whatever_it_is_called() {
        let part = "<Part><PartNumber>3</PartNumber><ETag>&quot;abc&quot;</ETag><Size>5</Size></Part>";
        let checksum = Digest::of("x").to_base64();
        let other = format!(
            "<Part><PartNumber>4</PartNumber><ETag>\"d\"</ETag><Size>1</Size><ChecksumSHA256>{checksum}</ChecksumSHA256></Part>"
        );
        let head = "<IsTruncated>true</IsTruncated><NextPartNumberMarker>4</NextPartNumberMarker>";
        for root in ["ListPartsResult", "ListPartsResponse"] {
            let page = read(&format!("<{root}>{head}{part}{other}</{root}>")).unwrap();
            assert_eq!(page.next.as_deref(), Some("4"));
            assert_eq!(
                (page.parts[0].number, page.parts[0].size, page.parts[0].etag.as_str()),
                (3, 5, "abc")
            );
            assert_eq!((page.parts[0].sha256, page.parts[1].sha256), (None, Some(Digest::of("x"))));
        }
        let last = head.replace("true", "false");
        assert_eq!(
            read(&format!("<ListPartsResult>{last}</ListPartsResult>")),
            Some(Page { parts: Vec::new(), truncated: false, next: None })
        );
        assert_eq!(
            read("<ListPartsResult><UploadId>a</UploadId></ListPartsResult>\n").map(|page| page.next),
            Some(None)
        );
        let lost = read("<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>").unwrap();
        assert_eq!((lost.truncated, lost.next), (true, None), "it goes on, and nobody knows where");
        for bad in [
            "",
            "<html/>",
            "<L><IsTruncated>false</IsTruncated></L>",
            "<ListPartsResult><IsTruncated>false</IsTruncated><Part></Part></ListPartsResult>",
            "<ListPartsResult><IsTruncated>false</IsTruncated><Part>",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
