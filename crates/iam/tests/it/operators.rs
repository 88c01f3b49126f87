//! Condition operators, one row a case: operator, key's values in the policy, in the request (`null`: absent),
//! and whether a statement with it applies, for an Allow and for a Deny.

use firmhold_iam::{Outcome, Policies, PolicyKind, decide};
use serde_json::{Value, json};

use crate::support::{policy, request};

const OBJECT: &str = "arn:aws:s3:::acme-fw/fw/a.bin";

/// Whether an Allow and a Deny with this condition apply.
fn applies(version: &str, operator: &str, values: &Value, context: &Value) -> (bool, bool) {
    let statement = |effect: &str| {
        json!({
            "Effect": effect, "Action": "s3:GetObject", "Resource": "*",
            "Condition": { operator: { "x:key": values } },
        })
    };
    let document = |statement: Value| json!({ "Version": version, "Statement": statement });
    let allow = policy(PolicyKind::Identity, &document(statement("Allow")));
    let deny = policy(PolicyKind::Identity, &document(statement("Deny")));
    let request = request("arn:aws:iam::123456789012:user/u", "s3:GetObject", OBJECT, context);
    let outcome =
        |policy| decide(&request, &Policies { identity: vec![policy], ..Policies::default() }).outcome;
    (outcome(&allow) == Outcome::Allow, outcome(&deny) == Outcome::ExplicitDeny)
}

#[track_caller]
fn check(rows: &[(&str, Value, Value, bool)]) {
    for (operator, values, given, expected) in rows {
        let both = applies("2012-10-17", operator, values, &keys(given));
        assert_eq!(both, (*expected, *expected), "{operator} {values} with {given}");
    }
}

/// Rows of which nobody can tell: they must not allow, and must deny.
#[track_caller]
fn check_unknown(rows: &[(&str, Value, Value)]) {
    for (operator, values, given) in rows {
        let both = applies("2012-10-17", operator, values, &keys(given));
        assert_eq!(both, (false, true), "{operator} {values} with {given}");
    }
}

fn keys(given: &Value) -> Value {
    match given {
        Value::Null => json!({}),
        given => json!({ "X:Key": given }),
    }
}

#[test]
fn strings() {
    check(&[
        ("StringEquals", json!("a"), json!("a"), true),
        ("StringEquals", json!("a"), json!("A"), false),
        ("StringEquals", json!(["a", "b"]), json!("b"), true),
        ("StringEquals", json!("a*"), json!("ab"), false),
        ("StringEquals", json!("a*"), json!("a*"), true),
        ("StringEquals", json!(""), json!(""), true),
        ("StringNotEquals", json!(["a", "b"]), json!("b"), false),
        ("StringNotEquals", json!(["a", "b"]), json!("c"), true),
        ("StringEqualsIgnoreCase", json!("É-a"), json!("é-A"), true),
        ("StringNotEqualsIgnoreCase", json!("a"), json!("A"), false),
        ("StringLike", json!("a*c?"), json!("abbbcd"), true),
        ("StringLike", json!("a*"), json!("Ab"), false),
        ("StringNotLike", json!("a*"), json!("ab"), false),
        ("StringLike", json!("a${*}"), json!("ab"), false),
        ("StringLike", json!("a${*}"), json!("a*"), true),
    ]);
}

#[test]
fn numbers_dates_and_booleans() {
    check(&[
        ("NumericEquals", json!("10"), json!("10.0"), true),
        ("NumericEquals", json!(10), json!("10"), true),
        ("NumericNotEquals", json!("10"), json!("10"), false),
        ("NumericLessThan", json!("10"), json!("9"), true),
        ("NumericLessThan", json!("10"), json!("10"), false),
        ("NumericLessThanEquals", json!("10"), json!("10"), true),
        ("NumericGreaterThan", json!("10"), json!("100"), true),
        ("NumericGreaterThanEquals", json!("10"), json!("9.99"), false),
        ("DateEquals", json!("2026-01-01T00:00:00Z"), json!("2026-01-01T01:00:00+01:00"), true),
        ("DateNotEquals", json!("2026-01-01"), json!("2026-01-01T00:00:00Z"), false),
        ("DateLessThan", json!("2026-01-01T00:00:00Z"), json!("1735689600"), true),
        ("DateLessThanEquals", json!("2026-01-01"), json!("2026-01-02"), false),
        ("DateGreaterThan", json!("2026-01-01"), json!("2026-01-02"), true),
        ("DateGreaterThanEquals", json!("2026-01-01"), json!("2026-01-01"), true),
        ("Bool", json!("true"), json!(true), true),
        ("Bool", json!(false), json!("False"), true),
        ("Bool", json!("true"), json!("false"), false),
        ("Bool", json!("${aws:PrincipalIsAWSService}"), json!("false"), true),
        ("Bool", json!("${aws:PrincipalIsAWSService}"), json!("true"), false),
        ("Bool", json!("${x:absent}"), json!("true"), false),
        ("Bool", json!("${x:absent, 'True'}"), json!("true"), true),
        ("BinaryEquals", json!("QUJD"), json!("QUJD"), true),
        ("BinaryEquals", json!("QUJD"), json!("QUJE"), false),
    ]);
}

