//! Tells webhooks of events: one POST each, signed as the Standard Webhooks have it, and never to an address that only
//! this server can reach.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use countersign_core::{secret::Secret, time::Timestamp, webhook};
use data_encoding::BASE64;
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use tokio::sync::OnceCell;
use url::{Host, Url};

use crate::{
    delivery::{Failure, sms::tls},
    fault::Fault,
    vault,
};

const TIMEOUT: Duration = Duration::from_secs(10);

pub struct Webhooks {
    /// Made for the first call: most servers never make one, and reading the platform's certificates takes time.
    client: OnceCell<reqwest::Client>,
    private_hosts: Arc<Vec<String>>,
}

/// One event for one receiver.
pub struct Call<'a> {
    /// The same at every attempt, for the receiver to tell a second one.
    pub id: &'a str,
    pub url: &'a str,
    pub body: String,
    pub secret: Secret<Vec<u8>>,
}

impl Webhooks {
    /// `private_hosts` are those that the operator says may be called although they are not public.
    pub fn new(private_hosts: &[String]) -> Self {
        Self { client: OnceCell::new(), private_hosts: Arc::new(private_hosts.to_vec()) }
    }

    async fn client(&self) -> Result<&reqwest::Client, Failure> {
        let made = self.client.get_or_try_init(async || {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls()?)
                .dns_resolver(Arc::new(Public(Arc::clone(&self.private_hosts))))
                // Somewhere else may be anywhere.
                .redirect(redirect::Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
                .build()
                .map_err(|error| Fault::misconfigured("the client for webhooks").because(error))
        });
        made.await.map_err(|fault| Failure::Later(fault.to_string()))
    }

    pub async fn send(&self, call: Call<'_>, now: Timestamp) -> Result<(), Failure> {
        let url = Url::parse(call.url).map_err(|_| Failure::Never("its address is none".to_owned()))?;
        self.may_call(&url)?;
        let timestamp = now.as_seconds().to_string();
        let signed = format!("{}.{timestamp}.{}", call.id, call.body);
        let signature = BASE64.encode(&vault::hmac_sha256(call.secret.expose(), signed.as_bytes()));
        let sent = self
            .client()
            .await?
            .post(url)
            .header("content-type", "application/json")
            .header("user-agent", "Countersign")
            .header("webhook-id", call.id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", format!("v1,{signature}"))
            .body(call.body)
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => Ok(()),
            // The receiver says that it wants no more of this (Standard Webhooks, "410 Gone").
            Ok(answer) if answer.status() == 410 => Err(Failure::Never("it answered 410".to_owned())),
            Ok(answer) => Err(Failure::Later(format!("it answered {}", answer.status().as_u16()))),
            Err(error) if error.is_timeout() => Err(Failure::Later("no answer in time".to_owned())),
            Err(_) => Err(Failure::Later("it cannot be reached".to_owned())),
        }
    }

    /// An address that is written as one never meets the resolver.
    fn may_call(&self, url: &Url) -> Result<(), Failure> {
        let never = |why: &str| Err(Failure::Never(why.to_owned()));
        let listed = |name: &str| self.private_hosts.iter().any(|host| host == name);
        let name = url.host_str().unwrap_or_default().to_owned();
        if url.scheme() != "https" && !(url.scheme() == "http" && listed(&name)) {
            return never("its address is not https");
        }
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => ip.into(),
            Some(Host::Ipv6(ip)) => ip.into(),
            _ => return Ok(()),
        };
        if webhook::is_public(ip) || listed(&name) { Ok(()) } else { never("its address is not public") }
    }
}

/// Names that lead anywhere private lead nowhere. The very addresses that were looked at are the ones connected to,
/// so that a second answer of the same name cannot be another (DNS rebinding).
struct Public(Arc<Vec<String>>);

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let listed = self.0.iter().any(|host| host == name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !listed && !found.iter().all(|address| webhook::is_public(address.ip())) {
                return Err("not public".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
