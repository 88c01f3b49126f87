//! Clients that say nothing, or little: they end before they cost the others anything.

use std::time::Duration;

use firmhold_server::config::Patience;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Setup, TestApp};

/// A server that waits for nobody, with so many connections in all and from one address.
async fn impatient(connections: usize, per_address: usize) -> TestApp {
    let patience = Patience { head: Duration::from_millis(300), body: Duration::from_millis(300) };
    let connections = Some((connections, per_address));
    TestApp::bare(Setup { patience, connections, ..Setup::default() }).await
}

async fn connect(app: &TestApp) -> TcpStream {
    let address = app.url().replace("http://", "");
    TcpStream::connect(address).await.unwrap()
}

/// All that comes until the server closes the line.
async fn rest(mut line: TcpStream) -> String {
    let mut text = Vec::new();
    // A line that is closed while bytes of ours are on the way may end in a reset.
    let read = tokio::time::timeout(Duration::from_secs(30), line.read_to_end(&mut text)).await;
    let _ = read.expect("the line is never closed");
    String::from_utf8_lossy(&text).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let app = impatient(100, 100).await;
    let admin = app.admin();
    let key = admin.key.as_ref().unwrap().expose();
    for (path, key) in [
        ("/oidc/exchange", String::new()),
        ("/api_keys", format!("authorization: Bearer {key}\r\n")),
        ("/artifacts", format!("authorization: Bearer {key}\r\nidempotency-key: one\r\n")),
    ] {
        let mut line = connect(&app).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n{key}\r\n{{"
        );
        line.write_all(head.as_bytes()).await.unwrap();
        let answer = rest(line).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(answer.contains("firmhold-problem: body_too_slow"), "{path}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let app = impatient(100, 100).await;
    let mut line = connect(&app).await;
    line.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    rest(line).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_the_next_is_closed() {
    let setup = Setup { connections: Some((100, 3)), ..Setup::default() };
    let app = TestApp::bare(setup).await;
    let held = [connect(&app).await, connect(&app).await, connect(&app).await];
    assert_eq!(rest(connect(&app).await).await, "");
    drop(held);
    for _ in 0..200 {
        let asked = app.http().get(format!("{}/report_key", app.url())).send().await;
        if asked.is_ok_and(|answer| answer.status() == 200) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the places are not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_there_are_places_for_wait() {
    let app = impatient(2, 100).await;
    // They say nothing, and so their places are free soon.
    let _silent = [connect(&app).await, connect(&app).await, connect(&app).await, connect(&app).await];
    let answer = app.http().get(format!("{}/report_key", app.url())).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}
