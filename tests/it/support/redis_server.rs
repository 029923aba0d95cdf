//! A Redis server of its own for a test, if `redis-server` is installed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on a free port of the loopback interface, which ends with the test.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
}

impl RedisServer {
    /// Starts a server, or prints that the test is skipped.
    pub(crate) fn start() -> Option<Self> {
        // The port may be taken by another program before the server listens, so several are tried.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let Some(server) = Self::start_on(port) else {
                println!("skipped: there is no redis-server on the path");
                return None;
            };
            if server.is_ready() {
                return Some(server);
            }
        }
        panic!("redis-server does not start");
    }

    fn start_on(port: u16) -> Option<Self> {
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        started.ok().map(|process| Self { process, port })
    }

    fn is_ready(&self) -> bool {
        let until = Instant::now() + Duration::from_secs(5);
        while Instant::now() < until {
            if self
                .ask("PING")
                .is_some_and(|answer| answer.starts_with("+PONG"))
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends a command in one line and returns what the server says first.
    pub(crate) fn ask(&self, command: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "{command}\r\n").ok()?;
        let mut answer = vec![0; 64 * 1024];
        let length = stream.read(&mut answer).ok()?;
        answer.truncate(length);
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Returns all keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        let answer = self.ask("KEYS *").unwrap();
        let lines = answer.lines().filter(|line| !line.starts_with(['*', '$']));
        lines.map(str::to_owned).collect()
    }

    /// Stops the process without ending it, so that it answers nothing.
    pub(crate) fn hang(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends the process.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts a server on the same port, which has lost everything.
    pub(crate) fn restart(&mut self) {
        self.kill();
        *self = Self::start_on(self.port).unwrap();
        assert!(self.is_ready());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
