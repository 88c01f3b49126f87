//! What the linter is told of the world around the documents.

/// What is known beside the documents.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// The bucket that the documents are meant for.
    pub bucket: Option<String>,
    /// Below which all firmware lies; ends with `/`.
    pub prefix: Option<String>,
    /// The ARN of the role that the platform assumes.
    pub role_arn: Option<String>,
    /// Whether the permission policies are a backend's role's: one that uploads firmware and serves it. Where this
    /// is not said, one that lets both upload and download counts as such.
    pub backend_role: bool,
    /// Whether the bucket is encrypted with SSE-KMS. Encryption documents and key conditions say so too.
    pub kms: bool,
    /// Whether nothing exists but what the documents say, as for the reader of a guide.
    pub complete: bool,
    /// Placeholders that the reader is told to replace.
    pub announced: Vec<String>,
    /// Whether a reader is told of copying what is in the bucket already to a replica.
    pub batch_replication: bool,
}
