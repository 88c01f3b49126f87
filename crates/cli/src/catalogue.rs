//! Finding or making what a push names. Ids are derived from the names, so that two CI jobs at once meet.

use firmhold_core::artifact::CreateArtifact;
use firmhold_core::artifact_version::{CreateArtifactVersion, derived};
use firmhold_core::binary::CreateBinary;
use firmhold_core::{Artifact, ArtifactVersion, Binary, Code, OrganizationPrn, Prn, PrnKind, Problem};

use crate::client::{self, Client, quoted};
use crate::commands::binary::of_version;
use crate::file_digest::FileDigest;

/// What a push names.
#[derive(Debug, Clone)]
pub struct Names<'a> {
    /// The artifact.
    pub artifact: &'a str,
    /// The product that the artifact is in, by name, if it matters.
    pub product: Option<&'a str>,
    /// Its version.
    pub version: &'a str,
    /// A description for a binary that is made.
    pub description: Option<&'a str>,
}

/// An object that was found, or made just now and so has nothing below it.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The object.
    pub prn: Prn,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl Found {
    const fn there(prn: Prn) -> Self {
        Self { prn, is_new: false }
    }

    const fn made(prn: Prn) -> Self {
        Self { prn, is_new: true }
    }
}

/// A version, and its binaries as they were when it was looked up.
#[derive(Debug, Clone)]
pub struct Version {
    /// The version.
    pub prn: Prn,
    /// Those that are not destroyed.
    pub binaries: Vec<Binary>,
}

/// The artifact that is named, made if there is none.
///
/// # Errors
/// As the API's; [`Code::Usage`] if several have that name, or it is in another product.
pub async fn artifact(
    client: &Client,
    organization: OrganizationPrn,
    names: &Names<'_>,
) -> Result<Found, Problem> {
    let name = names.artifact;
    let product = match names.product {
        Some(product) => Some(crate::commands::product::find(client, product).await?.meta.prn),
        None => None,
    };
    let id = derived::artifact(organization.0, name);
    let named: Vec<Artifact> = client.list("artifacts", Some(&format!("name:{}", quoted(name)))).await?;
    // One that an earlier push made wins over others of the same name: that push meant the same.
    if let Some(ours) = named.iter().find(|artifact| artifact.meta.prn.id == id) {
        return in_product(ours, product);
    }
    match named.as_slice() {
        [one] => return in_product(one, product),
        [] => {}
        _ => {
            return Err(Problem::new(Code::Usage, format!("several artifacts are called {name:?}"))
                .with_hint("rename all but one, or push to another name"));
        }
    }
    match create_artifact(client, organization, name, product).await {
        Ok(made) => Ok(Found::made(made.meta.prn)),
        Err(problem) if problem.code() == Code::Duplicate => {
            Ok(Found::there(Prn::new(organization.0, PrnKind::Artifact, id)))
        }
        Err(problem) => Err(problem),
    }
}

/// The artifact, if it is in the product that is asked for.
fn in_product(artifact: &Artifact, product: Option<Prn>) -> Result<Found, Problem> {
    if product.is_none() || artifact.product_prn == product {
        return Ok(Found::there(artifact.meta.prn));
    }
    let name = &artifact.name;
    let place = if artifact.product_prn.is_some() { "in another product" } else { "in no product" };
    Err(Problem::new(Code::Usage, format!("the artifact {name:?} is {place}"))
        .with_hint(format!("to move it, with an admin key: firmhold artifact set {name} --product NAME")))
}

/// The version of an artifact, made if there is none.
///
/// # Errors
/// As the API's.
pub async fn version(client: &Client, artifact: Found, version: &str) -> Result<Version, Problem> {
    let found = find_or_make_version(client, artifact, version).await?;
    let binaries = if found.is_new { Vec::new() } else { of_version(client, found.prn).await? };
    Ok(Version { prn: found.prn, binaries })
}

