//! Who did what when: what IAM has as `RoleLastUsed` and as "service last accessed"
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::durable;

/// A use that is this much newer than the one on the disk is written: AWS takes hours, too.
const GRAIN: Duration = Duration::from_secs(60 * 60);

/// The last use of something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    pub(crate) at: Timestamp,
    pub(crate) region: String,
}

/// By the ARN of a user or role, by action; all together under the empty action.
type Uses = BTreeMap<String, BTreeMap<String, LastUse>>;

/// The record of uses, in a file of the data folder.
#[derive(Debug)]
pub(crate) struct Usage {
    file: PathBuf,
    uses: Mutex<Uses>,
}

impl Usage {
    /// Reads the record in `dir`. One that cannot be read is begun anew: it decides nothing.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let file = dir.join("usage.json");
        let uses = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Uses::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file, uses: Mutex::new(uses) })
    }

    /// An allowed action.
    pub(crate) fn record(&self, arn: &str, action: &str, region: &str, at: Timestamp) {
        let mut uses = self.lock();
        let own = uses.entry(arn.to_owned()).or_default();
        let mut worth_writing = false;
        for name in ["", action] {
            let last = LastUse { at, region: region.to_owned() };
            match own.get_mut(name) {
                // Within the grain the older time stays: it is the one on the disk.
                Some(known) if at.since(known.at) < GRAIN => {}
                Some(known) => {
                    *known = last;
                    worth_writing = true;
                }
                None => {
                    own.insert(name.to_owned(), last);
                    worth_writing = true;
                }
            }
        }
        if worth_writing {
            self.write(&uses);
        }
    }

    /// A role that is gone.
    pub(crate) fn forget(&self, arn: &str) {
        let mut uses = self.lock();
        if uses.remove(arn).is_some() {
            self.write(&uses);
        }
    }

    /// When a user or role last did anything.
    pub(crate) fn last(&self, arn: &str) -> Option<LastUse> {
        self.lock().get(arn)?.get("").cloned()
    }

    /// When it last did each action, by name.
    pub(crate) fn actions(&self, arn: &str) -> BTreeMap<String, LastUse> {
        let mut actions = self.lock().get(arn).cloned().unwrap_or_default();
        actions.remove("");
        actions
    }

    fn lock(&self) -> MutexGuard<'_, Uses> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, uses: &Uses) {
        let written = serde_json::to_vec(uses)
            .map_err(io::Error::other)
            .and_then(|bytes| durable::write(&self.file, &bytes, 0o600));
        if let Err(error) = written {
            tracing::warn!(%error, "the record of uses cannot be written");
        }
    }
}
