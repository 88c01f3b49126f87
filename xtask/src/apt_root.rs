//! An apt root of its own: other architecture, other components, own lists and cache. The system's package
//! database, lists and keys are read, never written; no privilege is needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{self, command};

const ARCHITECTURE: &str = "arm64";
const COMPONENTS: &str = "main non-free-firmware";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A folder that apt takes for the whole system.
pub struct AptRoot {
    dir: PathBuf,
}

/// A downloaded package file.
pub struct Deb {
    /// The package's name.
    pub package: String,
    /// The package's version.
    pub version: String,
    /// Where it lies.
    pub file: PathBuf,
}

impl AptRoot {
    /// Lays the root out below `dir` and fetches the package lists of the running Debian release.
    pub fn create(dir: PathBuf) -> Result<Self> {
        for folder in [
            "etc/apt.conf.d",
            "etc/preferences.d",
            "etc/trusted.gpg.d",
            "state/lists/partial",
            "cache/archives/partial",
        ] {
            std::fs::create_dir_all(dir.join(folder))?;
        }
        std::fs::write(dir.join("state/status"), "")?;
        let (mirror, release) = system_mirror()?;
        std::fs::write(
            dir.join("etc/sources.list"),
            format!("deb [signed-by={KEYRING}] {mirror} {release} {COMPONENTS}\n"),
        )?;
        std::fs::write(dir.join("apt.conf"), configuration(&dir)?)?;
        let root = Self { dir };
        process::run(root.apt("apt-get").args(["--quiet", "update"]))?;
        Ok(root)
    }

    /// The packages that a package depends on, by name.
    pub fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = process::capture(self.apt("apt-cache").args(["depends", "--important", package]))?;
        Ok(text.lines().filter_map(|line| line.trim().strip_prefix("Depends: ")).map(str::to_owned).collect())
    }

    /// Downloads packages; apt checks them against the signed lists. One that is there already is not fetched again.
    pub fn download(&self, packages: &[String], into: &Path) -> Result<Vec<Deb>> {
        std::fs::create_dir_all(into)?;
        process::run(self.apt("apt-get").args(["--quiet", "download"]).args(packages).current_dir(into))?;
        packages.iter().map(|package| self.find(package, into)).collect()
    }

    fn find(&self, package: &str, folder: &Path) -> Result<Deb> {
        let shown = process::capture(self.apt("apt-cache").args(["show", "--no-all-versions", package]))?;
        let field = |name: &str| {
            let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::to_owned).with_context(|| format!("{package} has no field {name}"))
        };
        let version = field("Version")?;
        // apt writes the colon of an epoch as %3a in a file name.
        let name = format!("{package}_{}_{}.deb", version.replace(':', "%3a"), field("Architecture")?);
        let file = folder.join(name);
        if !file.is_file() {
            bail!("apt-get download left no {}", file.display());
        }
        Ok(Deb { package: package.to_owned(), version, file })
    }

    fn apt(&self, program: &str) -> Command {
        let mut apt = command(program);
        apt.env("APT_CONFIG", self.dir.join("apt.conf"));
        apt
    }
}

/// The mirror that this machine uses for its own release, and the release's name.
fn system_mirror() -> Result<(String, String)> {
    let os_release = std::fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let release = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .context("/etc/os-release names no VERSION_CODENAME: the corpus needs Debian")?
        .trim_matches('"')
        .to_owned();
    let targets = process::capture(command("apt-get").args([
        "indextargets",
        "--format",
        "$(SITE) $(RELEASE) $(COMPONENT)",
    ]))
    .context("the corpus needs Debian's apt")?;
    let mirror = pick_mirror(&targets, &release)
        .with_context(|| format!("the apt sources of this machine have no `{release} main`"))?;
    Ok((mirror.to_owned(), release))
}

/// The first source of exactly this release: not `-updates`, not `-security`, not a third party's.
fn pick_mirror<'a>(targets: &'a str, release: &str) -> Option<&'a str> {
    targets.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let site = words.next()?;
        (words.next()? == release && words.next()? == "main").then_some(site)
    })
}

/// Everything that apt would look up on the system lies below `dir` instead. Only how to reach the mirror
/// (`Acquire::…`: proxies, certificates, retries) is taken over; the system's hooks are not.
fn configuration(dir: &Path) -> Result<String> {
    let acquire = process::capture(command("apt-config").args(["dump", "Acquire"]))?;
    let dir = dir.to_str().context("the target directory's name is not UTF-8")?;
    let mut text = String::new();
    for (key, value) in [
        ("Dir::State", "state"),
        ("Dir::State::status", "state/status"),
        ("Dir::Cache", "cache"),
        ("Dir::Log", "log"),
        ("Dir::Etc", "etc"),
        ("Dir::Etc::main", "etc/apt.conf"),
        ("Dir::Etc::parts", "etc/apt.conf.d"),
        ("Dir::Etc::sourcelist", "etc/sources.list"),
        ("Dir::Etc::sourceparts", "etc/sources.list.d"),
        ("Dir::Etc::preferencesparts", "etc/preferences.d"),
        ("Dir::Etc::trustedparts", "etc/trusted.gpg.d"),
    ] {
        text.push_str(&format!("{key} \"{dir}/{value}\";\n"));
    }
    text.push_str(&format!(
        "APT::Architecture \"{ARCHITECTURE}\";\nAPT::Architectures {{ \"{ARCHITECTURE}\"; }};\n"
    ));
    text.push_str("Acquire::Languages \"none\";\n");
    // The unprivileged user that apt downloads as may not read a home folder.
    text.push_str("APT::Sandbox::User \"root\";\n");
    let ours = ["Acquire::Languages", "Acquire::IndexTargets"];
    for line in acquire.lines().filter(|line| !ours.iter().any(|key| line.starts_with(key))) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_that_of_the_release_itself() {
        let targets = "https://third.example/apt nodistro main\n\
                       http://mirror.example/security bookworm-security main\n\
                       http://mirror.example/debian bookworm contrib\n\
                       http://mirror.example/debian bookworm main\n";
        assert_eq!(pick_mirror(targets, "bookworm"), Some("http://mirror.example/debian"));
        assert_eq!(pick_mirror(targets, "trixie"), None);
    }
}
