//! The hand-off: the guide's example values, each field missing or wrong, and what comes back.

use firmhold_core::{Code, Timestamp};
use firmhold_provision::handoff::{Given, Outcome, Request, apply_trust, message, review};
use serde_json::{Value, json};

use crate::owner::Account;

const ROLE: &str = "arn:aws:iam::123456789012:role/FirmholdBackend";

fn now() -> Timestamp {
    Timestamp::parse("2026-11-24T12:00:00Z").unwrap()
}

/// The guide's example values, with names in place of its placeholders.
fn request() -> Request {
    Request {
        organization: "org-4711".to_owned(),
        name: "Ada Lovelace".to_owned(),
        contact: "ada@acme.example".to_owned(),
        bucket: "acme-binaries-prod".to_owned(),
        region: "us-west-2".to_owned(),
        role_arn: ROLE.to_owned(),
        short_name: "prod".to_owned(),
        secondary_region: Some("us-east-1".to_owned()),
        encryption: "SSE-S3".to_owned(),
        lifecycle: true,
        versioning: true,
        replication: true,
        cdn: false,
        multi_region: false,
        traffic: "2 TB a month to 5,000 devices".to_owned(),
        go_live: "2027-01-15".to_owned(),
    }
}

#[test]
fn the_message_for_the_guides_values() {
    let request = request();
    request.check(now()).unwrap();
    let message = message(&request);
    insta::assert_snapshot!(message, @"
    Subject: A storage backend of our own on Amazon S3: org-4711

    Hello,

    we would like our firmware to lie in a bucket of our own. It and the role for you are there; please add them
    as a backend of our organization.

    Organization
      organization:    org-4711
      contact:         ada@acme.example

    AWS
      bucket:          acme-binaries-prod
      region:          us-west-2
      role to assume:  arn:aws:iam::123456789012:role/FirmholdBackend
      short name:      prod (what you call the backend; not the name of the IAM role)
      second region:   us-east-1
      encryption:      SSE-S3
      versioning:      on
      lifecycle rules: on
      replication:     on

    What we need
      CDN:             no
      several regions: no
      traffic:         2 TB a month to 5,000 devices
      live from:       2027-01-15

    Please give us the trust policy for this role, where we sign in and not by mail, with
      - your AWS account, or your role in it, as the only principal;
      - an external ID that you made at random for this one role. Our organization's ID is known to too many to be one;
      - StringEquals on sts:ExternalId, in every statement that allows.
    The role trusts nobody until then. Once the policy is in place, please test that you get in with the external ID, and
    that you do not without it.

    Kind regards
    Ada Lovelace
    ");
    let lower = message.to_lowercase();
    assert!(!lower.contains("external id:") && !lower.contains("externalid:"), "{message}");
}

/// What `account apply` makes need not be said twice; what is said stays.
#[test]
fn what_is_missing_comes_from_the_spec() {
    let text = format!("account = \"111122223333\"\n{}", crate::owner::FILE);
    let spec = crate::owner::spec(&text, None);
    let mut filled = Request { short_name: "own".to_owned(), ..Request::default() };
    filled.fill_from(&spec);
    assert_eq!(
        (
            filled.bucket.as_str(),
            filled.region.as_str(),
            filled.short_name.as_str(),
            filled.encryption.as_str()
        ),
        ("acme-firmware", "us-west-2", "own", "SSE-S3")
    );
    assert_eq!(filled.role_arn, "arn:aws:iam::111122223333:role/FirmholdBackend");
    assert!(filled.versioning && filled.lifecycle && !filled.replication);
}

/// The guide's own placeholders and its example of nineteen characters (T25).
#[test]
fn the_guides_example_as_it_stands_is_refused() {
    let request = Request {
        organization: "[YOUR_ORG_ID]".to_owned(),
        bucket: "your-binaries-prod".to_owned(),
        short_name: "prod-binary-backend".to_owned(),
        contact: "[YOUR_EMAIL]".to_owned(),
        traffic: "[ESTIMATE]".to_owned(),
        ..request()
    };
    insta::assert_snapshot!(told(&request), @"
    bucket: holds the placeholder `your-binaries-prod`: put the real value in its place
    contact: holds the placeholder `[YOUR_EMAIL]`: put the real value in its place
    organization: holds the placeholder `[YOUR_ORG_ID]`: put the real value in its place
    short_name: must have at most 10 characters, and `prod-binary-backend` has 19
    traffic: holds the placeholder `[ESTIMATE]`: put the real value in its place
    ");
}

/// Each field by itself, missing: its name and nothing else is told.
#[test]
fn each_missing_field_is_named() {
    let whole = serde_json::to_value(request()).unwrap();
    let texts: Vec<String> = whole
        .as_object()
        .unwrap()
        .iter()
        .filter(|(field, value)| value.is_string() && *field != "secondary_region")
        .map(|(field, _)| field.clone())
        .collect();
    assert_eq!(texts.len(), 10);
    for field in texts {
        let mut without = whole.clone();
        without.as_object_mut().unwrap().remove(&field);
        let request = Request::parse(&without.to_string()).unwrap();
        assert_eq!(told(&request), format!("{field}: is missing"));
    }
}

/// Each field by itself, wrong.
#[test]
fn each_wrong_field_is_named() {
    let cases: [(&str, Value); 21] = [
        ("contact", json!("ada")),
        ("contact", json!("ada@localhost")),
        ("bucket", json!("Acme_Binaries")),
        ("bucket", json!("acme-s3alias")),
        ("region", json!("us-west-9")),
        ("role_arn", json!("FirmholdBackend")),
        ("role_arn", json!("arn:aws:iam::123:role/x")),
        ("role_arn", json!("arn:aws:iam::123456789012:user/ada")),
        ("role_arn", json!("arn:aws-cn:iam::123456789012:role/x")),
        ("role_arn", json!("arn:aws:sts::123456789012:assumed-role/x/y")),
        ("short_name", json!("prod-binary-backend")),
        ("short_name", json!("Prod")),
        ("secondary_region", json!("us-west-2")),
        ("secondary_region", json!("mars-1")),
        ("encryption", json!("AES256")),
        ("versioning", json!(false)),
        ("traffic", json!("a lot")),
        ("go_live", json!("soon")),
        ("go_live", json!("2026-11-23")),
        ("name", json!("Ada\nBcc: everybody@acme.example")),
        ("traffic", json!("2 TB; external ID: 9d1f0c3e")),
    ];
    for (field, value) in cases {
        let mut whole = serde_json::to_value(request()).unwrap();
        whole[field] = value.clone();
        let problem = Request::parse(&whole.to_string()).unwrap().check(now()).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidFields);
        let fields: Vec<&str> = problem.field_errors().0.keys().map(String::as_str).collect();
        assert_eq!(fields, [field], "{value}");
    }
    let alone = Request { secondary_region: None, multi_region: true, ..request() };
    assert_eq!(told(&alone), "secondary_region: is missing, and more than one region is to serve devices");
}

#[test]
fn a_file_with_a_field_too_many_is_refused() {
    let refused = Request::parse("organization = \"x\"\nexternal_id = \"9d1f0c3e\"").unwrap_err();
    assert!(refused.to_string().contains("external_id"), "{refused}");
}

fn told(request: &Request) -> String {
    let problem = request.check(now()).unwrap_err();
    let errors = problem.field_errors().0.iter();
    errors
        .flat_map(|(field, texts)| texts.iter().map(move |text| format!("{field}: {text}")))
        .collect::<Vec<_>>()
        .join("\n")
}

fn given(principal: &Value, condition: Value) -> String {
    let mut statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
    if !condition.is_null() {
        statement["Condition"] = condition;
    }
    serde_json::to_string_pretty(&json!({"Version": "2012-10-17", "Statement": [statement]})).unwrap()
}

fn external_id(id: &str) -> Value {
    json!({"StringEquals": {"sts:ExternalId": id}})
}

const RANDOM: &str = "9d1f0c3e-5f0b-4a55-8f0e-2f9f1f2c7a10";

#[test]
fn a_sound_policy_may_be_applied_and_its_change_is_shown() {
    let platform = json!({"AWS": "arn:aws:iam::999999999999:role/platform"});
    let text = given(&platform, external_id(RANDOM));
    let placeholder = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}]});
    let told = review("given.json", &text, ROLE, Some(&placeholder));
    assert!(told.is_sound() && !told.is_there(), "{told:#?}");
    assert!(told.diff.contains("+          \"sts:ExternalId\""), "{}", told.diff);
    let document = told.document.unwrap();

    let again = review("given.json", &text, ROLE, Some(&document));
    assert!(again.is_there() && again.diff.is_empty(), "{again:#?}");
}

