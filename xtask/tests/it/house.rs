//! Arrows that must not exist, and packages that must not be linked. Each rule says why it stands.

use crate::graph::{Crate, Graph};

/// Packages that stay out of every build, tests included.
const BANS: [(&str, Versions, &str); 5] = [
    ("openssl-sys", Versions::All, "TLS is rustls; a system OpenSSL differs from machine to machine"),
    ("native-tls", Versions::All, "TLS is rustls; this wraps whatever the system has"),
    ("ring", Versions::All, "aws-lc-rs is the one crypto provider; with two of them rustls cannot choose"),
    ("hyper", Versions::Below(1, 0), "the AWS SDK's default features drag it in, with a second HTTP stack"),
    ("rustls", Versions::Below(0, 23), "unmaintained; comes with hyper 0.14"),
];

enum Versions {
    All,
    Below(u64, u64),
}

impl Versions {
    fn include(&self, version: (u64, u64)) -> bool {
        match *self {
            Self::All => true,
            Self::Below(major, minor) => version < (major, minor),
        }
    }
}

/// Arrows that must not exist even at a distance, beside the floors.
const FORBIDDEN: [(&str, &str, &str); 6] = [
    ("firmhold-server", "firmhold-provision", "the running service cannot create or widen IAM"),
    ("firmhold-sandbox", "firmhold-store", "the stand-in shares no code with what it checks"),
    ("firmhold-sandbox", "firmhold-provision", "the stand-in shares no code with what it checks"),
    ("firmhold-sandbox", "firmhold-server", "the stand-in shares no code with what it checks"),
    ("firmhold-iam", "firmhold-core", "the policy engine can be published alone"),
    ("firmhold-core", "firmhold-iam", "neither ground-floor crate knows the other"),
];

/// The floor of each crate; an arrow leads to a lower one.
fn floor(name: &str) -> Option<u8> {
    Some(match name {
        "firmhold-core" | "firmhold-iam" => 1,
        "firmhold-store" => 2,
        "firmhold-server" | "firmhold-sandbox" | "firmhold-provision" => 3,
        "firmhold" | "xtask" => 4,
        _ => return None,
    })
}

/// Every way in which a graph breaks the house's rules; empty when it breaks none.
fn violations(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for ours in graph.crates.values().filter(|found| found.folder.is_some()) {
        broken.extend(name_and_floor(ours));
        broken.extend(arrows_upward(graph, ours));
        broken.extend(forbidden_arrows(graph, ours));
        broken.extend(impure_engine(graph, ours));
    }
    broken.extend(banned(graph));
    broken.sort();
    broken
}

fn name_and_floor(ours: &Crate) -> Vec<String> {
    let mut broken = Vec::new();
    let folder = ours.folder.as_deref().unwrap_or_default();
    let due = match folder {
        "xtask" => "xtask".to_owned(),
        "crates/cli" => "firmhold".to_owned(),
        other => format!("firmhold-{}", other.trim_start_matches("crates/")),
    };
    if ours.name != due {
        broken.push(format!("{folder} is named {}, not {due}: a name tells the folder", ours.name));
    }
    if floor(&ours.name).is_none() {
        broken.push(format!("{} has no floor in the house", ours.name));
    }
    broken
}

/// Normal and build dependencies run down only. A test may use the sandbox besides, and nothing else of its own
/// floor or above. `xtask` uses nothing of ours at all.
fn arrows_upward(graph: &Graph, ours: &Crate) -> Vec<String> {
    let mut broken = Vec::new();
    for arrow in &ours.arrows {
        let to = &graph.crates[&arrow.to];
        if to.folder.is_none() {
            continue;
        }
        if ours.name == "xtask" {
            broken.push(format!(
                "xtask -> {}: xtask runs the built binary and knows no crate of ours",
                to.name
            ));
        } else if floor(&to.name) >= floor(&ours.name) && !(arrow.dev && to.name == "firmhold-sandbox") {
            let kind = if arrow.dev { " (for tests)" } else { "" };
            broken.push(format!("{} -> {}{kind}: arrows run down only", ours.name, to.name));
        }
    }
    broken
}

fn forbidden_arrows(graph: &Graph, ours: &Crate) -> Vec<String> {
    let reached = graph.reached_by(ours);
    let rules = FORBIDDEN.iter().filter(|(from, _, _)| *from == ours.name);
    rules
        .filter(|(_, to, _)| reached.iter().any(|crate_| crate_.name == *to))
        .map(|(from, to, why)| format!("{from} -> {to}: {why}"))
        .collect()
}

/// The engine builds in seconds and runs in a browser.
fn impure_engine(graph: &Graph, ours: &Crate) -> Vec<String> {
    if ours.name != "firmhold-iam" {
        return Vec::new();
    }
    let impure = |name: &str| name == "tokio" || name.ends_with("-sys") || name.starts_with("aws-");
    let reached = graph.reached_by(ours).into_iter().filter(|reached| impure(&reached.name));
    reached.map(|reached| format!("firmhold-iam -> {}: the policy engine is pure", reached.name)).collect()
}

fn banned(graph: &Graph) -> Vec<String> {
    let mut broken = Vec::new();
    for used in graph.used() {
        for (name, versions, why) in BANS.iter().filter(|(name, _, _)| *name == used.name) {
            if versions.include(used.version) {
                broken.push(format!("{name} {}.{} is banned: {why}", used.version.0, used.version.1));
            }
        }
    }
    broken
}

