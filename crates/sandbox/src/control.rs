//! The services that speak in documents, behind one door.

use crate::call::{Answer, Call};
use crate::cloudtrail::CloudTrail;
use crate::cloudwatch::CloudWatch;
use crate::events::Events;
use crate::facts::Facts;
use crate::kms::Kms;
use crate::observer::Parts;
use crate::organization::Organizations;
use crate::service::Service;

/// The services.
pub(crate) struct Control {
    pub(crate) kms: Kms,
    pub(crate) cloudwatch: CloudWatch,
    pub(crate) events: Events,
    pub(crate) cloudtrail: CloudTrail,
    pub(crate) organizations: Organizations,
    pub(crate) facts: Facts,
}

impl Control {
    /// What the observer works with.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            cloudtrail: self.cloudtrail.clone(),
            cloudwatch: self.cloudwatch.clone(),
            events: self.events.clone(),
        }
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.service {
            Service::Kms => self.kms.call(call),
            Service::CloudWatch => self.cloudwatch.call(call),
            Service::Events => self.events.call(call),
            Service::CloudTrail => self.cloudtrail.call(call),
            Service::Organizations => self.organizations.call(call),
            Service::GuardDuty | Service::Config | Service::Ec2 | Service::Budgets => self.facts.call(call),
            _ => Err(call.unknown()),
        }
    }
}
