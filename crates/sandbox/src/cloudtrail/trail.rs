//! CreateTrail, DeleteTrail, DescribeTrails, GetTrail, ListTrails.

use firmhold_core::Timestamp;
use firmhold_iam::{Arn, Principal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::CloudTrail;
use super::selectors::Selectors;
use crate::authorize::{Ask, ask, bucket_arn, object_arn};
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::caller::Caller;
use crate::records::{Home, Row};
use crate::request_log::RequestTrace;

/// Trails of one region.
const MAX_TRAILS: usize = 5;

/// A trail.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Trail {
    pub(super) account: String,
    /// Its home.
    pub(super) region: String,
    pub(super) name: String,
    pub(super) bucket: String,
    pub(super) prefix: Option<String>,
    pub(super) sns_topic: Option<String>,
    pub(super) global_events: bool,
    pub(super) multi_region: bool,
    pub(super) organization: bool,
    pub(super) validation: bool,
    pub(super) kms_key: Option<String>,
    pub(super) selectors: Selectors,
    /// Since when it takes events.
    pub(super) started: Option<Timestamp>,
    /// Since when it takes none, if it was stopped.
    pub(super) stopped: Option<Timestamp>,
}

impl Row for Trail {
    const KIND: &'static str = "cloudtrail-trail";
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateTrail {
    name: String,
    s3_bucket_name: String,
    s3_key_prefix: Option<String>,
    sns_topic_name: Option<String>,
    #[serde(default = "yes")]
    include_global_service_events: bool,
    #[serde(default)]
    is_multi_region_trail: bool,
    #[serde(default)]
    is_organization_trail: bool,
    #[serde(default)]
    enable_log_file_validation: bool,
    kms_key_id: Option<String>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeTrails {
    #[serde(default)]
    trail_name_list: Vec<String>,
    #[serde(default = "yes")]
    include_shadow_trails: bool,
}

impl Trail {
    pub(super) fn home(&self) -> Home<'_> {
        Home { account: &self.account, region: &self.region }
    }

    pub(super) fn arn(&self) -> String {
        self.home().arn("cloudtrail", &format!("trail/{}", self.name))
    }

    pub(super) fn is_logging(&self) -> bool {
        self.started.is_some() && self.stopped.is_none()
    }

    /// Whether it takes what happens in a region at a time; `global`: in a service that is in no region, such as IAM.
    /// The call that stops a trail is the last that it takes.
    pub(super) fn covers(&self, region: &str, global: bool, at: Timestamp) -> bool {
        let on = self.started.is_some_and(|started| started <= at)
            && self.stopped.is_none_or(|stopped| at <= stopped);
        let here = self.multi_region || self.region == region;
        on && if global { self.global_events } else { here }
    }

    fn described(&self) -> Value {
        let mut trail = self.created();
        trail["HomeRegion"] = self.region.clone().into();
        trail["HasCustomEventSelectors"] = self.selectors.are_custom().into();
        trail["HasInsightSelectors"] = false.into();
        trail
    }

    fn created(&self) -> Value {
        let mut trail = json!({
            "Name": self.name,
            "S3BucketName": self.bucket,
            "IncludeGlobalServiceEvents": self.global_events,
            "IsMultiRegionTrail": self.multi_region,
            "TrailARN": self.arn(),
            "LogFileValidationEnabled": self.validation,
            "IsOrganizationTrail": self.organization,
        });
        let optional =
            [("S3KeyPrefix", &self.prefix), ("SnsTopicARN", &self.sns_topic), ("KmsKeyId", &self.kms_key)];
        for (name, value) in optional {
            if let Some(value) = value {
                trail[name] = value.clone().into();
            }
        }
        trail
    }
}

impl CloudTrail {
    pub(super) fn create_trail(&self, call: &Call<'_>) -> Answer {
        let input: CreateTrail = call.input()?;
        check_name(&input.name)?;
        call.authorize(&call.home.arn("cloudtrail", &format!("trail/{}", input.name)), None, &[])?;
        if input.is_multi_region_trail && !input.include_global_service_events {
            return Err(AwsError::new(
                400,
                "InvalidParameterCombinationException",
                "Multi-Region trail must include global service events.",
            ));
        }
        let trail = Trail {
            account: call.home.account.to_owned(),
            region: call.home.region.to_owned(),
            name: input.name,
            bucket: input.s3_bucket_name,
            prefix: input.s3_key_prefix,
            sns_topic: input.sns_topic_name.map(|name| match name.starts_with("arn:") {
                true => name,
                false => call.home.arn("sns", &name),
            }),
            global_events: input.include_global_service_events,
            multi_region: input.is_multi_region_trail,
            organization: input.is_organization_trail,
            validation: input.enable_log_file_validation,
            kms_key: input.kms_key_id,
            selectors: Selectors::default(),
            started: None,
            stopped: None,
        };
        self.check_bucket(&trail, call.now)?;
        if self.records.all::<Trail>(call.home)?.len() >= MAX_TRAILS {
            let message =
                format!("User: {} already has {MAX_TRAILS} trails in {}.", trail.account, trail.region);
            return Err(AwsError::new(400, "MaximumNumberOfTrailsExceededException", message));
        }
        self.records.change(call.home, &trail.name, |row: &mut Option<Trail>| {
            if row.is_some() {
                let message = format!("Trail {} already exists for customer: {}", trail.name, trail.account);
                return Err(AwsError::new(400, "TrailAlreadyExistsException", message));
            }
            *row = Some(trail.clone());
            Ok(())
        })?;
        Ok(trail.created())
    }

