//! Texts that somebody was to replace.

/// Words that stand for a value and are none.
const WORDS: [&str; 12] = [
    "account",
    "account-id",
    "accountid",
    "region",
    "key-id",
    "bucket-name",
    "role-name",
    "bucketname",
    "bucket_name",
    "account_id",
    "key_id",
    "role_name",
];

/// The first placeholder in a value: `YOUR_BUCKET_NAME`, `<account>`, `[ROLE_ARN]`, `your-bucket`, `{region}`, and
/// the words `region`, `account` or `key-id` where an ARN has such a part. Policy variables (`${…}`) are none.
pub fn find(text: &str) -> Option<&str> {
    starred(text)
        .or_else(|| bracketed(text))
        .or_else(|| shouted(text))
        .or_else(|| arn_part(text))
        .or_else(|| yours(text))
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
    account.or_else(|| {
        text.split([':', '/']).skip(2).find(|part| {
            let lower = part.to_ascii_lowercase();
            WORDS.contains(&lower.as_str())
        })
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
            ("arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", None),
            ("s3:GetObject", None),
            ("DEEP_ARCHIVE", None),
            ("STANDARD_IA", None),
            ("NOTIFY_ALL", None),
        ] {
            assert_eq!(find(text), found, "{text}");
        }
    }
}
