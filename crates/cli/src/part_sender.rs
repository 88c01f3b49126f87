//! The second read of a push: a part of the file, straight into the bucket.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use firmhold_core::binary_part::{PartUpload, PutPart};
use firmhold_core::{Binary, BinaryPart, Code, Hasher, Problem};
use firmhold_store::failpoint;
use futures::StreamExt as _;
use indicatif::ProgressBar;
use tokio::sync::mpsc;

use crate::client::{self, Client};
use crate::file_digest::{FilePart, changed};

/// What is read and sent at once; with [`READ_AHEAD`] and the parts in parallel this bounds the memory of a push.
const CHUNK: usize = 256 * 1024;
/// Chunks read before they are asked for.
const READ_AHEAD: usize = 4;
/// Tries of a part; each asks for a new URL, since the old one may be over.
const TRIES: u32 = 6;

/// Sends the parts of one file.
#[derive(Clone)]
pub struct PartSender {
    client: Client,
    binary: Binary,
    path: PathBuf,
    bar: ProgressBar,
}

impl PartSender {
    /// For the file at `path`, which is `binary`'s content.
    pub fn new(client: Client, binary: Binary, path: &Path, bar: ProgressBar) -> Self {
        Self { client, binary, path: path.to_owned(), bar }
    }

    /// Sends `parts`, `parallel` at a time. The first failure stops all.
    ///
    /// # Errors
    /// [`Code::ChangedWhileRead`]; the API's; the store's.
    pub async fn send_all(&self, parts: Vec<FilePart>, parallel: usize) -> Result<(), Problem> {
        let mut sending =
            futures::stream::iter(parts.into_iter().map(|part| self.send(part))).buffer_unordered(parallel);
        while let Some(result) = sending.next().await {
            result?;
        }
        Ok(())
    }

