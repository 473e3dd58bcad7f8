// How a "no" reaches the code around the official client.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Browser, newPerson, ok, refused, signedUp } from "../browser.mjs";
import { serve } from "../../harness/binary.mjs";
import { request } from "../../harness/wire.mjs";

const server = await serve(after);

test("an error has a code, a message, a status and its text", async () => {
  const error = await refused(new Browser(server).auth.signIn.email({ email: "nobody@example.com", password: "whatever-1" }));
  assert.deepEqual({ ...error }, {
    code: "INVALID_EMAIL_OR_PASSWORD",
    message: "Invalid email or password",
    status: 401,
    statusText: "Unauthorized",
  });
});

test("unknown people and wrong passwords look the same", async () => {
  const { person } = await signedUp(server);
  const { auth } = new Browser(server);
  const wrong = await refused(auth.signIn.email({ email: person.email, password: "wrong-password-1" }));
  const unknown = await refused(auth.signIn.email({ email: newPerson().email, password: "wrong-password-1" }));
  assert.deepEqual(wrong, unknown);
});

test("a missing field is named", async () => {
  const { auth } = await signedUp(server);
  const error = await refused(auth.twoFactor.enable({}));
  assert.deepEqual([error.status, error.code], [400, "VALIDATION_ERROR"]);
  assert.equal(error.message, "[body.password] Invalid input: expected string, received undefined");
});

test("the schema speaks before the session", async () => {
  const error = await refused(new Browser(server).auth.twoFactor.enable({}));
  assert.deepEqual([error.status, error.code], [400, "VALIDATION_ERROR"]);
});

test("an unknown path is 404", async () => {
  const { auth } = await signedUp(server);
  const error = await refused(auth.twoFactor.nope({ any: "thing" }));
  assert.deepEqual([error.status, error.statusText], [404, "Not Found"]);
});

test("with `throw` the client throws", async () => {
  const { auth } = new Browser(server);
  await assert.rejects(
    auth.signIn.email({ email: "nobody@example.com", password: "whatever-1" }, { throw: true }),
    (error) => error.status === 401 && error.error.code === "INVALID_EMAIL_OR_PASSWORD",
  );
});

test("calls with a cookie need a known origin", async () => {
  const { browser } = await signedUp(server);
  const send = (origin) => request(server.base, "POST", "/api/auth/update-user", {
    headers: { cookie: browser.jar.header, ...(origin && { origin }) }, body: { name: "Mallory" },
  });
  assert.deepEqual([(await send()).status, (await send()).json.code], [403, "MISSING_OR_NULL_ORIGIN"]);
  assert.deepEqual([(await send("null")).status, (await send("null")).json.code], [403, "MISSING_OR_NULL_ORIGIN"]);
  const foreign = await send("https://evil.example");
  assert.deepEqual([foreign.status, foreign.json.code, foreign.json.message], [403, "INVALID_ORIGIN", "Invalid origin"]);
  assert.equal((await send(server.origin)).status, 200);
});

test("signing in from another site is refused even without a cookie", async () => {
  const body = newPerson();
  const send = (headers) => request(server.base, "POST", "/api/auth/sign-up/email", { headers, body });
  assert.equal((await send({ origin: "https://evil.example" })).status, 403);
  assert.equal((await send({ "sec-fetch-mode": "cors" })).status, 403);
  assert.equal((await send({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).status, 403);
  assert.equal((await send({})).status, 200, "a program that is no browser may");
});

test("redirects lead nowhere else", async () => {
  const { auth } = new Browser(server);
  for (const target of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/%2fevil.example"]) {
    const error = await refused(auth.signIn.email({ email: "a@example.com", password: "whatever-1", callbackURL: target }));
    assert.deepEqual([error.status, error.code], [403, "INVALID_CALLBACK_URL"], target);
  }
  const reset = await refused(auth.requestPasswordReset({ email: "a@example.com", redirectTo: "https://evil.example/" }));
  assert.deepEqual([reset.status, reset.code], [403, "INVALID_REDIRECT_URL"]);
});
