"""A project user's life at the root of the server, where these routes are the dialect's own."""

import unittest

import mudbase
from person import Case, ProjectUser, new_object_id, new_password


class ProjectJourney(Case):
    def user(self):
        return ProjectUser(self).register()

    def test_registering_and_logging_in(self):
        grace = self.user()
        self.assertFalse(grace.log_in().user.two_factor_enabled)
        me = grace.me()
        self.assertIs(me.two_factor_enabled, False)
        self.assertIn(me.role, ("owner", "admin", "member", "viewer"))
        session = grace.auth.get_local_session(project_id=grace.project)
        self.assertIs(session.authenticated, True)
        self.assertEqual((session.user["id"], session.user["email"]), (me.id, grace.email))
        self.assertIs(grace.auth.get_local_session().authenticated, True)
        self.refused(400, ProjectUser.register, grace)
        grace.password = new_password()
        self.refused(401, grace.log_in, error="Invalid credentials")

    def test_logging_in_without_naming_the_project(self):
        grace = self.user()
        granted = grace.auth.login_local_user(mudbase.LoginLocalUserRequest(email=grace.email, password=grace.password))
        grace.keep(granted)
        grace.me()

    def test_a_second_user_of_the_same_project(self):
        project = new_object_id()
        people = [ProjectUser(self, project=project).register() for _ in range(2)]
        self.assertNotEqual(people[0].me().id, people[1].me().id)

    def test_what_registration_refuses(self):
        grace = ProjectUser(self)
        body = {**grace.login_body(), "firstName": "Grace", "lastName": "Hopper"}
        register = lambda body: grace.send("POST", "/api/auth/local/register", body)
        for change in (
            {"projectId": "not-an-object-id"},
            {"email": "nobody"},
            {"password": "short"},
            {"firstName": None},
            {"role": "admin"},
            {"customRole": "seller"},
        ):
            self.refusal(400, register({**body, **change}))
        for missing in body:
            self.refusal(400, register({name: value for name, value in body.items() if name != missing}))
        self.refused(401, grace.log_in)
        self.accepted(register(body), 201)

    def test_the_second_factor(self):
        grace = self.user()
        replaced = grace.set_up()
        verify = lambda code: grace.users.verify2_fa(mudbase.Verify2FARequest(token=code))
        self.refused(400, verify, replaced.next())
        self.assertEqual(verify(grace.app.next()).message, "2FA enabled successfully")
        self.assertIs(grace.me().two_factor_enabled, True)
        self.refused(401, grace.log_in, code="TWO_FACTOR_REQUIRED")
        login = lambda **body: grace.send("POST", grace.LOGIN, grace.login_body(**body))
        self.refusal(401, login(totpToken=grace.app.wrong()), code="INVALID_TWO_FACTOR_CODE")
        granted = self.accepted(login(totpToken=grace.app.next()))
        self.assertIs(granted["user"]["twoFactorEnabled"], True)
        grace.log_in(_headers={"X-Two-Factor-Token": grace.app.next()})
        self.assertIs(grace.auth.get_local_session(project_id=grace.project).authenticated, True)
        spare = grace.backup_codes[0]
        self.accepted(login(totpToken=spare))
        self.refused(400, grace.disable, grace.password, spare)
        self.refused(400, grace.disable, new_password(), grace.backup_codes[1])
        self.assertIs(grace.me().two_factor_enabled, True)
        self.assertEqual(grace.disable(grace.password, grace.backup_codes[2]).message, "2FA disabled successfully")
        self.assertIs(grace.me().two_factor_enabled, False)

    def test_the_same_below_the_prefix(self):
        grace = ProjectUser(self, prefix="/mudbase").register().enrol()
        self.refused(401, grace.log_in, code="TWO_FACTOR_REQUIRED")
        grace.log_in(_headers={"X-Two-Factor-Token": grace.app.next()})
        grace.disable(grace.password, grace.app.next())
        self.assertFalse(grace.log_in().user.two_factor_enabled)

    def test_refreshing_and_logging_out(self):
        grace = self.user()
        first = grace.refresh_token
        grace.keep(grace.refresh(first))
        last = grace.keep(grace.refresh(grace.refresh_token)).refresh_token
        self.refused(401, grace.refresh, first)
        self.refused(401, grace.refresh, last)
        self.refused(401, grace.auth.get_local_session)
        grace.log_in()
        # The vendor's clients put the project into the body, where the SDK puts nothing.
        left = self.accepted(grace.send("POST", "/api/auth/local/logout", {"projectId": grace.project}, token=grace.token))
        self.assertEqual(left["message"], "Logout successful")
        self.refused(401, grace.me)
        grace.log_in()
        self.assertEqual(grace.auth.logout_local_user().message, "Logout successful")
        self.refused(401, grace.me)
        self.refused(401, grace.refresh, grace.refresh_token)

    def test_erasing(self):
        grace = self.user().enrol()
        request = mudbase.EraseUserDataRequest(confirm="DELETE", currentPassword=grace.password, totpToken=grace.app.next())
        self.assertIs(grace.users.erase_user_data(request).success, True)
        self.refused(401, grace.me)
        self.refused(401, grace.refresh, grace.refresh_token)
        self.refused(401, grace.log_in, error="Invalid credentials")


class OriginalLogin(Case):
    SETTINGS = {"COUNTERSIGN_MUDBASE_LOGIN": "original"}

    def test_login_only_reports_the_second_factor(self):
        grace = ProjectUser(self).register().enrol()
        self.assertIs(grace.log_in().user.two_factor_enabled, True)
        self.assertIs(grace.me().two_factor_enabled, True)


if __name__ == "__main__":
    unittest.main()
