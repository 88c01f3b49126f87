//! Every policy that we ask anyone to attach, both ways: all of it is needed, and nothing else goes through.
//! The figures are `docs/iam-minimality.md`, which this writes when `FIRMHOLD_WRITE_DOCS` is set.

use std::fmt::Write as _;

use firmhold_iam::generate::{
    deny_foreign_principals, installer_policy, key_policy, key_statement_for_owner, replication_permissions,
    replication_trust,
};
use firmhold_iam::{
    BackendShape, Decision, Policies, Policy, PolicyKind, Principal, Request, SessionScope, TrustForm,
    TrustShape, bucket_policy, decide, permission_policy, platform_policy, session_policy, tables,
    trust_policy,
};
use serde_json::{Value, json};

use crate::catalogue::{Ask, FIRMWARE, PARTITIONS, bucket_arn, full, neighbours, object, ours, plain, via};
use crate::support;

const OWNER: &str = "111122223333";

/// A request with the policies that stand around the one in question.
struct Probe {
    request: Request,
    /// The caller's own policy, where that is not the one in question.
    identity: Option<Policy>,
    /// The trust policy of the role that is to be assumed, likewise.
    trust: Option<Policy>,
}

/// A generated document and what it is held to.
struct Subject {
    name: String,
    partition: &'static str,
    kind: PolicyKind,
    document: Value,
    /// Must be allowed.
    ours: Vec<Probe>,
    /// Must not be.
    others: Vec<Probe>,
}

impl Subject {
    fn parse(&self, document: &Value) -> Policy {
        support::policy(self.kind, document)
    }

    fn decide(&self, own: &Policy, probe: &Probe) -> Decision {
        let place = |kind| Some(own).filter(|_| self.kind == kind);
        let mut policies = Policies {
            identity: probe.identity.iter().collect(),
            resource: place(PolicyKind::Resource),
            trust: place(PolicyKind::Trust).or(probe.trust.as_ref()),
            session: place(PolicyKind::Session),
            ..Policies::default()
        };
        policies.identity.extend(place(PolicyKind::Identity));
        decide(&probe.request, &policies)
    }

    fn passes(&self, document: &Value, probes: &[Probe]) -> bool {
        let own = self.parse(document);
        probes.iter().all(|probe| self.decide(&own, probe).is_allowed())
    }

    fn statements(&self) -> &Vec<Value> {
        self.document["Statement"].as_array().expect("a list of statements")
    }

    /// The document without one action of one statement that allows; without the statement if that was all.
    fn without_each_action(&self) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for (index, statement) in
            self.statements().iter().enumerate().filter(|(_, it)| it["Effect"] == "Allow")
        {
            let actions = strings(&statement["Action"]);
            for action in &actions {
                let rest: Vec<&String> = actions.iter().filter(|other| *other != action).collect();
                let mut less = self.document.clone();
                match rest.is_empty() {
                    true => less = self.without(index),
                    false => less["Statement"][index]["Action"] = json!(rest),
                }
                all.push((format!("{action} in {}", statement["Sid"]), less));
            }
        }
        all
    }

    fn without(&self, index: usize) -> Value {
        let mut less = self.document.clone();
        let statements = less["Statement"].as_array_mut().expect("a list");
        statements.remove(index);
        if statements.is_empty() {
            // No policy has no statement.
            let mut nothing = self.statements()[0].clone();
            nothing["Action"] = json!("sqs:Nothing");
            statements.push(nothing);
        }
        less
    }

    /// The row of the table, or what does not hold.
    fn prove(&self) -> Result<String, String> {
        let fault = |what: String| format!("{} ({}): {what}", self.name, self.partition);
        let own = self.parse(&self.document);
        for probe in &self.ours {
            let decision = self.decide(&own, probe);
            if !decision.is_allowed() {
                return Err(fault(format!(
                    "{} {}: {}",
                    probe.request.action,
                    probe.request.resource,
                    decision.summary()
                )));
            }
        }
        for probe in &self.others {
            let decision = self.decide(&own, probe);
            if decision.is_allowed() {
                return Err(fault(format!("{:?}: {}", probe.request, decision.summary())));
            }
        }
        let actions = self.without_each_action();
        for (action, less) in &actions {
            if self.passes(less, &self.ours) {
                return Err(fault(format!("{action} is not needed")));
            }
        }
        let denies: Vec<usize> = (0..self.statements().len())
            .filter(|index| self.statements()[*index]["Effect"] == "Deny")
            .collect();
        for index in &denies {
            let less = self.parse(&self.without(*index));
            if self.others.iter().all(|probe| !self.decide(&less, probe).is_allowed()) {
                return Err(fault(format!("{} refuses nothing", self.statements()[*index]["Sid"])));
            }
        }
        Ok(format!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.name,
            self.partition,
            self.statements().len(),
            actions.len(),
            denies.len(),
            self.ours.len(),
            self.others.len(),
        ))
    }
}

fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array().into_iter().flatten().chain(value.is_string().then_some(value));
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn everything() -> Value {
    json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } })
}

fn probe(principal: Principal, action: &str, resource: &str, keys: &Value, identity: Option<Value>) -> Probe {
    let mut context = support::context(keys);
    if context.get("aws:SecureTransport").is_none() {
        context.set("aws:SecureTransport", true);
    }
    let request = Request {
        principal,
        action: action.to_owned(),
        resource: resource.to_owned(),
        resource_account: Some(OWNER.to_owned()),
        context,
    };
    let identity = identity.map(|document| support::policy(PolicyKind::Identity, &document));
    Probe { request, identity, trust: None }
}

fn session_of(partition: &str, account: &str, role: &str) -> Principal {
    support::principal(&format!("arn:{partition}:sts::{account}:assumed-role/{role}/s"))
}

fn asks(shape: &BackendShape, asks: Vec<Ask>, identity: Option<&Value>) -> Vec<Probe> {
    let one = |ask: Ask| {
        let who = session_of(&shape.partition, OWNER, "FirmholdBackend");
        probe(who, ask.action, &ask.resource, &ask.keys, identity.cloned())
    };
    asks.into_iter().map(one).collect()
}

fn role(partition: &'static str, region: &str) -> Vec<Subject> {
    let deleting = BackendShape { allow_delete: true, ..full(partition, region) };
    let shapes = [
        ("role, SSE-S3", plain(partition, region)),
        ("role, SSE-KMS, replica, import, configuration", full(partition, region)),
        ("role, the same and deletion", deleting),
    ];
    let subject = |(name, shape): (&str, BackendShape)| Subject {
        name: name.to_owned(),
        partition,
        kind: PolicyKind::Identity,
        document: permission_policy(&shape),
        ours: asks(&shape, ours(&shape), None),
        others: asks(&shape, neighbours(&shape), None),
    };
    shapes.into_iter().map(subject).collect()
}

fn sessions(partition: &'static str, region: &str) -> Vec<Subject> {
    let shape = BackendShape { allow_delete: true, ..full(partition, region) };
    let role = permission_policy(&shape);
    let subject = |(name, scope, allowed): (&str, SessionScope, fn(&Ask) -> bool)| {
        let (ours, mut others): (Vec<Ask>, Vec<Ask>) = ours(&shape).into_iter().partition(allowed);
        others.extend(neighbours(&shape));
        Subject {
            name: format!("session policy, {name}"),
            partition,
            kind: PolicyKind::Session,
            document: session_policy(&shape, scope),
            ours: asks(&shape, ours, Some(&role)),
            others: asks(&shape, others, Some(&role)),
        }
    };
    [
        ("read", SessionScope::Read, (|ask| ask.scope == SessionScope::Read) as fn(&Ask) -> bool),
        ("write", SessionScope::Write, |ask| {
            let copy = ask.resource.contains("acme-fw-copy") || ask.resource.contains("key/replica");
            ask.scope != SessionScope::Admin && !copy
        }),
        ("admin", SessionScope::Admin, |ask| !format!("{}{}", ask.resource, ask.keys).contains("$releases")),
    ]
    .into_iter()
    .map(subject)
    .collect()
}

