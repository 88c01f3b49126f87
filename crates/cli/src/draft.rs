//! A download in the making: written beside its final name, synced, then renamed, so that a name never stands for half
//! a file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use firmhold_core::{Code, Digest, Problem};
use firmhold_store::failpoint;

use crate::local_file::{folder_of, reason, sync_folder};

/// Endings of the files beside the final name.
const ENDINGS: [&str; 2] = ["part", "blocks"];
/// What one that fails for want of room can do.
const MAKE_ROOM: &str = "make room, or write to another disk: the same command again goes on where it was";

/// A file in the making. Its name tells the digest that it is to have, so that a later run can go on with it; the
/// `.blocks` beside it says what of it is there. One process has it at a time.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    blocks: PathBuf,
    target: PathBuf,
    file: Arc<File>,
}

impl Draft {
    /// The draft of `target`, which is to have `size` bytes with `digest`: that of an earlier run, or a new one. All
    /// of its room is taken at once, so that a disk that is too small is found out now.
    ///
    /// # Errors
    /// [`Code::Usage`] if `target` cannot be a file's name; [`Code::LocalFile`] if it cannot be written, another
    /// process is at it, or there is no room.
    pub fn open(target: &Path, digest: Digest, size: u64) -> Result<Self, Problem> {
        let name = file_name(target)?;
        let beside = |ending: &str| target.with_file_name(format!(".{name}.{digest}.{ending}"));
        let [path, blocks] = ENDINGS.map(beside);
        let existed = path.exists();
        let file = lock(&path, target)?;
        let draft = Self { path, blocks, target: target.to_owned(), file: Arc::new(file) };
        if let Err(error) = take_room(&draft.file, size) {
            if !existed {
                draft.discard();
            }
            let room = crate::printer::bytes(size);
            return Err(cannot_write(target, &error, &format!("{room} are needed")));
        }
        Ok(draft)
    }

    /// The file.
    pub const fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where its block map lies.
    pub fn blocks(&self) -> &Path {
        &self.blocks
    }

    /// Gives it its name, once its bytes are on the disk.
    ///
    /// # Errors
    /// [`Code::LocalFile`].
    pub fn finish(self) -> Result<(), Problem> {
        let failed = |error| cannot_write(&self.target, &error, "");
        if let Err(error) = self.file.sync_all() {
            // Bytes are lost that the block map says are there.
            self.discard();
            return Err(failed(error));
        }
        failpoint::PULL_BEFORE_RENAME.reach();
        std::fs::rename(&self.path, &self.target).map_err(failed)?;
        failpoint::PULL_RENAMED.reach();
        // A map without its draft is found wrong by whoever reads it.
        let _ = std::fs::remove_file(&self.blocks);
        sync_folder(&self.target);
        Ok(())
    }

    /// Throws it away.
    pub fn discard(&self) {
        for path in [&self.path, &self.blocks] {
            // Nothing depends on it: a later run would find it wrong and start anew.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The problem of a file that cannot be written.
pub fn cannot_write(target: &Path, error: &std::io::Error, more: &str) -> Problem {
    use std::io::ErrorKind as Kind;
    let more = if more.is_empty() { String::new() } else { format!(" ({more})") };
    let detail = format!("cannot write {}: {}{more}", target.display(), reason(error));
    let problem = Problem::new(Code::LocalFile, detail);
    match error.kind() {
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => problem.with_hint(MAKE_ROOM),
        Kind::NotFound => problem.with_hint(format!("make the folder {}", folder_of(target).display())),
        _ => problem.with_hint("check the folder and its permissions"),
    }
}

fn file_name(target: &Path) -> Result<String, Problem> {
    if target.is_dir() {
        return Err(Problem::new(Code::Usage, format!("{} is a folder", target.display()))
            .with_hint("name the file to write; --into takes a folder and all binaries of a version"));
    }
    match target.file_name() {
        Some(name) => Ok(name.to_string_lossy().into_owned()),
        None => Err(Problem::new(Code::Usage, format!("{} names no file", target.display()))),
    }
}

/// Opens the draft for this process alone.
fn lock(path: &Path, target: &Path) -> Result<File, Problem> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| cannot_write(target, &error, ""))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                let detail = format!("another pull is writing {}", target.display());
                return Err(Problem::new(Code::LocalFile, detail).with_hint("wait for it, or stop it"));
            }
            // Not every file system can lock.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        // The one who had it may have given it its final name just before the lock was ours.
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

/// Throws away the drafts in a folder that were to have other content than `wanted` says of their names, unless
/// somebody is at them; and the block maps whose draft was given its name just before its process was killed.
pub fn drop_superseded(folder: &Path, wanted: &HashMap<String, Digest>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "blocks") {
            let draft = path.with_extension("part");
            if draft_of(&draft).is_some_and(|(name, _)| wanted.contains_key(name)) && !draft.exists() {
                // What cannot be removed only takes room.
                let _ = std::fs::remove_file(&path);
            }
            continue;
        }
        let Some((name, digest)) = draft_of(&path) else { continue };
        if wanted.get(name).is_none_or(|wanted| *wanted == digest) {
            continue;
        }
        // Held until both are gone: nobody may begin to go on with it in between.
        let Ok(held) = File::open(&path) else { continue };
        if held.try_lock().is_ok() {
            // What cannot be removed only takes room.
            let _ = std::fs::remove_file(path.with_extension("blocks"));
            let _ = std::fs::remove_file(path);
        }
        drop(held);
    }
}

/// The name and the digest that a draft is to have.
fn draft_of(path: &Path) -> Option<(&str, Digest)> {
    let (name, digest) =
        path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(".part")?.rsplit_once('.')?;
    Some((name, digest.parse().ok()?))
}

/// Makes the file `size` long and takes the room on the disk, as far as the file system can.
fn take_room(file: &File, size: u64) -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size) {
        let error = std::io::Error::from(error);
        use std::io::ErrorKind as Kind;
        if matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge) {
            return Err(error);
        }
    }
    file.set_len(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_name_is_given_last_and_drafts_of_other_content_go() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("gateway.img");
        let (old, new) = (Digest::of("old"), Digest::of("new"));
        drop(Draft::open(&target, old, 3).unwrap());
        let busy = Draft::open(&folder.path().join("other.img"), old, 3).unwrap();
        let draft = Draft::open(&target, new, 3).unwrap();
        let wanted = ["gateway.img", "other.img"].map(|name| (name.to_owned(), new));
        drop_superseded(folder.path(), &wanted.into());
        assert_eq!(
            names(folder.path()),
            [format!(".gateway.img.{new}.part"), format!(".other.img.{old}.part")]
        );
        std::fs::write(draft.blocks(), b"map").unwrap();
        draft.finish().unwrap();
        assert_eq!(names(folder.path()), [format!(".other.img.{old}.part"), "gateway.img".to_owned()]);
        busy.discard();
    }

    #[test]
    fn two_processes_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("gateway.img");
        let digest = Digest::of("firmware");
        let first = Draft::open(&target, digest, 8).unwrap();
        let refused = Draft::open(&target, digest, 8).unwrap_err();
        assert!(refused.detail().starts_with("another pull is writing"), "{refused}");
        first.finish().unwrap();
        Draft::open(&target, digest, 8).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_said_in_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of("firmware");
        let open = |target: &Path| Draft::open(target, digest, 8).unwrap_err();
        assert_eq!(open(folder.path()).code(), Code::Usage);
        let missing = open(&folder.path().join("no/such.img"));
        assert!(missing.detail().ends_with("no/such.img: there is no such file or folder"), "{missing}");
    }
}