#[test]
fn the_workspace_keeps_its_rules() {
    let broken = violations(&Graph::of_workspace(&[]));
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_binary_that_only_serves_holds_no_provisioner_and_no_sandbox() {
    let graph = Graph::of_workspace(&["--no-default-features", "--features", "firmhold/server"]);
    let binary = graph.ours("firmhold").expect("the binary is in the workspace");
    let names: Vec<&str> = graph.reached_by(binary).iter().map(|reached| reached.name.as_str()).collect();
    assert!(names.contains(&"firmhold-server"), "the feature `server` brings no server");
    for absent in ["firmhold-provision", "firmhold-sandbox", "aws-sdk-iam"] {
        assert!(!names.contains(&absent), "{absent} is in a binary built with `server` alone");
    }
}

mod made_up {
    //! Graphs that break one rule each: a check that cannot fail checks nothing.

    use super::violations;
    use crate::graph::{Arrow, Crate, Graph};

    /// `a -> b` for a dependency, `a ~> b` for one of tests. `crates/x` is ours; `name 0.14` is not.
    fn graph(lines: &[&str]) -> Graph {
        let mut graph = Graph::default();
        for line in lines {
            let dev = line.contains(" ~> ");
            let mut ends = line.split(if dev { " ~> " } else { " -> " }).map(|end| place(&mut graph, end));
            if let (Some(from), Some(to)) = (ends.next(), ends.next()) {
                graph.crates.get_mut(&from).expect("placed just now").arrows.push(Arrow { to, dev });
            }
        }
        graph
    }

    fn place(graph: &mut Graph, end: &str) -> String {
        let (name, version) = end.split_once(' ').unwrap_or((end, "0.1"));
        let (major, minor) = version.split_once('.').expect("a version has a dot");
        let folder = match name {
            "xtask" => Some("xtask".to_owned()),
            "firmhold" => Some("crates/cli".to_owned()),
            _ => name.strip_prefix("firmhold-").map(|folder| format!("crates/{folder}")),
        };
        let version = (major.parse().expect("a number"), minor.parse().expect("a number"));
        let new = || Crate { name: name.to_owned(), version, folder, arrows: Vec::new() };
        graph.crates.entry(end.to_owned()).or_insert_with(new);
        end.to_owned()
    }

    fn only(lines: &[&str]) -> String {
        let broken = violations(&graph(lines));
        assert_eq!(broken.len(), 1, "{broken:#?}");
        broken.into_iter().next().expect("counted")
    }

    #[test]
    fn the_house_as_drawn_breaks_nothing() {
        let drawn = graph(&[
            "firmhold -> firmhold-server",
            "firmhold -> firmhold-sandbox",
            "firmhold -> firmhold-provision",
            "firmhold-server -> firmhold-store",
            "firmhold-provision -> firmhold-store",
            "firmhold-sandbox -> firmhold-iam",
            "firmhold-store -> firmhold-core",
            "firmhold-store ~> firmhold-sandbox",
            "firmhold-iam ~> firmhold-sandbox",
            "firmhold-store -> hyper 1.4",
            "xtask -> clap 4.6",
        ]);
        assert_eq!(violations(&drawn), Vec::<String>::new());
    }

    #[test]
    fn server_to_provision_by_a_detour_through_a_stranger() {
        let said = only(&["firmhold-server -> stranger", "stranger -> firmhold-provision"]);
        assert!(said.starts_with("firmhold-server -> firmhold-provision: the running service"), "{said}");
    }

    #[test]
    fn sideways_up_and_round() {
        assert!(only(&["firmhold-provision -> firmhold-sandbox"]).contains("arrows run down only"));
        assert!(only(&["firmhold-store -> firmhold"]).contains("arrows run down only"));
        assert!(only(&["firmhold-server ~> firmhold-provision"]).contains("(for tests)"));
        assert!(only(&["xtask ~> firmhold-core"]).contains("knows no crate of ours"));
    }

    #[test]
    fn the_sandbox_may_not_know_what_it_checks() {
        assert!(only(&["firmhold-sandbox -> firmhold-store"]).contains("shares no code"));
    }

    #[test]
    fn the_engine_stays_pure_at_any_distance() {
        assert!(only(&["firmhold-iam -> x", "x -> tokio 1.4"]).contains("firmhold-iam -> tokio"));
        assert!(only(&["firmhold-iam -> zstd-sys"]).contains("zstd-sys"));
        assert!(only(&["firmhold-iam -> aws-sdk-s3 1.1"]).contains("aws-sdk-s3"));
        let both = violations(&graph(&["firmhold-iam -> firmhold-core"]));
        assert!(both.iter().any(|said| said.contains("published alone")), "{both:#?}");
    }

    #[test]
    fn bans_also_bind_tests_and_say_why() {
        assert!(only(&["firmhold-core ~> ring 0.17"]).contains("one crypto provider"));
        assert!(only(&["firmhold-core -> x", "x -> openssl-sys 0.9"]).contains("banned"));
        assert!(only(&["firmhold-core -> hyper 0.14"]).contains("second HTTP stack"));
        assert!(only(&["firmhold-core -> rustls 0.21"]).contains("unmaintained"));
    }

    #[test]
    fn a_crate_without_a_floor_or_by_another_name() {
        assert!(only(&["firmhold-cloud -> clap 4.6"]).contains("no floor"));
        let mut renamed = graph(&["firmhold-core -> clap 4.6"]);
        renamed.crates.get_mut("firmhold-core").expect("placed").folder = Some("crates/nouns".to_owned());
        assert!(violations(&renamed)[0].contains("not firmhold-nouns"));
    }
}
