//! Parts sent to stores, and to what stands before a server, that answer as they should not.

use std::time::Duration;

use firmhold_core::{LimitedBy, binary_part::PartState};
use firmhold_core::{Meta, OrganizationPrn, Prn, PrnKind, Secret, Timestamp};
use firmhold_store::plan::PartPlan;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use uuid::Uuid;

use super::*;
use crate::file_digest;
use crate::network::Network;
use crate::retry::RetryPolicy;

/// More than lines and readers take up while nobody reads.
const SIZE: usize = 48 << 20;
/// No push may take longer, whatever answers.
const END: Duration = Duration::from_secs(60);

/// What the place that parts are sent to does with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// Takes it.
    Take,
    /// Answers this as soon as it has the head, reads no further, and keeps the line open.
    Early(u16, &'static str),
    /// Begins a refusal, and never ends it.
    Endless(u16, &'static str),
    /// Refuses it as a Firmhold server does.
    Problem(u16, &'static str),
    /// Refuses it with a page of its own.
    Page(u16),
}

/// A platform, and where its parts go, in one.
#[derive(Clone)]
struct Place {
    url: String,
    /// What parts are sent to, after the place's own address.
    parts: &'static str,
    habits: Arc<Mutex<Vec<Habit>>>,
    declared: Arc<AtomicU64>,
}

impl Place {
    /// One with these habits, one after the other; the last stays.
    async fn start(parts: &'static str, habits: &[Habit]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let habits = Arc::new(Mutex::new(habits.iter().rev().copied().collect()));
        let place = Self { url, parts, habits, declared: Arc::default() };
        let serving = place.clone();
        tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                let place = serving.clone();
                tokio::spawn(async move { place.answer(BufReader::new(line)).await });
            }
        });
        place
    }

    fn next(&self) -> Habit {
        let mut habits = self.habits.lock().unwrap();
        if habits.len() > 1 { habits.pop().unwrap() } else { habits[0] }
    }

    async fn answer(&self, mut line: BufReader<TcpStream>) -> Option<()> {
        loop {
            let (path, length) = head(&mut line).await?;
            if path.starts_with("/binaries/") {
                drain(&mut line, length).await?;
                self.declared.fetch_add(1, Ordering::Relaxed);
                let body = json!({ "binary_part": self.part() }).to_string();
                say(&mut line, "201 Created", "content-type: application/json\r\n", body.len(), &body)
                    .await?;
                continue;
            }
            match self.next() {
                Habit::Take => {
                    drain(&mut line, length).await?;
                    say(&mut line, "200 OK", "", 0, "").await?;
                }
                Habit::Early(status, body) => {
                    say(&mut line, &status.to_string(), "", body.len(), body).await?;
                    return std::future::pending().await;
                }
                Habit::Endless(status, begin) => {
                    drain(&mut line, length).await?;
                    say(&mut line, &status.to_string(), "", 1000, begin).await?;
                    return std::future::pending().await;
                }
                Habit::Problem(status, code) => {
                    drain(&mut line, length).await?;
                    let header = format!("firmhold-problem: {code}\r\n");
                    say(&mut line, &status.to_string(), &header, 0, "").await?;
                }
                Habit::Page(status) => {
                    drain(&mut line, length).await?;
                    let page = "<html>no</html>";
                    say(&mut line, &status.to_string(), "", page.len(), page).await?;
                }
            }
        }
    }

    fn part(&self) -> Value {
        let (organization, now) = (Uuid::from_u128(1), Timestamp::EPOCH);
        let prn = |kind| Prn::new(organization, kind, Uuid::from_u128(2));
        let part = BinaryPart {
            meta: Meta {
                prn: prn(PrnKind::BinaryPart),
                organization_prn: OrganizationPrn(organization),
                inserted_at: now,
                updated_at: now,
                revision: 1,
            },
            binary_prn: prn(PrnKind::Binary),
            index: 1,
            hash: firmhold_core::Digest::of(""),
            size: 1,
            state: PartState::Uploadable,
            upload: Some(PartUpload {
                presigned_upload_url: format!("{}{}", self.url, self.parts),
                upload_headers: std::collections::BTreeMap::new(),
                expires_at: now,
                limited_by: LimitedBy::Requested,
            }),
        };
        serde_json::to_value(part).unwrap()
    }
}

/// The path of a request, and how long its body is.
async fn head(line: &mut BufReader<TcpStream>) -> Option<(String, usize)> {
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut text = String::new();
        if line.read_line(&mut text).await.ok()? == 0 {
            return None;
        }
        let text = text.trim_end().to_ascii_lowercase();
        if let Some(rest) = text.strip_prefix("put ") {
            path = rest.split(' ').next()?.to_owned();
        }
        if let Some(rest) = text.strip_prefix("content-length: ") {
            length = rest.parse().ok()?;
        }
        if text.is_empty() {
            return Some((path, length));
        }
    }
}

async fn drain(line: &mut BufReader<TcpStream>, length: usize) -> Option<()> {
    let mut rest = line.take(length as u64);
    let got = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await.ok()?;
    (got == length as u64).then_some(())
}

