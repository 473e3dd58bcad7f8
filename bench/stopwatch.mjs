// The first minute with a built binary and nothing else: a data folder, a key, a server, a proxy, a person.
// Run by bench/stopwatch, which builds first.
import assert from "node:assert/strict";
import { application, freePort, run } from "../conformance/forward-auth/proxies.mjs";
import { Home, Server } from "../conformance/harness/binary.mjs";
import { Authenticator } from "../conformance/harness/totp.mjs";
import { Browser, call, otpauth, serviceKey } from "../conformance/service/applications.mjs";

const LIMIT_S = 60;
const cleanUp = [];
const later = (step) => cleanUp.push(step);

/** An account made, an app enrolled, and the two steps of signing in, through a host behind nginx. */
async function throughNginx() {
  const home = new Home();
  later(() => home.remove());
  const proxy = await freePort();
  const host = `app.localhost:${proxy}`;
  const env = { COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.1", COUNTERSIGN_FORWARD_AUTH_HOSTS: host };
  const server = await Server.start(home, { env });
  later(() => server.kill());
  await run("nginx", { proxy, countersign: server.port, application: await application(later) }, later);
  const person = new Browser();
  const [email, password] = ["ada@example.com", "correct horse battery staple"];
  await person.ask("POST", `${server.origin}/sign-up`, { name: "Ada", email, password });
  const phone = new Authenticator(otpauth(await person.get(`${server.origin}/account/totp`)));
  await person.submit({ code: await phone.next() });
  await person.submit({}, "/sign-out");
  await person.get(`http://${host}/admin/`);
  const returnTo = new URL(person.at).searchParams.get("return_to");
  await person.submit({ email, password, return_to: returnTo }, "/sign-in");
  await person.submit({ kind: "app", code: await phone.next() });
  const answer = await person.get(new URL(returnTo, server.origin));
  assert.equal(answer.json?.headers["remote-acr"], "aal2", answer.text);
}

/** A key from the command line, somebody who enrols on the page, and the two calls. */
async function firstAssertion() {
  const home = new Home();
  later(() => home.remove());
  const key = await serviceKey(home);
  const server = await Server.start(home);
  later(() => server.kill());
  const user = { external_id: "ada" };
  const { url } = await call(server, key, "POST", "/v1/service/challenges", { user }, 201);
  const person = new Browser();
  await person.get(url);
  const phone = new Authenticator(otpauth(await person.get(`${server.origin}/prove/totp`)));
  await person.submit({ code: await phone.next() });
  const { id } = await call(server, key, "POST", "/v1/service/challenges", { user }, 201);
  const code = await phone.next();
  const { verified } = await call(server, key, "POST", `/v1/service/challenges/${id}/verify`, { code });
  assert.equal(verified, true);
}

async function timed(what, act) {
  const began = performance.now();
  await act();
  const seconds = (performance.now() - began) / 1000;
  console.log(`${what.padEnd(62)} ${seconds.toFixed(1)} s`);
  return seconds;
}

try {
  const all = [
    await timed("to the first request through nginx after two steps", throughNginx),
    await timed("to the first assertion of the service API", firstAssertion),
  ];
  process.exitCode = all.every((seconds) => seconds < LIMIT_S) ? 0 : 1;
} finally {
  for (const step of cleanUp.reverse()) await step();
}
