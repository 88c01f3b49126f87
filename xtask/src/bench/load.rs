//! What is sent: one large file, or many small ones. Made once; before each use a few bytes of every MiB are made
//! new, so that neither Firmhold nor a store that keeps equal blocks once can know any of it.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::report::say;

const MIB: u64 = 1024 * 1024;

/// A file, or a folder of files.
#[derive(Debug, Clone)]
pub struct Load {
    /// As a table's heading has it.
    pub title: String,
    /// Where it lies.
    pub path: PathBuf,
    /// How many files.
    pub files: u32,
    /// Bytes of each.
    pub each: u64,
}

impl Load {
    /// What the files in a folder are called, as Firmhold's patterns have it.
    pub const NAMES: &str = "file-{target}.img";

    /// One file.
    pub fn one(folder: &Path, mib: u64) -> Result<Self> {
        let title =
            if mib.is_multiple_of(1024) { format!("{} GiB", mib / 1024) } else { format!("{mib} MiB") };
        let load = Self { title, path: folder.join(format!("{mib}-mib.img")), files: 1, each: mib * MIB };
        load.make()?;
        Ok(load)
    }

    /// A folder of files of 1 MiB.
    pub fn many(folder: &Path, files: u32) -> Result<Self> {
        let title = format!("{} × 1 MiB", thousands(files));
        let load = Self { title, path: folder.join(format!("{files}-files")), files, each: MIB };
        load.make()?;
        Ok(load)
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.files > 1
    }

    /// All of its files.
    pub fn paths(&self) -> Vec<PathBuf> {
        match self.files {
            1 => vec![self.path.clone()],
            files => (0..files).map(|file| self.path.join(format!("file-{file:05}.img"))).collect(),
        }
    }

    /// Changes a few bytes in each MiB.
    pub fn renew(&self) -> Result<()> {
        let mut random = File::open("/dev/urandom").context("/dev/urandom")?;
        let mut bytes = [0; 16];
        for path in self.paths() {
            let file = OpenOptions::new().write(true).open(path)?;
            for block in 0..self.each.div_ceil(MIB) {
                random.read_exact(&mut bytes)?;
                file.write_all_at(&bytes, block * MIB)?;
            }
        }
        Ok(())
    }

    fn make(&self) -> Result<()> {
        if self.is_folder() {
            std::fs::create_dir_all(&self.path)?;
        }
        let mut random = File::open("/dev/urandom").context("/dev/urandom")?;
        let mut bytes = vec![0; usize::try_from(MIB)?];
        for path in self.paths() {
            if std::fs::metadata(&path).is_ok_and(|found| found.len() == self.each) {
                continue;
            }
            if !self.is_folder() {
                say(format_args!("making {}", path.display()));
            }
            let mut file = File::create(&path).with_context(|| path.display().to_string())?;
            let mut left = self.each;
            while left > 0 {
                let want = usize::try_from(left.min(MIB))?;
                random.read_exact(&mut bytes[..want])?;
                file.write_all(&bytes[..want])?;
                left -= want as u64;
            }
        }
        Ok(())
    }
}

/// `1,000`
fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([7, 999, 1000, 1_234_567].map(thousands), ["7", "999", "1,000", "1,234,567"]);
    }
}
