//! What one evaluation of the generated set costs: role, session and bucket policy around a request of a device's
//! link, an upload, a listing and one that is refused. `cargo run --release -p firmhold-iam --example evaluation`.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

use firmhold_iam::{
    BackendShape, CdnShape, Context, Policies, Policy, PolicyKind, Principal, ReplicaShape, Request,
    SessionScope, bucket_policy, decide, permission_policy, session_policy,
};

const ROUNDS: usize = 5;
const EACH: u32 = 50_000;

fn main() -> Result<(), Box<dyn Error>> {
    let shape = shape();
    let role = Policy::parse("role", &permission_policy(&shape).to_string(), PolicyKind::Identity)?;
    let bucket = Policy::parse("bucket", &bucket_policy(&shape).to_string(), PolicyKind::Resource)?;
    let session = Policy::parse(
        "session",
        &session_policy(&shape, SessionScope::Admin).to_string(),
        PolicyKind::Session,
    )?;
    let policies = Policies {
        identity: vec![&role],
        resource: Some(&bucket),
        session: Some(&session),
        ..Policies::default()
    };
    let mut out = std::io::stdout().lock();
    for (name, action, resource, keys) in [
        (
            "a device's link",
            "s3:GetObject",
            "arn:aws:s3:::acme-fw/firmhold/binaries/sha256/ab/abcd/1",
            &[][..],
        ),
        ("an upload", "s3:PutObject", "arn:aws:s3:::acme-fw/firmhold/binaries/sha256/ab/abcd/1", &[]),
        ("a listing", "s3:ListBucket", "arn:aws:s3:::acme-fw", &[("s3:prefix", "firmhold/binaries/")]),
        ("a refusal", "s3:PutBucketPolicy", "arn:aws:s3:::acme-fw", &[]),
    ] {
        let mut context = Context::new();
        context
            .set("aws:SecureTransport", true)
            .set("s3:TlsVersion", "1.3")
            .set("aws:SourceIp", "203.0.113.7");
        for (key, value) in keys {
            context.set(key, *value);
        }
        let request = Request {
            principal: Principal::from_arn(
                "arn:aws:sts::111122223333:assumed-role/FirmholdBackend/server-1",
            )?,
            action: action.to_owned(),
            resource: resource.to_owned(),
            resource_account: Some("111122223333".to_owned()),
            context,
        };
        let outcome = decide(&request, &policies).outcome;
        let mut rounds: Vec<Duration> = (0..ROUNDS).map(|_| round(&request, &policies)).collect();
        rounds.sort();
        let median = rounds.get(ROUNDS / 2).copied().unwrap_or_default();
        let micros = median.as_secs_f64() * 1e6 / f64::from(EACH);
        writeln!(out, "{micros:>6.2} us  {name} ({action}: {outcome})")?;
    }
    Ok(())
}

fn round(request: &Request, policies: &Policies<'_>) -> Duration {
    let began = Instant::now();
    for _ in 0..EACH {
        black_box(decide(black_box(request), black_box(policies)));
    }
    began.elapsed()
}

/// Everything that a backend can have.
fn shape() -> BackendShape {
    let key = |id: &str| Some(format!("arn:aws:kms:us-west-2:111122223333:key/{id}"));
    BackendShape {
        partition: "aws".to_owned(),
        account: "111122223333".to_owned(),
        bucket: "acme-fw".to_owned(),
        region: "us-west-2".to_owned(),
        prefix: "firmhold/".to_owned(),
        import_prefix: Some("old/".to_owned()),
        kms_key_arn: key("primary"),
        allow_delete: true,
        replicas: vec![ReplicaShape {
            bucket: "acme-fw-copy".to_owned(),
            region: "us-west-2".to_owned(),
            kms_key_arn: key("replica"),
        }],
        cdn: Some(CdnShape::default()),
        config_reads: true,
    }
}
