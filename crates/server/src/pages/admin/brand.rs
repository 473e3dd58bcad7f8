//! How an organisation's pages look: its name, colour and logo.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use countersign_core::{
    brand::{Brand, CONTRAST_MIN, LOGO_MAX},
    denied::Denied,
};

use super::Frame;
use crate::{
    ctx::Ctx,
    http::{look::Look, page, reply::Reply},
    operations::{
        Stop, administration,
        brands::{self, NewLogo, Unfit, Wanted},
    },
    pages::asked::{Asked, No, see},
    words::Text,
};

#[derive(Template)]
#[template(path = "pages/admin/brand.html")]
struct Page<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    said: Option<Text>,
    name: String,
    colour: String,
    /// One that was uploaded can be taken away.
    logo: Option<String>,
    logo_max: u64,
}

async fn page(asked: &Asked, said: Option<Text>) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let place = administration::place(asked.ctx(), &who).await?;
    if !place.role.administers() {
        return Err(Denied::NotPermitted.into());
    }
    let Brand { name, colour, logo } = brands::own(asked.ctx(), &place.organisation.id).await?;
    let status = if said.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Page {
        look: asked.look(),
        title: "admin-look".into(),
        frame: Frame::of(asked, &who).await?,
        // What was typed and refused is there to be mended.
        name: asked.field("name").or(name).unwrap_or_default(),
        colour: asked
            .field("colour")
            .or(colour.map(|colour| format!("#{}", colour.hex())))
            .unwrap_or_default(),
        logo: logo.map(|digest| format!("/assets/logo/{digest}")),
        logo_max: LOGO_MAX as u64 / 1024,
        said,
    };
    Ok(page::reply(&page, None).status(status))
}

pub(crate) async fn show_brand(asked: Asked) -> Result<Reply, No> {
    page(&asked, None).await
}

fn why(unfit: &Unfit) -> Text {
    match unfit {
        Unfit::Name => "brand-name-unfit".into(),
        Unfit::Colour => "brand-colour-unfit".into(),
        Unfit::Contrast(contrast, better) => Text::from("brand-contrast-unfit")
            // Rounded down: what is not enough must not look like it.
            .with("contrast", format!("{:.1}", (contrast * 10.0).floor() / 10.0))
            .with("least", format!("{CONTRAST_MIN:.1}"))
            .with("better", format!("#{}", better.hex())),
        Unfit::LogoTooLarge | Unfit::LogoUnknown => {
            Text::from("brand-logo-unfit").with("number", LOGO_MAX as u64 / 1024)
        }
    }
}

pub(crate) async fn change_brand(asked: Asked) -> Result<Reply, No> {
    let logo = match (asked.file("logo"), asked.ticked("no_logo")) {
        (Some(picture), _) => NewLogo::Picture(picture),
        (None, true) => NewLogo::None,
        (None, false) => NewLogo::Same,
    };
    let who = asked.signed_in().await?;
    let wanted = match Wanted::new(&asked.text("name"), &asked.text("colour"), logo) {
        Ok(wanted) => wanted,
        Err(unfit) => return page(&asked, Some(why(&unfit))).await,
    };
    brands::change(asked.ctx(), &asked.visitor, &who, wanted).await?;
    Ok(see("/admin/brand"))
}

/// A logo. Pictures of these kinds hold nothing that acts, and are told to do nothing all the same.
pub(crate) async fn logo(State(ctx): State<Arc<Ctx>>, Path(digest): Path<String>) -> Response {
    match brands::logo(&ctx, &digest).await {
        Ok((kind, bytes)) => {
            let headers = [
                (header::CONTENT_TYPE, kind),
                (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox; frame-ancestors 'none'"),
                // The same bytes for ever: another picture has another address.
                (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
            ];
            (headers, bytes).into_response()
        }
        Err(Stop::Denied(_)) => StatusCode::NOT_FOUND.into_response(),
        Err(Stop::Fault(fault)) => {
            fault.log_and_judge();
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
