//! Rows of `brands`.

use countersign_core::{
    brand::{Brand, Colour},
    ids::OrganisationId,
};

use crate::{fault::Fault, store::Tx};

impl Tx<'_> {
    /// What the organisation says of its looks; nothing, if it never did.
    pub fn brand(&mut self, organisation: &OrganisationId) -> Result<Option<Brand>, Fault> {
        self.row(
            "SELECT name, colour, logo_digest FROM brands WHERE organisation_id = $1",
            &[organisation.into()],
            |row| {
                let colour = row.get::<Option<String>>(1)?;
                Ok(Brand {
                    name: row.get(0)?,
                    colour: colour.and_then(|colour| Colour::parse(&colour)),
                    logo: row.get(2)?,
                })
            },
        )
    }

    /// The logo stays as it is.
    pub fn set_brand(&mut self, organisation: &OrganisationId, brand: &Brand) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO brands (organisation_id, name, colour) VALUES ($1, $2, $3)
             ON CONFLICT (organisation_id) DO UPDATE SET name = excluded.name, colour = excluded.colour",
            &[organisation.into(), brand.name.clone().into(), brand.colour.map(Colour::hex).into()],
        )?;
        Ok(())
    }

    /// After `set_brand`.
    pub fn set_logo(
        &mut self,
        organisation: &OrganisationId,
        (digest, picture): (Option<String>, Option<&[u8]>),
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE brands SET logo = $2, logo_digest = $3 WHERE organisation_id = $1",
            &[organisation.into(), picture.map(<[u8]>::to_vec).into(), digest.into()],
        )?;
        Ok(())
    }

    /// A logo's bytes.
    pub fn logo(&mut self, digest: &str) -> Result<Option<Vec<u8>>, Fault> {
        self.row(
            "SELECT logo FROM brands WHERE logo_digest = $1 AND logo IS NOT NULL",
            &[digest.into()],
            |row| row.get(0),
        )
    }
}
