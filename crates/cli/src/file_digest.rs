//! The first read of a push: the digest of a file and of its parts, in one go, on two threads.

use std::sync::Arc;
use std::sync::mpsc::{channel, sync_channel};

use firmhold_core::{Digest, Hasher, Problem};
use firmhold_store::failpoint;
use firmhold_store::plan::PartPlan;
use indicatif::ProgressBar;

use crate::source_file::SourceFile;

/// What is read at once: it stays in a core's cache until both digests have seen it.
const CHUNK: usize = 256 * 1024;
/// Chunks that the part digests may be behind.
const RING: usize = 8;

/// A part of a file: where it lies, and its digest at the first read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePart {
    /// From 1.
    pub index: u32,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// SHA-256.
    pub digest: Digest,
}

/// A file's size, digest and parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// SHA-256 of the whole.
    pub digest: Digest,
    /// How it was cut.
    pub plan: PartPlan,
    /// Its parts in order.
    pub parts: Vec<FilePart>,
}

impl FileDigest {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.plan.total()
    }
}

/// Reads the whole of `source` once, cut by `plan`. Blocking: run it where that is allowed.
///
/// # Errors
/// [`firmhold_core::Code::ChangedWhileRead`] if it is not the file that was opened any longer;
/// [`firmhold_core::Code::LocalFile`] if it cannot be read.
pub fn read(source: &SourceFile, plan: PartPlan, bar: &ProgressBar) -> Result<FileDigest, Problem> {
    let (digest, parts) = if source.size() <= CHUNK as u64 {
        read_small(source, plan, bar)?
    } else {
        read_large(source, plan, bar)?
    };
    source.must_be_unchanged()?;
    Ok(FileDigest { digest, plan, parts })
}

fn read_small(
    source: &SourceFile,
    plan: PartPlan,
    bar: &ProgressBar,
) -> Result<(Digest, Vec<FilePart>), Problem> {
    let mut bytes = vec![0; usize::try_from(source.size()).map_err(Problem::internal)?];
    source.read_at(&mut bytes, 0)?;
    let mut parts = PartHasher::new(plan);
    parts.update(&bytes);
    bar.inc(source.size());
    failpoint::PUSH_HASHING.reach();
    Ok((Digest::of(&bytes), parts.finish()))
}

/// This thread reads and hashes the whole; another follows with the parts, from the same buffers.
fn read_large(
    source: &SourceFile,
    plan: PartPlan,
    bar: &ProgressBar,
) -> Result<(Digest, Vec<FilePart>), Problem> {
    std::thread::scope(|scope| {
        let (full, chunks) = sync_channel::<(Arc<Vec<u8>>, usize)>(RING);
        let (seen, was_seen) = channel();
        let follower = scope.spawn(move || {
            let mut parts = PartHasher::new(plan);
            for (chunk, length) in chunks {
                parts.update(&chunk[..length]);
                drop(chunk);
                // The reader may have failed; then nobody counts.
                let _ = seen.send(());
            }
            parts.finish()
        });
        let mut ring: Vec<Arc<Vec<u8>>> = (0..RING).map(|_| Arc::new(vec![0; CHUNK])).collect();
        let mut whole = Hasher::new();
        let mut count = 0;
        while whole.length() < plan.total() {
            if count >= RING {
                was_seen.recv().map_err(Problem::internal)?;
            }
            let slot = &mut ring[count % RING];
            let length = chunk_length(plan.total() - whole.length());
            // Nobody else has it: the follower has seen it RING chunks ago.
            source.read_at(&mut Arc::make_mut(slot)[..length], whole.length())?;
            full.send((Arc::clone(slot), length)).map_err(Problem::internal)?;
            whole.update(&slot[..length]);
            bar.inc(length as u64);
            count += 1;
            failpoint::PUSH_HASHING.reach();
        }
        drop(full);
        let parts = follower.join().map_err(|_| Problem::internal("the thread of the part digests died"))?;
        Ok((whole.finish(), parts))
    })
}

fn chunk_length(left: u64) -> usize {
    usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)
}

/// Hashes part after part of a stream.
struct PartHasher {
    plan: PartPlan,
    done: Vec<FilePart>,
    hasher: Hasher,
}

impl PartHasher {
    fn new(plan: PartPlan) -> Self {
        Self { plan, done: Vec::with_capacity(plan.count() as usize), hasher: Hasher::new() }
    }

    fn update(&mut self, mut bytes: &[u8]) {
        while let Some(part) = self.plan.part(self.done.len() as u32 + 1)
            && !bytes.is_empty()
        {
            let left = part.size - self.hasher.length();
            let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            self.hasher.update(now);
            bytes = later;
            if self.hasher.length() == part.size {
                let digest = std::mem::take(&mut self.hasher).finish();
                let part = FilePart { index: part.number, offset: part.offset, size: part.size, digest };
                self.done.push(part);
            }
        }
    }

    fn finish(self) -> Vec<FilePart> {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn whole_and_parts_in_one_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.img");
        for (size, part_size) in [(20_000_000, 8 * MIB), (11_000_000, 5 * MIB + 77), (1_000, 8 * MIB)] {
            let content: Vec<u8> = (0..size).map(|n: u32| (n % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let plan = PartPlan::with_part_size(content.len() as u64, part_size).unwrap();
            let read = read(&SourceFile::open(&path).unwrap(), plan, &ProgressBar::hidden()).unwrap();
            assert_eq!(read.digest, Digest::of(&content));
            assert_eq!(read.parts.len(), plan.count() as usize);
            for (part, planned) in read.parts.iter().zip(plan.parts()) {
                assert_eq!(
                    (part.index, part.offset, part.size),
                    (planned.number, planned.offset, planned.size)
                );
                let bytes = &content[part.offset as usize..(part.offset + part.size) as usize];
                assert_eq!(part.digest, Digest::of(bytes), "part {}", part.index);
            }
        }
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.img");
        for now in [&b"for"[..], b"four and more"] {
            std::fs::write(&path, b"four").unwrap();
            let source = SourceFile::open(&path).unwrap();
            std::fs::write(&path, now).unwrap();
            let problem = read(&source, PartPlan::new(4).unwrap(), &ProgressBar::hidden()).unwrap_err();
            assert_eq!(problem.code(), firmhold_core::Code::ChangedWhileRead);
        }
    }
}
