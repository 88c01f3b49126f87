//! A download over lines that break: in ranges at once, goes on where an earlier run was, and hashes what it writes.

mod block_map;
mod block_writer;
mod follower;
mod links;
mod syncer;

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use firmhold_core::{Code, Digest, Problem};
use futures::StreamExt as _;
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};

use self::block_map::{BlockMap, Blocks};
use self::block_writer::{BlockWriter, Writing};
use self::follower::Follower;
pub use self::links::Links;
use self::syncer::Syncer;
use crate::draft::Draft;
use crate::network::Network;
use crate::pace::Pace;
use crate::quantity::time_text;
use crate::refusal;
use crate::retry::asks_to_slow_down;

/// Bytes that are asked for at once, where several ranges are fetched side by side. The hash follows this close behind.
const SPAN: u64 = 8 << 20;
/// New links in a row without a byte: more would tell of clocks that disagree.
const FRUITLESS_LINKS: u32 = 3;

/// One file to download.
pub struct Download {
    /// With what.
    pub http: reqwest::Client,
    /// How patiently.
    pub network: Network,
    /// Where it is asked for. Every range asks the link itself: the store's URL behind it may be over.
    pub links: Links,
    /// How much at once; shared with other downloads.
    pub pace: Arc<Pace>,
    /// Ranges at once. With one, all that is missing is a single request.
    pub parallel: usize,
    /// Bytes that it must have.
    pub size: u64,
    /// SHA-256 that it must have.
    pub digest: Digest,
    /// What has arrived.
    pub bar: ProgressBar,
}

/// How a download went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// Times that it went on after a break.
    pub resumes: u32,
    /// Bytes that were there from an earlier run.
    pub reused: u64,
}

/// Why a stretch of a download ended early.
enum Stop {
    /// Asking again may help.
    Broken(Problem),
    /// Asking a new link will.
    LinkEnded(Problem),
    /// Whatever answers does not know ranges.
    NoRanges,
    /// Nothing helps.
    Final(Problem),
}

impl Download {
    /// Downloads into a draft. Blocks that it has are kept; should the whole be wrong although they seemed right,
    /// all of it is fetched anew.
    ///
    /// # Errors
    /// [`Code::DigestMismatch`] if the whole is not what was promised; the server's problem if it refuses; or why the
    /// line stays broken.
    pub async fn fill_draft(&self, draft: &Draft) -> Result<Downloaded, Problem> {
        let blocks = Blocks::of(self.size);
        let (map, sums) = match blocks.count() {
            // Either it is there or it is not.
            1 => (BlockMap::none(), vec![0]),
            _ => BlockMap::open(draft.blocks(), self.digest, blocks)?,
        };
        let file = Arc::clone(draft.file());
        let there = tokio::task::spawn_blocking(move || block_map::proved(&file, blocks, &sums));
        let there = there.await.map_err(Problem::internal)?.map_err(|error| {
            Problem::new(Code::LocalFile, "cannot read what an earlier run left").caused_by(error)
        })?;
        let map = Arc::new(map);
        let mut filled = self.fill(draft.file(), Arc::clone(&map), there).await;
        if filled.as_ref().is_err_and(|bad| bad.problem.code() == Code::DigestMismatch && bad.reused > 0) {
            tracing::warn!(target: "firmhold::download", "what an earlier run left is wrong: fetching all anew");
            self.bar.set_position(self.bar.position().saturating_sub(self.size));
            filled = self.fill(draft.file(), map, vec![false; blocks.count()]).await;
        }
        filled.map_err(|bad| {
            if bad.lost {
                draft.discard();
            }
            bad.problem
        })
    }

    /// Downloads into a file that nobody resumes.
    ///
    /// # Errors
    /// See above.
    pub async fn fill_file(&self, file: File) -> Result<Downloaded, Problem> {
        let nothing = vec![false; Blocks::of(self.size).count()];
        let filled = self.fill(&Arc::new(file), Arc::new(BlockMap::none()), nothing).await;
        filled.map_err(|bad| bad.problem)
    }

