"""API keys: made and ended with an org token, and refused wherever a person's second factor is managed."""

import json
import unittest

import mudbase
from person import OBJECT_ID, Case, OrgAccount, ProjectUser

NOT_FOR_KEYS = [
    ("POST", "/api/users/2fa/setup", None),
    ("POST", "/api/users/2fa/verify", {"token": "123456"}),
    ("POST", "/api/users/2fa/disable", {"password": "a-password", "token": "123456"}),
    ("GET", "/api/users/me", None),
    ("PATCH", "/api/users/update", {"firstName": "Mallory"}),
    ("PATCH", "/api/users/password", {"currentPassword": "a-password", "newPassword": "another-password"}),
    ("POST", "/api/users/me/erase", {"confirm": "DELETE"}),
    ("GET", "/api/auth/session", None),
    ("GET", "/api/auth/local/session", None),
    ("POST", "/api/auth/local/logout", None),
    ("GET", "/api/api-keys", None),
]


class ApiKeys(Case):
    def account(self):
        grace = OrgAccount(self).register()
        grace.org = grace.me().org.id
        self.assertRegex(grace.org, OBJECT_ID)
        return grace

    def create(self, grace, name="Nightly export", **more):
        answer = grace.keys.create_api_key_with_http_info(mudbase.CreateApiKeyRequest(name=name, projectId=grace.org, **more))
        self.assertEqual(answer.status_code, 201)
        self.assertEqual(answer.data.message, "API key created successfully")
        return answer.data.api_key

    def test_their_life(self):
        grace = self.account()
        key = self.create(grace)
        self.assertRegex(key.id, OBJECT_ID)
        self.assertRegex(key.secret, r"\Amudbase_sk_")
        self.assertEqual((key.name, key.is_active, key.project.id), ("Nightly export", True, grace.org))
        self.assertIsNotNone(key.created_at)

        listed = grace.keys.list_api_keys()
        self.assertEqual((listed.total, [one.id for one in listed.api_keys]), (1, [key.id]))
        raw = grace.keys.list_api_keys_without_preload_content()
        self.assertNotIn("secret", json.loads(raw.data)["apiKeys"][0])
        self.assertNotIn(key.secret, raw.data.decode())

        changed = grace.keys.update_api_key(key.id, mudbase.UpdateApiKeyRequest(name="Weekly export", isActive=False))
        self.assertEqual((changed.api_key.id, changed.api_key.name, changed.api_key.is_active), (key.id, "Weekly export", False))

        again = grace.keys.regenerate_api_key(key.id)
        self.assertRegex(again.secret, r"\Amudbase_sk_")
        self.assertNotEqual(again.secret, key.secret)

        self.assertIsInstance(grace.keys.delete_api_key(key.id).message, str)
        self.assertEqual(grace.keys.list_api_keys().total, 0)
        self.refused(404, grace.keys.delete_api_key, key.id)
        self.refused(404, grace.keys.regenerate_api_key, key.id)

    def test_permissions_are_kept(self):
        grace = self.account()
        only = mudbase.ApiKeyPermission(resource="database", actions=["read"])
        kept = self.create(grace, permissions=[only]).permissions
        self.assertEqual([(one.resource, one.actions) for one in kept], [("database", ["read"])])

    def test_what_creation_refuses(self):
        grace = self.account()
        create = lambda body: grace.send("POST", "/api/api-keys", body, token=grace.token)
        for body in (
            {"name": "Nightly export", "projectId": "not-an-object-id"},
            {"name": "Nightly export"},
            {"name": "N", "projectId": grace.org},
            {"name": "Nightly export", "projectId": grace.org, "expiresAt": "2001-01-01T00:00:00Z"},
            {"name": "Nightly export", "projectId": grace.org, "permissions": [{"resource": "everything", "actions": ["read"]}]},
        ):
            refusal = self.refusal(400, create(body))
            self.assertEqual(refusal["error"], "Validation failed", body)
            self.assertTrue(all(isinstance(line, str) for line in refusal["details"]), refusal)

    def test_somebody_elses(self):
        grace, mallory = self.account(), self.account()
        key = self.create(grace)
        self.assertEqual(mallory.keys.list_api_keys().total, 0)
        self.refused(404, mallory.keys.update_api_key, key.id, mudbase.UpdateApiKeyRequest(name="Mine now"))
        self.refused(404, mallory.keys.regenerate_api_key, key.id)
        self.refused(404, mallory.keys.delete_api_key, key.id)
        self.assertEqual(grace.keys.list_api_keys().api_keys[0].name, "Nightly export")

    def test_a_project_user_makes_none(self):
        grace = ProjectUser(self, prefix="/mudbase").register()
        answer = grace.send("POST", "/api/api-keys", {"name": "Nightly export", "projectId": grace.project}, token=grace.token)
        self.assertIn(answer.status, (401, 403), answer)
        self.refusal(answer.status, answer)

    def test_a_key_alone_is_nobody(self):
        grace = self.account().enrol()
        secret = self.create(grace).secret
        for prefix in ("/mudbase", ""):
            for method, path, body in NOT_FOR_KEYS:
                # At the root these two are another dialect's.
                if prefix == "" and path in ("/api/auth/session", "/api/api-keys"):
                    continue
                grace.prefix = prefix
                for how, headers in {
                    "a valid key": {"X_API_Key": secret},
                    "an invalid key": {"X_API_Key": "mudbase_sk_live_nonsense"},
                    "a valid key as bearer": {"Authorization": f"Bearer {secret}"},
                    "an older kind of key as bearer": {"Authorization": "Bearer ak_0123456789abcdef"},
                    "nothing": {},
                }.items():
                    with self.subTest(f"{how}: {method} {prefix}{path}"):
                        answer = grace.send(method, path, body, **headers)
                        refusal = self.refusal(401, answer, code="UNAUTHORIZED", error="Authentication required")
                        self.assertIsInstance(refusal["details"], str)
                with self.subTest(f"a bad token and a valid key: {method} {prefix}{path}"):
                    self.refusal(401, grace.send(method, path, body, token=grace.token[:-6] + "AAAAAA", X_API_Key=secret))
        me = grace.me()
        self.assertEqual((me.first_name, me.two_factor_enabled), ("Grace", True))

    def test_the_sdk_with_a_key_and_no_token(self):
        grace = self.account()
        key = self.create(grace)
        settings = mudbase.Configuration(host=self.server.origin + "/mudbase", api_key={"ApiKeyAuth": key.secret})
        users = mudbase.UsersApi(mudbase.ApiClient(settings))
        self.refused(401, users.get_current_user)
        self.refused(401, users.setup2_fa)
        self.refused(401, users.setup2_fa, _headers={"X-API-Key": key.secret})

    def test_a_token_and_a_key_is_the_person_of_the_token(self):
        grace, other = self.account(), self.account()
        for key in (self.create(other).secret, "mudbase_sk_live_nonsense"):
            both = {"_headers": {"X-API-Key": key}}
            self.assertEqual(grace.users.get_current_user(**both).user.email, grace.email)
            grace.users.setup2_fa(**both)

    def test_erasing_the_account_ends_its_keys(self):
        grace = self.account()
        key = self.create(grace)
        grace.users.erase_user_data(mudbase.EraseUserDataRequest(confirm="DELETE", currentPassword=grace.password))
        self.refusal(401, grace.send("GET", "/api/api-keys", X_API_Key=key.secret))
        self.refusal(401, grace.send("GET", "/api/api-keys", token=grace.token))


if __name__ == "__main__":
    unittest.main()
