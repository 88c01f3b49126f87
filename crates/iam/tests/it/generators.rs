//! Every generated policy, judged by what it lets through: the requests that we send, and their neighbours.

use firmhold_iam::{
    BackendShape, CdnShape, Context, Decision, MAX_SESSION_POLICY, Outcome, Policies, Policy, PolicyKind,
    Principal, ReplicaShape, Request, SessionScope, TrustForm, TrustShape, bucket_policy, decide,
    permission_policy, platform_policy, session_policy, trust_policy,
};
use serde_json::{Value, json};

use crate::catalogue::{
    Ask, FIRMWARE, PARTITIONS, ask, bucket_arn, full, neighbours, object, ours, shapes, via,
};
use crate::support::{self, context, policy};

/// The account's policies around the role.
struct Account {
    role: Policy,
    bucket: Policy,
    session: Option<Policy>,
}

impl Account {
    fn of(shape: &BackendShape) -> Self {
        Self::with_role(shape, &permission_policy(shape))
    }

    fn with_role(shape: &BackendShape, role: &Value) -> Self {
        Self {
            role: policy(PolicyKind::Identity, role),
            bucket: policy(PolicyKind::Resource, &bucket_policy(shape)),
            session: None,
        }
    }

    /// A role that may do everything, so that only the session limits.
    fn unlimited(shape: &BackendShape, scope: SessionScope) -> Self {
        let everything = json!({
            "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" },
        });
        Self::with_role(shape, &everything).in_session(shape, scope)
    }

    fn in_session(mut self, shape: &BackendShape, scope: SessionScope) -> Self {
        self.session = Some(policy(PolicyKind::Session, &session_policy(shape, scope)));
        self
    }

    fn decide(&self, shape: &BackendShape, ask: &Ask) -> Decision {
        let mut keys = context(&ask.keys);
        keys.set("aws:SecureTransport", true).set("s3:TlsVersion", "1.3");
        let principal = format!("arn:{}:sts::111122223333:assumed-role/FirmholdBackend/s", shape.partition);
        self.decide_in(&principal, ask, keys)
    }

    fn decide_in(&self, principal: &str, ask: &Ask, context: Context) -> Decision {
        let request = Request {
            principal: support::principal(principal),
            action: ask.action.to_owned(),
            resource: ask.resource.clone(),
            resource_account: Some("111122223333".to_owned()),
            context,
        };
        let policies = Policies {
            identity: vec![&self.role],
            resource: Some(&self.bucket).filter(|_| ask.action.starts_with("s3:")),
            session: self.session.as_ref(),
            ..Policies::default()
        };
        decide(&request, &policies)
    }
}

