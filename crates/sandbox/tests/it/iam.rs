//! Roles and their inline policies, over the wire.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use firmhold_sandbox::{Sandbox, SandboxConfig};
use percent_encoding::percent_decode_str;

use crate::harness::{Harness, allow, refusal, refusal_code, start};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:role/firmhold-platform"},"Action":"sts:AssumeRole"}]}"#;

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

async fn create(harness: &Harness, name: &str, trust: &str) -> String {
    let call = harness.iam().create_role().role_name(name).assume_role_policy_document(trust);
    match call.send().await {
        Ok(answer) => answer.role.unwrap().arn,
        error => refusal(error),
    }
}

#[tokio::test]
async fn a_role_lives_through_its_life() {
    let harness = start().await;
    let iam = harness.iam();
    let made = iam
        .create_role()
        .role_name("fw")
        .path("/firmware/")
        .description("reads & writes <firmware>")
        .max_session_duration(7200)
        .assume_role_policy_document(TRUST)
        .tags(aws_sdk_iam::types::Tag::builder().key("team").value("fw").build().unwrap())
        .send()
        .await
        .unwrap()
        .role
        .unwrap();
    assert_eq!(made.arn, "arn:aws:iam::111122223333:role/firmware/fw");
    assert!(made.role_id.starts_with("AROA"));

    let role = iam.get_role().role_name("fw").send().await.unwrap().role.unwrap();
    assert_eq!(role.description.as_deref(), Some("reads & writes <firmware>"));
    assert_eq!(role.max_session_duration, Some(7200));
    let document = role.assume_role_policy_document.unwrap();
    assert!(document.starts_with("%7B%22Version%22"), "{document}");
    assert_eq!(decoded(&document), TRUST);
    assert_eq!(iam.list_role_tags().role_name("fw").send().await.unwrap().tags.len(), 1);

    iam.update_role().role_name("fw").description("d").max_session_duration(3600).send().await.unwrap();
    let open = TRUST.replace("role/firmhold-platform", "root");
    iam.update_assume_role_policy().role_name("fw").policy_document(&open).send().await.unwrap();
    let role = iam.get_role().role_name("fw").send().await.unwrap().role.unwrap();
    assert_eq!(role.description.as_deref(), Some("d"));
    assert_eq!(decoded(&role.assume_role_policy_document.unwrap()), open);

    let policy = allow(&["s3:GetObject"], &["arn:aws:s3:::b/*"]);
    for name in ["a", "b"] {
        iam.put_role_policy()
            .role_name("fw")
            .policy_name(name)
            .policy_document(&policy)
            .send()
            .await
            .unwrap();
    }
    let read = iam.get_role_policy().role_name("fw").policy_name("a").send().await.unwrap();
    assert_eq!(decoded(&read.policy_document), policy);
    let page = iam.list_role_policies().role_name("fw").max_items(1).send().await.unwrap();
    assert_eq!((page.policy_names, page.is_truncated), (vec!["a".to_owned()], true));
    let rest = iam.list_role_policies().role_name("fw").marker(page.marker.unwrap()).send().await.unwrap();
    assert_eq!((rest.policy_names, rest.is_truncated), (vec!["b".to_owned()], false));
    assert!(
        iam.list_attached_role_policies()
            .role_name("fw")
            .send()
            .await
            .unwrap()
            .attached_policies()
            .is_empty()
    );
    let listed = iam.list_roles().path_prefix("/firmware/").send().await.unwrap();
    assert_eq!(listed.roles.len(), 1);

    let conflict = refusal(iam.delete_role().role_name("fw").send().await);
    assert_eq!(conflict, "409 DeleteConflict: Cannot delete entity, must delete policies first.");
    for name in ["a", "b"] {
        iam.delete_role_policy().role_name("fw").policy_name(name).send().await.unwrap();
    }
    iam.delete_role().role_name("fw").send().await.unwrap();
    let gone = refusal(iam.get_role().role_name("fw").send().await);
    assert_eq!(gone, "404 NoSuchEntity: The role with name fw cannot be found.");
}

