//! Control policies: they have a say in every request, and refusals name them.

use aws_sdk_s3::primitives::ByteStream;
use firmhold_sandbox::{ControlKind, OrganizationError, Sandbox, SandboxConfig};

use crate::harness::{CUSTOMER, Harness, PLATFORM, allow, refusal, refusal_code, start};

const MANAGEMENT: &str = "123456789012";

fn deny(action: &str, condition: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "No", "Effect": "Deny", "Action": "{action}",
            "Resource": "*"{condition}}}]}}"#
    )
}

fn deny_resource(action: &str, condition: &str) -> String {
    deny(action, condition).replace("\"Action\"", "\"Principal\": \"*\", \"Action\"")
}

/// A member of an organization whose management account is elsewhere, with a bucket.
async fn member() -> Harness {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    harness.sandbox.organization().create(MANAGEMENT, &[CUSTOMER]).unwrap();
    harness
}

#[tokio::test]
async fn a_service_control_policy_binds_even_administrators() {
    let harness = member().await;
    let s3 = harness.s3(harness.admin());
    let put = || s3.put_object().bucket("acme-firmware").key("k").body(ByteStream::from_static(b"x")).send();
    put().await.unwrap();
    let organization = harness.sandbox.organization();
    let root = organization.root().unwrap();
    organization.attach(ControlKind::Service, "no-writes", &deny("s3:PutObject", ""), &root).unwrap();
    assert_eq!(
        refusal(put().await),
        "403 AccessDenied: User: arn:aws:iam::111122223333:user/admin is not authorized to perform: s3:PutObject on \
         resource: \"arn:aws:s3:::acme-firmware/k\" with an explicit deny in a service control policy"
    );
    s3.get_object().bucket("acme-firmware").key("k").send().await.unwrap();
    organization.detach("no-writes", &root).unwrap();
    put().await.unwrap();

    // Every level has to allow: what no policy of the unit allows, nobody below it may.
    let unit = organization.add_unit("devices", &[CUSTOMER]).unwrap();
    organization
        .attach(
            ControlKind::Service,
            "reads",
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "iam:*"], "Resource": "*"}]}"#,
            &unit,
        )
        .unwrap();
    put().await.unwrap();
    organization.detach("FullAWSAccess", &unit).unwrap();
    assert!(
        refusal(put().await).ends_with("because no service control policy allows the s3:PutObject action")
    );
    harness.iam().list_roles().send().await.unwrap();

    organization.dissolve().unwrap();
    put().await.unwrap();
}

#[tokio::test]
async fn the_management_account_is_not_bound_and_strangers_are_not() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let organization = harness.sandbox.organization();
    organization.create(CUSTOMER, &[PLATFORM]).unwrap();
    let root = organization.root().unwrap();
    organization.attach(ControlKind::Service, "nothing", &deny("*", ""), &root).unwrap();
    harness.s3(harness.admin()).list_objects_v2().bucket("acme-firmware").send().await.unwrap();
    let assume = harness.sts(harness.platform_user());
    let role = harness.sandbox.platform_role_arn();
    let refused = refusal(assume.assume_role().role_arn(role).role_session_name("session").send().await);
    assert!(refused.ends_with("with an explicit deny in a service control policy"), "{refused}");
    assert!(matches!(organization.create(CUSTOMER, &[]), Err(OrganizationError::InUse)));
}

#[tokio::test]
async fn a_resource_control_policy_keeps_strangers_out() {
    let harness = member().await;
    let all = allow(&["s3:GetObject"], &["arn:aws:s3:::acme-firmware/*"]);
    let role = harness.customer_role("fw", "fh-1", &all).await;
    let organization = harness.sandbox.organization();
    let outsiders = r#", "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalAccount": ["111122223333"]},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}"#;
    let session = harness.backend(&role, "fh-1", None).await;
    let policy = deny_resource("sts:AssumeRole", outsiders);
    organization.attach(ControlKind::Resource, "inside-only", &policy, CUSTOMER).unwrap();
    let platform = harness.sts(harness.platform().await);
    let call = platform.assume_role().role_arn(&role).role_session_name("backend").external_id("fh-1");
    assert_eq!(refusal_code(call.send().await), "403 AccessDenied");
    // A session that is there already is not touched by this, and is by a policy on what it reads.
    let s3 = harness.s3(session);
    let get = || s3.get_object().bucket("acme-firmware").key("fw/a").send();
    get().await.unwrap();
    organization
        .attach(ControlKind::Resource, "no-reads", &deny_resource("s3:GetObject", ""), CUSTOMER)
        .unwrap();
    let refused = refusal(get().await);
    assert!(refused.ends_with("with an explicit deny in a resource control policy"), "{refused}");
}