    async fn send(&self, part: FilePart) -> Result<(), Problem> {
        let mut attempt = 1;
        loop {
            let before = self.bar.position();
            match self.try_once(part).await {
                Err(problem) if attempt < TRIES && problem.code().retryable() => {
                    tracing::info!(target: "firmhold::push", part = part.index, attempt, cause = %problem, "sending the part again");
                    // Other parts move the bar too; taking back what this one sent is close enough for a picture.
                    self.bar.set_position(before.min(self.bar.position()));
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn try_once(&self, part: FilePart) -> Result<(), Problem> {
        let upload = self.declare(part).await?;
        failpoint::PUSH_PART_DECLARED.reach();
        let (reader, body) = self.read(part);
        let mut request = self
            .client
            .http()
            .put(&upload.presigned_upload_url)
            // A part that hangs is tried again; the slowest line that is worth it sends 64 KiB/s.
            .timeout(Duration::from_secs(60 + part.size / (64 * 1024)))
            .header(reqwest::header::CONTENT_LENGTH, part.size)
            .body(body);
        for (name, value) in &upload.upload_headers {
            request = request.header(name, value);
        }
        let sent = request.send().await;
        // The reader knows better than the line why a body ended early.
        reader.await.map_err(Problem::internal)??;
        let response = sent.map_err(|error| {
            Problem::new(Code::StoreFailed, format!("part {} did not get through", part.index))
                .caused_by(error.without_url())
        })?;
        if !response.status().is_success() {
            return Err(refused(part.index, response).await);
        }
        failpoint::PUSH_PART_SENT.reach();
        Ok(())
    }

    /// Tells the platform of a part, and gets the URL to send it to.
    async fn declare(&self, part: FilePart) -> Result<PartUpload, Problem> {
        let path = format!("/binaries/{}/parts/{}", self.binary.meta.prn, part.index);
        let body = PutPart {
            hash: Some(part.digest.to_hex()),
            size: i64::try_from(part.size).ok(),
            expected_binary_size: i64::try_from(self.binary.size).ok(),
        };
        let declared: BinaryPart = client::object(self.client.put(&path, &body).await?, "binary_part")?;
        declared.upload.ok_or_else(|| Problem::new(Code::BadAnswer, "the server gave no URL for the part"))
    }

    /// Reads a part in the background; its last word is whether the bytes are still those of the first read.
    fn read(&self, part: FilePart) -> (tokio::task::JoinHandle<Result<(), Problem>>, reqwest::Body) {
        let (chunks, mut stream) = mpsc::channel::<std::io::Result<Bytes>>(READ_AHEAD);
        let path = self.path.clone();
        let bar = self.bar.clone();
        let reader = tokio::task::spawn_blocking(move || read_part(&path, part, &chunks, &bar));
        let body = futures::stream::poll_fn(move |context| stream.poll_recv(context));
        (reader, reqwest::Body::wrap_stream(body))
    }
}

fn read_part(
    path: &Path,
    part: FilePart,
    chunks: &mpsc::Sender<std::io::Result<Bytes>>,
    bar: &ProgressBar,
) -> Result<(), Problem> {
    let unreadable =
        |error| Problem::new(Code::LocalFile, format!("cannot read {}", path.display())).caused_by(error);
    let mut file = File::open(path).map_err(unreadable)?;
    file.seek(SeekFrom::Start(part.offset)).map_err(unreadable)?;
    let mut hasher = Hasher::new();
    while hasher.length() < part.size {
        let want = usize::try_from(part.size - hasher.length()).unwrap_or(CHUNK).min(CHUNK);
        let mut buffer = vec![0; want];
        if let Err(error) = file.read_exact(&mut buffer) {
            let shrunk = error.kind() == std::io::ErrorKind::UnexpectedEof;
            let problem = if shrunk { changed() } else { unreadable(error) };
            abort_body(chunks);
            return Err(problem);
        }
        hasher.update(&buffer);
        let last = hasher.length() == part.size;
        if last && hasher.clone().finish() != part.digest {
            // The last chunk stays here, so that the store never has the whole of a part that is not the one declared.
            abort_body(chunks);
            return Err(changed());
        }
        if chunks.blocking_send(Ok(Bytes::from(buffer))).is_err() {
            // The line broke; what it says is the cause.
            return Ok(());
        }
        bar.inc(want as u64);
        failpoint::PUSH_PART_SENDING.reach();
    }
    Ok(())
}

fn abort_body(chunks: &mpsc::Sender<std::io::Result<Bytes>>) {
    // If nobody listens any more, the body has ended already.
    let _ = chunks.blocking_send(Err(std::io::Error::other("the file changed while it was read")));
}

/// The problem behind a store's refusal of a part.
async fn refused(index: u32, response: reqwest::Response) -> Problem {
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    let aws_code =
        body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let known = aws_code.filter(|code| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric()));
    // An expired URL or session is mended by asking for the part's URL anew, which the next try does.
    let expired = matches!(known, Some("ExpiredToken" | "RequestTimeTooSkewed"))
        || (known == Some("AccessDenied") && body.contains("expired"));
    // Another push of the same file may have completed the upload; asking again tells.
    let ended = known == Some("NoSuchUpload");
    let code = if status.is_server_error() || status.as_u16() == 429 || expired || ended {
        Code::StoreFailed
    } else {
        Code::StoreDenied
    };
    let problem = Problem::new(code, format!("the bucket refused part {index} ({status})"));
    match known {
        Some(known) => problem.with_aws_code(known),
        None => problem,
    }
}

/// A pause that doubles, with jitter from the part's own randomness so that parts do not come back in step.
fn pause(attempt: u32) -> Duration {
    let base = 200_u64 << attempt.min(6);
    let mut byte = [0];
    // Without randomness the pause is merely in step.
    let _ = getrandom::fill(&mut byte);
    Duration::from_millis(base / 2 + base * u64::from(byte[0]) / 512)
}