#[tokio::test]
async fn what_iam_refuses_is_refused() {
    let harness = start().await;
    let iam = harness.iam();
    create(&harness, "fw", TRUST).await;
    assert_eq!(
        create(&harness, "fw", TRUST).await,
        "409 EntityAlreadyExists: Role with name fw already exists."
    );
    let nobody = TRUST.replace("firmhold-platform", "nobody");
    assert_eq!(
        create(&harness, "g", &nobody).await,
        "400 MalformedPolicyDocument: Invalid principal in policy: \
         \"AWS\":\"arn:aws:iam::999999999999:role/nobody\""
    );
    let update = iam.update_assume_role_policy().role_name("fw").policy_document(&nobody);
    assert_eq!(refusal_code(update.send().await), "400 MalformedPolicyDocument");
    // Accounts that are not here are taken on trust.
    let elsewhere = TRUST.replace("999999999999:role/firmhold-platform", "444455556666:role/x");
    assert_eq!(create(&harness, "h", &elsewhere).await, "arn:aws:iam::111122223333:role/h");
    assert!(create(&harness, "i", "{").await.starts_with("400 MalformedPolicyDocument"));
    assert!(create(&harness, "no spaces", TRUST).await.starts_with("400 ValidationError"));

    let put = iam.put_role_policy().role_name("fw").policy_name("p").policy_document(TRUST);
    assert_eq!(refusal_code(put.send().await), "400 MalformedPolicyDocument");
    let put = iam.put_role_policy().role_name("x").policy_name("p").policy_document(allow(&["s3:*"], &["*"]));
    assert_eq!(refusal_code(put.send().await), "404 NoSuchEntity");
    let short = iam.update_role().role_name("fw").max_session_duration(60);
    assert_eq!(refusal_code(short.send().await), "400 ValidationError");
    let missing = iam.get_role_policy().role_name("fw").policy_name("p");
    assert_eq!(refusal_code(missing.send().await), "404 NoSuchEntity");
    let user = iam.get_user().send().await.unwrap().user.unwrap();
    assert_eq!(user.arn, "arn:aws:iam::111122223333:user/admin");
}

#[tokio::test]
async fn iam_is_decided_too() {
    let harness = start().await;
    let platform = aws_sdk_iam::Client::new(&harness.sdk(harness.platform().await));
    assert_eq!(
        refusal(platform.get_role().role_name("firmhold-platform").send().await),
        "403 AccessDenied: User: arn:aws:sts::999999999999:assumed-role/firmhold-platform/server is not authorized \
         to perform: iam:GetRole on resource: arn:aws:iam::999999999999:role/firmhold-platform because no \
         identity-based policy allows the iam:GetRole action"
    );
}

#[tokio::test]
async fn a_restart_keeps_keys_roles_and_sessions() {
    let harness = start().await;
    let role = harness.customer_role("fw", "fh-1234", &allow(&["s3:ListAllMyBuckets"], &["*"])).await;
    let session = harness.backend(&role, "fh-1234", None).await;
    let Harness { sandbox, dir } = harness;
    let (admin, ca) = (sandbox.customer().clone(), std::fs::read(sandbox.ca_file()).unwrap());
    sandbox.stop().await;

    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    assert_eq!(sandbox.customer().secret_access_key, admin.secret_access_key);
    assert_eq!(std::fs::read(sandbox.ca_file()).unwrap(), ca);
    let harness = Harness { sandbox, dir };
    harness.iam().get_role().role_name("fw").send().await.unwrap();
    harness.s3(session).list_buckets().send().await.unwrap();
}

