//! curl on links, in both modes. Devices' clients are of its kind, and many of them are built on it.

use std::path::PathBuf;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use crate::support::curl::{Reply, curl};
use crate::support::noise;
use crate::support::platform::Platform;

/// Over one part, and no multiple of anything.
const SIZE: usize = 9 * 1024 * 1024 + 77;
const MODES: [&str; 2] = ["redirect", "proxy"];

struct Fixture {
    platform: Platform,
    content: Vec<u8>,
    etag: String,
    binary: String,
}

impl Fixture {
    fn new() -> Self {
        let platform = Platform::start();
        let content = noise(SIZE);
        let file = platform.sandbox.folder().join("gateway.img");
        std::fs::write(&file, &content).expect("a firmware file");
        let binary = platform.push(&file);
        let etag = format!("\"{}\"", hex::encode(Sha256::digest(&content)));
        Self { platform, content, etag, binary }
    }

    /// A new link that is answered in this mode.
    fn link(&self, mode: &str) -> String {
        self.platform.firmhold(&["backend", "set", "prod", "--delivery", mode]);
        let url = self.platform.link(&self.binary);
        assert!(url.len() <= 255, "{url}");
        url
    }

    fn body(&self) -> PathBuf {
        self.platform.sandbox.folder().join("body")
    }

    fn got(&self) -> Vec<u8> {
        std::fs::read(self.body()).expect("a body")
    }

    fn curl(&self, args: &[&str], url: &str) -> Reply {
        let _ = std::fs::remove_file(self.body());
        curl(self.platform.sandbox.folder(), &self.body(), args, url)
    }

    /// Asserts a refusal in JSON, and the same without a body for HEAD.
    #[track_caller]
    fn refused(&self, url: &str, status: u16, problem: &str) {
        let reply = self.curl(&[], url);
        assert_eq!((reply.status, reply.header("firmhold-problem")), (status, Some(problem)), "{reply:?}");
        let body: serde_json::Value = serde_json::from_slice(&self.got()).expect("JSON");
        assert_eq!(body["problem"]["code"], problem);
        assert!(body["errors"]["detail"].is_string(), "{body}");
        let head = self.curl(&["--head"], url);
        assert_eq!((head.status, head.header("firmhold-problem")), (status, Some(problem)), "{head:?}");
    }
}

#[test]
#[ignore = "needs the AWS CLI and curl; run by cargo xtask test"]
fn head_tells_the_size_and_the_digest_in_every_mode() {
    let fixture = Fixture::new();
    let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(&fixture.content));
    for mode in MODES {
        // A range on HEAD is not looked at.
        for args in [&["--head"][..], &["--head", "--range", "5-9"]] {
            let head = fixture.curl(args, &fixture.link(mode));
            assert_eq!((head.exit, head.status), (0, 200), "{mode}: {head:?}");
            assert_eq!(head.header("content-length"), Some(SIZE.to_string().as_str()), "{mode}");
            assert_eq!(head.header("accept-ranges"), Some("bytes"), "{mode}");
            assert_eq!(head.header("etag"), Some(fixture.etag.as_str()), "{mode}");
            assert_eq!(head.header("content-type"), Some("application/octet-stream"), "{mode}");
            assert_eq!(head.header("repr-digest"), Some(format!("sha-256=:{digest}:").as_str()), "{mode}");
            assert!(head.header("location").is_none() && head.header("x-request-id").is_some(), "{head:?}");
        }
    }
}

#[test]
#[ignore = "needs the AWS CLI and curl; run by cargo xtask test"]
fn get_and_resume_by_proxy() {
    let fixture = Fixture::new();
    let url = fixture.link("proxy");
    let whole = fixture.curl(&[], &url);
    assert_eq!((whole.exit, whole.status), (0, 200));
    assert!(fixture.got() == fixture.content);
    assert_eq!(whole.header("content-length"), Some(SIZE.to_string().as_str()));
    assert_eq!(whole.header("etag"), Some(fixture.etag.as_str()));
    assert_eq!(whole.header("firmhold-delivery"), Some("proxy"));
    assert!(whole.header("transfer-encoding").is_none() && whole.header("content-encoding").is_none());

    // The line was cut: what is there stays, the rest is fetched.
    std::fs::write(fixture.body(), &fixture.content[..1_000_001]).expect("the part that came");
    let home = fixture.platform.sandbox.folder();
    let rest = curl(home, &fixture.body(), ["--continue-at", "-"], &url);
    assert_eq!((rest.exit, rest.status), (0, 206), "{rest:?}");
    assert_eq!(rest.header("content-range"), Some(format!("bytes 1000001-{}/{SIZE}", SIZE - 1).as_str()));
    assert!(fixture.got() == fixture.content);

    let middle = fixture.curl(&["--range", "100-199"], &url);
    assert_eq!((middle.status, middle.header("content-length")), (206, Some("100")));
    assert!(fixture.got() == fixture.content[100..200]);
    let end = fixture.curl(&["--range", "-77"], &url);
    assert_eq!(end.status, 206);
    assert!(fixture.got() == fixture.content[SIZE - 77..]);

    let past = fixture.curl(&["--range", &format!("{SIZE}-")], &url);
    assert_eq!(
        (past.status, past.header("content-range")),
        (416, Some(format!("bytes */{SIZE}").as_str())),
        "{past:?}"
    );
    assert_eq!(past.header("firmhold-problem"), Some("range_unsatisfiable"));
}

