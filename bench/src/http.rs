//! A small HTTP/1.1 keep-alive client: loopback only, one connection, one request in flight.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any sane answer, so that a hung server ends the run with a sentence.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// A cookie without a value is one the server deletes.
    pub cookies: Vec<(String, Option<String>)>,
    /// `set-auth-token`: the bearer token that goes with a new session.
    pub bearer: Option<String>,
}

/// Where the server listens and which origin its browsers come from.
#[derive(Clone, Debug)]
pub struct Target {
    pub host: String,
    pub origin: String,
}

impl Target {
    pub fn parse(url: &str) -> Result<Self> {
        let host = url.strip_prefix("http://").context("the URL must start with http://")?;
        let host = host.trim_end_matches('/');
        ensure!(host.contains(':'), "the URL needs a port, as in http://127.0.0.1:8080");
        Ok(Self { host: host.to_owned(), origin: format!("http://{host}") })
    }
}

pub struct Connection {
    host: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// A connection that has answered before may have been closed by the server since.
    answered: bool,
}

impl Connection {
    pub fn to(target: &Target) -> Self {
        Self {
            host: target.host.clone(),
            stream: None,
            buffer: Vec::with_capacity(16 * 1024),
            answered: false,
        }
    }

    /// Sends one request. If an idle connection turns out to be closed, it is opened anew, once.
    pub async fn send(&mut self, request: &[u8]) -> Result<Answer> {
        let reused = self.stream.is_some() && self.answered;
        let mut result = self.within_patience(request).await;
        if result.is_err() && reused && self.buffer.is_empty() {
            self.stream = None;
            result = self.within_patience(request).await;
        }
        if result.is_err() {
            self.stream = None;
        }
        result
    }

    async fn within_patience(&mut self, request: &[u8]) -> Result<Answer> {
        match timeout(PATIENCE, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => bail!("no answer within {} s", PATIENCE.as_secs()),
        }
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer> {
        self.buffer.clear();
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.host)
                .await
                .with_context(|| format!("cannot connect to {}", self.host))?;
            stream.set_nodelay(true)?;
            self.stream = Some(stream);
            self.answered = false;
        }
        let stream = self.stream.as_mut().expect("opened above");
        stream.write_all(request).await.context("cannot send")?;
        let head = loop {
            read_more(stream, &mut self.buffer).await?;
            if let Some(head) = Head::parse(&self.buffer)? {
                break head;
            }
        };
        let mut answer = head.answer;
        answer.body = loop {
            if let Some(body) = head.body.cut(&self.buffer[head.length..])? {
                break body;
            }
            read_more(stream, &mut self.buffer).await?;
        };
        self.answered = true;
        if head.close {
            self.stream = None;
        }
        Ok(answer)
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    let read = stream.read_buf(buffer).await.context("cannot receive")?;
    ensure!(read > 0, "the server closed the connection after {} bytes", buffer.len());
    Ok(())
}

struct Head {
    length: usize,
    answer: Answer,
    body: Body,
    close: bool,
}

enum Body {
    Sized(usize),
    Chunked,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parser = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = parser.parse(bytes).context("not an HTTP answer")? else {
            return Ok(None);
        };
        let status = parser.code.unwrap_or(0);
        let mut head = Self {
            length,
            answer: Answer { status, ..Answer::default() },
            body: Body::Sized(0),
            close: parser.version == Some(0),
        };
        for header in parser.headers.iter() {
            let value = std::str::from_utf8(header.value).unwrap_or("").trim();
            head.take(header.name, value);
        }
        Ok(Some(head))
    }

    fn take(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("content-length") {
            self.body = Body::Sized(value.parse().unwrap_or(0));
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            self.body = Body::Chunked;
        } else if name.eq_ignore_ascii_case("connection") {
            self.close = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("set-cookie") {
            self.answer.cookies.extend(set_cookie(value));
        } else if name.eq_ignore_ascii_case("set-auth-token") {
            self.answer.bearer = Some(value.to_owned());
        }
    }
}

impl Body {
    /// The whole body, or nothing while bytes are missing.
    fn cut(&self, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Sized(size) => Ok(bytes.get(..*size).map(<[u8]>::to_vec)),
            Self::Chunked => unchunk(bytes),
        }
    }
}

fn unchunk(mut bytes: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let line = std::str::from_utf8(&bytes[..end]).context("a chunk size is not text")?;
        let digits = line.split(';').next().unwrap_or(line).trim();
        let size = usize::from_str_radix(digits, 16).context("a chunk size is not a number")?;
        let Some(chunk) = bytes.get(end + 2..end + 2 + size + 2) else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        body.extend_from_slice(&chunk[..size]);
        bytes = &bytes[end + 2 + size + 2..];
    }
}

fn set_cookie(line: &str) -> Option<(String, Option<String>)> {
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next()?.split_once('=')?;
    let expired = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
    let kept = !expired && !value.is_empty();
    Some((name.to_owned(), kept.then(|| value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_once_the_last_has_come() {
        assert_eq!(unchunk(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").unwrap().unwrap(), b"abcde");
        assert!(unchunk(b"3\r\nabc\r\n2\r\nd").unwrap().is_none());
        assert!(unchunk(b"zz\r\n").is_err());
    }

    #[test]
    fn an_expired_cookie_is_a_deleted_one() {
        let kept = set_cookie("a.b=c%3D; Max-Age=600; Path=/; HttpOnly").unwrap();
        assert_eq!(kept, ("a.b".into(), Some("c%3D".into())));
        assert_eq!(set_cookie("a=; Max-Age=0; Path=/").unwrap(), ("a".into(), None));
    }

    #[test]
    fn a_head_says_how_long_its_body_is() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nset-auth-token: t.s\r\n\r\nhi";
        let head = Head::parse(bytes).unwrap().unwrap();
        assert_eq!(head.answer.bearer.as_deref(), Some("t.s"));
        assert_eq!(head.body.cut(&bytes[head.length..]).unwrap().unwrap(), b"hi");
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\nConte").unwrap().is_none());
    }
}
