//! How long AWS may take.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;

/// How long AWS, or what stands in for it, may take before a call counts as failed. No call is without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a line is open.
    pub connect: Duration,
    /// One try of a call to S3, but for the body of an object that is read.
    pub attempt: Duration,
    /// A call to S3 with all its tries.
    pub operation: Duration,
    /// One try of a call to STS.
    pub sts_attempt: Duration,
    /// A call to STS with all its tries.
    pub sts_operation: Duration,
    /// Joining the parts of an upload with all its tries, each of which may take all of it, during which S3 sends blanks
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>).
    pub join: Duration,
    /// Silence in the body of an object that is read. Only waiting for the store counts: a slow reader may take its
    /// time. Of a part on its way through: silence of who sends it; the store may be silent for twice as long.
    pub silence: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(3100),
            attempt: Duration::from_secs(30),
            operation: Duration::from_secs(90),
            sts_attempt: Duration::from_secs(5),
            sts_operation: Duration::from_secs(12),
            join: Duration::from_secs(600),
            silence: Duration::from_secs(30),
        }
    }
}

impl Timeouts {
    /// As the SDK wants them for S3.
    pub(crate) fn s3(&self) -> TimeoutConfig {
        self.config(self.attempt, self.operation)
    }

    /// As the SDK wants them for STS.
    pub(crate) fn sts(&self) -> TimeoutConfig {
        self.config(self.sts_attempt, self.sts_operation)
    }

    /// As the SDK wants them for the joining of parts, one try of which may take all the time that there is.
    pub(crate) fn joining(&self) -> TimeoutConfig {
        self.config(self.join, self.join)
    }

    fn config(&self, attempt: Duration, operation: Duration) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(self.connect)
            .operation_attempt_timeout(attempt)
            .operation_timeout(operation)
            .build()
    }
}