#[test]
#[ignore = "needs the AWS CLI and curl; run by cargo xtask test"]
fn get_and_resume_by_redirect() {
    let fixture = Fixture::new();
    let url = fixture.link("redirect");
    let answer = fixture.curl(&[], &url);
    assert_eq!((answer.status, answer.header("content-length")), (302, Some("0")), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("firmhold-delivery"), Some("redirect"));
    let location = answer.header("location").expect("a location");
    assert!(location.starts_with(fixture.platform.sandbox.http_url()), "{location}");
    assert!(
        location.contains("X-Amz-SignedHeaders=host&") || location.ends_with("X-Amz-SignedHeaders=host"),
        "{location}"
    );

    let whole = fixture.curl(&["--location"], &url);
    assert_eq!((whole.exit, whole.status), (0, 200));
    assert!(fixture.got() == fixture.content);

    std::fs::write(fixture.body(), &fixture.content[..1_000_001]).expect("the part that came");
    let home = fixture.platform.sandbox.folder();
    let rest = curl(home, &fixture.body(), ["--location", "--continue-at", "-"], &url);
    assert_eq!((rest.exit, rest.status), (0, 206), "{rest:?}");
    assert!(fixture.got() == fixture.content);

    // Our own answer does not look at the range; the store's says that it is past the end.
    let range = format!("{SIZE}-");
    assert_eq!(fixture.curl(&["--range", &range], &url).status, 302);
    assert_eq!(fixture.curl(&["--location", "--range", &range], &url).status, 416);
}

#[test]
#[ignore = "needs the AWS CLI and curl; run by cargo xtask test"]
fn conditions_hold_in_both_modes() {
    let fixture = Fixture::new();
    for mode in MODES {
        let url = fixture.link(mode);
        let same = fixture.curl(&["--header", &format!("If-None-Match: {}", fixture.etag)], &url);
        assert_eq!(
            (same.status, same.header("etag")),
            (304, Some(fixture.etag.as_str())),
            "{mode}: {same:?}"
        );
        let other = fixture.curl(&["--header", "If-Match: \"another\""], &url);
        assert_eq!(other.status, 412, "{mode}: {other:?}");
        // The store does not know this ETag, so whoever names it is answered by Firmhold itself.
        let ours = fixture.curl(&["--header", &format!("If-Match: {}", fixture.etag)], &url);
        assert_eq!((ours.status, ours.header("firmhold-delivery")), (200, Some("proxy")), "{mode}: {ours:?}");
        assert!(fixture.got() == fixture.content, "{mode}");
        let if_range = format!("If-Range: {}", fixture.etag);
        let part = fixture.curl(&["--header", &if_range, "--range", "10-19"], &url);
        assert_eq!((part.status, part.header("content-length")), (206, Some("10")), "{mode}: {part:?}");
    }
    let stale = ["--header", "If-Range: \"another\"", "--range", "10-19"];
    let whole = fixture.curl(&stale, &fixture.link("proxy"));
    assert_eq!(whole.status, 200, "{whole:?}");
    assert!(fixture.got() == fixture.content);
}

#[test]
#[ignore = "needs the AWS CLI and curl; run by cargo xtask test"]
fn a_link_that_is_over_and_one_that_never_was() {
    let fixture = Fixture::new();
    for mode in MODES {
        let url = fixture.link(mode);
        fixture.refused(&fixture.platform.expired(&url), 410, "link_expired");
        let last = url.chars().last().expect("a token");
        let altered = format!("{}{}", &url[..url.len() - 1], if last == 'A' { 'Q' } else { 'A' });
        fixture.refused(&altered, 404, "link_unknown");
    }
    fixture.refused(&format!("{}/d/{}", fixture.platform.url(), "A".repeat(58)), 404, "link_unknown");
    fixture.refused(&format!("{}/d/short", fixture.platform.url()), 404, "link_unknown");
}
