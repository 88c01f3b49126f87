//! PRNs in paths.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use firmhold_core::{Prn, PrnKind, Problem};
use uuid::Uuid;

use super::error::ApiError;
use super::principal::Caller;

/// The PRN in the path, with `:` plain or percent-encoded. A malformed one is the same 404 as an unknown one, so
/// name [`Caller`] before it: who has no key learns nothing.
#[derive(Debug, Clone, Copy)]
pub struct PrnPath(pub Prn);

impl PrnPath {
    /// The id of the `kind` that the path names.
    ///
    /// # Errors
    /// The one 404, if it names another kind or another organization's object.
    pub fn of(&self, kind: PrnKind, caller: &Caller) -> Result<Uuid, Problem> {
        let Self(prn) = self;
        if prn.kind == kind && prn.organization == caller.organization {
            Ok(prn.id)
        } else {
            Err(Problem::not_found())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PrnPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_value(parts, state, "prn")
            .await
            .and_then(|text| text.parse().ok())
            .map(Self)
            .ok_or_else(|| Problem::not_found().into())
    }
}

/// The token in the path of a link or an upload. What is no text is as unknown as any other.
#[derive(Debug, Clone)]
pub struct TokenPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(path_value(parts, state, "token").await.unwrap_or_default()))
    }
}

/// The decoded value of a placeholder of the route, if it is text.
pub async fn path_value<S: Send + Sync>(parts: &mut Parts, state: &S, name: &str) -> Option<String> {
    let params = RawPathParams::from_request_parts(parts, state).await.ok()?;
    params.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}
