// The service API against the real binary: the example application as it is, and an assertion checked by somebody
// who has nothing but the public keys.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { freePort } from "../forward-auth/proxies.mjs";
import { Home, Server } from "../harness/binary.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { request } from "../harness/wire.mjs";
import { Browser, call, example, otpauth, serviceKey } from "./applications.mjs";

let home, server, key, port;
before(async () => {
  home = new Home();
  port = await freePort();
  key = await serviceKey(home, `http://localhost:${port}/second-step`);
  server = await Server.start(home);
});
after(async () => {
  await server.kill();
  home.remove();
});

test("two calls add a second factor to a login that has none", async (t) => {
  const source = readFileSync("examples/two-calls/app.py", "utf8");
  assert.ok(source.trim().split("\n").length < 60);
  await example(t.after.bind(t), port, { COUNTERSIGN_KEY: key, COUNTERSIGN_URL: server.base });
  const app = `http://localhost:${port}/`;
  const login = { user: "ada", password: "correct horse battery staple" };

  const first = new Browser();
  assert.equal((await first.ask("POST", app, { ...login, password: "guess" })).status, 401);
  const choice = await first.ask("POST", app, login);
  assert.equal(choice.status, 200, choice.text);
  assert.match(choice.text, /<strong>Shop<\/strong> asks ada/);
  // Nothing is open before the second step.
  const impatient = await first.get(app);
  assert.match(impatient.text, /<form/);

  const page = await first.get(`${server.origin}/prove/totp`);
  const phone = new Authenticator(otpauth(page));
  const sheet = await first.submit({ code: await phone.next() });
  assert.match(sheet.text, /Your backup codes/);
  const inside = await first.submit({}, "/prove/done");
  assert.match(inside.text, /Hello ada, proven twice/);
  assert.equal(first.at, app);

  const later = new Browser();
  const asked = await later.ask("POST", app, login);
  assert.match(asked.text, /Code from your authenticator app/);
  assert.match((await later.submit({ code: phone.wrong() })).text, /not right/);
  assert.match((await later.submit({ code: await phone.next() })).text, /Hello ada, proven twice/);

  // What came back with one browser opens nothing in another.
  const victim = new Browser();
  await victim.ask("POST", app, login);
  const crossed = await victim.get(`${app}second-step?challenge=another&code=x`);
  assert.equal(crossed.status, 403);
});

test("an assertion is checked offline, and says what was agreed to", async () => {
  const user = { external_id: "grace", name: "Grace" };
  const opened = await call(server, key, "POST", "/v1/service/challenges", { user }, 201);
  const browser = new Browser();
  await browser.get(opened.url);
  const phone = new Authenticator(otpauth(await browser.get(`${server.origin}/prove/totp`)));
  await browser.submit({ code: await phone.next() });
  await browser.submit({}, "/prove/done");

  const transaction = "pay 90 EUR to Zoë";
  const { id } = await call(server, key, "POST", "/v1/service/challenges", { user, transaction }, 201);
  const verified = await call(server, key, "POST", `/v1/service/challenges/${id}/verify`, { code: await phone.next() });
  const [header, claims, signature] = verified.assertion.split(".");
  const { kid, alg, typ } = JSON.parse(Buffer.from(header, "base64url"));
  assert.deepEqual([alg, typ], ["EdDSA", "mfa-assertion+jwt"]);
  const { keys } = (await request(server.base, "GET", "/.well-known/jwks.json")).json;
  const jwk = keys.find((one) => one.kid === kid);
  const holds = (text) => verify(null, Buffer.from(text), createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(signature, "base64url"));
  assert.ok(holds(`${header}.${claims}`));
  const told = JSON.parse(Buffer.from(claims, "base64url"));
  assert.deepEqual([told.sub, told.transaction, told.amr, told.iss], ["grace", transaction, ["otp"], server.origin]);
  assert.ok(told.exp - told.iat <= 300);
  const forged = Buffer.from(JSON.stringify({ ...told, transaction: "pay 9000 EUR" })).toString("base64url");
  assert.ok(!holds(`${header}.${forged}`));
});
