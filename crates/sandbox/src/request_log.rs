//! The request log: who asked for what, and which statement decided. On `tracing` (target
//! `firmhold_sandbox::request`) and as a ring in memory. It never holds a secret, a token or a signature.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use firmhold_core::Timestamp;
use serde_json::Value;

use crate::fault::FaultAction;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEntry {
    /// When it arrived, by the sandbox's clock.
    pub time: Timestamp,
    /// `s3`, `sts` or `iam`.
    pub service: String,
    /// The operation as AWS names it, or empty if the request was refused before it was known.
    pub operation: String,
    /// The caller's ARN, or `anonymous`.
    pub caller: String,
    /// The ARN that was asked for, or the request's path if the operation was not reached.
    pub resource: String,
    /// Which part, of a request about one.
    pub part_number: Option<u32>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The AWS error code of a refusal by the front or the gate.
    pub error: Option<String>,
    /// What was decided, and by which statement; empty if no policy was asked.
    pub decision: String,
}

/// The newest requests of one sandbox.
#[derive(Debug)]
pub struct RequestLog {
    capacity: usize,
    entries: Mutex<VecDeque<RequestEntry>>,
    under_way: Arc<AtomicUsize>,
}

/// Counts as one request for as long as it lives.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl RequestLog {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default(), under_way: Arc::default() }
    }

    /// The entries kept, oldest first.
    pub fn entries(&self) -> Vec<RequestEntry> {
        self.lock().iter().cloned().collect()
    }

    /// How many requests have come in that have no entry yet. One whose client has gone counts until that is noticed.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// A request has come in.
    pub(crate) fn arrival(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(Arc::clone(&self.under_way))
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn push(&self, entry: RequestEntry) {
        tracing::info!(
            target: "firmhold_sandbox::request",
            service = %entry.service,
            operation = %entry.operation,
            caller = %entry.caller,
            resource = %entry.resource,
            status = entry.status,
            error = entry.error.as_deref().unwrap_or(""),
            decision = %entry.decision,
            "request"
        );
        let mut entries = self.lock();
        if self.capacity == 0 {
            return;
        }
        while entries.len() >= self.capacity {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<RequestEntry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is learnt about one request on its way through the sandbox. The front makes it, the gates write into it.
#[derive(Debug, Clone, Default)]
pub struct RequestTrace(Arc<Mutex<TraceState>>);

/// What a trace has come to know of its request.
pub(crate) struct Seen {
    pub(crate) operation: String,
    pub(crate) resource: String,
    pub(crate) owner: Option<String>,
    pub(crate) parameters: Value,
    pub(crate) response: Value,
    /// Code and message.
    pub(crate) error: Option<(String, String)>,
}

#[derive(Debug, Default)]
struct TraceState {
    operation: String,
    resource: String,
    part_number: Option<u32>,
    error: Option<String>,
    message: Option<String>,
    owner: Option<String>,
    parameters: Value,
    response: Value,
    decisions: Vec<String>,
    stream_fault: Option<FaultAction>,
    request_cut: bool,
    request_has_body: bool,
}

impl RequestTrace {
    pub(crate) fn operation(&self, operation: &str, resource: &str) {
        let mut state = self.lock();
        state.operation = operation.to_owned();
        state.resource = resource.to_owned();
    }

    pub(crate) fn part_number(&self, number: Option<u32>) {
        self.lock().part_number = number;
    }

    pub(crate) fn error(&self, code: &str) {
        self.lock().error = Some(code.to_owned());
    }

    /// The text of a refusal.
    pub(crate) fn message(&self, message: &str) {
        self.lock().message = Some(message.to_owned());
    }

    /// The account that owns what is asked for.
    pub(crate) fn owner(&self, account: &str) {
        self.lock().owner = Some(account.to_owned());
    }

    /// What the request says, as CloudTrail writes it.
    pub(crate) fn parameters(&self, parameters: Value) {
        self.lock().parameters = parameters;
    }

    /// What was answered, as CloudTrail writes it: secrets are not.
    pub(crate) fn response(&self, response: Value) {
        self.lock().response = response;
    }

    /// What CloudTrail is to know.
    pub(crate) fn seen(&self) -> Seen {
        let state = self.lock();
        Seen {
            operation: state.operation.clone(),
            resource: state.resource.clone(),
            owner: state.owner.clone(),
            parameters: state.parameters.clone(),
            response: state.response.clone(),
            error: state.error.clone().map(|code| (code, state.message.clone().unwrap_or_default())),
        }
    }

    pub(crate) fn decision(&self, summary: String) {
        self.lock().decisions.push(summary);
    }

    /// A fault that is worked on the bodies, not instead of the operation.
    pub(crate) fn set_stream_fault(&self, action: FaultAction) {
        self.lock().stream_fault = Some(action);
    }

    /// Whether the line is to be cut now that `seen` bytes of the request's body have come. Remembers that it was.
    pub(crate) fn cuts_request_at(&self, seen: u64) -> bool {
        let mut state = self.lock();
        state.request_has_body = true;
        let cut = matches!(state.stream_fault, Some(FaultAction::Reset(after)) if seen > after);
        state.request_cut |= cut;
        cut
    }

    /// Whether the line is to fall silent now that `seen` bytes of the request's body have come.
    pub(crate) fn stalls_request_at(&self, seen: u64) -> bool {
        let mut state = self.lock();
        state.request_has_body = true;
        matches!(state.stream_fault, Some(FaultAction::Stall(after)) if seen > after)
    }

    /// Whether the line was cut while the request came in: there is no answer then.
    pub(crate) fn request_was_cut(&self) -> bool {
        self.lock().request_cut
    }

    /// The fault to work on the answer, if there is one.
    pub(crate) fn answer_fault(&self) -> Option<FaultAction> {
        let state = self.lock();
        match &state.stream_fault {
            // It was for the request's body, which came and was shorter.
            Some(FaultAction::Reset(_) | FaultAction::Stall(_)) if state.request_has_body => None,
            fault => fault.clone(),
        }
    }

    pub(crate) fn entry(
        &self,
        time: Timestamp,
        service: &str,
        caller: String,
        path: &str,
        status: u16,
    ) -> RequestEntry {
        let state = self.lock();
        RequestEntry {
            time,
            service: service.to_owned(),
            operation: state.operation.clone(),
            caller,
            resource: if state.resource.is_empty() { path.to_owned() } else { state.resource.clone() },
            part_number: state.part_number,
            status,
            error: state.error.clone(),
            decision: state.decisions.join("; "),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, TraceState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_newest() {
        let log = RequestLog::new(2);
        for status in [200, 403, 404] {
            let entry =
                RequestTrace::default().entry(Timestamp::EPOCH, "s3", "anonymous".into(), "/b/k", status);
            log.push(entry);
        }
        let kept: Vec<u16> = log.entries().iter().map(|entry| entry.status).collect();
        assert_eq!(kept, [403, 404]);
    }
}
