"""Somebody who uses the vendor's SDK: the server they talk to, their tokens, their authenticator app."""

import base64
import binascii
import itertools
import json
import os
import pathlib
import re
import secrets
import sys
import time
import unittest

import mudbase
from mudbase import exceptions

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
from countersign import Authenticator, Server  # noqa: E402

OBJECT_ID = re.compile(r"\A[0-9a-f]{24}\Z")
BASE32 = re.compile(r"\A[A-Z2-7]+=*\Z")
ENVELOPE = {"error", "code", "details", "timestamp", "path", "requestId", "message", "retryAfter"}
RAISED = {
    400: exceptions.BadRequestException,
    401: exceptions.UnauthorizedException,
    403: exceptions.ForbiddenException,
    404: exceptions.NotFoundException,
    409: exceptions.ConflictException,
}
numbers = itertools.count(1)


def new_password():
    return f"Lighthouse-{secrets.token_hex(9)}"


def new_object_id():
    return secrets.token_hex(12)


class Case(unittest.TestCase):
    """Tests against one server; each makes its own people, so that none can disturb another."""

    SETTINGS = {}
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(**cls.SETTINGS)
        cls.addClassCleanup(cls.server.stop)

    def refused(self, status, call, *args, code=None, error=None, **kwargs):
        """The SDK's own exception for this status, with the envelope in its body; returns the envelope."""
        with self.assertRaises(RAISED[status]) as raised:
            call(*args, **kwargs)
        self.assertEqual(raised.exception.status, status)
        self.assertIn("application/json", raised.exception.headers["Content-Type"])
        return self.envelope(json.loads(raised.exception.body), code, error)

    def refusal(self, status, answer, code=None, error=None):
        """The same for a raw answer."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.content_type, "application/json", answer)
        self.assertIsNone(answer.headers["Set-Cookie"], answer)
        return self.envelope(answer.json, code, error)

    def envelope(self, body, code, error):
        self.assertIsInstance(body["error"], str)
        self.assertNotEqual(body["error"], "")
        self.assertLessEqual(body.keys(), ENVELOPE)
        self.assertNotIn("token", body)
        if code is not None:
            self.assertEqual(body.get("code"), code, body)
        if error is not None:
            self.assertEqual(body["error"], error, body)
        return body

    def accepted(self, answer, status=200):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.content_type, "application/json", answer)
        self.assertIsNone(answer.headers["Set-Cookie"], answer)
        return answer.json

    def is_access(self, granted):
        """What register, login and refresh grant: the clients read `exp` out of the token and add `expiresIn`."""
        self.assertIsInstance(granted.refresh_token, str)
        self.assertIs(type(granted.expires_in), int)
        claims = claims_of(granted.token)
        self.assertAlmostEqual(claims["exp"], time.time() + granted.expires_in, delta=60)

    def is_user(self, user, person):
        self.assertRegex(user.id, OBJECT_ID)
        self.assertEqual((user.email, user.first_name, user.last_name), (person.email, "Grace", "Hopper"))
        self.assertIsInstance(user.two_factor_enabled, bool)
        self.assertIsInstance(user.email_verified, bool)


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


class Person:
    """What org accounts and project users have in common; `prefix` is where the dialect is addressed."""

    def __init__(self, case, prefix):
        self.case, self.server, self.prefix = case, case.server, prefix
        self.email = f"grace.{os.getpid()}.{next(numbers)}@example.com"
        self.password = new_password()
        self.token = self.refresh_token = self.app = self.backup_codes = None

    def api(self, kind, token=None):
        """One of the SDK's interfaces, with this bearer token or with the person's own."""
        settings = mudbase.Configuration(host=self.server.origin + self.prefix, access_token=token or self.token)
        return kind(mudbase.ApiClient(settings))

    @property
    def auth(self):
        return self.api(mudbase.AuthenticationApi)

    @property
    def users(self):
        return self.api(mudbase.UsersApi)

    @property
    def keys(self):
        return self.api(mudbase.APIKeysApi)

    def send(self, method, path, body=None, token=None, **headers):
        """A raw request; the SDK's models cannot say everything that is allowed."""
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.send(method, self.prefix + path, body, {"Accept": "application/json", **bearer, **named})

    def keep(self, granted):
        self.case.is_access(granted)
        self.token, self.refresh_token = granted.token, granted.refresh_token
        return granted

    def me(self, token=None):
        user = self.api(mudbase.UsersApi, token).get_current_user().user
        self.case.is_user(user, self)
        return user

    def set_up(self):
        """Begins enrolment as the SDK sees it, then again as it is on the wire, where the second replaces the first."""
        case = self.case
        typed = self.users.setup2_fa()
        for text in (typed.secret, typed.qr_code, typed.manual_entry_key):
            case.assertIsInstance(text, str)
        raw = self.users.setup2_fa_without_preload_content()
        case.assertEqual(raw.status, 200)
        case.assertIn("application/json", raw.headers["Content-Type"])
        setup = json.loads(raw.data)
        case.assertEqual(setup.keys(), {"secret", "qrCode", "manualEntryKey", "backupCodes"})
        case.assertRegex(setup["secret"], BASE32)
        case.assertNotEqual(setup["secret"], typed.secret)
        case.assertEqual(setup["manualEntryKey"].replace(" ", ""), setup["secret"])
        for picture in (setup["qrCode"], typed.qr_code):
            case.assertTrue(is_png(picture), picture[:60])
        case.assertEqual(len(set(setup["backupCodes"])), 10)
        case.assertTrue(all(isinstance(code, str) and code for code in setup["backupCodes"]))
        self.app, self.backup_codes = Authenticator(setup["secret"]), setup["backupCodes"]
        return Authenticator(typed.secret)

    def enrol(self):
        """Costs one of the three codes that the authenticator app shows without waiting."""
        self.set_up()
        done = self.users.verify2_fa(mudbase.Verify2FARequest(token=self.app.next()))
        self.case.assertEqual(done.message, "2FA enabled successfully")
        return self

    def disable(self, password, token):
        return self.users.disable2_fa(mudbase.Disable2FARequest(password=password, token=token))

    def change_password(self, current, new):
        return self.users.change_password(mudbase.ChangePasswordRequest(currentPassword=current, newPassword=new))

    def refresh(self, refresh_token, prefix="/mudbase"):
        """At the root another dialect owns this route, so that everybody refreshes below the dialect's prefix."""
        settings = mudbase.Configuration(host=self.server.origin + prefix)
        api = mudbase.AuthenticationApi(mudbase.ApiClient(settings))
        return api.refresh_token(mudbase.RefreshTokenRequest(refreshToken=refresh_token))


