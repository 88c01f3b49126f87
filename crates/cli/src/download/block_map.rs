//! What of a draft is there: a checksum for each block. A map that survives a kill cannot lie, because every block that
//! it names is read and compared before it counts; and in the end the digest of the whole decides.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::ops::Range;
use std::path::Path;

use crc_fast::CrcAlgorithm::Crc64Nvme;
use firmhold_core::{Code, Digest, Problem};

use crate::positioned;

/// Bytes of a block, as long as there are not too many of them.
const BLOCK: u64 = 1 << 20;
/// Blocks at most: the map of the largest file is half a MiB.
const MOST: u64 = 65_536;
/// What is read at once.
const CHUNK: usize = 256 * 1024;
/// First bytes of a map, with the number of its format.
const MAGIC: &[u8; 16] = b"firmhold blocks1";
/// Magic, digest, size, block size.
const HEADER: u64 = 16 + 32 + 8 + 8;

/// The checksum of a block's bytes. It finds torn and lost writes; whoever may forge it may as well forge the bytes,
/// which the digest finds.
#[derive(Debug, Clone)]
pub struct BlockSum(crc_fast::Digest);

impl Default for BlockSum {
    fn default() -> Self {
        Self(crc_fast::Digest::new(Crc64Nvme))
    }
}

impl BlockSum {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// As kept. Zero means that a block is not there; one whose sum is zero is fetched again.
    pub fn value(&self) -> u64 {
        self.0.finalize()
    }
}

/// The blocks of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks {
    size: u64,
    block: u64,
}

impl Blocks {
    /// Of a file of `size` bytes.
    pub fn of(size: u64) -> Self {
        let block = size.div_ceil(MOST).div_ceil(BLOCK).max(1).saturating_mul(BLOCK);
        Self { size, block }
    }

    /// How many.
    pub fn count(self) -> usize {
        // INVARIANT: at most MOST.
        self.size.div_ceil(self.block) as usize
    }

    /// Bytes of the file.
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Where a block lies.
    pub fn range(self, index: usize) -> Range<u64> {
        let start = index as u64 * self.block;
        start..(start + self.block).min(self.size)
    }

    /// The block that holds the byte at `offset`.
    pub fn at(self, offset: u64) -> usize {
        (offset / self.block) as usize
    }

    /// Runs of blocks that are not there, each of about `longest` bytes at most.
    pub fn missing(self, there: &[bool], longest: u64) -> Vec<Range<usize>> {
        let most = usize::try_from(longest / self.block).unwrap_or(usize::MAX).max(1);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for index in (0..self.count()).filter(|index| !there.get(*index).copied().unwrap_or(false)) {
            match runs.last_mut() {
                Some(run) if run.end == index && run.len() < most => run.end += 1,
                _ => runs.push(index..index + 1),
            }
        }
        runs
    }
}

/// The map on the disk. Without one, nothing is remembered.
#[derive(Debug)]
pub struct BlockMap {
    file: Option<File>,
}

impl BlockMap {
    /// No map.
    pub const fn none() -> Self {
        Self { file: None }
    }

    /// The map at `path`, and the sums in it; a new one if there is none or it is another file's.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if it cannot be read or written.
    pub fn open(path: &Path, digest: Digest, blocks: Blocks) -> Result<(Self, Vec<u64>), Problem> {
        let failed = |error: std::io::Error| {
            let why = crate::local_file::reason(&error);
            Problem::new(Code::LocalFile, format!("cannot write {}: {why}", path.display()))
        };
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let header = header(digest, blocks);
        let length = HEADER + blocks.count() as u64 * 8;
        let mut bytes = Vec::new();
        (&mut file).take(length).read_to_end(&mut bytes).map_err(failed)?;
        let mut sums = vec![0; blocks.count()];
        if bytes.strip_prefix(header.as_slice()).is_some() {
            let kept = bytes.get(header.len()..).unwrap_or_default().as_chunks::<8>().0;
            sums.iter_mut().zip(kept).for_each(|(sum, bytes)| *sum = u64::from_le_bytes(*bytes));
        } else {
            file.set_len(0).map_err(failed)?;
            positioned::write_all_at(&file, &header, 0).map_err(failed)?;
        }
        file.flush().map_err(failed)?;
        Ok((Self { file: Some(file) }, sums))
    }

