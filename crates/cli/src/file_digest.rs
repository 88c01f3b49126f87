//! The first read of a push: the digest of a file and of its parts, in one go.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use firmhold_core::{Code, Digest, Hasher, Problem};
use firmhold_store::failpoint;
use firmhold_store::plan::PartPlan;
use indicatif::ProgressBar;

/// What is read at once.
const CHUNK: usize = 256 * 1024;

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
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the whole.
    pub digest: Digest,
    /// Its parts in order.
    pub parts: Vec<FilePart>,
}

/// Opens `path` as something that can be read twice.
///
/// # Errors
/// [`Code::Usage`] for standard input, folders and empty files; [`Code::LocalFile`] if it cannot be read.
pub fn open(path: &Path) -> Result<(File, u64), Problem> {
    if path.as_os_str() == "-" {
        return Err(Problem::new(Code::Usage, "standard input cannot be pushed").with_hint(
            "a push reads twice, once to hash and once to send, and resumes: write the data to a file first",
        ));
    }
    let unreadable = |error: std::io::Error| {
        Problem::new(Code::LocalFile, format!("cannot read {}", path.display())).caused_by(error)
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::new(Code::Usage, format!("{} is not a regular file", path.display()))
            .with_hint("a push reads twice, so pipes and devices cannot be pushed"));
    }
    if metadata.len() == 0 {
        return Err(Problem::new(Code::Usage, format!("{} is empty", path.display()))
            .with_hint("some device clients never finish an empty download"));
    }
    Ok((file, metadata.len()))
}

/// Reads the whole of `file` once. Blocking: run it where that is allowed.
///
/// # Errors
/// [`Code::ChangedWhileRead`] if it ends before or after `size`; [`Code::LocalFile`] if it cannot be read.
pub fn read(mut file: &File, size: u64, bar: &ProgressBar) -> Result<FileDigest, Problem> {
    let plan = PartPlan::new(size)
        .ok_or_else(|| Problem::new(Code::Usage, format!("{size} bytes are more than an upload can have")))?;
    let mut whole = Hasher::new();
    let mut parts = Vec::with_capacity(plan.count() as usize);
    let mut buffer = vec![0; CHUNK];
    for range in plan.parts() {
        let mut part = Hasher::new();
        let mut left = range.size;
        while left > 0 {
            let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let got = file
                .read(&mut buffer[..want])
                .map_err(|error| Problem::new(Code::LocalFile, "cannot read the file").caused_by(error))?;
            if got == 0 {
                return Err(changed());
            }
            whole.update(&buffer[..got]);
            part.update(&buffer[..got]);
            left -= got as u64;
            bar.inc(got as u64);
            failpoint::PUSH_HASHING.reach();
        }
        parts.push(FilePart {
            index: range.number,
            offset: range.offset,
            size: range.size,
            digest: part.finish(),
        });
    }
    let more = file.read(&mut buffer[..1]);
    if !matches!(more, Ok(0)) {
        return Err(changed());
    }
    Ok(FileDigest { size, digest: whole.finish(), parts })
}

/// The problem of a file that something writes to.
pub fn changed() -> Problem {
    Problem::new(Code::ChangedWhileRead, "the file changed while it was read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn whole_and_parts_in_one_read() {
        let mut file = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
        file.write_all(&content).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let read = read(&file, content.len() as u64, &ProgressBar::hidden()).unwrap();
        assert_eq!(read.digest, Digest::of(&content));
        assert_eq!(read.parts.iter().map(|part| part.size).sum::<u64>(), content.len() as u64);
        for part in &read.parts {
            let bytes = &content[part.offset as usize..(part.offset + part.size) as usize];
            assert_eq!(part.digest, Digest::of(bytes), "part {}", part.index);
        }
    }

    #[test]
    fn a_file_that_grew_or_shrank_is_refused() {
        for size in [3, 5] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"four").unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            let problem = read(&file, size, &ProgressBar::hidden()).unwrap_err();
            assert_eq!(problem.code(), Code::ChangedWhileRead);
        }
    }

    #[test]
    fn standard_input_is_refused_with_the_reason() {
        let problem = open(Path::new("-")).unwrap_err();
        assert_eq!((problem.code(), problem.exit_code()), (Code::Usage, 2));
        assert!(problem.hint().unwrap().contains("reads twice"));
    }
}
