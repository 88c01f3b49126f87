//! CloudTrail: what was called, by whom, and what came of it
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/>).
//!
//! Management events are kept for 90 days whether there is a trail or not. Trails put them, and the object-level calls
//! that their selectors ask for, into a bucket, and only what a trail takes comes to event rules.

mod event;
mod identity;
mod logging;
mod lookup;
mod selectors;
mod trail;

pub(crate) use self::event::{Happening, Recorded, parameters};
pub(crate) use self::identity::Who;
use self::trail::Trail;
use crate::account::Accounts;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::observer::Settle;
use crate::records::Records;
use crate::storage::Storage;

/// The service.
#[derive(Clone)]
pub(crate) struct CloudTrail {
    records: Records,
    storage: Storage,
    accounts: Accounts,
    settle: Settle,
}

impl CloudTrail {
    pub(crate) fn new(records: Records, storage: Storage, accounts: Accounts, settle: Settle) -> Self {
        Self { records, storage, accounts, settle }
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        match call.action {
            "CreateTrail" => self.create_trail(call),
            "DeleteTrail" => self.delete_trail(call),
            "DescribeTrails" => self.describe_trails(call),
            "GetTrail" => self.get_trail(call),
            "ListTrails" => self.list_trails(call),
            "StartLogging" => self.start_logging(call),
            "StopLogging" => self.stop_logging(call),
            "GetTrailStatus" => self.get_trail_status(call),
            "PutEventSelectors" => self.put_event_selectors(call),
            "GetEventSelectors" => self.get_event_selectors(call),
            "LookupEvents" => self.lookup_events(call),
            _ => Err(call.unknown()),
        }
    }

    /// The trail that a call names by name or ARN, if the caller may do with it what it asks.
    fn authorized(&self, call: &Call<'_>, name: &str) -> Result<Trail, AwsError> {
        let trail = self.find(call.home, name)?;
        let arn = match &trail {
            Some(trail) => trail.arn(),
            None if name.starts_with("arn:") => name.to_owned(),
            None => call.home.arn("cloudtrail", &format!("trail/{name}")),
        };
        call.authorize(&arn, None, &[])?;
        trail.ok_or_else(|| not_found(&arn, call.home.account))
    }

    /// As [`Self::authorized`], for what is done only in the trail's own region.
    fn authorized_at_home(&self, call: &Call<'_>, name: &str) -> Result<Trail, AwsError> {
        let trail = self.authorized(call, name)?;
        if trail.region == call.home.region {
            return Ok(trail);
        }
        let message =
            format!("The trail {} can only be changed in its home region, {}.", trail.name, trail.region);
        Err(AwsError::new(400, "InvalidHomeRegionException", message))
    }
}

fn not_found(arn: &str, account: &str) -> AwsError {
    AwsError::new(400, "TrailNotFoundException", format!("Unknown trail: {arn} for the user: {account}"))
}
