"""A person's and an application's days over our own API: every answer is exactly what the OpenAPI document says."""

import re
import unittest

import jsonschema_rs
from countersign import Authenticator, Browser, Server

EMAIL, PASSWORD, NEW_PASSWORD = "ada@example.com", "Lighthouse-3f9c1d", "Another-lighthouse-77"


class Answers(unittest.TestCase):
    def setUp(self):
        self.server = Server(application="Shop", COUNTERSIGN_EMAIL_VERIFICATION="required")
        self.addCleanup(self.server.stop)
        self.document = self.server.send("GET", "/v1/openapi.json").json
        self.token, self.seen = None, set()

    def described(self, method, path):
        """The route that the document has for this path, and its answers."""
        path = path.partition("?")[0]
        for template, routes in self.document["paths"].items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and method.lower() in routes:
                return template, routes[method.lower()]["responses"]
        self.fail(f"{method} {path} is not in the document")

    def call(self, method, path, body=None, token=None, status=None):
        headers = {"Authorization": f"Bearer {token or self.token}"} if token or self.token else {}
        answer = self.server.send(method, path, body, headers)
        template, responses = self.described(method, path)
        said = responses.get(str(answer.status))
        if status:
            self.assertEqual(answer.status, status, answer.text)
            self.assertTrue(said or status >= 400, f"{method} {template} does not say {status}")
        said = said or responses["default"]
        schema = next(iter(said.get("content", {"": {"schema": None}}).values()))["schema"]
        if schema is None:
            self.assertEqual(answer.text, "", f"{method} {template}")
            return None
        whole = {**schema, "components": self.document["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        errors = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(answer.json)]
        self.assertEqual(errors, [], f"{method} {template} {answer.status}: {answer.text}")
        self.seen.add(f"{method} {template}")
        if isinstance(answer.json.get("session"), dict):
            self.token = answer.json["session"].get("token", self.token)
        return answer.json

    def test_a_persons_days(self):
        call = self.call
        call("POST", "/v1/accounts", {"email": EMAIL, "password": PASSWORD, "name": "Ada"}, status=201)
        # A mailbox gets an account back only where it is known to be its owner's.
        Browser(self.server).post("/verify-email", {"token": self.server.mailed_token(EMAIL, "Confirm your")})
        call("POST", "/v1/sessions", {"email": EMAIL, "password": PASSWORD}, status=201)
        call("GET", "/v1/session", status=200)
        begun = call("POST", "/v1/authenticators/totp", {"password": PASSWORD}, status=201)
        app = Authenticator(begun["secret"])
        codes = call("POST", "/v1/authenticators/totp/confirm", {"code": app.next()}, status=200)["backup_codes"]
        begun = call("POST", "/v1/authenticators/totp", status=201)
        tablet = {"code": Authenticator(begun["secret"]).next(), "name": "Tablet"}
        self.assertEqual(call("POST", "/v1/authenticators/totp/confirm", tablet, status=200)["backup_codes"], [])
        second = call("GET", "/v1/authenticators", status=200)["authenticators"][1]
        self.assertEqual(second["name"], "Tablet")
        call("PATCH", f"/v1/authenticators/totp/{second['id']}", {"name": "Old tablet"}, status=204)
        call("DELETE", f"/v1/authenticators/totp/{second['id']}", status=200)
        call("DELETE", f"/v1/authenticators/totp/{second['id']}", status=404)
        call("POST", "/v1/authenticators/email", {"password": PASSWORD}, status=200)
        for path in ["authenticators", "sessions", "trusted-devices", "passkeys", "organisations"]:
            call("GET", f"/v1/{path}", status=200)
        call("POST", "/v1/passkeys/options", status=200)
        call("PATCH", "/v1/account", {"name": "Ada L."}, status=200)
        call("POST", "/v1/session/step-up", status=200)
        call("POST", "/v1/session/step-up/verify", {"code": codes[0]}, status=200)
        call("POST", "/v1/account/password", {"current": PASSWORD, "new": NEW_PASSWORD}, status=200)

        self.token = None
        asked = call("POST", "/v1/sessions", {"email": EMAIL, "password": NEW_PASSWORD}, status=200)
        call("POST", "/v1/challenge", {"challenge": asked["challenge"]}, status=200)
        call("POST", "/v1/challenge/verify", {"challenge": asked["challenge"], "code": "000000"}, status=403)
        came = {"challenge": asked["challenge"], "code": codes[1], "trust_device": True}
        kept = call("POST", "/v1/challenge/verify", came, status=201)["trusted_device"]
        again = {"email": EMAIL, "password": NEW_PASSWORD, "trusted_device": kept}
        call("POST", "/v1/sessions", again, token="-", status=201)
        call("POST", "/v1/session/step-up/verify", {"code": codes[2]}, status=200)
        for path in ["sessions", "trusted-devices", "authenticators"]:
            call("GET", f"/v1/{path}", status=200)
        call("POST", "/v1/backup-codes", status=201)
        call("DELETE", "/v1/authenticators/email_code", status=200)

        self.token = None
        call("POST", "/v1/sessions/mail/code", {"email": "nia@example.com"}, status=202)
        call("POST", "/v1/recovery", {"email": EMAIL}, status=202)
        token = self.server.mailed_token(EMAIL, "Get back")
        claim = call("POST", "/v1/recovery/begin", {"token": token}, status=201)["claim"]
        call("POST", "/v1/recovery/status", {"claim": claim}, status=200)
        call("POST", "/v1/recovery/complete", {"claim": claim}, status=425)
        call("POST", "/v1/recovery/stop", {"claim": claim}, status=200)

    def test_an_administrators_days(self):
        call = self.call
        call("POST", "/v1/accounts", {"email": EMAIL, "password": PASSWORD, "name": "Ada"}, status=201)
        Browser(self.server).post("/verify-email", {"token": self.server.mailed_token(EMAIL, "Confirm your")})
        person = {"external_id": "bea", "email": "bea@example.com", "name": "Bea"}
        call("POST", "/v1/service/challenges", {"user": person}, token=self.server.service_key, status=201)
        self.server.administrator(EMAIL)
        call("POST", "/v1/sessions", {"email": EMAIL, "password": PASSWORD}, status=201)
        people = call("GET", "/v1/people", status=200)["people"]
        self.assertEqual([one["email"] for one in people], [EMAIL, "bea@example.com"])
        found = call("GET", "/v1/people?search=bea", status=200)
        self.assertEqual((len(found["people"]), found["next"]), (1, None))
        for one in people:
            call("GET", f"/v1/people/{one['id']}", status=200)
        call("GET", "/v1/people/nobody", status=404)
        call("GET", "/v1/coverage", status=200)
        self.assertTrue(call("GET", "/v1/events?kind=session", status=200)["events"])
        call("GET", "/v1/account/events", status=200)
        stopped = call("POST", "/v1/organisation/forecast", {"second_factor_required": True}, status=200)
        self.assertEqual([one["email"] for one in stopped["stopped"]], [EMAIL])
        call("POST", "/v1/organisation/forecast", {}, status=400)
        changed = call("PATCH", "/v1/organisation", {"second_factor_required_from": "2099-01-01"}, status=200)
        self.assertIsNotNone(changed["organisations"][0]["second_factor_required_from"])
        call("PATCH", "/v1/organisation", {"second_factor_required_from": "soon"}, status=400)
        call("PATCH", f"/v1/members/{people[0]['id']}", {"role": "king"}, status=400)
        call("PATCH", f"/v1/members/{people[0]['id']}", {"role": "member"}, status=403)

    def test_an_applications_days(self):
        key, call = self.server.service_key, self.call
        user = {"external_id": "ada", "email": EMAIL, "name": "Ada"}
        opened = call("POST", "/v1/service/challenges", {"user": user}, token=key, status=201)
        call("GET", f"/v1/service/challenges/{opened['id']}", token=key, status=200)
        call("GET", "/v1/service/users/ada", token=key, status=200)
        call("PUT", "/v1/service/users/bea", {"name": "Bea"}, token=key, status=200)
        call("GET", "/v1/service/users/nobody", token=key, status=404)
        call("POST", "/v1/service/challenges", {"user": {}}, token=key, status=400)
        call("DELETE", "/v1/service/users/bea", token=key, status=204)


if __name__ == "__main__":
    unittest.main()