async fn say(
    line: &mut BufReader<TcpStream>,
    status: &str,
    more: &str,
    length: usize,
    body: &str,
) -> Option<()> {
    let text = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{more}\r\n{body}");
    line.get_mut().write_all(text.as_bytes()).await.ok()
}

/// What a push of one part there comes to, and how many parts were acknowledged.
async fn push(place: &Place, size: usize) -> (Result<(), Problem>, u64) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, &vec![7; size]).unwrap();
    let source = SourceFile::open(file.path()).unwrap();
    let plan = PartPlan::with_part_size(size as u64, 64 << 20).unwrap();
    let digest = file_digest::read(&source, plan, &ProgressBar::hidden()).unwrap();
    let client = Client::with(&place.url, Secret::new("fhk_test"), None).unwrap().with_network(Network {
        retry: RetryPolicy::new(Duration::from_secs(30)),
        stall_after: Duration::from_secs(2),
    });
    let binary = binary(&digest);
    let sender = PartSender::new(client, binary, source, 64 << 20, Pace::new(1), ProgressBar::hidden());
    let sent = tokio::time::timeout(END, sender.send_all(digest.parts)).await.expect("it ends");
    (sent, sender.sent())
}

fn binary(file: &file_digest::FileDigest) -> Binary {
    let prn = |kind| Prn::new(Uuid::from_u128(1), kind, Uuid::from_u128(2)).to_string();
    let none = Value::Null;
    let binary = json!({
        "prn": prn(PrnKind::Binary), "organization_prn": OrganizationPrn(Uuid::from_u128(1)).to_string(),
        "inserted_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "revision": 1,
        "artifact_version_prn": prn(PrnKind::ArtifactVersion), "target": "imx8", "hash": file.digest,
        "size": file.size(), "description": none, "custom_metadata": none, "pinned": false,
        "backend_prn": prn(PrnKind::Backend), "state": "uploadable", "state_reason": none,
        "content_state": "absent", "restore_expected_at": none, "restored_until": none, "retired_at": none,
        "manifest_at": none, "signatures": [],
    });
    serde_json::from_value(binary).unwrap()
}

/// Where stores are sent parts, and where the server is.
const STORE: &str = "/key?X-Amz-Signature=0";
const SERVER: &str = "/u/AQAB";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_answers_early_and_reads_no_further_holds_nobody_up() {
    let busy = Habit::Early(503, "<Error><Code>SlowDown</Code></Error>");
    let place = Place::start(STORE, &[busy, Habit::Take]).await;
    let (result, sent) = push(&place, SIZE).await;
    result.unwrap();
    assert_eq!((sent, place.declared.load(Ordering::Relaxed)), (1, 2));

    let denied = Habit::Early(403, "<Error><Code>AccessDenied</Code></Error>");
    let (result, sent) = push(&Place::start(STORE, &[denied]).await, SIZE).await;
    let refused = result.unwrap_err();
    assert_eq!((refused.code(), refused.aws_code(), sent), (Code::StoreDenied, Some("AccessDenied"), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_acknowledged_before_its_end_is_sent_again() {
    let place = Place::start(STORE, &[Habit::Early(200, ""), Habit::Take]).await;
    let (result, sent) = push(&place, SIZE).await;
    result.unwrap();
    assert_eq!((sent, place.declared.load(Ordering::Relaxed)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_does_not_end_is_one_all_the_same() {
    let place = Place::start(STORE, &[Habit::Endless(403, "<Error><Code>AccessDenied</Code>")]).await;
    let refused = push(&place, 1000).await.0.unwrap_err();
    assert_eq!(refused.code(), Code::StoreDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_of_the_servers_own_that_is_over_is_asked_for_again() {
    let (expired, unknown) = (Habit::Problem(410, "link_expired"), Habit::Problem(404, "link_unknown"));
    let place = Place::start(SERVER, &[expired, unknown, Habit::Take]).await;
    push(&place, 1000).await.0.unwrap();
    assert_eq!(place.declared.load(Ordering::Relaxed), 3);

    let place = Place::start(SERVER, &[expired]).await;
    let refused = push(&place, 1000).await.0.unwrap_err();
    assert_eq!(
        (refused.code(), refused.hint()),
        (Code::LinkExpired, Some("do the clocks of the server's hosts agree?"))
    );
    assert_eq!(place.declared.load(Ordering::Relaxed), u64::from(FRUITLESS_URLS) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_before_the_server_speaks_for_no_bucket() {
    let said = async |parts| {
        let refused = push(&Place::start(parts, &[Habit::Page(413)]).await, 1000).await.0.unwrap_err();
        format!("{refused} | {}", refused.hint().unwrap_or_default())
    };
    insta::assert_snapshot!(said(SERVER).await, @"what stands before the server refused part 1 (413 Payload Too Large) | it must let bodies through that are as large as a part; --part-size makes parts smaller");
    insta::assert_snapshot!(said(STORE).await, @"the bucket refused part 1 (413 Payload Too Large) | Run `firmhold backend verify`: it names the permission that is missing.");
}
