"""The program under test, for suites in Python: one process of the real binary with a folder of its own."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

READY_WITHIN_SECONDS = 60


class Server:
    """Use it with `with`: it is gone afterwards, and so is its folder."""

    def __init__(self, **settings):
        binary = os.environ.get("COUNTERSIGN_BIN")
        if not binary:
            raise RuntimeError("COUNTERSIGN_BIN must name the binary to test")
        self.root = tempfile.mkdtemp(prefix="countersign-conformance-")
        data, mail = (os.path.join(self.root, name) for name in ("data", "mail"))
        for folder in (data, mail):
            os.mkdir(folder, 0o700)
        self.process = subprocess.Popen(
            [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", data],
            env={**os.environ, "COUNTERSIGN_MAIL": f"sink:{mail}", "COUNTERSIGN_RATE_LIMITS": "off", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = []
        self.base = self.origin = None
        self._listening = threading.Event()
        # Somebody has to read on, or the server waits for room in the pipe.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(READY_WITHIN_SECONDS) or self.base is None:
            self.close()
            raise RuntimeError("the server did not become ready; it said:\n" + "".join(self.output))

    def _read(self):
        for line in self.process.stdout:
            self.output.append(line)
            address = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if address and self.base is None:
                self.base = address[0]
                # Unless told otherwise, the server takes this for its public address, and its origin for trusted.
                self.origin = f"http://localhost:{address[1]}"
                self._listening.set()
        self._listening.set()

    def close(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Caller:
    """Somebody with a cookie jar who sends JSON and gets JSON."""

    def __init__(self, server):
        self.server = server
        self.jar = {}

    def post(self, path, body):
        """Status and body of the answer."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        headers = {"content-type": "application/json", "origin": self.server.origin, "cookie": cookies}
        request = urllib.request.Request(self.server.base + path, json.dumps(body).encode(), headers, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            for line in answer.headers.get_all("set-cookie", []):
                name, value = line.split(";", 1)[0].split("=", 1)
                self.jar[name] = value
            return answer.status, json.loads(answer.read() or "null")
