// `countersign demo`, as a newcomer meets it: start it, paste what it prints, stop it, start it again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { request } from "../harness/wire.mjs";
import { Authenticator, currentStep } from "../harness/totp.mjs";
import { Browser } from "../service/applications.mjs";
import { Program, run } from "./program.mjs";

const somewhere = mkdtempSync(join(tmpdir(), "countersign-demo-"));
after(() => rmSync(somewhere, { recursive: true, force: true }));

async function start(t, cwd = somewhere) {
  const program = new Program(["demo", "--listen", "127.0.0.1:0"], { cwd });
  t.after(() => program.signal("SIGKILL"));
  const began = performance.now();
  const [, base] = await program.said(/Countersign demo on (http:\/\/localhost:\d+)\n/);
  await program.said(/Ctrl-C stops/);
  return { program, base, seconds: (performance.now() - began) / 1000, fact: (name) => new RegExp(`^  ${name} +(.+)$`, "m").exec(program.out)[1] };
}

/** What a shell answers to what the greeting tells to paste: one JSON document a line. */
async function paste(program, after = "Paste this") {
  const commands = new RegExp(`${after}:\\n\\n([\\s\\S]+?)\\n\\n`).exec(program.out)[1];
  const shell = spawn("bash", ["-euc", commands], { cwd: tmpdir(), stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  shell.stdout.setEncoding("utf8").on("data", (piece) => (text += piece));
  assert.equal(await new Promise((resolve) => shell.once("close", resolve)), 0, commands);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

test("up in a second, signs in by pasting, stops cleanly, and is the same again", { timeout: 60_000 }, async (t) => {
  const first = await start(t);
  assert.ok(first.seconds < 5, `up after ${first.seconds} s`);
  const app = new Authenticator(first.fact("for your app"));
  const now = currentStep();
  assert.ok([app.at(now), app.at(now - 1)].includes(first.fact("code now")), "the code is the one an app would show");

  const [asked, verified, session] = await paste(first.program);
  assert.equal(asked.twoFactorRedirect, true);
  assert.equal(verified.status, true);
  assert.equal(session.user.email, first.fact("email"));
  assert.equal(session.user.twoFactorEnabled, true);
  const [asserted] = await paste(first.program, "authenticator app, too");
  assert.deepEqual([asserted.verified, asserted.external_id, asserted.amr], [true, "customer-1", ["otp"]]);
  const claims = JSON.parse(Buffer.from(asserted.assertion.split(".")[1], "base64url"));
  assert.equal(claims.transaction, "pay 90 EUR");
  assert.equal(await first.program.signal("SIGINT"), 0);
  assert.equal(first.program.err, "");

  const second = await start(t);
  assert.equal(new Authenticator(second.fact("for your app")).base32, app.base32);
  const again = await paste(second.program);
  assert.equal(again[2].user.id, session.user.id);
  assert.equal(await second.program.signal("SIGTERM"), 0);
});

test("an application without a login opens after two steps, and every address it prints is there", { timeout: 60_000 }, async (t) => {
  // Afresh: the codes of the other one were used.
  const fresh = join(somewhere, "fresh");
  mkdirSync(fresh);
  const { program, fact } = await start(t, fresh);
  const browser = new Browser();
  const signIn = await browser.get(fact("sample app"));
  assert.match(signIn.text, /<h1>Sign in/);
  const returnTo = new URL(browser.at).searchParams.get("return_to");
  await browser.submit({ email: fact("email"), password: fact("password"), return_to: returnTo }, "/sign-in");
  const app = new Authenticator(fact("for your app"));
  const asked = await browser.submit({ kind: "app", code: fact("code now") });
  assert.match(asked.text, /<h1>Trust this browser/);
  const inside = await browser.submit({});
  assert.match(inside.text, /An application without a login[\s\S]+Demo/);
  assert.equal(browser.at, fact("sample app"));
  for (const name of ["pages", "administration", "API", "outbox"]) {
    const there = await browser.get(fact(name));
    assert.equal(there.status, 200, `${name}: ${there.text}`);
  }
  await program.signal("SIGTERM");
});

test("its outbox is a page with the mails in it and a stylesheet", { timeout: 60_000 }, async (t) => {
  const { program, base } = await start(t);
  const deadline = Date.now() + 10_000;
  let page;
  do page = await request(base, "GET", "/dev/outbox");
  while (!page.text.includes("<article>") && Date.now() < deadline);
  assert.equal(page.status, 200);
  assert.match(page.text, /To demo@example\.com/);
  assert.match(page.headers["content-security-policy"], /^default-src 'none'; style-src 'self'; /);
  const style = await request(base, "GET", /<link rel="stylesheet" href="([^"]+)">/.exec(page.text)[1]);
  assert.deepEqual([style.status, style.headers["content-type"]], [200, "text/css; charset=utf-8"]);
  await program.signal("SIGTERM");
});

test("a folder that is not its own stays as it is", async () => {
  const real = join(somewhere, "real");
  mkdirSync(real);
  writeFileSync(join(real, "countersign.db"), "precious");
  const { code, err } = await run(["demo", "--listen", "127.0.0.1:0", "--data-dir", real]);
  assert.equal(code, 78);
  assert.match(err, /^countersign: .*no demonstration/);
  assert.deepEqual(readdirSync(real), ["countersign.db"]);
});

test("it stays on this machine", async () => {
  const { code, err } = await run(["demo", "--public-url", "https://auth.example.com"], { cwd: somewhere });
  assert.equal(code, 78);
  assert.match(err, /stays on this machine/);
});