fn trust(partition: &'static str) -> Vec<Subject> {
    let role = format!("arn:{partition}:iam::{OWNER}:role/FirmholdBackend");
    let shape = TrustShape {
        partition: partition.to_owned(),
        platform_account: "999999999999".to_owned(),
        platform_role_arn: format!("arn:{partition}:iam::999999999999:role/firmhold-platform"),
        external_ids: vec!["fh-1".to_owned()],
    };
    let assume =
        |who: Principal, action: &str, keys: Value| probe(who, action, &role, &keys, Some(everything()));
    let platform = || session_of(partition, "999999999999", "firmhold-platform");
    let right = || json!({ "sts:ExternalId": "fh-1" });
    let subject = |(name, form)| Subject {
        name: format!("trust, {name}"),
        partition,
        kind: PolicyKind::Trust,
        document: trust_policy(&shape, form),
        ours: vec![assume(platform(), "sts:AssumeRole", right())],
        others: vec![
            assume(platform(), "sts:AssumeRole", json!({})),
            assume(platform(), "sts:AssumeRole", json!({ "sts:ExternalId": "fh-2" })),
            assume(platform(), "sts:AssumeRole", json!({ "sts:ExternalId": "FH-1" })),
            assume(platform(), "sts:TagSession", right()),
            assume(platform(), "sts:SetSourceIdentity", right()),
            assume(session_of(partition, "999999999999", "dev"), "sts:AssumeRole", right()),
            assume(session_of(partition, OWNER, "firmhold-platform"), "sts:AssumeRole", right()),
            assume(session_of(partition, "444455556666", "firmhold-platform"), "sts:AssumeRole", right()),
            assume(Principal::Anonymous, "sts:AssumeRole", right()),
            assume(Principal::Service("ec2.amazonaws.com".to_owned()), "sts:AssumeRole", right()),
            assume(
                Principal::Federated("accounts.google.com".to_owned()),
                "sts:AssumeRoleWithWebIdentity",
                right(),
            ),
        ],
    };
    [("account and aws:PrincipalArn", TrustForm::AccountWithPrincipalArn), ("role ARN", TrustForm::RoleArn)]
        .into_iter()
        .map(subject)
        .collect()
}

fn bucket(partition: &'static str, region: &str) -> Subject {
    let shape = full(partition, region);
    let firmware = object(&shape, FIRMWARE);
    let distribution = |account: &str| json!({ "aws:SourceArn": format!("arn:{partition}:cloudfront::{account}:distribution/E1") });
    let cdn = || Principal::Service("cloudfront.amazonaws.com".to_owned());
    let own = |action: &str, keys: Value| {
        probe(session_of(partition, OWNER, "FirmholdBackend"), action, &firmware, &keys, Some(everything()))
    };
    let algorithm = "s3:x-amz-server-side-encryption";
    let key_id = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let foreign = || session_of(partition, "444455556666", "x");
    Subject {
        name: "bucket".to_owned(),
        partition,
        kind: PolicyKind::Resource,
        document: bucket_policy(&shape),
        ours: vec![
            probe(cdn(), "s3:GetObject", &firmware, &distribution(OWNER), None),
            own("s3:GetObject", json!({ "s3:TlsVersion": "1.2" })),
            own("s3:PutObject", json!({ "s3:TlsVersion": "1.3" })),
            own("s3:PutObject", json!({ algorithm: "aws:kms", key_id: shape.kms_key_arn })),
        ],
        others: vec![
            own("s3:GetObject", json!({ "aws:SecureTransport": "false" })),
            own("s3:GetObject", json!({ "s3:TlsVersion": "1.1" })),
            own("s3:PutObject", json!({ algorithm: "AES256" })),
            own("s3:PutObject", json!({ algorithm: "aws:kms" })),
            own(
                "s3:PutObject",
                json!({ algorithm: "aws:kms", key_id: "arn:aws:kms:us-west-2:111122223333:key/other" }),
            ),
            own("s3:PutObject", json!({ "s3:x-amz-server-side-encryption-customer-algorithm": "AES256" })),
            probe(cdn(), "s3:GetObject", &firmware, &distribution("444455556666"), None),
            probe(cdn(), "s3:GetObject", &firmware, &json!({}), None),
            probe(cdn(), "s3:GetObject", &object(&shape, "other/a"), &distribution(OWNER), None),
            probe(cdn(), "s3:PutObject", &firmware, &distribution(OWNER), None),
            probe(cdn(), "s3:ListBucket", &bucket_arn(&shape, &shape.bucket), &distribution(OWNER), None),
            probe(foreign(), "s3:GetObject", &firmware, &json!({}), Some(everything())),
            probe(
                foreign(),
                "s3:PutBucketPolicy",
                &bucket_arn(&shape, &shape.bucket),
                &json!({}),
                Some(everything()),
            ),
            probe(Principal::Anonymous, "s3:GetObject", &firmware, &json!({}), None),
        ],
    }
}

