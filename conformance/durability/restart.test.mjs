// What was said before a power cut still holds after it. The server is killed with SIGKILL the moment its status
// line has been read, and started again on the same data folder. (Acknowledged = durable; one-time = once.)
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { genuine, Home, Server } from "../harness/binary.mjs";
import { enrolledPerson, expect, Person } from "../harness/person.mjs";
import { Authenticator } from "../harness/totp.mjs";

const ROUNDS = 20;

const home = new Home();
let server = await Server.start(home);
after(async () => {
  await server.kill();
  home.remove();
});

/** The same folder, the same port: to a browser it is the same server. */
async function restart() {
  await server.kill();
  server = await Server.start(home, { port: server.port });
}

/** Sends the answer to a challenge, kills the server as soon as the status is known, and starts it again. */
async function answerThenCrash(person, path, code) {
  const answer = await person.post(path, { code }, { onStatus: () => server.process.kill("SIGKILL") });
  await restart();
  person.caller.server = server;
  return answer;
}

const TOTP = "/two-factor/verify-totp";
const BACKUP = "/two-factor/verify-backup-code";

for (let before = 1; before <= 4; before++) {
  test(`five wrong codes in all, ${before} before the crash: the sixth ends the challenge`, async () => {
    const person = await enrolledPerson(server);
    await person.arriveAt(server).openChallenge();
    for (let n = 1; n < before; n++) expect(401, await person.post(TOTP, { code: person.app.wrong() }));
    const last = await answerThenCrash(person, TOTP, person.app.wrong());
    assert.equal(last.status, 401);
    for (let n = before + 1; n <= 5; n++) expect(401, await person.post(TOTP, { code: person.app.wrong() }));
    const sixth = await person.post(TOTP, { code: await person.app.next() });
    assert.deepEqual([sixth.status, sixth.json.code], [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"]);
  });
}

test("a crash after every single wrong code changes nothing about the count", async () => {
  const person = await enrolledPerson(server);
  await person.arriveAt(server).openChallenge();
  for (let n = 1; n <= 5; n++) {
    const answer = await answerThenCrash(person, n % 2 ? TOTP : BACKUP, n % 2 ? person.app.wrong() : "AAAA-AAAA-AAAA-AAAA");
    assert.equal(answer.status, 401, `answer ${n}`);
  }
  const sixth = await person.post(TOTP, { code: await person.app.next() });
  assert.deepEqual([sixth.status, sixth.json.code], [400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"]);
});

for (let round = 1; round <= ROUNDS; round++) {
  const replay = { skip: genuine && "stricter here: the original accepts it again for 90 seconds" };
  test(`a TOTP code accepted before a crash stays used (round ${round})`, replay, async () => {
    const person = await enrolledPerson(server);
    await person.arriveAt(server).openChallenge();
    const code = await person.app.next();
    const accepted = await answerThenCrash(person, TOTP, code);
    assert.equal(accepted.status, 200);
    assert.equal((await person.session()).user.email, person.email, "the session it opened is there");
    await person.arriveAt(server).openChallenge();
    const again = await person.post(TOTP, { code });
    assert.deepEqual([again.status, again.json.code], [401, "INVALID_CODE"]);
    assert.equal(await person.session(), null);
  });

  test(`a backup code accepted before a crash stays used (round ${round})`, async () => {
    const person = await enrolledPerson(server);
    await person.arriveAt(server).openChallenge();
    const [code, other] = person.backupCodes;
    const accepted = await answerThenCrash(person, BACKUP, code);
    assert.equal(accepted.status, 200);
    assert.equal((await person.session()).user.email, person.email, "the session it opened is there");
    await person.arriveAt(server).openChallenge();
    const again = await person.post(BACKUP, { code });
    assert.deepEqual([again.status, again.json.code], [401, "INVALID_BACKUP_CODE"]);
    expect(200, await person.post(BACKUP, { code: other }));
  });

  test(`a code on its way during a crash is accepted at most once (round ${round})`, async () => {
    const person = await enrolledPerson(server);
    await person.arriveAt(server).openChallenge();
    const [code] = person.backupCodes;
    let accepted = 0;
    const onStatus = () => server.process.kill("SIGKILL");
    const flying = [1, 2, 3].map(() => person.post(BACKUP, { code }, { onStatus }).catch(() => null));
    const crash = setTimeout(onStatus, round);
    for (const answer of await Promise.all(flying)) accepted += answer?.status === 200 ? 1 : 0;
    clearTimeout(crash);
    await restart();
    for (let n = 0; n < 2; n++) {
      await person.arriveAt(server).openChallenge();
      accepted += (await person.post(BACKUP, { code })).status === 200 ? 1 : 0;
    }
    assert.ok(accepted <= 1, `accepted ${accepted} times`);
  });
}

test("an enrolment confirmed before a crash is in force after it", async () => {
  const person = new Person(server);
  await person.signUp();
  const { json } = expect(200, await person.post("/two-factor/enable", { password: person.password }));
  person.app = new Authenticator(json.totpURI);
  const confirmed = await answerThenCrash(person, TOTP, await person.app.next());
  assert.equal(confirmed.status, 200);
  assert.equal((await person.session()).user.twoFactorEnabled, true);
  await person.arriveAt(server).openChallenge();
  expect(200, await person.post(TOTP, { code: await person.app.next() }));
});

test("a sign-out before a crash stays a sign-out", async () => {
  const person = await enrolledPerson(server);
  const cookie = person.caller.jar.header;
  const answer = await person.post("/sign-out", {}, { onStatus: () => server.process.kill("SIGKILL") });
  assert.equal(answer.status, 200);
  await restart();
  person.arriveAt(server);
  const old = await person.caller.get("/api/auth/get-session", { headers: { cookie } });
  assert.equal(old.json, null);
});

test("asked to stop, the server stops by itself and in time", async () => {
  const started = Date.now();
  const code = await server.stop();
  assert.equal(code, 0);
  assert.ok(Date.now() - started < 15_000);
  server = await Server.start(home, { port: server.port });
});
