//! Names of condition keys, some of which have a variable part.

/// Whether a key of a policy or request is the key of the reference: its name in any case, and for
/// `aws:RequestTag/${TagKey}` any text, though not none, in place of the variable.
pub fn is_key(reference: &str, name: &str) -> bool {
    let Some((before, rest)) = reference.split_once("${") else {
        return reference.eq_ignore_ascii_case(name);
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    let Some(variable) = name.len().checked_sub(before.len() + after.len()).filter(|length| *length > 0)
    else {
        return false;
    };
    let starts = name.get(..before.len()).is_some_and(|start| start.eq_ignore_ascii_case(before));
    let ends = name.get(before.len() + variable..).is_some_and(|end| end.eq_ignore_ascii_case(after));
    starts && ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_part_is_any_text_but_none() {
        for (reference, name, expected) in [
            ("s3:prefix", "S3:Prefix", true),
            ("s3:prefix", "s3:prefix/", false),
            ("aws:RequestTag/${TagKey}", "aws:requesttag/a/b", true),
            ("aws:RequestTag/${TagKey}", "aws:RequestTag/", false),
            ("aws:RequestTag/${TagKey}", "aws:RequestTag", false),
            ("kms:EncryptionContext:${Key}", "kms:EncryptionContext:aws:s3:arn", true),
            ("token.${Domain}.ghe.com:actor", "token.acme.ghe.com:actor", true),
            ("token.${Domain}.ghe.com:actor", "token..ghe.com:actor", false),
            ("token.${Domain}.ghe.com:actor", "token.é.ghe.com:actor", true),
        ] {
            assert_eq!(is_key(reference, name), expected, "{reference} {name}");
        }
    }
}
