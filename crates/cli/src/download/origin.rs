//! A server for tests of downloads, with the habits of bad ones.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// Ranges are ignored: 200 with the whole.
    pub no_ranges: bool,
    /// The first so many answers are cut after some bytes.
    pub cuts: u32,
    /// The first so many answers stop after some bytes, and the line stays open.
    pub stalls: u32,
    /// The first so many are 503.
    pub refusals: u32,
    /// The first so many are 503 with a body that never ends.
    pub endless_refusals: u32,
    /// A link works so often, then it has expired.
    pub uses_of_a_link: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Refusal,
    EndlessRefusal,
    Stall,
    Cut,
}

impl Habits {
    fn next(&mut self) -> Trouble {
        for (left, trouble) in [
            (&mut self.refusals, Trouble::Refusal),
            (&mut self.endless_refusals, Trouble::EndlessRefusal),
            (&mut self.stalls, Trouble::Stall),
            (&mut self.cuts, Trouble::Cut),
        ] {
            if *left > 0 {
                *left -= 1;
                return trouble;
            }
        }
        Trouble::None
    }
}

/// A running one.
pub struct Origin {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    /// Requests for content, as `(first byte, answered with a range)`.
    pub asked: Arc<Mutex<Vec<(u64, bool)>>>,
    /// Links that were made.
    pub links: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Shared {
    content: Arc<Vec<u8>>,
    habits: Arc<Mutex<Habits>>,
    asked: Arc<Mutex<Vec<(u64, bool)>>>,
    links: Arc<AtomicU32>,
    uses: Arc<AtomicU32>,
    url: String,
}

impl Origin {
    /// Serves `content` at `/d/N`, where N is a link of `/binaries/B/download_url`.
    pub async fn start(content: Vec<u8>, habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared {
            content: Arc::new(content),
            habits: Arc::new(Mutex::new(habits)),
            asked: Arc::default(),
            links: Arc::default(),
            uses: Arc::default(),
            url: url.clone(),
        };
        let (asked, links) = (Arc::clone(&shared.asked), Arc::clone(&shared.links));
        tokio::spawn(async move {
            while let Ok((line, _)) = listener.accept().await {
                tokio::spawn(answer(line, shared.clone()));
            }
        });
        Self { url, asked, links }
    }
}

async fn answer(line: TcpStream, shared: Shared) {
    let mut line = BufReader::new(line);
    let (mut path, mut range) = (String::new(), None);
    loop {
        let mut text = String::new();
        if line.read_line(&mut text).await.unwrap_or(0) == 0 {
            return;
        }
        let text = text.trim_end();
        if let Some(rest) = text.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(rest) = text.to_ascii_lowercase().strip_prefix("range: bytes=") {
            let (first, last) = rest.split_once('-').unwrap();
            range = Some(first.parse().unwrap()..last.parse::<u64>().unwrap() + 1);
        }
        if text.is_empty() {
            break;
        }
    }
    let _ = respond(line.get_mut(), &path, range, &shared).await;
}

async fn respond(
    line: &mut TcpStream,
    path: &str,
    range: Option<Range<u64>>,
    shared: &Shared,
) -> std::io::Result<()> {
    if path.ends_with("/download_url") {
        let number = shared.links.fetch_add(1, Ordering::SeqCst) + 1;
        shared.uses.store(0, Ordering::SeqCst);
        let url = format!("{}/d/{number}", shared.url);
        let body = format!(r#"{{"download_url":"{url}","expires_at":"2030-01-01T00:00:00Z"}}"#);
        return send(line, "200 OK", "content-type: application/json\r\n", body.as_bytes()).await;
    }
    let habits = shared.habits.lock().unwrap().clone();
    let uses = shared.uses.fetch_add(1, Ordering::SeqCst);
    if habits.uses_of_a_link.is_some_and(|most| uses >= most) {
        return send(line, "410 Gone", "firmhold-problem: link_expired\r\n", b"").await;
    }
    let trouble = shared.habits.lock().unwrap().next();
    if trouble == Trouble::Refusal {
        return send(line, "503 Slow Down", "", b"<Error><Code>SlowDown</Code></Error>").await;
    }
    if trouble == Trouble::EndlessRefusal {
        line.write_all(b"HTTP/1.1 503 Slow Down\r\ncontent-length: 1000\r\n\r\n<Error>").await?;
        return std::future::pending().await;
    }
    let whole = 0..shared.content.len() as u64;
    let span = range.filter(|_| !habits.no_ranges);
    let ranged = span.is_some();
    let span = span.unwrap_or(whole.clone());
    shared.asked.lock().unwrap().push((span.start, ranged));
    let body = &shared.content[span.start as usize..span.end as usize];
    let (status, more) = if ranged {
        let text = format!("content-range: bytes {}-{}/{}\r\n", span.start, span.end - 1, whole.end);
        ("206 Partial Content", text)
    } else {
        ("200 OK", String::new())
    };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
    line.write_all(head.as_bytes()).await?;
    if trouble != Trouble::None {
        line.write_all(&body[..body.len() * 2 / 3]).await?;
        if trouble == Trouble::Stall {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        return Ok(());
    }
    line.write_all(body).await?;
    line.shutdown().await
}

async fn send(line: &mut TcpStream, status: &str, more: &str, body: &[u8]) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n", body.len());
    line.write_all(head.as_bytes()).await?;
    line.write_all(body).await?;
    line.shutdown().await
}
