//! The second read of a push: a part of the file, straight into the bucket.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use firmhold_core::binary_part::{PartUpload, PutPart};
use firmhold_core::{Binary, BinaryPart, Code, Hasher, Problem};
use firmhold_store::failpoint;
use futures::StreamExt as _;
use indicatif::ProgressBar;
use reqwest::Response;
use tokio::sync::mpsc;

use crate::client::{self, Client};
use crate::file_digest::FilePart;
use crate::pace::Pace;
use crate::refusal;
use crate::retry::asks_to_slow_down;
use crate::source_file::SourceFile;
use crate::watchdog::Watchdog;

/// What is read and sent at once; with [`READ_AHEAD`] and the parts in parallel this bounds the memory of a push. Also
/// what a line must take within the time after which a part counts as stalled.
const CHUNK: usize = 256 * 1024;
/// Chunks read before they are asked for.
const READ_AHEAD: usize = 3;
/// Times that a part may arrive changed: what changes it once may pass, what changes it always does not.
const CHANGED_ON_THE_WAY: u32 = 4;
/// URLs of the server's own that have ended or are unknown when they are used: more would tell of clocks that disagree.
const FRUITLESS_URLS: u32 = 3;

/// Sends the parts of one file.
#[derive(Clone)]
pub struct PartSender {
    client: Client,
    binary: Binary,
    source: SourceFile,
    part_size: u64,
    pace: Arc<Pace>,
    bar: ProgressBar,
    sent: Arc<AtomicU64>,
}

impl PartSender {
    /// For `source`, which is `binary`'s content, cut in parts of `part_size`.
    pub fn new(
        client: Client,
        binary: Binary,
        source: SourceFile,
        part_size: u64,
        pace: Arc<Pace>,
        bar: ProgressBar,
    ) -> Self {
        Self { client, binary, source, part_size, pace, bar, sent: Arc::default() }
    }

    /// Parts that the bucket has acknowledged.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends `parts`, as many at once as the pace allows. The first failure stops all.
    ///
    /// # Errors
    /// [`Code::ChangedWhileRead`]; the API's; the store's.
    pub async fn send_all(&self, parts: Vec<FilePart>) -> Result<(), Problem> {
        let mut sending = futures::stream::iter(parts.into_iter().map(|part| self.send(part)))
            .buffer_unordered(MOST_WAITING);
        while let Some(result) = sending.next().await {
            result?;
        }
        Ok(())
    }

