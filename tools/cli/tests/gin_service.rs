//! The main job: `examples/gin-service` built and run by ferrogo, driven over HTTP through every route.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running service that is killed when the test ends.
struct Service {
    child: Child,
    addr: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Service {
    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.addr).expect("the service listens");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).expect("a whole reply");
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .unwrap_or(0);
        Reply {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    fn get(&self, path: &str) -> Reply {
        self.request("GET", path, "X-Client: test\r\n", "")
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free port")
        .port()
}

fn start() -> Service {
    let temp = std::env::temp_dir().join(format!("ferrogo-gin-{}", std::process::id()));
    std::fs::create_dir_all(&temp).unwrap();
    let binary = temp.join("gin-service");
    let dir = testkit::repository().join("examples/gin-service");
    let build = testkit::run(
        Command::new(env!("CARGO_BIN_EXE_ferrogo"))
            .args(["build", "-C"])
            .arg(&dir)
            .arg("-o")
            .arg(&binary)
            .arg("."),
        Duration::from_secs(900),
    );
    assert_eq!(build.status, Some(0), "{}{}", build.stdout, build.stderr);
    let addr = format!("127.0.0.1:{}", free_port());
    let mut child = Command::new(&binary)
        .env("ADDR", &addr)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the service starts");
    let mut log = BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("listening on"), "{line}");
    // Keep the pipe drained so that logging never blocks the service.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
    let service = Service { child, addr };
    let limit = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(&service.addr).is_err() {
        assert!(Instant::now() < limit, "the service does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = std::fs::remove_dir_all(&temp);
    service
}

#[test]
fn every_route_answers() {
    let mut service = start();
    let s = &service;
    let ping = s.get("/ping");
    assert_eq!(
        (ping.status, ping.body.as_str()),
        (200, r#"{"message":"pong"}"#)
    );
    assert!(
        ping.head.contains("application/json; charset=utf-8"),
        "{}",
        ping.head
    );
    assert!(
        ping.head.contains("X-Request-Number: "),
        "the middleware ran: {}",
        ping.head
    );
    assert_eq!(s.get("/hello/gopher").body, "Hello, gopher!\n");
    assert_eq!(
        s.get("/hello/gopher?greeting=Good%20day").body,
        "Good day, gopher!\n"
    );
    assert_eq!(s.get("/files/a/b/c.txt").body, "/a/b/c.txt");
    assert_eq!(s.get("/nowhere").status, 404);
    assert_eq!(s.get("/panic").status, 500);
    assert_eq!(s.get("/ping").status, 200, "the service survives a panic");

    let page = s.get("/pages/books");
    assert!(
        page.body
            .contains("<li>The Go Programming Language by Donovan and Kernighan</li>"),
        "{}",
        page.body
    );
    assert_eq!(
        s.request("GET", "/api/v1/books", "", "").status,
        401,
        "middleware of the group"
    );
    let books = s.get("/api/v1/books?limit=1");
    assert!(
        books.body.contains(r#""total":2"#) && books.body.matches(r#""id":"#).count() == 1,
        "{}",
        books.body
    );
    assert_eq!(s.get("/api/v1/books?limit=x").status, 400);

    let post = |body: &str| {
        s.request(
            "POST",
            "/api/v1/books",
            "X-Client: test\r\nContent-Type: application/json\r\n",
            body,
        )
    };
    let bad = post(r#"{"title":"x"}"#);
    assert_eq!(bad.status, 400);
    assert!(
        bad.body
            .contains("Error:Field validation for 'Title' failed on the 'min' tag"),
        "{}",
        bad.body
    );
    assert_eq!(post("{").status, 400);
    assert_eq!(
        post(r#"{"title":"ok","author":"me","year":3000}"#).status,
        400
    );
    let made = post(r#"{"title":"A <Title>","author":"Me","year":2026,"tags":["go","rust"]}"#);
    assert_eq!(made.status, 201);
    assert_eq!(
        made.body,
        r#"{"id":3,"title":"A \u003cTitle\u003e","author":"Me","year":2026,"tags":["go","rust"]}"#
    );
    let xml = s.get("/api/v1/books/3?format=xml");
    assert!(
        xml.body
            .contains(r#"<book id="3"><title>A &lt;Title&gt;</title>"#),
        "{}",
        xml.body
    );
    assert!(
        xml.body
            .contains("<tags><tag>go</tag><tag>rust</tag></tags>"),
        "{}",
        xml.body
    );
    assert_eq!(s.get("/api/v1/books/99").status, 404);
    assert_eq!(s.get("/api/v1/books/x").status, 400);
    assert_eq!(
        s.request("DELETE", "/api/v1/books/3", "X-Client: test\r\n", "")
            .status,
        204
    );
    assert_eq!(
        s.request("DELETE", "/api/v1/books/3", "X-Client: test\r\n", "")
            .status,
        404
    );

    // Many clients at once.
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| (0..50).all(|_| s.get("/ping").status == 200)))
            .collect();
        assert!(clients.into_iter().all(|c| c.join().unwrap()));
    });

    // SIGTERM: a graceful end.
    let pid = service.child.id().to_string();
    assert!(
        Command::new("sh")
            .args(["-c", &format!("kill -TERM {pid}")])
            .status()
            .unwrap()
            .success()
    );
    let limit = Instant::now() + Duration::from_secs(20);
    let status = loop {
        match service.child.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > limit => panic!("the service does not stop"),
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    assert!(status.success(), "{status}");
}