    /// Fetches the blocks that are not there.
    async fn fill(
        &self,
        file: &Arc<File>,
        map: Arc<BlockMap>,
        there: Vec<bool>,
    ) -> Result<Downloaded, Unfilled> {
        let blocks = Blocks::of(self.size);
        let reused = there.iter().enumerate().filter(|(_, there)| **there);
        let reused = reused.map(|(index, _)| blocks.range(index)).map(|range| range.end - range.start).sum();
        self.bar.inc(reused);
        let follower = Follower::start(Arc::clone(file), blocks, there.clone());
        let missing = blocks.missing(&there, if self.parallel > 1 { SPAN } else { u64::MAX });
        let writing = Writing {
            file: Arc::clone(file),
            syncer: Syncer::new(Arc::clone(file)),
            map,
            blocks,
            news: follower.news(),
            there: Arc::new(Mutex::new(there)),
            bar: self.bar.clone(),
        };
        let filling = Filling { download: self, writing, resumes: AtomicU32::new(0) };
        let fetched = filling.fetch_all(missing).await;
        // Also after a failure: what the map says must be on the disk when a later run goes on with it.
        if let Err(error) = filling.writing.syncer.finish().await {
            return Err(Unfilled { problem: block_writer::unwritable(&error), reused, lost: true });
        }
        let unfilled = |problem| Unfilled { problem, reused, lost: false };
        fetched.map_err(unfilled)?;
        let resumes = filling.resumes.load(Ordering::Relaxed);
        drop(filling);
        let got = follower.digest().await.map_err(unfilled)?;
        if got == self.digest {
            return Ok(Downloaded { resumes, reused });
        }
        let detail = format!("the bytes have SHA-256 {got}, not {}", self.digest);
        Err(unfilled(Problem::new(Code::DigestMismatch, detail)))
    }
}

/// Why a file is not what it should be.
struct Unfilled {
    problem: Problem,
    /// Bytes that were there before.
    reused: u64,
    /// Whether the disk has lost what it had taken, so that nothing in the file can be relied on.
    lost: bool,
}

/// One run over the blocks that are missing.
struct Filling<'a> {
    download: &'a Download,
    writing: Writing,
    resumes: AtomicU32,
}