    async fn send(&self, part: FilePart) -> Result<(), Problem> {
        let mut retries = self.client.network().retry.begin();
        let (mut changed, mut gone, mut ended) = (0, 0, 0);
        loop {
            let turn = self.pace.enter().await;
            let upload = self.declare(part).await?;
            failpoint::PUSH_PART_DECLARED.reach();
            let problem = match self.put(part, &upload).await {
                Ok(()) => {
                    turn.went_well();
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(problem) => problem,
            };
            if asks_to_slow_down(&problem) {
                turn.slow_down();
            } else {
                drop(turn);
            }
            if refusal::url_has_ended(&problem) {
                ended += 1;
                if ended > FRUITLESS_URLS {
                    return Err(problem.with_hint("do the clocks of the server's hosts agree?"));
                }
                continue;
            }
            changed += u32::from(refusal::bytes_were_changed(&problem));
            gone += u32::from(refusal::upload_is_gone(&problem));
            // A new URL was asked for in between: it is not only that this one was of an earlier upload.
            if changed >= CHANGED_ON_THE_WAY || gone >= 2 {
                return Err(problem);
            }
            retries.wait(problem).await?;
        }
    }

    /// Tells the platform of a part, and gets the URL to send it to: a new one for each try, since the old one may be
    /// over.
    async fn declare(&self, part: FilePart) -> Result<PartUpload, Problem> {
        let path = format!("/binaries/{}/parts/{}", self.binary.meta.prn, part.index);
        let body = PutPart {
            hash: Some(part.digest.to_hex()),
            size: i64::try_from(part.size).ok(),
            expected_binary_size: i64::try_from(self.binary.size).ok(),
            part_size: i64::try_from(self.part_size).ok(),
        };
        let declared: BinaryPart = client::object(self.client.put(&path, &body).await?, "binary_part")?;
        declared.upload.ok_or_else(|| Problem::new(Code::BadAnswer, "the server gave no URL for the part"))
    }

    /// Sends a part. What the bar gained by a try that failed is taken back.
    async fn put(&self, part: FilePart, upload: &PartUpload) -> Result<(), Problem> {
        let shown = Arc::new(AtomicU64::new(0));
        let result = self.put_once(part, upload, &shown).await;
        if result.is_err() {
            let shown = shown.load(Ordering::Relaxed);
            self.bar.set_position(self.bar.position().saturating_sub(shown));
        }
        result
    }

    async fn put_once(
        &self,
        part: FilePart,
        upload: &PartUpload,
        shown: &Arc<AtomicU64>,
    ) -> Result<(), Problem> {
        let watchdog = Watchdog::new(self.client.network().stall_after);
        let reading = PartReading {
            source: self.source.clone(),
            part,
            watchdog: watchdog.clone(),
            bar: self.bar.clone(),
            shown: Arc::clone(shown),
        };
        let (mut reader, line) = reading.start();
        let mut request = self
            .client
            .http()
            .put(&upload.presigned_upload_url)
            .header(reqwest::header::CONTENT_LENGTH, part.size)
            .body(line.body());
        for (name, value) in &upload.upload_headers {
            request = request.header(name, value);
        }
        let mut read = None;
        let answered = tokio::select! {
            answered = async {
                let response = send(request, part.index).await?;
                if response.status().is_success() {
                    // A store may answer before it has all of a part: then it still has to take the rest.
                    read = Some((&mut reader).await);
                }
                Ok(response)
            } => answered,
            () = watchdog.barks() => Err(self.stalled(part)),
        };
        let answered = match answered {
            Ok(response) if response.status().is_success() => Ok(()),
            // Its own limit: no bytes move any more that the watchdog could see.
            Ok(response) => Err(refused(response, part.index, upload).await),
            Err(problem) => Err(problem),
        };
        // INVARIANT: nobody waits for a reader that waits for a store which takes no more.
        line.hang_up();
        let read = match read {
            Some(read) => read,
            None => reader.await,
        };
        // The reader knows better than the line why a body ended early.
        let whole = read.map_err(Problem::internal)??;
        answered?;
        if !whole {
            let detail = format!("part {} was acknowledged before its end", part.index);
            return Err(Problem::new(Code::StoreFailed, detail));
        }
        failpoint::PUSH_PART_SENT.reach();
        Ok(())
    }

    fn stalled(&self, part: FilePart) -> Problem {
        let limit = crate::quantity::time_text(self.client.network().stall_after);
        Problem::new(Code::StoreFailed, format!("part {} made no progress for {limit}", part.index))
    }
}

/// Sends the request and hears how the answer begins.
async fn send(request: reqwest::RequestBuilder, part: u32) -> Result<Response, Problem> {
    request.send().await.map_err(|error| {
        Problem::new(Code::StoreFailed, format!("part {part} did not get through"))
            .caused_by(error.without_url())
    })
}

/// Why a part was refused.
async fn refused(response: Response, part: u32, upload: &PartUpload) -> Problem {
    // A store's URL is signed in its query; the server's own has none. What stands before the server, and knows nothing
    // of it, speaks for no bucket.
    if client::is_ours(&response) || upload.presigned_upload_url.contains('?') {
        return refusal::problem_of(response, &format!("the bucket refused part {part}")).await;
    }
    let what = format!("what stands before the server refused part {part}");
    let problem = refusal::problem_of(response, &what).await;
    problem
        .with_hint("it must let bodies through that are as large as a part; --part-size makes parts smaller")
}

/// Parts that wait for their turn; the pace decides how many are sent.
const MOST_WAITING: usize = 32;

/// One read of a part, in the background.
struct PartReading {
    source: SourceFile,
    part: FilePart,
    watchdog: Watchdog,
    bar: ProgressBar,
    /// What the bar gained.
    shown: Arc<AtomicU64>,
}

impl PartReading {
    /// The reader, whose last word is whether it came to the end and the bytes are still those of the first read, and
    /// what it reads.
    fn start(self) -> (tokio::task::JoinHandle<Result<bool, Problem>>, Line) {
        let (chunks, line) = mpsc::channel(READ_AHEAD);
        let reader = tokio::task::spawn_blocking(move || {
            let result = self.run(&chunks);
            if result.is_err() {
                let cut = std::io::Error::other("the file could not be read to the end of the part");
                // If nobody listens any more, the body has ended already.
                let _ = chunks.blocking_send(Err(cut));
            }
            result
        });
        (reader, Line(Arc::new(Mutex::new(line))))
    }

    /// Reads the part. Says whether all of it was taken.
    fn run(&self, chunks: &mpsc::Sender<std::io::Result<Bytes>>) -> Result<bool, Problem> {
        let part = &self.part;
        let mut hasher = Hasher::new();
        while hasher.length() < part.size {
            let left = part.size - hasher.length();
            let mut buffer = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
            self.source.read_at(&mut buffer, part.offset + hasher.length())?;
            hasher.update(&buffer);
            if hasher.length() == part.size && hasher.clone().finish() != part.digest {
                // The last chunk stays here, so that the store never has the whole of a part that is not the one
                // declared.
                return Err(self.source.changed());
            }
            let length = buffer.len() as u64;
            if chunks.blocking_send(Ok(Bytes::from(buffer))).is_err() {
                // The line broke; what it says is the cause.
                return Ok(false);
            }
            self.watchdog.moved();
            self.bar.inc(length);
            self.shown.fetch_add(length, Ordering::Relaxed);
            failpoint::PUSH_PART_SENDING.reach();
        }
        Ok(true)
    }
}

/// What is on its way from the reader to the store.
#[derive(Clone)]
struct Line(Arc<Mutex<mpsc::Receiver<std::io::Result<Bytes>>>>);

impl Line {
    fn body(&self) -> reqwest::Body {
        let line = self.clone();
        reqwest::Body::wrap_stream(futures::stream::poll_fn(move |context| line.lock().poll_recv(context)))
    }

    /// Tells the reader that nobody listens any more; with it ends the body, and by that the connection.
    fn hang_up(&self) {
        self.lock().close();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, mpsc::Receiver<std::io::Result<Bytes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
