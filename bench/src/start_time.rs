//! How long a server takes from nothing to its first answer.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::report::rounded;

const PATIENCE: Duration = Duration::from_secs(30);

/// Starts `command` again and again, each time on a free port put in place of `{port}`, and times each
/// start until `path` answers 200.
pub fn start_times(command: &[String], path: &str, times: usize) -> Result<Vec<f64>> {
    (0..times).map(|_| one_start(command, path)).collect()
}

/// A port nobody listens on now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
    Ok(listener.local_addr()?.port())
}

fn one_start(command: &[String], path: &str) -> Result<f64> {
    let port = free_port()?.to_string();
    let words: Vec<String> = command.iter().map(|word| word.replace("{port}", &port)).collect();
    let (program, arguments) = words.split_first().context("no command to start")?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let took = first_answer(&mut child, &format!("127.0.0.1:{port}"), path).map(|()| began.elapsed());
    stop(&mut child)?;
    Ok(rounded(took?.as_secs_f64() * 1000.0))
}

fn first_answer(child: &mut Child, host: &str, path: &str) -> Result<()> {
    let began = Instant::now();
    while !answers(host, path) {
        if let Some(status) = child.try_wait()? {
            bail!("the server ended before its first answer: {status}");
        }
        ensure!(began.elapsed() < PATIENCE, "no answer within {} s", PATIENCE.as_secs());
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Whether `path` answers 200 now.
pub fn answers(host: &str, path: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
        let mut first = [0_u8; 12];
        stream.read_exact(&mut first)?;
        Ok(&first[9..] == b"200")
    };
    ask().unwrap_or(false)
}

/// Asks the server to stop, as an operator would, and insists after a while.
fn stop(child: &mut Child) -> Result<()> {
    Command::new("kill").arg(child.id().to_string()).status().context("cannot run kill")?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > Duration::from_secs(10) {
            child.kill()?;
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}
