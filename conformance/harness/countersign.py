"""The program under test for Python: one process of the real binary, its mail sink, plain HTTP, an authenticator app."""

import atexit
import email
import email.policy
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

import pyotp

READY_WITHIN_S = 60
MAIL_WITHIN_S = 20
PERIOD_S = 30


class Server:
    """A server with a data folder and a mail sink of its own, on a port that the system chose."""

    def __init__(self, application=None, **settings):
        binary = os.environ.get("COUNTERSIGN_BIN")
        if not binary:
            raise RuntimeError("COUNTERSIGN_BIN must name the binary to test")
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="countersign-conformance-"))
        self.mail = self.root / "mail"
        (self.root / "data").mkdir(mode=0o700)
        self.mail.mkdir(mode=0o700)
        self.binary = binary
        self.environment = {
            **os.environ,
            "COUNTERSIGN_MAIL": f"sink:{self.mail}",
            "COUNTERSIGN_RATE_LIMITS": "off",
            **settings,
        }
        self.service_key = None
        if application:
            # As an operator makes one, before the server starts.
            command = [binary, "service-key", application, "--data-dir", str(self.root / "data")]
            made = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True)
            self.service_key = made.stdout.strip()
        self._start()

    def _start(self):
        self.process = subprocess.Popen(
            [self.binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", str(self.root / "data")],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        # No server outlives its tests, even ones that ended badly.
        atexit.register(self.stop)
        self.output = []
        # A pipe that nobody empties would stop the server.
        self.reader = threading.Thread(target=lambda: self.output.extend(self.process.stdout), daemon=True)
        self.reader.start()
        self._until_ready()

    def _until_ready(self):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline and self.process.poll() is None:
            said = re.search(r"http://127\.0\.0\.1:(\d+)", "".join(self.output))
            if said:
                self.origin, self.port = said.group(0), int(said.group(1))
                # Unless told otherwise, the server takes this for its public address, and its origin for trusted.
                self.public_origin = f"http://localhost:{self.port}"
                try:
                    if self.send("GET", "/health/ready").status == 200:
                        return
                except OSError:
                    pass
            time.sleep(0.02)
        self.stop()
        raise RuntimeError("the server did not become ready; it said:\n" + "".join(self.output))

    def administrator(self, address):
        """Puts somebody in charge, as an operator does: with the server stopped."""
        self._end()
        command = [self.binary, "administrator", address, "--data-dir", str(self.root / "data")]
        subprocess.run(command, env=self.environment, capture_output=True, check=True)
        self._start()

    def stop(self):
        self._end()
        shutil.rmtree(self.root, ignore_errors=True)

    def _end(self):
        """SIGTERM to this one process, and SIGKILL if it does not listen."""
        atexit.unregister(self.stop)
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def send(self, method, path, body=None, headers=None):
        """One request on its own connection. `body`: bytes as they are; anything else becomes JSON."""
        headers = {name: value for name, value in (headers or {}).items() if value is not None}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return Answer(response, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def mailed_token(self, address, subject):
        """The `token` of the link in the newest mail with this subject to this address, once there is one."""
        deadline = time.monotonic() + MAIL_WITHIN_S
        while True:
            mails = [mail for mail in self._mails() if address in mail["to"] and re.search(subject, mail["subject"])]
            tokens = [re.findall(r"[?&]token=([^\s&#\"<>]+)", text_of(mail)) for mail in mails]
            tokens = [found[0] for found in tokens if found]
            if tokens:
                return tokens[-1]
            if time.monotonic() > deadline:
                raise AssertionError(f"no mail with a token and {subject!r} to {address} arrived")
            time.sleep(0.02)

    def _mails(self):
        # Their names sort by time; one that begins with a dot is still being written.
        for path in sorted(self.mail.glob("[!.]*.eml")):
            yield email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def text_of(mail):
    return mail.get_body(preferencelist=("plain",)).get_content()


class Answer:
    def __init__(self, response, text):
        self.status, self.headers, self.text = response.status, response.headers, text
        self.content_type = response.headers.get_content_type()
        try:
            self.json = json.loads(text)
        except ValueError:
            self.json = None

    def __repr__(self):
        return f"{self.status} {self.content_type} {self.text}"


class Browser:
    """Somebody with a cookie jar, on a page of the server's own origin."""

    def __init__(self, server):
        self.server, self.jar = server, {}

    def post(self, path, body):
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = {"Origin": self.server.public_origin, "Cookie": cookies or None}
        answer = self.server.send("POST", path, body, headers)
        for line in answer.headers.get_all("Set-Cookie", []):
            name, value = line.split(";", 1)[0].split("=", 1)
            self.jar[name] = value
        return answer


class Authenticator:
    """An authenticator app that never shows a code twice.

    A server takes each step once, and the steps -1, 0, +1 around its own: three codes in a row cost no waiting;
    from the fourth on this waits for time to pass.
    """

    def __init__(self, secret):
        self.totp = pyotp.TOTP(secret)
        self.used = 0

    def next(self):
        step = max(self.used + 1, self._earliest_safe_step())
        while step > current_step() + 1:
            time.sleep(0.25)
            step = max(self.used + 1, self._earliest_safe_step())
        self.used = step
        return self.totp.generate_otp(step)

    def wrong(self):
        """A well-formed code that none of the steps near now would show."""
        near = {self.totp.generate_otp(current_step() + offset) for offset in range(-3, 4)}
        while True:
            code = f"{secrets.randbelow(1_000_000):06}"
            if code not in near:
                return code

    @staticmethod
    def _earliest_safe_step():
        """The step before now, unless it is about to leave the server's window while the request travels."""
        seconds_left = PERIOD_S - time.time() % PERIOD_S
        return current_step() - 1 if seconds_left > 8 else current_step()


def current_step():
    return int(time.time()) // PERIOD_S
