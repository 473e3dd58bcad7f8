// Accounts, tokens and sessions, before any second factor, exactly as Flashback's client asks for them.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Client } from "./client.mjs";
import { done, OWNER, Person, refused, registered, UUID } from "./person.mjs";

const server = await serve(after);

test("registering and the profile", async () => {
  const grace = new Person(server);
  const { user } = await grace.register();
  assert.equal(user.name, "Grace Hopper");
  const { success, data } = await grace.client.getUserProfile();
  assert.equal(success, true);
  assert.deepEqual(
    [data.id, data.name, data.lastName, data.email, data.orgId, data.orgRole, data.mfaRequired],
    [user.id, "Grace", "Hopper", grace.email, user.orgId, OWNER, false],
  );
  assert.deepEqual(
    [typeof data.orgRoleDescription, data.orgRoles.every(Number.isInteger), typeof data.validated, typeof data.isBusiness],
    ["string", true, "boolean", "boolean"],
  );
});

test("what registration refuses", async () => {
  const grace = await registered(server);
  const { registration } = grace;
  const newcomer = new Person(server).registration;
  for (const change of [{ email: "nobody" }, { email: 7 }, { email: undefined }, { password: "short7A" }, { password: undefined }]) {
    await refused(400, new Client(server.base).userRegister({ ...newcomer, ...change }));
  }
  await refused(400, new Client(server.base).userRegister(registration));
});

test("logging in, and wrong passwords", async () => {
  const grace = await registered(server);
  await grace.another().logIn();
  const wrong = { email: grace.email, password: `${grace.password}!` };
  await refused(401, grace.client.userLogin(wrong), { error_code: "INVALID_PASSWORD" });
  // Whether somebody has an account is nobody's business: the same answer.
  await refused(401, grace.client.userLogin({ ...wrong, email: "nobody@example.com" }), { error_code: "INVALID_PASSWORD" });
});

test("refreshing in either spelling, rotation, and the end of a session whose used token comes back", async () => {
  const grace = await registered(server);
  const first = grace.refreshToken;
  await grace.refresh();
  const docs = await grace.client.post("user/refresh", { refreshToken: grace.refreshToken });
  assert.notEqual(docs.refreshToken, first);
  grace.use(docs.accessToken, docs.refreshToken);
  await grace.client.getUserProfile();
  // Two generations old: not the repetition of a request whose answer was lost.
  await refused(401, grace.client.userRefresh(first));
  await refused(401, grace.client.userRefresh(grace.refreshToken));
  await refused(401, grace.client.getUserProfile());
  await refused(401, grace.client.userRefresh("nonsense"));
});

test("neither kind of token stands in for the other", async () => {
  const grace = await registered(server);
  await refused(401, new Client(server.base).setAuthToken(grace.refreshToken).getUserProfile());
  await refused(401, grace.client.userRefresh(grace.accessToken));
  await grace.client.getUserProfile();
});

test("public routes take no notice of a stale or nonsensical bearer", async () => {
  const stale = await registered(server);
  await stale.client.userLogout(stale.refreshToken);
  for (const token of [stale.accessToken, "nonsense", "eyJhbGciOiJub25lIn0.e30."]) {
    const grace = new Person(server);
    grace.client.setAuthToken(token);
    const { refreshToken } = await grace.register();
    grace.client.setAuthToken(token);
    await grace.client.userRefresh(refreshToken);
    grace.client.setAuthToken(token);
    await grace.logIn();
    grace.client.setAuthToken(token);
    assert.equal((await grace.client.userLogout(grace.refreshToken)).success, true);
    await refused(401, grace.client.userRefresh(grace.refreshToken));
    await refused(400, new Client(server.base).setAuthToken(token).activateMagicLink("nonsense"), { error: "Invalid or expired token" });
  }
});

test("logging out in either spelling", async () => {
  for (const spelling of ["refresh_token", "refreshToken"]) {
    const grace = await registered(server);
    assert.equal((await grace.client.post("user/logout", { [spelling]: grace.refreshToken })).success, true);
    await refused(401, grace.client.getUserProfile());
    await refused(401, grace.client.userRefresh(grace.refreshToken));
  }
});

test("sessions: list, heartbeat, revoke", async () => {
  const grace = await registered(server);
  const other = grace.another();
  await other.logIn();
  const { success, sessions } = await grace.client.getSessions();
  assert.deepEqual([success, sessions.length], [true, 2]);
  for (const session of sessions) {
    assert.match(session.id, UUID);
    for (const name of ["startedAt", "lastActivity", "expiresAt"]) assert.match(session[name], /^\d{4}-\d\d-\d\dT[\d:.]+Z$/, name);
    assert.equal(typeof session.loginMethod, "string");
    const beat = await grace.client.heartbeatSession(session.id);
    done(beat, "Session updated successfully");
    assert.ok(Date.parse(beat.newExpiry) > Date.now());
  }
  // The list does not say which of the two is the caller's own.
  done(await grace.client.revokeSession(sessions[0].id), "Session revoked successfully");
  assert.notEqual(await works(grace.client), await works(other.client));
});

test("somebody else's session, or none, is not found", async () => {
  const [grace, mallory] = [await registered(server), await registered(server)];
  const [{ id }] = (await grace.client.getSessions()).sessions;
  for (const target of [id, randomUUID(), "nonsense"]) {
    await refused(404, mallory.client.revokeSession(target));
    await refused(404, mallory.client.heartbeatSession(target));
  }
  await grace.client.getUserProfile();
});

test("revoking all sessions", async () => {
  const grace = await registered(server);
  const other = grace.another();
  await other.logIn();
  done(await grace.client.revokeAllSessions(), "All sessions revoked successfully");
  await refused(401, other.client.getUserProfile());
  await refused(401, other.client.userRefresh(other.refreshToken));
});

test("devices", async () => {
  const grace = await registered(server);
  const { success, devices } = await grace.client.getDevices();
  assert.equal(success, true);
  assert.ok(Array.isArray(devices));
  await refused(404, grace.client.get(`devices/${randomUUID()}`));
});

async function works(client) {
  return await client.getUserProfile().then(() => true, ({ status }) => {
    assert.equal(status, 401);
    return false;
  });
}
