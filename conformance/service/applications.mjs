// What stands around the service API in these tests: the key that the command line makes, and a person's browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { run } from "../wire/program.mjs";
import { Jar, request } from "../harness/wire.mjs";

/** A key as an operator makes one, before the server starts. */
export async function serviceKey(home, ...returnUrls) {
  const urls = returnUrls.flatMap((url) => ["--return-url", url]);
  const env = { COUNTERSIGN_MAIL: `sink:${home.mail}` };
  const { code, out, err } = await run(["service-key", "Shop", ...urls, "--data-dir", home.data], { env });
  assert.equal(code, 0, err);
  assert.match(out, /^cs_[A-Za-z0-9_-]{43}\n$/);
  return out.trim();
}

/** Calls the service API and wants this status. */
export async function call(server, key, method, path, body, status = 200) {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await request(server.base, method, path, { body, headers });
  assert.equal(answer.status, status, answer.text);
  return answer.json;
}

/** The example, listening. `after` is the runner's hook. */
export async function example(after, port, env) {
  const app = spawn("python3", ["examples/two-calls/app.py"], { env: { ...process.env, PORT: String(port), ...env }, stdio: "inherit" });
  const gone = new Promise((resolve) => app.once("close", resolve));
  after(() => (app.kill("SIGKILL"), gone));
  for (let tries = 0; tries < 500; tries++) {
    if (await request(`http://127.0.0.1:${port}`, "GET", "/").catch(() => null)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the example did not start");
}

/** A browser without scripts that keeps a jar for each origin and follows redirects between them. */
export class Browser {
  jars = new Map();

  async ask(method, url, fields) {
    for (let hops = 0; hops < 8; hops++) {
      const { origin, href } = new URL(url);
      this.at = href;
      if (!this.jars.has(origin)) this.jars.set(origin, new Jar());
      const jar = this.jars.get(origin);
      const headers = { ...(jar.header && { cookie: jar.header }) };
      if (fields) Object.assign(headers, { origin, "content-type": "application/x-www-form-urlencoded" });
      const body = fields && new URLSearchParams(fields).toString();
      const answer = await request(href.replace(/\/\/(app\.)?localhost:/, "//127.0.0.1:"), method, href.slice(origin.length), {
        body, headers: { host: new URL(url).host, ...headers },
      });
      jar.take(answer.setCookie);
      if (![302, 303].includes(answer.status)) return answer;
      [method, fields, url] = ["GET", undefined, new URL(answer.headers.location, href).href];
    }
    throw new Error("a circle of redirects");
  }

  get(url) {
    return this.ask("GET", url);
  }

  /** Sends the form of the page it is on, or another. */
  submit(fields, to = this.at) {
    return this.ask("POST", new URL(to, this.at).href, fields);
  }
}

/** The `otpauth:` address on a page that enrols an app. */
export function otpauth(page) {
  return /href="(otpauth:[^"]+)"/.exec(page.text)[1].replaceAll(/&(#38|amp);/g, "&");
}