/// In a bucket whose policy lets another account read.
fn shared_bucket(partition: &'static str, region: &str) -> Subject {
    let shape = full(partition, region);
    let mut subject =
        Subject { name: "bucket, shared, foreigners refused".to_owned(), ..bucket(partition, region) };
    let shared = json!({
        "Sid": "Shared", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("{}/*", bucket_arn(&shape, &shape.bucket)),
    });
    subject.ours.push(probe(
        session_of(partition, "444455556666", "x"),
        "s3:GetObject",
        &object(&shape, "shared/a"),
        &json!({}),
        Some(everything()),
    ));
    // What everybody may read now, the distribution may read too.
    subject.others.retain(|probe| {
        probe.request.action != "s3:GetObject" || !matches!(probe.request.principal, Principal::Service(_))
    });
    subject.ours.retain(|probe| !matches!(probe.request.principal, Principal::Service(_)));
    let statements = subject.document["Statement"].as_array_mut().expect("a list");
    statements.retain(|statement| statement["Sid"] != "FirmholdCdnRead");
    statements.extend([shared, deny_foreign_principals(&shape)]);
    subject
}

fn platform(partition: &'static str) -> Subject {
    let role = |account: &str| format!("arn:{partition}:iam::{account}:role/FirmholdBackend");
    // Roles that trust everybody, so that the platform's own policy alone decides.
    let open = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": ["sts:AssumeRole", "sts:TagSession"] } });
    let ask = |action: &str, resource: &str| {
        let who = session_of(partition, "999999999999", "firmhold-platform");
        let mut probe = probe(who, action, resource, &json!({}), None);
        probe.request.resource_account = None;
        probe.trust = Some(support::policy(PolicyKind::Trust, &open));
        probe
    };
    Subject {
        name: "platform".to_owned(),
        partition,
        kind: PolicyKind::Identity,
        document: platform_policy(partition, &["444455556666"]),
        ours: vec![ask("sts:AssumeRole", &role("444455556666"))],
        others: vec![
            ask("sts:AssumeRole", &role("111122223333")),
            ask("sts:TagSession", &role("444455556666")),
            ask("iam:PutRolePolicy", &role("444455556666")),
            ask("iam:GetRole", &role("999999999999")),
            ask("s3:GetObject", &format!("arn:{partition}:s3:::acme-fw/a")),
            ask("sts:GetFederationToken", "*"),
            ask("kms:Decrypt", &format!("arn:{partition}:kms:us-west-2:999999999999:key/k")),
        ],
    }
}

