// No secret lies about: after journeys with known secrets and the most talkative log, neither the files of the data
// folder (database and write-ahead log, byte by byte) nor anything printed contains one of them in any usual form.
// The key file is a secret by nature and the mail sink holds mail by design: both are left out.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { Home, Server } from "../harness/binary.mjs";
import { mailedCode, mailedLink } from "../harness/mailbox.mjs";
import { enrolledPerson, expect } from "../harness/person.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { request } from "../harness/wire.mjs";
import { Browser, otpauth, serviceKey } from "../service/applications.mjs";
import { filesBelow, forms, search } from "./needles.mjs";

const NOT_SEARCHED = /master\.keys/;
const home = new Home();
const secrets = [];
let server, key;

const remember = (name, secret) => {
  assert.ok(secret?.length > 0, `no ${name} to remember`);
  secrets.push(...forms(name, secret));
};
/** Tokens as the jar has them, and as they are behind the percent-encoding and before the signature. */
const rememberCookie = (name, value) => {
  remember(name, value);
  const plain = decodeURIComponent(value);
  if (plain !== value) remember(`${name}, decoded`, plain);
  remember(`${name}, unsigned`, plain.slice(0, plain.lastIndexOf(".")));
};
const password = () => `Kanarienvogel & Sons, ${randomBytes(9).toString("base64url")}!`;

before(async () => {
  key = await serviceKey(home, "http://localhost:9/back");
  server = await Server.start(home, { env: { COUNTERSIGN_LOG: "trace", RUST_LOG: "trace", RUST_BACKTRACE: "1" } });
});
after(async () => {
  await server.kill();
  home.remove();
});

test("journeys with every kind of secret", async () => {
  const person = await enrolledPerson(server, password());
  const jar = () => person.caller.jar;
  remember("password", person.password);
  remember("TOTP seed", person.app.key);
  remember("TOTP seed in Base32", person.app.base32);
  remember("TOTP seed in base32", person.app.base32.toLowerCase());
  remember("otpauth URI", person.app.uri.href);
  for (const code of person.backupCodes) {
    remember("backup code", code);
    remember("backup code without dashes", code.replaceAll("-", ""));
    remember("backup code in lower case", code.toLowerCase());
  }
  rememberCookie("session token", jar().value("session_token"));

  // In by TOTP with a trusted device, after wrong answers.
  await person.arriveAt(server).openChallenge();
  rememberCookie("challenge token", jar().value("two_factor"));
  const wrong = person.app.wrong();
  expect(401, await person.post("/two-factor/verify-totp", { code: wrong }));
  remember("wrong code", wrong);
  expect(401, await person.post("/two-factor/verify-backup-code", { code: "WRNG-WRNG-WRNG-7777" }));
  remember("wrong backup code", "WRNG-WRNG-WRNG-7777");
  const code = await person.app.next();
  const inside = expect(200, await person.post("/two-factor/verify-totp", { code, trustDevice: true }));
  remember("TOTP code", code);
  rememberCookie("trusted device token", jar().value("trust_device"));
  rememberCookie("second session token", jar().value("session_token"));
  remember("token of the body", inside.json.token);

  // A signed token for others; new backup codes; a wrong password.
  const { json: jwt } = expect(200, await person.caller.get("/api/auth/token"));
  remember("signature of a JWT", jwt.token.split(".")[2]);
  const { json: fresh } = expect(200, await person.post("/two-factor/generate-backup-codes", { password: person.password }));
  for (const backup of fresh.backupCodes) remember("new backup code", backup);
  expect(400, await person.post("/two-factor/generate-backup-codes", { password: "Falscher Kanarienvogel 4711" }));
  remember("wrong password", "Falscher Kanarienvogel 4711");

  // In by a mailed code, and by a backup code.
  await person.arriveAt(server).openChallenge();
  expect(200, await person.post("/two-factor/send-otp", {}));
  const mailed = await mailedCode(home, person.email);
  remember("mailed code", mailed);
  expect(200, await person.post("/two-factor/verify-otp", { code: mailed }));
  await person.arriveAt(server).openChallenge();
  expect(200, await person.post("/two-factor/verify-backup-code", { code: fresh.backupCodes[0] }));

  // Bearer, with the token in a header.
  const bearer = jar().value("session_token");
  expect(200, await person.caller.get("/api/auth/get-session", { headers: { authorization: `Bearer ${decodeURIComponent(bearer)}` } }));

  // A forgotten password: once followed, once left lying.
  expect(200, await person.post("/request-password-reset", { email: person.email, redirectTo: "/here" }));
  const link = await mailedLink(home, person.email);
  const landing = await person.caller.get(link.pathname + link.search);
  const token = new URL(landing.headers.location, server.base).searchParams.get("token");
  remember("reset token", token);
  const next = password();
  remember("next password", next);
  expect(200, await person.post("/reset-password", { token, newPassword: next }));
  person.password = next;

  // A body that does not parse, with a secret in it; a secret where none belongs.
  const stray = "Verirrter-Kanarienvogel-0815";
  remember("stray secret", stray);
  await person.post("/sign-in/email", `{"email":"x@example.com","password":"${stray}"`, { headers: { "content-type": "application/json" } });
  await person.post("/sign-in/email", { email: "x@example.com", password: [stray] });
  await person.caller.get(`/api/auth/reset-password/${stray}?callbackURL=/here`);
  await person.caller.get(`/api/auth/verify-email?token=${stray}`);
  await person.caller.get("/api/auth/get-session", { headers: { authorization: `Bearer ${stray}`, cookie: `better-auth.session_token=${stray}` } });
});

