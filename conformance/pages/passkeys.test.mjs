// The hosted pages in a real browser with a virtual authenticator: every way a passkey is used, and goes wrong.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serve } from "../harness/binary.mjs";
import { Chromium } from "../harness/chromium.mjs";
import { looking } from "./look.mjs";

const SHOTS = fileURLToPath(new URL("../../target/screenshots", import.meta.url));
const server = await serve(after);
const base = server.origin;
const EMAIL = "ada@example.com", PASSWORD = "Lighthouse-and-27-lanterns";
const browser = await Chromium.start(after);
const key = await browser.authenticator();
const look = looking(browser);

async function signOut() {
  // Or the sign-in page would sign in again by itself.
  await key.touches(false);
  await browser.open(`${base}/account`);
  await browser.click("Sign out");
  await browser.at("/sign-in");
}

async function withPassword() {
  await key.touches(false);
  await browser.open(`${base}/sign-in`);
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Sign in");
}

test("somebody signs up and adds a passkey", async () => {
  await browser.open(`${base}/sign-up`);
  await browser.shoot(SHOTS, "sign-up");
  await browser.type("#name", "Ada Lovelace");
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Create the account");
  await browser.at("/account");
  await browser.click("Add a passkey");
  await browser.at("/account/passkey");
  await browser.shoot(SHOTS, "passkey");
  await browser.type("#name", "Laptop");
  await browser.click("Add the passkey");
  await browser.until(`document.querySelectorAll(".codes li").length === 10`);
  await browser.shoot(SHOTS, "backup-codes");
  await browser.keepCodes();
  await browser.at("/account");
  assert.match(await browser.text(), /Laptop/);
  await browser.shoot(SHOTS, "account");
});

test("the same device is not added twice", async () => {
  await browser.open(`${base}/account/passkey`);
  await browser.click("Add the passkey");
  await browser.until(`document.querySelector("[data-problem]").innerText.includes("already")`);
  assert.equal((await key.credentials()).length, 1);
});

test("the address field suggests the passkey, and that is all it takes", async () => {
  await key.touches(false);
  await signOut();
  await browser.shoot(SHOTS, "sign-in");
  await key.touches(true);
  await browser.open(`${base}/sign-in`);
  await browser.at("/account");
});

test("one passkey is tried by itself", async () => {
  await browser.open(`${base}/account`);
  await browser.click("summary");
  await browser.click("Test this passkey");
  await browser.at("/account/passkey/test");
  assert.match(await browser.text(), /Test “Laptop”/);
  await look("passkey-test");
  await browser.click("Test this passkey");
  await browser.until(`document.querySelector("[role=status]")?.innerText.includes("It works")`);
});

test("the button signs in", async () => {
  await key.touches(false);
  await signOut();
  await browser.open(`${base}/sign-in`);
  await browser.click("Use a passkey");
  await key.touches(true);
  await browser.at("/account");
});

test("after the password, the passkey is the second step", async () => {
  await signOut();
  await withPassword();
  await browser.at("/challenge");
  await browser.shoot(SHOTS, "challenge");
  await key.touches(true);
  await browser.click("form[data-passkey] button");
  await browser.at("/challenge/trust");
  await browser.click("Not now");
  await browser.at("/account");
});

test("unverified, it is one factor: the password is asked for", async () => {
  await key.touches(false);
  await signOut();
  await browser.open(`${base}/sign-in`);
  await key.saysUnverified(true);
  await browser.click("Use a passkey");
  await key.touches(true);
  await browser.at("/challenge");
  await key.saysUnverified(false);
  assert.match(await browser.text(), /Your password/);
  await browser.type("#password", PASSWORD);
  await browser.click("Confirm with the password");
  await browser.at("/challenge/trust");
  await browser.click("Not now");
  await browser.at("/account");
});

test("where verification is required and fails, the page says so and nothing changes", async () => {
  await key.verifies(false);
  await browser.open(`${base}/step-up?return_to=/account`);
  await browser.click("form[data-passkey] button");
  await browser.until(`!document.querySelector("[data-problem]").hidden`);
  assert.match(await browser.text(), /Cancelled/);
  await key.verifies(true);
  await browser.click("form[data-passkey] button");
  await browser.at("/account");
});

test("a copied passkey is suspended", async () => {
  const [credential] = await key.credentials();
  await key.touches(false);
  await signOut();
  await key.remove(credential.credentialId);
  await key.add({ ...credential, signCount: 1 });
  await browser.open(`${base}/sign-in`);
  await browser.click("Use a passkey");
  await key.touches(true);
  await browser.until(`!document.querySelector("[data-problem]").hidden`);
  await withPassword();
  await browser.at("/challenge");
});

test("no page broke its own policy, and no script failed", () => {
  assert.deepEqual(browser.complaints.filter((one) => !/favicon/.test(one)), []);
});
