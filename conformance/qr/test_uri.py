"""What the server puts into a QR code, read by an authenticator app that nobody here wrote (pyotp)."""

import unittest

import pyotp
from countersign import Browser, Server

PASSWORD = "Lighthouse-3f9c1d"

# Whatever a parser of addresses might trip over: its own separators, encoded or not, and what is not ASCII.
ISSUERS = [
    "Acme",
    "Acme MFA",
    " Acme ",
    "Acme: Labs",
    "Acme:",
    "R&D",
    "A+B",
    "100%",
    "100%25",
    "a%3Ab",
    "what?",
    "C#",
    "a/b",
    "a\\b",
    "a=b;c",
    "secret=JBSWY3DPEHPK3PXP&digits=8",
    "?secret=JBSWY3DPEHPK3PXP#",
    "\"Acme\" 'Inc'",
    "<b>Acme</b>",
    "Käse & Söhne",
    "Ka\u0308se",
    "株式会社",
    "مثال",
    "🧀🔐",
    "[::1]",
    "me@home",
    "a`{|}~^b",
    "x" * 64,
]

# What an address may hold here.
ACCOUNTS = [
    "ada@example.com",
    "ada.lovelace+mfa@example.com",
    "o'hara@example.com",
    "a+b+c_d-e@sub-domain.example.museum",
    "+@example.com",
]


class OtpauthAddress(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def enrol(self, server, account, **issuer):
        """Begins to enrol and returns the browser and what the app read."""
        browser = Browser(server)
        signed_up = browser.post("/api/auth/sign-up/email", {"name": "Ada", "email": account, "password": PASSWORD})
        self.assertEqual(signed_up.status, 200, signed_up)
        begun = browser.post("/api/auth/two-factor/enable", {"password": PASSWORD, **issuer})
        self.assertEqual(begun.status, 200, begun)
        return browser, pyotp.parse_uri(begun.json["totpURI"])

    def assert_is_accepted(self, browser, app):
        """The server computes the same code from the same secret at the same time."""
        answer = browser.post("/api/auth/two-factor/verify-totp", {"code": app.now()})
        self.assertEqual(answer.status, 200, answer)

    def assert_reads(self, app, issuer, account):
        self.assertIsInstance(app, pyotp.TOTP)
        self.assertEqual((app.issuer, app.name), (issuer, account))
        self.assertEqual((app.digits, app.interval), (6, 30))
        self.assertRegex(app.secret, r"\A[A-Z2-7]{32}\Z")

    def test_every_issuer_is_read_as_it_was_written(self):
        for number, issuer in enumerate(ISSUERS):
            with self.subTest(issuer=issuer):
                account = f"issuer{number}@example.com"
                browser, app = self.enrol(self.server, account, issuer=issuer)
                self.assert_reads(app, issuer, account)
                self.assert_is_accepted(browser, app)

    def test_every_account_is_read_as_it_was_written(self):
        for account in ACCOUNTS:
            with self.subTest(account=account):
                browser, app = self.enrol(self.server, account, issuer="Acme: R&D")
                self.assert_reads(app, "Acme: R&D", account)
                self.assert_is_accepted(browser, app)

    def test_the_name_of_the_app_is_the_issuer_where_nobody_says_otherwise(self):
        for name in ["Käse & Söhne 100% #1?", "A+B 🧀 'x' \\ /", "a%3Ab"]:
            with self.subTest(name=name), Server(COUNTERSIGN_APP_NAME=name) as server:
                browser, app = self.enrol(server, "ada@example.com")
                self.assert_reads(app, name, "ada@example.com")
                self.assert_is_accepted(browser, app)

    def test_two_secrets_are_not_one(self):
        secrets = {self.enrol(self.server, f"secret{n}@example.com")[1].secret for n in range(5)}
        self.assertEqual(len(secrets), 5)


if __name__ == "__main__":
    unittest.main()