#[test]
fn the_role_may_do_what_we_send_and_nothing_else() {
    let mut wrong = Vec::new();
    for shape in shapes() {
        let account = Account::of(&shape);
        for ask in ours(&shape) {
            let decision = account.decide(&shape, &ask);
            if !decision.is_allowed() {
                wrong.push(format!("{}: {ask:?}: {}", shape.partition, decision.summary()));
            }
        }
        for ask in neighbours(&shape) {
            let decision = account.decide(&shape, &ask);
            if decision.is_allowed() {
                wrong.push(format!("{}: {ask:?}: {}", shape.partition, decision.summary()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_any_one_action_something_of_ours_stops() {
    for shape in shapes() {
        let whole = permission_policy(&shape);
        for (index, statement) in whole["Statement"].as_array().unwrap().iter().enumerate() {
            let actions: Vec<&Value> = match &statement["Action"] {
                Value::Array(actions) => actions.iter().collect(),
                one => vec![one],
            };
            for action in &actions {
                let mut less = whole.clone();
                let rest: Vec<_> = actions.iter().filter(|other| other != &action).collect();
                match rest.is_empty() {
                    true => drop(less["Statement"].as_array_mut().unwrap().remove(index)),
                    false => less["Statement"][index]["Action"] = json!(rest),
                }
                let account = Account::with_role(&shape, &less);
                let stops = ours(&shape).iter().any(|ask| !account.decide(&shape, ask).is_allowed());
                assert!(stops, "{} in {} is not needed", action, statement["Sid"]);
            }
        }
    }
}

#[test]
fn a_session_may_do_what_its_scope_is_for() {
    let rank = |scope| match scope {
        SessionScope::Read => 0,
        SessionScope::Write => 1,
        SessionScope::Admin => 2,
    };
    for shape in shapes() {
        for scope in [SessionScope::Read, SessionScope::Write, SessionScope::Admin] {
            let account = Account::of(&shape).in_session(&shape, scope);
            for ask in ours(&shape) {
                let replica = ask.resource.contains("acme-fw-copy") || ask.resource.contains("key/replica");
                let import = ask.resource.contains("$releases") || ask.keys.to_string().contains("$releases");
                let meant = match scope {
                    SessionScope::Write if replica => false,
                    SessionScope::Admin if import => false,
                    _ => rank(ask.scope) <= rank(scope),
                };
                let decision = account.decide(&shape, &ask);
                assert_eq!(decision.is_allowed(), meant, "{scope:?} {ask:?}: {}", decision.summary());
            }
        }
    }
}

/// Check V9: even where the owner's role may do everything, a session of ours stays below its prefix.
#[test]
fn a_session_stays_below_its_prefix() {
    for shape in shapes() {
        for scope in [SessionScope::Read, SessionScope::Write, SessionScope::Admin] {
            let account = Account::unlimited(&shape, scope);
            for (action, key) in [
                ("s3:GetObject", "other/a"),
                ("s3:GetObjectVersion", "other/a"),
                ("s3:PutObject", "other/a"),
                ("s3:DeleteObject", "other/a"),
                ("s3:DeleteObjectVersion", "other/a"),
                ("s3:PutObject", "firmhold"),
                ("s3:PutObjectTagging", "other/a"),
                ("s3:PutObjectAcl", FIRMWARE),
                ("s3:DeleteObjectTagging", FIRMWARE),
            ] {
                let ask = ask(action, object(&shape, key), json!({}), scope);
                assert!(!account.decide(&shape, &ask).is_allowed(), "{scope:?} {ask:?}");
            }
            for keys in [json!({}), json!({ "s3:prefix": "" }), json!({ "s3:prefix": "other/" })] {
                let bucket = bucket_arn(&shape, &shape.bucket);
                for action in ["s3:ListBucket", "s3:ListBucketVersions"] {
                    let ask = ask(action, bucket.clone(), keys.clone(), scope);
                    assert!(!account.decide(&shape, &ask).is_allowed(), "{scope:?} {ask:?}");
                }
                let ask = ask("s3:PutBucketPolicy", bucket, json!({}), scope);
                assert!(!account.decide(&shape, &ask).is_allowed(), "{scope:?} {ask:?}");
            }
            if !shape.allow_delete {
                let ask = ask("s3:DeleteObject", object(&shape, FIRMWARE), json!({}), scope);
                assert!(!account.decide(&shape, &ask).is_allowed(), "{scope:?} {ask:?}");
            }
        }
    }
}

#[test]
fn a_session_policy_fits_whatever_the_names() {
    let region = "us-gov-west-1";
    let key =
        |n: usize| format!("arn:aws-us-gov:kms:{region}:111122223333:key/{n:08}-12ab-34cd-56ef-1234567890ab");
    let replica = |n: usize| ReplicaShape {
        bucket: format!("{n}{}", "r".repeat(62)),
        region: region.to_owned(),
        kms_key_arn: Some(key(n)),
    };
    for import in ["i".repeat(512), "\"".repeat(512), "é".repeat(512)] {
        let shape = BackendShape {
            bucket: "b".repeat(63),
            prefix: format!("{}/", "p".repeat(127)),
            import_prefix: Some(import),
            kms_key_arn: Some(key(0)),
            replicas: (1..=3).map(replica).collect(),
            ..full("aws-us-gov", region)
        };
        for scope in [SessionScope::Read, SessionScope::Write, SessionScope::Admin] {
            let document = session_policy(&shape, scope);
            let length = document.to_string().chars().count();
            assert!(length <= MAX_SESSION_POLICY, "{scope:?}: {length}");
            policy(PolicyKind::Session, &document);
            let account = Account::unlimited(&shape, scope);
            let outside = ask("s3:GetObject", object(&shape, "other/a"), json!({}), scope);
            assert!(!account.decide(&shape, &outside).is_allowed(), "{scope:?}");
            let inside = ask("s3:GetObject", object(&shape, &format!("{}x", shape.prefix)), json!({}), scope);
            assert!(account.decide(&shape, &inside).is_allowed(), "{scope:?}");
        }
        // What AWS takes: 10,240 characters of inline policies of a role, 20 KiB of bucket policy.
        assert!(permission_policy(&shape).to_string().len() <= 10_240);
        assert!(bucket_policy(&shape).to_string().len() <= 20 * 1024);
    }
}

#[test]
fn the_bucket_refuses_old_transport_whoever_asks() {
    for shape in shapes() {
        let account = Account::of(&shape);
        let read = ask("s3:GetObject", object(&shape, FIRMWARE), json!({}), SessionScope::Read);
        let outcome = |secure: bool, version: Option<&str>| {
            let mut keys = Context::new();
            keys.set("aws:SecureTransport", secure);
            if let Some(version) = version {
                keys.set("s3:TlsVersion", version);
            }
            let principal =
                format!("arn:{}:sts::111122223333:assumed-role/FirmholdBackend/s", shape.partition);
            account.decide_in(&principal, &read, keys).outcome
        };
        assert_eq!(outcome(true, Some("1.2")), Outcome::Allow);
        assert_eq!(outcome(true, Some("1.3")), Outcome::Allow);
        assert_eq!(outcome(false, None), Outcome::ExplicitDeny);
        assert_eq!(outcome(true, Some("1.1")), Outcome::ExplicitDeny);
    }
}

#[test]
fn the_bucket_refuses_another_encryption_but_not_none_given() {
    for (partition, region) in PARTITIONS {
        let shape = full(partition, region);
        let account = Account::of(&shape);
        let key = shape.kms_key_arn.clone().unwrap();
        let put = |key_name: &str, keys: Value| {
            let ask = ask("s3:PutObject", object(&shape, key_name), keys, SessionScope::Write);
            account.decide(&shape, &ask).outcome
        };
        let algorithm = "s3:x-amz-server-side-encryption";
        let key_id = "s3:x-amz-server-side-encryption-aws-kms-key-id";
        assert_eq!(put(FIRMWARE, json!({})), Outcome::Allow);
        assert_eq!(put(FIRMWARE, json!({ algorithm: "aws:kms", key_id: key })), Outcome::Allow);
        for keys in [
            // Not the bucket's key, but the account's aws/s3.
            json!({ algorithm: "aws:kms" }),
            json!({ algorithm: "aws:kms", key_id: key.replace("primary", "other") }),
            json!({ algorithm: "aws:kms", key_id: "alias/other" }),
            json!({ algorithm: "AES256" }),
            json!({ "s3:x-amz-server-side-encryption-customer-algorithm": "AES256" }),
        ] {
            assert_eq!(put(FIRMWARE, keys.clone()), Outcome::ExplicitDeny, "{keys}");
        }
    }
}

#[test]
fn the_cdn_reads_for_its_own_distribution_only() {
    for (partition, region) in PARTITIONS {
        let any = full(partition, region);
        let own = format!("arn:{partition}:cloudfront::111122223333:distribution/E1");
        let other = format!("arn:{partition}:cloudfront::111122223333:distribution/E2");
        let foreign = format!("arn:{partition}:cloudfront::444455556666:distribution/E1");
        let named = BackendShape {
            cdn: Some(CdnShape { distribution_arn: Some(own.clone()) }),
            ..full(partition, region)
        };
        let none = BackendShape { cdn: None, ..full(partition, region) };
        let reads = |shape: &BackendShape, action: &str, key: &str, source: Option<&str>| {
            let mut request = Request {
                principal: Principal::Service("cloudfront.amazonaws.com".to_owned()),
                action: action.to_owned(),
                resource: object(shape, key),
                resource_account: Some("111122223333".to_owned()),
                context: context(&json!({ "aws:SecureTransport": true })),
            };
            if let Some(source) = source {
                request.context.set("aws:SourceArn", source);
            }
            let bucket = policy(PolicyKind::Resource, &bucket_policy(shape));
            decide(&request, &Policies { resource: Some(&bucket), ..Policies::default() }).is_allowed()
        };
        let get = "s3:GetObject";
        assert!(reads(&any, get, FIRMWARE, Some(&own)) && reads(&any, get, FIRMWARE, Some(&other)));
        assert!(reads(&named, get, FIRMWARE, Some(&own)));
        assert!(!reads(&named, get, FIRMWARE, Some(&other)));
        for shape in [&any, &named] {
            assert!(!reads(shape, get, FIRMWARE, Some(&foreign)));
            assert!(!reads(shape, get, FIRMWARE, None));
            assert!(!reads(shape, get, "other/a", Some(&own)));
            assert!(!reads(shape, "s3:PutObject", FIRMWARE, Some(&own)));
        }
        assert!(!reads(&none, get, FIRMWARE, Some(&own)));
    }
}

#[test]
fn the_bucket_policy_grants_nothing_to_people() {
    for shape in shapes() {
        let bucket = policy(PolicyKind::Resource, &bucket_policy(&shape));
        for principal in [
            Principal::Anonymous,
            Principal::from_arn(&format!("arn:{}:iam::444455556666:role/x", shape.partition)).unwrap(),
            Principal::from_arn(&format!("arn:{}:iam::111122223333:user/y", shape.partition)).unwrap(),
        ] {
            let request = Request {
                principal,
                action: "s3:GetObject".to_owned(),
                resource: object(&shape, FIRMWARE),
                resource_account: Some("111122223333".to_owned()),
                context: context(&json!({ "aws:SecureTransport": true, "s3:TlsVersion": "1.3" })),
            };
            assert!(
                !decide(&request, &Policies { resource: Some(&bucket), ..Policies::default() }).is_allowed()
            );
        }
    }
}

fn trust_shape(partition: &str, ids: &[&str]) -> TrustShape {
    TrustShape {
        partition: partition.to_owned(),
        platform_account: "999999999999".to_owned(),
        platform_role_arn: format!("arn:{partition}:iam::999999999999:role/firmhold-platform"),
        external_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    }
}

#[test]
fn the_role_lets_in_the_platform_with_an_external_id_and_nobody_else() {
    for (partition, _) in PARTITIONS {
        for form in [TrustForm::AccountWithPrincipalArn, TrustForm::RoleArn] {
            for ids in [vec!["fh-1"], vec!["fh-1", "fh-2"]] {
                let trust = policy(PolicyKind::Trust, &trust_policy(&trust_shape(partition, &ids), form));
                let platform = policy(PolicyKind::Identity, &platform_policy(partition, &[]));
                let enters = |who: &str, id: Option<&str>| {
                    let mut request = Request {
                        principal: Principal::from_arn(&format!("arn:{partition}:{who}")).unwrap(),
                        action: "sts:AssumeRole".to_owned(),
                        resource: format!("arn:{partition}:iam::111122223333:role/FirmholdBackend"),
                        resource_account: Some("111122223333".to_owned()),
                        context: Context::new(),
                    };
                    if let Some(id) = id {
                        request.context.set("sts:ExternalId", id);
                    }
                    let policies =
                        Policies { identity: vec![&platform], trust: Some(&trust), ..Policies::default() };
                    decide(&request, &policies).is_allowed()
                };
                let session = "sts::999999999999:assumed-role/firmhold-platform/server-1";
                for id in &ids {
                    assert!(enters(session, Some(id)), "{form:?}");
                }
                for id in [None, Some(""), Some("fh-"), Some("FH-1"), Some("fh-*"), Some("fh-3")] {
                    assert!(!enters(session, id), "{form:?} {id:?}");
                }
                for who in [
                    "sts::999999999999:assumed-role/dev/x",
                    "iam::999999999999:user/firmhold",
                    "iam::999999999999:root",
                    "sts::111122223333:assumed-role/firmhold-platform/x",
                    "iam::111122223333:user/admin",
                    "sts::444455556666:assumed-role/firmhold-platform/x",
                ] {
                    assert!(!enters(who, Some("fh-1")), "{form:?} {who}");
                }
            }
        }
    }
}

/// Names come from configuration: a wildcard in one is a character like any other.
#[test]
fn a_wildcard_in_a_name_widens_nothing() {
    let star = |text: &str| format!("{text}*");
    let mut shape = full("aws", "us-west-2");
    shape.bucket = star("acme");
    shape.prefix = "*/".to_owned();
    shape.kms_key_arn = shape.kms_key_arn.map(|key| star(&key));
    for account in [Account::of(&shape), Account::of(&shape).in_session(&shape, SessionScope::Read)] {
        for (action, resource, keys) in [
            ("s3:GetObject", "arn:aws:s3:::acme-fw/*/a".to_owned(), json!({})),
            ("s3:GetObject", "arn:aws:s3:::acme*/x/a".to_owned(), json!({})),
            ("s3:ListBucket", "arn:aws:s3:::acme*".to_owned(), json!({ "s3:prefix": "x/" })),
            (
                "kms:Decrypt",
                "arn:aws:kms:us-west-2:111122223333:key/primary2".to_owned(),
                json!({ "kms:ViaService": via(&shape) }),
            ),
        ] {
            let ask = ask(action, resource, keys, SessionScope::Read);
            assert!(!account.decide(&shape, &ask).is_allowed(), "{ask:?}");
        }
        let own = ask("s3:GetObject", "arn:aws:s3:::acme*/*/a".to_owned(), json!({}), SessionScope::Read);
        assert!(account.decide(&shape, &own).is_allowed());
    }
    let mut shape = trust_shape("aws", &["fh-1"]);
    shape.platform_role_arn = "arn:aws:iam::999999999999:role/*".to_owned();
    let trust = policy(PolicyKind::Trust, &trust_policy(&shape, TrustForm::default()));
    let platform = policy(PolicyKind::Identity, &platform_policy("aws", &[]));
    let request = Request {
        principal: support::principal("arn:aws:iam::999999999999:role/any"),
        action: "sts:AssumeRole".to_owned(),
        resource: "arn:aws:iam::111122223333:role/FirmholdBackend".to_owned(),
        resource_account: Some("111122223333".to_owned()),
        context: context(&json!({ "sts:ExternalId": "fh-1" })),
    };
    let policies = Policies { identity: vec![&platform], trust: Some(&trust), ..Policies::default() };
    assert!(!decide(&request, &policies).is_allowed());
}

#[test]
fn a_trust_without_external_ids_lets_nobody_in() {
    let none = trust_policy(&trust_shape("aws", &[]), TrustForm::default());
    let text = none.to_string();
    assert!(Policy::parse("trust", &text, PolicyKind::Trust).is_err(), "{text}");
}

#[test]
fn the_platform_may_assume_roles_and_no_more() {
    for (partition, _) in PARTITIONS {
        let allowed = |accounts: &[&str], action: &str, resource: &str| {
            let own = policy(PolicyKind::Identity, &platform_policy(partition, accounts));
            let everybody = json!({
                "Version": "2012-10-17",
                "Statement": { "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" },
            });
            let trust = policy(PolicyKind::Trust, &everybody);
            let request = Request {
                principal: Principal::from_arn(&format!(
                    "arn:{partition}:sts::999999999999:assumed-role/firmhold-platform/s"
                ))
                .unwrap(),
                action: action.to_owned(),
                resource: format!("arn:{partition}:{resource}"),
                resource_account: Some("111122223333".to_owned()),
                context: Context::new(),
            };
            decide(&request, &Policies { identity: vec![&own], trust: Some(&trust), ..Policies::default() })
                .is_allowed()
        };
        assert!(allowed(&[], "sts:AssumeRole", "iam::111122223333:role/path/R"));
        assert!(allowed(&["111122223333"], "sts:AssumeRole", "iam::111122223333:role/R"));
        assert!(!allowed(&["444455556666"], "sts:AssumeRole", "iam::111122223333:role/R"));
        assert!(!allowed(&[], "sts:TagSession", "iam::111122223333:role/R"));
        assert!(!allowed(&[], "s3:GetObject", "s3:::acme-fw/firmhold/a"));
        assert!(!allowed(&[], "iam:CreateRole", "iam::111122223333:role/R"));
    }
}

#[test]
fn the_documents() {
    let shape = full("aws", "us-west-2");
    insta::assert_snapshot!(lines(&trust_policy(&trust_shape("aws", &["fh-1"]), TrustForm::default())), @r#"
    "2012-10-17"
    {"Sid":"FirmholdAssume","Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Condition":{"StringEquals":{"sts:ExternalId":"fh-1"},"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::999999999999:role/firmhold-platform"}}}
    "#);
    insta::assert_snapshot!(lines(&trust_policy(&trust_shape("aws", &["fh-1", "fh-2"]), TrustForm::RoleArn)), @r#"
    "2012-10-17"
    {"Sid":"FirmholdAssume","Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::999999999999:role/firmhold-platform"},"Condition":{"StringEquals":{"sts:ExternalId":["fh-1","fh-2"]}}}
    "#);
    insta::assert_snapshot!(lines(&permission_policy(&shape)), @r#"
    "2012-10-17"
    {"Sid":"FirmholdList","Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws:s3:::acme-fw","Condition":{"StringLike":{"s3:prefix":"firmhold/*"}}}
    {"Sid":"FirmholdBucket","Effect":"Allow","Action":["s3:GetBucketLocation","s3:ListBucketMultipartUploads"],"Resource":"arn:aws:s3:::acme-fw"}
    {"Sid":"FirmholdObjects","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion","s3:GetObjectTagging","s3:GetObjectVersionTagging","s3:PutObject","s3:RestoreObject","s3:ListMultipartUploadParts","s3:AbortMultipartUpload"],"Resource":"arn:aws:s3:::acme-fw/firmhold/*"}
    {"Sid":"FirmholdTags","Effect":"Allow","Action":["s3:PutObjectTagging","s3:PutObjectVersionTagging"],"Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"ForAllValues:StringLike":{"s3:RequestObjectTagKeys":["firmhold","firmhold-*"]},"Null":{"s3:RequestObjectTagKeys":"false"}}}
    {"Sid":"FirmholdDelete","Effect":"Allow","Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::acme-fw/firmhold/.probe/*"}
    {"Sid":"FirmholdImportList","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::acme-fw","Condition":{"StringLike":{"s3:prefix":"old/${$}releases/*"}}}
    {"Sid":"FirmholdImportRead","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::acme-fw/old/${$}releases/*"}
    {"Sid":"FirmholdKey","Effect":"Allow","Action":["kms:GenerateDataKey","kms:Decrypt"],"Resource":"arn:aws:kms:us-west-2:111122223333:key/primary","Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}
    {"Sid":"FirmholdReplica1List","Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::acme-fw-copy","Condition":{"StringLike":{"s3:prefix":"firmhold/*"}}}
    {"Sid":"FirmholdReplica1Location","Effect":"Allow","Action":"s3:GetBucketLocation","Resource":"arn:aws:s3:::acme-fw-copy"}
    {"Sid":"FirmholdReplica1Read","Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":"arn:aws:s3:::acme-fw-copy/firmhold/*"}
    {"Sid":"FirmholdReplica1Key","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:us-west-2:111122223333:key/replica","Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}
    {"Sid":"FirmholdConfigurationReads","Effect":"Allow","Action":["s3:GetBucketObjectLockConfiguration","s3:GetBucketOwnershipControls","s3:GetBucketPublicAccessBlock","s3:GetBucketVersioning","s3:GetEncryptionConfiguration","s3:GetLifecycleConfiguration","s3:GetReplicationConfiguration"],"Resource":"arn:aws:s3:::acme-fw"}
    "#);
    insta::assert_snapshot!(lines(&bucket_policy(&shape)), @r#"
    "2012-10-17"
    {"Sid":"FirmholdDenyPlainHttp","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}
    {"Sid":"FirmholdDenyOldTls","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw/*"],"Condition":{"NumericLessThan":{"s3:TlsVersion":"1.2"}}}
    {"Sid":"FirmholdDenyOtherKey","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"Null":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"false"},"ArnNotEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:us-west-2:111122223333:key/primary"}}}
    {"Sid":"FirmholdDenyUnnamedKey","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"},"Null":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"true"}}}
    {"Sid":"FirmholdDenyOtherEncryption","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"Null":{"s3:x-amz-server-side-encryption":"false"},"StringNotEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}}
    {"Sid":"FirmholdDenyCustomerKey","Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"Null":{"s3:x-amz-server-side-encryption-customer-algorithm":"false"}}}
    {"Sid":"FirmholdCdnRead","Effect":"Allow","Principal":{"Service":"cloudfront.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::acme-fw/firmhold/*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:cloudfront::111122223333:distribution/*"}}}
    "#);
    insta::assert_snapshot!(lines(&session_policy(&shape, SessionScope::Read)), @r#"
    "2012-10-17"
    {"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw-copy"],"Condition":{"StringLike":{"s3:prefix":"firmhold/*"}}}
    {"Effect":"Allow","Action":"s3:GetBucketLocation","Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw-copy"]}
    {"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::acme-fw/firmhold/*","arn:aws:s3:::acme-fw-copy/firmhold/*"]}
    {"Effect":"Allow","Action":"kms:Decrypt","Resource":["arn:aws:kms:us-west-2:111122223333:key/primary","arn:aws:kms:us-west-2:111122223333:key/replica"],"Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}
    "#);
    insta::assert_snapshot!(lines(&session_policy(&shape, SessionScope::Write)), @r#"
    "2012-10-17"
    {"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":"arn:aws:s3:::acme-fw","Condition":{"StringLike":{"s3:prefix":["firmhold/*","old/${$}releases/*"]}}}
    {"Effect":"Allow","Action":["s3:GetBucketLocation","s3:ListBucketMultipartUploads"],"Resource":"arn:aws:s3:::acme-fw"}
    {"Effect":"Allow","Action":["s3:PutObject","s3:RestoreObject","s3:GetObject*Tagging","s3:PutObject*Tagging","s3:*MultipartUpload*"],"Resource":"arn:aws:s3:::acme-fw/firmhold/*"}
    {"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::acme-fw/firmhold/*","arn:aws:s3:::acme-fw/old/${$}releases/*"]}
    {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"arn:aws:kms:us-west-2:111122223333:key/primary","Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}
    "#);
    insta::assert_snapshot!(lines(&session_policy(&shape, SessionScope::Admin)), @r#"
    "2012-10-17"
    {"Effect":"Allow","Action":["s3:ListBucket","s3:ListBucketVersions"],"Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw-copy"],"Condition":{"StringLike":{"s3:prefix":"firmhold/*"}}}
    {"Effect":"Allow","Action":["s3:GetBucket*","s3:Get*Configuration","s3:ListBucketMultipartUploads"],"Resource":["arn:aws:s3:::acme-fw","arn:aws:s3:::acme-fw-copy"]}
    {"Effect":"Allow","Action":["s3:PutObject","s3:RestoreObject","s3:GetObject*Tagging","s3:PutObject*Tagging","s3:*MultipartUpload*"],"Resource":"arn:aws:s3:::acme-fw/firmhold/*"}
    {"Effect":"Allow","Action":["s3:GetObject","s3:GetObjectVersion"],"Resource":["arn:aws:s3:::acme-fw/firmhold/*","arn:aws:s3:::acme-fw-copy/firmhold/*"]}
    {"Effect":"Allow","Action":["s3:DeleteObject","s3:DeleteObjectVersion"],"Resource":"arn:aws:s3:::acme-fw/firmhold/.probe/*"}
    {"Effect":"Allow","Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":["arn:aws:kms:us-west-2:111122223333:key/primary","arn:aws:kms:us-west-2:111122223333:key/replica"],"Condition":{"StringEquals":{"kms:ViaService":"s3.us-west-2.amazonaws.com"}}}
    "#);
    insta::assert_snapshot!(lines(&platform_policy("aws", &[])), @r#"
    "2012-10-17"
    {"Sid":"FirmholdAssumeBackendRoles","Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::*:role/*"}
    "#);
}

/// A statement a line.
fn lines(document: &Value) -> String {
    let statements: Vec<String> =
        document["Statement"].as_array().into_iter().flatten().map(Value::to_string).collect();
    format!("{}\n{}", document["Version"], statements.join("\n"))
}
