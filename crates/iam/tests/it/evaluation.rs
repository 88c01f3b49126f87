//! Whose word counts: accounts, roles and their sessions, trust, boundaries.

use firmhold_iam::{Decision, Outcome, Policies, Policy, PolicyKind, Principal, Reason, Request, decide};
use serde_json::{Value, json};

use crate::support::{policy, request};

const ROLE: &str = "arn:aws:iam::123456789012:role/R";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/R/s";
const USER: &str = "arn:aws:iam::123456789012:user/team/alice";
const STRANGER: &str = "arn:aws:iam::999999999999:role/x";
const OBJECT: &str = "arn:aws:s3:::acme-fw/fw/a.bin";

fn doc(statement: Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statement })
}

fn allow_get() -> Policy {
    policy(
        PolicyKind::Identity,
        &doc(json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" })),
    )
}

fn bucket(effect: &str, principal: Value) -> Policy {
    let statement =
        json!({ "Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": OBJECT });
    policy(PolicyKind::Resource, &doc(statement))
}

fn trust(principal: Value) -> Policy {
    let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" });
    policy(PolicyKind::Trust, &doc(statement))
}

fn nothing(kind: PolicyKind) -> Policy {
    policy(kind, &doc(json!({ "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*" })))
}

fn get(who: &str) -> Request {
    request(who, "s3:GetObject", OBJECT, &json!({}))
}

fn assume(who: &str) -> Request {
    request(who, "sts:AssumeRole", "arn:aws:iam::123456789012:role/Target", &json!({}))
}

fn allow_assume() -> Policy {
    policy(
        PolicyKind::Identity,
        &doc(json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" })),
    )
}

fn got(request: &Request, policies: &Policies<'_>) -> (Outcome, Reason) {
    let decision = decide(request, policies);
    (decision.outcome, decision.trace.reason)
}

const ALLOWED: (Outcome, Reason) = (Outcome::Allow, Reason::Statement);

fn refused(reason: Reason) -> (Outcome, Reason) {
    (Outcome::ImplicitDeny, reason)
}

#[test]
fn one_account_needs_one_side() {
    let own = allow_get();
    assert_eq!(got(&get(USER), &Policies { identity: vec![&own], ..Policies::default() }), ALLOWED);
    for principal in [json!({ "AWS": USER }), json!("*"), json!({ "AWS": "*" })] {
        let bucket = bucket("Allow", principal);
        assert_eq!(got(&get(USER), &Policies { resource: Some(&bucket), ..Policies::default() }), ALLOWED);
    }
    assert_eq!(got(&get(USER), &Policies::default()), refused(Reason::NoIdentityAllow));
}

#[test]
fn the_account_as_principal_leaves_the_choice_to_its_policies() {
    for principal in [json!({ "AWS": "arn:aws:iam::123456789012:root" }), json!({ "AWS": "123456789012" })] {
        let bucket = bucket("Allow", principal);
        let alone = Policies { resource: Some(&bucket), ..Policies::default() };
        assert_eq!(got(&get(USER), &alone), refused(Reason::NoIdentityAllow));
        let own = allow_get();
        assert_eq!(got(&get(USER), &Policies { identity: vec![&own], ..alone }), ALLOWED);
    }
}

#[test]
fn two_accounts_need_both_sides() {
    let own = allow_get();
    let wide = bucket("Allow", json!("*"));
    let both = Policies { identity: vec![&own], resource: Some(&wide), ..Policies::default() };
    assert_eq!(got(&get(STRANGER), &both), ALLOWED);
    let resource = Policies { resource: Some(&wide), ..Policies::default() };
    assert_eq!(got(&get(STRANGER), &resource), refused(Reason::NoIdentityAllow));
    let identity = Policies { identity: vec![&own], ..Policies::default() };
    assert_eq!(got(&get(STRANGER), &identity), refused(Reason::NoResourceAllow));
    let limit = nothing(PolicyKind::Session);
    assert_eq!(
        got(&get(STRANGER), &Policies { session: Some(&limit), ..both }),
        refused(Reason::NoSessionAllow)
    );
}

#[test]
fn an_unknown_owner_is_no_licence() {
    let own = allow_get();
    let deny = bucket("Deny", json!({ "AWS": STRANGER }));
    let mut request = get(USER);
    request.resource_account = None;
    let alone = Policies { identity: vec![&own], ..Policies::default() };
    assert_eq!(got(&request, &alone), ALLOWED);
    let both = Policies { resource: Some(&deny), ..alone };
    assert_eq!(got(&request, &both), refused(Reason::NoResourceAllow));
    // Two answers to the question who the owner is.
    let mut request = assume(USER);
    request.resource_account = Some("999999999999".to_owned());
    let trusts = trust(json!({ "AWS": USER }));
    let policies = Policies { trust: Some(&trusts), ..Policies::default() };
    assert_eq!(got(&request, &policies), refused(Reason::NoIdentityAllow));
}

#[test]
fn what_limits_a_grant_by_the_bucket() {
    // Who asks, whom the bucket policy names, whether boundary and session policy limit the grant.
    let named_itself = [
        (USER, json!({ "AWS": USER })),
        (SESSION, json!({ "AWS": SESSION })),
        (SESSION, json!("*")),
        (SESSION, json!({ "AWS": [ROLE, SESSION] })),
    ];
    for (who, principal) in named_itself {
        let bucket = bucket("Allow", principal);
        for (boundary, session) in [(true, false), (false, true)] {
            let limit = nothing(if boundary { PolicyKind::Boundary } else { PolicyKind::Session });
            let policies = Policies {
                resource: Some(&bucket),
                boundary: boundary.then_some(&limit),
                session: session.then_some(&limit),
                ..Policies::default()
            };
            assert_eq!(got(&get(who), &policies), ALLOWED, "{who}");
        }
    }
    let by_role = bucket("Allow", json!({ "AWS": ROLE }));
    let boundary = nothing(PolicyKind::Boundary);
    let policies = Policies { resource: Some(&by_role), boundary: Some(&boundary), ..Policies::default() };
    assert_eq!(got(&get(SESSION), &policies), refused(Reason::NoBoundaryAllow));
    let session = nothing(PolicyKind::Session);
    let policies = Policies { resource: Some(&by_role), session: Some(&session), ..Policies::default() };
    assert_eq!(got(&get(SESSION), &policies), refused(Reason::NoSessionAllow));
}

#[test]
fn a_deny_anywhere_wins() {
    let own = allow_get();
    let deny = json!({ "Effect": "Deny", "Action": "*", "Resource": "*" });
    let everybody = bucket("Allow", json!("*"));
    let refusing = bucket("Deny", json!({ "AWS": USER }));
    let [boundary, session] =
        [PolicyKind::Boundary, PolicyKind::Session].map(|kind| policy(kind, &doc(deny.clone())));
    let identity = policy(PolicyKind::Identity, &doc(deny));
    let granted = Policies { identity: vec![&own], resource: Some(&everybody), ..Policies::default() };
    for policies in [
        Policies { identity: vec![&own, &identity], ..granted.clone() },
        Policies { resource: Some(&refusing), ..granted.clone() },
        Policies { boundary: Some(&boundary), ..granted.clone() },
        Policies { session: Some(&session), ..granted.clone() },
    ] {
        assert_eq!(got(&get(USER), &policies), (Outcome::ExplicitDeny, Reason::Statement));
    }
    assert_eq!(got(&get(USER), &granted), ALLOWED);
}

#[test]
fn roles_are_assumed_by_trust() {
    let may = allow_assume();
    let root = trust(json!({ "AWS": "arn:aws:iam::123456789012:root" }));
    let direct = trust(json!({ "AWS": USER }));
    let both = trust(json!({ "AWS": ["arn:aws:iam::123456789012:root", USER] }));
    let other = trust(json!({ "AWS": STRANGER }));
    let cases = [
        // caller, its policy, the role's trust, outcome
        (USER, Some(&may), None, refused(Reason::NoTrustAllow)),
        (USER, Some(&may), Some(&root), ALLOWED),
        (USER, None, Some(&root), refused(Reason::NoIdentityAllow)),
        (USER, None, Some(&direct), ALLOWED),
        (USER, None, Some(&both), ALLOWED),
        (USER, Some(&may), Some(&other), refused(Reason::NoTrustAllow)),
        (STRANGER, None, Some(&other), refused(Reason::NoIdentityAllow)),
        (STRANGER, Some(&may), Some(&other), ALLOWED),
        (STRANGER, Some(&may), Some(&root), refused(Reason::NoTrustAllow)),
    ];
    for (who, identity, trust, expected) in cases {
        let policies = Policies { identity: identity.into_iter().collect(), trust, ..Policies::default() };
        assert_eq!(got(&assume(who), &policies), expected, "{who} {trust:?}");
    }
}

#[test]
fn nobody_without_a_name_assumes_a_role() {
    let open = trust(json!("*"));
    let policies = Policies { trust: Some(&open), ..Policies::default() };
    let mut request = assume(USER);
    assert_eq!(got(&request, &policies), ALLOWED);
    for principal in [
        Principal::Anonymous,
        Principal::Root { partition: "aws".to_owned(), account: "123456789012".to_owned() },
    ] {
        request.principal = principal;
        assert_eq!(got(&request, &policies), refused(Reason::CannotAssumeRoles));
    }
}

#[test]
fn a_service_assumes_the_role_that_trusts_it() {
    let lambda = trust(json!({ "Service": "lambda.amazonaws.com" }));
    let policies = Policies { trust: Some(&lambda), ..Policies::default() };
    let mut request = assume(USER);
    for (service, expected) in
        [("lambda.amazonaws.com", ALLOWED), ("ec2.amazonaws.com", refused(Reason::NoTrustAllow))]
    {
        request.principal = Principal::Service(service.to_owned());
        assert_eq!(got(&request, &policies), expected);
    }
}

#[test]
fn trust_has_no_say_but_in_assuming() {
    let open = policy(
        PolicyKind::Trust,
        &doc(json!([
            { "Effect": "Allow", "Principal": "*", "Action": "*" },
            { "Effect": "Deny", "Principal": "*", "Action": "s3:*" },
        ])),
    );
    let own = allow_get();
    let policies = Policies { trust: Some(&open), ..Policies::default() };
    assert_eq!(got(&get(USER), &policies), refused(Reason::NoIdentityAllow));
    assert_eq!(got(&get(USER), &Policies { identity: vec![&own], ..policies }), ALLOWED);
}

#[test]
fn everybody_may_ask_who_they_are() {
    let deny =
        policy(PolicyKind::Identity, &doc(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })));
    let policies = Policies { identity: vec![&deny], ..Policies::default() };
    let mut request = request(SESSION, "sts:GetCallerIdentity", "*", &json!({}));
    assert_eq!(got(&request, &policies), (Outcome::Allow, Reason::NeedsNoPermission));
    request.principal = Principal::Anonymous;
    assert!(!decide(&request, &policies).is_allowed());
}