fn replication(partition: &'static str, region: &str) -> [Subject; 2] {
    let shape = full(partition, region);
    let (source, copy) = (bucket_arn(&shape, &shape.bucket), bucket_arn(&shape, "acme-fw-copy"));
    let key = |id: &str| format!("arn:{partition}:kms:{region}:{OWNER}:key/{id}");
    let through_s3 = || json!({ "kms:ViaService": via(&shape) });
    let none = || json!({});
    let ask = |action: &str, resource: String, keys: Value| {
        probe(session_of(partition, OWNER, "FirmholdReplication"), action, &resource, &keys, None)
    };
    let permissions = Subject {
        name: "replication role".to_owned(),
        partition,
        kind: PolicyKind::Identity,
        document: replication_permissions(&shape),
        ours: vec![
            ask("s3:GetReplicationConfiguration", source.clone(), none()),
            ask("s3:ListBucket", source.clone(), none()),
            ask("s3:GetObjectVersionForReplication", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:GetObjectVersionAcl", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:GetObjectVersionTagging", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:ReplicateObject", format!("{copy}/{FIRMWARE}"), none()),
            ask("s3:ReplicateTags", format!("{copy}/{FIRMWARE}"), none()),
            ask("kms:Decrypt", key("primary"), through_s3()),
            ask("kms:Encrypt", key("replica"), through_s3()),
        ],
        others: vec![
            ask("s3:ReplicateDelete", format!("{copy}/{FIRMWARE}"), none()),
            ask("s3:ReplicateObject", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:ReplicateObject", format!("{copy}/other/a"), none()),
            ask("s3:ReplicateObject", format!("{copy}-other/{FIRMWARE}"), none()),
            ask("s3:ObjectOwnerOverrideToBucketOwner", format!("{copy}/{FIRMWARE}"), none()),
            ask("s3:PutObject", format!("{copy}/{FIRMWARE}"), none()),
            ask("s3:GetObject", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:GetObjectVersionForReplication", format!("{source}/other/a"), none()),
            ask("s3:DeleteObject", format!("{source}/{FIRMWARE}"), none()),
            ask("s3:PutReplicationConfiguration", source.clone(), none()),
            ask("s3:PutBucketPolicy", copy.clone(), none()),
            ask("kms:Decrypt", key("primary"), none()),
            ask("kms:Encrypt", key("primary"), through_s3()),
            ask("kms:Decrypt", key("replica"), through_s3()),
            ask("kms:Encrypt", key("other"), through_s3()),
        ],
    };
    let role = format!("arn:{partition}:iam::{OWNER}:role/FirmholdReplication");
    let assume = |who: Principal, action: &str| probe(who, action, &role, &json!({}), Some(everything()));
    let trust = Subject {
        name: "replication role, trust".to_owned(),
        partition,
        kind: PolicyKind::Trust,
        document: replication_trust(),
        ours: vec![assume(Principal::Service("s3.amazonaws.com".to_owned()), "sts:AssumeRole")],
        others: vec![
            assume(Principal::Service("batchoperations.s3.amazonaws.com".to_owned()), "sts:AssumeRole"),
            assume(Principal::Service("s3.amazonaws.com".to_owned()), "sts:TagSession"),
            assume(session_of(partition, OWNER, "admin"), "sts:AssumeRole"),
            assume(session_of(partition, "444455556666", "x"), "sts:AssumeRole"),
            assume(Principal::Anonymous, "sts:AssumeRole"),
        ],
    };
    [permissions, trust]
}

fn keys(partition: &'static str, region: &str) -> [Subject; 2] {
    let shape = full(partition, region);
    let key = shape.kms_key_arn.clone().expect("a shape with a key");
    let through_s3 = || json!({ "kms:ViaService": via(&shape) });
    let distribution = |account: &str| json!({ "aws:SourceArn": format!("arn:{partition}:cloudfront::{account}:distribution/E1") });
    let cdn = || Principal::Service("cloudfront.amazonaws.com".to_owned());
    let role = || session_of(partition, OWNER, "FirmholdBackend");
    let permissions = permission_policy(&shape);
    let ask = |who: Principal, action: &str, keys: Value, identity: Option<&Value>| {
        probe(who, action, &key, &keys, identity.cloned())
    };
    let all = everything();
    let own = Subject {
        name: "key".to_owned(),
        partition,
        kind: PolicyKind::Resource,
        document: key_policy(&shape),
        ours: vec![
            ask(role(), "kms:GenerateDataKey", through_s3(), Some(&permissions)),
            ask(role(), "kms:Decrypt", through_s3(), Some(&permissions)),
            ask(
                support::principal(&format!("arn:{partition}:iam::{OWNER}:root")),
                "kms:PutKeyPolicy",
                json!({}),
                None,
            ),
            ask(cdn(), "kms:Decrypt", distribution(OWNER), None),
        ],
        others: vec![
            ask(role(), "kms:Decrypt", json!({}), Some(&permissions)),
            ask(role(), "kms:PutKeyPolicy", through_s3(), Some(&permissions)),
            ask(role(), "kms:ScheduleKeyDeletion", through_s3(), Some(&permissions)),
            ask(session_of(partition, OWNER, "x"), "kms:Decrypt", through_s3(), None),
            ask(session_of(partition, "444455556666", "x"), "kms:Decrypt", through_s3(), Some(&all)),
            ask(cdn(), "kms:Decrypt", distribution("444455556666"), None),
            ask(cdn(), "kms:Decrypt", json!({}), None),
            ask(cdn(), "kms:GenerateDataKey", distribution(OWNER), None),
            ask(Principal::Anonymous, "kms:Decrypt", through_s3(), None),
        ],
    };
    // The key is another account's: the statement is all that its policy says of us.
    let backend = |role: &str| session_of(partition, "444455556666", role);
    let elsewhere = BackendShape { account: "444455556666".to_owned(), ..shape.clone() };
    let role_arn = format!("arn:{partition}:iam::444455556666:role/FirmholdBackend");
    let statement = key_statement_for_owner(&elsewhere, &role_arn);
    let foreign = Subject {
        name: "statement for the owner of a key".to_owned(),
        partition,
        kind: PolicyKind::Resource,
        document: json!({ "Version": "2012-10-17", "Statement": [statement] }),
        ours: vec![
            ask(backend("FirmholdBackend"), "kms:GenerateDataKey", through_s3(), Some(&permissions)),
            ask(backend("FirmholdBackend"), "kms:Decrypt", through_s3(), Some(&permissions)),
        ],
        others: vec![
            ask(backend("FirmholdBackend"), "kms:Decrypt", json!({}), Some(&all)),
            ask(backend("FirmholdBackend"), "kms:Encrypt", through_s3(), Some(&all)),
            ask(backend("FirmholdBackend"), "kms:PutKeyPolicy", through_s3(), Some(&all)),
            ask(backend("FirmholdBackend"), "kms:CreateGrant", through_s3(), Some(&all)),
            ask(backend("FirmholdBackend"), "kms:Decrypt", through_s3(), None),
            ask(backend("other"), "kms:Decrypt", through_s3(), Some(&all)),
            ask(
                session_of(partition, "999999999999", "FirmholdBackend"),
                "kms:Decrypt",
                through_s3(),
                Some(&all),
            ),
            ask(cdn(), "kms:Decrypt", distribution("444455556666"), None),
        ],
    };
    [own, foreign]
}

fn installer(partition: &'static str, region: &str) -> Subject {
    let shape = plain(partition, region);
    let bucket = bucket_arn(&shape, &shape.bucket);
    let role = format!("arn:{partition}:iam::{OWNER}:role/FirmholdBackend");
    let ask = |action: &str, resource: &str| {
        probe(
            support::principal(&format!("arn:{partition}:iam::{OWNER}:user/admin")),
            action,
            resource,
            &json!({}),
            None,
        )
    };
    // What `account apply` calls, by the action that each call asks for.
    let on_bucket = [
        "s3:ListBucket",
        "s3:CreateBucket",
        "s3:GetBucketPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        "s3:GetBucketOwnershipControls",
        "s3:PutBucketOwnershipControls",
        "s3:GetEncryptionConfiguration",
        "s3:PutEncryptionConfiguration",
        "s3:GetBucketVersioning",
        "s3:PutBucketVersioning",
        "s3:GetBucketPolicy",
        "s3:PutBucketPolicy",
    ];
    let on_role = [
        "iam:GetRole",
        "iam:CreateRole",
        "iam:TagRole",
        "iam:UpdateAssumeRolePolicy",
        "iam:GetRolePolicy",
        "iam:PutRolePolicy",
    ];
    let calls = on_bucket
        .iter()
        .map(|action| (*action, &bucket))
        .chain(on_role.iter().map(|action| (*action, &role)));
    let calls: Vec<(&str, &String)> = calls.collect();
    let elsewhere = calls.iter().map(|(action, resource)| ask(action, &format!("{resource}-other")));
    let beside = [
        ("s3:DeleteBucket", &bucket),
        ("s3:DeleteBucketPolicy", &bucket),
        ("s3:PutBucketAcl", &bucket),
        ("s3:PutLifecycleConfiguration", &bucket),
        ("iam:DeleteRole", &role),
        ("iam:AttachRolePolicy", &role),
        ("iam:PassRole", &role),
        ("iam:DeleteRolePolicy", &role),
        ("iam:PutRolePermissionsBoundary", &role),
        ("sts:AssumeRole", &role),
    ];
    let object = format!("{bucket}/{FIRMWARE}");
    let objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"].map(|action| ask(action, &object));
    let mut others: Vec<Probe> = elsewhere.collect();
    others.extend(beside.map(|(action, resource)| ask(action, resource)));
    others.extend(objects);
    others.push(ask("iam:CreateUser", &format!("arn:{partition}:iam::{OWNER}:user/x")));
    others.push(ask("s3:ListAllMyBuckets", "*"));
    Subject {
        name: "installer".to_owned(),
        partition,
        kind: PolicyKind::Identity,
        document: installer_policy(&shape, "FirmholdBackend"),
        ours: calls.iter().map(|(action, resource)| ask(action, resource)).collect(),
        others,
    }
}

fn subjects() -> Vec<Subject> {
    let mut all = Vec::new();
    for (partition, region) in PARTITIONS {
        all.extend(role(partition, region));
        all.extend(sessions(partition, region));
        all.extend(trust(partition));
        all.push(bucket(partition, region));
        all.push(shared_bucket(partition, region));
        all.extend(replication(partition, region));
        all.extend(keys(partition, region));
        all.push(installer(partition, region));
        all.push(platform(partition));
    }
    all
}

const HEAD: &str = "\
# Nothing missing, nothing too much

Written by a test (`crates/iam/tests/it/minimality.rs`), which fails when this page is not what it would write; `FIRMHOLD_WRITE_DOCS=1 cargo nextest run -p firmhold-iam -E 'test(minimality)'` writes it anew.

For each policy that Firmhold asks anyone to attach, in each partition: every request that our code sends is allowed; without any one action at least one of them is refused; without any one statement that denies, a request that must not go goes; and every request next to ours is refused: another prefix, another bucket, an ACL, the deletion of live firmware, a change of a policy, another caller, another key, another transport.

| policy | partition | statements | actions, each needed | denials, each needed | our requests, all allowed | other requests, all refused |
| --- | --- | --: | --: | --: | --: | --: |
";

#[test]
fn every_policy_has_all_that_is_needed_and_nothing_else() {
    let mut page = HEAD.to_owned();
    let mut wrong = Vec::new();
    for subject in subjects() {
        match subject.prove() {
            Ok(row) => drop(writeln!(page, "{row}")),
            Err(fault) => wrong.push(fault),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    page.push_str(&crate::sent::page());
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/iam-minimality.md");
    if std::env::var_os("FIRMHOLD_WRITE_DOCS").is_some() {
        std::fs::write(&file, &page).expect("the page is written");
    }
    let there = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(there == page, "{} is not what this test writes; see its second paragraph", file.display());
}

/// A condition on a key that the action does not have is never met, and an action that AWS does not have grants
/// nothing.
#[test]
fn every_action_and_key_is_known_to_aws() {
    for subject in subjects() {
        for statement in subject.statements() {
            for pattern in strings(&statement["Action"]) {
                let actions = tables::actions_matching(&pattern);
                assert!(!actions.is_empty(), "{}: {pattern}", subject.name);
                let operators = statement["Condition"].as_object().into_iter().flatten();
                for key in
                    operators.flat_map(|(_, keys)| keys.as_object().into_iter().flatten()).map(|(key, _)| key)
                {
                    let known = actions.iter().any(|action| action.takes(key));
                    assert!(known, "{}: {key} beside {pattern}", subject.name);
                }
            }
        }
    }
}
