//! A run of all checks.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use firmhold_core::backend::Capabilities;
use firmhold_core::{CheckId, ObjectKey, Problem};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::download::{self, Clocks};
use super::finding::{Finding, is_answer};
use super::objects::{self, Objects, Probe};
use super::open_role::{Intrusion, OpenRole};
use super::owner::{self, OtherProof};
use super::trust::{self, Accepted};
use super::written::Written;
use super::{OwnerFinding, Report, cleanup, identity, lifetime, prefix, region, replica};
use crate::{Access, Bucket, Identity, RoleAccess, RoleSession, SessionScope, Stores, Target};

/// What needs a session of the backend's role.
const BEYOND_TRUST: [CheckId; 7] =
    [CheckId::V5, CheckId::V6, CheckId::V7, CheckId::V8, CheckId::V9, CheckId::V12, CheckId::V13];
/// The same of a replica.
const OF_REPLICA: [CheckId; 4] = [CheckId::V5, CheckId::V6, CheckId::V7, CheckId::V8];

/// What does not apply to a key pair.
const OF_ROLES: [CheckId; 6] = [CheckId::V1, CheckId::V2, CheckId::V3, CheckId::V4, CheckId::V5, CheckId::V9];
const NO_ROLE: &str = "does not apply: the way in is a key pair (credentials_ref), not a role";
/// What a key pair is tried with.
const BY_KEYS: [CheckId; 5] = [CheckId::V6, CheckId::V7, CheckId::V8, CheckId::V12, CheckId::V13];
/// How long a store has to answer at the bucket's own host. Most have no such name at all.
const STYLE: Duration = Duration::from_secs(8);

/// What a run may take.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Seconds for the whole run; checks that are cut off are `skipped` (API contract 12.3: 120).
    pub seconds: u64,
    /// Seconds for which a refusal of the right external id is asked again, because IAM is eventually consistent
    /// (API contract 12.6, V2: 60).
    pub iam_retry_seconds: u64,
    /// Content that was proved in this bucket before, with its version: V5 asks for its head if nothing else proves the
    /// owner.
    pub proved_object: Option<(ObjectKey, Option<String>)>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { seconds: 120, iam_retry_seconds: 60, proved_object: None }
    }
}

/// Runs V1 to V13 for the target and V2 to V8 for each replica. Probes are written below `{prefix}.probe/{run}/` and
/// removed, whatever happens in between.
pub async fn verify(stores: &Stores, target: &Target, options: &VerifyOptions) -> Report {
    let started = Instant::now();
    let whole = Duration::from_secs(options.seconds);
    let mut run = Run {
        stores,
        options,
        // A tenth is kept for cleaning up.
        deadline: started + whole * 9 / 10,
        id: Uuid::new_v4(),
        written: Written::default(),
        report: Report::default(),
    };
    // What was found before is not taken for granted: the store may have been changed.
    let target = target.clone().with_capabilities(Capabilities::default());
    let target = match target.access.clone() {
        Access::Role(role) => {
            run.primary(&target, &role).await;
            target
        }
        Access::Keys(_) => run.primary_by_keys(target).await,
    };
    for number in 1..=target.replicas.len() {
        if let Some(replica) = target.replica(number - 1) {
            run.replica(&target, &replica, number).await;
        }
    }
    run.deadline = started + whole;
    run.clean_up(&target).await;
    run.report.checks.sort_by(|a, b| {
        (a.subject.as_deref(), a.id.as_str().len(), a.id.as_str()).cmp(&(
            b.subject.as_deref(),
            b.id.as_str().len(),
            b.id.as_str(),
        ))
    });
    run.report
}

struct Run<'a> {
    stores: &'a Stores,
    options: &'a VerifyOptions,
    deadline: Instant,
    id: Uuid,
    written: Written,
    report: Report,
}

/// Who may come in, as V1 to V4 leave it to the rest.
struct Door {
    accepted: bool,
    session: Option<RoleSession>,
}

