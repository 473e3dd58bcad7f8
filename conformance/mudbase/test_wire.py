"""What other clients of the original send, which the Python SDK would not, and what nobody should."""

import unittest

from person import Case, OrgAccount, ProjectUser

FORM = "application/x-www-form-urlencoded"


class Wire(Case):
    def test_posts_without_a_body_that_claim_to_be_forms(self):
        grace = ProjectUser(self).register()
        setup = grace.send("POST", "/api/users/2fa/setup", b"", token=grace.token, Content_Type=FORM, Content_Length="0")
        self.assertEqual(self.accepted(setup).keys(), {"secret", "qrCode", "manualEntryKey", "backupCodes"})
        left = grace.send("POST", "/api/auth/local/logout", b"", token=grace.token, Content_Type=FORM, Content_Length="0")
        self.assertEqual(self.accepted(left)["message"], "Logout successful")
        self.refusal(401, grace.send("GET", "/api/users/me", token=grace.token))

        org = OrgAccount(self).register()
        left = org.send("POST", "/api/auth/logout", b"", token=org.token, Content_Type=FORM, Content_Length="0")
        self.assertEqual(self.accepted(left)["message"], "Logout successful")
        self.refusal(401, org.send("GET", "/api/users/me", token=org.token))

    def test_posts_without_a_body_and_without_a_type(self):
        grace = ProjectUser(self).register()
        self.accepted(grace.send("POST", "/api/users/2fa/setup", b"", token=grace.token, Content_Length="0"))

    def test_bodies_that_do_not_parse(self):
        grace = OrgAccount(self).register()
        for method, path in (
            ("POST", "/api/users/2fa/verify"),
            ("POST", "/api/users/2fa/disable"),
            ("PATCH", "/api/users/password"),
            ("POST", "/api/users/me/erase"),
            ("POST", "/api/auth/register"),
            ("POST", "/api/auth/login"),
            ("POST", "/api/auth/refresh"),
            ("POST", "/api/auth/local/register"),
            ("POST", "/api/auth/local/login"),
            ("POST", "/api/auth/verify-email"),
            ("POST", "/api/api-keys"),
        ):
            for body in (b'{"token":', b"[]", b'"123456"', b"\xff\xfe", b""):
                with self.subTest(f"{method} {path} {body}"):
                    answer = grace.send(method, path, body, token=grace.token, Content_Type="application/json")
                    self.refusal(400, answer)
        grace.me()

    def test_values_of_the_wrong_type(self):
        grace = OrgAccount(self).register().enrol()
        for path, body in (
            ("/api/users/2fa/verify", {"token": 123456}),
            ("/api/users/2fa/verify", {"code": "123456"}),
            ("/api/users/2fa/verify", {"token": None}),
            ("/api/users/2fa/disable", {"password": grace.password}),
            ("/api/users/2fa/disable", {"password": grace.password, "token": 123456}),
            ("/api/users/2fa/disable", {"password": 7, "token": grace.app.wrong()}),
            ("/api/users/me/erase", {"confirm": True, "currentPassword": grace.password}),
            ("/api/users/me/erase", {"confirm": "DELETE", "currentPassword": grace.password, "totpToken": 123456}),
            ("/api/auth/login", {"email": grace.email, "password": ["x"]}),
            ("/api/auth/login", {"email": {"$gt": ""}, "password": grace.password}),
            ("/api/auth/refresh", {"refreshToken": 7}),
        ):
            with self.subTest(f"{path} {body}"):
                self.refusal(400, grace.send("POST", path, body, token=grace.token))
        self.assertIs(grace.me().two_factor_enabled, True)

    def test_validation_says_what_is_wrong(self):
        grace = OrgAccount(self).register()
        refusal = self.refusal(400, grace.send("POST", "/api/users/2fa/verify", {}, token=grace.token))
        self.assertEqual((refusal["error"], refusal.get("code")), ("Validation failed", "VALIDATION_ERROR"))

    def test_what_is_not_there(self):
        grace = OrgAccount(self).register()
        self.refusal(404, grace.send("GET", "/api/nothing/here", token=grace.token))
        answer = grace.send("GET", "/api/users/2fa/setup", token=grace.token)
        self.assertIn(answer.status, (404, 405), answer)
        self.refusal(answer.status, answer)

    def test_a_code_that_is_wrong_is_no_reason_to_refresh(self):
        """The vendor's clients take any 401 on an authenticated call for an expired token, refresh and repeat it."""
        grace = OrgAccount(self).register().enrol()
        wrong = grace.app.wrong()
        for method, path, body in (
            ("POST", "/api/users/2fa/disable", {"password": grace.password, "token": wrong}),
            ("PATCH", "/api/users/password", {"currentPassword": grace.password, "newPassword": grace.password + "!", "totpToken": wrong}),
            ("POST", "/api/users/me/erase", {"confirm": "DELETE", "currentPassword": grace.password, "totpToken": wrong}),
        ):
            with self.subTest(path):
                self.refusal(400, grace.send(method, path, body, token=grace.token))


if __name__ == "__main__":
    unittest.main()
