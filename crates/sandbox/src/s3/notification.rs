//! The notification configuration on the wire: whom S3 tells of events.

use std::collections::HashSet;

use s3s::dto::{
    GetBucketNotificationConfigurationInput, GetBucketNotificationConfigurationOutput,
    NotificationConfiguration, PutBucketNotificationConfigurationInput,
    PutBucketNotificationConfigurationOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::S3Ops;

/// What an event's name begins with
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html>).
const EVENTS: [&str; 10] = [
    "s3:ObjectCreated:",
    "s3:ObjectRemoved:",
    "s3:ObjectRestore:",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:",
    "s3:LifecycleExpiration:",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectTagging:",
    "s3:ObjectAcl:Put",
];

impl S3Ops {
    pub(super) async fn read_notification(
        &self,
        request: S3Request<GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
        let told = self.storage.bucket(&request.input.bucket)?.notification.clone().unwrap_or_default();
        Ok(S3Response::new(GetBucketNotificationConfigurationOutput {
            event_bridge_configuration: told.event_bridge_configuration,
            lambda_function_configurations: told.lambda_function_configurations,
            queue_configurations: told.queue_configurations,
            topic_configurations: told.topic_configurations,
        }))
    }

    /// An empty configuration tells nobody.
    pub(super) async fn write_notification(
        &self,
        request: S3Request<PutBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<PutBucketNotificationConfigurationOutput>> {
        let PutBucketNotificationConfigurationInput { bucket, mut notification_configuration, .. } =
            request.input;
        check(&mut notification_configuration)?;
        let told =
            Some(notification_configuration).filter(|told| *told != NotificationConfiguration::default());
        self.configure(bucket, move |facts| facts.notification = told).await?;
        Ok(S3Response::new(PutBucketNotificationConfigurationOutput::default()))
    }
}

fn check(configuration: &mut NotificationConfiguration) -> S3Result<()> {
    let mut seen = HashSet::new();
    for topic in configuration.topic_configurations.iter_mut().flatten() {
        check_one(
            &mut seen,
            &mut topic.id,
            &topic.topic_arn,
            "sns",
            topic.events.iter().map(|event| event.as_ref()),
        )?;
    }
    for queue in configuration.queue_configurations.iter_mut().flatten() {
        check_one(
            &mut seen,
            &mut queue.id,
            &queue.queue_arn,
            "sqs",
            queue.events.iter().map(|event| event.as_ref()),
        )?;
    }
    for function in configuration.lambda_function_configurations.iter_mut().flatten() {
        let events = function.events.iter().map(|event| event.as_ref());
        check_one(&mut seen, &mut function.id, &function.lambda_function_arn, "lambda", events)?;
    }
    Ok(())
}

fn check_one<'a>(
    seen: &mut HashSet<String>,
    id: &mut Option<String>,
    arn: &str,
    service: &str,
    mut events: impl Iterator<Item = &'a str>,
) -> S3Result<()> {
    let id = id.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    if !seen.insert(id.clone()) {
        return Err(s3_error!(
            InvalidArgument,
            "Same ID used for multiple configurations. IDs must be unique"
        ));
    }
    if arn.split(':').nth(2) != Some(service) {
        return Err(s3_error!(InvalidArgument, "The ARN is not well formed"));
    }
    let known = |event: &str| EVENTS.iter().any(|known| event.starts_with(known));
    match events.all(known) {
        true => Ok(()),
        false => Err(s3_error!(InvalidArgument, "A specified event is not supported for notifications.")),
    }
}
