//! Rows of `authenticators` and `backup_codes`. Seeds leave and enter sealed.

use countersign_core::{
    authenticator::{Authenticator, Kind},
    backup_code::Used,
    challenge::BackupCodes,
    ids::{AuthenticatorId, UserId},
    method::Method,
    secret::Secret,
    time::Timestamp,
    totp::{Algorithm, Parameters, Totp},
};

use crate::{
    fault::Fault,
    store::{Row, Tx, Value, passkeys},
    vault::{Place, Sealed, Vault},
};

/// A confirmed authenticator as its owner sees it.
#[derive(Clone, Debug)]
pub struct EnrolledRow {
    pub id: AuthenticatorId,
    pub method: Method,
    /// As the person calls it, if they do.
    pub name: Option<String>,
    pub since: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// Each method once, in the order of the rows.
pub fn methods_of(rows: &[EnrolledRow]) -> Vec<Method> {
    let mut methods: Vec<Method> = Vec::new();
    for row in rows {
        if !methods.contains(&row.method) {
            methods.push(row.method);
        }
    }
    methods
}

impl Tx<'_> {
    /// All of a user's authenticators, oldest first, confirmed or not.
    pub fn authenticators(&mut self, vault: &Vault, user: &UserId) -> Result<Vec<Authenticator>, Fault> {
        self.rows(
            "SELECT a.id, a.user_id, a.method, a.created_at, a.confirmed_at, a.key_id, a.seed, a.algorithm,
                    a.digits, a.period, a.last_step,
                    p.credential_id, p.user_handle, p.public_key, p.counter, p.backup_eligible, p.backed_up,
                    p.aaguid, p.transports, p.suspended_at IS NOT NULL
             FROM authenticators a LEFT JOIN passkeys p ON p.authenticator_id = a.id
             WHERE a.user_id = $1 ORDER BY a.id",
            &[user.into()],
            |row| read(row, vault),
        )
    }

    /// The confirmed ones without unsealing anything, for those who only ask what is there. Oldest first.
    pub fn enrolled(&mut self, user: &UserId) -> Result<Vec<EnrolledRow>, Fault> {
        self.rows(
            "SELECT a.id, a.method, NULLIF(COALESCE(p.name, a.name), ''), a.confirmed_at, a.last_used_at
             FROM authenticators a LEFT JOIN passkeys p ON p.authenticator_id = a.id
             WHERE a.user_id = $1 AND a.confirmed_at IS NOT NULL ORDER BY a.id",
            &[user.into()],
            |row| {
                let method: String = row.get(1)?;
                Ok(EnrolledRow {
                    id: row.get(0)?,
                    method: Method::parse(&method)
                        .ok_or_else(|| Fault::internal("authenticators: a stored method is not one"))?,
                    name: row.get(2)?,
                    since: row.get(3)?,
                    last_used_at: row.get(4)?,
                })
            },
        )
    }

    /// Each method once, in the order in which they were first enrolled.
    pub fn methods_enrolled(&mut self, user: &UserId) -> Result<Vec<Method>, Fault> {
        Ok(methods_of(&self.enrolled(user)?))
    }

    /// Says whether it was an app of theirs.
    pub fn name_app(&mut self, user: &UserId, id: &AuthenticatorId, name: &str) -> Result<bool, Fault> {
        let named = self.execute(
            "UPDATE authenticators SET name = $4
             WHERE id = $1 AND user_id = $2 AND method = $3 AND confirmed_at IS NOT NULL",
            &[id.into(), user.into(), Method::Totp.as_str().into(), name.into()],
        )?;
        Ok(named == 1)
    }

