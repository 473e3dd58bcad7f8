// Passkeys, magic links and mailed codes through the official clients, with a second factor in force and without.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { askedForMore, Browser, enrolled, newPerson, ok, refused, signedUp, whoAmI } from "../browser.mjs";
import { genuine, serve } from "../../harness/binary.mjs";
import { mailedCode, mailedLink } from "../../harness/mailbox.mjs";
import { Browser as Platform } from "../../harness/passkey.mjs";

const server = await serve(after);

/** The device whose authenticator answers from here on. */
function device() {
  const platform = new Platform(server.origin);
  platform.install();
  return platform;
}

test("a passkey is added, named, used to sign in, and removed", async () => {
  const platform = device();
  const home = await signedUp(server);
  const added = await ok(home.auth.passkey.addPasskey({ name: "laptop" }));
  assert.equal(added.name, "laptop");
  const listed = await ok(home.auth.$fetch("/passkey/list-user-passkeys"));
  assert.deepEqual(listed.map((one) => one.id), [added.id]);
  const again = await refused(home.auth.passkey.addPasskey({ name: "twice" }));
  assert.match(again.code, /REGISTERED/);
  const renamed = await ok(home.auth.passkey.updatePasskey({ id: added.id, name: "desk" }));
  assert.equal(renamed.passkey.name, "desk");

  const door = new Browser(server);
  const entered = await ok(door.auth.signIn.passkey());
  assert.equal(entered.user.email, home.person.email);
  assert.equal((await whoAmI(door)).user.twoFactorEnabled, true);
  await ok(door.auth.passkey.deletePasskey({ id: added.id }));
  platform.passkeys.splice(0, 0);
  assert.equal((await refused(new Browser(server).auth.signIn.passkey())).code, "PASSKEY_NOT_FOUND");
});

test("a passkey answers the second step after a password", { skip: genuine }, async () => {
  device();
  const home = await signedUp(server);
  await ok(home.auth.passkey.addPasskey());
  const door = new Browser(server);
  await askedForMore({ auth: door.auth, person: home.person, browser: door });
  assert.equal(await whoAmI(door), null);
  await ok(door.auth.signIn.passkey());
  assert.equal((await whoAmI(door)).user.email, home.person.email);
});

test("a passkey whose person was not verified leaves a second step", { skip: genuine }, async () => {
  const platform = device();
  const home = await enrolled(server);
  await ok(home.auth.passkey.addPasskey());
  platform.passkeys[0].verifies = false;
  const door = new Browser(server);
  const asked = await ok(door.auth.signIn.passkey());
  assert.equal(asked.twoFactorRedirect, true);
  assert.equal(await whoAmI(door), null);
});

test("a magic link signs in the browser that asked, once", async () => {
  const { email } = newPerson();
  const browser = new Browser(server);
  assert.deepEqual(await ok(browser.auth.signIn.magicLink({ email, name: "Nia" })), { status: true });
  const token = (await mailedLink(server.home, email)).searchParams.get("token");
  const entered = await ok(browser.auth.magicLink.verify({ query: { token } }));
  assert.deepEqual([entered.user.email, entered.user.emailVerified], [email, true]);
  assert.equal((await whoAmI(browser)).user.email, email);
});

test("a magic link opened elsewhere is a page, and spends nothing", { skip: genuine }, async () => {
  const { email } = newPerson();
  const browser = new Browser(server);
  await ok(browser.auth.signIn.magicLink({ email }));
  const link = await mailedLink(server.home, email);
  for (let turn = 0; turn < 3; turn += 1) {
    const page = await fetch(new URL(link.pathname + link.search, server.base), { redirect: "manual" });
    assert.deepEqual([page.status, page.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
  }
  await ok(browser.auth.magicLink.verify({ query: { token: link.searchParams.get("token") } }));
});

test("a second factor is asked for after a link and after a code", { skip: genuine }, async () => {
  const home = await enrolled(server);
  const door = new Browser(server);
  await ok(door.auth.signIn.magicLink({ email: home.person.email }));
  const token = (await mailedLink(server.home, home.person.email)).searchParams.get("token");
  const asked = await ok(door.auth.magicLink.verify({ query: { token } }));
  assert.deepEqual([asked.twoFactorRedirect, asked.twoFactorMethods], [true, ["totp"]]);
  assert.equal(await whoAmI(door), null);
});

test("a mailed code signs in where it was asked for", async () => {
  const { email } = newPerson();
  const browser = new Browser(server);
  assert.equal((await ok(browser.auth.emailOtp.sendVerificationOtp({ email, type: "sign-in" }))).success, true);
  const otp = await mailedCode(server.home, email);
  if (!genuine) assert.equal((await refused(new Browser(server).auth.signIn.emailOtp({ email, otp }))).code, "INVALID_OTP");
  const entered = await ok(browser.auth.signIn.emailOtp({ email, otp }));
  assert.equal(entered.user.email, email);
  assert.equal((await whoAmI(browser)).user.emailVerified, true);
});
