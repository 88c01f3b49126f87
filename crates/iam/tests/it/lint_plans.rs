//! Terraform plans: what they do not say yet, and which role a policy belongs to.

use firmhold_iam::lint::{Finding, Setting, Severity, documents_of_plan, lint};
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a role needs for uploads in parts.
const PARTS: [&str; 3] =
    ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:ListBucketMultipartUploads"];

/// A policy as it stands in a plan: JSON in a text.
fn policy(actions: &[&str]) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions,
        "Resource": ["arn:aws:s3:::acme-fw-7f3k9q2x", "arn:aws:s3:::acme-fw-7f3k9q2x/*"] }] })
    .to_string()
}

/// Lets firmware be written and read, and no upload in parts be resumed.
fn upload() -> String {
    policy(&["s3:PutObject", "s3:GetObject"])
}

fn trust() -> String {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": { "Service": "ec2.amazonaws.com" } }] })
    .to_string()
}

/// A resource of a plan with what Terraform says of it in the two places.
struct Made {
    address: String,
    values: Value,
    unknown: Value,
}

fn made(address: &str, values: Value, unknown: Value) -> Made {
    Made { address: address.to_owned(), values, unknown }
}

/// A role whose name Terraform makes up.
fn role(address: &str) -> Made {
    let unknown =
        json!({ "arn": true, "id": true, "name": true, "inline_policy": true, "managed_policy_arns": true });
    made(address, json!({ "assume_role_policy": trust(), "name_prefix": "fw-" }), unknown)
}

/// A policy that is made by the same plan.
fn managed(address: &str, text: String) -> Made {
    made(address, json!({ "name": address, "policy": text }), json!({ "arn": true, "id": true }))
}

/// An attachment of which the plan knows neither side.
fn attachment(address: &str) -> Made {
    made(address, json!({}), json!({ "id": true, "role": true, "policy_arn": true }))
}

/// A resource of the configuration with what its arguments refer to.
fn declared(address: &str, arguments: &[(&str, &[&str])]) -> Value {
    let expressions: serde_json::Map<String, Value> = arguments
        .iter()
        .map(|(name, references)| ((*name).to_owned(), json!({ "references": references })))
        .collect();
    let (kind, name) = address.split_once('.').expect("an address");
    json!({ "address": address, "mode": "managed", "type": kind, "name": name, "expressions": expressions })
}

/// A role and a policy attached by reference.
fn attaches(address: &str, role: &str, policy: &str) -> Value {
    let (name, arn) = (format!("{role}.name"), format!("{policy}.arn"));
    declared(address, &[("role", &[&name, role]), ("policy_arn", &[&arn, policy])])
}

/// What `terraform show -json` prints of a plan. Resources of a module stand in that module.
fn plan(made: &[Made], root: &Value) -> String {
    let parts = |address: &str| {
        let (module, own) = address.rsplit_once(".aws_").map_or(("", address), |(module, own)| (module, own));
        let own = if module.is_empty() { own.to_owned() } else { format!("aws_{own}") };
        let (kind, name) =
            own.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("an address");
        (module.to_owned(), kind, name)
    };
    let resource = |made: &Made| {
        let (_, kind, name) = parts(&made.address);
        json!({ "address": made.address, "mode": "managed", "type": kind, "name": name, "schema_version": 0,
            "provider_name": "registry.terraform.io/hashicorp/aws", "values": made.values, "sensitive_values": {} })
    };
    let within = |module: &str| -> Vec<Value> {
        made.iter().filter(|made| parts(&made.address).0 == module).map(resource).collect()
    };
    let mut modules: Vec<String> = made.iter().map(|made| parts(&made.address).0).collect();
    modules.sort();
    modules.dedup();
    let children: Vec<Value> = modules
        .iter()
        .filter(|module| !module.is_empty())
        .map(|module| json!({ "address": module, "resources": within(module) }))
        .collect();
    let changes: Vec<Value> = made
        .iter()
        .map(|made| {
            let (_, kind, name) = parts(&made.address);
            json!({ "address": made.address, "mode": "managed", "type": kind, "name": name,
                "change": { "actions": ["create"], "before": null, "after": made.values, "after_unknown": made.unknown } })
        })
        .collect();
    json!({
        "format_version": "1.2", "terraform_version": "1.9.0",
        "planned_values": { "root_module": { "resources": within(""), "child_modules": children } },
        "resource_changes": changes,
        "configuration": { "root_module": root },
    })
    .to_string()
}

