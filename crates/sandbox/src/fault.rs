//! Faults (design D10): "the third part answers 503 twice". A rule is armed by a test and fires on the requests
//! that match it.

use std::sync::{Mutex, PoisonError};

/// What happens to a request that a [`Fault`] hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultAction {
    /// The request is not carried out; the answer is this HTTP status with this AWS error code.
    Status(u16, &'static str),
    /// The line is cut after this many bytes of body: of the request if it carries one, else of the answer.
    Reset(u64),
    /// As [`FaultAction::Reset`], but the line falls silent instead: nothing more is read or sent, and it stays open.
    Stall(u64),
    /// The answer's body ends after this many bytes and its `Content-Length` says so, as behind a broken proxy.
    TruncateBody(u64),
    /// The request is carried out after this many milliseconds.
    Delay(u64),
    /// Each checksum in the answer's headers is a well-formed one of other bytes.
    WrongChecksum,
    /// The request is not carried out; the answer is the service's `ExpiredToken`.
    ExpiredToken,
}

/// One rule. Without a restriction it matches every request.
#[derive(Debug, Clone)]
pub struct Fault {
    service: Option<String>,
    operation: Option<String>,
    key_contains: Option<String>,
    skip: u32,
    times: Option<u32>,
    action: FaultAction,
}

impl Default for Fault {
    fn default() -> Self {
        Self::new()
    }
}

impl Fault {
    /// A rule that answers every request with 503 `ServiceUnavailable`, to be narrowed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            service: None,
            operation: None,
            key_contains: None,
            skip: 0,
            times: None,
            action: FaultAction::Status(503, "ServiceUnavailable"),
        }
    }

    /// Only requests to this service: `s3`, `sts` or `iam`.
    #[must_use]
    pub fn service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Only this operation, as AWS names it: `UploadPart`, `GetObject`, `AssumeRole`.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Only requests whose object key (S3) or resource ARN (STS, IAM) contains this text.
    #[must_use]
    pub fn key_contains(mut self, text: impl Into<String>) -> Self {
        self.key_contains = Some(text.into());
        self
    }

    /// Lets the first `n` matching requests pass.
    #[must_use]
    pub fn skip(mut self, n: u32) -> Self {
        self.skip = n;
        self
    }

    /// Fires `n` times, then never again. Without it the rule fires until it is cleared.
    #[must_use]
    pub fn times(mut self, n: u32) -> Self {
        self.times = Some(n);
        self
    }

    /// What to do.
    #[must_use]
    pub fn then(mut self, action: FaultAction) -> Self {
        self.action = action;
        self
    }

    fn matches(&self, service: &str, operation: &str, key: &str) -> bool {
        self.service.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(service))
            && self.operation.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(operation))
            && self.key_contains.as_deref().is_none_or(|text| key.contains(text))
    }

    /// Counts a matching request and says whether the rule fires on it.
    fn strike(&mut self) -> bool {
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// The armed rules of one sandbox.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Arms a rule. Rules are asked in the order in which they were armed; the first that fires wins.
    pub fn add(&self, fault: Fault) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Disarms all rules.
    pub fn clear(&self) {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The action for this request, counting it. `key` is the object key, or the resource's ARN.
    pub(crate) fn strike(&self, service: &str, operation: &str, key: &str) -> Option<FaultAction> {
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules
            .iter_mut()
            .filter(|rule| rule.matches(service, operation, key))
            .find_map(|rule| rule.strike().then(|| rule.action.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_part_fails_twice() {
        let faults = Faults::default();
        let slow = FaultAction::Status(503, "SlowDown");
        faults.add(Fault::new().service("s3").operation("UploadPart").skip(2).times(2).then(slow.clone()));
        let hits: Vec<bool> =
            (0..6).map(|_| faults.strike("s3", "UploadPart", "k") == Some(slow.clone())).collect();
        assert_eq!(hits, [false, false, true, true, false, false]);
        assert_eq!(faults.strike("s3", "GetObject", "k"), None);
    }

    #[test]
    fn clear_disarms() {
        let faults = Faults::default();
        faults.add(Fault::new().key_contains("a/b"));
        assert!(faults.strike("s3", "GetObject", "x/a/b/c").is_some());
        faults.clear();
        assert!(faults.strike("s3", "GetObject", "x/a/b/c").is_none());
    }
}
