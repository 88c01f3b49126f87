//! What a page tells its reader to do, in order.

use super::page::{Block, Page, Part, words};
use crate::lint::DocumentKind;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The line of the page that says so.
    pub line: usize,
    /// What.
    pub action: Action,
}

/// What a step does. Names are as the page has them, placeholders included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create a bucket of this name.
    CreateBucket(String),
    /// Turn versioning on.
    EnableVersioning,
    /// Create the role, trusted by its own account.
    CreateRole,
    /// Attach a permission policy to the role in the place of the one before, and use it: upload, in parts too,
    /// read and list.
    AttachPolicy(String),
    /// Put a bucket policy.
    PutBucketPolicy(String),
    /// Put a trust policy, and assume the role as the platform.
    PutTrust(String),
    /// Put a lifecycle configuration.
    PutLifecycle(String),
    /// Put a replication configuration.
    PutReplication(String),
    /// Put an alarm.
    PutAlarm(String),
    /// A command, in its words.
    Run(Vec<String>),
}

/// The steps of a page.
pub fn steps(page: &Page) -> Vec<Step> {
    let mut steps: Vec<Step> = prose_steps(page.prose());
    steps.extend(page.blocks().iter().filter_map(block_step));
    steps.sort_by_key(|step| step.line);
    // A page that names its bucket twice has one.
    let mut created = false;
    let mut versioned = false;
    steps.retain(|step| match step.action {
        Action::CreateBucket(_) => !std::mem::replace(&mut created, true),
        Action::EnableVersioning => !std::mem::replace(&mut versioned, true),
        _ => true,
    });
    steps
}

fn block_step(block: &Block) -> Option<Step> {
    let action = match &block.part {
        Part::Command(text) => Action::Run(words(text)),
        Part::Json(text) => match DocumentKind::detect(text)? {
            DocumentKind::Identity => Action::AttachPolicy(text.clone()),
            DocumentKind::Bucket => Action::PutBucketPolicy(text.clone()),
            DocumentKind::Trust => Action::PutTrust(text.clone()),
            DocumentKind::Lifecycle => Action::PutLifecycle(text.clone()),
            DocumentKind::Replication => Action::PutReplication(text.clone()),
            DocumentKind::Alarm => Action::PutAlarm(text.clone()),
            _ => return None,
        },
    };
    Some(Step { line: block.line, action })
}

/// What is told in words: the bucket's name, versioning, and the role that trusts its own account.
fn prose_steps(prose: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut trust_near = 0;
    for (index, line) in prose.lines().enumerate() {
        let line_number = index + 1;
        let lower = line.to_ascii_lowercase();
        let mut step = |action| steps.push(Step { line: line_number, action });
        if let Some((before, value)) = line.split_once(':') {
            let name = value.trim().trim_matches(['`', '*']);
            let is_name = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if before.to_ascii_lowercase().trim_end().ends_with("bucket name") && is_name {
                step(Action::CreateBucket(name.to_owned()));
            }
        }
        if lower.contains("versioning") && (lower.contains("enable") || lower.contains(" on")) {
            step(Action::EnableVersioning);
        }
        trust_near = if lower.contains("trust") { 4 } else { trust_near - 1 };
        let own_account =
            ["this account", "own account", "current account"].iter().any(|words| lower.contains(words));
        if own_account && trust_near > 0 {
            step(Action::CreateRole);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_as_steps() {
        let page = Page::read(
            "Bucket name: acme-fw\nVersioning: Enable\nTrusted entity:\n\"This account\"\n\
             {\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"}}\n\
             Bucket name: acme-fw\naws s3 ls\n",
        );
        let steps: Vec<_> = steps(&page).into_iter().map(|step| (step.line, step.action)).collect();
        assert_eq!(steps.len(), 5, "{steps:?}");
        let at = |index: usize| steps.get(index).cloned().expect("a step");
        assert_eq!(at(0), (1, Action::CreateBucket("acme-fw".to_owned())));
        assert_eq!(at(1), (2, Action::EnableVersioning));
        assert_eq!(at(2), (4, Action::CreateRole));
        assert!(matches!(at(3), (5, Action::AttachPolicy(_))));
        assert_eq!(at(4), (7, Action::Run(vec!["aws".into(), "s3".into(), "ls".into()])));
    }
}
