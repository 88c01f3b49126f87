//! `firmhold account name`, `region`, `cost`, `handoff` and `doctor`, from outside.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::child::firmhold;

fn run(folder: &Path, args: &[&str]) -> Output {
    firmhold(folder).current_dir(folder).arg("account").args(args).output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_name_is_all_that_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["name", "--company", "Acme Robotics", "--environment", "prod"];
    let (one, two) = (run(folder.path(), &args), run(folder.path(), &args));
    let name = text(&one.stdout);
    assert!(name.starts_with("acme-robotics-firmhold-firmware-prod-") && name.trim().len() == 45, "{name}");
    assert_ne!(one.stdout, two.stdout, "the ending is random");
    assert!(text(&one.stderr).contains("random"), "{one:?}");

    let bare = run(folder.path(), &[&args[..], &["--no-suffix", "--json"]].concat());
    assert_eq!(json(&bare)["name"], "acme-robotics-firmhold-firmware-prod");

    let bad = run(folder.path(), &["name", "acme.fw", "--acceleration"]);
    assert_eq!(bad.status.code(), Some(3));
    assert!(text(&bad.stdout).contains("Transfer Acceleration"), "{bad:?}");
    assert_eq!(run(folder.path(), &["name", "acme-fw"]).status.code(), Some(0));
}

#[test]
fn a_region_with_its_reasons() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path(), &["region", "--devices", "DE=1200,FR=300", "--residency", "eu"]);
    let said = text(&told.stdout);
    for part in [
        "primary    eu-central-1  Europe (Frankfurt)",
        "secondary  eu-west-",
        "km from a device on average",
        "list price:",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let wrong = run(folder.path(), &["region", "--devices", "XX=3"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("no country"), "{wrong:?}");
}

#[test]
fn an_estimate_and_what_would_change() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = ["--region", "us-east-1", "--devices", "5000", "--image-size", "40MiB", "--releases", "2"];
    let told = run(folder.path(), &[&["cost", "estimate"], &fleet[..], &["--json"]].concat());
    let bill = json(&told);
    // 2 × 5,000 × 1.1 × 40 MiB = 429.6875 GB, 100 of them free: 29.67; 960 MiB stored: 0.02; requests: 0.01.
    let usd = bill["bill"]["usd"].as_f64().unwrap();
    assert!((usd - 29.70).abs() < 0.02, "{usd}");
    assert_eq!(bill["bill"]["complete"], true);

    let what_if =
        run(folder.path(), &[&["cost", "what-if"], &fleet[..], &["--with-cdn", "north-america"]].concat());
    assert!(text(&what_if.stdout).contains("CloudFront to the internet"), "{what_if:?}");
    let nothing = run(folder.path(), &[&["cost", "what-if"], &fleet[..]].concat());
    assert_eq!(nothing.status.code(), Some(2));

    let nowhere = ["--region", "mx-central-1", "--devices", "10", "--image-size", "1MiB"];
    let told = run(folder.path(), &[&["cost", "estimate"], &nowhere[..]].concat());
    assert!(text(&told.stdout).contains("no price") && text(&told.stdout).contains("not whole"), "{told:?}");
}

#[test]
fn a_report_names_the_device_that_downloads_forty_times() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("month.toml"),
        "region = \"us-east-1\"\negress_bytes = 429496729600\nfree_allowances = true\n",
    )
    .unwrap();
    let line = |device: &str| {
        format!(
            "{{\"device\":\"{device}\",\"binary\":\"gateway 1.2.0\",\"bytes\":1073741824,\"size\":1073741824}}\n"
        )
    };
    let mut transfers: String = (0..50).map(|n| line(&format!("gw-{n}"))).collect();
    transfers.extend((0..40).map(|_| line("gw-7713")));
    std::fs::write(folder.path().join("transfers.jsonl"), transfers).unwrap();
    let told = run(folder.path(), &["cost", "report", "month.toml", "--transfers", "transfers.jsonl"]);
    let said = text(&told.stdout);
    assert!(said.contains("gw-7713 downloaded gateway 1.2.0 40 times"), "{said}");
    assert!(said.contains("27.00 USD a month"), "{said}");

    std::fs::write(folder.path().join("month.toml"), "region = \"us-east-1\"\negres_bytes = 1\n").unwrap();
    let wrong = run(folder.path(), &["cost", "report", "month.toml"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("egres_bytes"), "{wrong:?}");
}

#[test]
fn every_price_has_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(&run(folder.path(), &["cost", "prices", "--json"]));
    let sources: Vec<&str> =
        listed["sources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    for row in listed["prices"].as_array().unwrap() {
        assert!(sources.contains(&row["source"].as_str().unwrap()), "{row}");
    }
}

#[test]
fn a_hand_off_is_written_or_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = "organization = \"org-1\"\nname = \"Ada\"\ncontact = \"ada@acme.example\"\nbucket = \"acme-fw\"\nregion = \"us-west-2\"\n\
        role_arn = \"arn:aws:iam::111122223333:role/FirmholdBackend\"\nshort_name = \"prod-binary-backend\"\nencryption = \"SSE-S3\"\n\
        versioning = true\ntraffic = \"1 TB a month\"\n";
    std::fs::write(folder.path().join("handoff.toml"), file).unwrap();
    let wrong = run(folder.path(), &["handoff", "handoff.toml"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = text(&wrong.stderr);
    assert!(
        said.contains("short_name: must have at most 10 characters") && said.contains("go_live: is missing"),
        "{said}"
    );
    let right =
        run(folder.path(), &["handoff", "handoff.toml", "--short-name", "prod", "--go-live", "2099-01-15"]);
    assert_eq!(right.status.code(), Some(0), "{right:?}");
    assert!(text(&right.stdout).starts_with("Subject: "), "{right:?}");
}

#[test]
fn a_doctor_reads_what_a_tool_printed() {
    let folder = tempfile::tempdir().unwrap();
    let error = "An error occurred (PermanentRedirect) when calling the ListObjectsV2 operation: The bucket you are attempting to access must be addressed using the specified endpoint.";
    std::fs::write(folder.path().join("error.txt"), error).unwrap();
    let told = run(folder.path(), &["doctor", "--file", "error.txt", "--bucket", "acme-fw"]);
    let said = text(&told.stdout);
    assert!(said.starts_with("The bucket lies in another region"), "{said}");
    assert!(said.contains("aws s3api get-bucket-location --bucket acme-fw"), "{said}");

    let figure = json(&run(folder.path(), &["doctor", "--figure", "downloads-per-device=40", "--json"]));
    assert_eq!(figure["diagnoses"][0]["symptom"], "cost-repeated");
    let unknown = run(folder.path(), &["doctor", "--error", "the cat sat on the mat"]);
    assert_eq!(unknown.status.code(), Some(3));
    let wrong = run(folder.path(), &["doctor", "--figure", "cats=3"]);
    assert_eq!(wrong.status.code(), Some(2));
}
