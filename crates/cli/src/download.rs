//! A download over a line that may break: goes on where it was, and hashes what it writes.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::time::Duration;

use firmhold_core::{Code, Digest, Hasher, Problem};
use firmhold_store::failpoint;
use indicatif::ProgressBar;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};

/// Tries without a single new byte before a download gives up.
const FRUITLESS_TRIES: u32 = 5;

/// How a download went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Times that it went on after a break.
    pub resumes: u32,
    /// Bytes that were there from an earlier run.
    pub reused: u64,
}

/// Downloads `url` into `file` until it has `size` bytes with `digest`. Bytes that `file` already has are kept and
/// only the rest is asked for, always from `url` itself: the store's URL behind it may be over.
///
/// # Errors
/// [`Code::DigestMismatch`] if the whole is not what was promised; the server's problem if it refuses; or
/// [`Code::Unreachable`] when the line stays broken.
pub async fn download(
    http: &reqwest::Client,
    url: &str,
    size: u64,
    digest: Digest,
    file: &mut File,
    bar: &ProgressBar,
) -> Result<Downloaded, Problem> {
    let (mut hasher, reused) = take_up(file, size)?;
    bar.set_length(size);
    bar.set_position(reused);
    let mut resumes = 0;
    let mut fruitless = 0;
    while hasher.length() < size {
        let before = hasher.length();
        let broken = match stretch(http, url, size, file, &mut hasher, bar).await {
            Ok(()) => continue,
            Err(Stop::Final(problem)) => return Err(problem),
            Err(Stop::Broken(problem)) => problem,
        };
        fruitless = if hasher.length() > before { 0 } else { fruitless + 1 };
        if fruitless >= FRUITLESS_TRIES {
            return Err(broken);
        }
        resumes += 1;
        tracing::info!(target: "firmhold::download", at = hasher.length(), cause = %broken, "the line broke; going on");
        let pause = broken
            .retry_after_secs()
            .filter(|_| fruitless > 0)
            .map_or(100 << fruitless, |s| u64::from(s) * 1000);
        tokio::time::sleep(Duration::from_millis(pause.min(10_000))).await;
    }
    let got = hasher.finish();
    if got == digest {
        Ok(Downloaded { resumes, reused })
    } else {
        Err(Problem::new(Code::DigestMismatch, format!("the bytes have SHA-256 {got}, not {digest}")))
    }
}

/// Why a stretch of a download ended early.
enum Stop {
    /// Asking again may help.
    Broken(Problem),
    /// Asking again will not.
    Final(Problem),
}

/// Hashes what `file` has from an earlier run, at most `size`.
fn take_up(file: &mut File, size: u64) -> Result<(Hasher, u64), Problem> {
    let unreadable =
        |error| Problem::new(Code::LocalFile, "cannot read the file in the making").caused_by(error);
    let mut hasher = Hasher::new();
    if file.metadata().map_err(unreadable)?.len() > size {
        file.set_len(0).map_err(unreadable)?;
    }
    file.rewind().map_err(unreadable)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let got = file.read(&mut buffer).map_err(unreadable)?;
        if got == 0 {
            break;
        }
        hasher.update(&buffer[..got]);
    }
    let reused = hasher.length();
    file.seek(SeekFrom::Start(reused)).map_err(unreadable)?;
    Ok((hasher, reused))
}

async fn stretch(
    http: &reqwest::Client,
    url: &str,
    size: u64,
    file: &mut File,
    hasher: &mut Hasher,
    bar: &ProgressBar,
) -> Result<(), Stop> {
    let from = hasher.length();
    let mut request = http.get(url);
    if from > 0 {
        request = request.header(RANGE, format!("bytes={from}-"));
    }
    let mut response = request.send().await.map_err(broken)?;
    if !response.status().is_success() {
        let problem = crate::client::error_of(response).await;
        return Err(if problem.code().retryable() { Stop::Broken(problem) } else { Stop::Final(problem) });
    }
    goes_on_at(&response, from).map_err(Stop::Final)?;
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if hasher.length() + chunk.len() as u64 > size {
            return Err(Stop::Final(Problem::new(
                Code::DigestMismatch,
                format!("more than the {size} bytes promised"),
            )));
        }
        file.write_all(&chunk).map_err(|error| {
            Stop::Final(Problem::new(Code::LocalFile, "cannot write the download").caused_by(error))
        })?;
        failpoint::PULL_CHUNK_WRITTEN.reach();
        hasher.update(&chunk);
        bar.inc(chunk.len() as u64);
    }
    if hasher.length() < size {
        return Err(Stop::Broken(Problem::new(Code::Unreachable, "the answer ended early")));
    }
    Ok(())
}

/// Whether the answer begins at byte `from`. A 200 to a ranged request would corrupt the file.
fn goes_on_at(response: &reqwest::Response, from: u64) -> Result<(), Problem> {
    if from == 0 && response.status() == StatusCode::OK {
        return Ok(());
    }
    let begins = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("bytes "))
        .and_then(|value| value.split_once('-'))
        .and_then(|(first, _)| first.parse::<u64>().ok());
    if response.status() == StatusCode::PARTIAL_CONTENT && begins == Some(from) {
        return Ok(());
    }
    Err(Problem::new(
        Code::BadAnswer,
        format!("asked for the bytes from {from} on, got {}", response.status()),
    ))
}

fn broken(error: reqwest::Error) -> Stop {
    Stop::Broken(Problem::new(Code::Unreachable, "the line broke").caused_by(error.without_url()))
}
