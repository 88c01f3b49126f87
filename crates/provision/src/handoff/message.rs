//! The message to the platform's operator.

use std::fmt::Write as _;

use super::Request;

/// The mail: the subject on the first line, an empty one, the text. The request must have passed its check.
///
/// INVARIANT: no external ID is in it (T18). It is the platform that makes one, and it does not travel by mail.
pub fn message(request: &Request) -> String {
    let mut text =
        format!("Subject: A storage backend of our own on Amazon S3: {}\n\n", request.organization);
    text.push_str("Hello,\n\nwe would like our firmware to lie in a bucket of our own. It and the role for you are there; please add them\nas a backend of our organization.\n");
    section(
        &mut text,
        "Organization",
        &[("organization", &request.organization), ("contact", &request.contact)],
    );
    let short = format!("{} (what you call the backend; not the name of the IAM role)", request.short_name);
    let second = request.secondary_region.as_deref().unwrap_or("none");
    section(
        &mut text,
        "AWS",
        &[
            ("bucket", &request.bucket),
            ("region", &request.region),
            ("role to assume", &request.role_arn),
            ("short name", &short),
            ("second region", second),
            ("encryption", &request.encryption),
            ("versioning", on(request.versioning)),
            ("lifecycle rules", on(request.lifecycle)),
            ("replication", on(request.replication)),
        ],
    );
    section(
        &mut text,
        "What we need",
        &[
            ("CDN", yes(request.cdn)),
            ("several regions", yes(request.multi_region)),
            ("traffic", &request.traffic),
            ("live from", &request.go_live),
        ],
    );
    text.push_str(
        "\nPlease give us the trust policy for this role, where we sign in and not by mail, with\n\
         \x20 - your AWS account, or your role in it, as the only principal;\n\
         \x20 - an external ID that you made at random for this one role. Our organization's ID is known to too many to be one;\n\
         \x20 - StringEquals on sts:ExternalId, in every statement that allows.\n\
         The role trusts nobody until then. Once the policy is in place, please test that you get in with the external ID, and\n\
         that you do not without it.\n",
    );
    let _ = write!(text, "\nKind regards\n{}\n", request.name);
    text
}

fn section(text: &mut String, title: &str, rows: &[(&str, &str)]) {
    let _ = writeln!(text, "\n{title}");
    for (name, value) in rows {
        let _ = writeln!(text, "  {:<16} {value}", format!("{name}:"));
    }
}

fn on(is: bool) -> &'static str {
    if is { "on" } else { "off" }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
