//! Who depends on whom, reduced from `cargo metadata` to what the rules ask.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Node, Package, PackageId};

/// A package and the arrows that leave it.
#[derive(Debug, Default)]
pub struct Crate {
    /// Name in its `Cargo.toml`.
    pub name: String,
    /// Major and minor version.
    pub version: (u64, u64),
    /// Folder below the workspace's root; `None` for what is not ours.
    pub folder: Option<String>,
    /// What it depends on.
    pub arrows: Vec<Arrow>,
}

/// One dependency.
#[derive(Debug)]
pub struct Arrow {
    /// Key of the crate it points at.
    pub to: String,
    /// For tests only. Normal and build dependencies are both `false`: either ends up in, or shapes, the product.
    pub dev: bool,
}

/// Crates by a key that is unique in the graph.
#[derive(Debug, Default)]
pub struct Graph {
    /// Everything, ours and not.
    pub crates: BTreeMap<String, Crate>,
}

impl Graph {
    /// The workspace as it is resolved for the machine the tests run on, `features` chosen.
    pub fn of_workspace(features: &[&str]) -> Self {
        let host = std::process::Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .arg("-vV")
            .output()
            .expect("rustc tells its host");
        let host = String::from_utf8(host.stdout).expect("rustc speaks UTF-8");
        let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
        let options = ["--locked", "--filter-platform", host].map(str::to_owned).to_vec();
        let mut command = MetadataCommand::new();
        command.manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
        command.other_options([options, features.iter().map(|f| (*f).to_owned()).collect()].concat());
        Self::from_metadata(&command.exec().expect("cargo metadata"))
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        let packages: BTreeMap<&PackageId, &Package> = metadata.packages.iter().map(|p| (&p.id, p)).collect();
        let resolve = metadata.resolve.as_ref().expect("metadata was asked to resolve");
        let crates = resolve.nodes.iter().map(|node| {
            let package = packages[&node.id];
            let ours = metadata.workspace_members.contains(&node.id);
            let folder = package.manifest_path.parent().filter(|_| ours);
            let folder = folder.and_then(|folder| folder.strip_prefix(&metadata.workspace_root).ok());
            let found = Crate {
                name: package.name.to_string(),
                version: (package.version.major, package.version.minor),
                folder: folder.map(|folder| folder.to_string()),
                arrows: arrows(node, package, &packages),
            };
            (node.id.repr.clone(), found)
        });
        Self { crates: crates.collect() }
    }

    /// One of ours, by name.
    pub fn ours(&self, name: &str) -> Option<&Crate> {
        self.crates.values().find(|found| found.folder.is_some() && found.name == name)
    }

    /// All that a crate is built from: what its arrows reach without passing a test's.
    pub fn reached_by<'a>(&'a self, from: &'a Crate) -> Vec<&'a Crate> {
        self.reach(vec![from], |arrow| !arrow.dev)
    }

    /// All that any of ours is built from or tested with.
    pub fn used(&self) -> Vec<&Crate> {
        self.reach(self.crates.values().filter(|found| found.folder.is_some()).collect(), |_| true)
    }

    fn reach<'a>(&'a self, mut open: Vec<&'a Crate>, follow: impl Fn(&Arrow) -> bool) -> Vec<&'a Crate> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            for arrow in next.arrows.iter().filter(|arrow| follow(arrow)) {
                if seen.insert(&arrow.to) {
                    let reached = &self.crates[&arrow.to];
                    found.push(reached);
                    open.push(reached);
                }
            }
        }
        found
    }
}

fn arrows(node: &Node, package: &Package, packages: &BTreeMap<&PackageId, &Package>) -> Vec<Arrow> {
    let present = node.deps.iter().filter(|dep| is_switched_on(node, package, &packages[&dep.pkg].name));
    let arrow = |dep: &cargo_metadata::NodeDep| {
        let dev = dep.dep_kinds.iter().all(|kind| kind.kind == DependencyKind::Development);
        Arrow { to: dep.pkg.repr.clone(), dev }
    };
    present.map(arrow).collect()
}

/// `cargo metadata` also lists an optional dependency that only a weak feature (`ring?/alloc`) names, though
/// it is never built. It counts here when some feature that is on names it outright, or when it is also a
/// dependency that is not optional.
fn is_switched_on(node: &Node, package: &Package, dependency: &str) -> bool {
    let declared: Vec<_> =
        package.dependencies.iter().filter(|declared| declared.name == dependency).collect();
    if declared.is_empty() || declared.iter().any(|declared| !declared.optional) {
        return true;
    }
    declared.iter().any(|declared| {
        let name = declared.rename.as_deref().unwrap_or(&declared.name);
        node.features.iter().any(|feature| {
            let names = package.features.get(feature.as_str()).into_iter().flatten();
            feature.as_str() == name
                || names.into_iter().any(|n| {
                    n.strip_prefix("dep:") == Some(name)
                        || n.split_once('/').is_some_and(|(to, _)| to == name)
                })
        })
    })
}
