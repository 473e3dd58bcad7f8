//! A reply being put together: status, body, cookies in order, headers.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::http::cookies::SetCookie;

/// No `Debug`: bodies and cookies carry secrets.
#[derive(Default)]
pub struct Reply {
    pub status: StatusCode,
    body: Option<String>,
    pub cookies: Vec<SetCookie>,
    headers: Vec<(HeaderName, String)>,
}

impl Reply {
    pub fn json<T: Serialize>(value: &T) -> Self {
        let body = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        Self { body: Some(body), ..Self::default() }
    }

    /// A body that was written before; none if it is empty.
    pub fn text(body: String) -> Self {
        Self { body: Some(body).filter(|body| !body.is_empty()), ..Self::default() }
    }

    pub fn body(&self) -> &str {
        self.body.as_deref().unwrap_or_default()
    }

    pub fn html(page: String) -> Self {
        let reply = Self { body: Some(page), ..Self::default() };
        reply.header(header::CONTENT_TYPE, "text/html; charset=utf-8")
    }

    pub fn empty(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn found(location: &str) -> Self {
        Self::empty(StatusCode::FOUND).header(header::LOCATION, location)
    }

    /// Leads on instead of saying what it would have said; cookies stay.
    pub fn to(mut self, status: StatusCode, location: &str) -> Self {
        self.body = None;
        self.status(status).header(header::LOCATION, location)
    }

    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets a header, once: a later value replaces an earlier one.
    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// After those set before: order matters to browsers.
    pub fn cookies(mut self, cookies: impl IntoIterator<Item = SetCookie>) -> Self {
        self.cookies.extend(cookies);
        self
    }

    pub fn cookie(self, cookie: SetCookie) -> Self {
        self.cookies([cookie])
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut reply = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in self.headers {
            insert(headers, name, &value);
        }
        for cookie in &self.cookies {
            if let Ok(line) = HeaderValue::from_str(&cookie.to_string()) {
                headers.append(header::SET_COOKIE, line);
            }
        }
        reply
    }
}

/// A value that cannot be a header is left out: it was a stranger's text.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