#[test]
fn the_public_reads_what_everybody_may() {
    let mut request = get(USER);
    request.principal = Principal::Anonymous;
    let own = allow_get();
    let public = bucket("Allow", json!("*"));
    let account = bucket("Allow", json!({ "AWS": "123456789012" }));
    let policies = |resource| Policies { identity: vec![&own], resource, ..Policies::default() };
    assert_eq!(got(&request, &policies(Some(&public))), ALLOWED);
    assert_eq!(got(&request, &policies(Some(&account))), refused(Reason::NoResourceAllow));
    assert_eq!(got(&request, &policies(None)), refused(Reason::NoResourceAllow));
}

#[test]
fn the_root_user_needs_no_policy_at_home() {
    let home = "arn:aws:iam::123456789012:root";
    assert_eq!(got(&get(home), &Policies::default()), (Outcome::Allow, Reason::RootUser));
    let deny = bucket("Deny", json!({ "AWS": home }));
    let policies = Policies { resource: Some(&deny), ..Policies::default() };
    assert_eq!(got(&get(home), &policies), (Outcome::ExplicitDeny, Reason::Statement));
    let abroad = "arn:aws:iam::999999999999:root";
    assert_eq!(got(&get(abroad), &Policies::default()), refused(Reason::NoResourceAllow));
}