    /// CloudTrail looks whether its bucket is there and lets it in, when a trail is made
    /// (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html>).
    fn check_bucket(&self, trail: &Trail, now: Timestamp) -> Result<(), AwsError> {
        let service = Principal::Service("cloudtrail.amazonaws.com".to_owned());
        let Some(facts) = self.storage.bucket_facts(&trail.bucket) else {
            let message = format!("S3 bucket {} does not exist!", trail.bucket);
            return Err(AwsError::new(400, "S3BucketDoesNotExistException", message));
        };
        let prefix = trail.prefix.as_deref().map_or_else(String::new, |prefix| format!("{prefix}/"));
        let key = format!("{prefix}AWSLogs/{}/CloudTrail", trail.account);
        let acl = ("s3:x-amz-acl", "bucket-owner-full-control".into());
        let needed =
            [("s3:GetBucketAcl", bucket_arn(&facts.name)), ("s3:PutObject", object_arn(&facts.name, &key))];
        for (action, resource) in needed {
            let context = [
                acl.clone(),
                ("aws:SourceArn", trail.arn().into()),
                ("aws:SourceAccount", trail.account.as_str().into()),
            ];
            let question = Ask {
                action,
                resource: &resource,
                resource_account: Some(&facts.owner_account),
                resource_policy: facts.policy.as_deref(),
                trust: None,
                context: &context,
            };
            let caller =
                Caller::of_service(&self.accounts, None, service.clone(), now, RequestTrace::default());
            if !ask(&caller, &question).is_ok_and(|decision| decision.is_allowed()) {
                let message = format!("Incorrect S3 bucket policy is detected for bucket: {}", trail.bucket);
                return Err(AwsError::new(400, "InsufficientS3BucketPolicyException", message));
            }
        }
        Ok(())
    }

    pub(super) fn delete_trail(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let trail = self.authorized_at_home(call, &input.name)?;
        self.records.remove::<Trail>(trail.home(), &trail.name)?;
        Ok(Value::Null)
    }

    pub(super) fn get_trail(&self, call: &Call<'_>) -> Answer {
        let input: Named = call.input()?;
        let trail = self.authorized(call, &input.name)?;
        Ok(json!({"Trail": trail.described()}))
    }

    /// Trails of this region, and those of others that cover it. A name that is not there is left out.
    pub(super) fn describe_trails(&self, call: &Call<'_>) -> Answer {
        let input: DescribeTrails = call.input()?;
        call.authorize("*", None, &[])?;
        let wanted = |trail: &Trail| {
            let here =
                trail.region == call.home.region || (input.include_shadow_trails && trail.multi_region);
            let named = |name: &String| *name == trail.arn() || *name == trail.name;
            match input.trail_name_list.as_slice() {
                [] => here,
                names => names.iter().any(named) && (here || names.contains(&trail.arn())),
            }
        };
        let trails = self.trails(call.home.account)?;
        let trails: Vec<Value> = trails.iter().filter(|trail| wanted(trail)).map(Trail::described).collect();
        Ok(json!({"trailList": trails}))
    }

    pub(super) fn list_trails(&self, call: &Call<'_>) -> Answer {
        call.authorize("*", None, &[])?;
        let trails = self.trails(call.home.account)?;
        let trails: Vec<Value> = trails
            .iter()
            .map(|trail| json!({"TrailARN": trail.arn(), "Name": trail.name, "HomeRegion": trail.region}))
            .collect();
        Ok(json!({"Trails": trails}))
    }

    /// All trails of an account.
    pub(super) fn trails(&self, account: &str) -> Result<Vec<Trail>, AwsError> {
        let mut trails = self.records.everywhere::<Trail>()?;
        trails.retain(|trail| trail.account == account);
        Ok(trails)
    }

    /// By name in its home region, or by ARN from anywhere.
    pub(super) fn find(&self, home: Home<'_>, name: &str) -> Result<Option<Trail>, AwsError> {
        let Some(arn) = Arn::parse(name) else {
            check_name(name)?;
            let own = self.records.get(home, name)?;
            // A trail of all regions can be named in each of them.
            let shadow = || {
                Ok::<_, AwsError>(
                    self.trails(home.account)?.into_iter().find(|t| t.multi_region && t.name == name),
                )
            };
            return own.map_or_else(shadow, |trail| Ok(Some(trail)));
        };
        let name = arn.resource.strip_prefix("trail/").filter(|_| arn.service == "cloudtrail");
        let name = name.ok_or_else(|| {
            AwsError::new(400, "CloudTrailARNInvalidException", "The ARN is not that of a trail.")
        })?;
        if arn.account != home.account {
            return Ok(None);
        }
        Ok(self.records.get(Home { account: arn.account, region: arn.region }, name)?)
    }
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let valid = (3..=128).contains(&name.len())
        && name.chars().all(fits)
        && ends(name.chars().next())
        && ends(name.chars().next_back());
    if valid {
        return Ok(());
    }
    Err(AwsError::new(
        400,
        "InvalidTrailNameException",
        "Trail name must have 3 to 128 letters, digits, points, dashes and underscores, and start and end with a letter \
         or digit.",
    ))
}
