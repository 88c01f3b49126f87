//! Addresses of resources, and what an expression refers to
//! (<https://developer.hashicorp.com/terraform/cli/state/resource-addressing>).

/// Longer than any that people write; it bounds what following references can take.
pub const MAX_ADDRESS: usize = 1_024;

/// `module.fleet["eu"].aws_iam_role.backend[0]`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address<'t> {
    /// The instance of the module that it stands in, `module.fleet["eu"]`; empty in the root.
    pub module: &'t str,
    /// The names of the modules from the root, without the keys of their instances.
    pub path: Vec<&'t str>,
    /// `aws_iam_role.backend`.
    pub declared: &'t str,
    /// The key of the instance with its brackets, or nothing.
    pub key: &'t str,
}

impl<'t> Address<'t> {
    /// `None` for a data source, and for what is no address.
    pub fn parse(text: &'t str) -> Option<Self> {
        if text.len() > MAX_ADDRESS {
            return None;
        }
        let parts = parts(text);
        let mut path = Vec::new();
        let mut at = 0;
        while part(text, &parts, at)? == "module" {
            path.push(split_key(part(text, &parts, at + 1)?).0);
            at += 2;
        }
        let (start, _) = *parts.get(at)?;
        let (name, key) = split_key(part(text, &parts, at + 1)?);
        let (_, end) = *parts.get(at + 1)?;
        let module = text.get(..start.saturating_sub(1))?;
        let declared = text
            .get(start..end - key.len())
            .filter(|_| !name.is_empty() && part(text, &parts, at) != Some("data"))?;
        Some(Self { module, path, declared, key })
    }
}

/// Something that an expression refers to.
#[derive(Debug, PartialEq, Eq)]
pub enum Reference<'t> {
    /// A resource of the same module, or one instance of it.
    Resource { declared: &'t str, key: &'t str },
    /// An input variable of the module.
    Variable(&'t str),
    /// An output of a module that it calls.
    Output { call: &'t str, key: &'t str, output: &'t str },
    /// The value of the instance at hand under `for_each`.
    EachValue,
    /// What tells one instance from another.
    InstanceKey,
    /// What is known before anything is applied.
    Known,
    /// What may be anything: a local value, a data source.
    Other,
}

impl<'t> Reference<'t> {
    pub fn parse(text: &'t str) -> Self {
        if text.len() > MAX_ADDRESS {
            return Self::Other;
        }
        let parts = parts(text);
        let part = |at: usize| part(text, &parts, at);
        let (Some(first), second) = (part(0), part(1)) else { return Self::Other };
        match (first, second) {
            ("var", Some(name)) => Self::Variable(split_key(name).0),
            ("each", Some(name)) if split_key(name).0 == "value" => Self::EachValue,
            ("each" | "count", _) => Self::InstanceKey,
            ("path" | "terraform", _) => Self::Known,
            ("module", Some(call)) => match part(2) {
                Some(output) => {
                    let (call, key) = split_key(call);
                    Self::Output { call, key, output: split_key(output).0 }
                }
                None => Self::Other,
            },
            ("data" | "local" | "self", _) | (_, None) => Self::Other,
            (kind, Some(name)) => {
                let (name, key) = split_key(name);
                let declared = text.get(..kind.len() + 1 + name.len());
                declared.map_or(Self::Other, |declared| Self::Resource { declared, key })
            }
        }
    }
}

/// The instance of a module that calls another, and the key under which: `module.a["x"].module.b[0]` is called by
/// `module.a["x"]` under `[0]`.
pub fn caller(module: &str) -> (&str, &str) {
    let parts = parts(module);
    let last = parts.last().and_then(|(start, end)| module.get(*start..*end)).unwrap_or_default();
    let start = parts.len().checked_sub(2).and_then(|at| parts.get(at)).map_or(0, |(start, _)| *start);
    (module.get(..start.saturating_sub(1)).unwrap_or_default(), split_key(last).1)
}

fn part<'t>(text: &'t str, parts: &[(usize, usize)], at: usize) -> Option<&'t str> {
    let (start, end) = *parts.get(at)?;
    text.get(start..end).filter(|part| !part.is_empty())
}

/// A name and the key in brackets behind it.
fn split_key(part: &str) -> (&str, &str) {
    part.split_at(part.find('[').unwrap_or(part.len()))
}

/// Where the parts between dots begin and end; a dot in a key is none.
fn parts(text: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'.' if !quoted => {
                parts.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((start, text.len()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let text = r#"module.a["x.\"]y"].module.b[0].aws_iam_role.r["k.1"]"#;
        let address = Address::parse(text).expect("an address");
        assert_eq!(address.module, r#"module.a["x.\"]y"].module.b[0]"#);
        assert_eq!(address.path, ["a", "b"]);
        assert_eq!((address.declared, address.key), ("aws_iam_role.r", r#"["k.1"]"#));
        assert_eq!(caller(address.module), (r#"module.a["x.\"]y"]"#, "[0]"));
        assert_eq!(caller("module.a"), ("", ""));
        let plain = Address::parse("aws_iam_role.r").expect("an address");
        assert_eq!((plain.module, plain.declared, plain.key), ("", "aws_iam_role.r", ""));
        for text in
            ["", ".", "..", "aws_iam_role", "module", "module.a", "module.a.x", "data.aws_iam_role.r", "é.["]
        {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn references() {
        use Reference as R;
        for (text, reference) in [
            ("aws_iam_role.r", R::Resource { declared: "aws_iam_role.r", key: "" }),
            ("aws_iam_role.r[0].name", R::Resource { declared: "aws_iam_role.r", key: "[0]" }),
            ("var.role", R::Variable("role")),
            ("var.roles[0].name", R::Variable("roles")),
            (r#"module.m["a.b"].role.name"#, R::Output { call: "m", key: r#"["a.b"]"#, output: "role" }),
            ("module.m", R::Other),
            ("each.value.name", R::EachValue),
            ("count.index", R::InstanceKey),
            ("path.module", R::Known),
            ("local.role", R::Other),
            ("data.aws_iam_role.r.name", R::Other),
            ("", R::Other),
        ] {
            assert_eq!(R::parse(text), reference, "{text}");
        }
    }
}
