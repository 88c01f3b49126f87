//! What is refused, and where the message points.

use firmhold_iam::{Policy, PolicyKind};

fn refusal(kind: PolicyKind, text: &str) -> String {
    Policy::parse("p", text, kind).expect_err(text).to_string()
}

#[test]
fn refusals_say_what_and_where() {
    let rows = [
        (
            PolicyKind::Identity,
            "{\"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Effect\": \"Allow\", \"Acton\": \"s3:*\", \"Resource\": \"*\"}]}",
        ),
        (PolicyKind::Identity, "{\"Version\": \"2012-10-18\", \"Statement\": []}"),
        (PolicyKind::Identity, "{\"Statement\": []}"),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"allow\", \"Action\": \"*\", \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": 1, \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"GetObject\", \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"bucket\"}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": []}}",
        ),
        (PolicyKind::Identity, "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\"}}"),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"NotAction\": \"*\", \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Principal\": \"*\"}}",
        ),
        (
            PolicyKind::Resource,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Resource,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"NotPrincipal\": {\"AWS\": \"123456789012\"}}}",
        ),
        (
            PolicyKind::Resource,
            "{\"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\", \"Principal\": {\"AWS\": \"arn:aws:iam::123456789012:role/*\"}}}",
        ),
        (
            PolicyKind::Resource,
            "{\"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\", \"Principal\": {\"Aws\": \"*\"}}}",
        ),
        (
            PolicyKind::Resource,
            "{\"Statement\": {\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\", \"Principal\": {\"AWS\": \"ORG_ID\"}}}",
        ),
        (
            PolicyKind::Trust,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": \"*\", \"Resource\": \"*\"}}",
        ),
        (
            PolicyKind::Trust,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"sts:AssumeRole\", \"Principal\": \"me\"}}",
        ),
        (
            PolicyKind::Trust,
            r#"{"Statement": {"Effect": "Deny", "Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "123456789012"}}}"#,
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"StringIs\": {\"a:b\": \"c\"}}}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"NumericEquals\": {\"a:b\": \"c\"}}}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {}}}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {\"a:b\": []}}}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {\"a:b\": \"c\", \"A:B\": \"d\"}}}}",
        ),
        (
            PolicyKind::Identity,
            "{\"Statement\": [{\"Sid\": \"a\", \"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}, {\"Sid\": \"a\", \"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}",
        ),
        (
            PolicyKind::Identity,
            "{\"Version\": \"2012-10-17\", \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"*\", \"Resource\": \"arn:aws:s3:::b/${aws:username\"}}",
        ),
        (
            PolicyKind::Identity,
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:sns:*:${aws:PrincipalAccount}:t"}}"#,
        ),
        (
            PolicyKind::Identity,
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"NumericLessThan": {"a:b": "${a:c}"}}}}"#,
        ),
        (PolicyKind::Identity, "{\"Statement\": 1, \"Statement\": 2}"),
        (PolicyKind::Identity, "{\"Statement\": }"),
        (PolicyKind::Identity, "[]"),
        (PolicyKind::Identity, ""),
    ];
    let all: Vec<String> = rows.into_iter().map(|(kind, text)| refusal(kind, text)).collect();
    insta::assert_snapshot!(all.join("\n"), @r#"
    policy "p": "Acton" is not an element of a policy (Statement[0].Acton at line 3, column 23)
    policy "p": there is no version "2012-10-18" (Version at line 1, column 13)
    policy "p": the list is empty (Statement at line 1, column 15)
    policy "p": an Effect is Allow or Deny, not "allow" (Statement.Effect at line 1, column 26)
    policy "p": a string is due, not a number (Statement.Action at line 1, column 45)
    policy "p": "GetObject" is neither service:Action nor "*" (Statement.Action at line 1, column 45)
    policy "p": "bucket" is neither an ARN nor "*" (Statement.Resource at line 1, column 62)
    policy "p": the list is empty (Statement.Resource at line 1, column 62)
    policy "p": there is neither Resource nor NotResource (Statement at line 1, column 15)
    policy "p": an element and its Not… exclude each other (Statement.NotAction at line 1, column 63)
    policy "p": identity policies have no Principal (Statement at line 1, column 15)
    policy "p": resource policies say in every statement for which Principal (Statement at line 1, column 15)
    policy "p": NotPrincipal goes with Deny only (Statement at line 1, column 15)
    policy "p": a Deny names neither a canonical user nor an ARN with a wildcard (Statement at line 1, column 15)
    policy "p": "Aws" is not an element of a policy (Statement.Principal.Aws at line 1, column 80)
    policy "p": "ORG_ID" is not the ARN of a principal: not an ARN (Statement.Principal.AWS at line 1, column 87)
    policy "p": trust policies have no Resource (Statement at line 1, column 15)
    policy "p": a Principal is "*" or an object, not "me" (Statement.Principal at line 1, column 76)
    policy "p": trust policies have no NotPrincipal (Statement at line 1, column 15)
    policy "p": there is no condition operator "StringIs" (Statement.Condition.StringIs at line 1, column 81)
    policy "p": "c" is not a number (Statement.Condition.NumericEquals["a:b"] at line 1, column 106)
    policy "p": StringEquals has no key (Statement.Condition.StringEquals at line 1, column 97)
    policy "p": the list is empty (Statement.Condition.StringEquals["a:b"] at line 1, column 105)
    policy "p": StringEquals A:B is there twice (Statement.Condition at line 1, column 80)
    policy "p": another statement has the same Sid (Statement[1] at line 1, column 81)
    policy "p": a broken variable in "arn:aws:s3:::b/${aws:username" (Statement.Resource at line 1, column 87)
    policy "p": a variable stands after the fifth colon of an ARN only (Statement.Resource at line 1, column 87)
    policy "p": "${a:c}" is not a number (Statement.Condition.NumericLessThan["a:b"] at line 1, column 132)
    policy "p": "Statement" is there twice (line 1, column 18)
    policy "p": not a JSON value (line 1, column 15)
    policy "p": an object is due, not a list (line 1, column 1)
    policy "p": the text ends where a value is due (line 1, column 1)
    "#);
}

