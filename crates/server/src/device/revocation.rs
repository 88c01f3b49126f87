//! Revocation of links (API contract 11.1), as a request meets it.

use firmhold_core::{Code, Digest, Problem};

use crate::App;
use crate::binaries::links::{self, End};
use crate::db::DbResult as _;

/// By what one revoked link is kept: its token is a right that a database dump should not hand out.
pub fn token_hash(token: &str) -> String {
    Digest::of(token).to_hex()
}

/// Whether what a link leads to has ended, or the link itself was revoked.
///
/// # Errors
/// [`Code::LinkRevoked`], [`Code::BinaryGone`]; [`Code::LinkUnknown`] if the number was never given out.
pub async fn check(app: &App, token: &str, number: u64) -> Result<links::LinkTarget, Problem> {
    let mut conn = app.db.reader().acquire().await.db()?;
    let target = links::target(&mut conn, number).await?.ok_or_else(unknown)?;
    match target.ended {
        Some(End::Revoked) => return Err(revoked()),
        Some(End::Gone) => {
            return Err(Problem::new(Code::BinaryGone, "the binary of this link is destroyed or was reset"));
        }
        None => {}
    }
    if links::is_revoked(&mut conn, &token_hash(token)).await? {
        return Err(revoked());
    }
    Ok(target)
}

/// The one answer for what is no link of this server.
pub fn unknown() -> Problem {
    Problem::new(Code::LinkUnknown, "not a link of this server")
}

fn revoked() -> Problem {
    Problem::new(Code::LinkRevoked, "the link was revoked")
}
