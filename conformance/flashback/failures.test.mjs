// Flashback's client reads a failure's body only if it says application/json: every failure must.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { request } from "../harness/wire.mjs";
import { Client } from "./client.mjs";
import { refused, registered, TOTP } from "./person.mjs";

const server = await serve(after);

const BEARER_ONLY = [
  ["GET", "user/profile"],
  ["GET", "sessions"],
  ["POST", "sessions/revoke-all"],
  ["POST", "sessions/00000000-0000-4000-8000-000000000000/revoke"],
  ["POST", "sessions/00000000-0000-4000-8000-000000000000/heartbeat"],
  ["GET", "devices"],
  ["GET", "mfa/status"],
  ["GET", "mfa/methods"],
  ["POST", "mfa/setup", { mfaType: TOTP }],
  ["POST", "mfa/verify-setup", { mfaType: TOTP, code: "123456" }],
  ["POST", "mfa/verify-login", { mfaType: TOTP, code: "123456" }],
  ["POST", "mfa/enable", { mfaType: TOTP }],
  ["POST", "mfa/disable", { mfaType: TOTP }],
  ["POST", "mfa/primary", { mfaType: TOTP }],
  ["POST", "mfa/reset", { enable: false }],
  ["POST", "mfa/organization/enforce", { enforced: true }],
  ["POST", "mfa/magic-link/send"],
  ["POST", "mfa/passkey/auth-options"],
  ["POST", "mfa/passkey/complete-registration", { credential: {}, challenge: "AAAA" }],
];
for (const [what, client] of [
  ["no bearer", new Client(server.base)],
  ["a nonsensical bearer", new Client(server.base).setAuthToken("nonsense")],
  ["an unsigned bearer", new Client(server.base).setAuthToken("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJ1c2VySWQiOiIxIn0.")],
]) {
  test(`with ${what}, everything that needs one is 401`, async () => {
    for (const [method, path, body] of BEARER_ONLY) {
      await refused(401, client.call(method, path, body)).catch((failure) => {
        throw new Error(`${method} ${path}: ${failure.message}`);
      });
    }
  });
}

const WITH_BODY = [...BEARER_ONLY.filter(([, , body]) => body).map(([, path]) => path).filter((path) => !/passkey|reset/.test(path)),
  "user/register", "user/login", "user/refresh", "mfa/magic-link/activate"];
for (const [what, body] of [
  ["cut off", '{"mfaType":'],
  ["a list", "[]"],
  ["not UTF-8", Buffer.from([0xff, 0xfe])],
  ["nothing", ""],
  ["without members", "{}"],
]) {
  test(`a body that is ${what} is 400`, async () => {
    const grace = await registered(server);
    for (const path of WITH_BODY) {
      const headers = { authorization: `Bearer ${grace.accessToken}`, "content-type": "application/json" };
      fails([400], await request(server.base, "POST", `/${path}`, { body, headers }), path);
    }
  });
}

test("a method nobody knows is 400", async () => {
  const grace = await registered(server);
  for (const mfaType of ["SMS", "google_auth", 7, null]) {
    await refused(400, grace.client.setupMFA({ mfaType }), typeof mfaType === "string" ? { error: "Invalid MFA type specified" } : {});
    await refused(400, grace.client.verifyMFALogin({ mfaType, code: "123456" }));
    await refused(400, grace.client.disableMFA(mfaType));
  }
});

test("codes of the wrong type or shape are 400", async () => {
  const grace = await (await registered(server)).enrolTotp();
  const other = grace.another();
  await other.logIn();
  // Few enough that they would leave room even if each counted as a guess.
  for (const code of [123456, "12345", "１２３４５６", undefined]) {
    await refused(400, other.client.verifyMFALogin({ mfaType: TOTP, code }));
  }
  await other.prove({ mfaType: TOTP, code: await other.app.next() });
});

test("what is not there, below the prefix, and methods that are not allowed", async () => {
  const headers = { authorization: "Bearer nonsense" };
  fails([404], await request(server.base, "GET", "/flashback/mfa/nothing", { headers }));
  fails([404], await request(server.base, "POST", "/flashback/user/nothing", { headers, body: {} }));
  fails([404, 405], await request(server.base, "GET", "/flashback/mfa/setup", { headers }));
  fails([404, 405], await request(server.base, "GET", "/mfa/setup", { headers }));
});

test("a body-less POST says so and nothing about its type", async () => {
  const grace = await registered(server);
  const headers = { authorization: `Bearer ${grace.accessToken}`, "content-length": 0, accept: "*/*" };
  const answer = await request(server.base, "POST", "/sessions/revoke-all", { headers });
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.setCookie, [], "tokens travel in bodies");
});

function fails(statuses, answer, what = "") {
  assert.ok(statuses.includes(answer.status), `${what} ${answer.status} ${answer.text}`);
  assert.match(answer.headers["content-type"] ?? "", /^application\/json\b/, what);
  assert.equal(answer.json?.success, false, `${what} ${answer.text}`);
}