#[test]
fn a_key_policy_always_has_a_say() {
    let own =
        policy(PolicyKind::Identity, &doc(json!({ "Effect": "Allow", "Action": "kms:*", "Resource": "*" })));
    let key_policy = |principal: &str| {
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": "kms:*", "Resource": "*" });
        policy(PolicyKind::Resource, &doc(statement))
    };
    let request = request(USER, "kms:Decrypt", "arn:aws:kms:us-west-2:123456789012:key/k", &json!({}));
    let ours = key_policy("arn:aws:iam::123456789012:root");
    let other = key_policy("arn:aws:iam::123456789012:role/Other");
    let policies =
        |resource| Policies { identity: vec![&own], resource: Some(resource), ..Policies::default() };
    assert_eq!(got(&request, &policies(&ours)), ALLOWED);
    assert_eq!(got(&request, &policies(&other)), refused(Reason::NoResourceAllow));
}

#[test]
fn not_principal_spares_only_who_is_listed_whole() {
    let root = "arn:aws:iam::123456789012:root";
    let own = allow_get();
    let denied = |who: &str, listed: Value| {
        let statement = json!({
            "Effect": "Deny", "NotPrincipal": { "AWS": listed }, "Action": "s3:*", "Resource": OBJECT,
        });
        let bucket = policy(PolicyKind::Resource, &doc(statement));
        let policies = Policies { identity: vec![&own], resource: Some(&bucket), ..Policies::default() };
        decide(&get(who), &policies).outcome == Outcome::ExplicitDeny
    };
    assert!(!denied(USER, json!([USER, root])));
    assert!(denied(USER, json!([USER])));
    assert!(denied(USER, json!([root])));
    assert!(!denied(SESSION, json!([SESSION, ROLE, root])));
    assert!(denied(SESSION, json!([ROLE, root])));
    assert!(denied(SESSION, json!(["arn:aws:iam::123456789012:role/*", root])));
}

