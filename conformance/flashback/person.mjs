// Somebody who uses Flashback's client: their account, their authenticator app, and the client they hold.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mailedToken } from "../harness/mailbox.mjs";
import { Authenticator } from "../harness/totp.mjs";
import { Client, HttpError } from "./client.mjs";

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const TOTP = "GOOGLE_AUTH";
export const LINK = "MAGIC_LINK";
export const OWNER = 0xff;

const DEVICE = { userAgent: "conformance", deviceType: "DESKTOP", os: "Linux", browser: "none", timezone: undefined };

let people = 0;

export class Person {
  constructor(server, { prefix = "" } = {}) {
    this.server = server;
    this.base = server.base + prefix;
    this.email = `grace.${process.pid}.${++people}@example.com`;
    this.password = `Lighthouse-${randomBytes(9).toString("hex")}-7A`;
    this.client = new Client(this.base);
  }

  /** A client that starts with nothing, as on another machine. */
  another() {
    return Object.assign(new Person(this.server), this, { client: new Client(this.base) });
  }

  get registration() {
    return {
      email: this.email, password: this.password, firstName: "Grace", lastName: "Hopper", companyName: "Harbour Lights",
      isBusiness: true, companyWebsite: undefined, phone: undefined, activationUid: undefined,
    };
  }

  async register() {
    return this.#signedIn(await this.client.userRegister(this.registration));
  }

  async logIn() {
    return this.#signedIn(await this.client.userLogin({ email: this.email, password: this.password, deviceInfo: DEVICE }));
  }

  /** A client takes what it was given, and cannot tell a partial token from a full one. */
  #signedIn(answer) {
    assert.equal(answer.success, true);
    for (const name of ["accessToken", "refreshToken", "tokenId"]) assert.equal(typeof answer[name], "string", name);
    assert.ok(answer.expiresAt > Date.now() && answer.expiresAt < Date.now() + 366 * 86_400_000, `milliseconds: ${answer.expiresAt}`);
    assert.match(answer.user.id, UUID);
    assert.match(answer.user.orgId, UUID);
    assert.equal(answer.user.email, this.email);
    this.use(answer.accessToken, answer.refreshToken);
    return answer;
  }

  use(accessToken, refreshToken) {
    this.client.setAuthToken(accessToken);
    this.accessToken = accessToken;
    this.refreshToken = refreshToken;
  }

  async setUpTotp() {
    const { success, data } = await this.client.setupMFA({ mfaType: TOTP, email: undefined, deviceInfo: undefined });
    assert.equal(success, true);
    assert.match(data.secret, /^[A-Z2-7]{16,}=*$/);
    const [head, picture] = data.qrCode.split(",");
    assert.equal(head, "data:image/png;base64");
    assert.deepEqual([...Buffer.from(picture, "base64").subarray(0, 8)], [137, 80, 78, 71, 13, 10, 26, 10]);
    assert.equal(new Set(data.backupCodes).size, 10);
    for (const code of data.backupCodes) assert.equal(typeof code, "string");
    this.app = new Authenticator(`otpauth://totp/Countersign?secret=${data.secret.replace(/=+$/, "")}`);
    this.backupCodes = data.backupCodes;
    return data;
  }

  /** Costs one of the three codes that the authenticator app shows without waiting. */
  async enrolTotp() {
    await this.setUpTotp();
    done(await this.client.verifyMFASetup({ mfaType: TOTP, code: await this.app.next(), credential: undefined }), "MFA setup verified and enabled");
    return this;
  }

  async enrolLink() {
    const { success, data } = await this.client.setupMFA({ mfaType: LINK, email: this.email });
    assert.deepEqual([success, data], [true, { email: this.email, verificationRequired: true }]);
    // The link may well be opened where nobody is signed in.
    done(await new Client(this.base).activateMagicLink(await this.mailedToken(1)), "Magic link MFA activated successfully");
    return this;
  }

  /** Registration mails a link as well, to confirm the address. */
  mailedToken(count) {
    return mailedToken(this.server.home, this.email, { except: /^Confirm your email address/, count });
  }

  /** The second step: promotes the session this client holds. */
  async prove(proof) {
    const answer = await this.client.verifyMFALogin({ code: undefined, token: undefined, credential: undefined, ...proof });
    assert.equal(answer.success, true);
    assert.equal(typeof answer.message, "string");
    assert.equal(typeof answer.fullAccessToken, "string");
    assert.equal(typeof answer.refreshToken, "string");
    this.use(answer.fullAccessToken, answer.refreshToken);
    return answer;
  }

  async refresh() {
    const answer = await this.client.userRefresh(this.refreshToken);
    assert.equal(answer.success, true);
    assert.equal(answer.token, answer.accessToken);
    assert.ok(answer.expiresAt > Date.now());
    this.use(answer.accessToken, answer.refreshToken);
    return answer;
  }

  async status() {
    const { success, data } = await this.client.getMFAStatus();
    assert.equal(success, true);
    for (const name of ["isEnabled", "isRequired", "isEnforced", "sessionVerified"]) assert.equal(typeof data[name], "boolean", name);
    assert.ok(Array.isArray(data.enabledMethods));
    return data;
  }
}

export async function registered(server, options) {
  const person = new Person(server, options);
  await person.register();
  return person;
}

export async function enrolled(server, options) {
  return await (await registered(server, options)).enrolTotp();
}

export function done(answer, message) {
  assert.deepEqual([answer.success, answer.message], [true, message]);
}

/** Every refusal is the client's HttpError with a JSON body that says so. */
export async function refused(status, promise, { error, error_code } = {}) {
  const failure = await promise.then(
    (answer) => assert.fail(`expected ${status}, was given ${JSON.stringify(answer)}`),
    (failure) => failure,
  );
  assert.ok(failure instanceof HttpError, failure.stack);
  assert.equal(failure.status, status, `${failure.message} ${JSON.stringify(failure.data)}`);
  assert.match(failure.contentType, /^application\/json\b/);
  assert.equal(failure.data?.success, false, JSON.stringify(failure.data));
  assert.equal(typeof (failure.data.error ?? failure.data.message ?? failure.data.error_code), "string", JSON.stringify(failure.data));
  if (error) assert.equal(failure.data.error, error);
  if (error_code) assert.equal(failure.data.error_code, error_code);
  return failure.data;
}
