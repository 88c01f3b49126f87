//! Kill points (design D10): places with names at which a test ends the process, as `kill -9` would.
//!
//! `FIRMHOLD_FAILPOINT=NAME` ends it when it comes to that place, `NAME:3` when it does so for the third time. Only
//! builds with debug assertions look; docs/failpoints.md says why, and what each point is about.

/// One kill point: [`Point::reach`] stands where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point(&'static str);

impl Point {
    /// As `FIRMHOLD_FAILPOINT` names it: `PLACE.WHAT_HAS_JUST_HAPPENED`.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Ends the process if this point is armed and its turn has come: no destructor runs, nothing is flushed.
    #[inline]
    pub fn reach(self) {
        #[cfg(debug_assertions)]
        armed::reach(self);
    }
}

macro_rules! points {
    ($($(#[$doc:meta])+ $constant:ident = $name:literal;)+) => {
        $($(#[$doc])+ pub const $constant: Point = Point($name);)+

        /// Every point there is, in the order of docs/failpoints.md.
        pub const ALL: &[Point] = &[$($constant),+];
    };
}

points! {
    /// `push`: a first stretch of the file was read for its digest.
    PUSH_HASHING = "push.hashing";
    /// `push`: the digests are known, the server knows of nothing.
    PUSH_HASHED = "push.hashed";
    /// `push`: artifact, version and binary exist.
    PUSH_CREATED = "push.created";
    /// `push`: the server has signed a part's URL.
    PUSH_PART_DECLARED = "push.part_declared";
    /// `push`: some bytes of a part are on their way.
    PUSH_PART_SENDING = "push.part_sending";
    /// `push`: the bucket has acknowledged a part.
    PUSH_PART_SENT = "push.part_sent";
    /// `push`: all parts are in the bucket.
    PUSH_BEFORE_COMPLETE = "push.before_complete";
    /// `push`: the upload is complete, nobody has looked at the bytes.
    PUSH_COMPLETED = "push.completed";
    /// `push`: the hash job has been asked for.
    PUSH_PROVING = "push.proving";
    /// `push`: the content is proved, its signature not made.
    PUSH_BEFORE_SIGN = "push.before_sign";
    /// `push`: the server has the signature, nobody was told.
    PUSH_SIGNED = "push.signed";
    /// `pull`: the file in the making exists.
    PULL_DRAFT_OPENED = "pull.draft_opened";
    /// `pull`: some bytes were written to it.
    PULL_CHUNK_WRITTEN = "pull.chunk_written";
    /// `pull`: all bytes are there and right.
    PULL_VERIFIED = "pull.verified";
    /// `pull`: they are on the disk, under the name of the file in the making.
    PULL_BEFORE_RENAME = "pull.before_rename";
    /// `pull`: the file has its name, the folder is not synced.
    PULL_RENAMED = "pull.renamed";
    /// Server: an attempt has its row and its key, its upload is not open.
    UPLOAD_ATTEMPT_NOTED = "upload.attempt_noted";
    /// Server: the store has opened the upload, its id is not noted.
    UPLOAD_OPENED_NOT_NOTED = "upload.opened_not_noted";
    /// Server: a part's URL is signed, the part not declared.
    PART_SIGNED = "part.signed";
    /// Server: the part is declared, its URL not handed out.
    PART_DECLARED = "part.declared";
    /// Server: the store has joined the parts, which is not noted.
    COMPLETE_JOINED_NOT_NOTED = "complete.joined_not_noted";
    /// Server: the content counts as stored, its binary still as `uploadable`.
    COMPLETE_NOTED = "complete.noted";
    /// Server: a change of a binary is committed, the answer not sent.
    STATE_COMMITTED = "state.committed";
    /// Server: a signature is committed, the answer not sent.
    SIGNATURE_COMMITTED = "signature.committed";
    /// Server: a job is leased, and not begun.
    JOB_LEASED = "job.leased";
    /// Server: a job is done, its row still there.
    JOB_DONE_NOT_REMOVED = "job.done_not_removed";
    /// Server: the hash job has read the object, its verdict is not noted.
    HASH_READ_NOT_NOTED = "hash.read_not_noted";
    /// Server: a manifest has its revision, and is not written.
    MANIFEST_REVISION_TAKEN = "manifest.revision_taken";
    /// Server: a manifest is in the bucket, which is not noted.
    MANIFEST_PUT_NOT_NOTED = "manifest.put_not_noted";
    /// Server: the upload of dropped content is aborted, its object not deleted.
    DROP_ABORTED = "drop.aborted";
    /// Server: dropped content is deleted, which is not noted.
    DROP_DELETED_NOT_NOTED = "drop.deleted_not_noted";
    /// Server: an abandoned upload is taken from its binary, and not aborted.
    REAP_FORGOTTEN = "reap.forgotten";
    /// Server: a page of an import's keys was listed, its entries are not noted.
    IMPORT_LISTED_NOT_NOTED = "import.listed_not_noted";
    /// Server: a page of an import's entries is noted.
    IMPORT_LISTED = "import.listed";
    /// Server: it is noted which bytes an import's entry means.
    IMPORT_LOOKED = "import.looked";
    /// Server: an import has read a source for its hash, which is not noted.
    IMPORT_READ_NOT_NOTED = "import.read_not_noted";
    /// Server: the attempt that an import copies into is noted, nothing is copied.
    IMPORT_ATTEMPT_NOTED = "import.attempt_noted";
    /// Server: the store has copied one part of an import's object.
    IMPORT_PART_COPIED = "import.part_copied";
    /// Server: the store has copied an import's object, which is not noted.
    IMPORT_COPIED_NOT_NOTED = "import.copied_not_noted";
    /// Server: an import's copy is noted, and the hash job has its binary.
    IMPORT_HANDED_OVER = "import.handed_over";
    /// Server: a POST with an `Idempotency-Key` was let through, and not carried out.
    IDEMPOTENCY_CLAIMED = "idempotency.claimed";
    /// Server: a POST with an `Idempotency-Key` was carried out, its answer not kept.
    IDEMPOTENCY_ANSWER_NOT_KEPT = "idempotency.answer_not_kept";
    /// `account`: a step is in the journal, and not carried out.
    APPLY_STEP_BEGUN = "apply.step_begun";
    /// `account`: a step was carried out and read back, which the journal does not say.
    APPLY_STEP_NOT_NOTED = "apply.step_not_noted";
    /// `account`: a step was carried out, and the journal says so.
    APPLY_STEP_NOTED = "apply.step_noted";
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{ALL, Point};

    const VARIABLE: &str = "FIRMHOLD_FAILPOINT";

    static ARMED: LazyLock<Option<Armed>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty())?;
        let armed = read(&text);
        if armed.is_none() {
            tracing::error!(text, "{VARIABLE} names no kill point");
        }
        armed
    });

    #[derive(Debug)]
    pub(super) struct Armed {
        pub point: Point,
        /// Times that it is still to be passed, and once more.
        pub left: AtomicU64,
    }

    pub(super) fn read(text: &str) -> Option<Armed> {
        let (name, turn) = match text.split_once(':') {
            Some((name, turn)) => (name, turn.parse().ok().filter(|turn| *turn > 0)?),
            None => (text, 1),
        };
        let point = ALL.iter().copied().find(|point| point.name() == name)?;
        Some(Armed { point, left: AtomicU64::new(turn) })
    }

    pub(super) fn reach(point: Point) {
        let Some(armed) = ARMED.as_ref().filter(|armed| armed.point == point) else { return };
        if armed.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(point = point.name(), "killed at a kill point");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a table whose first cell is the name of a point.
    fn documented() -> Vec<&'static str> {
        let page = include_str!("../../../docs/failpoints.md");
        let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        cells.map(|(name, _)| name).filter(|name| name.contains('.')).collect()
    }

    #[test]
    fn the_page_names_every_point_and_no_other() {
        let points: Vec<&str> = ALL.iter().map(|point| point.name()).collect();
        assert_eq!(documented(), points);
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = ALL.iter().map(|point| point.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_point_is_armed_by_name_and_turn() {
        use std::sync::atomic::Ordering;
        let read = |text| armed::read(text).map(|armed| (armed.point, armed.left.load(Ordering::SeqCst)));
        assert_eq!(read("part.signed"), Some((PART_SIGNED, 1)));
        assert_eq!(read("part.signed:3"), Some((PART_SIGNED, 3)));
        for wrong in ["", "part", "part.signed:0", "part.signed:x", "part.signed:"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
