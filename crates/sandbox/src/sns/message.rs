//! What was published.

use firmhold_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::Sns;
use crate::records::Row;
use crate::storage::StorageError;

/// A message that a topic took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The topic's ARN.
    pub topic_arn: String,
    /// A UUID.
    pub message_id: String,
    /// When it was published.
    pub time: Timestamp,
    /// Who published it: an ARN, or a service such as `cloudwatch.amazonaws.com`.
    pub publisher: String,
    /// The subject, if it has one.
    pub subject: Option<String>,
    /// The message itself.
    pub message: String,
    /// The endpoints of the subscriptions that were confirmed when it was published.
    pub endpoints: Vec<String>,
}

impl Row for Notification {
    const KIND: &'static str = "sns-message";
}

impl Sns {
    /// All messages that topics took, by account, region and time.
    pub(crate) fn messages(&self) -> Result<Vec<Notification>, StorageError> {
        self.records.all_lines()
    }
}
