//! The catalogue that the role's policies are generated and proved from, against what a journey through the sandbox
//! sent. `crates/cli/tests/it/role_requests.rs` makes that list, from the requests that it saw.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use firmhold_iam::BackendShape;

use crate::catalogue::{Ask, full, ours};

/// `ACTION PLACE`, one in a line.
const SENT: &str = include_str!("../fixtures/sent.txt");

/// What is granted, and the journey does not send.
const NOT_SENT: [(&str, &str, &str); 15] = [
    ("s3:DeleteObject", "firmware", LATER),
    ("s3:DeleteObjectVersion", "firmware", LATER),
    ("s3:GetBucketObjectLockConfiguration", "bucket", READS),
    ("s3:GetBucketOwnershipControls", "bucket", READS),
    ("s3:GetBucketPublicAccessBlock", "bucket", READS),
    ("s3:GetBucketVersioning", "bucket", READS),
    ("s3:GetEncryptionConfiguration", "bucket", READS),
    ("s3:GetLifecycleConfiguration", "bucket", READS),
    ("s3:GetReplicationConfiguration", "bucket", READS),
    ("kms:Decrypt", "key", KEYS),
    ("kms:GenerateDataKey", "key", KEYS),
    ("s3:GetBucketLocation", "replica", REPLICAS),
    ("s3:GetObject", "replica", REPLICAS),
    ("s3:GetObjectVersion", "replica", REPLICAS),
    ("s3:ListBucket", "replica", REPLICAS),
];
const LATER: &str = "only where the owner allows deletion; nothing deletes firmware yet";
const READS: &str =
    "granted by default for the checks V10 and V11, which nothing sends yet; an owner may leave it out";
const KEYS: &str =
    "S3 asks for it in the role's name; that it does is held by the sandbox's own tests of SSE-KMS";
const REPLICAS: &str = "the journey's backend has no replica; that one is verified and read is held by the tests of the checks (crates/store)";

/// Where the object of a request lies. What is not a deletion may be done to firmware and probes alike.
fn place(ask: &Ask) -> &'static str {
    let Some((_, name)) = ask.resource.split_once(":s3:::") else { return "key" };
    let deletes = ask.action.contains("Delete");
    match name.split_once('/') {
        _ if name.starts_with("acme-fw-copy") => "replica",
        // A listing is of the bucket, whatever it is limited to.
        None => "bucket",
        Some((_, key)) if key.starts_with("firmhold/.probe/") && deletes => "probe",
        Some((_, key)) if key.starts_with("firmhold/") && deletes => "firmware",
        Some((_, key)) if key.starts_with("firmhold/") => "object",
        Some(_) => "import",
    }
}

/// The section of `docs/iam-minimality.md`.
pub fn page() -> String {
    let mut page = String::from(
        "\n## Granted, and sent\n\nThe requests above are not a list of wishes: a test (`crates/cli/tests/it/role_requests.rs`) verifies a backend, pushes, breaks off, goes on, pulls, imports and cleans up, and what the role was asked for by then is `crates/iam/tests/fixtures/sent.txt`. What is granted beyond that:\n\n| action | on | why |\n| --- | --- | --- |\n",
    );
    for (action, place, why) in NOT_SENT {
        let _ = writeln!(page, "| {action} | {place} | {why} |");
    }
    page
}

#[test]
fn what_is_granted_is_sent_or_said_not_to_be() {
    let shape = BackendShape { allow_delete: true, ..full("aws", "us-west-2") };
    let granted: BTreeSet<String> =
        ours(&shape).iter().map(|ask| format!("{} {}", ask.action, place(ask))).collect();
    let sent: BTreeSet<String> = SENT.lines().map(str::to_owned).collect();
    let not_sent: BTreeSet<String> =
        NOT_SENT.iter().map(|(action, place, _)| format!("{action} {place}")).collect();
    let unknown: Vec<_> = sent.difference(&granted).collect();
    assert!(unknown.is_empty(), "sent, and not in the catalogue: {unknown:#?}");
    let silent: BTreeSet<String> = granted.difference(&sent).cloned().collect();
    assert_eq!(silent, not_sent, "granted, and not sent");
}
