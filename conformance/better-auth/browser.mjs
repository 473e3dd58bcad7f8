// A browser with the official client in it: its cookie jar, its Origin header, its callbacks.
// The client itself is the published package, unmodified.
import { randomBytes } from "node:crypto";
import { createAuthClient } from "better-auth/client";
import { emailOTPClient, jwtClient, magicLinkClient, twoFactorClient } from "better-auth/client/plugins";
import { passkeyClient } from "@better-auth/passkey/client";
import { Authenticator } from "../harness/totp.mjs";
import { Jar } from "../harness/wire.mjs";

export class Browser {
  constructor(server, { jar = new Jar(), fetchOptions = {} } = {}) {
    this.server = server;
    this.jar = jar;
    this.challenges = [];
    this.replies = [];
    this.auth = createAuthClient({
      baseURL: server.base,
      fetchOptions: { ...fetchOptions, customFetchImpl: (url, init) => this.#fetch(url, init) },
      plugins: [
        twoFactorClient({ onTwoFactorRedirect: (context) => this.challenges.push(context) }),
        jwtClient(),
        magicLinkClient(),
        emailOTPClient(),
        passkeyClient(),
      ],
    });
  }

  // Node's fetch has neither a cookie store nor an Origin; a browser has both.
  async #fetch(url, init = {}) {
    const headers = new Headers(init.headers);
    headers.set("origin", this.server.origin);
    if (this.jar.header) headers.set("cookie", this.jar.header);
    const response = await fetch(url, { ...init, headers });
    this.jar.take(response.headers.getSetCookie());
    this.replies.push({ path: new URL(url).pathname, status: response.status, headers: response.headers });
    return response;
  }
}

/** What the client resolves with when all is well; its error, spelled out, when not. */
export async function ok(promise) {
  const { data, error } = await promise;
  if (error) throw new Error(`refused: ${JSON.stringify(error)}`);
  return data;
}

/** The client's error when the call is refused, as it should be. */
export async function refused(promise) {
  const { data, error } = await promise;
  if (!error) throw new Error(`should have been refused, but: ${JSON.stringify(data)}`);
  return error;
}

let people = 0;

export function newPerson() {
  const email = `ada.${process.pid}.${++people}@example.com`;
  return { name: "Ada Lovelace", email, password: `Lighthouse-${randomBytes(9).toString("hex")}` };
}

/** Somebody new, signed up and signed in. */
export async function signedUp(server, options) {
  const browser = new Browser(server, options);
  const person = newPerson();
  const signUp = await ok(browser.auth.signUp.email(person));
  return { browser, auth: browser.auth, person, signUp };
}

/** Somebody with a confirmed authenticator app, still signed in. */
export async function enrolled(server, options) {
  const someone = await signedUp(server, options);
  const { auth, person } = someone;
  const enable = await ok(auth.twoFactor.enable({ password: person.password }));
  const app = new Authenticator(enable.totpURI);
  const verify = await ok(auth.twoFactor.verifyTotp({ code: await app.next() }));
  return { ...someone, app, enable, verify, backupCodes: enable.backupCodes };
}

/** Somebody with an authenticator app who has given the password and is asked for more. */
export async function challenged(server, options) {
  const someone = await enrolled(server, options);
  await ok(someone.auth.signOut());
  await askedForMore(someone);
  return someone;
}

export async function askedForMore({ auth, person, browser }) {
  const before = browser.challenges.length;
  const data = await ok(auth.signIn.email({ email: person.email, password: person.password }));
  if (!data.twoFactorRedirect || browser.challenges.length !== before + 1) {
    throw new Error(`expected a challenge, got ${JSON.stringify(data)}`);
  }
  return data;
}

/** Who the server thinks this browser is: the session, or null. */
export async function whoAmI({ auth }) {
  return await ok(auth.getSession());
}