class OrgAccount(Person):
    """An account of the platform itself: its routes are another dialect's at the root."""

    LOGIN = "/api/auth/login"

    def __init__(self, case, prefix="/mudbase"):
        super().__init__(case, prefix)

    def register(self):
        request = mudbase.RegisterRequest(
            email=self.email, password=self.password, firstName="Grace", lastName="Hopper", orgName="Harbour Lights", agreedToTerms=True
        )
        answer = self.auth.register_user_with_http_info(request)
        self.case.assertEqual(answer.status_code, 201)
        self.case.assertIsInstance(answer.data.message, str)
        self.case.is_user(answer.data.user, self)
        self.keep(answer.data)
        return self

    def login_body(self, **more):
        return {"email": self.email, "password": self.password, **more}

    def log_in(self, **options):
        granted = self.auth.login_user(mudbase.LoginRequest(email=self.email, password=self.password), **options)
        self.case.assertEqual(granted.message, "Login successful")
        self.case.is_user(granted.user, self)
        return self.keep(granted)


class ProjectUser(Person):
    """A user of somebody's project."""

    LOGIN = "/api/auth/local/login"

    def __init__(self, case, prefix="", project=None):
        super().__init__(case, prefix)
        self.project = project or new_object_id()

    def register_request(self):
        return mudbase.RegisterLocalUserRequest(
            email=self.email, password=self.password, firstName="Grace", lastName="Hopper", projectId=self.project
        )

    def register(self):
        answer = self.auth.register_local_user_with_http_info(self.register_request())
        self.case.assertEqual(answer.status_code, 201)
        user = answer.data.user
        self.case.assertRegex(user.id, OBJECT_ID)
        self.case.assertEqual((user.email, user.first_name, user.last_name), (self.email, "Grace", "Hopper"))
        self.case.assertFalse(answer.data.require_verification)
        self.keep(answer.data)
        return self

    def login_body(self, **more):
        return {"email": self.email, "password": self.password, "projectId": self.project, **more}

    def login_request(self):
        return mudbase.LoginLocalUserRequest(email=self.email, password=self.password, projectId=self.project)

    def log_in(self, **options):
        granted = self.auth.login_local_user(self.login_request(), **options)
        user = granted.user
        self.case.assertEqual(granted.message, "Login successful")
        self.case.assertRegex(user.id, OBJECT_ID)
        self.case.assertEqual((user.email, user.role), (self.email, "developer"))
        self.case.assertIsInstance(user.two_factor_enabled, bool)
        return self.keep(granted)


def is_png(uri):
    head, _, data = uri.partition(",")
    try:
        picture = base64.b64decode(data, validate=True)
    except binascii.Error:
        return False
    return head == "data:image/png;base64" and picture[:8] == b"\x89PNG\r\n\x1a\n" and picture[-8:-4] == b"IEND"
