"""An application with a password login of its own, and the two calls that give it a second factor.

    COUNTERSIGN_KEY=cs_… python3 app.py            # listens on http://localhost:3000, asks http://localhost:8080
"""
import http.server, json, os, secrets, urllib.error, urllib.parse, urllib.request
PORT = int(os.environ.get("PORT", "3000"))
COUNTERSIGN = os.environ.get("COUNTERSIGN_URL", "http://localhost:8080")
KEY = os.environ["COUNTERSIGN_KEY"]
BACK = f"http://localhost:{PORT}/second-step"  # what `countersign service-key --return-url` was given
USERS = {"ada": "correct horse battery staple"}  # your own users, with passwords hashed as they should be
SESSIONS = {}  # cookie → {"user": …, "challenge": …, "in": bool}
FORM = '<form method="post">Name <input name="user"> Password <input name="password" type="password"><button>Sign in</button></form>'


def countersign(path, body):
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(COUNTERSIGN + path, json.dumps(body).encode(), headers)))


class App(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # the login you have
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
        user, password = form.get("user", [""])[0], form.get("password", [""])[0]
        if not secrets.compare_digest(USERS.get(user, "").encode(), password.encode()) or user not in USERS:
            return self.say(401, "Wrong name or password.")
        # Call 1: ask. Whoever has no second factor yet adds one on that page.
        asked = countersign("/v1/service/challenges", {"user": {"external_id": user}, "return_url": BACK})
        cookie = secrets.token_urlsafe(32)
        SESSIONS[cookie] = {"user": user, "challenge": asked["id"], "in": False}
        self.go(asked["url"], f"app={cookie}; HttpOnly; SameSite=Lax; Path=/")

    def do_GET(self):
        cookie = self.headers.get("cookie", "").partition("app=")[2].partition(";")[0]
        session = SESSIONS.get(cookie)
        page, _, query = self.path.partition("?")
        if page == "/second-step" and session:
            sent = dict(urllib.parse.parse_qsl(query))
            if sent.get("challenge") != session["challenge"]:  # another browser's, or another login's
                return self.say(403, "That was not asked for here.")
            try:  # Call 2: what came of it.
                path = f"/v1/service/challenges/{session['challenge']}/verify"
                session["in"] = countersign(path, {"return_code": sent.get("code", "")})["external_id"] == session["user"]
            except urllib.error.HTTPError:
                return self.say(403, "The second step was not completed. Sign in again.")
            return self.go("/")
        if session and session["in"]:
            return self.say(200, f"Hello {session['user']}, proven twice.")
        self.say(200, FORM)

    def say(self, status, text):
        self.send_response(status), self.send_header("content-type", "text/html; charset=utf-8"), self.end_headers()
        self.wfile.write(text.encode())

    def go(self, to, cookie=None):
        self.send_response(303), self.send_header("location", to)
        self.send_header("set-cookie", cookie) if cookie else None, self.end_headers()


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), App).serve_forever()
