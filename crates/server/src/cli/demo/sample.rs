//! An application without a login, behind its own proxy: what deploy/ has nginx do, in forty lines.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use reqwest::{Client, redirect};

use crate::fault::Fault;

/// Names for hosts of this machine need no setting up (RFC 6761 §6.3).
const NAME: &str = "app.localhost";
/// What the proxy tells the application.
const TOLD: [&str; 5] = ["remote-user", "remote-email", "remote-name", "remote-amr", "remote-acr"];

pub(super) struct Sample {
    listener: std::net::TcpListener,
    port: u16,
}

struct Proxy {
    client: Client,
    question: String,
    host: String,
}

impl Sample {
    /// On the port after the server's, or on any that is free.
    pub(super) fn bind(server: SocketAddr) -> Result<Self, Fault> {
        let cannot = |why| Fault::unavailable("no port for the sample application").because(why);
        let beside = server.port().checked_add(1).filter(|_| server.port() != 0).unwrap_or(0);
        let on = |port| std::net::TcpListener::bind(SocketAddr::new(server.ip(), port));
        let listener = on(beside).or_else(|_| on(0)).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn host(&self) -> String {
        format!("{NAME}:{}", self.port)
    }

    pub(super) async fn serve(self, countersign: SocketAddr) -> Result<(), Fault> {
        let cannot = || Fault::internal("the sample application cannot start");
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build();
        let proxy = Arc::new(Proxy {
            client: client.map_err(|why| cannot().because(why))?,
            question: format!("http://{countersign}/forward-auth?mode=redirect&min=aal2"),
            host: self.host(),
        });
        let listener =
            tokio::net::TcpListener::from_std(self.listener).map_err(|why| cannot().because(why))?;
        let app = Router::new().fallback(pass).with_state(proxy);
        axum::serve(listener, app).await.map_err(|why| cannot().because(why))
    }
}

/// Asks Countersign before it lets anything through. What the client says about itself never counts.
async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let address = request.uri().path_and_query().map_or("/", |one| one.as_str());
    let mut question = proxy
        .client
        .get(&proxy.question)
        .header("x-forwarded-method", request.method().as_str())
        .header("x-forwarded-host", &proxy.host)
        .header("x-forwarded-uri", address);
    for name in [header::COOKIE, HeaderName::from_static("sec-fetch-mode"), header::ACCEPT] {
        if let Some(value) = request.headers().get(&name) {
            question = question.header(name, value.clone());
        }
    }
    match question.send().await {
        Ok(answer) if answer.status() == StatusCode::OK => application(answer.headers()).into_response(),
        Ok(answer) => {
            let (status, mut headers) = (answer.status(), answer.headers().clone());
            headers.remove(header::TRANSFER_ENCODING);
            headers.remove(header::CONTENT_LENGTH);
            (status, headers).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// It has no login, and knows who is there.
fn application(told: &HeaderMap) -> Html<String> {
    let safe = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let row = |name: &&str| {
        let value = told.get(*name)?.to_str().ok().filter(|value| !value.is_empty())?;
        Some(format!("<tr><th align=left>{name}<td>{}", safe(value)))
    };
    let rows: String = TOLD.iter().filter_map(row).collect();
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Sample application</title>\
         <h1>An application without a login</h1><p>The proxy says who you are:<table>{rows}</table>"
    ))
}
