//! V7 of a replica: Firmhold only reads it.

use super::finding::{Finding, is_refusal};
use super::fix;
use super::objects::Probe;
use crate::{Bucket, ByteRange, Target};

/// At most this much of an object is read.
const MOST: u64 = 1024;

/// What V7 found in a replica.
pub(super) struct Readable {
    pub finding: Finding,
    /// Whether the bucket answered at all.
    pub worked: Option<&'static str>,
    /// The beginning of an object, for V8.
    pub probe: Option<Probe>,
}

/// V7 without writes: lists, and reads the beginning of what the owner's replication has brought.
pub(super) async fn check(
    bucket: &dyn Bucket,
    primary: &Target,
    replica: &Target,
    number: usize,
) -> Readable {
    let below = format!("{}binaries/", replica.prefix);
    let refused = |problem: &firmhold_core::Problem, what: &str| {
        let finding = Finding::fail(format!("{what}: {}", problem.detail())).aws(problem);
        if is_refusal(problem) {
            finding.fix(fix::replica_permissions(primary, replica, number))
        } else {
            finding
        }
    };
    let listing = match bucket.list(&below, None, 1).await {
        Ok(listing) => listing,
        Err(problem) => return Readable { finding: refused(&problem, "list"), worked: None, probe: None },
    };
    let worked = Some("a list");
    let Some(object) = listing.objects.into_iter().find(|object| object.size > 0) else {
        let finding = Finding::pass("list works; there is nothing in the replica yet that could be read");
        return Readable { finding, worked, probe: None };
    };
    let range = ByteRange::new(0, MOST.min(object.size) - 1);
    let read = async {
        let info = bucket.head(&object.key, None).await?;
        let body =
            bucket.get(&object.key, info.version_id.as_deref(), Some(range)).await?.collect(MOST).await?;
        Ok::<_, firmhold_core::Problem>((info, body))
    };
    match read.await {
        Ok((info, body)) => {
            let whole = info.size <= MOST;
            let probe =
                whole.then(|| Probe { key: object.key, version: info.version_id, body: body.to_vec() });
            Readable {
                finding: Finding::pass("list, head and get work (nothing is written to a replica)"),
                worked,
                probe,
            }
        }
        Err(problem) => Readable { finding: refused(&problem, "get"), worked, probe: None },
    }
}