#[test]
fn addresses_and_arns() {
    check(&[
        ("IpAddress", json!("203.0.113.0/24"), json!("203.0.113.255"), true),
        ("IpAddress", json!(["10.0.0.0/8", "2001:db8::/32"]), json!("2001:db8:ffff::1"), true),
        ("IpAddress", json!("2001:db8::/32"), json!("2001:db9::1"), false),
        ("NotIpAddress", json!("203.0.113.0/24"), json!("::ffff:203.0.113.7"), false),
        ("NotIpAddress", json!("203.0.113.0/24"), json!("203.0.114.1"), true),
        ("ArnEquals", json!("arn:aws:iam::*:role/a?"), json!("arn:aws:iam::1:role/ab"), true),
        ("ArnLike", json!("arn:aws:iam::*:role/R"), json!("arn:aws:iam::1:role/x:role/R"), false),
        ("ArnLike", json!("*"), json!("arn:aws:iam::1:role/R"), true),
        ("ArnEquals", json!("arn:aws:iam::1:role/R"), json!("R"), false),
        ("ArnNotEquals", json!("arn:aws:iam::1:role/R"), json!("arn:aws:iam::1:role/r"), true),
        ("ArnNotLike", json!("arn:aws:iam::1:role/*"), json!("arn:aws:iam::1:role/r"), false),
    ]);
}

#[test]
fn absent_keys() {
    check(&[
        ("StringEquals", json!("a"), json!(null), false),
        ("StringNotEquals", json!("a"), json!(null), true),
        ("StringNotLike", json!("a"), json!(null), true),
        ("NumericNotEquals", json!("1"), json!(null), true),
        ("NumericLessThan", json!("1"), json!(null), false),
        ("DateNotEquals", json!("2026"), json!(null), true),
        ("NotIpAddress", json!("10.0.0.0/8"), json!(null), true),
        ("ArnNotLike", json!("arn:aws:iam::1:root"), json!(null), true),
        ("Bool", json!("false"), json!(null), false),
        ("StringEqualsIfExists", json!("a"), json!(null), true),
        ("StringEqualsIfExists", json!("a"), json!("b"), false),
        ("StringNotEqualsIfExists", json!("a"), json!("a"), false),
        ("BoolIfExists", json!("true"), json!(null), true),
        ("Null", json!("true"), json!(null), true),
        ("Null", json!("false"), json!(null), false),
        ("Null", json!(true), json!("x"), false),
        ("Null", json!("false"), json!(""), true),
        ("Null", json!(["true", "false"]), json!("x"), true),
        // A multivalued key without values is absent.
        ("Null", json!("true"), json!([]), true),
        ("StringEquals", json!("a"), json!([]), false),
    ]);
}

#[test]
fn sets() {
    check(&[
        ("ForAllValues:StringEquals", json!(["a", "b"]), json!(["a", "b"]), true),
        ("ForAllValues:StringEquals", json!(["a", "b"]), json!(["a", "c"]), false),
        ("ForAllValues:StringEquals", json!("a"), json!(null), true),
        ("ForAllValues:StringEquals", json!("a"), json!([]), true),
        ("ForAllValues:StringEquals", json!("a"), json!(""), true),
        ("ForAllValues:StringNotEquals", json!(["a", "b"]), json!(["c", "d"]), true),
        ("ForAllValues:StringNotEquals", json!(["a", "b"]), json!(["c", "b"]), false),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), json!(["x", "b"]), true),
        ("ForAnyValue:StringEquals", json!(["a", "b"]), json!(["x", "y"]), false),
        ("ForAnyValue:StringEquals", json!("a"), json!(null), false),
        ("ForAnyValue:StringNotEquals", json!("a"), json!(null), false),
        ("ForAnyValue:StringNotEquals", json!("a"), json!(["a", "b"]), true),
        ("ForAnyValue:StringEqualsIfExists", json!("a"), json!(null), false),
        ("ForAnyValue:IpAddress", json!("10.0.0.0/8"), json!(["8.8.8.8", "10.0.0.1"]), true),
    ]);
}

