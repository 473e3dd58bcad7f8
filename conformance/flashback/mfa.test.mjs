// The second factor: enrolment, the partial token, its promotion, links by mail, backup codes, and the end of it.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Passkey } from "../harness/passkey.mjs";
import { Client } from "./client.mjs";
import { done, enrolled, LINK, Person, refused, registered, TOTP } from "./person.mjs";

const server = await serve(after);
const PENDING = { error_code: "MFA_REQUIRED", error: "MFA verification required" };

/** Signed in by password alone, with a second step due. */
async function halfway(person) {
  const other = person.another();
  await other.logIn();
  return other;
}

for (const prefix of ["", "/flashback"]) {
  test(`the whole way, at "${prefix}"`, async () => {
    const grace = await registered(server, { prefix });
    const { isEnabled, isRequired, isEnforced, enabledMethods, sessionVerified } = await grace.status();
    assert.deepEqual([isEnabled, isRequired, isEnforced, enabledMethods, sessionVerified], [false, false, false, [], true]);
    await refused(400, grace.client.enableMFA(TOTP));
    await grace.setUpTotp();
    assert.equal((await grace.status()).isEnabled, false, "setting up enables nothing");
    await refused(400, grace.client.verifyMFASetup({ mfaType: TOTP, code: grace.app.wrong() }), { error: "MFA setup verification failed" });
    done(await grace.client.verifyMFASetup({ mfaType: TOTP, code: await grace.app.next() }), "MFA setup verified and enabled");
    done(await grace.client.enableMFA(TOTP), "MFA method enabled");
    const status = await grace.status();
    assert.deepEqual([status.isEnabled, status.enabledMethods, status.primaryMethod, status.sessionVerified], [true, [TOTP], TOTP, true]);

    const other = await halfway(grace);
    assert.deepEqual([(await other.status()).isEnabled, (await other.status()).sessionVerified], [true, false]);
    await refused(403, other.client.getUserProfile(), PENDING);
    await refused(400, other.client.verifyMFALogin({ mfaType: TOTP, code: other.app.wrong() }));
    const before = other.refreshToken;
    await other.prove({ mfaType: TOTP, code: await other.app.next() });
    assert.notEqual(other.refreshToken, before);
    assert.equal((await other.status()).sessionVerified, true);
    await other.client.getUserProfile();
    await other.refresh();
    await other.client.getUserProfile();

    done(await other.client.disableMFA(TOTP), "MFA method disabled");
    assert.deepEqual([(await other.status()).isEnabled, (await other.status()).enabledMethods], [false, []]);
    const plain = await halfway(grace);
    assert.equal((await plain.status()).sessionVerified, true);
    assert.equal((await plain.client.userLogout(plain.refreshToken)).success, true);
    await refused(401, plain.client.getMFAStatus());
  });
}

test("a partial token opens what the contract lists and nothing else", async () => {
  const grace = await halfway(await enrolled(server));
  const { client } = grace;
  assert.equal((await grace.status()).sessionVerified, false);
  assert.equal((await client.getMFAMethods()).success, true);
  for (const [method, path, body] of [
    ["GET", "user/profile"],
    ["GET", "sessions"],
    ["POST", "sessions/revoke-all"],
    ["POST", "sessions/00000000-0000-4000-8000-000000000000/revoke"],
    ["POST", "sessions/00000000-0000-4000-8000-000000000000/heartbeat"],
    ["GET", "devices"],
    ["POST", "mfa/setup", { mfaType: TOTP }],
    ["POST", "mfa/setup", { mfaType: LINK, email: grace.email }],
    ["POST", "mfa/verify-setup", { mfaType: TOTP, code: "123456" }],
    ["POST", "mfa/enable", { mfaType: TOTP }],
    ["POST", "mfa/disable", { mfaType: TOTP }],
    ["POST", "mfa/primary", { mfaType: TOTP }],
    ["POST", "mfa/reset", { enable: false }],
    ["POST", "mfa/reset", {}],
    ["POST", "mfa/organization/enforce", { enforced: false }],
    ["POST", "mfa/passkey/complete-registration", { credential: {}, challenge: "AAAA" }],
  ]) {
    await refused(403, client.call(method, path, body), PENDING).catch((failure) => {
      throw new Error(`${method} ${path}: ${failure.message}`);
    });
  }
  // A refresh keeps the level of its session.
  await grace.refresh();
  assert.equal((await grace.status()).sessionVerified, false);
  await refused(403, client.getUserProfile(), PENDING);
  await grace.prove({ mfaType: TOTP, code: await grace.app.next() });
  await client.getUserProfile();
});

test("what a partial session held is worth nothing once it was promoted or left", async () => {
  const grace = await halfway(await enrolled(server));
  const { accessToken, refreshToken } = grace;
  await grace.prove({ mfaType: TOTP, code: await grace.app.next() });
  const old = new Client(server.base).setAuthToken(accessToken).getUserProfile();
  assert.ok([401, 403].includes(await old.then(() => 200, ({ status }) => status)));
  await refused(401, new Client(server.base).userRefresh(refreshToken));

  const other = await halfway(grace);
  assert.equal((await other.client.userLogout(other.refreshToken)).success, true);
  await refused(401, other.client.verifyMFALogin({ mfaType: TOTP, code: await other.app.next() }));
});

