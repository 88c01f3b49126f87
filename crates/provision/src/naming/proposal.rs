//! A name for a bucket, with the reasons.

use firmhold_core::{Code, Problem};
use serde::Serialize;

use super::{Parts, Pattern, Suffix, Use, check};

/// A bucket name that AWS takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// The name.
    pub name: String,
    /// Why it is what it is, a sentence each.
    pub reasons: Vec<String>,
}

/// Makes a name by `pattern`, ends it with `suffix` unless that is refused, and checks it.
///
/// # Errors
/// [`Code::Usage`] for missing parts, and for a name that breaks a rule of AWS: each is told with its page.
pub fn propose(
    pattern: &Pattern,
    parts: &Parts,
    suffix: Option<&Suffix>,
    usage: Use,
) -> Result<Proposal, Problem> {
    let stem = pattern.fill(parts)?;
    let name = suffix.map_or_else(|| stem.clone(), |suffix| format!("{stem}-{suffix}"));
    refuse_broken(&name, usage)?;
    let mut reasons = vec![format!("made by the pattern {}", pattern.as_str())];
    match suffix {
        Some(suffix) => reasons.push(format!(
            "ends with {suffix}, which is random: a name that can be guessed can be taken by another account, before it is made or after it is deleted"
        )),
        None => reasons.push(
            "has no random ending, as was asked: another account may hold the name already, or take it after the bucket is deleted"
                .to_owned(),
        ),
    }
    reasons.push(match usage.acceleration {
        true => "holds no dots, so that S3 Transfer Acceleration works".to_owned(),
        false if name.contains('.') => {
            "holds dots: TLS to bucket.s3.amazonaws.com fails for such names, so clients must use path-style addresses, and S3 Transfer Acceleration cannot be turned on later"
                .to_owned()
        }
        false => "holds no dots, so TLS works and S3 Transfer Acceleration can be turned on later".to_owned(),
    });
    Ok(Proposal { name, reasons })
}

fn refuse_broken(name: &str, usage: Use) -> Result<(), Problem> {
    let broken = check(name, usage);
    if broken.is_empty() {
        return Ok(());
    }
    let says: Vec<String> = broken.iter().map(|rule| format!("{} ({})", rule.says, rule.page)).collect();
    let problem = Problem::new(Code::Usage, format!("AWS would refuse the bucket name: {}", says.join("; ")));
    let long = name.len().saturating_sub(63);
    Err(if long > 0 {
        problem.with_hint(format!("Shorten company, purpose or environment by {long} characters in all."))
    } else {
        problem
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(company: &str) -> Parts {
        Parts {
            company: company.to_owned(),
            purpose: "firmware".to_owned(),
            environment: Some("prod".to_owned()),
            region: None,
        }
    }

    #[test]
    fn a_name_with_its_reasons() {
        let pattern = Pattern::fitting(&parts("Acme"));
        let suffix = Suffix::of([7, 7, 7, 7, 7]);
        let proposal = propose(&pattern, &parts("Acme"), Some(&suffix), Use::default()).unwrap();
        assert_eq!(proposal.name, format!("acme-firmhold-firmware-prod-{suffix}"));
        assert_eq!(proposal.reasons.len(), 3);
        let bare = propose(&pattern, &parts("Acme"), None, Use::default()).unwrap();
        assert_eq!(bare.name, "acme-firmhold-firmware-prod");
        assert!(bare.reasons[1].contains("no random ending"), "{:?}", bare.reasons);
    }

    #[test]
    fn acceleration_forbids_dots() {
        let pattern: Pattern = "{company}.{purpose}".parse().unwrap();
        assert!(
            propose(&pattern, &parts("acme"), None, Use::default()).unwrap().reasons[2]
                .contains("path-style")
        );
        let refused = propose(&pattern, &parts("acme"), None, Use { acceleration: true }).unwrap_err();
        assert!(refused.to_string().contains("Transfer Acceleration"), "{refused}");
    }

    #[test]
    fn too_long_says_by_how_much() {
        let company = "a".repeat(50);
        let pattern = Pattern::fitting(&parts(&company));
        let refused =
            propose(&pattern, &parts(&company), Some(&Suffix::of([0; 5])), Use::default()).unwrap_err();
        // 50 + "-firmhold-firmware-prod" (23) + "-" and 8.
        assert!(refused.hint().unwrap().contains("by 19 characters"), "{refused}");
    }
}
