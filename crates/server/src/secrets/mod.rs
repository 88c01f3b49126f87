//! The organizations' secrets (design D13): one sealed file each, `SECRETS_DIR/ORGANIZATION/NAME`, put there on the
//! server's host and never over the network. A name resolves inside its own organization only.

mod key_pair;
mod sealed;

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use firmhold_core::master_key::Purpose;
use firmhold_core::{Code, MasterKey, Problem};
use firmhold_store::StaticKeys;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::durable;
pub use key_pair::parse as parse_key_pair;
use sealed::Sealer;

/// Longest name.
const LONGEST_NAME: usize = 64;
/// The largest sealed file that is read.
const LARGEST: u64 = 64 * 1024;

/// Whether `name` can be a secret's: 1 to 64 letters, digits, `_` and `-`, so that it is a file's name and no path.
pub fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}

/// The folder of secrets, and the key that opens them.
#[derive(Debug)]
pub struct Secrets {
    folder: PathBuf,
    sealer: Sealer,
}

impl Secrets {
    /// The secrets in `folder`, sealed with a key that comes from the master key.
    pub fn new(folder: PathBuf, master: &MasterKey) -> Self {
        Self { folder, sealer: Sealer::new(master.derive(Purpose::Secrets)) }
    }

    /// The key pair of that name. Read anew each time, so that one that was put in its place counts at once; a file of
    /// some hundred bytes costs less than the request that it signs.
    ///
    /// # Errors
    /// [`Code::CredentialsMissing`] if there is none, or it cannot be opened with this master key.
    pub fn key_pair(&self, organization: Uuid, name: &str) -> Result<StaticKeys, Problem> {
        let missing = |cause: io::Error| {
            Problem::new(Code::CredentialsMissing, format!("the key pair {name:?} cannot be used"))
                .caused_by(cause)
        };
        let sealed = read(&self.path(organization, name).map_err(missing)?).map_err(missing)?;
        let opened = self.sealer.open(organization, name, &sealed);
        let opened = opened.ok_or_else(|| {
            missing(io::Error::other("it was not sealed by this server's master key, or is damaged"))
        })?;
        key_pair::from_json(&opened).map_err(|wrong| missing(io::Error::other(wrong)))
    }

    /// Whether there is such a key pair, and it can be opened.
    pub fn has_key_pair(&self, organization: Uuid, name: &str) -> bool {
        self.key_pair(organization, name).is_ok()
    }

    /// Keeps a key pair, in place of what had its name.
    ///
    /// # Errors
    /// [`Code::Usage`] for a name that is none; [`Code::LocalFile`] if the file cannot be written.
    pub fn put_key_pair(&self, organization: Uuid, name: &str, keys: &StaticKeys) -> Result<(), Problem> {
        check_name(name)?;
        let plain = key_pair::to_json(keys);
        let sealed = self.sealer.seal(organization, name, &plain)?;
        let path = self.path(organization, name).map_err(|cause| unusable(&self.folder, cause))?;
        write(&path, &sealed).map_err(|cause| unusable(&path, cause))
    }

