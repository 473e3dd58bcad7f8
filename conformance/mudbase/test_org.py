"""An org account's life below the dialect's prefix, from registration to erasure, with the second factor gating login."""

import unittest

import mudbase
from person import Case, OrgAccount, new_password


class OrgJourney(Case):
    def account(self):
        return OrgAccount(self).register()

    def test_registering_and_logging_in(self):
        grace = self.account()
        self.assertFalse(grace.log_in().user.two_factor_enabled)
        me = grace.me()
        self.assertIs(me.two_factor_enabled, False)
        self.assertEqual(me.org.name, "Harbour Lights")
        session = grace.auth.get_current_session()
        self.assertIs(session.authenticated, True)
        self.assertEqual(session.user.id, me.id)
        self.refused(409, OrgAccount.register, grace)
        grace.password = new_password()
        self.refused(401, grace.log_in, error="Invalid credentials")
        grace.email = "nobody@example.com"
        self.refused(401, grace.log_in, error="Invalid credentials")

    def test_the_profile_can_be_changed(self):
        grace = self.account()
        changed = grace.users.update_user_profile(mudbase.UpdateUserRequest(lastName="Murray"))
        self.assertEqual(changed.message, "Profile updated successfully")
        self.assertEqual((changed.user.first_name, changed.user.last_name), ("Grace", "Murray"))

    def test_the_terms_must_be_agreed_to(self):
        grace = OrgAccount(self)
        body = {**grace.login_body(), "firstName": "Grace", "lastName": "Hopper"}
        for agreed in ({}, {"agreedToTerms": False}):
            refusal = self.refusal(400, grace.send("POST", "/api/auth/register", {**body, **agreed}))
            self.assertIn("agreedToTerms", str(refusal))
        self.refusal(401, grace.send("POST", grace.LOGIN, grace.login_body()))

    def test_enrolment(self):
        grace = self.account()
        verify = lambda code: grace.users.verify2_fa(mudbase.Verify2FARequest(token=code))
        self.refused(400, verify, "123456", error="2FA setup not initiated")
        self.refused(400, grace.disable, grace.password, "123456", error="2FA is not enabled")
        replaced = grace.set_up()
        self.assertIs(grace.me().two_factor_enabled, False, "setting up enables nothing")
        self.refused(400, verify, replaced.next(), code="INVALID_2FA_TOKEN")
        self.refused(400, verify, grace.backup_codes[0])
        self.assertIs(grace.me().two_factor_enabled, False)
        self.assertEqual(verify(grace.app.next()).message, "2FA enabled successfully")
        self.assertIs(grace.me().two_factor_enabled, True, "the session goes on")
        self.refused(400, grace.users.setup2_fa, error="2FA is already enabled")

    def test_login_is_gated(self):
        grace = self.account().enrol()
        self.refused(401, grace.log_in, code="TWO_FACTOR_REQUIRED")
        login = lambda **body: grace.send("POST", grace.LOGIN, grace.login_body(**body))
        self.refusal(401, login(totpToken=grace.app.wrong()), code="INVALID_TWO_FACTOR_CODE")
        code = grace.app.next()
        granted = self.accepted(login(totpToken=code))
        self.assertIs(granted["user"]["twoFactorEnabled"], True)
        self.assertIs(grace.me(granted["token"]).two_factor_enabled, True)
        self.refusal(401, login(totpToken=code), code="INVALID_TWO_FACTOR_CODE")
        self.assertIs(grace.log_in(_headers={"X-Two-Factor-Token": grace.app.next()}).user.two_factor_enabled, True)
        spare = grace.backup_codes[0]
        self.accepted(login(totpToken=spare))
        self.refusal(401, login(totpToken=spare), code="INVALID_TWO_FACTOR_CODE")
        self.accepted(login(token=grace.backup_codes[1]))

    def test_a_wrong_password_is_never_told_that_a_code_is_missing(self):
        grace = self.account().enrol()
        grace.password = new_password()
        refusal = self.refused(401, grace.log_in, error="Invalid credentials")
        self.assertNotEqual(refusal.get("code"), "TWO_FACTOR_REQUIRED")
        body = grace.login_body(totpToken=grace.app.next())
        self.refusal(401, grace.send("POST", grace.LOGIN, body), error="Invalid credentials")

    def test_refresh_tokens_rotate_and_a_used_one_ends_the_session(self):
        grace = self.account()
        first = grace.refresh_token
        second = grace.keep(grace.refresh(first))
        self.assertEqual(second.message, "Token refreshed successfully")
        self.assertNotEqual(second.refresh_token, first)
        third = grace.keep(grace.refresh(second.refresh_token))
        grace.me()
        # Two generations old: not the repetition of a request whose answer was lost.
        self.refused(401, grace.refresh, first, error="Invalid or expired refresh token")
        self.refused(401, grace.refresh, third.refresh_token, error="Invalid or expired refresh token")
        self.refused(401, grace.me)

    def test_refreshing_without_a_token_or_with_nonsense(self):
        grace = OrgAccount(self)
        refresh = lambda body: grace.send("POST", "/api/auth/refresh", body)
        self.refusal(400, refresh({}), error="Refresh token is required")
        self.refused(401, grace.refresh, "nonsense", error="Invalid or expired refresh token")
        access = self.account().token
        self.refused(401, grace.refresh, access, error="Invalid or expired refresh token")

    def test_a_refresh_token_is_no_access_token(self):
        grace = self.account()
        self.refused(401, grace.me, grace.refresh_token)

    def test_logging_out(self):
        grace = self.account()
        self.assertEqual(grace.auth.logout_user().message, "Logout successful")
        self.refused(401, grace.me)
        self.refused(401, grace.refresh, grace.refresh_token)

    def test_changing_the_password_ends_the_other_sessions(self):
        grace = self.account()
        other = (grace.token, grace.refresh_token)
        grace.log_in()
        new = new_password()
        self.refused(400, grace.change_password, new, new)
        self.assertEqual(grace.change_password(grace.password, new).message, "Password changed successfully")
        grace.me()
        self.refused(401, grace.me, other[0])
        self.refused(401, grace.refresh, other[1])
        self.refused(401, grace.log_in, error="Invalid credentials")
        grace.password = new
        grace.log_in()

    def test_changing_the_password_with_and_without_a_code(self):
        grace = self.account().enrol()
        change = lambda new, **more: grace.send(
            "PATCH", "/api/users/password", {"currentPassword": grace.password, "newPassword": new, **more}, token=grace.token
        )
        new = new_password()
        self.refusal(400, change(new, totpToken=grace.app.wrong()))
        self.accepted(change(new, totpToken=grace.app.next()))
        grace.password = new
        new = new_password()
        self.assertEqual(grace.change_password(grace.password, new).message, "Password changed successfully")
        grace.password = new
        self.refused(401, grace.log_in, code="TWO_FACTOR_REQUIRED")
        self.accepted(grace.send("POST", grace.LOGIN, grace.login_body(totpToken=grace.app.next())))

    def test_disabling(self):
        grace = self.account().enrol()
        self.refused(400, grace.disable, grace.password, grace.app.wrong())
        self.refused(400, grace.disable, new_password(), grace.app.next())
        self.assertIs(grace.me().two_factor_enabled, True)
        self.assertEqual(grace.disable(grace.password, grace.app.next()).message, "2FA disabled successfully")
        self.assertIs(grace.me().two_factor_enabled, False)
        self.assertIs(grace.log_in().user.two_factor_enabled, False)
        self.refusal(401, grace.send("POST", "/api/users/2fa/setup"))

    def erase(self, grace, **body):
        return grace.users.erase_user_data(mudbase.EraseUserDataRequest(confirm="DELETE", **body))

    def gone(self, grace, tokens):
        for token, refresh_token in tokens:
            self.refused(401, grace.me, token)
            self.refused(401, grace.refresh, refresh_token)
            setup = grace.send("POST", "/api/users/2fa/setup", token=token)
            self.refusal(401, setup)
        self.refused(401, grace.log_in, error="Invalid credentials")

    def test_erasing(self):
        grace = self.account()
        first = (grace.token, grace.refresh_token)
        grace.log_in()
        for confirmed in ({}, {"confirm": "delete"}, {"confirmation": "DELETE_MY_ACCOUNT"}):
            body = {"currentPassword": grace.password, **confirmed}
            self.refusal(400, grace.send("POST", "/api/users/me/erase", body, token=grace.token))
        self.refused(400, self.erase, grace)
        self.refused(400, self.erase, grace, currentPassword=new_password())
        grace.me()
        erased = self.erase(grace, currentPassword=grace.password)
        self.assertIs(erased.success, True)
        self.assertIsInstance(erased.message, str)
        data = erased.data
        self.assertEqual((data.already_erased, data.anonymized, data.sessions_revoked), (False, True, True))
        self.assertIsInstance(data.subject_id, str)
        self.gone(grace, [first, (grace.token, grace.refresh_token)])

    def test_erasing_with_the_second_factor_on(self):
        grace = self.account().enrol()
        self.refused(400, self.erase, grace, currentPassword=grace.password)
        self.refused(400, self.erase, grace, currentPassword=grace.password, totpToken=grace.app.wrong())
        grace.me()
        self.assertIs(self.erase(grace, currentPassword=grace.password, totpToken=grace.app.next()).success, True)
        self.gone(grace, [(grace.token, grace.refresh_token)])

    def test_the_whole_way_in_one_go(self):
        grace = self.account()
        grace.log_in()
        grace.enrol()
        self.assertIs(grace.me().two_factor_enabled, True)
        grace.log_in(_headers={"X-Two-Factor-Token": grace.app.next()})
        new = new_password()
        grace.change_password(grace.password, new)
        grace.password = new
        grace.disable(grace.password, grace.app.next())
        self.assertIs(grace.me().two_factor_enabled, False)
        self.erase(grace, currentPassword=grace.password)
        self.gone(grace, [(grace.token, grace.refresh_token)])


class OriginalLogin(Case):
    """The switch that restores what the original does: a full token at once, and a word that there is a second factor."""

    SETTINGS = {"COUNTERSIGN_MUDBASE_LOGIN": "original"}

    def test_login_only_reports_the_second_factor(self):
        grace = OrgAccount(self).register().enrol()
        self.assertIs(grace.log_in().user.two_factor_enabled, True)
        self.assertIs(grace.me().two_factor_enabled, True)
        grace.keep(grace.refresh(grace.refresh_token))
        grace.disable(grace.password, grace.app.next())
        self.assertIs(grace.log_in().user.two_factor_enabled, False)

    def test_the_password_still_counts(self):
        grace = OrgAccount(self).register().enrol()
        grace.password = new_password()
        self.refused(401, grace.log_in, error="Invalid credentials")


if __name__ == "__main__":
    unittest.main()