impl Filling<'_> {
    async fn fetch_all(&self, missing: Vec<Range<usize>>) -> Result<(), Problem> {
        match self.in_ranges(missing).await {
            Ok(()) => Ok(()),
            Err(Stop::NoRanges) => {
                tracing::info!(target: "firmhold::download", "no ranges: reading from the beginning");
                self.read_whole().await
            }
            Err(Stop::Broken(problem) | Stop::LinkEnded(problem) | Stop::Final(problem)) => Err(problem),
        }
    }

    async fn in_ranges(&self, missing: Vec<Range<usize>>) -> Result<(), Stop> {
        let fetches = missing.into_iter().map(|run| self.fetch(run));
        let mut fetching = futures::stream::iter(fetches).buffer_unordered(self.download.parallel.max(1));
        while let Some(result) = fetching.next().await {
            result?;
        }
        Ok(())
    }

    /// Fetches a run of blocks, as often as the line breaks.
    async fn fetch(&self, run: Range<usize>) -> Result<(), Stop> {
        let blocks = self.writing.blocks;
        let mut writer = BlockWriter::at(&self.writing, run.start);
        let end = blocks.range(run.end - 1).end;
        let mut patience = self.patience();
        while writer.received() < end {
            let before = writer.received();
            let result = patience.turn(self.stretch(&mut writer, end)).await;
            // What came before the line broke counts.
            writer.flush().await.map_err(Stop::Final)?;
            patience.judge(result, writer.received() > before).await?;
        }
        Ok(())
    }

    /// One request for the bytes up to `end`.
    async fn stretch(&self, writer: &mut BlockWriter<'_>, end: u64) -> Result<(), Stop> {
        let from = writer.received();
        let whole = from == 0 && end == self.download.size;
        let mut response = self.ask((!whole).then_some(from..end)).await?;
        if !whole {
            must_begin_at(&response, from)?;
        }
        while let Some(chunk) = self.chunk(&mut response).await? {
            if writer.received() + chunk.len() as u64 > end {
                let detail = format!("more bytes came than the {} promised", self.download.size);
                return Err(Stop::Final(Problem::new(Code::DigestMismatch, detail)));
            }
            writer.take(chunk).await.map_err(Stop::Final)?;
        }
        if writer.received() < end { Err(ended_early()) } else { Ok(()) }
    }

    /// Reads the whole, again and again, until every block was there once.
    async fn read_whole(&self) -> Result<(), Problem> {
        let mut patience = self.patience();
        loop {
            let before = self.writing.count();
            let result = patience.turn(self.stream()).await;
            if result.is_ok() {
                return Ok(());
            }
            match patience.judge(result, self.writing.count() > before).await {
                Ok(()) => {}
                Err(Stop::NoRanges) => {
                    return Err(Problem::new(Code::BadAnswer, "asked for the whole, got a part of it"));
                }
                Err(Stop::Broken(problem) | Stop::LinkEnded(problem) | Stop::Final(problem)) => {
                    return Err(problem);
                }
            }
        }
    }

    /// One request for the whole. What is there already is skipped.
    async fn stream(&self) -> Result<(), Stop> {
        let blocks = self.writing.blocks;
        let mut response = self.ask(None).await?;
        if response.status() == StatusCode::PARTIAL_CONTENT {
            return Err(Stop::NoRanges);
        }
        let mut at = 0;
        let mut writer = BlockWriter::at(&self.writing, 0);
        while let Some(mut chunk) = self.chunk(&mut response).await? {
            while !chunk.is_empty() {
                if at >= blocks.size() {
                    let detail = format!("more bytes came than the {} promised", blocks.size());
                    return Err(Stop::Final(Problem::new(Code::DigestMismatch, detail)));
                }
                let index = blocks.at(at);
                let left = usize::try_from(blocks.range(index).end - at).unwrap_or(usize::MAX);
                let piece = chunk.split_to(chunk.len().min(left));
                let length = piece.len() as u64;
                if !self.writing.has(index) {
                    if writer.received() != at {
                        writer = BlockWriter::at(&self.writing, index);
                    }
                    writer.take(piece).await.map_err(Stop::Final)?;
                }
                at += length;
            }
        }
        if at < blocks.size() { Err(ended_early()) } else { Ok(()) }
    }

    /// Asks the link, for a range or the whole.
    async fn ask(&self, range: Option<Range<u64>>) -> Result<Response, Stop> {
        let download = self.download;
        let url = download.links.url().await.map_err(Stop::Final)?;
        let mut request = download.http.get(&*url);
        if let Some(range) = range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let response = self.in_time(request.send()).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let problem = refusal::problem_of(response, "the download was refused").await;
        Err(match problem.code() {
            Code::LinkExpired if download.links.has_ended(&url).await => Stop::LinkEnded(problem),
            code if code.retryable() => Stop::Broken(problem),
            _ => Stop::Final(problem),
        })
    }

    async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Stop> {
        self.in_time(response.chunk()).await
    }

    /// Breaks off what does not move. Whose line it is, the server's or that of the store behind the link, is not known:
    /// the hint that the catalogue has for a server out of reach would send a person astray.
    async fn in_time<T>(&self, work: impl Future<Output = reqwest::Result<T>>) -> Result<T, Stop> {
        let limit = self.download.network.stall_after;
        let broken = |detail: String| Problem::new(Code::StoreFailed, detail);
        match tokio::time::timeout(limit, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => {
                Err(Stop::Broken(broken("the line broke".to_owned()).caused_by(error.without_url())))
            }
            Err(_) => {
                let limit = time_text(limit);
                Err(Stop::Broken(broken(format!("the download made no progress for {limit}"))))
            }
        }
    }

    fn patience(&self) -> Patience<'_> {
        let retries = self.download.network.retry.begin();
        Patience { filling: self, retries, fruitless_links: 0, turn: None }
    }
}

/// The tries of one range.
struct Patience<'a> {
    filling: &'a Filling<'a>,
    retries: crate::retry::Retries,
    fruitless_links: u32,
    turn: Option<crate::pace::Turn>,
}

impl Patience<'_> {
    /// Does the work when it is its turn.
    async fn turn<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.turn = Some(self.filling.download.pace.enter().await);
        work.await
    }

    /// Waits until another try makes sense.
    async fn judge(&mut self, result: Result<(), Stop>, progressed: bool) -> Result<(), Stop> {
        let turn = self.turn.take();
        if progressed {
            self.retries.progressed();
            self.fruitless_links = 0;
        }
        match result {
            Ok(()) => {
                turn.into_iter().for_each(crate::pace::Turn::went_well);
                Ok(())
            }
            Err(Stop::Broken(problem)) => {
                // Given back before the pause, in which others may go on.
                match turn {
                    Some(turn) if asks_to_slow_down(&problem) => turn.slow_down(),
                    turn => drop(turn),
                }
                self.filling.resumes.fetch_add(1, Ordering::Relaxed);
                self.retries.wait(problem).await.map_err(Stop::Final)
            }
            Err(Stop::LinkEnded(problem)) => {
                self.fruitless_links += 1;
                if self.fruitless_links > FRUITLESS_LINKS {
                    return Err(Stop::Final(problem.with_hint("do the clocks of the server's hosts agree?")));
                }
                Ok(())
            }
            Err(stop) => Err(stop),
        }
    }
}

