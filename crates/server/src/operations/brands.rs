//! How pages look to whoever asks for them: as their organisation says, else as the server's own organisation does.

use countersign_core::{
    brand::{self, Brand, Colour},
    denied::Denied,
    event::Kind,
    ids::OrganisationId,
    message::Letterhead,
    secret::Secret,
    session::Visitor,
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, challenge,
        organisations::{self, acting_for},
        sessions::{self, Handover, SignedIn},
    },
    store::Tx,
};

/// What tells whose pages they are.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub session: Option<Secret<String>>,
    pub challenge: Option<Secret<String>>,
    /// An application's challenge.
    pub application: Option<Secret<String>>,
}

/// Looking counts as nothing: whatever these open or do not is decided elsewhere.
pub async fn seen(ctx: &Ctx, seen: Seen) -> Outcome<Brand> {
    let act = Act::begin(ctx, &Visitor::default());
    let found = ctx.store.read(move |tx| {
        let organisation = whose(&act, tx, &seen)?;
        brand_of(tx, organisation.as_ref())
    });
    Ok(found.await?)
}

/// An organisation's own, else that of the server's own organisation.
fn brand_of(tx: &mut Tx<'_>, organisation: Option<&OrganisationId>) -> Result<Brand, Fault> {
    if let Some(organisation) = organisation
        && let Some(own) = tx.brand(organisation)?
    {
        return Ok(own);
    }
    match organisations::known_home(tx)? {
        Some(home) => Ok(tx.brand(&home)?.unwrap_or_default()),
        None => Ok(Brand::default()),
    }
}

fn whose(act: &Act, tx: &mut Tx<'_>, seen: &Seen) -> Result<Option<OrganisationId>, Fault> {
    let vault = &act.vault;
    let challenges = [
        seen.application.as_ref().map(|token| challenge::external_digest(vault, token.expose())),
        seen.challenge.as_ref().map(|token| challenge::digest(vault, token.expose())),
    ];
    let session = seen.session.as_ref().map(|token| sessions::digest(vault, Handover::Token, token.expose()));
    let mut user = None;
    for digest in challenges.into_iter().flatten() {
        user = user.or(tx.challenge(&digest)?.map(|one| one.user_id));
    }
    if let Some(digest) = session {
        user = user.or(tx.user_of_session(&digest)?);
    }
    match user {
        Some(user) => match tx.user(&user)? {
            Some(user) => of_person(tx, &user),
            None => Ok(None),
        },
        None => Ok(None),
    }
}

fn of_person(tx: &mut Tx<'_>, user: &User) -> Result<Option<OrganisationId>, Fault> {
    Ok(match &user.external {
        Some(external) => Some(external.organisation_id.clone()),
        None => tx.memberships(&user.id)?.into_iter().next().map(|one| one.organisation.id),
    })
}

fn brand_for(tx: &mut Tx<'_>, user: Option<&User>) -> Result<Brand, Fault> {
    let organisation = match user {
        Some(user) => of_person(tx, user)?,
        None => None,
    };
    brand_of(tx, organisation.as_ref())
}

/// The name over the person's pages, for authenticator apps and passkey prompts, where it is not the server's.
pub(crate) fn name(tx: &mut Tx<'_>, user: &User) -> Result<Option<String>, Fault> {
    Ok(brand_for(tx, Some(user))?.name)
}

/// What letters to the person look like. To somebody who is not known yet, too.
pub(crate) fn letterhead(act: &Act, tx: &mut Tx<'_>, user: Option<&User>) -> Result<Letterhead, Fault> {
    let brand = brand_for(tx, user)?;
    let logo = brand.logo.and_then(|digest| act.public_url.join(&format!("/assets/logo/{digest}")).ok());
    Ok(Letterhead { sender: brand.name, logo: logo.map(String::from), colour: brand.colour.map(Colour::hex) })
}

/// As it stands, for whoever may change it.
pub async fn own(ctx: &Ctx, organisation: &OrganisationId) -> Outcome<Brand> {
    let organisation = organisation.clone();
    Ok(ctx.store.read(move |tx| tx.brand(&organisation)).await?.unwrap_or_default())
}

/// What an administrator wants. Pictures are checked, colours can be read.
pub struct Wanted {
    brand: Brand,
    logo: NewLogo,
}

pub enum NewLogo {
    Same,
    None,
    Picture(Vec<u8>),
}

/// Why it cannot be.
#[derive(Clone, Debug, PartialEq)]
pub enum Unfit {
    Name,
    Colour,
    /// So little contrast; this one would do.
    Contrast(f64, brand::Colour),
    LogoTooLarge,
    LogoUnknown,
}

impl Wanted {
    /// Empty texts are none.
    pub fn new(name: &str, colour: &str, logo: NewLogo) -> Result<Self, Unfit> {
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let name = given(name);
        if name.as_ref().is_some_and(|name| !brand::is_name(name)) {
            return Err(Unfit::Name);
        }
        let colour = match given(colour) {
            Some(text) => Some(brand::Colour::parse(&text).ok_or(Unfit::Colour)?),
            None => None,
        };
        if let Some(colour) = colour.filter(|colour| !colour.can_be_read()) {
            return Err(Unfit::Contrast(colour.on_the_page(), colour.by_day()));
        }
        if let NewLogo::Picture(bytes) = &logo {
            if bytes.len() > brand::LOGO_MAX {
                return Err(Unfit::LogoTooLarge);
            }
            brand::picture(bytes).ok_or(Unfit::LogoUnknown)?;
        }
        Ok(Self { brand: Brand { name, colour, logo: None }, logo })
    }
}

pub async fn change(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, wanted: Wanted) -> Outcome<()> {
    let (act, seen) = (Act::begin(ctx, visitor), who.clone());
    ctx.write(move |tx| {
        let (who, organisation) = match acting_for(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        tx.set_brand(&organisation, &wanted.brand)?;
        match &wanted.logo {
            NewLogo::Same => {}
            NewLogo::None => tx.set_logo(&organisation, (None, None))?,
            NewLogo::Picture(bytes) => {
                let digest = act.vault.digest("logo", &[bytes]);
                let digest = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
                tx.set_logo(&organisation, (Some(digest), Some(bytes)))?;
            }
        }
        let detail = json!({ "organisation": organisation });
        act.record(
            tx,
            Kind::OrganisationBrandChanged,
            Whose::session(&who.user.id, &who.session.id),
            detail,
        )?;
        Ok(Ok(()))
    })
    .await
}

/// A picture that was taken as a logo, and what it is.
pub async fn logo(ctx: &Ctx, digest: &str) -> Outcome<(&'static str, Vec<u8>)> {
    let digest = digest.to_owned();
    let bytes = ctx.store.read(move |tx| tx.logo(&digest)).await?.ok_or(Denied::UserNotFound)?;
    let kind = brand::picture(&bytes).ok_or_else(|| Fault::internal("a stored logo is no picture"))?;
    Ok((kind, bytes))
}
