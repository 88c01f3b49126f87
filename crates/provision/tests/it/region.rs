//! Regions from countries and a residency rule.

use firmhold_core::Code;
use firmhold_provision::cost::PriceTable;
use firmhold_provision::region::{Choice, Question, choose};

fn ask(devices: &[&str], residency: &str, opt_in: bool) -> Choice {
    choose(&question(devices, residency, opt_in), &PriceTable::committed().unwrap()).unwrap()
}

fn question(devices: &[&str], residency: &str, opt_in: bool) -> Question {
    let fleet = devices.iter().map(|text| text.parse().unwrap()).collect();
    Question { fleet, residency: residency.parse().unwrap(), opt_in }
}

/// Devices, residency, with regions to turn on; primary and secondary.
type Case = (&'static [&'static str], &'static str, bool, &'static str, Option<&'static str>);

#[test]
fn fleets_and_rules() {
    let cases: [Case; 10] = [
        (&["US=1000"], "anywhere", false, "us-east-2", Some("us-east-1")),
        (&["DE=1000"], "anywhere", false, "eu-central-1", Some("eu-west-3")),
        (&["DE=1000"], "de", false, "eu-central-1", None),
        // London is nearer to both, and not in the area.
        (&["GB=10", "IE=10"], "eea", false, "eu-west-1", Some("eu-west-3")),
        (&["JP"], "jp", false, "ap-northeast-1", Some("ap-northeast-3")),
        (&["SG=5", "MY=5", "ID=5"], "anywhere", false, "ap-southeast-1", Some("ap-south-1")),
        (&["BR=100"], "anywhere", false, "sa-east-1", Some("us-east-1")),
        (&["ZA=9"], "za", true, "af-south-1", None),
        (&["US=900", "DE=100"], "us", false, "us-east-2", Some("us-east-1")),
        (&["MX=1"], "mx", true, "mx-central-1", None),
    ];
    let mut told = Vec::new();
    for (devices, residency, opt_in, primary, secondary) in cases {
        let choice = ask(devices, residency, opt_in);
        let second = choice.secondary.as_ref().map(|candidate| candidate.region.code);
        if (choice.primary.region.code, second) != (primary, secondary) {
            told.push(format!(
                "{devices:?} {residency}: {} {second:?}, not {primary} {secondary:?}",
                choice.primary.region.code
            ));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn the_reasons_are_told() {
    let choice = ask(&["DE=900", "FR=100"], "eu", false);
    insta::assert_snapshot!(choice.primary_reasons.join("\n"), @r"
    223 km from a device on average, the nearest of those allowed
    648 km to the farthest devices, in France
    lies in Germany: the data stays in the European Union
    list price: 0.0245 USD a GB-month in S3 Standard, 0.09 USD a GB to the internet
    ");
    insta::assert_snapshot!(choice.secondary_reasons.join("\n"), @r"
    474 km from eu-central-1: what takes one down does not reach the other
    599 km from a device on average when it has to serve them
    lies in France: the data stays in the European Union
    list price: 0.024 USD a GB-month in S3 Standard, 0.09 USD a GB to the internet
    ");
}

/// T38: no region is called the cheapest or the most available of all.
#[test]
fn no_region_is_praised() {
    for devices in [&["US=1"][..], &["US=1", "CA=1", "MX=1"], &["GB=1"]] {
        let choice = ask(devices, "anywhere", false);
        let said = [choice.primary_reasons, choice.secondary_reasons].concat().join(" ").to_lowercase();
        for word in ["lowest", "cheapest", "highest", "most available", "best"] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

#[test]
fn where_there_is_no_price_it_says_so() {
    let choice = ask(&["MX=1"], "mx", true);
    assert_eq!(choice.primary.region.code, "mx-central-1");
    assert!(
        choice.primary_reasons.iter().any(|says| says.contains("no price")),
        "{:?}",
        choice.primary_reasons
    );
}

#[test]
fn a_rule_that_no_region_keeps_is_refused() {
    let prices = PriceTable::committed().unwrap();
    let refused = choose(&question(&["CH=1"], "ch", false), &prices).unwrap_err();
    assert_eq!(refused.code(), Code::Usage);
    assert!(refused.hint().unwrap().contains("eu-central-2"), "{refused}");
    let refused = choose(&question(&["CN=1"], "cn", true), &prices).unwrap_err();
    assert!(refused.hint().unwrap().contains("no region there at all"), "{refused}");
    let refused = choose(&question(&[], "anywhere", false), &prices).unwrap_err();
    assert!(refused.hint().unwrap().contains("--devices"), "{refused}");
}
