//! What nobody can use any more goes away: in small batches, so that no writer waits long.

use countersign_core::time::{DAY, Timestamp};

use crate::{fault::Fault, store::Tx};

impl Tx<'_> {
    /// Deletes up to a few hundred dead rows of each kind and says how many went.
    pub fn purge(&mut self, now: Timestamp, journal_kept_since: Timestamp) -> Result<u64, Fault> {
        let mut gone = 0;
        for (sql, before) in [
            (
                "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT 500)",
                now,
            ),
            // Ended and expired challenges stay a day, so that a late answer is still told apart in the journal.
            (
                "DELETE FROM challenges WHERE id IN
                     (SELECT id FROM challenges WHERE expires_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            (
                "DELETE FROM one_time_codes WHERE id IN
                     (SELECT id FROM one_time_codes WHERE sent_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            ("DELETE FROM links WHERE id IN (SELECT id FROM links WHERE expires_at <= $1 LIMIT 500)", now - DAY),
            (
                "DELETE FROM trusted_devices WHERE id IN
                     (SELECT id FROM trusted_devices WHERE expires_at <= $1 LIMIT 500)",
                now,
            ),
            (
                "DELETE FROM forward_passes WHERE digest IN
                     (SELECT digest FROM forward_passes WHERE expires_at <= $1 LIMIT 500)",
                now,
            ),
            (
                "DELETE FROM idempotency_keys WHERE digest IN
                     (SELECT digest FROM idempotency_keys WHERE expires_at <= $1 LIMIT 500)",
                now,
            ),
            (
                "DELETE FROM authenticators WHERE id IN
                     (SELECT id FROM authenticators WHERE confirmed_at IS NULL AND created_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            (
                "DELETE FROM recoveries WHERE id IN
                     (SELECT id FROM recoveries WHERE expires_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            (
                "DELETE FROM passkey_ceremonies WHERE digest IN
                     (SELECT digest FROM passkey_ceremonies WHERE expires_at <= $1 LIMIT 500)",
                now,
            ),
            // Sending limits look back a day.
            (
                "DELETE FROM text_messages WHERE id IN
                     (SELECT id FROM text_messages WHERE sent_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            (
                "DELETE FROM mail_sign_ins WHERE id IN
                     (SELECT id FROM mail_sign_ins WHERE expires_at <= $1 LIMIT 500)",
                now - DAY,
            ),
            (
                "DELETE FROM mail_guess_budgets WHERE email IN
                     (SELECT email FROM mail_guess_budgets
                      WHERE (whole_at IS NULL OR whole_at <= $1) AND (blocked_until IS NULL OR blocked_until <= $1)
                      LIMIT 500)",
                now - DAY,
            ),
            ("DELETE FROM api_keys WHERE id IN (SELECT id FROM api_keys WHERE expires_at <= $1 LIMIT 500)", now - DAY),
            ("DELETE FROM backup_codes WHERE activated_at IS NULL AND created_at <= $1", now - DAY),
            (
                "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at <= $1 ORDER BY at LIMIT 500)",
                journal_kept_since,
            ),
            (
                "DELETE FROM outbox WHERE id IN
                     (SELECT id FROM outbox WHERE dead_at IS NOT NULL AND dead_at <= $1 LIMIT 500)",
                now - 7 * DAY,
            ),
        ] {
            gone += self.execute(sql, &[before.into()])?;
        }
        Ok(gone)
    }
}