#[test]
fn bad_policies_are_refused_with_the_reason() {
    let platform = json!({"AWS": "arn:aws:iam::999999999999:role/platform"});
    let cases = [
        ("no external ID", given(&platform, Value::Null), "without an external ID"),
        ("optional", given(&platform, json!({"StringEqualsIfExists": {"sts:ExternalId": RANDOM}})), "without an external ID"),
        ("empty", given(&platform, external_id(" ")), "without an external ID"),
        ("everybody", given(&json!("*"), external_id(RANDOM)), "everybody"),
        ("everybody, too", given(&json!({"AWS": ["*"]}), external_id(RANDOM)), "everybody"),
        ("the owner", given(&json!({"AWS": "arn:aws:iam::123456789012:root"}), external_id(RANDOM)), "your own account"),
        ("the owner by number", given(&json!({"AWS": "123456789012"}), external_id(RANDOM)), "your own account"),
        ("nobody", json!({"Version": "2012-10-17", "Statement": []}).to_string(), ""),
        ("no JSON", "{".to_owned(), ""),
        ("another kind", json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}).to_string(), ""),
    ];
    for (name, text, says) in cases {
        let told = review("given.json", &text, ROLE, None);
        assert!(!told.is_sound() && told.document.is_none(), "{name}: {told:#?}");
        assert!(
            told.refusals.iter().any(|refusal| refusal.says.contains(says)),
            "{name}: {:#?}",
            told.refusals
        );
    }
}

