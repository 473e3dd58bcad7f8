// The pages in a real browser with JavaScript switched off: from an application behind a proxy to signing in, a
// second factor, and back.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Chromium } from "../harness/chromium.mjs";
import { Authenticator } from "../harness/totp.mjs";

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
const server = await serve(after, { port, env: { COUNTERSIGN_FORWARD_AUTH_HOSTS: `app.localhost:${port}` } });
const base = server.origin;
const browser = await Chromium.start(after, { scripts: false });
const EMAIL = "ada@example.com", PASSWORD = "Lighthouse-and-27-lanterns";
let app;

test("somebody signs up and adds an authenticator app", async () => {
  await browser.open(`${base}/sign-up`);
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Create the account");
  await browser.at("/account");
  await browser.click("Add an authenticator app");
  await browser.at("/account/totp");
  app = new Authenticator(await browser.run(`document.querySelector('a[href^="otpauth:"]').href`));
  await browser.type("#code", await app.next());
  await browser.click("Confirm");
  await browser.until(`document.querySelectorAll(".codes li").length === 10`);
  await browser.keepCodes();
  await browser.at("/account");
});

test("an application's visitor signs in with both steps and ends up there", async () => {
  await browser.click("Sign out");
  await browser.at("/sign-in");
  const place = encodeURIComponent(`http://app.localhost:${port}/reports`);
  await browser.open(`${base}/forward-auth/hop?return_to=${place}&state=${Buffer.alloc(32, 7).toString("base64url")}`);
  await browser.at("/sign-in");
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Sign in");
  await browser.at("/challenge");
  await browser.type("#code", await app.next());
  await browser.click("Confirm");
  await browser.at("/challenge/trust");
  await browser.click("Trust this browser");
  await browser.until(`location.hostname === "app.localhost" && location.search.includes("countersign_code=")`);
  assert.deepEqual(browser.complaints.filter((one) => !/favicon/.test(one)), []);
});
