//! Hashes a file while it is being written: from its beginning, as far as all blocks are there.

use std::fs::File;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use firmhold_core::{Code, Digest, Hasher, Problem};
use tokio::task::JoinHandle;

use super::block_map::{Blocks, for_each_chunk};

/// What is read at once.
const CHUNK: usize = 256 * 1024;

/// Runs on a thread of its own, one block behind the download.
pub struct Follower {
    written: Sender<usize>,
    hashing: JoinHandle<Result<Digest, Problem>>,
}

impl Follower {
    /// Follows the writing of `file`, of which `there` is there already.
    pub fn start(file: Arc<File>, blocks: Blocks, there: Vec<bool>) -> Self {
        let (written, news) = channel();
        let hashing = tokio::task::spawn_blocking(move || follow(&file, blocks, there, &news));
        Self { written, hashing }
    }

    /// Where to tell of blocks that were written.
    pub fn news(&self) -> Sender<usize> {
        self.written.clone()
    }

    /// The digest, once every block was written.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if what was written cannot be read; [`Code::Internal`] if blocks are missing.
    pub async fn digest(self) -> Result<Digest, Problem> {
        drop(self.written);
        self.hashing.await.map_err(Problem::internal)?
    }
}

fn follow(
    file: &File,
    blocks: Blocks,
    mut there: Vec<bool>,
    news: &Receiver<usize>,
) -> Result<Digest, Problem> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; CHUNK];
    let mut next = 0;
    loop {
        while there.get(next).copied().unwrap_or(false) {
            for_each_chunk(file, blocks.range(next), &mut buffer, |bytes| hasher.update(bytes)).map_err(
                |error| Problem::new(Code::LocalFile, "cannot read back what was written").caused_by(error),
            )?;
            next += 1;
        }
        if next == blocks.count() {
            return Ok(hasher.finish());
        }
        match news.recv() {
            Ok(index) => {
                if let Some(slot) = there.get_mut(index) {
                    *slot = true;
                }
            }
            Err(_) => return Err(Problem::internal(format!("the download ended without block {next}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::positioned;

    #[tokio::test]
    async fn the_digest_is_that_of_the_whole_in_whatever_order_it_comes() {
        let content: Vec<u8> = (0..3_500_000_u32).map(|n| (n % 253) as u8).collect();
        let blocks = Blocks::of(content.len() as u64);
        let file = Arc::new(tempfile::tempfile().unwrap());
        let write = |index: usize| {
            let range = blocks.range(index);
            let bytes = &content[range.start as usize..range.end as usize];
            positioned::write_all_at(&file, bytes, range.start).unwrap();
        };
        write(1);
        let follower = Follower::start(Arc::clone(&file), blocks, vec![false, true, false, false]);
        for index in [3, 0, 2] {
            write(index);
            follower.news().send(index).unwrap();
        }
        assert_eq!(follower.digest().await.unwrap(), Digest::of(&content));
        let lacking = Follower::start(file, blocks, vec![true, false, true, true]);
        assert_eq!(lacking.digest().await.unwrap_err().code(), Code::Internal);
    }
}
