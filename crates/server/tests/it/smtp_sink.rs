//! A mail server for tests: takes everything, hands it back, and can be as unpleasant as real ones are.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::timeout,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// Takes every mail.
    Polite,
    /// Answers each recipient with this code.
    Refusing(u16),
    /// Answers nothing until its manners change.
    Silent,
    /// Takes the mail and hangs up without saying so.
    Dropping,
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub to: Vec<String>,
    /// Headers and body as they came, with `\n` at the ends of lines.
    pub data: String,
}

impl Mail {
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.data.split_once("\n\n")?.0;
        headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The first part, decoded: what a reader of plain text sees.
    pub fn text(&self) -> String {
        let boundary = self.data.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next());
        let marker = format!("--{}", boundary.expect("a mail in parts"));
        let part = self.data.split(&marker).nth(1).expect("a first part");
        let (headers, text) = part.split_once("\n\n").expect("headers and text");
        if !headers.contains("quoted-printable") {
            return text.trim().to_owned();
        }
        let joined = text.replace("=\n", "");
        let mut pieces = joined.split('=');
        let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
        for piece in pieces {
            bytes.push(u8::from_str_radix(&piece[..2], 16).expect("quoted-printable"));
            bytes.extend_from_slice(&piece.as_bytes()[2..]);
        }
        String::from_utf8(bytes).expect("UTF-8").trim().to_owned()
    }

    /// The line that is nothing but six digits.
    pub fn code(&self) -> Option<String> {
        let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
        self.text().lines().find(is_code).map(str::to_owned)
    }
}

/// Dropping it does not stop the server; the end of the test does.
#[derive(Clone)]
pub struct SmtpSink {
    port: u16,
    manners: watch::Sender<Manners>,
    mails: watch::Sender<Vec<Mail>>,
    taken: Arc<Mutex<usize>>,
    connections: Arc<AtomicUsize>,
}

impl SmtpSink {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let sink = Self {
            port: listener.local_addr().expect("an address").port(),
            manners: watch::Sender::new(Manners::Polite),
            mails: watch::Sender::new(Vec::new()),
            taken: Arc::default(),
            connections: Arc::default(),
        };
        let server = sink.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                server.connections.fetch_add(1, Ordering::SeqCst);
                let server = server.clone();
                tokio::spawn(async move {
                    Conversation::new(socket, server).hold().await;
                });
            }
        });
        sink
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    pub fn behave(&self, manners: Manners) {
        self.manners.send_replace(manners);
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Mails so far.
    pub fn count(&self) -> usize {
        self.mails.borrow().len()
    }

    /// The next `n` mails, in the order of their arrival, as soon as they are all there.
    pub async fn take(&self, n: usize) -> Vec<Mail> {
        let end = {
            let mut taken = self.taken.lock().expect("the lock");
            *taken += n;
            *taken
        };
        let mut mails = self.mails.subscribe();
        let arrived = mails.wait_for(|mails| mails.len() >= end);
        let arrived = timeout(Duration::from_secs(20), arrived).await;
        let mails = arrived.unwrap_or_else(|_| panic!("waited for {n} mails")).expect("the sink");
        mails[end - n..end].to_vec()
    }

    pub fn code_in_last(&self) -> String {
        let mails = self.mails.borrow();
        mails.last().expect("a mail").code().expect("a code in it")
    }
}

struct Conversation {
    lines: Lines<BufReader<OwnedReadHalf>>,
    output: OwnedWriteHalf,
    sink: SmtpSink,
    recipients: Vec<String>,
}

/// The other side hung up, or we do.
struct Over;

impl Conversation {
    fn new(socket: TcpStream, sink: SmtpSink) -> Self {
        let (input, output) = socket.into_split();
        Self { lines: BufReader::new(input).lines(), output, sink, recipients: Vec::new() }
    }

    async fn hold(mut self) {
        if self.say("220 sink").await.is_ok() {
            while self.turn().await.is_ok() {}
        }
    }

    async fn turn(&mut self) -> Result<(), Over> {
        let line = self.hear().await?;
        let command = line.to_ascii_uppercase();
        if command.starts_with("EHLO") {
            return self.say("250-sink\r\n250 8BITMIME").await;
        }
        if command.starts_with("RCPT TO:") {
            if let Manners::Refusing(code) = self.manners() {
                return self.say(&format!("{code} not now, whatever 123456 may be")).await;
            }
            self.recipients.push(line["RCPT TO:".len()..].trim_matches(['<', '>', ' ']).to_owned());
        }
        match command.as_str() {
            "DATA" => self.data().await,
            "QUIT" => {
                self.say("221 bye").await?;
                Err(Over)
            }
            _ => self.say("250 ok").await,
        }
    }

    async fn data(&mut self) -> Result<(), Over> {
        self.say("354 go on").await?;
        let mut data = String::new();
        loop {
            let line = self.hear().await?;
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
        let mail = Mail { to: std::mem::take(&mut self.recipients), data };
        self.sink.mails.send_modify(|mails| mails.push(mail));
        if self.manners() == Manners::Dropping {
            return Err(Over);
        }
        self.say("250 taken").await
    }

    fn manners(&self) -> Manners {
        *self.sink.manners.borrow()
    }

    async fn hear(&mut self) -> Result<String, Over> {
        self.lines.next_line().await.ok().flatten().ok_or(Over)
    }

    async fn say(&mut self, reply: &str) -> Result<(), Over> {
        let mut manners = self.sink.manners.subscribe();
        manners.wait_for(|manners| *manners != Manners::Silent).await.map_err(|_| Over)?;
        self.output.write_all(format!("{reply}\r\n").as_bytes()).await.map_err(|_| Over)
    }
}
