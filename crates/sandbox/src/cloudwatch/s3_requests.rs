//! Request metrics of buckets: only where a metrics configuration asks for them, and for what it speaks of (T27)
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations.html>).

use firmhold_core::Timestamp;
use s3s::dto::{MetricsFilter, Tag};

use super::CloudWatch;
use super::figures::Sample;
use super::metric::{Figure, Metric};
use crate::records::Home;
use crate::storage::StorageError;

/// A request that S3 has answered.
#[derive(Debug, Clone)]
pub(crate) struct S3Request {
    pub(crate) bucket: String,
    pub(crate) key: Option<String>,
    pub(crate) operation: String,
    pub(crate) status: u16,
    /// By the state's clock.
    pub(crate) time: Timestamp,
    /// Bytes of its body.
    pub(crate) received: u64,
    /// Bytes of the answer's body.
    pub(crate) sent: u64,
    /// Until the answer began.
    pub(crate) millis: u64,
}

impl CloudWatch {
    /// Counts requests.
    pub(crate) fn count<'a>(
        &self,
        requests: impl Iterator<Item = &'a S3Request>,
    ) -> Result<(), StorageError> {
        let mut samples = Vec::new();
        for request in requests {
            let Ok(facts) = self.storage.bucket(&request.bucket) else { continue };
            if facts.metrics.is_empty() {
                continue;
            }
            let home = Home { account: &facts.owner_account, region: &facts.region };
            let tags = request.key.as_deref().map(|key| self.storage.object_tags(&request.bucket, key, None));
            for (id, configuration) in &facts.metrics {
                if !covers(configuration.filter.as_ref(), request.key.as_deref(), tags.as_deref()) {
                    continue;
                }
                for (name, value) in request.values() {
                    let metric = Metric::s3(name, &request.bucket, "FilterId", id);
                    samples.push(Sample::new(home, metric, request.time, Figure::one(value)));
                }
            }
        }
        self.figures.add(samples)
    }
}

/// Whether a configuration speaks of a request. One with a filter speaks of objects only.
fn covers(filter: Option<&MetricsFilter>, key: Option<&str>, tags: Option<&[(String, String)]>) -> bool {
    let has_prefix = |prefix: &String| key.is_some_and(|key| key.starts_with(prefix.as_str()));
    let has_tag = |tag: &Tag| {
        let same = |(key, value): &(String, String)| {
            Some(key) == tag.key.as_ref() && Some(value) == tag.value.as_ref()
        };
        tags.is_some_and(|tags| tags.iter().any(same))
    };
    match filter {
        None => true,
        Some(MetricsFilter::Prefix(prefix)) => has_prefix(prefix),
        Some(MetricsFilter::Tag(tag)) => has_tag(tag),
        Some(MetricsFilter::And(and)) => {
            and.access_point_arn.is_none()
                && and.prefix.as_ref().is_none_or(has_prefix)
                && and.tags.iter().flatten().all(has_tag)
        }
        // There are no access points.
        Some(_) => false,
    }
}

impl S3Request {
    #[allow(clippy::cast_precision_loss, reason = "no request has 2^53 bytes")]
    fn values(&self) -> Vec<(&'static str, f64)> {
        let is = |condition: bool| if condition { 1.0 } else { 0.0 };
        let mut values = vec![
            ("AllRequests", 1.0),
            ("4xxErrors", is((400..500).contains(&self.status))),
            ("5xxErrors", is(self.status >= 500)),
            ("FirstByteLatency", self.millis as f64),
            ("TotalRequestLatency", self.millis as f64),
        ];
        if let Some(kind) = self.kind() {
            values.push((kind, 1.0));
        }
        if self.operation == "GetObject" && self.status < 300 {
            values.push(("BytesDownloaded", self.sent as f64));
        }
        if matches!(self.operation.as_str(), "PutObject" | "UploadPart") && self.status < 300 {
            values.push(("BytesUploaded", self.received as f64));
        }
        values
    }

    /// The metric of its HTTP method, where S3 has one for such a request.
    fn kind(&self) -> Option<&'static str> {
        match self.operation.as_str() {
            operation if operation.starts_with("List") => Some("ListRequests"),
            "GetObject" => Some("GetRequests"),
            "HeadObject" | "HeadBucket" => Some("HeadRequests"),
            "PutObject" | "CopyObject" | "UploadPart" | "UploadPartCopy" => Some("PutRequests"),
            "DeleteObject" => Some("DeleteRequests"),
            "DeleteObjects" | "CreateMultipartUpload" | "CompleteMultipartUpload" => Some("PostRequests"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use s3s::dto::MetricsAndOperator;

    use super::*;

    #[test]
    fn configurations_and_what_they_speak_of() {
        let tag = Tag { key: Some("fleet".to_owned()), value: Some("eu".to_owned()) };
        let tags = [("fleet".to_owned(), "eu".to_owned())];
        let prefix = MetricsFilter::Prefix("fw/".to_owned());
        let both = MetricsFilter::And(MetricsAndOperator {
            access_point_arn: None,
            prefix: Some("fw/".to_owned()),
            tags: Some(vec![tag.clone()]),
        });
        assert!(covers(None, None, None));
        assert!(covers(Some(&prefix), Some("fw/a"), None));
        assert!(!covers(Some(&prefix), Some("x/a"), None));
        assert!(!covers(Some(&prefix), None, None), "a list of the bucket is about no object");
        assert!(covers(Some(&MetricsFilter::Tag(tag)), Some("a"), Some(&tags)));
        assert!(covers(Some(&both), Some("fw/a"), Some(&tags)));
        assert!(!covers(Some(&both), Some("fw/a"), Some(&[])));
    }
}
