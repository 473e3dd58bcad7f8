// One whole life of an account, with real clicks: from signing up to losing the phone and getting back in; with the
// pages' scripts, or in a browser that runs none.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Chromium } from "../harness/chromium.mjs";
import { mailedLink, mailedWayOut } from "../harness/mailbox.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { looking } from "./look.mjs";

export async function live({ scripts }) {
  const server = await serve(after, { env: { COUNTERSIGN_EMAIL_VERIFICATION: "required" } });
  const base = server.origin;
  const browser = await Chromium.start(after, { scripts });
  // axe-core is a script, and the pages are the same.
  const look = scripts ? looking(browser) : async () => {};
  const EMAIL = "ada@example.com", PASSWORD = "Lighthouse-and-27-lanterns";
  let phone, sheet, secret = PASSWORD;

  const mentions = (words) => browser.until(`document.body.textContent.includes(${JSON.stringify(words)})`);

  async function password(word = secret) {
    await browser.open(`${base}/sign-in`);
    await browser.type("#email", EMAIL);
    await browser.type("#password", word);
    await browser.click("Sign in");
  }

  async function signOut() {
    await browser.open(`${base}/account`);
    await browser.click("Sign out");
    await browser.at("/sign-in");
  }

  /** Shows the page for an app, types its code, and keeps the sheet that comes of it. */
  async function enrolApp() {
    await browser.at("/account/totp");
    phone = new Authenticator(await browser.run(`document.querySelector('a[href^="otpauth:"]').href`));
    await browser.type("#code", await phone.next());
    await browser.click("Confirm");
    await browser.until(`document.querySelectorAll(".codes li").length === 10`);
    sheet = await browser.run(`[...document.querySelectorAll(".codes li")].map((item) => item.textContent)`);
  }

  test("sign up, verify the address, sign in", async () => {
    await browser.open(`${base}/sign-up`);
    await browser.type("#name", "Ada");
    await browser.type("#email", EMAIL);
    await browser.type("#password", PASSWORD);
    await browser.click("Create the account");
    const link = await mailedLink(server.home, EMAIL);
    await browser.open(`${base}${link.pathname}${link.search}`);
    await look("verify-email");
    await browser.click("It is mine");
    await mentions("verified");
    await password();
    await browser.at("/account");
  });

  test("enrol, and keep the backup codes by every button", async () => {
    await browser.click("Add an authenticator app");
    await enrolApp();
    const buttons = await browser.run(`[...document.querySelectorAll("[data-copy], [data-print]")].filter((one) => !one.hidden).map((one) => one.innerText)`);
    assert.deepEqual(buttons, scripts ? ["Copy", "Print"] : []);
    await browser.keepCodes();
    await browser.at("/account");
  });

  test("sign in with the second step, trust the browser, and be spared it", async () => {
    await signOut();
    await password();
    await browser.at("/challenge");
    // Six digits send themselves, where anything runs that could.
    await browser.type("#code", await phone.next());
    if (!scripts) await browser.click("Confirm");
    await browser.at("/challenge/trust");
    await mentions("for 30 days");
    await look("trust");
    await browser.click("Trust this browser");
    await browser.at("/account");
    assert.match(await browser.text(), /Trusted browsers/);
    await look("account-trusted");
    await signOut();
    await password();
    await browser.at("/account");
  });

  test("what changes factors asks for a fresh proof, and goes on after it", async () => {
    await browser.click("Make new ones");
    await browser.at("/step-up");
    await look("step-up");
    await browser.type("#code", await phone.next());
    await browser.click("Confirm");
    await browser.at("/account");
    await browser.click("Make new ones");
    await browser.until(`document.querySelectorAll(".codes li").length === 10`);
    const fresh = await browser.run(`[...document.querySelectorAll(".codes li")].map((item) => item.textContent)`);
    assert.ok(fresh.every((code) => !sheet.includes(code)));
    sheet = fresh;
  });

  test("a second app, on a tablet, opens the door as well", async () => {
    await browser.open(`${base}/account`);
    await browser.click("Add another authenticator app");
    await browser.at("/account/totp");
    await look("totp-another");
    const tablet = new Authenticator(await browser.run(`document.querySelector('a[href^="otpauth:"]').href`));
    await browser.type("#name", "Tablet");
    await browser.type("#code", await tablet.next());
    await browser.click("Confirm");
    await browser.at("/account");
    await mentions("Tablet");
    await look("account-two-apps");
    await signOut();
    await password();
    await browser.at("/challenge");
    await browser.type("#code", await tablet.next());
    if (!scripts) await browser.click("Confirm");
    await browser.at("/challenge/trust");
    await browser.open(`${base}/account`);
  });

  test("a notice that nobody expected: one click ends everything, and a new password begins anew", async () => {
    const link = await mailedWayOut(server.home, EMAIL);
    await browser.open(`${base}${link.pathname}${link.search}`);
    await mentions("Your second factors stay");
    await look("not-me");
    await browser.click("It was not me: end it all");
    await mentions("Nobody is signed in any more");
    await look("not-me-done");
    await password();
    await mentions("not right");
    await browser.open(`${base}/password`);
    await browser.type("#email", EMAIL);
    await browser.click("Mail me a link");
    let set;
    for (let count = 1; set?.pathname !== "/password/set"; count++) set = await mailedLink(server.home, EMAIL, count);
    await browser.open(`${base}${set.pathname}${set.search}`);
    secret = "Harbour-and-12-lanterns";
    await browser.type("#password", secret);
    await browser.click("Set the password");
    await mentions("The new password is set");
    await password();
    await browser.at("/challenge");
    await browser.type("#code", await phone.next());
    if (!scripts) await browser.click("Confirm");
    await browser.at("/challenge/trust");
    await browser.click("Not now");
    await browser.at("/account");
    assert.doesNotMatch(await browser.text(), /Trusted browsers/);
  });

  test("the phone is elsewhere: a code of the sheet gets in, and is struck out", async () => {
    await signOut();
    await password();
    await browser.at("/challenge");
    await browser.type("#code", sheet[2]);
    await browser.click("Confirm");
    await browser.at("/challenge/backup-code");
    await mentions("9 of 10 are left");
    await look("backup-code");
    await browser.click("Go on");
    await browser.at("/account");
    await browser.click("Which were used");
    await mentions("No. 3");
    await look("account-code-used");
  });

  test("the phone is gone: mailbox and sheet open the account, and a new factor comes first", async () => {
    await browser.send("Network.clearBrowserCookies");
    await password();
    await browser.at("/challenge");
    await browser.click("None of these works");
    await browser.at("/recovery");
    // Who it is, the open challenge knows.
    await browser.click("button");
    await mentions("mail");
    let link;
    // Other mails have links, too; this one leads to the page that begins it.
    for (let count = 1; !link?.pathname.startsWith("/recovery"); count++) link = await mailedLink(server.home, EMAIL, count);
    await browser.open(`${base}${link.pathname}${link.search}`);
    await look("recovery-mailed");
    await browser.click("button");
    await browser.until(`document.querySelector("#backup_code")`);
    await look("recovery-waiting");
    await browser.type("#backup_code", sheet[0]);
    await browser.type("#new_password", "Another-Lighthouse-38");
    await browser.click("Get back in");
    await enrolApp();
    await browser.keepCodes();
    await browser.at("/account");
    assert.doesNotMatch(await browser.text(), /Trusted browsers/);
    await look("account-recovered");
    await signOut();
    await password();
    await mentions("not right");
    secret = "Another-Lighthouse-38";
    await password();
    await browser.at("/challenge");
  });

  test("the account ends where its owner says so", async () => {
    await browser.type("#code", await phone.next());
    await browser.click("Confirm");
    await browser.at("/challenge/trust");
    await browser.click("Not now");
    await browser.at("/account");
    await browser.click("Delete this account");
    await browser.type("#password", "not it");
    await browser.click("Delete my account");
    await mentions("Nothing was deleted");
    await browser.open(`${base}/account`);
    await browser.click("Delete this account");
    await browser.type("#password", secret);
    await browser.click("Delete my account");
    await mentions("Your account is gone");
    await password();
    await mentions("not right");
  });
}