    /// The names of an organization's secrets, in order.
    ///
    /// # Errors
    /// [`Code::LocalFile`] if the folder cannot be read.
    pub fn names(&self, organization: Uuid) -> Result<Vec<String>, Problem> {
        let folder = self.folder.join(organization.to_string());
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unusable(&folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|cause| unusable(&folder, cause))?;
            if let Some(name) = entry.file_name().to_str().filter(|name| is_name(name)) {
                names.push(name.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Removes a secret. Tells whether there was one.
    ///
    /// # Errors
    /// [`Code::Usage`] for a name that is none; [`Code::LocalFile`] if the file cannot be removed.
    pub fn remove(&self, organization: Uuid, name: &str) -> Result<bool, Problem> {
        check_name(name)?;
        let path = self.path(organization, name).map_err(|cause| unusable(&self.folder, cause))?;
        match fs::remove_file(&path).and_then(|()| durable::sync_folder_of(&path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unusable(&path, error)),
        }
    }

    /// INVARIANT: whatever the name, the path lies in the organization's own folder.
    fn path(&self, organization: Uuid, name: &str) -> io::Result<PathBuf> {
        if !is_name(name) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        Ok(self.folder.join(organization.to_string()).join(name))
    }
}

/// Whether any organization has a secret in `folder`.
///
/// # Errors
/// [`Code::LocalFile`] if it cannot be read.
pub fn has_any(folder: &Path) -> Result<bool, Problem> {
    let names = |folder: &Path| match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    for organization in names(folder).map_err(|cause| unusable(folder, cause))? {
        if organization.is_dir()
            && !names(&organization).map_err(|cause| unusable(&organization, cause))?.is_empty()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn check_name(name: &str) -> Result<(), Problem> {
    if is_name(name) {
        return Ok(());
    }
    let text = format!("a secret's name must be 1 to {LONGEST_NAME} letters, digits, '_' and '-'");
    Err(Problem::new(Code::Usage, text))
}

fn unusable(path: &Path, cause: io::Error) -> Problem {
    Problem::new(Code::LocalFile, format!("cannot use {}", path.display())).caused_by(cause)
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut sealed = Zeroizing::new(Vec::new());
    let length = File::open(path)?.take(LARGEST + 1).read_to_end(&mut sealed)?;
    if length as u64 > LARGEST {
        return Err(io::Error::other("it is too large to be a secret"));
    }
    Ok(sealed)
}

fn write(path: &Path, sealed: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    // What is not whole yet ends in `.new`: no secret can be called so.
    durable::write(path, sealed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ACME: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn secrets(folder: &Path, master: u8) -> Secrets {
        Secrets::new(folder.to_owned(), &MasterKey::from_bytes([master; 32]))
    }

    #[test]
    fn a_key_pair_comes_back_and_only_to_its_organization() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), 1);
        let keys = StaticKeys::new("AKID", "hunter2");
        secrets.put_key_pair(ACME, "minio", &keys).unwrap();
        assert_eq!(secrets.key_pair(ACME, "minio").unwrap(), keys);
        let file = folder.path().join(ACME.to_string()).join("minio");
        let sealed = fs::read(&file).unwrap();
        assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        assert_eq!(secrets.key_pair(OTHER, "minio").unwrap_err().code(), Code::CredentialsMissing);
        // Not even its file helps another organization, or under another name.
        let theirs = folder.path().join(OTHER.to_string());
        fs::create_dir(&theirs).unwrap();
        fs::copy(&file, theirs.join("minio")).unwrap();
        fs::copy(&file, file.with_file_name("renamed")).unwrap();
        assert!(!secrets.has_key_pair(OTHER, "minio") && !secrets.has_key_pair(ACME, "renamed"));
        assert!(!self::secrets(folder.path(), 2).has_key_pair(ACME, "minio"), "another master key");
        let refused = secrets.key_pair(ACME, "renamed").unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"));
    }

    #[test]
    fn a_new_one_takes_the_place_and_a_crash_leaves_one_whole() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), 1);
        for secret in ["one", "two"] {
            secrets.put_key_pair(ACME, "minio", &StaticKeys::new("AKID", secret)).unwrap();
            // What a crash before the rename leaves.
            fs::write(folder.path().join(ACME.to_string()).join("minio.new"), "half").unwrap();
        }
        assert_eq!(secrets.key_pair(ACME, "minio").unwrap(), StaticKeys::new("AKID", "two"));
        assert_eq!(secrets.names(ACME).unwrap(), ["minio"]);
        assert_eq!(secrets.names(OTHER).unwrap(), Vec::<String>::new());
        assert!(secrets.remove(ACME, "minio").unwrap());
        assert!(!secrets.remove(ACME, "minio").unwrap());
        assert_eq!(secrets.names(ACME).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_name_is_never_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), 1);
        let keys = StaticKeys::new("AKID", "hunter2");
        for name in ["", ".", "..", "../x", "a/b", "/etc/passwd", "a.b", "a\0b", "ä", &"x".repeat(65)] {
            assert_eq!(secrets.put_key_pair(ACME, name, &keys).unwrap_err().code(), Code::Usage, "{name:?}");
            assert_eq!(secrets.remove(ACME, name).unwrap_err().code(), Code::Usage, "{name:?}");
            assert!(!secrets.has_key_pair(ACME, name), "{name:?}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_damaged_file_is_no_key_pair() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = secrets(folder.path(), 1);
        secrets.put_key_pair(ACME, "minio", &StaticKeys::new("AKID", "hunter2")).unwrap();
        let file = folder.path().join(ACME.to_string()).join("minio");
        let sealed = fs::read(&file).unwrap();
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            fs::write(&file, damaged).unwrap();
            assert!(!secrets.has_key_pair(ACME, "minio"), "{at}");
            fs::write(&file, &sealed[..at]).unwrap();
            assert!(!secrets.has_key_pair(ACME, "minio"), "{at}");
        }
        fs::write(&file, vec![1; 70_000]).unwrap();
        assert!(!secrets.has_key_pair(ACME, "minio"));
    }
}