#[test]
fn not_principal_spares_nobody_with_a_boundary() {
    let statement = json!({
        "Effect": "Deny", "NotPrincipal": { "AWS": [USER, "123456789012"] }, "Action": "s3:*", "Resource": OBJECT,
    });
    let bucket = policy(PolicyKind::Resource, &doc(statement));
    let own = allow_get();
    let boundary =
        policy(PolicyKind::Boundary, &doc(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })));
    let free = Policies { identity: vec![&own], resource: Some(&bucket), ..Policies::default() };
    assert_eq!(got(&get(USER), &free), ALLOWED);
    let bounded = Policies { boundary: Some(&boundary), ..free };
    assert_eq!(got(&get(USER), &bounded), (Outcome::ExplicitDeny, Reason::Statement));
}

#[test]
fn a_document_in_the_wrong_place_grants_nothing() {
    let own = allow_get();
    let public = bucket("Allow", json!("*"));
    for policies in [
        Policies { resource: Some(&own), ..Policies::default() },
        Policies { identity: vec![&public], ..Policies::default() },
    ] {
        assert!(!decide(&get(USER), &policies).is_allowed());
    }
    let policies = Policies { identity: vec![&own], boundary: Some(&own), ..Policies::default() };
    assert_eq!(got(&get(USER), &policies), refused(Reason::NoBoundaryAllow));
}

