//! Files on this machine.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use firmhold_core::{Code, Digest, Hasher, Problem};

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
        let detail = format!("cannot write {}: {}", path.display(), reason(&error));
        Problem::new(Code::LocalFile, detail).with_hint(hint)
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

/// Why a file cannot be read or written, in words that need no number.
pub fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind as Kind;
    let words = match error.kind() {
        Kind::NotFound => "there is no such file or folder",
        Kind::PermissionDenied => "permission denied",
        Kind::StorageFull => "the disk is full",
        Kind::QuotaExceeded => "the disk quota is used up",
        Kind::FileTooLarge => "the file would be larger than is allowed here",
        Kind::ReadOnlyFilesystem => "the file system is read-only",
        Kind::IsADirectory => "it is a folder",
        Kind::NotADirectory => "a part of its path is no folder",
        Kind::AlreadyExists => "it exists already",
        _ => return error.to_string(),
    };
    words.to_owned()
}

/// SHA-256 of a file. Blocking.
///
/// # Errors
/// Those of the file.
pub fn digest_of(path: &Path) -> std::io::Result<Digest> {
    use std::io::Read as _;
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            got => hasher.update(&buffer[..got]),
        }
    }
}

/// The folder that `path` lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a rename or creation in the folder of `path` last. Best effort: not every file system can.
pub fn sync_folder(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
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
