//! Texts that somebody was to replace.

use super::tree::At;
use super::view::s3_resource;

/// Words that stand for a region, an account or a key, and are none.
const WORDS: [&str; 8] =
    ["account", "account-id", "accountid", "account_id", "region", "key-id", "keyid", "key_id"];

/// What AWS's pages call a bucket.
const BUCKETS: [&str; 3] = ["bucket-name", "bucketname", "bucket_name"];

/// The first placeholder in a value of a document. ARNs, principals and values of conditions name what there is; the
/// rest is as people like it.
pub fn of<'a>(at: &At<'a>) -> Option<&'a str> {
    let text = at.as_text()?;
    let path = at.path().to_string();
    let names = text.starts_with("arn:") || path.contains("Principal") || path.contains("Condition");
    if names { find(text) } else { find_in_label(text) }
}

/// The first placeholder in a value: `YOUR_BUCKET_NAME`, `<account>`, `[ROLE_ARN]`, `your-bucket`, `{region}`, and
/// the words `region`, `account` or `key-id` where an ARN has such a part. Policy variables (`${…}`) are none.
pub fn find(text: &str) -> Option<&str> {
    starred(text)
        .or_else(|| bracketed(text))
        .or_else(|| shouted(text))
        .or_else(|| arn_part(text))
        .or_else(|| yours(text))
}

/// The same in a text that people choose for themselves, as a `Sid`: capitals say nothing there unless they ask.
fn find_in_label(text: &str) -> Option<&str> {
    let asks = |word: &&str| ["YOUR_", "REPLACE_"].iter().any(|start| word.starts_with(start));
    starred(text).or_else(|| bracketed(text)).or_else(|| shouted(text).filter(asks)).or_else(|| yours(text))
}

/// `*** bucket ***`, as AWS's documentation has it.
fn starred(text: &str) -> Option<&str> {
    let start = text.find("***")?;
    let inner = text.get(start + 3..)?;
    let end = start + 3 + inner.find("***")? + 3;
    text.get(start..end).filter(|found| found.bytes().any(|b| b.is_ascii_alphabetic()))
}

/// `<…>`, `[…]` and `{…}` around a name. `${…}` is a variable, `[0-9]` no name.
fn bracketed(text: &str) -> Option<&str> {
    [('<', '>'), ('[', ']'), ('{', '}')].iter().find_map(|(open, close)| {
        let start = text.find(*open)?;
        if text.get(..start)?.ends_with('$') {
            return None;
        }
        let length = text.get(start..)?.find(*close)?;
        let inner = text.get(start + 1..start + length)?;
        let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
        let named = inner.chars().any(|c| c.is_ascii_alphabetic()) && inner.chars().all(name);
        if named { text.get(start..=start + length) } else { None }
    })
}

/// Parts of the names that templates use.
const HINTS: [&str; 13] = [
    "YOUR", "MY", "NAME", "ID", "ACCOUNT", "ARN", "REGION", "KEY", "BUCKET", "ORG", "ROLE", "PREFIX",
    "REPLACE",
];

/// `YOUR_…`, `…_NAME`, `…_ID`: capitals joined by underscores, one of them a word of templates.
fn shouted(text: &str) -> Option<&str> {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    parts.into_iter().find(|word| {
        // `backend_of_ORG_ID`: the capitals are what is to be replaced.
        let tail: Vec<&str> =
            word.split('_').rev().take_while(|part| !part.is_empty() && is_upper(part)).collect();
        tail.len() >= 2 && tail.iter().any(|part| HINTS.contains(part))
    })
}

fn is_upper(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// A part of an ARN that is the name of the part.
fn arn_part(text: &str) -> Option<&str> {
    if !text.starts_with("arn:") {
        return None;
    }
    let account = text.split(':').nth(4).filter(|account| is_no_account(account));
    // A bucket or a role may be called `region`; a region, an account and a key cannot. The bucket's whole name may
    // not be the words for it.
    account.or_else(|| {
        let region = text.split(':').nth(3);
        let key = text.split(':').nth(5).and_then(|resource| resource.strip_prefix("key/"));
        let word = |part: &&str| WORDS.contains(&part.to_ascii_lowercase().as_str());
        let bucket = s3_resource(text).map(|(bucket, _)| bucket);
        let bucket = bucket.filter(|bucket| BUCKETS.contains(&bucket.to_ascii_lowercase().as_str()));
        region.into_iter().chain(key).find(word).or(bucket)
    })
}

/// Neither twelve digits nor one of the words that AWS itself has there, nor a pattern.
fn is_no_account(text: &str) -> bool {
    let own = text.is_empty() || matches!(text, "aws" | "cloudfront" | "root");
    let pattern = text.contains(['*', '?', '$', '{']);
    !own && !pattern && !crate::principal::is_account(text)
}

/// `your-…`.
fn yours(text: &str) -> Option<&str> {
    let parts = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
    parts.into_iter().find(|word| {
        let lower = word.to_ascii_lowercase();
        lower.starts_with("your-") || lower.starts_with("your_")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_replaced() {
        for (text, found) in [
            ("arn:aws:s3:::YOUR_BUCKET_NAME/*", Some("YOUR_BUCKET_NAME")),
            ("arn:aws:kms:region:account:key/key-id", Some("account")),
            ("arn:aws:iam::account:role/replication-role", Some("account")),
            ("arn:aws:iam::VENDOR_ACCOUNT:role/x_ORG_ID", Some("VENDOR_ACCOUNT")),
            ("arn:aws:iam::999999999999:role/backend_of_ORG_ID", Some("backend_of_ORG_ID")),
            ("s3://your-bucket-name/test/", Some("your-bucket-name")),
            ("<account-id>", Some("<account-id>")),
            ("[ROLE_ARN]", Some("[ROLE_ARN]")),
            ("arn:aws:s3:::{bucket}", Some("{bucket}")),
            ("arn:aws:s3:::acme-fw/${aws:username}/*", None),
            ("arn:aws:s3:::*** bucket ***/*", Some("*** bucket ***")),
            ("arn:aws:iam::AccountB-ID:root", Some("AccountB-ID")),
            ("arn:aws:iam::cloudfront:user/x", None),
            ("arn:aws:iam::aws:policy/ReadOnlyAccess", None),
            ("arn:aws:s3:::account-logs/*", None),
            ("arn:aws:s3:::region/account/key-id", None),
            ("arn:aws:s3:::bucket-name/*", Some("bucket-name")),
            ("arn:aws:s3:::acme/bucket-name/*", None),
            ("arn:aws:kms:us-west-2:111122223333:key/key-id", Some("key-id")),
            ("arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", None),
            ("s3:GetObject", None),
            ("DEEP_ARCHIVE", None),
            ("STANDARD_IA", None),
            ("NOTIFY_ALL", None),
        ] {
            assert_eq!(find(text), found, "{text}");
        }
        for (text, found) in [("DENY_ORG_ID", None), ("YOUR_SID", Some("YOUR_SID")), ("<id>", Some("<id>"))] {
            assert_eq!(find_in_label(text), found, "{text}");
        }
    }
}
