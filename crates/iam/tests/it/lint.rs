//! The linter: each rule by a document that shows it and one that does not; the mend; and our own documents.

use firmhold_iam::generate::{installer_policy, key_policy, replication_permissions, replication_trust};
use firmhold_iam::guide::{self, Page};
use firmhold_iam::lint::{Document, DocumentKind, Finding, Setting, Severity, documents_of_plan, lint};
use firmhold_iam::{
    BackendShape, SessionScope, TrustForm, TrustShape, bucket_policy, permission_policy, platform_policy,
    session_policy, trust_policy,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::catalogue::shapes;

fn found(kind: DocumentKind, value: &Value) -> Vec<Finding> {
    let text = serde_json::to_string_pretty(value).expect("a document");
    lint(&[Document::new("x", kind, text)], &Setting::default())
}

fn ids(kind: DocumentKind, value: &Value) -> Vec<&'static str> {
    let mut ids: Vec<_> = found(kind, value).iter().map(|finding| finding.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn policy(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

#[test]
fn documents_that_show_one_thing_each() {
    use DocumentKind as K;
    let get = |extra: Value| {
        let mut statement =
            json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-fw/*" });
        statement.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        policy(statement)
    };
    let trust = |principal: Value, condition: Value| {
        policy(
            json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition }),
        )
    };
    let random = json!({ "StringEquals": { "sts:ExternalId": "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10" } });
    let root = json!({ "AWS": "arn:aws:iam::999999999999:root" });
    let cases: Vec<(K, Value, &[&str])> = vec![
        (K::Identity, get(json!({})), &[]),
        (K::Identity, get(json!({ "Action": "s3:GetObjekt" })), &["unknown-action"]),
        (K::Identity, get(json!({ "Action": "s3:*Tagging*" })), &[]),
        (
            K::Identity,
            get(json!({ "Condition": { "StringEquals": { "s3:prefiks": "x" } } })),
            &["unknown-condition-key"],
        ),
        (K::Identity, get(json!({ "Condition": { "StringEquals": { "s3:prefix": "x" } } })), &["T01"]),
        (K::Identity, get(json!({ "Condition": { "StringEqualsIfExists": { "s3:prefix": "x" } } })), &[]),
        (K::Identity, get(json!({ "Acton": "s3:*" })), &["refused"]),
        (K::Identity, get(json!({ "Resource": "arn:aws:s3:::<bucket>/*" })), &["T37", "placeholder"]),
        (K::Identity, get(json!({ "Resource": "arn:aws:s3:::acme-fw*" })), &["T44"]),
        (K::Bucket, get(json!({ "Principal": "*" })), &["wildcard-principal"]),
        (
            K::Bucket,
            get(
                json!({ "Principal": "*", "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-abcdefghij" } } }),
            ),
            &[],
        ),
        (K::Bucket, get(json!({ "Principal": { "Service": "cloudfront.amazonaws.com" } })), &["T33"]),
        (
            K::Bucket,
            get(
                json!({ "Effect": "Deny", "Principal": "*", "Condition": { "NotIpAddress": { "aws:SourceIp": "198.51.100.0/24" } } }),
            ),
            &["T35"],
        ),
        (
            K::Bucket,
            get(json!({ "Effect": "Deny", "Principal": "*", "Condition": {
                "StringNotEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" },
                "ArnNotEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/R" },
            } })),
            &[],
        ),
        (K::Trust, trust(root.clone(), random.clone()), &[]),
        (K::Trust, trust(root.clone(), json!({ "StringEquals": { "sts:ExternalId": "acme" } })), &["T18"]),
        (
            K::Trust,
            trust(
                root.clone(),
                json!({ "StringEqualsIfExists": { "sts:ExternalId": "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10" } }),
            ),
            &["external-id-optional"],
        ),
        (
            K::Trust,
            trust(root.clone(), json!({ "StringLike": { "sts:ExternalId": "*" } })),
            &["external-id-optional"],
        ),
        (
            K::Trust,
            trust(
                root.clone(),
                json!({ "ForAllValues:StringEquals": { "sts:ExternalId": "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10" } }),
            ),
            &["external-id-optional"],
        ),
        (
            K::Trust,
            trust(
                root.clone(),
                json!({ "ArnEquals": { "aws:PrincipalArn": "arn:aws:iam::999999999999:role/p" } }),
            ),
            &["external-id-missing"],
        ),
        (
            K::Trust,
            policy(json!({ "Effect": "Allow", "Principal": root.clone(), "Action": "sts:AssumeRole" })),
            &["T17"],
        ),
        (K::Trust, trust(json!({ "AWS": "arn:aws:iam::999999999999:role/p" }), random.clone()), &["T24"]),
        (K::Trust, trust(json!({ "Service": "s3.amazonaws.com" }), json!({})), &[]),
        (K::Trust, trust(json!("*"), random), &["wildcard-principal"]),
        // A condition that everybody in the account fulfils is as good as none.
        (K::Trust, trust(root.clone(), json!({ "Bool": { "aws:SecureTransport": "true" } })), &["T17"]),
        (
            K::Trust,
            trust(root.clone(), json!({ "StringEquals": { "aws:PrincipalAccount": "999999999999" } })),
            &["T17"],
        ),
        (K::Trust, trust(root.clone(), json!({ "ArnLike": { "aws:PrincipalArn": "*" } })), &["T17"]),
        (
            K::Trust,
            trust(root.clone(), json!({ "Bool": { "aws:MultiFactorAuthPresent": "true" } })),
            &["external-id-missing"],
        ),
        // So are external IDs of which any of many will do.
        (
            K::Trust,
            trust(root.clone(), json!({ "StringLike": { "sts:ExternalId": "acme-*" } })),
            &["external-id-optional"],
        ),
        (
            K::Trust,
            trust(
                root,
                json!({ "StringLike": { "sts:ExternalId": "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a1?" } }),
            ),
            &["external-id-optional"],
        ),
        (
            K::Lifecycle,
            json!({ "Rules": [{ "ID": "r", "Status": "Enabled", "Filter": { "Tag": { "Key": "firmhold", "Value": "retired" } },
                "Transitions": [{ "Days": 30, "StorageClass": "GLACIER" }],
                "NoncurrentVersionExpiration": { "NoncurrentDays": 90 },
                "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } }] }),
            &[],
        ),
    ];
    for (kind, document, expected) in &cases {
        let expected: &[&str] = expected;
        assert_eq!(ids(*kind, document), expected, "{document:#}");
    }
}

fn lifecycle(rules: Value) -> Vec<Finding> {
    found(DocumentKind::Lifecycle, &json!({ "Rules": rules }))
}

#[test]
fn lifecycle_rules_are_judged_together() {
    let rule = |extra: Value| {
        let mut rule = json!({ "ID": "r", "Status": "Enabled", "Filter": {} });
        rule.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        rule
    };
    let abort = json!({ "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } });
    let moved = json!({ "Transitions": [{ "Days": 30, "StorageClass": "STANDARD_IA" }] });
    let old = json!({ "NoncurrentVersionExpiration": { "NoncurrentDays": 90 } });
    let old_moved =
        json!({ "NoncurrentVersionTransitions": [{ "NoncurrentDays": 9, "StorageClass": "GLACIER" }] });
    let tiered = json!({ "Transitions": [{ "Days": 0, "StorageClass": "INTELLIGENT_TIERING" }] });
    for (rules, expected) in [
        // Old versions are thought of in another rule.
        (json!([rule(moved.clone()), rule(old.clone()), rule(abort.clone())]), &["T10"][..]),
        (json!([rule(tiered.clone()), rule(abort.clone())]), &["T11"]),
        (json!([rule(tiered), rule(old), rule(abort.clone())]), &[]),
        // Moved is not removed.
        (json!([rule(old_moved), rule(abort.clone())]), &["T11"]),
        (
            json!([rule(moved), rule(abort), rule(json!({}))]),
            &["T08", "T10", "T11", "lifecycle-rule-without-action"],
        ),
    ] {
        let found = lifecycle(rules.clone());
        let mut ids: Vec<_> = found.iter().map(|finding| finding.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected, "{rules:#}");
        // No mend leaves an empty list, or a rule that does nothing.
        for finding in found.iter().filter(|finding| finding.id != "T11") {
            let Some(mended) = finding.mend.as_ref().and_then(|mend| mend.replacement.as_deref()) else {
                continue;
            };
            let after: Value = serde_json::from_str(mended).unwrap();
            assert!(!mended.contains("[]") && !mended.contains("[\n  ]"), "{}: {mended}", finding.id);
            let empty = |found: &[Finding]| {
                found.iter().filter(|it| it.id == "lifecycle-rule-without-action").count()
            };
            assert!(empty(&lifecycle(after["Rules"].clone())) <= empty(&found), "{}: {mended}", finding.id);
        }
    }
}

#[test]
fn what_keeps_devices_out_is_decided() {
    let bucket = |extra: Value| {
        let mut statement = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::acme-fw/*" });
        let members = statement.as_object_mut().unwrap();
        for (name, value) in extra.as_object().unwrap() {
            if let Some(plain) = name.strip_prefix("Not") {
                members.remove(plain);
            }
            members.insert(name.clone(), value.clone());
        }
        policy(statement)
    };
    let elsewhere = json!({ "NotIpAddress": { "aws:SourceIp": "198.51.100.0/24" } });
    let out = [
        json!({ "Condition": elsewhere }),
        json!({ "Condition": elsewhere, "NotAction": "s3:PutObject" }),
        json!({ "Condition": elsewhere, "Resource": "*" }),
        json!({ "Condition": { "Null": { "aws:SourceVpce": "true" } } }),
        json!({ "Condition": elsewhere, "Principal": { "AWS": "arn:aws:iam::444455556666:root" } }),
    ];
    let in_ = [
        // A block of addresses that are not wanted.
        json!({ "Condition": { "IpAddress": { "aws:SourceIp": "198.51.100.0/24" } } }),
        json!({ "Condition": { "StringEquals": { "aws:SourceVpc": "vpc-1a2b3c4d" } } }),
        json!({ "Condition": elsewhere, "Action": "s3:PutObject" }),
        json!({ "Condition": elsewhere, "Resource": "arn:aws:s3:::acme-fw" }),
        json!({ "Condition": elsewhere, "Principal": { "AWS": "arn:aws:iam::444455556666:user/alice" } }),
    ];
    for (cases, expected) in [(&out[..], true), (&in_[..], false)] {
        for case in cases {
            let found = ids(DocumentKind::Bucket, &bucket(case.clone())).contains(&"T35");
            assert_eq!(found, expected, "{case:#}");
        }
    }
}

#[test]
fn what_a_role_lists_is_decided() {
    let role = |condition: Value| {
        let mut list =
            json!({ "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme-fw" });
        list["Condition"] = condition;
        let objects = json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::acme-fw/*" });
        json!({ "Version": "2012-10-17", "Statement": [list, objects] })
    };
    for (condition, expected) in [
        (json!({ "StringLike": { "s3:prefix": "firmhold/*" } }), false),
        (json!({ "StringEquals": { "s3:prefix": ["", "home/"], "s3:delimiter": "/" } }), false),
        (json!({ "StringLike": { "s3:prefix": "*" } }), true),
        (json!({ "StringLikeIfExists": { "s3:prefix": "firmhold/*" } }), true),
        (json!({ "StringNotLike": { "s3:prefix": "secret/*" } }), true),
        (json!({ "NumericLessThan": { "s3:max-keys": "10" } }), true),
    ] {
        let found = ids(DocumentKind::Identity, &role(condition.clone())).contains(&"T43");
        assert_eq!(found, expected, "{condition}");
    }
}

#[test]
fn alarms_on_other_metrics_are_not_judged() {
    let other = json!({ "AlarmName": "cpu", "Namespace": "AWS/EC2", "MetricName": "CPUUtilization" });
    assert!(ids(DocumentKind::Alarm, &other).is_empty());
    let mut size = json!({ "AlarmName": "size", "Namespace": "AWS/S3", "MetricName": "BucketSizeBytes", "Statistic": "Average",
        "Period": 86400, "Dimensions": [{ "Name": "BucketName", "Value": "acme-fw" }] });
    assert_eq!(ids(DocumentKind::Alarm, &size), ["T28"]);
    size["Dimensions"] = json!([{ "Name": "BucketName", "Value": "acme-fw" }, { "Name": "StorageType", "Value": "StandardStorage" }]);
    assert!(ids(DocumentKind::Alarm, &size).is_empty());
}

#[test]
fn uploads_are_decided_whatever_names_the_objects() {
    for resource in ["*", "arn:aws:s3:::acme-fw*", "arn:aws:s3:::acme-fw/*"] {
        let document = policy(json!({
            "Effect": "Allow", "Action": "s3:PutObject", "Resource": resource,
            "Condition": { "StringEquals": { "s3:x-amz-server-side-encryption": "AES256" } },
        }));
        assert!(ids(DocumentKind::Identity, &document).contains(&"T03"), "{resource}");
    }
    // Both uses of the key are needed.
    let document = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::acme-fw/*" },
        { "Effect": "Allow", "Action": "kms:GenerateDataKey", "Resource": "arn:aws:kms:us-west-2:111122223333:key/k" }] });
    let setting = Setting { kms: true, ..Setting::default() };
    let found = lint(&[Document::new("x", DocumentKind::Identity, document.to_string())], &setting);
    let messages: Vec<&str> =
        found.iter().filter(|it| it.id == "T05").map(|it| it.message.as_str()).collect();
    assert_eq!(messages, ["`Statement[0]` lets objects be written, and nothing allows kms:Decrypt."]);
}

#[test]
fn capitals_are_placeholders_where_names_are_due() {
    let mut document = policy(
        json!({ "Sid": "DENYORGID", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::acme-fw/region/*" }),
    );
    document["Id"] = json!("POLICY_FOR_ORG_ID");
    assert!(ids(DocumentKind::Identity, &document).is_empty());
    document["Statement"][0]["Resource"] = json!("arn:aws:s3:::BUCKET_NAME/*");
    assert!(ids(DocumentKind::Identity, &document).contains(&"placeholder"));
}

/// For everybody, under conditions that a stranger fulfils, and under some that he cannot.
#[test]
fn who_is_limited_by_a_condition() {
    let open = [
        json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/Deploy" } }),
        json!({ "StringLike": { "aws:PrincipalOrgID": "o-*" } }),
        json!({ "ForAllValues:StringLike": { "aws:PrincipalOrgPaths": "o-abcdefghij/*" } }),
        json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": "*/r-ab12/*" } }),
        json!({ "StringEqualsIfExists": { "aws:SourceVpce": "vpce-1a2b3c4d" } }),
        json!({ "StringEquals": { "aws:PrincipalAccount": "${aws:PrincipalAccount}" } }),
        json!({ "IpAddress": { "aws:SourceIp": ["198.51.100.0/24", "0.0.0.0/1"] } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::*" } }),
        json!({ "StringNotEquals": { "aws:PrincipalAccount": "111122223333" } }),
    ];
    let limited = [
        json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/*" } }),
        json!({ "StringEquals": { "aws:PrincipalOrgID": "${aws:ResourceOrgID}" } }),
        json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": "o-abcdefghij/r-ab12/*" } }),
        json!({ "StringEquals": { "aws:SourceVpce": "vpce-1a2b3c4d" } }),
        json!({ "IpAddress": { "aws:SourceIp": "198.51.100.0/24" } }),
        json!({ "ArnLike": { "aws:SourceArn": "arn:aws:s3:::acme-fw/*" } }),
        json!({ "StringLike": { "aws:userid": "AROAEXAMPLEEXAMPLE12:*" } }),
    ];
    for (conditions, expected) in [(&open[..], true), (&limited[..], false)] {
        for condition in conditions {
            let document = policy(json!({
                "Effect": "Allow", "Principal": "*", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::acme-fw",
                "Condition": condition,
            }));
            let found = ids(DocumentKind::Bucket, &document).contains(&"wildcard-principal");
            assert_eq!(found, expected, "{condition}");
        }
    }
}

/// As many values as fit below one long name, and as many patterns and keys as fit: neither takes memory or time that
/// grows with the product of two of them.
#[test]
fn documents_made_to_be_slow_are_not() {
    let name = "n".repeat(128 * 1024);
    let ones = vec!["1"; 150_000].join(",");
    let long = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {{"StringEquals": {{"{name}": [{ones}]}}}}}}}}"#
    );
    let statement = |of: usize| {
        let actions: Vec<String> =
            (0..150).map(|n| format!(r#""*:{}*{of}x{n}*""#, "?".repeat(n % 9))).collect();
        let keys: Vec<String> = (0..40).map(|n| format!(r#""aws:RequestTag/{of}-{n}": "1""#)).collect();
        format!(
            r#"{{"Effect": "Allow", "Action": ["*:*", "s3:*", {}], "Resource": "*", "Condition": {{"StringEquals": {{{}}}}}}}"#,
            actions.join(","),
            keys.join(",")
        )
    };
    let statements: Vec<String> = (0..120).map(statement).collect();
    let many = format!(r#"{{"Statement": [{}]}}"#, statements.join(","));
    for text in [long, many] {
        for kind in [DocumentKind::Identity, DocumentKind::Bucket, DocumentKind::Lifecycle] {
            let found = lint(&[Document::new("x", kind, text.clone())], &Setting::default());
            assert!(found.len() < 500, "{}", found.len());
        }
    }
}

#[test]
fn text_that_is_no_policy_is_a_finding_with_its_place() {
    let broken = "{\"Version\": \"2012-10-17\",\n \"Statement\": [}";
    let found = lint(&[Document::new("x", DocumentKind::Identity, broken)], &Setting::default());
    assert_eq!((found.len(), found[0].id, found[0].place.line, found[0].place.column), (1, "refused", 2, 16));
}

#[test]
fn each_mend_mends() {
    let page = Page::read(include_str!("../fixtures/guide/larkspur.md"));
    let setting = Setting { kms: true, ..Setting::default() };
    let mut mended = 0;
    for block in page.blocks() {
        let Some(document) = guide::document("x", block) else { continue };
        let document = Document::new("x", document.kind(), document.text());
        let before = lint(std::slice::from_ref(&document), &setting);
        for finding in &before {
            let Some(replacement) = finding.mend.as_ref().and_then(|mend| mend.replacement.clone()) else {
                continue;
            };
            let after = lint(&[Document::new("x", document.kind(), replacement.clone())], &setting);
            let count = |list: &[Finding]| {
                list.iter()
                    .filter(|other| other.id == finding.id && other.severity >= finding.severity)
                    .count()
            };
            assert!(count(&after) < count(&before), "{} at {}:\n{replacement}", finding.id, finding.place);
            assert!(after.iter().all(|other| other.id != "refused"), "{}: {replacement}", finding.id);
            mended += 1;
        }
    }
    assert!(mended >= 15, "{mended}");
}

fn trust_shape(shape: &BackendShape) -> TrustShape {
    TrustShape {
        partition: shape.partition.clone(),
        platform_account: "999999999999".to_owned(),
        platform_role_arn: format!("arn:{}:iam::999999999999:role/firmhold-platform", shape.partition),
        external_ids: vec!["9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10".to_owned()],
    }
}

#[test]
fn our_own_documents_have_nothing_above_a_note() {
    for shape in shapes() {
        let trust = trust_shape(&shape);
        let mut documents = vec![
            (DocumentKind::Identity, permission_policy(&shape)),
            (DocumentKind::Bucket, bucket_policy(&shape)),
            (DocumentKind::Trust, trust_policy(&trust, TrustForm::AccountWithPrincipalArn)),
            (DocumentKind::Trust, trust_policy(&trust, TrustForm::RoleArn)),
            (DocumentKind::Identity, platform_policy(&shape.partition, &[])),
            (DocumentKind::Trust, replication_trust()),
            (DocumentKind::Key, key_policy(&shape)),
            (DocumentKind::Identity, installer_policy(&shape, "FirmholdBackend")),
            (DocumentKind::Session, session_policy(&shape, SessionScope::Read)),
            (DocumentKind::Session, session_policy(&shape, SessionScope::Write)),
            (DocumentKind::Session, session_policy(&shape, SessionScope::Admin)),
        ];
        // Without a replica there is nothing to replicate to.
        if !shape.replicas.is_empty() {
            documents.push((DocumentKind::Identity, replication_permissions(&shape)));
        }
        let setting = Setting {
            bucket: Some(shape.bucket.clone()),
            prefix: Some(shape.prefix.clone()),
            kms: shape.kms_key_arn.is_some(),
            ..Setting::default()
        };
        let documents: Vec<Document> = documents
            .iter()
            .enumerate()
            .map(|(index, (kind, value))| Document::new(format!("{index}"), *kind, format!("{value:#}")))
            .collect();
        let above: Vec<Finding> = lint(&documents, &setting)
            .into_iter()
            .filter(|finding| finding.severity > Severity::Note)
            .collect();
        assert!(above.is_empty(), "{above:#?}");
    }
}

#[test]
fn a_terraform_plan_is_linted_by_address() {
    let plan = json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": { "root_module": {
            "resources": [
                { "address": "aws_s3_bucket.fw", "mode": "managed", "type": "aws_s3_bucket", "values": { "bucket": "acme-firmware-prod" } },
                { "address": "aws_cloudwatch_metric_alarm.errors", "type": "aws_cloudwatch_metric_alarm", "values": {
                    "alarm_name": "errors", "metric_name": "4xxErrors", "namespace": "AWS/S3", "statistic": "Sum", "period": 300,
                    "threshold": 10, "comparison_operator": "GreaterThanThreshold", "evaluation_periods": 2,
                    "dimensions": { "BucketName": "acme-firmware-prod" } } },
            ],
            "child_modules": [{ "resources": [
                { "address": "module.fw.aws_iam_role.backend", "type": "aws_iam_role", "values": {
                    "assume_role_policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::999999999999:root\"},\"Action\":\"sts:AssumeRole\"}]}" } },
                { "address": "module.fw.aws_s3_bucket_lifecycle_configuration.fw", "type": "aws_s3_bucket_lifecycle_configuration", "values": {
                    "rule": [{ "id": "old", "status": "Enabled", "filter": [{ "prefix": "firmhold/" }],
                        "transition": [{ "days": 90, "storage_class": "GLACIER" }], "noncurrent_version_expiration": [],
                        "abort_incomplete_multipart_upload": [{ "days_after_initiation": 7 }] }] } },
                { "address": "module.fw.aws_s3_bucket_replication_configuration.fw", "type": "aws_s3_bucket_replication_configuration", "values": {
                    "rule": [{ "id": "copy", "status": "Enabled", "prefix": "", "filter": [],
                        "destination": [{ "bucket": "arn:aws:s3:::acme-firmware-copy" }] }] } },
            ] }],
        } },
    });
    let documents = documents_of_plan(&plan.to_string()).unwrap();
    let found = lint(&documents, &Setting::default());
    let found: Vec<String> = found
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| format!("{} {} {}", finding.id, finding.document, finding.place.path))
        .collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    T36 aws_s3_bucket.fw Bucket
    T27 aws_cloudwatch_metric_alarm.errors MetricName
    T29 aws_cloudwatch_metric_alarm.errors Threshold
    T17 module.fw.aws_iam_role.backend.assume_role_policy Statement[0].Principal.AWS
    T11 module.fw.aws_s3_bucket_lifecycle_configuration.fw Rules
    T08 module.fw.aws_s3_bucket_lifecycle_configuration.fw Rules[0].Transitions
    T07 module.fw.aws_s3_bucket_lifecycle_configuration.fw Rules[0].Transitions[0].StorageClass
    T14 module.fw.aws_s3_bucket_replication_configuration.fw Rules[0].Prefix
    ");
    assert!(documents_of_plan("{}").is_err() && documents_of_plan("[").is_err());
}

/// Every kind of document.
const KINDS: [DocumentKind; 12] = [
    DocumentKind::Identity,
    DocumentKind::Session,
    DocumentKind::Trust,
    DocumentKind::Bucket,
    DocumentKind::Key,
    DocumentKind::Lifecycle,
    DocumentKind::Replication,
    DocumentKind::Alarm,
    DocumentKind::Encryption,
    DocumentKind::NewBucket,
    DocumentKind::Command,
    DocumentKind::Prose,
];

/// JSON made of the names and values that rules look for, in places where they do not belong.
fn odd_json() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 40] = [
        "Version",
        "2012-10-17",
        "Statement",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "AWS",
        "Action",
        "Resource",
        "Condition",
        "StringEquals",
        "StringEqualsIfExists",
        "Null",
        "sts:ExternalId",
        "s3:prefix",
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListBucket",
        "sts:AssumeRole",
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::b",
        "*",
        "Rules",
        "Transitions",
        "StorageClass",
        "GLACIER",
        "Days",
        "Filter",
        "Prefix",
        "Destination",
        "Bucket",
        "Role",
        "Id",
        "MetricName",
        "4xxErrors",
        "Threshold",
        "YOUR_BUCKET",
        "${aws:username}",
        "é",
    ];
    let word = || prop::sample::select(&WORDS[..]);
    let leaf = prop_oneof![
        word().prop_map(|word| json!(word)),
        Just(json!(null)),
        Just(json!(true)),
        Just(json!(1e9)),
        Just(json!([])),
        Just(json!({})),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((word(), inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

/// Takes a piece out of a text, at characters.
fn cut(text: &str, from: usize, length: usize) -> String {
    let characters = text.chars().count().max(1);
    let from = from % characters;
    text.chars().take(from).chain(text.chars().skip(from + length)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_document_panics_and_every_place_is_in_it(value in odd_json(), from in 0_usize..4000, length in 0_usize..40) {
        let whole = format!("{value:#}");
        for text in [&whole, &cut(&whole, from, length)] {
            let lines = text.matches('\n').count() + 1;
            for kind in KINDS {
                let document = Document::new("x", kind, text.as_str());
                for finding in lint(&[document], &Setting { backend_role: true, kms: true, ..Setting::default() }) {
                    prop_assert!((1..=lines).contains(&finding.place.line), "{} {}", finding.id, finding.place);
                    prop_assert!(finding.place.column >= 1);
                }
            }
        }
    }

    #[test]
    fn no_page_panics(value in odd_json(), from in 0_usize..4000, length in 0_usize..40) {
        let page = cut(&format!("Bucket name: a-b-c\n```json\n{value:#}\n```\naws sts assume-role \\\n x\n"), from, length);
        let _ = guide::lint("x", &page);
        let _ = guide::steps(&Page::read(&page));
        let _ = documents_of_plan(&page);
    }

    #[test]
    fn a_plan_of_odd_values_does_not_panic(value in odd_json(), kind in prop::sample::select(vec![
        "aws_s3_bucket", "aws_iam_role", "aws_s3_bucket_lifecycle_configuration", "aws_s3_bucket_replication_configuration",
        "aws_cloudwatch_metric_alarm", "aws_s3_bucket_policy",
    ])) {
        let names = ["rule", "policy", "bucket", "lifecycle_rule", "dimensions", "assume_role_policy", "inline_policy", "filter"];
        let values: serde_json::Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
        let plan = json!({ "values": { "root_module": { "resources": [{ "address": "a.b", "type": kind, "values": values }] } } });
        if let Ok(documents) = documents_of_plan(&plan.to_string()) {
            let _ = lint(&documents, &Setting::default());
        }
    }
}
