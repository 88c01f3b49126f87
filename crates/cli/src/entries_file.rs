//! The file of `firmhold import --entries`: which object is which version of what.

use std::path::Path;

use firmhold_core::{Code, Problem};
use serde::Deserialize;

/// Largest file that is read: a line is some hundred bytes, and an import is of thousands.
const LIMIT: u64 = 64 * 1024 * 1024;

/// One object, as the file tells of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// The whole key.
    pub key: String,
    /// The artifact's name, unless `--artifact` says it.
    pub artifact: Option<String>,
    /// The version.
    pub version: String,
    /// The target, unless `--target` says it.
    pub target: Option<String>,
    /// SHA-256 in hex, if it is known: the object is then read once instead of twice.
    pub hash: Option<String>,
    /// The object's version, instead of the newest.
    pub version_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TomlFile {
    entries: Vec<FileEntry>,
}

/// Reads a file by its extension: `.csv` with a header line, `.json` with a list of objects, `.toml` with `[[entries]]`.
///
/// # Errors
/// [`Code::LocalFile`] if it cannot be read, [`Code::Usage`] if it is of no such form or empty.
pub fn read(path: &Path) -> Result<Vec<FileEntry>, Problem> {
    let unreadable = |error: std::io::Error| {
        Problem::new(Code::LocalFile, format!("cannot read {}", path.display())).caused_by(error)
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > LIMIT {
        return Err(usage(path, format!("has {length} bytes, more than {LIMIT}")));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let entries = match extension.to_ascii_lowercase().as_str() {
        "csv" => csv(&text),
        "json" => serde_json::from_str(&text).map_err(|error| error.to_string()),
        "toml" => toml::from_str(&text)
            .map(|file: TomlFile| file.entries)
            .map_err(|error| error.message().to_owned()),
        _ => Err("must end in .csv, .json or .toml".to_owned()),
    };
    let entries = entries.map_err(|wrong| usage(path, wrong))?;
    if entries.is_empty() {
        return Err(usage(path, "has no entries".to_owned()));
    }
    Ok(entries)
}

fn usage(path: &Path, wrong: String) -> Problem {
    Problem::new(Code::Usage, format!("{}: {wrong}", path.display()))
        .with_hint("an entry has key and version, and may have artifact, target, hash and version_id")
}

/// Comma-separated values as RFC 4180 has them, with a header line.
fn csv(text: &str) -> Result<Vec<FileEntry>, String> {
    let mut records = records(text.strip_prefix('\u{feff}').unwrap_or(text))?.into_iter();
    let (_, header) = records.next().ok_or_else(|| "has no header line".to_owned())?;
    records
        .map(|(line, record)| {
            if record.len() != header.len() {
                return Err(format!(
                    "line {line} has {} fields, the header has {}",
                    record.len(),
                    header.len()
                ));
            }
            let fields = header.iter().zip(record).filter(|(_, value)| !value.is_empty());
            let object = fields.map(|(name, value)| (name.trim().to_owned(), value.into())).collect();
            serde_json::from_value(serde_json::Value::Object(object))
                .map_err(|error| format!("line {line}: {error}"))
        })
        .collect()
}

/// The records with the lines that they begin in. Empty lines are none.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut records = Vec::new();
    let (mut record, mut field) = (Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' if !quoted => {
                if !record.is_empty() || !field.is_empty() {
                    record.push(std::mem::take(&mut field));
                    records.push((begun, std::mem::take(&mut record)));
                }
                line += 1;
                begun = line;
            }
            other => {
                line += usize::from(other == '\n');
                field.push(other);
            }
        }
    }
    if quoted {
        return Err(format!("the quote that is open in line {begun} never ends"));
    }
    if !record.is_empty() || !field.is_empty() {
        record.push(field);
        records.push((begun, record));
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> Result<Vec<FileEntry>, Problem> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn three_forms_say_the_same() {
        let csv =
            file("e.csv", "key,version,target,artifact\r\n\"old/a, \"\"b\"\".bin\",1.0,imx8,\r\n\r\nc,2,,gw");
        let json = r#"[{"key":"old/a, \"b\".bin","version":"1.0","target":"imx8"},{"key":"c","version":"2","artifact":"gw"}]"#;
        let toml = "[[entries]]\nkey = 'old/a, \"b\".bin'\nversion = '1.0'\ntarget = 'imx8'\n[[entries]]\nkey = 'c'\nversion = '2'\nartifact = 'gw'";
        let csv = csv.unwrap();
        assert_eq!(
            (csv.len(), csv[0].key.as_str(), csv[0].artifact.as_deref()),
            (2, "old/a, \"b\".bin", None)
        );
        assert_eq!(file("e.json", json).unwrap(), csv);
        assert_eq!(file("e.toml", toml).unwrap(), csv);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = |name: &str, text: &str| {
            let said = file(name, text).unwrap_err().to_string();
            said.rsplit_once("/e.").map(|(_, said)| said.to_owned()).unwrap()
        };
        insta::assert_snapshot!(wrong("e.csv", "key,version\na,1\n\nb,2,3"), @"csv: line 4 has 3 fields, the header has 2");
        insta::assert_snapshot!(wrong("e.csv", "key,version\na,1\n\"b"), @"csv: the quote that is open in line 3 never ends");
        insta::assert_snapshot!(wrong("e.csv", "key,versoin\na,1"), @"csv: line 2: unknown field `versoin`, expected one of `key`, `artifact`, `version`, `target`, `hash`, `version_id`");
        insta::assert_snapshot!(wrong("e.csv", "key,version\na,"), @"csv: line 2: missing field `version`");
        insta::assert_snapshot!(wrong("e.json", "[]"), @"json: has no entries");
        insta::assert_snapshot!(wrong("e.txt", "x"), @"txt: must end in .csv, .json or .toml");
    }
}