fn found(text: &str) -> Vec<Finding> {
    lint(&documents_of_plan(text).expect("a plan"), &Setting::default())
}

/// The findings of a rule, as document and message.
fn of_rule(text: &str, id: &str) -> Vec<(String, String)> {
    let found = found(text).into_iter().filter(|finding| finding.id == id);
    found.map(|finding| (finding.document, finding.message)).collect()
}

#[test]
fn what_a_plan_does_not_know_yet_is_a_note_and_nothing_else() {
    let made = [
        made(
            "aws_iam_role.backend",
            json!({ "name": "backend", "inline_policy": [{ "name": "a", "policy": upload() }, { "name": "b" }] }),
            json!({ "arn": true, "assume_role_policy": true, "inline_policy": [{}, { "policy": true }] }),
        ),
        made("aws_s3_bucket_policy.fw[0]", json!({}), json!({ "bucket": true, "id": true, "policy": true })),
        made("aws_s3_bucket_lifecycle_configuration.fw", json!({}), json!({ "rule": true })),
        made("aws_kms_key.written", json!({}), json!({ "policy": true })),
        // The provider's own policy, and no inline policies: nobody wrote any.
        made("aws_kms_key.plain", json!({}), json!({ "policy": true })),
        role("aws_iam_role.plain"),
        // Known, though the resource is new.
        managed("aws_iam_policy.known", policy(&["s3:ListBucket"])),
        made("aws_iam_policy.later", json!({ "name": "later" }), json!({ "arn": true, "policy": true })),
    ];
    let root = json!({ "resources": [
        declared("aws_kms_key.written", &[("policy", &["aws_iam_role.backend.arn", "aws_iam_role.backend"])]),
        declared("aws_kms_key.plain", &[]),
        declared("aws_iam_role.plain", &[]),
    ] });
    let found = found(&plan(&made, &root));
    let lines: Vec<String> = found
        .iter()
        .map(|finding| {
            format!("{} {} {} {}", finding.severity, finding.id, finding.document, finding.place.line)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    note not-known-yet aws_iam_role.backend.assume_role_policy 1
    note not-known-yet aws_iam_role.backend.inline_policy[1] 1
    note not-known-yet aws_s3_bucket_policy.fw[0].policy 1
    note not-known-yet aws_s3_bucket_lifecycle_configuration.fw.rule 1
    note not-known-yet aws_kms_key.written.policy 1
    note not-known-yet aws_iam_policy.later.policy 1
    ");
    let message =
        &found.iter().find(|finding| finding.document.starts_with("aws_s3_bucket_policy")).unwrap().message;
    insta::assert_snapshot!(message, @"`aws_s3_bucket_policy.fw[0].policy` is known after the apply, and nothing in it was looked at: `terraform show -json` of the applied state has it.");
}

#[test]
fn a_role_with_an_unknown_policy_is_not_accused_and_another_is() {
    let inline = |name: &str, text: Option<String>| {
        let (values, unknown) = match text {
            Some(text) => (json!({ "role": name, "policy": text }), json!({ "id": true })),
            None => (json!({ "role": name }), json!({ "id": true, "policy": true })),
        };
        (values, unknown)
    };
    let of = |address: &str, (values, unknown): (Value, Value)| made(address, values, unknown);
    let named = |address: &str, name: &str| {
        made(address, json!({ "name": name, "assume_role_policy": trust() }), json!({ "arn": true }))
    };
    let made = [
        named("aws_iam_role.a", "a"),
        named("aws_iam_role.b", "b"),
        of("aws_iam_role_policy.a_upload", inline("a", Some(upload()))),
        of("aws_iam_role_policy.a_more", inline("a", None)),
        of("aws_iam_role_policy.b_upload", inline("b", Some(upload()))),
    ];
    let text = plan(&made, &json!({}));
    let accused = of_rule(&text, "T06");
    assert_eq!(accused.len(), 1, "{accused:?}");
    assert_eq!(accused[0].0, "aws_iam_role_policy.b_upload.policy");
    let notes = of_rule(&text, "not-known-yet");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_eq!(notes[0].0, "aws_iam_role_policy.a_more.policy");
    // Nor by the requests that it may not send.
    let setting = Setting { backend_role: true, kms: true, ..Setting::default() };
    let found = lint(&documents_of_plan(&text).unwrap(), &setting);
    let errors: Vec<_> = found
        .iter()
        .filter(|finding| finding.severity > Severity::Note)
        .map(|finding| (finding.id, finding.document.as_str()))
        .collect();
    let b = "aws_iam_role_policy.b_upload.policy";
    assert_eq!(errors, [("requests-denied", b), ("T05", b), ("T06", b)], "{errors:?}");
}

#[test]
fn what_one_role_may_does_not_hide_what_another_lacks() {
    let named = |name: &str, inline: &[String]| {
        let inline: Vec<Value> = inline.iter().map(|text| json!({ "name": "x", "policy": text })).collect();
        let values = json!({ "name": name, "assume_role_policy": trust(), "inline_policy": inline });
        made(&format!("aws_iam_role.{name}"), values, json!({ "arn": true }))
    };
    let whole = [named("a", &[upload(), policy(&PARTS)]), named("b", &[upload()])];
    let accused = of_rule(&plan(&whole, &json!({})), "T06");
    assert_eq!(accused.len(), 1, "{accused:?}");
    let (document, message) = &accused[0];
    assert_eq!(document, "aws_iam_role.b.inline_policy[0]");
    assert!(message.starts_with("Nothing allows `aws_iam_role.b` s3:AbortMultipartUpload"), "{message}");
    // Both have all they need.
    let whole = [named("a", &[upload(), policy(&PARTS)]), named("b", &[upload(), policy(&PARTS)])];
    assert_eq!(of_rule(&plan(&whole, &json!({})), "T06"), []);
}

#[test]
fn policies_attached_by_reference_belong_to_the_role_that_is_meant() {
    let made = [
        role("aws_iam_role.a"),
        role("aws_iam_role.b"),
        managed("aws_iam_policy.upload", upload()),
        managed("aws_iam_policy.parts", policy(&PARTS)),
        attachment("aws_iam_role_policy_attachment.a_upload"),
        attachment("aws_iam_role_policy_attachment.a_parts"),
        made(
            "aws_iam_policy_attachment.b_upload",
            json!({ "name": "b", "roles": [] }),
            json!({ "roles": [true], "policy_arn": true }),
        ),
    ];
    let b_upload = declared(
        "aws_iam_policy_attachment.b_upload",
        &[
            ("roles", &["aws_iam_role.b.id", "aws_iam_role.b"]),
            ("policy_arn", &["aws_iam_policy.upload.arn", "aws_iam_policy.upload"]),
        ],
    );
    let attached = |third: Value| {
        json!({ "resources": [
            attaches("aws_iam_role_policy_attachment.a_upload", "aws_iam_role.a", "aws_iam_policy.upload"),
            attaches("aws_iam_role_policy_attachment.a_parts", "aws_iam_role.a", "aws_iam_policy.parts"),
            third,
        ] })
    };
    let text = plan(&made, &attached(b_upload));
    let accused = of_rule(&text, "T06");
    assert_eq!(accused.len(), 1, "{accused:?}");
    let (document, message) = &accused[0];
    assert_eq!(document, "aws_iam_policy.upload.policy");
    assert!(message.contains("`aws_iam_role.b`"), "{message}");
    // By a local value nobody knows whose it is: all count together.
    let local = declared(
        "aws_iam_policy_attachment.b_upload",
        &[
            ("roles", &["local.roles"]),
            ("policy_arn", &["aws_iam_policy.upload.arn", "aws_iam_policy.upload"]),
        ],
    );
    assert_eq!(of_rule(&plan(&made, &attached(local)), "T06"), []);
}

#[test]
fn attachments_in_modules_are_followed_by_instance() {
    let of_fleet = |index: usize| {
        [
            role(&format!("module.fleet[{index}].aws_iam_role.this")),
            attachment(&format!("module.fleet[{index}].aws_iam_role_policy_attachment.upload")),
        ]
    };
    let mut made: Vec<Made> = (0..2).flat_map(of_fleet).collect();
    made.push(managed("aws_iam_policy.upload", upload()));
    made.push(managed("aws_iam_policy.parts", policy(&PARTS)));
    made.push(attachment("aws_iam_role_policy_attachment.parts"));
    let root = |role: &[&str]| {
        json!({
            "resources": [declared("aws_iam_role_policy_attachment.parts", &[
                ("role", role), ("policy_arn", &["aws_iam_policy.parts.arn", "aws_iam_policy.parts"]),
            ])],
            "module_calls": { "fleet": {
                "source": "./fleet", "count_expression": { "constant_value": 2 },
                "expressions": { "policy": { "references": ["aws_iam_policy.upload.arn", "aws_iam_policy.upload"] } },
                "module": {
                    "outputs": { "role": { "expression": { "references": ["aws_iam_role.this.name", "aws_iam_role.this"] } } },
                    "variables": { "policy": {} },
                    "resources": [
                        declared("aws_iam_role.this", &[]),
                        declared("aws_iam_role_policy_attachment.upload", &[
                            ("role", &["aws_iam_role.this.name", "aws_iam_role.this"]), ("policy_arn", &["var.policy"]),
                        ]),
                    ],
                },
            } },
        })
    };
    let accused =
        of_rule(&plan(&made, &root(&["module.fleet[0].role", "module.fleet[0]", "module.fleet"])), "T06");
    assert_eq!(accused.len(), 1, "{accused:?}");
    let (document, message) = &accused[0];
    assert_eq!(document, "aws_iam_policy.upload.policy");
    assert!(message.contains("`module.fleet[1].aws_iam_role.this`"), "{message}");
    // Of whichever instance: both have it.
    assert_eq!(of_rule(&plan(&made, &root(&["module.fleet.role", "module.fleet"])), "T06"), []);
}

#[test]
fn instances_are_paired_by_their_key() {
    let made = [
        role("aws_iam_role.a[\"eu\"]"),
        role("aws_iam_role.a[\"us\"]"),
        managed("aws_iam_policy.upload", upload()),
        managed("aws_iam_policy.parts", policy(&PARTS)),
        attachment("aws_iam_role_policy_attachment.upload[\"eu\"]"),
        attachment("aws_iam_role_policy_attachment.upload[\"us\"]"),
        attachment("aws_iam_role_policy_attachment.parts[\"eu\"]"),
    ];
    let each = |address: &str, policy: &str| {
        declared(address, &[("role", &["aws_iam_role.a", "each.key"]), ("policy_arn", &[policy])])
    };
    let root = json!({ "resources": [
        each("aws_iam_role_policy_attachment.upload", "aws_iam_policy.upload"),
        each("aws_iam_role_policy_attachment.parts", "aws_iam_policy.parts"),
    ] });
    let accused = of_rule(&plan(&made, &root), "T06");
    assert_eq!(accused.len(), 1, "{accused:?}");
    assert!(accused[0].1.contains("`aws_iam_role.a[\"us\"]`"), "{accused:?}");
}

#[test]
fn policies_of_users_and_policies_from_elsewhere() {
    let of_user =
        made("aws_iam_user_policy_attachment.u", json!({ "user": "ci" }), json!({ "policy_arn": true }));
    let root = json!({ "resources": [
        declared("aws_iam_user_policy_attachment.u", &[("policy_arn", &["aws_iam_policy.upload.arn", "aws_iam_policy.upload"])]),
    ] });
    let alone = [managed("aws_iam_policy.upload", upload())];
    assert_eq!(of_rule(&plan(&alone, &json!({})), "T06").len(), 1);
    let with_user = [managed("aws_iam_policy.upload", upload()), of_user];
    assert_eq!(of_rule(&plan(&with_user, &root), "T06"), []);

    // What AWS's own policy lets a role do is not in the plan.
    let attached = |role: &str| {
        let values = json!({ "role": role, "policy_arn": "arn:aws:iam::aws:policy/AmazonS3FullAccess" });
        made(&format!("aws_iam_role_policy_attachment.{role}"), values, json!({ "id": true }))
    };
    let named = |name: &str, text: String| {
        let inline = json!([{ "name": "x", "policy": text }]);
        let values = json!({ "name": name, "assume_role_policy": trust(), "inline_policy": inline });
        made(&format!("aws_iam_role.{name}"), values, json!({ "arn": true }))
    };
    let made = [named("a", upload()), attached("a"), named("b", policy(&["s3:ListBucket"])), attached("b")];
    let text = plan(&made, &json!({}));
    assert_eq!(of_rule(&text, "T06"), []);
    let loose = [attached("b"), managed("aws_iam_policy.loose", upload())];
    assert_eq!(of_rule(&plan(&loose, &json!({})), "T06").len(), 1);
    let notes = of_rule(&text, "not-known-yet");
    assert_eq!(notes.len(), 1, "{notes:?}");
    insta::assert_snapshot!(format!("{}: {}", notes[0].0, notes[0].1), @"aws_iam_role_policy_attachment.a.policy_arn: `arn:aws:iam::aws:policy/AmazonS3FullAccess` is not among these documents, so nothing is said of what `aws_iam_role.a` lacks.");
}

#[test]
fn a_replica_is_read_by_the_role_that_uploads() {
    let named = |name: &str, policies: &[String], unknown: Value| {
        let inline: Vec<Value> = policies.iter().map(|text| json!({ "name": "x", "policy": text })).collect();
        let values = json!({ "name": name, "assume_role_policy": trust(), "inline_policy": inline });
        made(&format!("aws_iam_role.{name}"), values, unknown)
    };
    let copies = || {
        let values = json!({ "role": "arn:aws:iam::111122223333:role/copy", "rule": [{ "id": "copy", "status": "Enabled",
            "filter": [{ "prefix": "" }], "destination": [{ "bucket": "arn:aws:s3:::acme-copy-2k8d5v1q" }] }] });
        made("aws_s3_bucket_replication_configuration.fw", values, json!({ "id": true }))
    };
    let reads = policy(&["s3:GetObject"]).replace("acme-fw-7f3k9q2x", "acme-copy-2k8d5v1q");
    let accused = |made: &[Made]| of_rule(&plan(made, &json!({})), "T16").len();
    // Another role that reads it is no help when the first bucket is gone; a policy of its own is.
    let other = named("b", std::slice::from_ref(&reads), json!({}));
    assert_eq!(accused(&[named("a", &[upload()], json!({})), other, copies()]), 1);
    assert_eq!(accused(&[named("a", &[upload(), reads], json!({})), copies()]), 0);
    let later = json!({ "inline_policy": [{}, true] });
    assert_eq!(accused(&[named("a", &[upload()], later), copies()]), 0);
}

#[test]
fn an_alarm_on_a_bucket_of_the_same_plan_names_it() {
    let values = json!({ "alarm_name": "errors", "metric_name": "4xxErrors", "namespace": "AWS/S3", "statistic": "Average",
        "period": 300, "threshold": 0.05, "comparison_operator": "GreaterThanThreshold", "evaluation_periods": 2,
        "treat_missing_data": "notBreaching", "dimensions": { "FilterId": "all" } });
    let made =
        [made("aws_cloudwatch_metric_alarm.errors", values, json!({ "dimensions": { "BucketName": true } }))];
    let found = found(&plan(&made, &json!({})));
    assert!(found.iter().all(|finding| finding.severity == Severity::Note), "{found:#?}");
}

#[test]
fn modules_that_refer_to_each_other_in_a_ring_end() {
    let made = [
        role("module.m.aws_iam_role.r"),
        managed("aws_iam_policy.upload", upload()),
        attachment("module.m.aws_iam_role_policy_attachment.x"),
    ];
    let root = json!({ "module_calls": { "m": {
        "expressions": { "v": { "references": ["module.m.o", "module.m.o", "module.m.o"] } },
        "module": {
            "outputs": { "o": { "expression": { "references": ["var.v", "each.value", "var.v"] } } },
            "resources": [declared("aws_iam_role_policy_attachment.x", &[("role", &["var.v"]), ("policy_arn", &["var.v"])])],
        },
    } } });
    // Nothing says whose it is.
    assert_eq!(of_rule(&plan(&made, &root), "T06").len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_reference_and_no_mark_panics(
        references in prop::collection::vec(prop::sample::select(vec![
            "aws_iam_role.r", "aws_iam_role.r[0].name", "aws_iam_policy.p", "var.v", "var", "each.value", "count.index",
            "module.m.o", "module.m[0].o", "module.m", "module", "module..", "local.x", "data.x.y", "", ".", "[", "é[\".", "a.b[\"",
        ]), 0..6),
        addresses in prop::collection::vec(prop::sample::select(vec![
            "aws_iam_role.r", "aws_iam_role.r[0]", "module.m.aws_iam_role.r", "module.m[0].aws_iam_role.r[\"é\"]",
            "module.m", "aws_iam_role", "", ".", "é[\".", "module.module.module",
        ]), 0..4),
        mark in prop::sample::select(vec![json!(true), json!([true]), json!([{ "policy": true }]), json!({}), json!(null), json!("x")]),
        value in prop::sample::select(vec![json!("r"), json!(["r", null]), json!([]), json!(null), json!({}), json!(1)]),
    ) {
        let arguments = ["role", "roles", "users", "policy_arn", "managed_policy_arns", "policy", "inline_policy", "rule", "dimensions"];
        let of = |value: &Value| -> Value {
            arguments.iter().map(|name| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>().into()
        };
        let kinds = ["aws_iam_role", "aws_iam_policy", "aws_iam_role_policy", "aws_iam_role_policy_attachment",
            "aws_iam_policy_attachment", "aws_iam_user_policy_attachment", "aws_cloudwatch_metric_alarm", "aws_s3_bucket_lifecycle_configuration"];
        let each = || addresses.iter().flat_map(|address| kinds.iter().map(move |kind| (address, kind)));
        let resources: Vec<Value> =
            each().map(|(address, kind)| json!({ "address": address, "type": kind, "values": of(&value) })).collect();
        let changes: Vec<Value> =
            each().map(|(address, _)| json!({ "address": address, "change": { "after_unknown": of(&mark) } })).collect();
        let expression = json!({ "references": references });
        let declared: Vec<Value> =
            each().map(|(address, kind)| json!({ "address": address, "type": kind, "expressions": of(&expression) })).collect();
        let inner = json!({ "resources": declared, "outputs": { "o": { "expression": expression } } });
        let root = json!({ "resources": declared, "module_calls": { "m": {
            "expressions": { "v": expression }, "for_each_expression": expression, "module": inner } } });
        let plan = json!({ "planned_values": { "root_module": { "resources": resources } },
            "resource_changes": changes, "configuration": { "root_module": root } });
        let documents = documents_of_plan(&plan.to_string()).expect("a plan");
        for finding in lint(&documents, &Setting { backend_role: true, ..Setting::default() }) {
            prop_assert!(finding.place.line >= 1);
        }
    }
}
