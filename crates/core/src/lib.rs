//! The decisions of Countersign: values in, values out. No I/O, no clock, no dice.
//!
//! Every rule that can grant or refuse something lives here as a pure function over values, one noun a
//! file. The server crate reads the clock, throws the dice, loads and saves; it never decides.

pub mod api_key;
pub mod assurance;
pub mod authenticator;
pub mod backup_code;
pub mod brand;
pub mod challenge;
pub mod denied;
pub mod entropy;
pub mod event;
pub mod ids;
pub mod language;
pub mod lockout;
pub mod mail_sign_in;
pub mod message;
pub mod method;
pub mod one_time_code;
pub mod organisation;
pub mod passkey;
pub mod password;
pub mod phone;
pub mod policy;
pub mod recovery;
pub mod secret;
pub mod service;
pub mod session;
pub mod time;
pub mod totp;
pub mod trusted_device;
pub mod user;
pub mod webhook;