#[test]
fn paths_partitions_and_unique_ids() {
    let matches = |who: Principal, named: &str, userid: Option<&str>| {
        let bucket = bucket("Allow", json!({ "AWS": named }));
        let mut request = get(USER);
        request.principal = who;
        if let Some(userid) = userid {
            request.context.set("aws:userid", userid);
        }
        decide(&request, &Policies { resource: Some(&bucket), ..Policies::default() }).is_allowed()
    };
    let who = |arn: &str| Principal::from_arn(arn).unwrap();
    assert!(matches(who(USER), USER, None));
    assert!(!matches(who(USER), "arn:aws:iam::123456789012:user/alice", None));
    assert!(!matches(who(USER), "arn:aws-cn:iam::123456789012:user/team/alice", None));
    assert!(!matches(who(USER), "arn:aws:iam::123456789012:user/team/Alice", None));
    // A session's ARN has no path, its role's has.
    assert!(matches(who(SESSION), "arn:aws:iam::123456789012:role/service/R", None));
    assert!(matches(
        who(SESSION).with_role_path("/service/"),
        "arn:aws:iam::123456789012:role/service/R",
        None
    ));
    assert!(!matches(who(SESSION).with_role_path("/service/"), ROLE, None));
    assert!(!matches(who(SESSION), "arn:aws:sts::123456789012:assumed-role/R/t", None));
    assert!(matches(who(SESSION), "AROAEXAMPLEEXAMPLE12", Some("AROAEXAMPLEEXAMPLE12:s")));
    assert!(!matches(who(SESSION), "AROAEXAMPLEEXAMPLE12", Some("AROAEXAMPLEEXAMPLE13:s")));
    assert!(!matches(who(SESSION), "AROAEXAMPLEEXAMPLE12", None));
    assert!(!matches(
        who(SESSION).with_role_path("/other/"),
        "arn:aws:iam::123456789012:role/service/R",
        None
    ));
}

#[test]
fn a_deny_that_would_deny_nobody_is_refused() {
    let refused = |effect: &str, principal: Value| {
        let statement =
            json!({ "Effect": effect, "Principal": principal, "Action": "s3:GetObject", "Resource": OBJECT });
        Policy::parse("p", &doc(statement).to_string(), PolicyKind::Resource).is_err()
    };
    for unclear in [
        json!({ "AWS": "arn:aws:sts::123456789012:assumed-role/R/*" }),
        json!({ "AWS": [USER, "arn:aws:iam::*:root"] }),
        json!({ "CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be" }),
    ] {
        assert!(refused("Deny", unclear.clone()), "{unclear}");
        assert!(!refused("Allow", unclear.clone()), "{unclear}");
    }
    for wrong in ["arn:aws:iam::123456789012:group/g", "arn:aws:iam::12345:root", "arn:aws:s3:::b", "alice"] {
        assert!(
            refused("Deny", json!({ "AWS": wrong })) && refused("Allow", json!({ "AWS": wrong })),
            "{wrong}"
        );
    }
}

#[test]
fn principals_are_read_and_written() {
    for arn in
        [USER, ROLE, SESSION, "arn:aws-us-gov:iam::123456789012:root", "arn:aws:iam::123456789012:role/a/b/c"]
    {
        assert_eq!(Principal::from_arn(arn).unwrap().arn().as_deref(), Some(arn));
    }
    assert_eq!(Principal::from_arn(SESSION).unwrap().principal_arn().as_deref(), Some(ROLE));
    for text in [
        "",
        "*",
        "arn:aws:iam::123456789012:group/g",
        "arn:aws:iam::12345678901:root",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::123456789012:role/",
        "arn:*:iam::123456789012:root",
        "arn:aws:sts::123456789012:assumed-role/R",
        "arn:aws:sts::123456789012:assumed-role/R/s/t",
        "arn:aws:s3:::bucket",
    ] {
        assert!(Principal::from_arn(text).is_err(), "{text}");
    }
}