    pub fn insert_authenticator(&mut self, vault: &Vault, one: &Authenticator) -> Result<(), Fault> {
        let mut values: Vec<Value> = vec![
            (&one.id).into(),
            (&one.user_id).into(),
            one.method().as_str().into(),
            one.created_at.into(),
            one.confirmed_at.into(),
        ];
        match &one.kind {
            Kind::Totp(totp) => {
                let sealed = vault.seal(&place(&one.id, &one.user_id), totp.seed.expose())?;
                values.extend([
                    sealed.key_id.into(),
                    sealed.bytes.into(),
                    totp.parameters.algorithm.as_str().into(),
                    i64::from(totp.parameters.digits).into(),
                    (totp.parameters.period as i64).into(),
                    totp.last_step.into(),
                ]);
            }
            Kind::SmsCode(phone) => {
                let sealed = vault.seal(&place(&one.id, &one.user_id), phone.expose().as_bytes())?;
                values.extend([sealed.key_id.into(), sealed.bytes.into()]);
                values.extend(std::iter::repeat_n(Value::Null, 4));
            }
            Kind::EmailCode | Kind::Passkey(_) => values.extend(std::iter::repeat_n(Value::Null, 6)),
        }
        self.execute(
            "INSERT INTO authenticators (id, user_id, method, created_at, confirmed_at, key_id, seed, algorithm,
                                         digits, period, last_step)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &values,
        )?;
        Ok(())
    }

    /// Starting an enrolment again discards the one before (SEC-102).
    pub fn discard_enrolments(&mut self, user: &UserId, method: Method) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM authenticators WHERE user_id = $1 AND method = $2 AND confirmed_at IS NULL",
            &[user.into(), method.as_str().into()],
        )?;
        Ok(())
    }

    /// Says whether this call confirmed it.
    pub fn confirm_authenticator(&mut self, id: &AuthenticatorId, now: Timestamp) -> Result<bool, Fault> {
        let confirmed = self.execute(
            "UPDATE authenticators SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL",
            &[id.into(), now.into()],
        )?;
        Ok(confirmed == 1)
    }

    /// Spends a time step: only forward, so that a step is accepted once (RFC 6238 §5.2, SEC-002).
    pub fn spend_step(&mut self, id: &AuthenticatorId, step: i64, now: Timestamp) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE authenticators SET last_step = $2, last_used_at = $3
             WHERE id = $1 AND (last_step IS NULL OR last_step < $2)",
            &[id.into(), step.into(), now.into()],
        )?;
        Ok(spent == 1)
    }

    /// Methods whose secret is sent each time have nothing to spend here: only when they were used is kept.
    pub fn use_method(&mut self, user: &UserId, method: Method, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE authenticators SET last_used_at = $3
             WHERE user_id = $1 AND method = $2 AND confirmed_at IS NOT NULL",
            &[user.into(), method.as_str().into(), now.into()],
        )?;
        Ok(())
    }

    pub fn last_used_method(&mut self, user: &UserId) -> Result<Option<Method>, Fault> {
        let found = self.row(
            "SELECT method FROM authenticators
             WHERE user_id = $1 AND confirmed_at IS NOT NULL AND last_used_at IS NOT NULL
             ORDER BY last_used_at DESC, id DESC LIMIT 1",
            &[user.into()],
            |row| row.get::<String>(0),
        )?;
        Ok(found.and_then(|method| Method::parse(&method)))
    }

    /// Takes one method away, and any enrolment of it that was begun.
    pub fn delete_authenticators_of(&mut self, user: &UserId, method: Method) -> Result<u64, Fault> {
        self.execute(
            "DELETE FROM authenticators WHERE user_id = $1 AND method = $2",
            &[user.into(), method.as_str().into()],
        )
    }

    pub fn delete_authenticator(&mut self, user: &UserId, id: &AuthenticatorId) -> Result<u64, Fault> {
        self.execute("DELETE FROM authenticators WHERE user_id = $1 AND id = $2", &[user.into(), id.into()])
    }

    pub fn delete_authenticators(&mut self, user: &UserId) -> Result<u64, Fault> {
        self.execute("DELETE FROM authenticators WHERE user_id = $1", &[user.into()])
    }

    /// A new set. It waits for the enrolment's first proof, or is active at once and kills the old set.
    pub fn insert_backup_codes(
        &mut self,
        user: &UserId,
        digests: &[Vec<u8>],
        now: Timestamp,
        activated_at: Option<Timestamp>,
    ) -> Result<(), Fault> {
        if activated_at.is_some() {
            self.delete_backup_codes(user)?;
        } else {
            self.discard_waiting_backup_codes(user)?;
        }
        for (digest, place) in digests.iter().zip(1_i64..) {
            self.execute(
                "INSERT INTO backup_codes (user_id, digest, created_at, activated_at, place)
                 VALUES ($1, $2, $3, $4, $5)",
                &[user.into(), digest.clone().into(), now.into(), activated_at.into(), place.into()],
            )?;
        }
        Ok(())
    }

    /// The set that waits for an enrolment which will not be confirmed.
    pub fn discard_waiting_backup_codes(&mut self, user: &UserId) -> Result<(), Fault> {
        self.execute("DELETE FROM backup_codes WHERE user_id = $1 AND activated_at IS NULL", &[user.into()])?;
        Ok(())
    }

    /// The waiting set becomes the set. Without a waiting set nothing changes.
    pub fn activate_backup_codes(&mut self, user: &UserId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM backup_codes WHERE user_id = $1 AND activated_at IS NOT NULL
             AND EXISTS (SELECT 1 FROM backup_codes waiting
                         WHERE waiting.user_id = $1 AND waiting.activated_at IS NULL)",
            &[user.into()],
        )?;
        self.execute(
            "UPDATE backup_codes SET activated_at = $2 WHERE user_id = $1 AND activated_at IS NULL",
            &[user.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn delete_backup_codes(&mut self, user: &UserId) -> Result<(), Fault> {
        self.execute("DELETE FROM backup_codes WHERE user_id = $1", &[user.into()])?;
        Ok(())
    }

    /// Spends one code (SEC-013).
    pub fn spend_backup_code(&mut self, user: &UserId, digest: &[u8], now: Timestamp) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE backup_codes SET used_at = $3
             WHERE user_id = $1 AND digest = $2 AND used_at IS NULL AND activated_at IS NOT NULL",
            &[user.into(), digest.into(), now.into()],
        )?;
        Ok(spent == 1)
    }

    /// Which codes of the user's set were used, and when; the newest last.
    pub fn used_backup_codes(&mut self, user: &UserId) -> Result<Vec<Used>, Fault> {
        self.rows(
            "SELECT place, used_at FROM backup_codes
             WHERE user_id = $1 AND activated_at IS NOT NULL AND used_at IS NOT NULL ORDER BY used_at, place",
            &[user.into()],
            |row| {
                let place: Option<i64> = row.get(0)?;
                Ok(Used { place: place.and_then(|place| u32::try_from(place).ok()), at: row.get(1)? })
            },
        )
    }

    /// How the user's set looks from the offered code.
    pub fn backup_codes(&mut self, user: &UserId, offered: Option<&[u8]>) -> Result<BackupCodes, Fault> {
        let codes = self.rows(
            "SELECT digest, used_at IS NULL FROM backup_codes WHERE user_id = $1 AND activated_at IS NOT NULL",
            &[user.into()],
            |row| Ok((row.get::<Vec<u8>>(0)?, row.get::<bool>(1)?)),
        )?;
        Ok(BackupCodes {
            left: codes.iter().filter(|(_, unused)| *unused).count() as u32,
            any: !codes.is_empty(),
            holds_offered: offered.is_some_and(|offered| {
                codes.iter().filter(|(_, unused)| *unused).fold(false, |found, (digest, _)| {
                    // No early exit: which row matched is not told by time.
                    countersign_core::secret::same(digest, offered) || found
                })
            }),
        })
    }
}

