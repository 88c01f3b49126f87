//! The services that speak in documents, behind one door.

use crate::call::{Answer, Call};
use crate::facts::Facts;
use crate::kms::Kms;
use crate::organization::Organizations;
use crate::service::Service;

/// The services.
pub(crate) struct Control {
    pub(crate) kms: Kms,
    pub(crate) organizations: Organizations,
    pub(crate) facts: Facts,
}

impl Control {
    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.service {
            Service::Kms => self.kms.call(call),
            Service::Organizations => self.organizations.call(call),
            Service::GuardDuty | Service::Config | Service::Ec2 | Service::Budgets => self.facts.call(call),
            _ => Err(call.unknown()),
        }
    }
}
