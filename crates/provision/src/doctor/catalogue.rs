//! The symptoms, a file each.

use std::sync::LazyLock;

use super::symptom::Symptom;

macro_rules! files {
    ($($name:literal)*) => {
        /// (name, text) of each file.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("symptoms/", $name, ".toml")))),*];
    };
}

files! {
    "acceleration-dots"
    "acceleration-off"
    "access-denied-bare"
    "acl-not-supported"
    "alarm-silent"
    "assume-role-by-owner"
    "assume-role-denied"
    "block-public-access"
    "bucket-missing"
    "bucket-name-taken"
    "bucket-policy-denies"
    "bucket-yours-already"
    "checksum-differs"
    "clock-skew"
    "cost-abandoned"
    "cost-cross-region"
    "cost-noncurrent"
    "cost-repeated"
    "cost-requests"
    "cost-tiny"
    "delete-denied"
    "dots-in-name"
    "encoded-message"
    "encryption-header"
    "endpoint-unreachable"
    "identity-policy-missing"
    "illegal-location"
    "kms-denied"
    "kms-disabled"
    "kms-not-found"
    "kms-pending-deletion"
    "lifecycle-malformed"
    "link-expired"
    "object-archived"
    "object-locked"
    "part-too-small"
    "permissions-boundary"
    "redirect-not-followed"
    "replication-fails"
    "resource-control-policy"
    "role-not-found"
    "service-control-policy"
    "session-policy"
    "signature-mismatch"
    "slow-acceleration"
    "slow-down"
    "slow-far"
    "slow-line"
    "slow-one-stream"
    "token-expired"
    "too-large"
    "trust-policy-refused"
    "unknown-key"
    "upload-gone"
    "versioning-suspended"
    "vpc-endpoint-policy"
    "wrong-region"
}

/// All of them, by name. A file that is none is left out here; a test reads every one.
pub fn symptoms() -> &'static [Symptom] {
    static ALL: LazyLock<Vec<Symptom>> =
        LazyLock::new(|| FILES.iter().filter_map(|(_, text)| toml::from_str(text).ok()).collect());
    &ALL
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::doctor::FIGURES;

    #[test]
    fn every_file_is_listed_and_sound() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor/symptoms");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        let listed: BTreeSet<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(there, listed);
        for (name, text) in FILES {
            let symptom: Symptom = toml::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(symptom.id, *name);
            assert!(!symptom.texts.is_empty() || !symptom.figures.is_empty(), "{name} is never seen");
            assert!(!symptom.causes.is_empty(), "{name} has no cause");
            for figure in &symptom.figures {
                assert!(FIGURES.iter().any(|known| known.name == figure.name), "{name}: {}", figure.name);
                assert!(figure.from.is_some() != figure.up_to.is_some(), "{name}: {}", figure.name);
            }
        }
        assert_eq!(symptoms().len(), FILES.len());
    }

    #[test]
    fn every_figure_is_a_symptoms() {
        for figure in FIGURES {
            let used =
                symptoms().iter().flat_map(|symptom| &symptom.figures).any(|own| own.name == figure.name);
            assert!(used, "no symptom knows {}", figure.name);
        }
    }
}
