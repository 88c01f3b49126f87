//! The file that a push reads: twice, and the same both times.

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use firmhold_core::{Code, Problem};

use crate::local_file::reason;
use crate::positioned;

/// A regular file that is not empty, open for reading.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: PathBuf,
    file: Arc<File>,
    size: u64,
    identity: Identity,
}

/// What tells a file from the one that it was, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    size: u64,
    modified: Option<SystemTime>,
    inode: (u64, u64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok(), inode: inode(metadata) }
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

impl SourceFile {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`Code::Usage`] for standard input, folders, pipes and empty files; [`Code::LocalFile`] if it cannot be read.
    pub fn open(path: &Path) -> Result<Self, Problem> {
        if path.as_os_str() == "-" {
            return Err(Problem::new(Code::Usage, "standard input cannot be pushed").with_hint(
                "a push reads twice, once to hash and once to send, and resumes: write the data to a file first",
            ));
        }
        let name = path.display();
        let unreadable = |error: std::io::Error| {
            Problem::new(Code::LocalFile, format!("cannot read {name}: {}", reason(&error)))
        };
        // Before it is opened: opening a pipe waits for its other end.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Problem::new(Code::Usage, format!("{name} is a folder"))
                .with_hint("name files; with several, --target-from says what each one runs on"));
        }
        if !metadata.is_file() {
            return Err(Problem::new(Code::Usage, format!("{name} is not a regular file"))
                .with_hint("a push reads twice, so pipes and devices cannot be pushed"));
        }
        if metadata.len() == 0 {
            return Err(Problem::new(Code::Usage, format!("{name} is empty"))
                .with_hint("some device clients never finish an empty download"));
        }
        let file = File::open(path).map_err(unreadable)?;
        let identity = Identity::of(&file.metadata().map_err(unreadable)?);
        Ok(Self { path: path.to_owned(), file: Arc::new(file), size: identity.size, identity })
    }

    /// Its path, as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buffer` from the bytes at `offset`.
    ///
    /// # Errors
    /// [`Code::ChangedWhileRead`] if it ends before; [`Code::LocalFile`] if it cannot be read.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), Problem> {
        positioned::read_exact_at(&self.file, buffer, offset).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(),
            _ => Problem::new(
                Code::LocalFile,
                format!("cannot read {}: {}", self.path.display(), reason(&error)),
            ),
        })
    }

    /// Whether the path still leads to the file that was opened, and nothing has written to it.
    ///
    /// # Errors
    /// [`Code::ChangedWhileRead`].
    pub fn must_be_unchanged(&self) -> Result<(), Problem> {
        let open = self.file.metadata().map(|metadata| Identity::of(&metadata)).ok();
        let named = std::fs::metadata(&self.path).map(|metadata| Identity::of(&metadata)).ok();
        if [open, named].iter().all(|now| now.as_ref() == Some(&self.identity)) {
            Ok(())
        } else {
            Err(self.changed())
        }
    }

    /// The problem of a file that something writes to.
    pub fn changed(&self) -> Problem {
        Problem::new(Code::ChangedWhileRead, format!("{} changed while it was read", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_to_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.img");
        for change in ["grow", "rewrite", "replace", "remove"] {
            std::fs::write(&path, b"firmware").unwrap();
            let source = SourceFile::open(&path).unwrap();
            source.must_be_unchanged().unwrap();
            match change {
                "grow" => std::fs::write(&path, b"firmware and more").unwrap(),
                "rewrite" => {
                    let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1);
                    File::options().write(true).open(&path).unwrap().set_modified(later).unwrap();
                }
                "replace" => {
                    let other = folder.path().join("other.img");
                    std::fs::write(&other, b"firmware").unwrap();
                    std::fs::rename(other, &path).unwrap();
                }
                _ => std::fs::remove_file(&path).unwrap(),
            }
            assert_eq!(source.must_be_unchanged().unwrap_err().code(), Code::ChangedWhileRead, "{change}");
        }
    }

    #[test]
    fn standard_input_is_refused_with_the_reason() {
        let problem = SourceFile::open(Path::new("-")).unwrap_err();
        assert_eq!((problem.code(), problem.exit_code()), (Code::Usage, 2));
        assert!(problem.hint().unwrap().contains("reads twice"));
    }
}
