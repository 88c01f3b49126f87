//! A page's documents with a real bucket and a real role in the place of its own names.

use crate::lint::tree::Tree;
use crate::lint::view::statements;

/// A document in which every bucket's ARN names `bucket`; what follows the name, wildcards too, stays.
pub fn with_bucket(text: &str, bucket: &str) -> String {
    const HEAD: &str = ":s3:::";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(HEAD) {
        let (before, after) = rest.split_at(at + HEAD.len());
        let end = after.find(['"', '/', '*', '?']).unwrap_or(after.len());
        out.push_str(before);
        // `arn:aws:s3:::*` is every bucket.
        out.push_str(if end == 0 { "" } else { bucket });
        rest = after.get(end..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// A document in which every IAM ARN is of `account`.
pub fn with_account(text: &str, account: &str) -> String {
    const HEAD: &str = ":iam::";
    let mut pieces = text.split(HEAD);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |out, piece| match piece.split_once(':') {
        Some((_, rest)) => format!("{out}{HEAD}{account}:{rest}"),
        None => format!("{out}{HEAD}{piece}"),
    })
}

/// A trust policy in which every AWS principal is `principal`; and the external ID that it wants.
pub fn with_principal(text: &str, principal: &str) -> (String, Option<String>) {
    let Ok(tree) = Tree::read(text) else { return (text.to_owned(), None) };
    let all = statements(&tree.root());
    let mut out = text.to_owned();
    let named = all.iter().flat_map(|statement| &statement.principals);
    for (_, at) in named.filter(|(kind, _)| *kind == "AWS") {
        out = out.replace(at.raw(), &serde_json::Value::from(principal).to_string());
    }
    let external_id = all.iter().flat_map(|statement| &statement.conditions).find_map(|condition| {
        let wanted = condition.key.eq_ignore_ascii_case("sts:ExternalId");
        condition.values.first().filter(|_| wanted)?.as_text().map(str::to_owned)
    });
    (out, external_id)
}

/// The values that a policy's conditions want of headers, e.g. (`s3:x-amz-server-side-encryption`, `AES256`).
pub fn wanted_headers(text: &str) -> Vec<(String, String)> {
    let Ok(tree) = Tree::read(text) else { return Vec::new() };
    let all = statements(&tree.root());
    let conditions =
        all.iter().filter(|statement| statement.allows()).flat_map(|statement| &statement.conditions);
    conditions
        .filter(|condition| {
            condition.key.starts_with("s3:x-amz-") && !condition.operator_name.contains("Not")
        })
        .filter_map(|condition| {
            let header = condition.key.strip_prefix("s3:")?.to_owned();
            Some((header, condition.values.first()?.as_text()?.to_owned()))
        })
        .collect()
}

/// The first and the last line, in the document, of a statement (its number from 1), and the line of a condition in
/// it that is called `OPERATOR KEY`.
pub fn statement_lines(
    text: &str,
    statement: usize,
    condition: Option<&str>,
) -> Option<(usize, usize, usize)> {
    let tree = Tree::read(text).ok()?;
    let all = statements(&tree.root());
    let statement = all.get(statement.checked_sub(1)?)?;
    let first = statement.at.place().line;
    let last = first + statement.at.raw().matches('\n').count();
    let named = statement
        .conditions
        .iter()
        .find(|own| Some(format!("{} {}", own.operator_name, own.key).as_str()) == condition);
    Some((first, last, named.map_or(first, |condition| condition.at.place().line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_and_lines_stay() {
        let text =
            "{\"Resource\": [\"arn:aws:s3:::YOURS/*\",\n \"arn:aws:s3:::YOURS*\", \"arn:aws:s3:::*\"]}";
        let done = with_bucket(text, "b");
        assert_eq!(done, "{\"Resource\": [\"arn:aws:s3:::b/*\",\n \"arn:aws:s3:::b*\", \"arn:aws:s3:::*\"]}");
        let role = with_account("{\"Role\": \"arn:aws:iam::YOURS:role/r\"}", "111122223333");
        assert_eq!(role, "{\"Role\": \"arn:aws:iam::111122223333:role/r\"}");
        let trust = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::VENDOR:role/r"},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "X"}}}}"#;
        let (done, id) = with_principal(trust, "arn:aws:iam::999999999999:role/p");
        assert!(done.contains("\"AWS\": \"arn:aws:iam::999999999999:role/p\""), "{done}");
        assert_eq!(id.as_deref(), Some("X"));
        assert_eq!(statement_lines(trust, 1, Some("StringEquals sts:ExternalId")), Some((1, 2, 2)));
    }
}