test("an application with a login of its own", async () => {
  remember("service key", key);
  const user = { external_id: "customer-7", name: "Grace" };
  const post = (path, body, headers = {}) =>
    request(server.base, "POST", path, { body, headers: { authorization: `Bearer ${key}`, ...headers } });
  const keyed = { "idempotency-key": "once-and-for-all" };
  const opened = expect(201, await post("/v1/service/challenges", { user, return_url: "http://localhost:9/back" }, keyed)).json;
  remember("token of the page", new URL(opened.url).searchParams.get("token"));
  const browser = new Browser();
  await browser.get(opened.url);
  const phone = new Authenticator(otpauth(await browser.get(`${server.origin}/prove/totp`)));
  remember("customer's seed", phone.base32);
  const sheet = await browser.submit({ code: await phone.next() });
  for (const [, code] of sheet.text.matchAll(/<li>([^<]+)<\/li>/g)) remember("customer's backup code", code);
  // Nobody listens where it leads; the address is what matters here.
  await browser.submit({}, "/prove/done").catch(() => {});
  const code = new URL(browser.at).searchParams.get("code");
  remember("return code", code);
  const verify = `/v1/service/challenges/${opened.id}/verify`;
  const verified = expect(200, await post(verify, { return_code: code }, { "idempotency-key": "and-again" })).json;
  remember("assertion", verified.assertion);
  remember("signature of the assertion", verified.assertion.split(".")[2]);
});

test("nothing in the files while the server runs", () => assertClean("running"));
test("nothing after a crash and a restart", async () => {
  await server.kill();
  assertClean("crashed");
  const said = server.output;
  server = await Server.start(home, { env: { COUNTERSIGN_LOG: "trace", RUST_LOG: "trace" } });
  server.output = said + server.output;
});
test("nothing after an orderly stop, in the files or in what was printed", async () => {
  await server.stop();
  assertClean("stopped");
  assert.ok(server.output.length > 1000, "the log was to be talkative, or this proves little");
});

function assertClean(when) {
  const files = filesBelow(home.data, NOT_SEARCHED);
  assert.ok(files.reduce((sum, { bytes }) => sum + bytes.length, 0) > 1024, `${when}: where is the database?`);
  const hits = search(secrets, [...files, { name: "printed", bytes: Buffer.from(server.output) }]);
  const report = hits.map(({ needle, place, around }) => `${needle} in ${place}: ${around}`).join("\n");
  assert.equal(hits.length, 0, `${when}: ${hits.length} of ${secrets.length} forms found\n${report}`);
}
