// The official client without a session cookie: the token comes in a header and goes back in one.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Browser, newPerson, ok, whoAmI } from "../browser.mjs";
import { serve } from "../../harness/binary.mjs";
import { Authenticator } from "../../harness/totp.mjs";
import { Jar, request } from "../../harness/wire.mjs";

const server = await serve(after);

/** Keeps only the challenge cookie: the session travels in `Authorization`. */
class ChallengeJar extends Jar {
  take(lines) {
    super.take(lines.filter((line) => line.includes("two_factor=")));
  }
}

function bearerBrowser() {
  const kept = { token: "" };
  const browser = new Browser(server, {
    jar: new ChallengeJar(),
    fetchOptions: {
      auth: { type: "Bearer", token: () => kept.token },
      onSuccess: ({ response }) => {
        const token = response.headers.get("set-auth-token");
        if (token) kept.token = token;
      },
    },
  });
  return { browser, kept };
}

test("a bearer client signs up, enrols, signs out and in again", async () => {
  const { browser, kept } = bearerBrowser();
  const { auth } = browser;
  const person = newPerson();
  await ok(auth.signUp.email(person));
  assert.match(kept.token, /^[^.]+\.[A-Za-z0-9+/]{43}=$/);
  assert.equal((await whoAmI(browser)).user.email, person.email);

  const { totpURI } = await ok(auth.twoFactor.enable({ password: person.password }));
  const app = new Authenticator(totpURI);
  const before = kept.token;
  await ok(auth.twoFactor.verifyTotp({ code: await app.next() }));
  assert.notEqual(kept.token, before, "enrolment replaces the session");
  assert.equal((await whoAmI(browser)).user.twoFactorEnabled, true);

  await ok(auth.signOut());
  assert.equal(await whoAmI(browser), null);
  const dead = kept.token;
  kept.token = "";
  const data = await ok(auth.signIn.email({ email: person.email, password: person.password }));
  assert.equal(data.twoFactorRedirect, true);
  assert.equal(kept.token, "", "a challenge comes without a token");
  await ok(auth.twoFactor.verifyTotp({ code: await app.next() }));
  assert.ok(kept.token && kept.token !== dead);
  assert.equal((await whoAmI(browser)).user.email, person.email);
});

test("the token of the body works as well, a damaged one does not", async () => {
  const { browser, kept } = bearerBrowser();
  const { token } = await ok(browser.auth.signUp.email(newPerson()));
  const session = async (bearer) =>
    (await request(server.base, "GET", "/api/auth/get-session", { headers: { authorization: `Bearer ${bearer}` } })).json;
  assert.equal((await session(token)).session.token, token);
  assert.equal((await session(kept.token)).session.token, token);
  assert.equal((await session(encodeURIComponent(kept.token))).session.token, token);
  const damaged = kept.token.replace(/.=$/, (end) => (end[0] === "A" ? "B=" : "A="));
  assert.equal(await session(damaged), null);
  assert.equal(await session(`${token.slice(0, -1)}${token.endsWith("x") ? "y" : "x"}`), null);
});

test("scripts of other origins may read the token header", async () => {
  const answer = await request(server.base, "POST", "/api/auth/sign-up/email", {
    headers: { origin: server.origin }, body: newPerson(),
  });
  assert.match(answer.headers["access-control-expose-headers"], /set-auth-token/i);
});