    /// Notes that a block is there. A note that is lost, or half written, only has the block fetched again.
    ///
    /// # Errors
    /// Those of the file.
    pub fn note(&self, index: usize, sum: u64) -> std::io::Result<()> {
        match &self.file {
            Some(file) => positioned::write_all_at(file, &sum.to_le_bytes(), HEADER + index as u64 * 8),
            None => Ok(()),
        }
    }
}

fn header(digest: Digest, blocks: Blocks) -> Vec<u8> {
    let numbers = [blocks.size.to_le_bytes(), blocks.block.to_le_bytes()].concat();
    [&MAGIC[..], digest.as_bytes(), &numbers].concat()
}

/// The blocks of `draft` that are what the map says. Blocking.
///
/// # Errors
/// Those of the file.
pub fn proved(draft: &File, blocks: Blocks, sums: &[u64]) -> std::io::Result<Vec<bool>> {
    let mut there = vec![false; blocks.count()];
    let mut buffer = vec![0; CHUNK];
    for (index, (there, sum)) in there.iter_mut().zip(sums).enumerate().filter(|(_, (_, sum))| **sum != 0) {
        let mut found = BlockSum::default();
        for_each_chunk(draft, blocks.range(index), &mut buffer, |bytes| found.update(bytes))?;
        *there = found.value() == *sum;
    }
    Ok(there)
}

/// Reads a range of a file, a chunk at a time.
///
/// # Errors
/// Those of the file.
pub fn for_each_chunk(
    file: &File,
    range: Range<u64>,
    buffer: &mut [u8],
    mut take: impl FnMut(&[u8]),
) -> std::io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(buffer.len());
        let chunk = &mut buffer[..length];
        positioned::read_exact_at(file, chunk, at)?;
        take(chunk);
        at += length as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(bytes: &[u8]) -> u64 {
        let mut sum = BlockSum::default();
        sum.update(bytes);
        sum.value()
    }

    #[test]
    fn blocks_cover_the_file_and_are_never_too_many() {
        for (size, count) in
            [(1, 1), (BLOCK, 1), (BLOCK + 1, 2), (MOST * BLOCK, 65_536), (MOST * BLOCK + 1, 32_769)]
        {
            let blocks = Blocks::of(size);
            assert_eq!(blocks.count(), count, "{size}");
            assert_eq!(blocks.range(count - 1).end, size);
        }
        assert!(Blocks::of(u64::MAX / 2).count() <= MOST as usize);
    }

    #[test]
    fn runs_of_missing_blocks_are_of_a_limited_length() {
        let blocks = Blocks::of(10 * BLOCK);
        let there = [false, false, false, true, false, true, false, false, false, false];
        assert_eq!(blocks.missing(&there, 2 * BLOCK), [0..2, 2..3, 4..5, 6..8, 8..10]);
        assert_eq!(blocks.missing(&[], u64::MAX).len(), 1);
        assert_eq!(blocks.missing(&[true; 10], 1), [0..0; 0]);
    }

    #[test]
    fn what_the_map_says_counts_only_if_the_bytes_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("map");
        let draft = tempfile::tempfile().unwrap();
        let blocks = Blocks::of(2 * BLOCK + 5);
        draft.set_len(blocks.size()).unwrap();
        positioned::write_all_at(&draft, b"firmw", 2 * BLOCK).unwrap();
        let digest = Digest::of("x");
        let (map, sums) = BlockMap::open(&path, digest, blocks).unwrap();
        assert_eq!(sums, [0, 0, 0]);
        map.note(2, sum(b"firmw")).unwrap();
        // A lie: these bytes were never written.
        map.note(1, sum(&vec![7; BLOCK as usize])).unwrap();
        let (_, sums) = BlockMap::open(&path, digest, blocks).unwrap();
        assert_eq!(proved(&draft, blocks, &sums).unwrap(), [false, false, true]);
        // A map of another file, and one that was cut short, say nothing.
        let (_, other) = BlockMap::open(&path, Digest::of("y"), blocks).unwrap();
        assert_eq!(other, [0, 0, 0]);
        std::fs::write(&path, &MAGIC[..7]).unwrap();
        assert_eq!(BlockMap::open(&path, digest, blocks).unwrap().1, [0, 0, 0]);
    }
}