fn place<'a>(id: &'a AuthenticatorId, user: &'a UserId) -> Place<'a> {
    Place { table: "authenticators", row: id.as_str(), user: user.as_str() }
}

fn read(row: &Row<'_>, vault: &Vault) -> Result<Authenticator, Fault> {
    let id: AuthenticatorId = row.get(0)?;
    let user_id: UserId = row.get(1)?;
    let damaged = || Fault::internal(format!("authenticators row {id} cannot be read"));
    let kind = match Method::parse(&row.get::<String>(2)?) {
        Some(Method::Totp) => {
            let sealed = Sealed { key_id: row.get(5)?, bytes: row.get(6)? };
            let algorithm = Algorithm::parse(&row.get::<String>(7)?).ok_or_else(damaged)?;
            let digits = u32::try_from(row.get::<i64>(8)?).map_err(|_| damaged())?;
            let period = u64::try_from(row.get::<i64>(9)?).map_err(|_| damaged())?;
            Kind::Totp(Totp {
                seed: vault.open(&place(&id, &user_id), &sealed)?,
                parameters: Parameters::new(algorithm, digits, period).ok_or_else(damaged)?,
                last_step: row.get(10)?,
            })
        }
        Some(Method::EmailCode) => Kind::EmailCode,
        Some(Method::SmsCode) => {
            let phone =
                vault.open(&place(&id, &user_id), &Sealed { key_id: row.get(5)?, bytes: row.get(6)? })?;
            Kind::SmsCode(Secret::new(String::from_utf8(phone.expose().clone()).map_err(|_| damaged())?))
        }
        Some(Method::Passkey) => Kind::Passkey(Box::new(passkeys::read(row, 11, user_id.clone())?)),
        _ => return Err(damaged()),
    };
    Ok(Authenticator { kind, created_at: row.get(3)?, confirmed_at: row.get(4)?, id, user_id })
}
