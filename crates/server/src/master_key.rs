//! The master key's file (design D13): 32 bytes beside the database, for its owner's eyes only.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use firmhold_core::{Code, MasterKey, Problem};
use zeroize::Zeroizing;

use crate::durable;

const FILE: &str = "master.key";
const LENGTH: usize = 32;

/// Reads the master key in `data`, or makes it at the first start.
///
/// `may_make` says whether a new one may be made: beside a database that has been used, a missing key is a loss to be
/// mended from a backup, and a new one would silently end every link.
pub(crate) fn load_or_make(data: &Path, may_make: bool) -> Result<MasterKey, Problem> {
    let path = data.join(FILE);
    let unusable = |error: io::Error| {
        Problem::new(Code::LocalFile, format!("cannot use the master key {}", path.display()))
            .caused_by(error)
    };
    match File::open(&path) {
        Ok(file) => read(file).map_err(unusable),
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
            make(&path).map_err(unusable)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unusable(error)
            .with_hint("The database or the secrets have been used, but their master key is gone: put it back from a backup.")),
        Err(error) => Err(unusable(error)),
    }
}

fn read(file: File) -> io::Result<MasterKey> {
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(io::Error::other(format!("others may read it (mode {:o}): chmod 600", mode & 0o777)));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH + 1));
    file.take(LENGTH as u64 + 1).read_to_end(&mut bytes)?;
    let key: [u8; LENGTH] =
        bytes.as_slice().try_into().map_err(|_| io::Error::other("it does not have 32 bytes"))?;
    Ok(MasterKey::from_bytes(key))
}

fn make(path: &Path) -> io::Result<MasterKey> {
    let key = MasterKey::generate().map_err(io::Error::other)?;
    durable::write(path, key.expose())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_for_the_owner_only() {
        let data = tempfile::tempdir().unwrap();
        let key = load_or_make(data.path(), true).unwrap();
        let mode = std::fs::metadata(data.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(load_or_make(data.path(), false).unwrap().expose(), key.expose());
    }

    #[test]
    fn never_made_anew_beside_a_used_database_nor_read_when_open_or_short() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(load_or_make(data.path(), false).unwrap_err().code(), Code::LocalFile);
        let path = data.path().join(FILE);
        load_or_make(data.path(), true).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_make(data.path(), true).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [1; 31]).unwrap();
        assert!(load_or_make(data.path(), true).is_err());
    }
}
