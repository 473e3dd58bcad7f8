//! The service API's acts: an application that keeps its own accounts brings its people, has them challenged, and
//! gets a signed assertion of what they showed.
//!
//! Its key acts for an organisation, and on the people it brought: never on anybody who signs in here, and never on
//! another organisation's.

mod challenges;
mod hosted;
mod keys;
mod people;

pub use challenges::{
    Assertion, Offered, Opened, Proof, Standing, open, passkey_options, send_code, standing, verify,
};
pub use hosted::{Hosted, Onward, answer, enrolled, enrolling, look_at, question, return_url, send};
pub use keys::{NewServiceKey, UnfitKey, bearer, create, list, make, revoke};
pub use people::{Bind, Described, Person, delete, describe, remove, reset};
