//! The services that speak in documents, behind one door.

use crate::call::{Answer, Call};
use crate::kms::Kms;
use crate::service::Service;

/// The services.
pub(crate) struct Control {
    pub(crate) kms: Kms,
}

impl Control {
    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.service {
            Service::Kms => self.kms.call(call),
            _ => Err(call.unknown()),
        }
    }
}