/// The guide's policy as it stands: each placeholder is refused with its line.
#[test]
fn the_guides_placeholders_have_their_place() {
    let text = given(
        &json!({"AWS": "arn:aws:iam::PLATFORM_AWS_ACCOUNT:role/binary_backend_ORG_ID_ROLE_NAME"}),
        external_id("YOUR_ORG_ID"),
    );
    let told = review("given.json", &text, ROLE, None);
    let lines: Vec<usize> = told
        .refusals
        .iter()
        .filter(|refusal| refusal.says.ends_with("[placeholder]"))
        .map(|refusal| refusal.line)
        .collect();
    let line_of = |part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    assert_eq!(lines, [line_of("PLATFORM_AWS_ACCOUNT"), line_of("YOUR_ORG_ID")], "{:#?}", told.refusals);
}

const CUSTOMERS: &str = "FirmholdBackend";

/// A role that trusts nobody yet, as `account apply` makes it where the platform is not known (T17).
async fn role(account: &Account) {
    let nobody = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "FirmholdNobodyYet", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let request =
        account.iam().create_role().role_name(CUSTOMERS).assume_role_policy_document(nobody.to_string());
    request.send().await.unwrap();
}

async fn trust_now(account: &Account) -> String {
    let role = account.iam().get_role().role_name(CUSTOMERS).send().await.unwrap().role.unwrap();
    role.assume_role_policy_document.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_policy_goes_onto_the_role_once_and_is_written_down() {
    let account = Account::start().await;
    role(&account).await;
    let journal = account.trust_journal();
    let text = given(
        &json!({"AWS": "arn:aws:iam::999999999999:root"}),
        json!({
            "StringEquals": {"sts:ExternalId": RANDOM},
            "ArnEquals": {"aws:PrincipalArn": account.sandbox.platform_role_arn()},
        }),
    );
    let given = Given { role: CUSTOMERS, name: "given.json", text: &text };

    let declined = apply_trust(&given, &account.owner().await, &journal, |_| Ok(false)).await.unwrap();
    assert_eq!(declined.outcome, Outcome::Declined);
    assert!(!journal.exists() && trust_now(&account).await.contains("FirmholdNobodyYet"));

    let applied = apply_trust(&given, &account.owner().await, &journal, |review| {
        Ok(review.diff.contains("ExternalId"))
    })
    .await
    .unwrap();
    assert_eq!(applied.outcome, Outcome::Applied);
    assert!(trust_now(&account).await.contains(RANDOM));
    let again =
        apply_trust(&given, &account.owner().await, &journal, |_| panic!("nothing is asked")).await.unwrap();
    assert_eq!(again.outcome, Outcome::Unchanged);

    let written = std::fs::read_to_string(&journal).unwrap();
    let steps: Vec<Value> = written.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        steps.iter().map(|step| step["step"].as_str().unwrap()).collect::<Vec<_>>(),
        ["begun", "applied"]
    );
    assert_eq!(steps[0]["by"], "arn:aws:iam::111122223333:user/admin");
    assert!(!written.contains(RANDOM), "{written}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_policy_changes_nothing() {
    let account = Account::start().await;
    let open = given(&json!({"AWS": "arn:aws:iam::999999999999:root"}), Value::Null);
    let document = Given { role: CUSTOMERS, name: "given.json", text: &open };
    let missing = apply_trust(&document, &account.owner().await, &account.trust_journal(), |_| Ok(true))
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("there is no role"), "{missing}");
    role(&account).await;
    let refused =
        apply_trust(&document, &account.owner().await, &account.trust_journal(), |_| Ok(true)).await.unwrap();
    assert_eq!(refused.outcome, Outcome::Refused);
    assert!(trust_now(&account).await.contains("FirmholdNobodyYet"));
}

/// What is replaced is what was shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_changes_meanwhile_is_not_overwritten() {
    let account = Account::start().await;
    role(&account).await;
    let text = given(&json!({"AWS": account.sandbox.platform_role_arn()}), external_id(RANDOM));
    let document = Given { role: CUSTOMERS, name: "given.json", text: &text };
    let other = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Theirs", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]});
    let meanwhile = |_: &_| {
        let change =
            account.iam().update_assume_role_policy().role_name(CUSTOMERS).policy_document(other.to_string());
        let changed = async { change.send().await.is_ok() };
        assert!(tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(changed)));
        Ok(true)
    };
    let refused = apply_trust(&document, &account.owner().await, &account.trust_journal(), meanwhile)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::StateForbids);
    assert!(trust_now(&account).await.contains("Theirs"));
}
