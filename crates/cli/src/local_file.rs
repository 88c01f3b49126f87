//! Files on this machine: written beside, synced, then renamed, so that a name never stands for half a file.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use firmhold_core::{Code, Problem};
use firmhold_store::failpoint;

/// Writes `bytes` to a new file that only its owner can read. An existing file is never replaced.
///
/// # Errors
/// [`Code::LocalFile`].
pub fn create_private(path: &Path, bytes: &[u8]) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        let hint = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "an existing file is never replaced: choose another name"
        } else {
            "check the folder and its permissions"
        };
        Problem::new(Code::LocalFile, format!("cannot write {}", path.display()))
            .with_hint(hint)
            .caused_by(error)
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    sync_folder(path);
    Ok(())
}

/// A file in the making beside its final name. Its own name tells `tag`, so that a later run can go on with it.
#[derive(Debug)]
pub struct Draft {
    /// Where it lies now.
    pub path: PathBuf,
    target: PathBuf,
}

impl Draft {
    /// The draft of `target` with `tag` in its name (such as a digest).
    ///
    /// # Errors
    /// [`Code::Usage`] if `target` names no file.
    pub fn of(target: &Path, tag: &str) -> Result<Self, Problem> {
        let name = target
            .file_name()
            .ok_or_else(|| Problem::new(Code::Usage, format!("{} names no file", target.display())))?;
        let path = target.with_file_name(format!(".{}.{tag}.part", name.to_string_lossy()));
        Ok(Self { path, target: target.to_owned() })
    }

    /// Opens it to be gone on with.
    ///
    /// # Errors
    /// [`Code::LocalFile`].
    pub fn open(&self) -> Result<File, Problem> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.path)
            .map_err(|error| self.failed("cannot write", error))
    }

    /// Gives it its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Code::LocalFile`].
    pub fn finish(&self, file: &File) -> Result<(), Problem> {
        file.sync_all().map_err(|error| self.failed("cannot sync", error))?;
        failpoint::PULL_BEFORE_RENAME.reach();
        std::fs::rename(&self.path, &self.target).map_err(|error| self.failed("cannot rename", error))?;
        failpoint::PULL_RENAMED.reach();
        sync_folder(&self.target);
        Ok(())
    }

    /// Throws it away.
    pub fn discard(&self) {
        // Nothing depends on it: a later run would find it wrong and start anew.
        let _ = std::fs::remove_file(&self.path);
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Problem {
        Problem::new(Code::LocalFile, format!("{what} {}", self.path.display())).caused_by(error)
    }
}

/// Makes a rename or creation in the folder of `path` last. Best effort: not every file system can.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        create_private(&path, b"one").unwrap();
        assert_eq!(create_private(&path, b"two").unwrap_err().code(), Code::LocalFile);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
