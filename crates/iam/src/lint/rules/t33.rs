//! T33: a CDN that has no way into a bucket that is closed to the public.

use serde_json::json;

use super::Rule;
use crate::lint::document::DocumentKind;
use crate::lint::finding::Severity;
use crate::lint::mend::add_members;
use crate::lint::subject::{Report, Scene};

pub static RULE: Rule = Rule {
    id: "T33",
    severity: Severity::Warning,
    title: "A CDN is offered, and the bucket does not let it in",
    aws: "With Block Public Access on, CloudFront reads a bucket only by origin access control: a bucket policy that \
          lets the service cloudfront.amazonaws.com read, for one distribution (aws:SourceArn), and with SSE-KMS the \
          key's policy too. Without aws:SourceArn every distribution of every account may read.",
    mend: "Add the statement: `firmhold policy generate bucket --cdn DISTRIBUTION_ARN` prints it.",
    pages: &[
        "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html",
    ],
    check,
};

const SERVICE: &str = "cloudfront.amazonaws.com";

fn check(scene: &Scene<'_>, report: &mut Report<'_>) {
    match scene.own.kind() {
        DocumentKind::Bucket => bucket(scene, report),
        DocumentKind::Prose => prose(scene, report),
        _ => {}
    }
}

fn bucket(scene: &Scene<'_>, report: &mut Report<'_>) {
    for statement in scene.own.statements.iter().filter(|statement| statement.allows()) {
        let source = |key: &str| statement.conditions_on(key).next().is_some();
        for (kind, at) in &statement.principals {
            let text = at.as_text().unwrap_or_default();
            if *kind == "Service"
                && text == SERVICE
                && !source("aws:SourceArn")
                && !source("aws:SourceAccount")
            {
                let condition = json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:cloudfront::ACCOUNT_ID:distribution/ID" } });
                let edit = match statement.at.get("Condition") {
                    None => vec![add_members(&statement.at, &[("Condition", condition)])],
                    Some(_) => Vec::new(),
                };
                report
                    .find(at, "Every CloudFront distribution, of any account, may read the bucket.")
                    .edits(edit);
            }
            if text.contains("CloudFront Origin Access Identity") {
                let message =
                    "An origin access identity cannot read objects under SSE-KMS; origin access control can.";
                report.find(at, message).severity(Severity::Note);
            }
        }
    }
}

fn prose(scene: &Scene<'_>, report: &mut Report<'_>) {
    let lets_in = scene
        .of(DocumentKind::Bucket)
        .flat_map(|subject| &subject.statements)
        .any(|statement| statement.principals.iter().any(|(_, at)| at.as_text() == Some(SERVICE)));
    if lets_in {
        return;
    }
    let offered = scene.own.lines().find(|(_, line)| {
        let lower = line.to_ascii_lowercase();
        let words = || lower.split(|c: char| !c.is_ascii_alphanumeric());
        words().any(|word| word == "cdn" || word == "cloudfront")
    });
    if let Some((number, _)) = offered {
        report.find_line(
            number,
            1,
            "Nothing here lets a CDN read the bucket, which is closed to the public.",
        );
    }
}
