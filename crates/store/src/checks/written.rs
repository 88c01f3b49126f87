//! What a run has written, so that it is removed whatever happens in between.

use std::sync::{Mutex, MutexGuard, PoisonError};

use firmhold_core::ObjectKey;

/// Objects and uploads that a run has made, or may have made.
#[derive(Debug, Default)]
pub(super) struct Written(Mutex<State>);

#[derive(Debug, Default, Clone)]
pub(super) struct State {
    /// Keys with the version that the store named.
    pub objects: Vec<(ObjectKey, Option<String>)>,
    /// Keys with upload ids.
    pub uploads: Vec<(ObjectKey, String)>,
    /// Whether a write was sent to which no answer came.
    pub unsure: bool,
}

impl Written {
    /// Before a write: should the run be cut off, something may be there.
    pub fn begin(&self) {
        self.lock().unsure = true;
    }

    /// The write was refused: nothing is there.
    pub fn refused(&self) {
        self.lock().unsure = false;
    }

    pub fn object(&self, key: &ObjectKey, version: Option<&str>) {
        let mut state = self.lock();
        state.unsure = false;
        state.objects.push((key.clone(), version.map(str::to_owned)));
    }

    pub fn upload(&self, key: &ObjectKey, id: &str) {
        let mut state = self.lock();
        state.unsure = false;
        state.uploads.push((key.clone(), id.to_owned()));
    }

    /// The upload is gone.
    pub fn aborted(&self, id: &str) {
        self.lock().uploads.retain(|(_, known)| known != id);
    }

    pub fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is surely nothing to clean up.
    pub fn is_empty(&self) -> bool {
        !self.unsure && self.objects.is_empty() && self.uploads.is_empty()
    }
}