impl Run<'_> {
    async fn primary(&mut self, target: &Target, role: &RoleAccess) {
        let started = Instant::now();
        let identity = self.in_time(self.stores.identity()).await;
        let finding = match &identity {
            Some(identity) => identity::check(self.stores, target, identity),
            None => self.cut_off(),
        };
        self.push(CheckId::V1, None, finding, started);
        let identity = identity.unwrap_or_else(|| Err(Problem::internal("cut off")));
        let door = self.trust(target, role, None, &identity).await;
        self.later();
        if !door.accepted {
            return self.skip(None, &BEYOND_TRUST, CheckId::V2);
        }
        let bucket = match self.in_time(self.stores.bucket(target, SessionScope::Admin)).await {
            Some(Ok(bucket)) => bucket,
            Some(Err(problem)) => {
                let finding = Finding::skipped(format!("no session for the bucket: {}", problem.detail()));
                return self.skip_with(None, &BEYOND_TRUST, &finding.aws(&problem));
            }
            None => return self.skip_with(None, &BEYOND_TRUST, &self.cut_off()),
        };
        let elsewhere = self.region(bucket.as_ref(), target, None).await;
        let objects = self.objects(bucket.as_ref(), target).await;
        let owned = self
            .owner(bucket.as_ref(), target, role, None, elsewhere, door.session.as_ref(), objects.worked)
            .await;
        let clocks = self.download(target, None, objects.finding.passed(), objects.probe.as_ref()).await;
        if objects.finding.passed() {
            self.report.capabilities.trailing_checksums = self.trailing_checksums(target).await;
            // At AWS the bucket is in the host's name; at what stands in for it, nobody has asked.
            let asked = self.stores.config().endpoint_url.is_none() && self.report.has_passed(&[CheckId::V8]);
            self.report.capabilities.virtual_hosts = asked.then_some(true);
        }
        self.prefix(bucket.as_ref(), owned || objects.worked.is_some()).await;
        self.lifetime(door.session.as_ref(), identity.as_ref().ok(), clocks);
    }

    /// The checks of a bucket at an S3-compatible store: what is about roles does not apply (API contract 12.6). The
    /// target that comes back is taken to be able to do what was found.
    async fn primary_by_keys(&mut self, target: Target) -> Target {
        self.skip_with(None, &OF_ROLES, &Finding::skipped(NO_ROLE));
        self.later();
        let (mut target, mut found) = self.address_style(target).await;
        let Some(mut bucket) = self.open_by_keys(&target, None, &BY_KEYS).await else { return target };
        let started = Instant::now();
        let ran = self.in_time(region::check_signed_for(bucket.as_ref(), &target)).await;
        let finding = ran.unwrap_or_else(|| self.cut_off());
        self.push(CheckId::V6, None, finding, started);
        let started = Instant::now();
        let mut objects = self.try_objects(bucket.as_ref(), &target).await;
        if objects.worked.is_none() && self.report.has_passed(&[CheckId::V6]) {
            // The store answers, and takes nothing: there are some that refuse any header they do not know.
            let plain = Capabilities { checksum_headers: Some(false), ..target.capabilities() };
            let without = target.clone().with_capabilities(plain);
            if let Ok(again) = self.stores.bucket(&without, SessionScope::Admin).await {
                let tried = self.try_objects(again.as_ref(), &without).await;
                if tried.worked.is_some() {
                    (target, bucket, objects) = (without, again, tried);
                }
            }
        }
        drop(bucket);
        let passed = objects.finding.passed();
        self.report.upload_mode = objects.upload_mode;
        self.push(CheckId::V7, None, objects.finding.clone(), started);
        if !passed {
            found.virtual_hosts = found.virtual_hosts.filter(|works| *works);
        }
        found = found.updated_by(objects.capabilities);
        target = target.with_capabilities(found);
        let clocks = self.download(&target, None, passed, objects.probe.as_ref()).await;
        if passed {
            found.trailing_checksums = self.trailing_checksums(&target).await;
        }
        let started = Instant::now();
        let (finding, ceiling) = lifetime::check_keys(clocks);
        self.report.presign_ceiling_seconds = ceiling;
        self.report.capabilities = found;
        self.push(CheckId::V12, None, finding, started);
        target.with_capabilities(found)
    }

    /// Whether the store answers with the bucket in the host's name. If it does, and the backend does not forbid it, all
    /// that follows is asked so.
    async fn address_style(&self, target: Target) -> (Target, Capabilities) {
        let by_name = Capabilities { virtual_hosts: Some(true), ..Capabilities::default() };
        let by_path = Capabilities { virtual_hosts: Some(false), ..Capabilities::default() };
        let Some(access) = target.access.keys() else { return (target, by_path) };
        let mut asked = access.clone();
        asked.path_style = false;
        let has_name = asked.endpoint.has_name();
        let candidate = Target { access: Access::Keys(asked), ..target.clone() }.with_capabilities(by_name);
        let answers = has_name
            && tokio::time::timeout(STYLE, async {
                let bucket = self.stores.bucket(&candidate, SessionScope::Admin).await.ok()?;
                bucket.list(target.prefix.as_str(), None, 1).await.ok()
            })
            .await
            .is_ok_and(|listed| listed.is_some());
        let found = if answers { by_name } else { by_path };
        (target.with_capabilities(found), found)
    }

    /// The bucket by its key pair; `None` with `needing` skipped if there is no way to it.
    async fn open_by_keys(
        &mut self,
        target: &Target,
        subject: Option<&str>,
        needing: &[CheckId],
    ) -> Option<Arc<dyn Bucket>> {
        match self.stores.bucket(target, SessionScope::Admin).await {
            Ok(bucket) => Some(bucket),
            Err(problem) => {
                self.skip_with(subject, needing, &Finding::skipped(problem.detail()));
                None
            }
        }
    }

    async fn try_objects(&self, bucket: &dyn Bucket, target: &Target) -> Objects {
        let ran = self.in_time(objects::check(bucket, target, self.id, &self.written)).await;
        ran.unwrap_or_else(|| Objects::nothing(self.cut_off()))
    }

    /// Whether the store takes `aws-chunked` and keeps the bytes, not their frame. Nothing of ours needs it.
    async fn trailing_checksums(&self, target: &Target) -> Option<bool> {
        let key = ObjectKey::probe(&target.prefix, self.id, "chunked");
        let body = b"in one chunk";
        self.written.begin();
        let asked = async {
            let put = self.stores.put_chunked(target, &key, body).await;
            let bucket = self.stores.bucket(target, SessionScope::Admin).await?;
            let head = bucket.head(&key, None).await;
            if let Ok(info) = &head {
                self.written.object(&key, info.version_id.as_deref());
            }
            Ok::<_, Problem>((put, head))
        };
        match self.in_time(asked).await? {
            Ok((Ok(()), Ok(info))) => Some(info.size == body.len() as u64),
            Ok((Err(problem), _)) if is_answer(&problem) => {
                self.written.refused();
                Some(false)
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// V2 to V4.
    async fn trust(
        &mut self,
        target: &Target,
        role: &RoleAccess,
        subject: Option<&str>,
        identity: &Result<Identity, Problem>,
    ) -> Door {
        let started = Instant::now();
        let patience = Duration::from_secs(self.options.iam_retry_seconds);
        let Some(accepted) = self.in_time(trust::accepts(self.stores, target, role, patience)).await else {
            self.skip_with(subject, &[CheckId::V2, CheckId::V3, CheckId::V4], &self.cut_off());
            return Door { accepted: false, session: None };
        };
        let Accepted { finding, working, session } = accepted;
        let accepted = finding.passed();
        self.push(CheckId::V2, subject, finding, started);
        if subject.is_none() {
            let id = |number: &usize| role.external_ids.get(*number).cloned();
            self.report.working_external_ids = working.iter().filter_map(id).collect();
        }
        self.intrusions(target, role, subject, &working, identity).await;
        Door { accepted, session }
    }

    /// V3 and V4, and V2 once more.
    async fn intrusions(
        &mut self,
        target: &Target,
        role: &RoleAccess,
        subject: Option<&str>,
        working: &[usize],
        identity: &Result<Identity, Problem>,
    ) {
        let stores = self.stores;
        let mut answers = Vec::new();
        for how in [Intrusion::WithoutExternalId, Intrusion::RandomExternalId] {
            let started = Instant::now();
            let answer = self.in_time(trust::intrude(stores, target, how)).await;
            answers.push((how, answer, started.elapsed()));
        }
        let control = self.in_time(trust::still_accepts(stores, target, working, identity)).await;
        let control = control.unwrap_or(Err("the run was cut off"));
        for (how, answer, took) in answers {
            let finding = match &answer {
                Some(answer) => trust::judge(stores, target, role, how, answer, control),
                None => self.cut_off(),
            };
            let check = finding.into_check(how.check(), subject, took);
            if matches!(answer, Some(trust::Answer::LetIn)) && self.report.open_role.is_none() {
                self.report.open_role = Some(OpenRole::new(stores, target, role, how, check.clone()));
            }
            self.report.checks.push(check);
        }
    }

    /// V6, and the region that the bucket really lies in if it is another.
    async fn region(
        &mut self,
        bucket: &dyn Bucket,
        target: &Target,
        subject: Option<&str>,
    ) -> Option<String> {
        let started = Instant::now();
        let (finding, elsewhere) =
            self.in_time(region::check(bucket, target)).await.unwrap_or_else(|| (self.cut_off(), None));
        self.push(CheckId::V6, subject, finding, started);
        elsewhere
    }

    /// V7.
    async fn objects(&mut self, bucket: &dyn Bucket, target: &Target) -> Objects {
        let started = Instant::now();
        let objects = self.try_objects(bucket, target).await;
        self.report.upload_mode = objects.upload_mode;
        self.report.capabilities = objects.capabilities;
        self.push(CheckId::V7, None, objects.finding.clone(), started);
        objects
    }

    /// V5, in the region where the bucket really lies: whose it is does not hang on where. Says if it is proved.
    #[expect(clippy::too_many_arguments, reason = "what the check needs is found by seven others")]
    async fn owner(
        &mut self,
        bucket: &dyn Bucket,
        target: &Target,
        role: &RoleAccess,
        subject: Option<&str>,
        elsewhere: Option<String>,
        session: Option<&RoleSession>,
        operation: Option<&'static str>,
    ) -> bool {
        let started = Instant::now();
        let moved = elsewhere.map(|region| Target { region, ..target.clone() });
        let object = self.options.proved_object.as_ref().filter(|_| subject.is_none());
        let other = OtherProof { operation, object };
        let asked = async {
            match (&moved, session) {
                (Some(moved), Some(session)) => {
                    let there = self.stores.open(moved, session);
                    owner::check(self.stores, moved, role, there.as_ref(), Some(session), other).await
                }
                _ => owner::check(self.stores, target, role, bucket, session, other).await,
            }
        };
        let (finding, owner) =
            self.in_time(asked).await.unwrap_or_else(|| (self.cut_off(), OwnerFinding::NotAsked));
        if subject.is_none() {
            self.report.owner = owner;
        }
        self.push(CheckId::V5, subject, finding, started);
        owner == OwnerFinding::Proved
    }

    /// V8.
    async fn download(
        &mut self,
        target: &Target,
        subject: Option<&str>,
        objects_passed: bool,
        probe: Option<&Probe>,
    ) -> Option<Clocks> {
        let started = Instant::now();
        let Some(probe) = probe.filter(|_| objects_passed) else {
            let nothing = "there is no small object in the replica yet that could be downloaded";
            let finding =
                if objects_passed { Finding::skipped(nothing) } else { Finding::needs(CheckId::V7) };
            self.push(CheckId::V8, subject, finding, started);
            return None;
        };
        let ran = self.in_time(download::check(self.stores, target, probe)).await;
        let (finding, clocks) = match ran {
            Some(download) => (download.finding, download.clocks),
            None => (self.cut_off(), None),
        };
        self.push(CheckId::V8, subject, finding, started);
        clocks
    }

    /// V9.
    async fn prefix(&mut self, bucket: &dyn Bucket, works_inside: bool) {
        let started = Instant::now();
        let ran = self.in_time(prefix::check(bucket, self.id, &self.written, works_inside)).await;
        let finding = ran.unwrap_or_else(|| self.cut_off());
        self.push(CheckId::V9, None, finding, started);
    }

    /// V12.
    fn lifetime(
        &mut self,
        session: Option<&RoleSession>,
        identity: Option<&Identity>,
        clocks: Option<Clocks>,
    ) {
        let started = Instant::now();
        let Some(session) = session else {
            return self.push(CheckId::V12, None, Finding::needs(CheckId::V2), started);
        };
        let (finding, ceiling) = lifetime::check(session, identity, clocks);
        self.report.presign_ceiling_seconds = ceiling;
        self.push(CheckId::V12, None, finding, started);
    }

    /// V10 and V11 are not here yet.
    fn later(&mut self) {
        let finding = Finding::skipped("comes with the account checks (`firmhold account verify`)");
        self.skip_with(None, &[CheckId::V10, CheckId::V11], &finding);
    }

    /// V2 to V8 of a replica, without writes.
    async fn replica(&mut self, primary: &Target, replica: &Target, number: usize) {
        let subject = format!("replica:{number}");
        let subject = Some(subject.as_str());
        let role = match &replica.access {
            Access::Role(role) => role,
            Access::Keys(_) => return self.replica_by_keys(primary, replica, number, subject).await,
        };
        let door = if primary.access.role().is_some_and(|own| own.role_arn == role.role_arn) {
            self.same_role(subject).await
        } else {
            let identity = self.stores.identity().await;
            self.trust(replica, role, subject, &identity).await
        };
        if !door.accepted {
            return self.skip(subject, &OF_REPLICA, CheckId::V2);
        }
        let bucket = match self.in_time(self.stores.bucket(replica, SessionScope::Read)).await {
            Some(Ok(bucket)) => bucket,
            Some(Err(problem)) => {
                let finding = Finding::skipped(format!("no session for the bucket: {}", problem.detail()));
                return self.skip_with(subject, &OF_REPLICA, &finding.aws(&problem));
            }
            None => return self.skip_with(subject, &OF_REPLICA, &self.cut_off()),
        };
        let elsewhere = self.region(bucket.as_ref(), replica, subject).await;
        let readable = self.readable(bucket.as_ref(), primary, replica, number, subject).await;
        let session = match &door.session {
            Some(_) => door.session,
            None => self.stores.assume(replica, crate::ExternalId::Right(0)).await.ok(),
        };
        self.owner(bucket.as_ref(), replica, role, subject, elsewhere, session.as_ref(), readable.worked)
            .await;
        self.download(replica, subject, readable.finding.passed(), readable.probe.as_ref()).await;
    }

    /// V7 of a replica.
    async fn readable(
        &mut self,
        bucket: &dyn Bucket,
        primary: &Target,
        replica: &Target,
        number: usize,
        subject: Option<&str>,
    ) -> replica::Readable {
        let started = Instant::now();
        let ran = self.in_time(replica::check(bucket, primary, replica, number)).await;
        let readable =
            ran.unwrap_or_else(|| replica::Readable { finding: self.cut_off(), worked: None, probe: None });
        self.push(CheckId::V7, subject, readable.finding.clone(), started);
        readable
    }

    /// The same at an S3-compatible store, with the primary's key pair.
    async fn replica_by_keys(
        &mut self,
        primary: &Target,
        replica: &Target,
        number: usize,
        subject: Option<&str>,
    ) {
        self.skip_with(subject, &OF_ROLES[1..5], &Finding::skipped(NO_ROLE));
        let Some(bucket) = self.open_by_keys(replica, subject, &OF_REPLICA[1..]).await else { return };
        let started = Instant::now();
        let ran = self.in_time(region::check_signed_for(bucket.as_ref(), replica)).await;
        let finding = ran.unwrap_or_else(|| self.cut_off());
        self.push(CheckId::V6, subject, finding, started);
        let readable = self.readable(bucket.as_ref(), primary, replica, number, subject).await;
        self.download(replica, subject, readable.finding.passed(), readable.probe.as_ref()).await;
    }

    /// V2 to V4 of a replica that uses the backend's own role: as they were found for that.
    async fn same_role(&mut self, subject: Option<&str>) -> Door {
        let ids = [CheckId::V2, CheckId::V3, CheckId::V4];
        let of_primary = |check: &&firmhold_core::Check| check.subject.is_none() && ids.contains(&check.id);
        let copies: Vec<_> = self.report.checks.iter().filter(of_primary).cloned().collect();
        for mut check in copies {
            check.subject = subject.map(str::to_owned);
            check.duration_ms = 0;
            check.reason = format!("the backend's own role: {}", check.reason);
            self.report.checks.push(check);
        }
        Door { accepted: self.report.has_passed(&[CheckId::V2]), session: None }
    }

    /// V13.
    async fn clean_up(&mut self, target: &Target) {
        if self.report.checks.iter().any(|check| check.id == CheckId::V13) {
            return;
        }
        let started = Instant::now();
        let written = self.written.state();
        if written.is_empty() {
            let nothing = Finding::skipped(
                "needs V7 (Object operations): nothing could be written, so nothing is left",
            );
            return self.push(CheckId::V13, None, nothing, started);
        }
        let swept = async {
            let bucket = self.stores.bucket(target, SessionScope::Admin).await?;
            let now = self.stores.clock().now();
            Ok::<_, Problem>(cleanup::check(bucket.as_ref(), target, self.id, &written, now).await)
        };
        let finding = match self.in_time(swept).await {
            Some(Ok(finding)) => finding,
            Some(Err(problem)) => {
                Finding::fail(format!("probes may be left: {}", problem.detail())).aws(&problem)
            }
            None => Finding::fail("probes may be left: there was no time to remove them"),
        };
        self.push(CheckId::V13, None, finding, started);
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.deadline, work).await.ok()
    }

    fn cut_off(&self) -> Finding {
        Finding::skipped(format!("cut off: the {} s of the run were over", self.options.seconds))
    }

    fn push(&mut self, id: CheckId, subject: Option<&str>, finding: Finding, started: Instant) {
        self.report.checks.push(finding.into_check(id, subject, started.elapsed()));
    }

    fn skip(&mut self, subject: Option<&str>, ids: &[CheckId], needs: CheckId) {
        self.skip_with(subject, ids, &Finding::needs(needs));
    }

    fn skip_with(&mut self, subject: Option<&str>, ids: &[CheckId], finding: &Finding) {
        for id in ids.iter().copied() {
            self.report.checks.push(finding.clone().into_check(id, subject, Duration::ZERO));
        }
    }
}
