//! The parts of a message.

/// Longer than any message of AWS, encoded ones included.
const MAX_BYTES: usize = 64 * 1024;

/// What a message says, as far as it goes.
#[derive(Debug, Default)]
pub struct Read {
    /// On one line, blanks single, XML's escapes undone, in lower case.
    pub lower: String,
    pub caller: Option<String>,
    pub action: Option<String>,
    pub resource: Option<String>,
    pub policy_arn: Option<String>,
}

pub fn read(text: &str) -> Read {
    let text: String = text.chars().take(MAX_BYTES).collect();
    let text =
        text.replace("&quot;", "\"").replace("&#34;", "\"").replace("&apos;", "'").replace("&amp;", "&");
    let text = text.replace("\\\"", "\"");
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = plain.to_ascii_lowercase();
    let after = |words: &str| {
        let at = lower.find(words)? + words.len();
        token(plain.get(at..)?)
    };
    let caller = after("user: ").filter(|caller| caller.starts_with("arn:") || caller.contains("anonymous"));
    let action = after("authorized to perform: ")
        .or_else(|| after("authorized to perform "))
        .filter(|action| action.contains(':'))
        .or_else(|| operation(&plain));
    let resource = after("on resource: ").or_else(|| after("on the resource: "));
    // What follows the type of the policy, e.g. `in a service control policy: arn:…`.
    let tail = ["explicit deny in ", "because no "].iter().find_map(|words| lower.find(words));
    let policy_arn = tail.and_then(|at| {
        let rest = plain.get(at..)?;
        let arn = rest.find("arn:")?;
        token(rest.get(arn..)?)
    });
    Read { caller, action, resource, policy_arn, lower }
}

/// Up to the next blank, without quotes and the sentence's mark.
fn token(text: &str) -> Option<String> {
    let text = text.trim_start().trim_start_matches(['"', '\'', '`']);
    let end = text.find([' ', '"', '\'', '`', '<', ',']).unwrap_or(text.len());
    let token = text.get(..end)?.trim_end_matches(['.', ')', ';']);
    (!token.is_empty()).then(|| token.to_owned())
}

/// `An error occurred (AccessDenied) when calling the PutObject operation: Access Denied`.
fn operation(plain: &str) -> Option<String> {
    let at = plain.find("when calling the ")? + "when calling the ".len();
    let name = plain.get(at..)?.split(' ').next()?;
    let known = |service: &str| {
        let action = match name {
            "HeadObject" => "s3:GetObject".to_owned(),
            "HeadBucket" | "ListObjects" | "ListObjectsV2" => "s3:ListBucket".to_owned(),
            "ListObjectVersions" => "s3:ListBucketVersions".to_owned(),
            "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" => "s3:PutObject".to_owned(),
            "ListParts" => "s3:ListMultipartUploadParts".to_owned(),
            name => format!("{service}:{name}"),
        };
        crate::tables::action(&action).map(|_| action)
    };
    ["s3", "sts", "kms", "iam"].into_iter().find_map(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_message() {
        let read = read(
            "<Message>User: arn:aws:sts::1:assumed-role/R/s is not\n authorized to perform: s3:PutObject on resource: \
             &quot;arn:aws:s3:::b/k&quot; because no identity-based policy allows the s3:PutObject action</Message>",
        );
        assert_eq!(read.caller.as_deref(), Some("arn:aws:sts::1:assumed-role/R/s"));
        assert_eq!(read.action.as_deref(), Some("s3:PutObject"));
        assert_eq!(read.resource.as_deref(), Some("arn:aws:s3:::b/k"));
        assert_eq!(read.policy_arn, None);
        assert_eq!(
            operation("when calling the HeadObject operation: Forbidden").as_deref(),
            Some("s3:GetObject")
        );
    }
}
