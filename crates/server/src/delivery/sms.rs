//! Sends text messages through a gateway: as JSON over HTTP, or as Twilio takes them.

use std::{sync::Arc, time::Duration};

use countersign_core::secret::Secret;
use percent_encoding::percent_decode_str;
use reqwest::{StatusCode, header::HeaderValue, redirect};
use rustls::crypto::aws_lc_rs;
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::{
    delivery::{Failure, Outgoing, smtp::is_loopback},
    fault::Fault,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Takes one message a request; 2xx means taken.
pub struct Gateway {
    client: reqwest::Client,
    url: Url,
    authorization: Option<HeaderValue>,
    form: Form,
}

/// What a gateway wants to read.
enum Form {
    /// `{"to": "+49…", "text": "…"}`
    Json,
    /// `To`, `From` and `Body`, form-encoded, to the account's list of messages.
    Twilio { from: String },
}

impl Gateway {
    /// `https://gateway.example/messages`, with `token@` or `user:password@` before the host if it asks who
    /// calls. That part becomes a header at once: a URL is printed sooner or later, a header is not.
    pub fn open(url: &Secret<String>) -> Result<Self, Fault> {
        let url = Url::parse(url.expose())
            .map_err(|error| Fault::misconfigured("the SMS gateway's URL cannot be read").because(error))?;
        Self::at(url, Form::Json)
    }

    /// `twilio://ACCOUNT_SID:AUTH_TOKEN@api.twilio.com?from=+15005550006`; plain HTTP towards this machine only,
    /// where a stand-in may listen.
    pub fn twilio(url: &Secret<String>) -> Result<Self, Fault> {
        let unfit = || Fault::misconfigured("the SMS gateway must be twilio://SID:TOKEN@HOST?from=+1…");
        let url = Url::parse(url.expose()).map_err(|error| unfit().because(error))?;
        let host = url.host_str().ok_or_else(unfit)?;
        let from = url.query_pairs().find(|(key, _)| key == "from").map(|(_, from)| from.replace(' ', "+"));
        let scheme = if is_loopback(host.trim_matches(['[', ']'])) { "http" } else { "https" };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let (account, token) = (url.username(), url.password().ok_or_else(unfit)?);
        let messages =
            format!("{scheme}://{account}:{token}@{host}{port}/2010-04-01/Accounts/{account}/Messages.json");
        let messages = Url::parse(&messages).map_err(|_| unfit())?;
        Self::at(messages, Form::Twilio { from: from.filter(|from| !from.is_empty()).ok_or_else(unfit)? })
    }

    fn at(mut url: Url, form: Form) -> Result<Self, Fault> {
        let loopback = is_loopback(url.host_str().unwrap_or_default().trim_matches(['[', ']']));
        if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
            return Err(Fault::misconfigured("the SMS gateway's URL must start with https://"));
        }
        let authorization = authorization(&url)?;
        let stripped = url.set_username("").and_then(|()| url.set_password(None));
        stripped.map_err(|()| Fault::misconfigured("the SMS gateway's URL names no host"))?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls()?)
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Fault::misconfigured("the client for the SMS gateway").because(error))?;
        Ok(Self { client, url, authorization, form })
    }

    pub async fn send(&self, sms: &Outgoing) -> Result<(), Failure> {
        // Lets a gateway that knows the header drop the second copy of a message sent twice.
        let request = self.client.post(self.url.clone()).header("idempotency-key", &sms.id);
        let mut request = match &self.form {
            Form::Json => request.json(&serde_json::json!({ "to": sms.to, "text": sms.text.expose() })),
            Form::Twilio { from } => {
                let mut fields = url::form_urlencoded::Serializer::new(String::new());
                fields.append_pair("To", &sms.to).append_pair("From", from);
                fields.append_pair("Body", sms.text.expose());
                let kind = "application/x-www-form-urlencoded";
                request.header(reqwest::header::CONTENT_TYPE, kind).body(fields.finish())
            }
        };
        if let Some(authorization) = &self.authorization {
            request = request.header(reqwest::header::AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|error| {
            let what = if error.is_timeout() { "no answer in time" } else { "no connection" };
            Failure::Unreachable(what.to_owned())
        })?;
        let status = response.status();
        let why = format!("not accepted: {}", status.as_u16());
        match status {
            status if status.is_success() => Ok(()),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Err(Failure::Later(why))
            }
            status if status.is_server_error() => Err(Failure::Unreachable(why)),
            _ => Err(Failure::Never(why)),
        }
    }
}