test("a code counts once, and a full token is needed from nobody but its own session", async () => {
  const grace = await enrolled(server);
  const [one, two] = [await halfway(grace), await halfway(grace)];
  const code = await grace.app.next();
  await one.prove({ mfaType: TOTP, code });
  await refused(400, two.client.verifyMFALogin({ mfaType: TOTP, code }));
  assert.equal((await two.status()).sessionVerified, false);
  await refused(401, new Client(server.base).verifyMFALogin({ mfaType: TOTP, code: await grace.app.next() }));
});

test("what a client says about itself at verify-login is not believed", async () => {
  const grace = await enrolled(server);
  const [one, two] = [await halfway(grace), await halfway(grace)];
  const { sessions } = await grace.client.getSessions();
  await one.prove({ mfaType: TOTP, code: await grace.app.next(), sessionId: sessions.at(-1).id, ipAddress: "127.0.0.1", userAgent: "x" });
  assert.deepEqual([(await one.status()).sessionVerified, (await two.status()).sessionVerified], [true, false]);
});

test("a backup code stands in for the authenticator app, once", async () => {
  const grace = await enrolled(server);
  const one = await halfway(grace);
  await one.prove({ mfaType: TOTP, code: grace.backupCodes[3] });
  assert.equal((await one.status()).sessionVerified, true);
  const two = await halfway(grace);
  await refused(400, two.client.verifyMFALogin({ mfaType: TOTP, code: grace.backupCodes[3] }));
  await two.prove({ mfaType: TOTP, code: grace.backupCodes[4] });
});

test("links by mail: activated where nobody is signed in, each good once", async () => {
  const grace = await registered(server);
  const { data } = await grace.client.setupMFA({ mfaType: LINK, email: grace.email });
  assert.deepEqual(data, { email: grace.email, verificationRequired: true });
  assert.equal((await grace.status()).isEnabled, false);
  const link = await grace.mailedToken(1);
  const stranger = new Client(server.base).setAuthToken("nonsense");
  done(await stranger.activateMagicLink(link), "Magic link MFA activated successfully");
  await refused(400, stranger.activateMagicLink(link), { error: "Invalid or expired token" });
  assert.deepEqual([(await grace.status()).isEnabled, (await grace.status()).enabledMethods], [true, [LINK]]);

  const other = await halfway(grace);
  assert.equal((await other.status()).sessionVerified, false);
  assert.equal((await other.client.sendMagicLink()).success, true);
  const token = await grace.mailedToken(2);
  await refused(400, stranger.activateMagicLink(token));
  await refused(400, other.client.verifyMFALogin({ mfaType: LINK, token: "nonsense" }));
  await refused(400, other.client.verifyMFALogin({ mfaType: LINK, token: link }));
  await other.prove({ mfaType: LINK, token });
  assert.equal((await other.status()).sessionVerified, true);
  const third = await halfway(grace);
  await refused(400, third.client.verifyMFALogin({ mfaType: LINK, token }));
});

test("a link goes to nobody else, and opens no other session", async () => {
  const [grace, mallory] = [await (await registered(server)).enrolLink(), await registered(server)];
  await refused(400, mallory.client.setupMFA({ mfaType: LINK, email: grace.email }));
  await mallory.enrolLink();
  const [hers, his] = [await halfway(grace), await halfway(mallory)];
  await hers.client.sendMagicLink();
  await refused(400, his.client.verifyMFALogin({ mfaType: LINK, token: await grace.mailedToken(2) }));
  assert.equal((await his.status()).sessionVerified, false);
});

test("two methods: which is primary, and ending one by one", async () => {
  const grace = await enrolled(server);
  await refused(400, grace.client.setPrimaryMFA(LINK));
  await grace.enrolLink();
  assert.deepEqual((await grace.status()).enabledMethods.toSorted(), [TOTP, LINK]);
  done(await grace.client.setPrimaryMFA(LINK), "Primary MFA method updated");
  assert.equal((await grace.status()).primaryMethod, LINK);
  const methods = Object.fromEntries((await grace.client.getMFAMethods()).data.map((method) => [method.type, method]));
  for (const type of [TOTP, LINK]) {
    const { name, description, isAvailable, isConfigured, isEnabled } = methods[type];
    assert.deepEqual([typeof name, typeof description, isAvailable, isConfigured, isEnabled], ["string", "string", true, true, true]);
  }
  done(await grace.client.disableMFA(LINK), "MFA method disabled");
  assert.deepEqual([(await grace.status()).isEnabled, (await grace.status()).enabledMethods], [true, [TOTP]]);
  assert.equal((await (await halfway(grace)).status()).sessionVerified, false);
});

