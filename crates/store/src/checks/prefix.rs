//! V9: the session goes no further than the prefix.

use firmhold_core::{ObjectKey, Problem};
use uuid::Uuid;

use super::finding::{Finding, is_answer, is_refusal};
use super::written::Written;
use crate::{Bucket, PutObject};

/// V9. `works_inside`: whether anything at all works below the prefix; a bucket that refuses everything proves nothing.
pub(super) async fn check(bucket: &dyn Bucket, run: Uuid, written: &Written, works_inside: bool) -> Finding {
    if !works_inside {
        return Finding::skipped(
            "nothing works below the prefix, so what is refused outside of it proves nothing",
        );
    }
    // No prefix can begin with a dot (API contract 12.2), so this lies outside of every one.
    let key = ObjectKey::from_stored(format!(".firmhold-outside-{run}"));
    let write = bucket.put(PutObject { if_none_match: true, ..PutObject::new(key.clone(), "outside") }).await;
    let mut left = None;
    if let Ok(stored) = &write {
        written.object(&key, stored.version_id.as_deref());
        left = bucket.delete(&key, stored.version_id.as_deref()).await.err();
    }
    let answers = [
        ("read", bucket.get(&key, None, None).await.map(drop)),
        ("write", write.map(drop)),
        ("list", bucket.list("", None, 1).await.map(drop)),
        ("delete", bucket.delete(&key, None).await),
    ];
    judge(&answers, &key, left.is_some())
}

fn judge(answers: &[(&str, Result<(), Problem>)], key: &ObjectKey, left: bool) -> Finding {
    // An answer like "no such key" tells what only a reader may know.
    let got_in = |answer: &Result<(), Problem>| {
        answer
            .as_ref()
            .map_or_else(|problem| problem.code() == firmhold_core::Code::ContentMissing, |()| true)
    };
    let open: Vec<&str> =
        answers.iter().filter(|(_, answer)| got_in(answer)).map(|(name, _)| *name).collect();
    if !open.is_empty() {
        let mut reason = format!("a session narrowed to the prefix may {} outside of it", open.join(", "));
        if left {
            reason.push_str(&format!("; {key} could not be removed again"));
        }
        return Finding::fail(reason)
            .fix("The store does not enforce session policies, or the bucket policy names the session itself. Remove grants to the role from the bucket policy.");
    }
    let unclear = answers.iter().find_map(|(name, answer)| {
        answer.as_ref().err().filter(|problem| !is_refusal(problem)).map(|problem| (name, problem))
    });
    if let Some((name, problem)) = unclear {
        let heard = if is_answer(problem) { "no clear answer" } else { "no answer" };
        return Finding::skipped(format!("{heard} to {name}: {}", problem.detail())).aws(problem);
    }
    Finding::pass("a session narrowed to the prefix can neither read, write, list nor delete outside of it")
}
