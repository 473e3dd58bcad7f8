// The pages for administrators, and those to which applications send their people.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Home, Server } from "../harness/binary.mjs";
import { Chromium } from "../harness/chromium.mjs";
import { mailedCode } from "../harness/mailbox.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { call, serviceKey } from "../service/applications.mjs";
import { run } from "../wire/program.mjs";
import { looking } from "./look.mjs";

// Eight by eight red points.
const LOGO = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEUlEQVR42mPoErXAihiGlgQAFYM1wcsIRvgAAAAASUVORK5CYII=";
const EMAIL = "ada@example.com", PASSWORD = "Lighthouse-and-27-lanterns";
const home = new Home();
const browser = await Chromium.start(after);
const look = looking(browser);
let server, key;

async function start() {
  server = await Server.start(home, { env: { COUNTERSIGN_SMS: `sink:${home.mail}` } });
}
after(async () => {
  await server.kill();
  home.remove();
});

/** An account made on the page, which the operator of the machine then puts in charge. */
before(async () => {
  await start();
  await browser.open(`${server.origin}/sign-up`);
  await browser.type("#email", EMAIL);
  await browser.type("#password", PASSWORD);
  await browser.click("Create the account");
  await browser.at("/account");
  await server.stop();
  const env = { COUNTERSIGN_MAIL: `sink:${home.mail}` };
  const { code, err } = await run(["administrator", EMAIL, "--data-dir", home.data], { env });
  assert.equal(code, 0, err);
  key = await serviceKey(home, "http://localhost:1/back");
  await start();
});

test("an administrator finds their way from the account through every page", async () => {
  // The browser is signed in still: hosts, not ports, tell cookies apart.
  await browser.open(`${server.origin}/account`);
  await call(server, key, "PUT", "/v1/service/users/customer-7", { name: "Grace Hopper", email: "grace@example.com" });
  await browser.click("Administration");
  await browser.at("/admin");
  await look("admin");
  await browser.click("People");
  await browser.at("/admin/people");
  await look("admin-people");
  await browser.click("Grace Hopper (grace@example.com)");
  await browser.until(`document.querySelector("#reason")`);
  await look("admin-person");
  await browser.type("#reason", "called back on the number we know");
  await browser.click("Reset Grace Hopper (grace@example.com)");
  await browser.until(`document.body.textContent.includes("called back on the number")`);
  await browser.click("Rules");
  await browser.at("/admin/policy");
  await browser.click("input[name=required]");
  await browser.click("Forecast: whom would this stop?");
  await browser.until(`document.body.textContent.includes("would stop 1 of 2")`);
  await look("admin-policy");
  // From a day on: whoever signs in until then may put it off.
  const day = new Date(Date.now() + 20 * 86_400_000).toISOString().slice(0, 10);
  await browser.run(`document.querySelector("#from").value = "${day}"`);
  await browser.click("Apply");
  await browser.until(`document.querySelector("#from")?.defaultValue === "${day}"`);
  await browser.open(`${server.origin}/account/due?return_to=/account`);
  assert.match(await browser.text(), new RegExp(`From ${day} on`));
  await look("due");
  await browser.click("Not now");
  await browser.at("/account");
  await look("account-due");
  await browser.open(`${server.origin}/admin/policy`);
  await browser.click("Keys and webhooks");
  await browser.at("/admin/keys");
  await browser.type("#name", "Shop");
  await browser.click("Make a key");
  await browser.until(`document.querySelector(".secret")`);
  await look("admin-keys");
  await browser.click("Journal");
  await browser.at("/admin/journal");
  await look("admin-journal");
});

test("an organisation's own name, colour and logo, on every page from here on, in German", async () => {
  await browser.open(`${server.origin}/admin/brand?lang=de`);
  await browser.type("#name", "Bäckerei Zöld");
  await browser.type("#colour", "#ffcc00");
  await browser.choose("#logo", Buffer.from(LOGO, "base64"));
  await browser.click("Speichern");
  await browser.until(`document.querySelector("[role=alert]")?.innerText.includes("#846a00")`);
  await browser.type("#colour", "#8a1538");
  await browser.choose("#logo", Buffer.from(LOGO, "base64"));
  await browser.click("Speichern");
  await browser.until(`document.querySelector(".brand img")?.naturalWidth === 8`);
  // The last look was at night: the colour is lighter then.
  assert.equal(await browser.run(`getComputedStyle(document.querySelector("main button")).backgroundColor`), "rgb(189, 123, 143)");
  await look("admin-brand");
  await browser.open(`${server.origin}/account`);
  await look("account-german");
  await browser.open(`${server.origin}/admin/people`);
  await look("admin-people-german");
  await browser.open(`${server.origin}/account?lang=en`);
});

test("an application's person enrols by mail, and agrees to something", async () => {
  const user = { external_id: "customer-7", email: "grace@example.com", phone: "+49 151 12345678" };
  const opened = await call(server, key, "POST", "/v1/service/challenges", { user, reason: "signing in" }, 201);
  await browser.open(opened.url);
  await browser.at("/prove");
  await look("prove-enrol");
  await browser.open(`${server.origin}/prove/sms`);
  assert.equal(await browser.run(`document.querySelector("#phone").value`), user.phone);
  await look("prove-sms");
  await browser.open(`${server.origin}/prove/passkey`);
  await look("prove-passkey");
  await browser.open(`${server.origin}/prove/totp`);
  await look("prove-totp");
  await browser.click("Another way");
  await browser.at("/prove");
  await browser.open(`${server.origin}/prove/email`);
  await browser.click("Mail me a code");
  await browser.until(`document.querySelector("#code")`);
  await look("prove-email");
  await browser.type("#code", await mailedCode(home, user.email));
  await browser.click("Confirm");
  await browser.until(`document.body.textContent.includes("Go back to Shop")`);
  await look("prove-done");

  const transaction = "pay 90 EUR to Zoë";
  const again = await call(server, key, "POST", "/v1/service/challenges", { user, transaction }, 201);
  await browser.open(again.url);
  await browser.until(`document.body.textContent.includes("${transaction}")`);
  await look("prove");
});

test("a phone and a mailbox are enrolled from the account", async () => {
  await browser.open(`${server.origin}/account/email`);
  await look("account-email");
  await browser.open(`${server.origin}/account/sms`);
  await look("account-sms");
  await browser.open(`${server.origin}/account/totp`);
  const app = new Authenticator(await browser.run(`document.querySelector('a[href^="otpauth:"]').href`));
  await browser.type("#code", await app.next());
  await browser.click("Confirm");
  await browser.until(`document.querySelectorAll(".codes li").length === 10`);
});