fn authorization(url: &Url) -> Result<Option<HeaderValue>, Fault> {
    let unfit = || Fault::misconfigured("the SMS gateway's credentials cannot go into a header");
    let decode = |part| percent_decode_str(part).decode_utf8().map_err(|_| unfit());
    let value = match (decode(url.username())?, url.password()) {
        (user, None) if user.is_empty() => return Ok(None),
        (token, None) => format!("Bearer {token}"),
        (user, Some(password)) => {
            let pair = format!("{user}:{}", decode(password)?);
            format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
        }
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The provider is named here: without it, whichever crate installed a default first would decide.
pub(super) fn tls() -> Result<rustls::ClientConfig, Fault> {
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| Fault::misconfigured("TLS towards the SMS gateway").because(error))?;
    Ok(config.with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use countersign_core::time::Timestamp;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
        task::JoinHandle,
    };

    use super::*;

    /// A gateway that answers one request with `status` and hands it back.
    async fn gateway(userinfo: &str, status: &'static str) -> (Gateway, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{userinfo}{}/messages", listener.local_addr().unwrap());
        let seen = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut chunk = [0; 1_024];
                let length = socket.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..length]);
            }
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            socket.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(request).unwrap()
        });
        (Gateway::open(&Secret::new(url)).unwrap(), seen)
    }

    fn sms() -> Outgoing {
        Outgoing {
            id: "0192f0".to_owned(),
            written_at: Timestamp::from_seconds(0),
            to: "+4915112345678".to_owned(),
            recipient_name: String::new(),
            subject: String::new(),
            text: "123456 is your code".into(),
            html: "".into(),
        }
    }

    #[tokio::test]
    async fn a_text_message_is_one_json_post() {
        let (gateway, seen) = gateway("t0k%3Den@", "202 Accepted").await;
        assert!(!gateway.url.as_str().contains("t0k"));
        gateway.send(&sms()).await.unwrap();
        let request = seen.await.unwrap();
        assert!(request.starts_with("POST /messages HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Bearer t0k=en\r\n"), "{request}");
        assert!(request.contains("idempotency-key: 0192f0\r\n"), "{request}");
        let (_, body) = request.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, serde_json::json!({"to": "+4915112345678", "text": "123456 is your code"}));
    }

    #[tokio::test]
    async fn twilio_is_given_a_form() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.contains("is+your+code") {
                let mut chunk = [0; 1_024];
                let length = socket.read(&mut chunk).await.unwrap();
                request.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
            }
            socket
                .write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            request
        });
        let url = format!("twilio://AC1:s3cret@{address}?from=+15005550006");
        let gateway = Gateway::twilio(&Secret::new(url)).unwrap();
        assert!(!gateway.url.as_str().contains("s3cret"));
        gateway.send(&sms()).await.unwrap();
        let request = seen.await.unwrap();
        assert!(request.starts_with("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("authorization: Basic QUMxOnMzY3JldA==\r\n"), "{request}");
        assert!(
            request.ends_with("To=%2B4915112345678&From=%2B15005550006&Body=123456+is+your+code"),
            "{request}"
        );
        for bad in
            ["twilio://AC1:t@api.twilio.com", "twilio://AC1@api.twilio.com?from=+1", "twilio://?from=1"]
        {
            assert!(Gateway::twilio(&Secret::from(bad)).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn refusals_are_told_apart() {
        for (status, later) in
            [("400 Bad Request", false), ("302 Found", false), ("429 Slow Down", true), ("503 Busy", true)]
        {
            let (gateway, seen) = gateway("u:p@", status).await;
            let failure = gateway.send(&sms()).await.unwrap_err();
            assert_eq!(!matches!(failure, Failure::Never(_)), later, "{status}");
            assert!(seen.await.unwrap().contains("authorization: Basic dTpw\r\n"));
        }
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let gateway = Gateway::open(&Secret::new(format!("http://{closed}/"))).unwrap();
        assert!(matches!(gateway.send(&sms()).await, Err(Failure::Unreachable(_))));
    }

    #[test]
    fn the_token_travels_encrypted() {
        for url in ["http://s3cr3t@gateway.example/", "ftp://s3cr3t@localhost/", "s3cr3t"] {
            let fault = Gateway::open(&Secret::from(url)).err().unwrap();
            assert!(!fault.to_string().contains("s3cr3t"), "{fault}");
        }
        assert!(Gateway::open(&Secret::from("https://s3cr3t@gateway.example/send")).is_ok());
    }
}
