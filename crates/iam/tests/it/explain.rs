//! Texts as AWS documents them, whole and cut.

use firmhold_iam::explain::{Culprit, explain};
use firmhold_iam::lint::{Document, DocumentKind};

const WHO: &str =
    "User: arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s is not authorized to perform: ";

#[test]
fn the_type_of_the_policy_is_read_from_the_text() {
    let object = "s3:PutObject on resource: \"arn:aws:s3:::acme-fw/firmhold/a\" ";
    let cases: &[(String, Culprit, Option<bool>)] = &[
        (format!("{WHO}{object}because no identity-based policy allows the s3:PutObject action"), Culprit::Identity, Some(false)),
        (format!("{WHO}{object}with an explicit deny in an identity-based policy"), Culprit::Identity, Some(true)),
        (format!("{WHO}{object}because no resource-based policy allows the s3:PutObject action"), Culprit::Resource, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a resource-based policy"), Culprit::Resource, Some(true)),
        (format!("{WHO}{object}because no permissions boundary allows the s3:PutObject action"), Culprit::Boundary, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a permissions boundary"), Culprit::Boundary, Some(true)),
        (format!("{WHO}{object}because no session policy allows the s3:PutObject action"), Culprit::Session, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a session policy"), Culprit::Session, Some(true)),
        (format!("{WHO}{object}because no service control policy allows the s3:PutObject action"), Culprit::ServiceControl, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a service control policy"), Culprit::ServiceControl, Some(true)),
        (format!("{WHO}{object}because no resource control policy allows the s3:PutObject action"), Culprit::ResourceControl, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a resource control policy"), Culprit::ResourceControl, Some(true)),
        (format!("{WHO}{object}because no VPC endpoint policy allows the s3:PutObject action"), Culprit::VpcEndpoint, Some(false)),
        (format!("{WHO}{object}with an explicit deny in a VPC endpoint policy"), Culprit::VpcEndpoint, Some(true)),
        (format!("{WHO}sts:AssumeRole on resource: arn:aws:iam::444455556666:role/R because no role trust policy allows the sts:AssumeRole action"), Culprit::Trust, Some(false)),
        (format!("{WHO}sts:AssumeRole on resource: arn:aws:iam::444455556666:role/R with an explicit deny in the role trust policy"), Culprit::Trust, Some(true)),
        (format!("{WHO}kms:Decrypt on resource: arn:aws:kms:us-west-2:111122223333:key/k because no resource-based policy allows the kms:Decrypt action"), Culprit::Key, Some(false)),
        (format!("{WHO}kms:Decrypt on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"), Culprit::Key, None),
        ("The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.".to_owned(), Culprit::Key, None),
        (format!("{WHO}s3:PutBucketPolicy on resource: \"arn:aws:s3:::acme-fw\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access."), Culprit::PublicAccessBlock, None),
        ("You are not authorized to perform this operation. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q".to_owned(), Culprit::Encoded, None),
        ("<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>".to_owned(), Culprit::ExpiredLink, None),
        ("An error occurred (ExpiredToken) when calling the GetObject operation: The provided token has expired.".to_owned(), Culprit::Credentials, None),
        ("An error occurred (AccessDenied) when calling the PutObject operation: Access Denied".to_owned(), Culprit::Unknown, None),
        ("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>".to_owned(), Culprit::Unknown, None),
        ("Not authorized to perform sts:AssumeRoleWithWebIdentity".to_owned(), Culprit::Unknown, None),
        (String::new(), Culprit::Unknown, None),
    ];
    for (text, culprit, explicit) in cases {
        let told = explain(text, &[]);
        assert_eq!((told.culprit, told.explicit), (*culprit, *explicit), "{text}");
        assert!(!told.meaning.is_empty() && !told.ask.is_empty(), "{text}");
    }
}

#[test]
fn a_policy_that_is_named_by_its_arn() {
    let text = format!(
        "{WHO}s3:GetObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a service control policy: \
         arn:aws:organizations::123456789012:policy/o-abcdefghij/service_control_policy/p-12345678."
    );
    let told = explain(&text, &[]);
    assert_eq!(
        told.policy_arn.as_deref(),
        Some("arn:aws:organizations::123456789012:policy/o-abcdefghij/service_control_policy/p-12345678")
    );
    assert_eq!(told.resource.as_deref(), Some("arn:aws:s3:::b/k"));
}

#[test]
fn an_organization_that_keeps_outsiders_from_its_roles_is_asked_to_spare_the_account() {
    let text = "User: arn:aws:sts::999999999999:assumed-role/firmhold-platform/s is not authorized to perform: \
                sts:AssumeRole on resource: arn:aws:iam::111122223333:role/FirmholdBackend with an explicit deny in a \
                resource control policy";
    let told = explain(text, &[]);
    insta::assert_json_snapshot!(told.ask[0], @r#"
    {
      "text": "Add this to the Condition of the statement that denies sts:AssumeRole from outside the organization: it spares the platform's account.",
      "json": {
        "StringNotEquals": {
          "aws:PrincipalAccount": "999999999999"
        }
      }
    }
    "#);
}

#[test]
fn the_statement_is_named_where_its_document_is_held() {
    let policy = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Sid\": \"Offices\",\n      \
        \"Effect\": \"Deny\",\n      \"Principal\": \"*\",\n      \"Action\": \"s3:*\",\n      \"Resource\": \
        \"arn:aws:s3:::acme-fw/*\",\n      \"Condition\": {\n        \"NotIpAddress\": { \"aws:SourceIp\": \
        \"198.51.100.0/24\" }\n      }\n    }\n  ]\n}\n";
    let held = [Document::new("bucket.json", DocumentKind::Bucket, policy)];
    let text = format!(
        "{WHO}s3:GetObject on resource: \"arn:aws:s3:::acme-fw/firmhold/a\" with an explicit deny in a resource-based policy"
    );
    let told = explain(&text, &held);
    assert_eq!(told.statements.len(), 1);
    let found = &told.statements[0];
    assert_eq!((found.sid.as_deref(), found.place.line), (Some("Offices"), 4));
    insta::assert_snapshot!(found.mend.as_ref().unwrap().diff.as_ref().unwrap(), @r#"
    @@ -8,7 +8,8 @@
           "Action": "s3:*",
           "Resource": "arn:aws:s3:::acme-fw/*",
           "Condition": {
    -        "NotIpAddress": { "aws:SourceIp": "198.51.100.0/24" }
    +        "NotIpAddress": { "aws:SourceIp": "198.51.100.0/24" },
    +        "ArnNotEquals": { "aws:PrincipalArn": "arn:aws:iam::111122223333:role/FirmholdBackend" }
           }
         }
       ]
    "#);
}

#[test]
fn text_that_is_cut_anywhere_is_still_explained() {
    let text = format!(
        "{WHO}s3:GetObject on resource: \"arn:aws:s3:::é/k\" with an explicit deny in a service control policy: arn:aws:x"
    );
    for end in 0..text.len() {
        let cut = String::from_utf8_lossy(&text.as_bytes()[..end]).into_owned();
        assert!(!explain(&cut, &[]).ask.is_empty());
    }
    let cut = explain(&text[..text.find("policy").unwrap()], &[]);
    assert_eq!((cut.culprit, cut.explicit), (Culprit::Unknown, Some(true)));
}