test("resetting one's own", async () => {
  const grace = await enrolled(server);
  done(await grace.client.resetMFA({ resetUserId: undefined, enable: false }), "MFA reset successfully");
  assert.deepEqual([(await grace.status()).isEnabled, (await grace.status()).isRequired], [false, false]);
  assert.equal((await (await halfway(grace)).status()).sessionVerified, true);
});

test("resetting somebody who is not there", async () => {
  const grace = await registered(server);
  const request = { resetUserId: "00000000-0000-4000-8000-000000000000", enable: false };
  await refused(404, grace.client.resetMFA(request), { error: "User not found" });
  // Another organisation's people are not there either.
  const { user } = await new Person(server).register();
  await refused(404, grace.client.resetMFA({ ...request, resetUserId: user.id }), { error: "User not found" });
});

test("an owner enforces the second factor: it cannot be given up, and who lacks one can only enrol", async () => {
  const grace = await enrolled(server);
  done(await grace.client.enforceOrganizationMFA(true), "MFA enforcement enabled for organization");
  assert.deepEqual([(await grace.status()).isRequired, (await grace.status()).isEnforced], [true, true]);
  await refused(403, grace.client.disableMFA(TOTP), { error: "Cannot disable MFA when enforced by organization" });
  await refused(403, grace.client.resetMFA({ enable: false }));
  await refused(403, grace.client.resetMFA({}));
  assert.equal((await grace.status()).isEnabled, true);
  done(await grace.client.enforceOrganizationMFA(false), "MFA enforcement disabled for organization");
  assert.equal((await grace.status()).isEnforced, false);
  done(await grace.client.disableMFA(TOTP), "MFA method disabled");
});

test("whoever must enrol gets in to enrol, and no further", async () => {
  const grace = await registered(server);
  await grace.client.enforceOrganizationMFA(true);
  const other = await halfway(grace);
  const status = await other.status();
  assert.deepEqual([status.isEnabled, status.isRequired, status.isEnforced, status.sessionVerified], [false, true, true, false]);
  await refused(403, other.client.getUserProfile(), PENDING);
  await refused(403, other.client.enforceOrganizationMFA(false), PENDING);
  await other.enrolTotp();
  done(await other.client.enableMFA(TOTP), "MFA method enabled");
  const third = await halfway(other);
  await refused(403, third.client.setupMFA({ mfaType: TOTP }), PENDING);
  await third.prove({ mfaType: TOTP, code: await other.app.next() });
  assert.equal((await third.client.getUserProfile()).success, true);
});

test("a passkey is set up, answers the second step and proves within a session", async () => {
  const grace = await registered(server);
  const begun = (await grace.client.setupMFA({ mfaType: "PASSKEY", deviceInfo: { userAgent: "conformance" } })).data;
  const passkey = new Passkey({ rpId: begun.rpID, userHandle: begun.userId, origin: begun.origin });
  const garbage = { id: "AAAA", rawId: "AAAA", type: "public-key", response: { clientDataJSON: "AAAA", attestationObject: "AAAA" } };
  await refused(400, grace.client.verifyMFASetup({ mfaType: "PASSKEY", code: undefined, credential: garbage }));
  // A wrong answer ends the ceremony, so it is begun anew.
  await refused(400, grace.client.verifyMFASetup({ mfaType: "PASSKEY", code: undefined, credential: passkey.registration(begun.challenge) }));
  const again = (await grace.client.setupMFA({ mfaType: "PASSKEY" })).data;
  const credential = passkey.registration(again.challenge);
  done(await grace.client.completePasskeyRegistration({ credential, challenge: again.challenge }), "Passkey registration completed");
  await refused(400, grace.client.post("mfa/passkey/complete-registration-1", { credential, challenge: again.challenge }));
  done(await grace.client.enableMFA("PASSKEY"), "MFA method enabled");
  assert.deepEqual((await grace.status()).enabledMethods, ["PASSKEY"]);

  const door = await halfway(grace);
  const asked = (await door.client.getPasskeyAuthOptions()).data;
  assert.equal(asked.allowCredentials.length, 1);
  const answer = passkey.assertion(asked.challenge);
  await refused(400, (await halfway(grace)).client.verifyMFALogin({ mfaType: "PASSKEY", credential: answer }));
  await door.prove({ mfaType: "PASSKEY", credential: answer });
  assert.equal((await door.status()).sessionVerified, true);
  const within = (await door.client.getPasskeyAuthOptions()).data;
  await door.prove({ mfaType: "PASSKEY", credential: passkey.assertion(within.challenge) });

  const third = await halfway(grace);
  const copy = (await third.client.getPasskeyAuthOptions()).data;
  passkey.counter = 0;
  await refused(400, third.client.verifyMFALogin({ mfaType: "PASSKEY", credential: passkey.assertion(copy.challenge) }));
  assert.equal((await third.status()).sessionVerified, false);
  done(await door.client.disableMFA("PASSKEY"), "MFA method disabled");
});
