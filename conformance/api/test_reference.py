"""Our own API against its own OpenAPI document: schemathesis finds no 500, no undocumented status and no mismatch."""

import os
import subprocess
import sys
import unittest

from countersign import Server

# These would end the session or the account that the run goes on with.
ENDINGS = ["/v1/session", "/v1/sessions", "/v1/account", "/v1/account/password"]


class Reference(unittest.TestCase):
    def held(self, server, token, *extra):
        command = [
            os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run",
            f"{server.origin}/v1/openapi.json", "--url", server.origin,
            "--header", f"Authorization: Bearer {token}",
            "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
            "response_schema_conformance",
            "--max-examples", os.environ.get("EXAMPLES", "30"), "--seed", "20261126", "--no-color", *extra,
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=server.root)
        self.assertEqual(done.returncode, 0, done.stdout[-8_000:] + done.stderr[-2_000:])
        print(done.stdout[done.stdout.rfind("Test cases:"):].strip())

    def test_every_answer_to_a_session_is_as_the_document_says(self):
        with Server() as server:
            person = {"email": "ada@example.com", "password": "Lighthouse-3f9c1d"}
            token = server.send("POST", "/v1/accounts", person).json["session"]["token"]
            self.held(server, token, *[word for path in ENDINGS for word in ("--exclude-path", path)])

    def test_every_answer_to_an_application_is_as_the_document_says(self):
        with Server(application="Shop") as server:
            self.held(server, server.service_key, "--include-path-regex", "^/v1/service/")


if __name__ == "__main__":
    unittest.main()