impl Writing {
    fn has(&self, index: usize) -> bool {
        let there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.get(index).copied().unwrap_or(false)
    }

    fn count(&self) -> usize {
        self.there.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|there| **there).count()
    }
}

fn ended_early() -> Stop {
    Stop::Broken(Problem::new(Code::StoreFailed, "the answer ended early"))
}

/// A 200 to a ranged request, or a range that begins elsewhere, would corrupt the file.
fn must_begin_at(response: &Response, from: u64) -> Result<(), Stop> {
    let begins = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("bytes "))
        .and_then(|value| value.split_once('-'))
        .and_then(|(first, _)| first.parse::<u64>().ok());
    if response.status() == StatusCode::PARTIAL_CONTENT && begins == Some(from) {
        Ok(())
    } else {
        Err(Stop::NoRanges)
    }
}

#[cfg(test)]
mod origin;
#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use firmhold_core::Secret;

    use super::origin::{Habits, Origin};
    use super::*;
    use crate::client::Client;
    use crate::retry::RetryPolicy;

    const SIZE: usize = 20 * (1 << 20) + 12_345;

    fn content() -> Vec<u8> {
        (0..SIZE as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    fn download(origin: &Origin, parallel: usize) -> Download {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::with(&origin.url, Secret::new("fhk_test"), None).unwrap();
        Download {
            http: client.http().clone(),
            network: Network {
                retry: RetryPolicy::new(Duration::from_secs(30)),
                stall_after: Duration::from_secs(1),
            },
            links: Links::to(&client, "B".to_owned()),
            pace: Pace::new(parallel),
            parallel,
            size: SIZE as u64,
            digest: Digest::of(content()),
            bar: ProgressBar::hidden(),
        }
    }

    async fn arrives(habits: Habits, parallel: usize) -> (Origin, Downloaded) {
        let origin = Origin::start(content(), habits).await;
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("gateway.img");
        let download = download(&origin, parallel);
        let draft = Draft::open(&target, download.digest, download.size).unwrap();
        let downloaded = download.fill_draft(&draft).await.unwrap();
        draft.finish().unwrap();
        assert!(std::fs::read(target).unwrap() == content());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "drafts are left");
        (origin, downloaded)
    }

    #[tokio::test]
    async fn ranges_side_by_side_over_lines_that_break() {
        let (origin, downloaded) = arrives(Habits { cuts: 3, refusals: 2, ..Habits::default() }, 4).await;
        assert_eq!(downloaded, Downloaded { resumes: 5, reused: 0 });
        let asked = origin.asked.lock().unwrap();
        assert_eq!(asked.len(), 6, "three ranges, three goes on");
        assert!(asked.iter().all(|(_, ranged)| *ranged));
    }

    #[tokio::test]
    async fn one_range_at_a_time_is_one_request() {
        let (origin, _) = arrives(Habits::default(), 1).await;
        assert_eq!(*origin.asked.lock().unwrap(), [(0, false)]);
    }

    #[tokio::test]
    async fn a_line_that_stops_is_broken_off() {
        let (_, downloaded) = arrives(Habits { stalls: 1, ..Habits::default() }, 2).await;
        assert_eq!(downloaded.resumes, 1);
    }

    #[tokio::test]
    async fn a_server_without_ranges_is_read_from_the_beginning() {
        let (origin, _) = arrives(Habits { no_ranges: true, ..Habits::default() }, 4).await;
        assert!(origin.asked.lock().unwrap().iter().all(|(first, _)| *first == 0));
        arrives(Habits { no_ranges: true, cuts: 6, ..Habits::default() }, 4).await;
    }

    #[tokio::test]
    async fn a_link_that_ends_midway_is_asked_for_again() {
        let (origin, _) = arrives(Habits { uses_of_a_link: Some(2), ..Habits::default() }, 1).await;
        assert_eq!(origin.links.load(Ordering::SeqCst), 1);
        let (origin, _) = arrives(Habits { uses_of_a_link: Some(1), cuts: 2, ..Habits::default() }, 1).await;
        assert_eq!(origin.links.load(Ordering::SeqCst), 3);
        let origin = Origin::start(content(), Habits { uses_of_a_link: Some(0), ..Habits::default() }).await;
        let sink = tempfile::tempfile().unwrap();
        let refused = download(&origin, 1).fill_file(sink).await.unwrap_err();
        assert_eq!(refused.code(), Code::LinkExpired, "links that never work end it");
    }

    #[tokio::test]
    async fn a_refusal_that_does_not_end_is_one_all_the_same() {
        let origin = Origin::start(content(), Habits { endless_refusals: 1, ..Habits::default() }).await;
        let filling = tokio::time::timeout(Duration::from_secs(60), async {
            download(&origin, 2).fill_file(tempfile::tempfile().unwrap()).await
        });
        assert_eq!(filling.await.expect("it ends").unwrap().resumes, 1);
    }

    #[tokio::test]
    async fn a_range_that_waits_for_its_next_try_lets_another_go_first() {
        let origin = Origin::start(content(), Habits::default()).await;
        let download = download(&origin, 1);
        let file = Arc::new(tempfile::tempfile().unwrap());
        let blocks = Blocks::of(download.size);
        let writing = Writing {
            syncer: Syncer::new(Arc::clone(&file)),
            file,
            map: Arc::new(BlockMap::none()),
            blocks,
            news: std::sync::mpsc::channel().0,
            there: Arc::default(),
            bar: ProgressBar::hidden(),
        };
        let filling = Filling { download: &download, writing, resumes: AtomicU32::new(0) };
        let mut patience = filling.patience();
        patience.turn(async {}).await;
        let mut waiting = Box::pin(patience.judge(Err(ended_early()), false));
        assert!(futures::FutureExt::now_or_never(waiting.as_mut()).is_none(), "it waits");
        let other = tokio::time::timeout(Duration::from_secs(60), download.pace.enter()).await;
        assert!(other.is_ok(), "the only turn is free meanwhile");
    }

    async fn interrupted(target: &Path, served: Vec<u8>) -> Draft {
        let habits = Habits { uses_of_a_link: Some(2), cuts: 0, ..Habits::default() };
        let origin = Origin::start(served, habits).await;
        let mut first = download(&origin, 2);
        // With this link it cannot get further than two ranges.
        first.links = Links::Fixed(format!("{}/d/1", origin.url).into());
        first.pace = Pace::new(1);
        let draft = Draft::open(target, first.digest, first.size).unwrap();
        assert_eq!(first.fill_draft(&draft).await.unwrap_err().code(), Code::LinkExpired);
        draft
    }

    #[tokio::test]
    async fn what_an_earlier_run_left_is_kept_if_it_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("gateway.img");
        drop(interrupted(&target, content()).await);
        let origin = Origin::start(content(), Habits::default()).await;
        let second = download(&origin, 4);
        let draft = Draft::open(&target, second.digest, second.size).unwrap();
        assert_eq!(second.fill_draft(&draft).await.unwrap().reused, 2 * SPAN);
        assert_eq!(origin.asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_an_earlier_run_left_is_fetched_anew_if_it_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("gateway.img");
        // Never on the disk, though the map says so: a block is zeros.
        let draft = interrupted(&target, content()).await;
        crate::positioned::write_all_at(draft.file(), &vec![0; 1 << 20], 3 << 20).unwrap();
        drop(draft);
        let origin = Origin::start(content(), Habits::default()).await;
        let second = download(&origin, 4);
        let draft = Draft::open(&target, second.digest, second.size).unwrap();
        assert_eq!(second.fill_draft(&draft).await.unwrap().reused, 2 * SPAN - (1 << 20));
        draft.discard();
        // On the disk as the map says, and yet not what was promised: only the digest can tell.
        let mut other = content();
        other[5] ^= 1;
        let draft = interrupted(&target, other).await;
        assert_eq!(second.fill_draft(&draft).await.unwrap().reused, 0);
        draft.finish().unwrap();
        assert!(std::fs::read(target).unwrap() == content());
    }

    #[tokio::test]
    async fn other_bytes_and_more_bytes_are_refused() {
        let mut longer = content();
        longer.push(0);
        let mut other = content();
        other[SIZE - 1] ^= 1;
        for (served, no_ranges) in [(longer, true), (other, false)] {
            let origin = Origin::start(served, Habits { no_ranges, ..Habits::default() }).await;
            let sink = tempfile::tempfile().unwrap();
            let refused = download(&origin, 2).fill_file(sink).await.unwrap_err();
            assert_eq!(refused.code(), Code::DigestMismatch);
        }
    }
}