#[test]
fn what_aws_takes_is_taken() {
    for (kind, text) in [
        (
            PolicyKind::Identity,
            r#"{"Id": "x", "Statement": {"Sid": "", "Effect": "Allow", "Action": "*:*", "Resource": "*"}}"#,
        ),
        (
            PolicyKind::Resource,
            r#"{"Version": "2008-10-17", "Statement": [{"Sid": "two words", "Effect": "Deny", "Principal": {"AWS": "*"}, "NotAction": ["s3:Get*", "s3:List?"], "NotResource": ["arn:aws:s3:::b"], "Condition": {}}]}"#,
        ),
        (
            PolicyKind::Resource,
            r#"{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1", "CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be", "Service": ["a.amazonaws.com"]}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#,
        ),
        (
            PolicyKind::Trust,
            r#"{"Statement": [{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/x"}, "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession"], "Condition": {"StringLike": {"x:sub": "repo:*"}, "Bool": {"a:b": true}, "NumericLessThan": {"a:c": 3}}}]}"#,
        ),
        (PolicyKind::Boundary, r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#),
        (PolicyKind::Session, r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#),
        (
            PolicyKind::ServiceControl,
            r#"{"Statement": {"Effect": "Deny", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::b"}}"#,
        ),
        (
            PolicyKind::ResourceControl,
            r#"{"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "s3:*", "NotResource": "arn:aws:s3:::b"}]}"#,
        ),
    ] {
        if let Err(error) = Policy::parse("p", text, kind) {
            panic!("{error}: {text}");
        }
    }
}

#[test]
fn control_policies_have_rules_of_their_own() {
    let refused = |kind, statement: &str| {
        let text = format!(r#"{{"Statement": {statement}}}"#);
        Policy::parse("p", &text, kind).expect_err(&text).message
    };
    use PolicyKind::{ResourceControl, ServiceControl};
    let principal = r#"{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}"#;
    assert_eq!(refused(ServiceControl, principal), "service control policies have no Principal");
    for (statement, message) in [
        (
            r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}"#,
            "resource control policies say in every statement for which Principal",
        ),
        (
            r#"{"Effect": "Deny", "Principal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*"}"#,
            "the Principal of a resource control policy is \"*\"",
        ),
        (
            r#"{"Effect": "Deny", "NotPrincipal": {"AWS": "123456789012"}, "Action": "s3:*", "Resource": "*"}"#,
            "the Principal of a resource control policy is \"*\"",
        ),
        (
            r#"{"Effect": "Deny", "Principal": "*", "NotAction": "s3:*", "Resource": "*"}"#,
            "resource control policies have no NotAction",
        ),
        (
            r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}"#,
            "a resource control policy only denies",
        ),
    ] {
        assert_eq!(refused(ResourceControl, statement), message);
    }
}

#[test]
fn hostile_documents_are_refused() {
    for text in [
        "[".repeat(60_000),
        "{\"a\":".repeat(10_000),
        format!("{{\"Statement\": \"{}\"}}", "x".repeat(70_000)),
    ] {
        assert!(Policy::parse("p", &text, PolicyKind::Identity).is_err());
    }
}