async fn find_or_make_version(client: &Client, artifact: Found, version: &str) -> Result<Found, Problem> {
    let Found { prn: artifact, is_new } = artifact;
    if !is_new && let Some(found) = find_version(client, artifact, version).await? {
        return Ok(Found::there(found));
    }
    let body = CreateArtifactVersion {
        artifact_prn: Some(artifact.to_string()),
        version: Some(version.to_owned()),
        id: Some(derived::artifact_version(artifact.organization, artifact.id, version)),
        ..CreateArtifactVersion::default()
    };
    match client.post("/artifact_versions", &body).await {
        Ok(answer) => {
            Ok(Found::made(client::object::<ArtifactVersion>(answer, "artifact_version")?.meta.prn))
        }
        // Another job was quicker.
        Err(problem) if problem.code() == Code::Duplicate => {
            find_version(client, artifact, version).await?.map(Found::there).ok_or(problem)
        }
        Err(problem) => Err(problem),
    }
}

/// The version of an artifact, if there is one.
///
/// # Errors
/// As the API's.
pub async fn find_version(client: &Client, artifact: Prn, version: &str) -> Result<Option<Prn>, Problem> {
    let search = format!("artifact_prn:{} and version:{}", quoted(&artifact.to_string()), quoted(version));
    let found: Vec<ArtifactVersion> = client.list("artifact_versions", Some(&search)).await?;
    Ok(found.first().map(|version| version.meta.prn))
}

/// The binary of a version for a target with this content, made if there is none; and whether it was made now.
///
/// # Errors
/// As the API's; [`Code::Duplicate`] if the version has another file for the target: versions do not change.
pub async fn binary(
    client: &Client,
    version: &Version,
    names: &Names<'_>,
    target: &str,
    backend: Option<Prn>,
    file: &FileDigest,
) -> Result<(Binary, bool), Problem> {
    if let Some(found) = same_file(&version.binaries, names, target, file)? {
        return Ok((found.clone(), false));
    }
    let body = CreateBinary {
        artifact_version_prn: Some(version.prn.to_string()),
        target: Some(target.to_owned()),
        hash: Some(file.digest.to_hex()),
        size: Some(i64::try_from(file.size()).unwrap_or(i64::MAX)),
        description: names.description.map(str::to_owned),
        backend_prn: backend.map(|backend| backend.to_string()),
        ..CreateBinary::default()
    };
    match client.post("/binaries", &body).await {
        Ok(answer) => Ok((client::object(answer, "binary")?, true)),
        // Another job was quicker.
        Err(problem) if problem.code() == Code::Duplicate => {
            let now = of_version(client, version.prn).await?;
            let found = same_file(&now, names, target, file)?.cloned();
            found.map(|found| (found, false)).ok_or(problem)
        }
        Err(problem) => Err(problem),
    }
}

fn same_file<'a>(
    binaries: &'a [Binary],
    names: &Names<'_>,
    target: &str,
    file: &FileDigest,
) -> Result<Option<&'a Binary>, Problem> {
    let Some(found) = binaries.iter().find(|binary| binary.target == target) else { return Ok(None) };
    if found.hash == file.digest && found.size == file.size() {
        return Ok(Some(found));
    }
    let Names { artifact, version, .. } = names;
    let detail = format!(
        "{artifact} {version} for {target} is another file already (SHA-256 {}, {}); this one has {}",
        found.hash, found.state, file.digest
    );
    Err(Problem::new(Code::Duplicate, detail)
        .with_hint(format!("push under a new version, or first `firmhold binary delete {}`", found.meta.prn)))
}

/// Makes an artifact in a product or in none, under the id that a push of that name would look for.
///
/// # Errors
/// As the API's.
pub async fn create_artifact(
    client: &Client,
    organization: OrganizationPrn,
    name: &str,
    product: Option<Prn>,
) -> Result<Artifact, Problem> {
    let body = CreateArtifact {
        name: Some(name.to_owned()),
        id: Some(derived::artifact(organization.0, name)),
        product_prn: product.map(|prn| prn.to_string()),
        ..CreateArtifact::default()
    };
    client::object(client.post("/artifacts", &body).await?, "artifact")
}
