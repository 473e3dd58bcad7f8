// The second factor through the official client: enrol, be asked, answer in every way there is.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { askedForMore, Browser, challenged, enrolled, ok, refused, signedUp, whoAmI } from "../browser.mjs";
import { genuine, serve } from "../../harness/binary.mjs";
import { mailedCode } from "../../harness/mailbox.mjs";
import { Authenticator } from "../../harness/totp.mjs";
import { request } from "../../harness/wire.mjs";

const stricter = (why) => ({ skip: genuine && `stricter here: ${why}` });
const server = await serve(after);

test("enabling hands out an authenticator URI and ten backup codes, and changes nothing yet", async () => {
  const someone = await signedUp(server);
  const enable = await ok(someone.auth.twoFactor.enable({ password: someone.person.password }));
  assert.equal(enable.method, "totp");
  const uri = new URL(enable.totpURI);
  assert.equal(uri.protocol, "otpauth:");
  assert.match(enable.totpURI, /^otpauth:\/\/totp\//);
  assert.ok(decodeURIComponent(uri.pathname).endsWith(`:${someone.person.email}`), uri.pathname);
  assert.match(uri.searchParams.get("secret"), /^[A-Z2-7]{32,}$/);
  assert.equal(uri.searchParams.get("digits"), "6");
  assert.equal(uri.searchParams.get("period"), "30");
  assert.ok(uri.searchParams.get("issuer"));
  assert.equal(new Set(enable.backupCodes).size, 10);
  assert.equal((await whoAmI(someone)).user.twoFactorEnabled, false);
});

test("the issuer can be named by the caller", async () => {
  const { auth, person } = await signedUp(server);
  const { totpURI } = await ok(auth.twoFactor.enable({ password: person.password, issuer: "Acme & Sons" }));
  assert.equal(new URL(totpURI).searchParams.get("issuer"), "Acme & Sons");
});

test("enabling needs the password", async () => {
  const { auth } = await signedUp(server);
  const error = await refused(auth.twoFactor.enable({ password: "not my password" }));
  assert.equal(error.status, 400);
  assert.equal(error.code, "INVALID_PASSWORD");
});

test("a confirming code turns the second factor on and replaces the session", async () => {
  const someone = await signedUp(server);
  const before = someone.browser.jar.header;
  const enable = await ok(someone.auth.twoFactor.enable({ password: someone.person.password }));
  const app = new Authenticator(enable.totpURI);
  const wrong = await refused(someone.auth.twoFactor.verifyTotp({ code: app.wrong() }));
  assert.deepEqual([wrong.status, wrong.code], [401, "INVALID_CODE"]);
  await ok(someone.auth.twoFactor.verifyTotp({ code: await app.next() }));
  assert.equal((await whoAmI(someone)).user.twoFactorEnabled, true);
  assert.notEqual(someone.browser.jar.header, before);
  const old = await request(server.base, "GET", "/api/auth/get-session", { headers: { cookie: before } });
  assert.equal(old.json, null);
});

test("the confirming reply names the live session", stricter("the original's token is dead by then"), async () => {
  const someone = await enrolled(server);
  assert.equal(someone.verify.user.twoFactorEnabled, true);
  assert.equal(someone.verify.token, (await whoAmI(someone)).session.token);
});

test("a confirmed authenticator cannot be enabled over", async () => {
  const { auth, person } = await enrolled(server);
  const error = await refused(auth.twoFactor.enable({ password: person.password }));
  assert.deepEqual([error.status, error.code], [400, "TOTP_ALREADY_ENABLED"]);
});

test("signing in asks for the second factor and gives no session before it", async () => {
  const someone = await enrolled(server);
  await ok(someone.auth.signOut());
  const data = await askedForMore(someone);
  assert.deepEqual(data, { twoFactorRedirect: true, twoFactorMethods: ["totp", "otp"] });
  assert.deepEqual(someone.browser.challenges[0].twoFactorMethods, ["totp", "otp"]);
  assert.equal(someone.browser.jar.value("session_token"), undefined);
  assert.equal(await whoAmI(someone), null);
});

test("a code from the authenticator completes the sign-in", async () => {
  const someone = await challenged(server);
  const data = await ok(someone.auth.twoFactor.verifyTotp({ code: await someone.app.next() }));
  const { session, user } = await whoAmI(someone);
  assert.equal(data.token, session.token);
  assert.equal(data.user.email, someone.person.email);
  assert.equal(user.twoFactorEnabled, true);
  assert.equal(someone.browser.jar.value("two_factor"), undefined);
});

test("a code works once", stricter("the original accepts it again for 90 seconds"), async () => {
  const someone = await challenged(server);
  const code = await someone.app.next();
  await ok(someone.auth.twoFactor.verifyTotp({ code }));
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  const error = await refused(someone.auth.twoFactor.verifyTotp({ code }));
  assert.deepEqual([error.status, error.code], [401, "INVALID_CODE"]);
  await ok(someone.auth.twoFactor.verifyTotp({ code: await someone.app.next() }));
});

test("one code in two browsers at once signs one of them in", stricter("the original lets both in"), async () => {
  const first = await challenged(server);
  const second = { ...first, browser: new Browser(server) };
  second.auth = second.browser.auth;
  await askedForMore(second);
  const code = await first.app.next();
  const answers = await Promise.all([first, second].map(({ auth }) => auth.twoFactor.verifyTotp({ code })));
  assert.deepEqual(answers.map(({ error }) => error?.status ?? 200).sort(), [200, 401]);
});

test("five wrong codes are refused, the sixth ends the challenge", async () => {
  const someone = await challenged(server);
  for (let n = 1; n <= 5; n++) {
    const error = await refused(someone.auth.twoFactor.verifyTotp({ code: someone.app.wrong() }));
    assert.deepEqual([error.status, error.code], [401, "INVALID_CODE"], `answer ${n}`);
  }
  const sixth = await refused(someone.auth.twoFactor.verifyTotp({ code: await someone.app.next() }));
  assert.deepEqual([sixth.status, sixth.code], [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"]);
  assert.equal(someone.browser.jar.value("two_factor"), undefined);
  const seventh = await refused(someone.auth.twoFactor.verifyTotp({ code: someone.app.wrong() }));
  assert.deepEqual([seventh.status, seventh.code], [401, "INVALID_TWO_FACTOR_COOKIE"]);
  assert.equal(await whoAmI(someone), null);
});

test("answers without a challenge are refused", async () => {
  const { auth } = new Browser(server);
  for (const call of [auth.twoFactor.verifyTotp, auth.twoFactor.verifyOtp, auth.twoFactor.verifyBackupCode]) {
    const error = await refused(call({ code: "123456" }));
    assert.deepEqual([error.status, error.code], [401, "INVALID_TWO_FACTOR_COOKIE"]);
  }
  assert.equal((await refused(auth.twoFactor.sendOtp())).code, "INVALID_TWO_FACTOR_COOKIE");
});

test("a code by mail completes the sign-in, once", async () => {
  const someone = await challenged(server);
  assert.deepEqual(await ok(someone.auth.twoFactor.sendOtp()), { status: true });
  const code = await mailedCode(server.home, someone.person.email);
  const wrong = await refused(someone.auth.twoFactor.verifyOtp({ code: code === "000000" ? "000001" : "000000" }));
  assert.deepEqual([wrong.status, wrong.code], [401, "INVALID_CODE"]);
  const data = await ok(someone.auth.twoFactor.verifyOtp({ code }));
  assert.equal(data.token, (await whoAmI(someone)).session.token);
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  const error = await refused(someone.auth.twoFactor.verifyOtp({ code }));
  assert.deepEqual([error.status, error.code], [400, "OTP_HAS_EXPIRED"]);
});

test("a backup code completes the sign-in, once", async () => {
  const someone = await challenged(server);
  const [code, other] = someone.backupCodes;
  await ok(someone.auth.twoFactor.verifyBackupCode({ code }));
  assert.equal((await whoAmI(someone)).user.email, someone.person.email);
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  const error = await refused(someone.auth.twoFactor.verifyBackupCode({ code }));
  assert.deepEqual([error.status, error.code], [401, "INVALID_BACKUP_CODE"]);
  await ok(someone.auth.twoFactor.verifyBackupCode({ code: other }));
});

test("backup codes have at least 64 bits", stricter("the original's have 59"), async () => {
  const { backupCodes } = await enrolled(server);
  for (const code of backupCodes) assert.match(code, /^[0-9A-Z]{4}(-[0-9A-Z]{4}){3}$/);
});

test("one backup code in two browsers at once signs one of them in", async () => {
  const first = await challenged(server);
  const second = { ...first, browser: new Browser(server) };
  second.auth = second.browser.auth;
  await askedForMore(second);
  const [code] = first.backupCodes;
  const answers = await Promise.all([first, second].map(({ auth }) => auth.twoFactor.verifyBackupCode({ code })));
  assert.equal(answers.filter(({ error }) => !error).length, 1);
});

test("a trusted browser is not asked again; another browser is", async () => {
  const someone = await challenged(server);
  await ok(someone.auth.twoFactor.verifyTotp({ code: await someone.app.next(), trustDevice: true }));
  assert.ok(someone.browser.jar.value("trust_device"));
  for (let n = 0; n < 2; n++) {
    await ok(someone.auth.signOut());
    const trust = someone.browser.jar.value("trust_device");
    const data = await ok(someone.auth.signIn.email({ email: someone.person.email, password: someone.person.password }));
    assert.equal(data.twoFactorRedirect, undefined);
    assert.equal(data.user.email, someone.person.email);
    assert.notEqual(someone.browser.jar.value("trust_device"), trust, "the trust is renewed on use");
  }
  const elsewhere = { ...someone, browser: new Browser(server) };
  elsewhere.auth = elsewhere.browser.auth;
  await askedForMore(elsewhere);
});

test("new backup codes replace the old ones", async () => {
  const someone = await enrolled(server);
  const wrong = await refused(someone.auth.twoFactor.generateBackupCodes({ password: "not my password" }));
  assert.equal(wrong.code, "INVALID_PASSWORD");
  const data = await ok(someone.auth.twoFactor.generateBackupCodes({ password: someone.person.password }));
  assert.equal(data.status, true);
  assert.equal(new Set([...data.backupCodes, ...someone.backupCodes]).size, 20);
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  const error = await refused(someone.auth.twoFactor.verifyBackupCode({ code: someone.backupCodes[0] }));
  assert.deepEqual([error.status, error.code], [401, "INVALID_BACKUP_CODE"]);
  await ok(someone.auth.twoFactor.verifyBackupCode({ code: data.backupCodes[0] }));
});

test("backup codes are refused to somebody without a second factor", async () => {
  const { auth, person } = await signedUp(server);
  const error = await refused(auth.twoFactor.generateBackupCodes({ password: person.password }));
  assert.deepEqual([error.status, error.code], [400, "TWO_FACTOR_NOT_ENABLED"]);
});

test("the URI can be read again with the password, right after enrolment", async () => {
  const { auth, person, app } = await enrolled(server);
  const { totpURI } = await ok(auth.twoFactor.getTotpUri({ password: person.password }));
  assert.equal(new URL(totpURI).searchParams.get("secret"), app.base32);
  assert.equal((await refused(auth.twoFactor.getTotpUri({ password: "not my password" }))).code, "INVALID_PASSWORD");
});

test("the URI does not exist before enrolment", async () => {
  const { auth, person } = await signedUp(server);
  const error = await refused(auth.twoFactor.getTotpUri({ password: person.password }));
  assert.deepEqual([error.status, error.code], [400, "TOTP_NOT_ENABLED"]);
});

test("disabling ends the questions and replaces the session", async () => {
  const someone = await enrolled(server);
  const before = someone.browser.jar.header;
  assert.equal((await refused(someone.auth.twoFactor.disable({ password: "not my password" }))).code, "INVALID_PASSWORD");
  assert.deepEqual(await ok(someone.auth.twoFactor.disable({ password: someone.person.password })), { status: true });
  assert.notEqual(someone.browser.jar.header, before);
  assert.equal((await whoAmI(someone)).user.twoFactorEnabled, false);
  await ok(someone.auth.signOut());
  const data = await ok(someone.auth.signIn.email({ email: someone.person.email, password: someone.person.password }));
  assert.equal(data.user.email, someone.person.email);
  assert.equal(someone.browser.challenges.length, 0);
});

test("after disabling, a new authenticator can be enrolled and the old backup codes are dead", async () => {
  const someone = await enrolled(server);
  await ok(someone.auth.twoFactor.disable({ password: someone.person.password }));
  const enable = await ok(someone.auth.twoFactor.enable({ password: someone.person.password }));
  const app = new Authenticator(enable.totpURI);
  assert.notEqual(app.base32, someone.app.base32);
  await ok(someone.auth.twoFactor.verifyTotp({ code: await app.next() }));
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  const error = await refused(someone.auth.twoFactor.verifyBackupCode({ code: someone.backupCodes[0] }));
  assert.equal(error.code, "INVALID_BACKUP_CODE");
  await ok(someone.auth.twoFactor.verifyTotp({ code: await app.next() }));
});

test("a second factor by mail alone needs no app", async () => {
  const someone = await signedUp(server);
  const enable = await ok(someone.auth.twoFactor.enable({ password: someone.person.password, method: "otp" }));
  assert.deepEqual(enable, { method: "otp" });
  assert.equal((await whoAmI(someone)).user.twoFactorEnabled, true);
  await ok(someone.auth.signOut());
  const data = await askedForMore(someone);
  assert.deepEqual(data.twoFactorMethods, ["otp"]);
  await ok(someone.auth.twoFactor.sendOtp());
  await ok(someone.auth.twoFactor.verifyOtp({ code: await mailedCode(server.home, someone.person.email) }));
  assert.equal((await whoAmI(someone)).user.email, someone.person.email);
});
