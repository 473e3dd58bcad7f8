// Every hosted page, as it looks to axe-core, by day and by night, on a phone's width. Pictures of them are left in
// target/screenshots.
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Chromium } from "../harness/chromium.mjs";
import { mailedLink } from "../harness/mailbox.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { looking } from "./look.mjs";

const server = await serve(after);
const base = server.origin;
const browser = await Chromium.start(after);
const look = looking(browser);
const EMAIL = "ada@example.com", PASSWORD = "Lighthouse-and-27-lanterns";

for (const page of ["sign-in", "sign-up", "sign-in/mail", "password", "recovery", "recovery/status"]) {
  test(`/${page}`, async () => {
    await browser.open(`${base}/${page}`);
    await look(page.replaceAll("/", "-"));
  });
}

let app;

test("the account, before and after a second factor", async () => {
  await browser.open(`${base}/sign-up`);
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Create the account");
  await browser.at("/account");
  await look("account-bare");
  await browser.open(`${base}/account/passkey`);
  await look("passkey");
  await browser.open(`${base}/account/totp`);
  await look("totp");
  app = new Authenticator(await browser.run(`document.querySelector('a[href^="otpauth:"]').href`));
  await browser.type("#code", await app.next());
  await browser.click("Confirm");
  await browser.until(`document.querySelectorAll(".codes li").length === 10`);
  await look("backup-codes");
  await browser.keepCodes();
  await browser.at("/account");
  await look("account");
});

test("the second step, and a wrong code", async () => {
  await browser.click("Sign out");
  await browser.at("/sign-in");
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Sign in");
  await browser.at("/challenge");
  await look("challenge");
  await browser.type("#code", "000000");
  await browser.click("Confirm");
  await browser.until(`document.querySelector("[role=alert]")`);
  await look("challenge-wrong");
});

test("a mailed link, and a recovery from its first page to being stopped", async () => {
  await browser.open(`${base}/recovery`);
  const { origin } = server;
  await fetch(`${base}/better-auth/api/auth/sign-in/magic-link`, {
    method: "POST", headers: { origin, "content-type": "application/json" }, body: JSON.stringify({ email: "nia@example.com" }),
  });
  const link = await mailedLink(server.home, "nia@example.com");
  await browser.open(`${base}${link.pathname}${link.search}`);
  await look("magic-link");
  await browser.open(`${base}/recovery/begin?token=x`);
  await look("recovery-begin");
  await browser.open(`${base}/recovery/stop?token=x`);
  await look("recovery-over");
});