#[tokio::test]
async fn membership_is_a_condition_key() {
    let harness = start().await;
    harness.bucket("acme-firmware").await;
    let s3 = harness.s3(harness.admin());
    let policy = |organization: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::acme-firmware/*",
                "Condition": {{"StringNotEquals": {{"aws:PrincipalOrgID": "{organization}"}}}}}}]}}"#
        )
    };
    let get = || s3.get_object().bucket("acme-firmware").key("fw/a").send();
    let id = harness.sandbox.organization().create(MANAGEMENT, &[CUSTOMER]).unwrap();
    s3.put_bucket_policy().bucket("acme-firmware").policy(policy(&id)).send().await.unwrap();
    get().await.unwrap();
    harness.sandbox.organization().dissolve().unwrap();
    assert_eq!(refusal_code(get().await), "403 AccessDenied");
}

#[tokio::test]
async fn documents_are_checked_and_a_restart_keeps_them() {
    let Harness { sandbox, dir } = member().await;
    let organization = sandbox.organization();
    let root = organization.root().unwrap();
    assert!(matches!(
        organization.attach(ControlKind::Resource, "x", &deny("s3:*", ""), &root),
        Err(OrganizationError::Policy(_))
    ));
    assert!(matches!(
        organization.attach(ControlKind::Service, "x", &deny("s3:*", ""), "ou-none"),
        Err(OrganizationError::NoSuchTarget(_))
    ));
    organization.attach(ControlKind::Service, "no-s3", &deny("s3:*", ""), CUSTOMER).unwrap();
    sandbox.stop().await;
    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    let harness = Harness { sandbox, dir };
    assert_eq!(harness.sandbox.organization().root().unwrap(), root);
    assert_eq!(refusal_code(harness.s3(harness.admin()).list_buckets().send().await), "403 AccessDenied");
}

#[tokio::test]
async fn an_account_may_look_at_what_binds_it() {
    use serde_json::json;
    let harness = start().await;
    let admin = harness.admin();
    let call = async |credentials: &_, action: &str, input| {
        harness
            .json(credentials, "organizations", &format!("AWSOrganizationsV20161128.{action}"), input)
            .await
    };
    let (status, none) = call(&admin, "DescribeOrganization", json!({})).await;
    assert_eq!((status, none["__type"].as_str()), (400, Some("AWSOrganizationsNotInUseException")));
    let organization = harness.sandbox.organization();
    let id = organization.create(CUSTOMER, &[PLATFORM]).unwrap();
    let policy = organization.attach(ControlKind::Service, "no-s3", &deny("s3:*", ""), PLATFORM).unwrap();
    let (_, described) = call(&admin, "DescribeOrganization", json!({})).await;
    assert_eq!(described["Organization"]["Id"], json!(id));
    assert_eq!(described["Organization"]["MasterAccountId"], json!(CUSTOMER));
    let filter = json!({"Filter": "SERVICE_CONTROL_POLICY", "TargetId": PLATFORM});
    let (_, listed) = call(&admin, "ListPoliciesForTarget", filter.clone()).await;
    let names: Vec<_> = listed["Policies"].as_array().unwrap().iter().map(|policy| &policy["Name"]).collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&&json!("FullAWSAccess")) && names.contains(&&json!("no-s3")));
    let (_, read) = call(&admin, "DescribePolicy", json!({"PolicyId": policy})).await;
    assert_eq!(read["Policy"]["Content"], json!(deny("s3:*", "")));
    let (status, unknown) = call(&admin, "DescribePolicy", json!({"PolicyId": "p-none"})).await;
    assert_eq!((status, unknown["__type"].as_str()), (400, Some("PolicyNotFoundException")));

    // A member sees the organization, and not its policies.
    organization.dissolve().unwrap();
    organization.create(MANAGEMENT, &[CUSTOMER]).unwrap();
    assert_eq!(call(&admin, "DescribeOrganization", json!({})).await.0, 200);
    let (status, refused) = call(&admin, "ListPoliciesForTarget", filter).await;
    assert_eq!((status, refused["__type"].as_str()), (400, Some("AccessDeniedException")));
    let nobody = harness.customer_session("nobody", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let (status, refused) = call(&nobody, "DescribeOrganization", json!({})).await;
    assert_eq!((status, refused["__type"].as_str()), (400, Some("AccessDeniedException")));
}
