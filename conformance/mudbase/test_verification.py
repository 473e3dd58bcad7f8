"""Registration where an address must be confirmed before it opens anything."""

import unittest

import mudbase
from person import Case, ProjectUser, new_password

SUBJECT = "(?i)confirm your email"
UNVERIFIED = "EMAIL_VERIFICATION_REQUIRED"


class Verification(Case):
    SETTINGS = {"COUNTERSIGN_EMAIL_VERIFICATION": "required"}

    def newcomer(self):
        """Under the prefix: at the root the SDK's other spelling of the same routes is used below."""
        grace = ProjectUser(self, prefix="/mudbase")
        answer = grace.auth.register_local_user_with_http_info(grace.register_request())
        self.assertEqual(answer.status_code, 201)
        self.assertIs(answer.data.require_verification, True)
        self.assertEqual((answer.data.token, answer.data.refresh_token), (None, None))
        self.assertIs(answer.data.user.email_verified, False)
        self.refused(403, grace.log_in, code=UNVERIFIED, error="Email verification required")
        return grace

    def verify(self, grace, token):
        return grace.auth.verify_email_auth(mudbase.VerifyEmailAuthRequest(token=token, projectId=grace.project))

    def test_no_token_before_the_address_is_confirmed(self):
        grace = ProjectUser(self)
        answer = grace.send("POST", "/api/auth/local/register", {**grace.login_body(), "firstName": "Grace", "lastName": "Hopper"})
        body = self.accepted(answer, 201)
        self.assertFalse({"token", "refreshToken", "expiresIn"} & body.keys(), body)
        self.assertIs(body["requireVerification"], True)

    def test_the_mailed_token(self):
        grace = self.newcomer()
        token = self.server.mailed_token(grace.email, SUBJECT)
        self.refused(400, self.verify, grace, "nonsense")
        self.refused(403, grace.log_in, code=UNVERIFIED)
        self.assertEqual(self.verify(grace, token).message, "Email verified successfully")
        self.assertIs(grace.log_in().user.email_verified, True)
        self.assertIs(grace.me().email_verified, True)
        grace.enrol()
        self.refused(401, grace.log_in, code="TWO_FACTOR_REQUIRED")

    def test_the_other_spelling_at_the_root(self):
        grace = self.newcomer()
        grace.prefix = ""
        token = self.server.mailed_token(grace.email, SUBJECT)
        done = grace.users.verify_email(mudbase.VerifyEmailAuthRequest(token=token))
        self.assertEqual(done.message, "Email verified successfully")
        grace.log_in()

    def test_another_mail(self):
        """A second one within half a minute is not sent, which nobody is told: a mailbox is not to be flooded."""
        grace = self.newcomer()
        token = self.server.mailed_token(grace.email, SUBJECT)
        resend = lambda address: grace.auth.resend_verification_auth(
            mudbase.ResendVerificationAuthRequest(email=address, projectId=grace.project)
        )
        known = resend(grace.email).message
        self.assertIsInstance(known, str)
        self.assertEqual(resend("nobody@example.com").message, known, "nobody learns who has an account")
        self.verify(grace, token)
        grace.log_in()

    def test_a_wrong_password_learns_nothing(self):
        grace = self.newcomer()
        grace.password = new_password()
        self.refused(401, grace.log_in, error="Invalid credentials")


if __name__ == "__main__":
    unittest.main()
