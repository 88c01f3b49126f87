//! HTTP clients, with the certificates that the person trusts.

use std::path::Path;
use std::time::Duration;

use firmhold_core::{Code, Problem};

/// A client that trusts the system's certificates and those in `ca_file`. It has no time limit for a whole answer,
/// because a transfer takes as long as it takes: who sends or receives watches that it moves.
///
/// # Errors
/// If the file cannot be read or holds no certificate.
pub fn build(ca_file: Option<&Path>) -> Result<reqwest::Client, Problem> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("firmhold/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        // A link is a secret: the store that it leads to is not told it.
        .referer(false)
        .redirect(reqwest::redirect::Policy::limited(5));
    if let Some(path) = ca_file {
        let unreadable =
            || Problem::new(Code::Usage, format!("cannot read certificates from {}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unreadable().caused_by(error))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable().caused_by(error))?;
        if certificates.is_empty() {
            return Err(unreadable().with_hint("the file must hold certificates in PEM form"));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers each request with what comes next, and says which lines its head had.
    async fn heads(listener: TcpListener, answers: Vec<String>) -> Vec<Vec<String>> {
        let mut heads = Vec::new();
        for answer in answers {
            let (line, _) = listener.accept().await.unwrap();
            let mut line = BufReader::new(line);
            let mut head = Vec::new();
            loop {
                let mut text = String::new();
                line.read_line(&mut text).await.unwrap();
                if text.trim_end().is_empty() {
                    break;
                }
                head.push(text.trim_end().to_ascii_lowercase());
            }
            line.get_mut().write_all(answer.as_bytes()).await.unwrap();
            heads.push(head);
        }
        heads
    }

    #[tokio::test]
    async fn a_store_is_not_told_the_link_that_led_to_it() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (server, store) =
            (TcpListener::bind("127.0.0.1:0").await, TcpListener::bind("127.0.0.1:0").await);
        let (server, store) = (server.unwrap(), store.unwrap());
        let link = format!("http://{}/d/secret-token", server.local_addr().unwrap());
        let to = format!("http://{}/object", store.local_addr().unwrap());
        let end = "content-length: 0\r\nconnection: close\r\n\r\n";
        tokio::spawn(heads(server, vec![format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n{end}")]));
        let stored = tokio::spawn(heads(store, vec![format!("HTTP/1.1 200 OK\r\n{end}")]));
        assert!(build(None).unwrap().get(link).send().await.unwrap().status().is_success());
        let heads = stored.await.unwrap();
        assert!(heads[0].iter().any(|line| line.starts_with("get /object")), "{heads:?}");
        assert!(
            !heads[0].iter().any(|line| line.contains("secret-token") || line.starts_with("referer")),
            "{heads:?}"
        );
    }
}
