//! The default bus: what a trail took goes to the rules that it fits, and from there to their targets
//! (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-event-cloudtrail.html>).

use firmhold_core::Timestamp;
use serde_json::{Value, json};

use super::Events;
use super::pattern::Pattern;
use super::rule::{Rule, State};
use crate::cloudtrail::Recorded;
use crate::ids;
use crate::records::Home;
use crate::sns::{FromService, Publication};
use crate::storage::StorageError;

impl Events {
    /// Offers what a trail took to the rules of its account and region.
    pub(crate) fn offer(&self, recorded: &Recorded) -> Result<(), StorageError> {
        let home = Home { account: &recorded.account, region: &recorded.region };
        let rules: Vec<Rule> = self.records.all(home)?;
        if rules.is_empty() {
            return Ok(());
        }
        let event = envelope(recorded);
        // By their names only: an AssumeRole, which changes nothing either, is told.
        let read = ["Get", "List", "Describe"].iter().any(|prefix| recorded.name.starts_with(prefix));
        let quiet = read && recorded.management;
        let open = |rule: &&Rule| match rule.state {
            State::Enabled => !quiet,
            State::EnabledWithReads => true,
            State::Disabled => false,
        };
        for rule in rules.iter().filter(open) {
            // INVARIANT: a rule is only kept with a pattern that can be read.
            if Pattern::parse(&rule.pattern).is_ok_and(|pattern| pattern.fits(&event)) {
                self.send(rule, &event);
            }
        }
        Ok(())
    }

    fn send(&self, rule: &Rule, event: &Value) {
        let source = rule.arn();
        for target in &rule.targets {
            let from = FromService {
                name: "events.amazonaws.com",
                source: &source,
                account: &rule.account,
                as_owner: false,
            };
            let message = target.message(event);
            let publication = Publication { subject: None, message: &message };
            // As on AWS nobody is told but whoever reads the log: the target did not let the rule in.
            if let Err(error) = self.sns.publish_for(&from, &target.arn, &publication) {
                tracing::warn!(
                    rule = source,
                    target = target.arn,
                    reason = error.message,
                    "a rule's target refused"
                );
            }
        }
    }
}

fn envelope(recorded: &Recorded) -> Value {
    let service = recorded.source.split('.').next().unwrap_or_default();
    json!({
        "version": "0",
        "id": ids::request_id(),
        "detail-type": "AWS API Call via CloudTrail",
        "source": format!("aws.{service}"),
        "account": recorded.account,
        "time": Timestamp::from_secs(recorded.time.as_secs()).to_string(),
        "region": recorded.region,
        "resources": [],
        "detail": recorded.record,
    })
}
