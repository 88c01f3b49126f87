//! What an API key may do (API contract 13.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The scope of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Reads the catalogue.
    Read,
    /// `read`, and writes what a push writes.
    Upload,
    /// `read`, and writes what a release writes.
    Release,
    /// Everything.
    Admin,
}

impl Scope {
    /// Every scope, narrowest first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Upload, Self::Release, Self::Admin];

    /// Whether a key with this scope may do what needs `needed`. `upload` and `release` do not cover each other.
    #[must_use]
    pub const fn covers(self, needed: Self) -> bool {
        matches!(
            (self, needed),
            (Self::Admin, _)
                | (_, Self::Read)
                | (Self::Upload, Self::Upload)
                | (Self::Release, Self::Release)
        )
    }

    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Upload => "upload",
            Self::Release => "release",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text named no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of read, upload, release, admin")]
pub struct BadScope;

impl FromStr for Scope {
    type Err = BadScope;
    fn from_str(text: &str) -> Result<Self, BadScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(BadScope)
    }
}

#[cfg(test)]
mod tests {
    use super::Scope::{Admin, Read, Release, Upload};

    #[test]
    fn upload_and_release_are_apart() {
        assert!(Admin.covers(Release) && Admin.covers(Upload) && Upload.covers(Read) && Release.covers(Read));
        assert!(
            !Upload.covers(Release)
                && !Release.covers(Upload)
                && !Upload.covers(Admin)
                && !Read.covers(Upload)
        );
    }
}