#[test]
fn what_cannot_be_told_never_allows_and_always_denies() {
    check_unknown(&[
        ("NumericLessThan", json!("10"), json!("many")),
        ("NumericNotEquals", json!("10"), json!("1e1")),
        ("DateLessThan", json!("2026"), json!("yesterday")),
        ("DateGreaterThan", json!("2026"), json!("2026-13-01")),
        ("Bool", json!("true"), json!("yes")),
        ("Bool", json!("${aws:username}"), json!("true")),
        ("IpAddress", json!("10.0.0.0/8"), json!("10.0.0")),
        ("NotIpAddress", json!("10.0.0.0/8"), json!("localhost")),
        ("ArnEquals", json!("arn:aws:iam:*:role/R"), json!("arn:aws:iam::1:role/R")),
        ("ArnNotEquals", json!("arn:aws:iam:*:role/R"), json!("arn:aws:iam::1:role/R")),
        // A key of several values wants ForAllValues or ForAnyValue.
        ("StringEquals", json!("a"), json!(["a"])),
        ("StringEquals", json!(["a", "b"]), json!(["a", "b"])),
        ("StringEqualsIfExists", json!("a"), json!(["b"])),
        ("StringNotEquals", json!("a"), json!(["a", "b"])),
        ("ForAllValues:NumericLessThan", json!("10"), json!(["1", "few"])),
    ]);
}

#[test]
fn variables() {
    check(&[
        ("StringEquals", json!("${x:key}"), json!("a"), true),
        ("StringEquals", json!("${aws:username}"), json!("u"), true),
        ("StringLike", json!("${x:key}"), json!("a*"), true),
        ("StringEquals", json!("${x:absent}"), json!("a"), false),
        ("StringEquals", json!("${x:absent, 'a'}"), json!("a"), true),
        ("StringNotEquals", json!("${x:absent, 'a'}"), json!("a"), false),
        // "Inverted condition operators do match against a null value."
        ("StringNotEquals", json!("${x:absent}"), json!("a"), true),
        ("ArnNotEquals", json!("${x:absent}"), json!("arn:aws:iam::1:root"), true),
        ("StringEquals", json!("${x:key}"), json!(""), false),
        (
            "ArnEquals",
            json!("arn:aws:iam::${aws:PrincipalAccount}:root"),
            json!("arn:aws:iam::123456789012:root"),
            true,
        ),
        ("ArnEquals", json!("${aws:PrincipalArn}"), json!("arn:aws:iam::123456789012:user/u"), true),
    ]);
    // In a document of the older version this is plain text.
    assert_eq!(
        applies("2008-10-17", "StringEquals", &json!("${x:key}"), &json!({ "x:key": "a" })),
        (false, false)
    );
    let text = json!({ "x:key": "${x:key}" });
    assert_eq!(applies("2008-10-17", "StringEquals", &json!("${x:key}"), &text), (true, true));
    // A value is text, whatever it looks like.
    let star = json!({ "x:key": "ab", "x:other": "*" });
    assert_eq!(applies("2012-10-17", "StringLike", &json!("${x:other}"), &star), (false, false));
    let colons = json!({ "x:key": "arn:aws:iam::1:role/R", "x:other": "1:role" });
    assert_eq!(
        applies("2012-10-17", "ArnLike", &json!("arn:aws:iam::${x:other}:role/R"), &colons),
        (false, false)
    );
}

#[test]
fn resources() {
    let allowed = |element: &str, value: Value, resource: &str| {
        let statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", element: value });
        let own = policy(PolicyKind::Identity, &json!({ "Version": "2012-10-17", "Statement": statement }));
        let empty = json!({ "x:empty": "" });
        let request = request("arn:aws:iam::123456789012:role/r", "s3:GetObject", resource, &empty);
        decide(&request, &Policies { identity: vec![&own], ..Policies::default() }).is_allowed()
    };
    assert!(allowed("Resource", json!("arn:aws:s3:::b/*"), "arn:aws:s3:::b/x:y/z"));
    assert!(!allowed("Resource", json!("arn:aws:s3:::b/*"), "arn:aws:s3:::bb/x"));
    assert!(!allowed("Resource", json!("arn:aws:s3:::b/*"), "arn:aws-cn:s3:::b/x"));
    assert!(allowed("Resource", json!("arn:*:s3:::b/*"), "arn:aws-cn:s3:::b/x"));
    assert!(allowed("NotResource", json!("arn:aws:s3:::b/*"), "arn:aws:s3:::c/x"));
    assert!(!allowed("Resource", json!("arn:aws:s3:::b/${aws:username}"), "arn:aws:s3:::b/"));
    // "The resource that includes a policy variable with no value will not match any resource."
    assert!(allowed("NotResource", json!("arn:aws:s3:::b/${aws:username}"), "arn:aws:s3:::b/x"));
    assert!(!allowed("Resource", json!("arn:aws:s3:::b/${x:empty}/*"), "arn:aws:s3:::b//x"));
    assert!(allowed("Resource", json!("arn:aws:s3:::b/${x:empty, 'd'}/*"), "arn:aws:s3:::b/d/x"));
}
