//! CloudWatch: the figures that S3 has of its buckets, those that somebody puts, and alarms on them
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/>).

mod alarm;
mod describe;
mod evaluate;
mod expression;
mod figures;
mod history;
mod metric;
mod notify;
mod put_alarm;
mod put_data;
mod query;
mod read;
mod s3_requests;
mod s3_storage;

use std::sync::{Arc, Mutex};

use self::evaluate::Progress;
use self::figures::Figures;
pub(crate) use self::s3_requests::S3Request;
use crate::aws_error::AwsError;
use crate::call::{Answer, Call};
use crate::observer::Settle;
use crate::records::Records;
use crate::sns::Sns;
use crate::storage::{Storage, StorageError};

/// The service.
#[derive(Clone)]
pub(crate) struct CloudWatch {
    records: Records,
    storage: Storage,
    sns: Sns,
    settle: Settle,
    figures: Figures,
    progress: Arc<Mutex<Progress>>,
}

impl CloudWatch {
    pub(crate) fn new(
        records: Records,
        storage: Storage,
        sns: Sns,
        settle: Settle,
    ) -> Result<Self, StorageError> {
        let figures = Figures::open(records.clone())?;
        let progress = Arc::new(Mutex::new(Progress::new(storage.clock().now())));
        Ok(Self { records, storage, sns, settle, figures, progress })
    }

    /// Answers one call. All of them see what was counted before, and alarms as the time has them.
    pub(crate) fn call(&self, call: &Call<'_>) -> Answer {
        self.settle.settle();
        match call.action {
            "PutMetricAlarm" => self.put_metric_alarm(call),
            "DescribeAlarms" => self.describe_alarms(call),
            "DeleteAlarms" => self.delete_alarms(call),
            "DescribeAlarmHistory" => self.describe_alarm_history(call),
            "ListMetrics" => self.list_metrics(call),
            "GetMetricStatistics" => self.get_metric_statistics(call),
            "GetMetricData" => self.get_metric_data(call),
            "PutMetricData" => self.put_metric_data(call),
            "ListTagsForResource" => self.list_tags_for_resource(call),
            _ => Err(call.unknown()),
        }
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

fn invalid_value(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "InvalidParameterValue", message)
}

fn missing(message: impl Into<String>) -> AwsError {
    AwsError::new(400, "MissingParameter", message)
}