#[test]
fn keys_that_follow_from_the_caller() {
    let allows = |who: &str, key: &str, value: &str, given: Value| {
        let statement = json!({
            "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
            "Condition": { "StringEquals": { key: value } },
        });
        let own = policy(PolicyKind::Identity, &doc(statement));
        let request = request(who, "s3:GetObject", OBJECT, &given);
        decide(&request, &Policies { identity: vec![&own], ..Policies::default() }).is_allowed()
    };
    let none = json!({});
    assert!(allows(SESSION, "aws:PrincipalArn", ROLE, none.clone()));
    assert!(allows(USER, "AWS:principalarn", USER, none.clone()));
    assert!(allows(USER, "aws:PrincipalAccount", "123456789012", none.clone()));
    assert!(allows(USER, "aws:username", "alice", none.clone()));
    assert!(!allows(SESSION, "aws:username", "R", none.clone()));
    assert!(allows(SESSION, "aws:PrincipalType", "AssumedRole", none.clone()));
    assert!(allows(USER, "aws:PrincipalIsAWSService", "false", none.clone()));
    assert!(!allows(USER, "aws:userid", "AIDA", none));
    assert!(allows(SESSION, "aws:PrincipalArn", "given", json!({ "aws:PrincipalArn": "given" })));
}

fn told(decision: &Decision) -> String {
    format!("{}\n{}", decision.summary(), decision.aws_reason())
}

#[test]
fn what_a_decision_says() {
    let own = allow_get();
    let tls = Policy::parse(
        "bucket-policy",
        &doc(json!([
            { "Effect": "Allow", "Principal": { "AWS": STRANGER }, "Action": "s3:*", "Resource": OBJECT },
            {
                "Sid": "DenyPlainHttp", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": OBJECT,
                "Condition": { "Bool": { "aws:SecureTransport": "false" } },
            },
        ]))
        .to_string(),
        PolicyKind::Resource,
    )
    .unwrap();
    let plain = request(USER, "s3:GetObject", OBJECT, &json!({ "aws:SecureTransport": false }));
    let policies = Policies { identity: vec![&own], resource: Some(&tls), ..Policies::default() };
    insta::assert_snapshot!(told(&decide(&plain, &policies)), @r#"
    explicit_deny by resource policy "bucket-policy" statement 2 (DenyPlainHttp)
    with an explicit deny in a resource-based policy
    "#);
    let secure = request(USER, "s3:GetObject", OBJECT, &json!({ "aws:SecureTransport": true }));
    let allowed = decide(&secure, &policies);
    assert_eq!(allowed.summary(), r#"allow by identity policy "identity" statement 1"#);
    assert_eq!(allowed.aws_reason(), "");
    let place = &allowed.trace.steps[2].place;
    assert_eq!(place.path, "Statement[1].Condition.Bool[\"aws:SecureTransport\"]");
    assert_eq!(place.line, 1);
    insta::assert_snapshot!(told(&decide(&plain, &Policies::default())), @r"
    implicit_deny: no identity statement allows s3:GetObject
    because no identity-based policy allows the s3:GetObject action
    ");

    let may = allow_assume();
    let asks_id = policy(
        PolicyKind::Trust,
        &doc(json!({
            "Sid": "Ours", "Effect": "Allow", "Principal": { "AWS": STRANGER }, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": "fh-1" } },
        })),
    );
    let policies = Policies { identity: vec![&may], trust: Some(&asks_id), ..Policies::default() };
    insta::assert_snapshot!(told(&decide(&assume(STRANGER), &policies)), @r#"
    implicit_deny: no trust statement allows sts:AssumeRole; nearest: trust policy "trust" statement 1 (Ours), not met: StringEquals sts:ExternalId
    because no role trust policy allows the sts:AssumeRole action
    "#);
}