#[tokio::test]
async fn secrets_stay_with_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let harness = start().await;
    let secret = &harness.sandbox.customer().secret_access_key;
    for name in ["accounts.json", "aws-credentials", "ca-key.pem"] {
        let mode = std::fs::metadata(harness.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(!format!("{:?}", harness.sandbox.customer()).contains(secret.as_str()));
    let config = std::fs::read_to_string(harness.sandbox.config_file()).unwrap();
    assert!(config.contains(&format!("endpoint_url = {}", harness.sandbox.http_url())));
}

/// Not a test by itself: the process that [`acknowledged_roles_survive_kill_9`] kills.
#[tokio::test]
#[ignore = "run as a child process"]
async fn child_that_makes_roles_until_it_is_killed() {
    let Ok(dir) = std::env::var("FIRMHOLD_TEST_ROLES") else { return };
    let sandbox = Sandbox::start(SandboxConfig::new(dir)).await.unwrap();
    let harness = Harness { sandbox, dir: tempfile::tempdir().unwrap() };
    for number in 0.. {
        create(&harness, &format!("role-{number:03}"), TRUST).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "acknowledged {number}").unwrap();
        out.flush().unwrap();
    }
}

#[tokio::test]
async fn acknowledged_roles_survive_kill_9() {
    const ENOUGH: usize = 20;
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "iam::child_that_makes_roles_until_it_is_killed", "--ignored", "--nocapture"])
        .env("FIRMHOLD_TEST_ROLES", dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let acknowledged =
        lines.filter(|line| line.as_ref().unwrap().contains("acknowledged ")).take(ENOUGH).count();
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    assert_eq!(acknowledged, ENOUGH);

    let sandbox = Sandbox::start(SandboxConfig::new(dir.path())).await.unwrap();
    let harness = Harness { sandbox, dir };
    for number in 0..ENOUGH {
        harness.iam().get_role().role_name(format!("role-{number:03}")).send().await.unwrap();
    }
}

#[tokio::test]
async fn tags_of_a_new_role_need_leave_of_their_own() {
    let harness = start().await;
    let create = async |maker: &str, policy: &str, tag: Option<&str>| {
        let role = harness.customer_role(maker, "fh-1", policy).await;
        let iam = aws_sdk_iam::Client::new(&harness.sdk(harness.backend(&role, "fh-1", None).await));
        let tag = tag
            .map(|value| vec![aws_sdk_iam::types::Tag::builder().key("team").value(value).build().unwrap()]);
        let made = format!("by-{maker}");
        let call = iam.create_role().role_name(made).assume_role_policy_document(TRUST).set_tags(tag);
        call.send().await.map_or_else(|error| refusal_code::<(), _>(Err(error)), |_| "made".to_owned())
    };
    let plain = allow(&["iam:CreateRole"], &["*"]);
    assert_eq!(create("a", &plain, None).await, "made");
    assert_eq!(create("b", &plain, Some("fw")).await, "403 AccessDenied");
    let bound = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*",
        "Action": ["iam:CreateRole", "iam:TagRole"],
        "Condition": {"StringEquals": {"aws:RequestTag/team": "fw"}}}]}"#;
    assert_eq!(create("c", bound, Some("fw")).await, "made");
    assert_eq!(create("d", bound, Some("sales")).await, "403 AccessDenied");
}

#[tokio::test]
async fn what_is_said_of_a_relative_data_folder_holds_in_other_folders() {
    let dir = tempfile::tempdir().unwrap();
    let here = std::env::current_dir().unwrap();
    let up: std::path::PathBuf = here.components().skip(1).map(|_| "..").collect();
    let relative = up.join(dir.path().strip_prefix("/").unwrap());
    let sandbox = Sandbox::start(SandboxConfig::new(relative)).await.unwrap();
    for file in [sandbox.config_file(), sandbox.credentials_file(), sandbox.ca_file()] {
        assert!(file.is_absolute() && file.exists(), "{}", file.display());
    }
    assert!(
        sandbox.export_lines()[0].starts_with("export AWS_CONFIG_FILE='/"),
        "{:?}",
        sandbox.export_lines()
    );
}
