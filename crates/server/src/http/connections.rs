//! Connections: how many there may be, how long they may keep us waiting, and how they end.
//!
//! HTTP/1.1 only. A connection that could still turn into HTTP/2 has to be read before its protocol is known,
//! and nothing bounds how long that takes; proxies speak HTTP/1.1 to the servers behind them anyway.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    io::{self, ErrorKind, IoSlice},
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use ipnet::IpNet;
use rustix::process::{Resource, getrlimit};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};
use tower::Service;
use tracing::{debug, warn};

use super::client_ip::rate_key;

/// SEC-118: nobody takes longer than this to say what they want. It also ends connections that idle.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// SEC-117. The request line counts as well.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADER_FIELDS_MAX: usize = 64;
/// SEC-118: the most connections of one address.
const PER_ADDRESS_MAX: usize = 200;
/// The most connections at all, where the system would allow more.
const TOTAL_MAX: usize = 10_000;
/// Descriptors kept for the database, mail and ourselves.
const SPARE_DESCRIPTORS: usize = 128;
/// How long a stopping server waits for requests under way.
const GRACE: Duration = Duration::from_secs(10);
/// Without descriptors, `accept` fails at once and again: a pause lets some come free.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Accepts and serves until `stop` is ready, then lets the requests under way finish.
///
/// `proxies` bring everybody's connections and are exempt from the limit per address, as is this machine.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Vec<IpNet>,
    stop: impl Future<Output = ()>,
) {
    let door = Door::new(proxies, room());
    let mut protocol = http1::Builder::new();
    protocol
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(HEADER_BYTES_MAX)
        .max_headers(HEADER_FIELDS_MAX);
    let under_way = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(why) => {
                warn!(%why, "a connection could not be accepted");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                continue;
            }
        };
        let Some(place) = door.enter(peer.ip()) else {
            refuse(&stream);
            continue;
        };
        // Without this a small answer may wait for the acknowledgement of the one before it.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().call(request)
        });
        let stream = TokioIo::new(Lingering(Some((stream, place))));
        let connection = under_way.watch(protocol.serve_connection(stream, answer));
        tokio::spawn(async move {
            if let Err(why) = connection.await {
                debug!(%why, "a connection ended early");
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, under_way.shutdown()).await.is_err() {
        warn!("stopped with requests still under way");
    }
}

/// Said without reading: whoever is refused must cost nothing.
fn refuse(stream: &TcpStream) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let _ = stream.try_write(ANSWER);
}

/// A stream that goes on listening for a moment when it is dropped. If it were closed with bytes unread, the
/// system would reset the connection, and our last word - 413, 431 - would be lost with it.
struct Lingering(Option<(TcpStream, Place)>);

const LINGER: Duration = Duration::from_secs(1);

impl Lingering {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        let (stream, _) = self.get_mut().0.as_mut().expect("it is there until dropped");
        Pin::new(stream)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the system closes what is open.
        if let (Some((stream, place)), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(async move {
                let _ = tokio::time::timeout(LINGER, drain(stream)).await;
                drop(place);
            });
        }
    }
}

/// Reads what still comes until the other side, told that we are done, is done as well.
async fn drain(mut stream: TcpStream) -> io::Result<()> {
    poll_fn(|task| Pin::new(&mut stream).poll_shutdown(task)).await?;
    let mut nothing = [0; 4096];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut nothing) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            Err(why) => return Err(why),
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(task, into)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(task, from)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(task)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(task, from)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

/// How many connections fit into the descriptors this process may have (P6).
fn room() -> usize {
    let allowed = getrlimit(Resource::Nofile).current.map_or(TOTAL_MAX, |limit| limit as usize);
    allowed.saturating_sub(SPARE_DESCRIPTORS).clamp(1, TOTAL_MAX)
}

/// Lets connections in while there is room.
struct Door {
    inside: Arc<Mutex<Inside>>,
    proxies: Vec<IpNet>,
    room: usize,
}

#[derive(Default)]
struct Inside {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection's place, free again when this is dropped.
struct Place {
    inside: Arc<Mutex<Inside>>,
    key: IpAddr,
}

impl Door {
    fn new(proxies: Vec<IpNet>, room: usize) -> Self {
        Self { inside: Arc::default(), proxies, room }
    }

    fn enter(&self, ip: IpAddr) -> Option<Place> {
        let (ip, key) = (ip.to_canonical(), rate_key(ip));
        let exempt = ip.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(&ip));
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let already = inside.by_address.get(&key).copied().unwrap_or(0);
        if inside.total >= self.room || (already >= PER_ADDRESS_MAX && !exempt) {
            return None;
        }
        inside.total += 1;
        inside.by_address.insert(key, already + 1);
        drop(inside);
        Some(Place { inside: Arc::clone(&self.inside), key })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.total -= 1;
        match inside.by_address.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                inside.by_address.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(door: &Door, ip: &str, times: usize) -> Vec<Place> {
        (0..times).filter_map(|_| door.enter(ip.parse().unwrap())).collect()
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let door = Door::new(vec!["192.0.2.7/32".parse().unwrap()], 10_000);
        let stranger = enter(&door, "203.0.113.5", 300);
        assert_eq!(stranger.len(), PER_ADDRESS_MAX);
        assert_eq!(enter(&door, "203.0.113.6", 1).len(), 1, "its neighbour is not affected");
        assert_eq!(enter(&door, "192.0.2.7", 300).len(), 300, "a proxy brings everybody's");
        assert_eq!(enter(&door, "::ffff:127.0.0.1", 300).len(), 300, "so may this machine");
        drop(stranger);
        assert_eq!(enter(&door, "203.0.113.5", 300).len(), PER_ADDRESS_MAX, "places come free again");
        drop(enter(&door, "203.0.113.6", 1));
        let inside = door.inside.lock().unwrap();
        assert_eq!((inside.total, inside.by_address.len()), (0, 0), "nothing is kept about those who left");
    }

    #[test]
    fn a_network_counts_as_one_address() {
        let door = Door::new(Vec::new(), 10_000);
        let hosts: Vec<_> = (0..300).flat_map(|n| enter(&door, &format!("2001:db8::{n:x}"), 1)).collect();
        assert_eq!(hosts.len(), PER_ADDRESS_MAX);
    }

    #[test]
    fn the_house_has_room_for_so_many() {
        let door = Door::new(Vec::new(), 3);
        assert_eq!(enter(&door, "127.0.0.1", 9).len(), 3);
        let all: Vec<_> = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]
            .iter()
            .flat_map(|ip| enter(&door, ip, 1))
            .collect();
        assert_eq!(all.len(), 3);
        assert!(room() > 100);
    }
}
