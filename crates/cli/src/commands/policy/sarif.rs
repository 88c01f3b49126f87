//! Findings as SARIF 2.1.0, which code hosts show beside the line
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use firmhold_iam::lint::{Finding, Rule, Severity, rules};
use serde_json::{Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run.
pub fn log(findings: &[Finding]) -> Value {
    let known: Vec<&Rule> = rules().collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "firmhold",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": known.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(|finding| result(finding, &known)).collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.aws },
        "help": { "text": rule.mend },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn result(finding: &Finding, known: &[&Rule]) -> Value {
    let index = known.iter().position(|rule| rule.id == finding.id);
    let mend = finding.mend.as_ref().map(|mend| format!(" Mend: {}", mend.text)).unwrap_or_default();
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&finding.document) },
            "region": { "startLine": finding.place.line, "startColumn": finding.place.column },
        },
    });
    if !finding.place.path.is_empty() {
        location["logicalLocations"] = json!([{ "fullyQualifiedName": finding.place.path }]);
    }
    json!({
        "ruleId": finding.id,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}{mend}", finding.message) },
        "locations": [location],
    })
}

/// A file's name as a relative URI: a space or a bracket in it is written as its bytes.
fn uri(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    name.bytes().fold(String::new(), |mut uri, byte| {
        match plain(byte) {
            true => uri.push(char::from(byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use firmhold_iam::lint::{Document, DocumentKind, Setting, lint};

    use super::*;

    #[test]
    fn has_the_shape_that_the_standard_asks_for() {
        let text =
            r#"{"Rules": [{"Status": "Enabled", "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}]}"#;
        let documents = [Document::new("a b.json", DocumentKind::Lifecycle, text)];
        let log = log(&lint(&documents, &Setting::default()));
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let results = run["results"].as_array().unwrap();
        assert!(results.iter().any(|result| result["ruleId"] == "T07"));
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(["error", "warning", "note"].contains(&result["level"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "a%20b.json");
            assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
            assert!(place["region"]["startColumn"].as_u64().unwrap() >= 1);
        }
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(!rule[text]["text"].as_str().unwrap().is_empty(), "{rule}");
            }
        }
    }
}
