// The proxies themselves, with the configuration in deploy/, between a browser and an application without a login.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Person } from "../harness/person.mjs";
import { Jar, request } from "../harness/wire.mjs";
import { application, freePort, proxies, run } from "./proxies.mjs";

/** A browser that knows our host and the application's, each with its own cookies. */
class Browser {
  constructor(server, host, port) {
    Object.assign(this, { server, host, app: `http://127.0.0.1:${port}`, ours: new Jar(), theirs: new Jar() });
  }

  async atApp(path, { method = "GET", headers = {} } = {}) {
    const cookie = this.theirs.header && { cookie: this.theirs.header };
    const answer = await request(this.app, method, path, { headers: { host: this.host, ...cookie, ...headers } });
    this.theirs.take(answer.setCookie);
    return answer;
  }

  async atOurs(address) {
    const { pathname, search } = new URL(address);
    const answer = await request(this.server.base, "GET", pathname + search, { headers: { cookie: this.ours.header } });
    this.ours.take(answer.setCookie);
    return answer;
  }

  /** Follows redirects between the two hosts until somebody answers with something else, or with the sign-in page. */
  async open(path) {
    let answer = await this.atApp(path);
    for (let hops = 0; answer.status === 302; hops++) {
      assert.ok(hops < 6, "a circle");
      const to = new URL(answer.headers.location);
      if (to.pathname === "/sign-in") return { signIn: to };
      answer = to.host === this.host ? await this.atApp(to.pathname + to.search) : await this.atOurs(to.href);
    }
    return answer;
  }

  /** What the sign-in page will do: leave the session's token in our own cookie. */
  takeSession(person) {
    const signed = decodeURIComponent(person.caller.jar.value("session_token"));
    this.ours.cookies.set("countersign", signed.slice(0, signed.lastIndexOf(".")));
  }
}

for (const name of Object.keys(proxies)) {
  describe(name, () => {
    let server, browser, person, host, port;
    const cleanUp = [];
    after(async () => {
      for (const step of cleanUp.reverse()) await step();
    });

    before(async () => {
      const later = (step) => cleanUp.push(step);
      port = await freePort();
      host = `app.localhost:${port}`;
      server = await serve(later, { env: { COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1", COUNTERSIGN_FORWARD_AUTH_HOSTS: host } });
      await run(name, { proxy: port, countersign: server.port, application: await application(later) }, later);
    });

    test("a stranger is led to the sign-in page and back to the very address", async () => {
      browser = new Browser(server, host, port);
      const { signIn } = await browser.open("/reports?year=2026&q=a%2Fb");
      assert.equal(signIn.origin, server.origin);
      const hop = signIn.searchParams.get("return_to");
      assert.ok(hop.startsWith("/forward-auth/hop?"), hop);
      person = new Person(server);
      await person.signUp();
      browser.takeSession(person);
      const answer = await browser.open("/reports?year=2026&q=a%2Fb");
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.url, "/reports?year=2026&q=a%2Fb", "no code reaches the application");
      assert.equal(answer.json.headers["remote-name"], "Grace Hopper");
      assert.equal(answer.json.headers["remote-acr"], "aal1");
      assert.match(answer.json.headers["remote-user"], /^[0-9a-f]{32}$/);
      assert.ok(!answer.json.headers["remote-email"], "nobody verified it");
    });

    test("what a client says about itself does not pass", async () => {
      const lies = {
        "remote-user": "root", "remote-email": "root@example.com", "Remote-Groups": "admins", remote_user: "root",
        "x-forwarded-host": "evil.example", "x-forwarded-uri": "/?min=aal1", "x-forwarded-method": "GET",
      };
      const answer = await browser.atApp("/", { headers: lies });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.json.headers["remote-user"], /^[0-9a-f]{32}$/);
      assert.ok(!answer.json.headers["remote-email"], answer.text);
      assert.ok(!JSON.stringify(answer.json.headers).includes("admins"), answer.text);
      const stranger = new Browser(server, host, port);
      const refused = await stranger.atApp("/", { headers: { ...lies, cookie: "countersign-forward=guess" } });
      assert.equal(refused.status, 302);
      const to = new URL(refused.headers.location);
      assert.equal(to.origin, server.origin);
      assert.equal(new URL(to.searchParams.get("return_to")).host, host);
    });

    test("a script gets 401 and no redirect", async () => {
      const answer = await new Browser(server, host, port).atApp("/api", { headers: { "sec-fetch-mode": "cors" } });
      assert.equal(answer.status, 401);
      assert.match(answer.headers["www-authenticate"], /^Bearer/);
    });

    test("a form of somebody signed in reaches the application", async () => {
      const answer = await browser.atApp("/save", { method: "POST" });
      assert.deepEqual([answer.status, answer.json?.method], [200, "POST"]);
    });

    test("a stricter place asks for the second factor", async () => {
      const { signIn } = await browser.open("/admin/");
      assert.deepEqual([signIn.searchParams.get("acr_values"), signIn.searchParams.get("max_age")], ["aal2", "300"]);
      await person.enrol();
      const enrolled = new Person(server, person.password);
      enrolled.email = person.email;
      await enrolled.openChallenge();
      const code = { code: await person.app.next() };
      assert.equal((await enrolled.post("/two-factor/verify-totp", code)).status, 200);
      browser.takeSession(enrolled);
      const answer = await browser.open("/admin/");
      assert.equal(answer.status, 200, answer.text);
      assert.equal(answer.json.headers["remote-acr"], "aal2");
      assert.equal(answer.json.headers["remote-amr"], "pwd,otp,mfa");
      person = enrolled;
    });

    test("signing out closes the application at once", async () => {
      assert.equal((await browser.atApp("/")).status, 200);
      assert.equal((await person.post("/sign-out", {})).status, 200);
      assert.equal((await browser.atApp("/")).status, 302);
    });

    test("nobody gets in while Countersign is away", async () => {
      await server.kill();
      const answer = await browser.atApp("/");
      assert.ok(answer.status >= 500, String(answer.status));
    });
  });
}

test("nginx needs no more than six lines", () => {
  const text = readFileSync(new URL("../../deploy/nginx.conf", import.meta.url), "utf8");
  const numbered = text.match(/# \d:/g);
  assert.ok(numbered.length <= 6);
});
