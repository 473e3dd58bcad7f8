// What the official client sees when it calls too often. The limits are on here, unlike in the other files.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Browser, ok } from "../browser.mjs";
import { genuine, serve } from "../../harness/binary.mjs";

const server = await serve(after, { env: { COUNTERSIGN_RATE_LIMITS: "on" } });

test("too many sign-ins are 429 and say when to come back", async () => {
  const browser = new Browser(server);
  let error = null;
  let calls = 0;
  while (error?.status !== 429 && calls < 50) {
    calls += 1;
    ({ error } = await browser.auth.signIn.email({ email: "nobody@example.com", password: "whatever-1" }));
  }
  assert.equal(error.status, 429, `no limit within ${calls} calls`);
  assert.ok(calls > 3, `three tries in ten seconds are allowed, but call ${calls} was refused`);
  assert.equal(error.message, "Too many requests. Please try again later.");
  assert.equal(error.statusText, "Too Many Requests");
  const { headers } = browser.replies.at(-1);
  assert.match(headers.get("x-retry-after"), /^[1-9][0-9]*$/);
  assert.match(headers.get("content-type"), /^application\/json/);
  if (!genuine) {
    assert.equal(typeof error.code, "string");
    assert.equal(headers.get("retry-after"), headers.get("x-retry-after"));
  }
});

test("the session stays readable meanwhile", async () => {
  const { auth } = new Browser(server);
  for (let call = 0; call < 20; call++) assert.equal(await ok(auth.getSession()), null);
});
