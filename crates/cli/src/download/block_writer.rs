//! Writes a stretch of a download where it belongs, and notes each block that is whole.

use std::fs::File;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use firmhold_core::{Code, Problem};
use firmhold_store::failpoint;
use indicatif::ProgressBar;

use super::block_map::{BlockMap, BlockSum, Blocks};
use super::syncer::Syncer;
use crate::positioned;

/// Bytes that are gathered before they are written.
const BATCH: u64 = 1 << 20;

/// What all stretches of a download write to.
#[derive(Clone)]
pub struct Writing {
    /// The file.
    pub file: Arc<File>,
    /// Keeps the disk busy meanwhile.
    pub syncer: Arc<Syncer>,
    /// What of it is there, for a later run.
    pub map: Arc<BlockMap>,
    /// Its blocks.
    pub blocks: Blocks,
    /// Who wants to know of blocks that are there.
    pub news: Sender<usize>,
    /// Blocks that are there.
    pub there: Arc<Mutex<Vec<bool>>>,
    /// What has arrived.
    pub bar: ProgressBar,
}

/// Writes from the beginning of a block on.
pub struct BlockWriter<'a> {
    writing: &'a Writing,
    at: u64,
    sum: BlockSum,
    waiting: Vec<Bytes>,
    waiting_bytes: u64,
}

impl<'a> BlockWriter<'a> {
    /// From the beginning of block `index` on.
    pub fn at(writing: &'a Writing, index: usize) -> Self {
        let at = writing.blocks.range(index).start;
        Self { writing, at, sum: BlockSum::default(), waiting: Vec::new(), waiting_bytes: 0 }
    }

    /// Where the next byte belongs.
    pub const fn received(&self) -> u64 {
        self.at + self.waiting_bytes
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if they cannot be written.
    pub async fn take(&mut self, mut bytes: Bytes) -> Result<(), Problem> {
        while !bytes.is_empty() {
            let end = self.block_end();
            let left = usize::try_from(end - self.received()).unwrap_or(usize::MAX);
            let piece = bytes.split_to(bytes.len().min(left));
            self.waiting_bytes += piece.len() as u64;
            self.waiting.push(piece);
            if self.received() == end || self.waiting_bytes >= BATCH {
                self.flush().await?;
            }
        }
        Ok(())
    }

    fn block_end(&self) -> u64 {
        self.writing.blocks.range(self.writing.blocks.at(self.at)).end
    }

    /// Writes what was gathered.
    ///
    /// # Errors
    /// [`Code::LocalFile`].
    pub async fn flush(&mut self) -> Result<(), Problem> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let Writing { file, map, blocks, .. } = self.writing;
        let (file, map, index) = (Arc::clone(file), Arc::clone(map), blocks.at(self.at));
        let (pieces, mut sum, at) = (std::mem::take(&mut self.waiting), self.sum.clone(), self.at);
        let ends_block = self.received() == self.block_end();
        let write = move || -> std::io::Result<BlockSum> {
            let mut offset = at;
            for piece in pieces {
                positioned::write_all_at(&file, &piece, offset)?;
                sum.update(&piece);
                offset += piece.len() as u64;
            }
            if ends_block {
                map.note(index, sum.value())?;
            }
            Ok(sum)
        };
        let written = tokio::task::spawn_blocking(write).await.map_err(Problem::internal)?;
        self.sum = written.map_err(|error| unwritable(&error))?;
        failpoint::PULL_CHUNK_WRITTEN.reach();
        self.writing.syncer.wrote(self.waiting_bytes);
        self.writing.bar.inc(self.waiting_bytes);
        self.at += std::mem::take(&mut self.waiting_bytes);
        if ends_block {
            self.sum = BlockSum::default();
            self.tell(index);
        }
        Ok(())
    }

    fn tell(&self, index: usize) {
        let mut there = self.writing.there.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = there.get_mut(index) {
            *slot = true;
        }
        // Nobody listens after a failure that ends the download anyway.
        let _ = self.writing.news.send(index);
    }
}

/// The problem of a download that the disk does not take.
pub fn unwritable(error: &std::io::Error) -> Problem {
    let why = crate::local_file::reason(error);
    Problem::new(Code::LocalFile, format!("cannot write the download: {why}"))
        .with_hint("the same command again goes on where it was")
}
