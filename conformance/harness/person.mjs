// Somebody at a browser, over plain HTTP in the Better Auth dialect: for tests that must see every byte or kill the
// server at a chosen moment. Each method returns the raw answer; `expect` turns a surprise into a clear failure.
import { randomBytes } from "node:crypto";
import { Authenticator } from "./totp.mjs";
import { Caller } from "./wire.mjs";

let people = 0;

export class Person {
  constructor(server, password = `Lighthouse-${randomBytes(9).toString("hex")}`) {
    this.email = `grace.${process.pid}.${++people}@example.com`;
    this.password = password;
    this.arriveAt(server);
  }

  /** A fresh browser, perhaps at a restarted server. */
  arriveAt(server) {
    this.caller = new Caller(server);
    return this;
  }

  post(path, body, options) {
    return this.caller.post(`/api/auth${path}`, body, options);
  }

  async signUp() {
    return expect(200, await this.post("/sign-up/email", { name: "Grace Hopper", email: this.email, password: this.password }));
  }

  async enrol() {
    const { json } = expect(200, await this.post("/two-factor/enable", { password: this.password }));
    this.app = new Authenticator(json.totpURI);
    this.backupCodes = json.backupCodes;
    return expect(200, await this.post("/two-factor/verify-totp", { code: await this.app.next() }));
  }

  async signIn() {
    return expect(200, await this.post("/sign-in/email", { email: this.email, password: this.password }));
  }

  /** Gives the password and expects to be asked for more. */
  async openChallenge() {
    const answer = await this.signIn();
    if (!answer.json?.twoFactorRedirect) throw new Error(`expected a challenge: ${answer.text}`);
    return answer;
  }

  async session() {
    return (await this.caller.get("/api/auth/get-session")).json;
  }
}

export async function enrolledPerson(server, password) {
  const person = new Person(server, password);
  await person.signUp();
  await person.enrol();
  return person;
}

export function expect(status, answer) {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${answer.text}`);
  return answer;
}
