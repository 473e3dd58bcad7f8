// What the program does not start with: one line that says why, on standard error, and exit code 78.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Home, Server } from "../harness/binary.mjs";
import { run } from "./program.mjs";

const scratch = mkdtempSync(join(tmpdir(), "countersign-refusals-"));
after(() => rmSync(scratch, { recursive: true, force: true }));
let folders = 0;
const folder = () => join(scratch, `data-${++folders}`);

async function refuses(args, env, expected) {
  const usual = { COUNTERSIGN_LISTEN: "127.0.0.1:0", COUNTERSIGN_DATA_DIR: folder() };
  const { code, out, err } = await run(["serve", ...args], { env: { ...usual, ...env } });
  assert.deepEqual([code, out], [78, ""], err);
  const lines = err.trim().split("\n");
  assert.equal(lines.length, 1, err);
  assert.match(lines[0], /^countersign: /);
  assert.match(lines[0], expected);
  return lines[0];
}

const SECRET = "a-better-auth-secret-4711";
for (const [name, args, env, expected] of [
  ["a public URL in the clear", ["--public-url", "http://auth.example.com"], {}, /http:\/\/auth\.example\.com.*https:\/\//],
  ["all interfaces without a public URL", ["--listen", "0.0.0.0:0"], {}, /0\.0\.0\.0:0.*COUNTERSIGN_PUBLIC_URL/],
  ["everybody a trusted proxy", [], { COUNTERSIGN_TRUSTED_PROXIES: "0.0.0.0/0" }, /0\.0\.0\.0\/0.*X-Forwarded-For/],
  ["every site a trusted origin", [], { COUNTERSIGN_TRUSTED_ORIGINS: "https://*.com" }, /https:\/\/\*\.com/],
  ["a short secret, which is not quoted", [], { COUNTERSIGN_BETTER_AUTH_SECRET: SECRET }, /secret/i],
  ["mail kept in a folder by a public server", ["--public-url", "https://auth.example.com"], {}, /COUNTERSIGN_MAIL/],
  ["an unknown setting", [], { COUNTERSIGN_LISTN: "127.0.0.1:0" }, /COUNTERSIGN_LISTN.*COUNTERSIGN_LISTEN/],
  ["an address that is none", ["--listen", "nowhere"], {}, /--listen/],
]) {
  test(name, async () => assert.ok(!(await refuses(args, env, expected)).includes(SECRET)));
}

test("a port that is taken", async () => {
  const other = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  await refuses(["--listen", `127.0.0.1:${other.address().port}`], {}, /cannot listen on 127\.0\.0\.1:\d+/);
  other.close();
});

test("a database sealed with another key; neither is changed", async () => {
  const home = new Home();
  const [server, other] = [await Server.start(home), new Home()];
  await server.stop();
  await (await Server.start(other)).stop();
  const keys = join(home.data, "master.keys");
  copyFileSync(keys, join(scratch, "right.keys"));
  copyFileSync(join(other.data, "master.keys"), keys);
  await refuses(["--data-dir", home.data], {}, /master key/);
  const doctor = await run(["doctor", "--data-dir", home.data]);
  assert.equal(doctor.code, 1);
  assert.match(doctor.out, /^fail +keys: master key .* is not the one this database was sealed with/m);
  rmSync(keys);
  const missing = await run(["doctor", "--data-dir", home.data]);
  assert.equal(missing.code, 1);
  assert.match(missing.out, /^fail +keys: this database is sealed with master key/m);
  copyFileSync(join(scratch, "right.keys"), keys);
  await (await Server.start(home)).stop();
  home.remove();
  other.remove();
});

test("a key file that everybody can read", async () => {
  const home = new Home();
  await (await Server.start(home)).stop();
  chmodSync(join(home.data, "master.keys"), 0o644);
  await refuses(["--data-dir", home.data], {}, /master\.keys/);
  home.remove();
});

test("a second server on the same folder", async () => {
  const home = new Home();
  const server = await Server.start(home);
  const { code, err } = await run(["serve", "--listen", "127.0.0.1:0", "--data-dir", home.data]);
  assert.notEqual(code, 0);
  assert.match(err, /countersign\.db/);
  await server.kill();
  home.remove();
});

test("the doctor says what is well and what is not, and changes nothing", async () => {
  const fresh = folder();
  const healthy = await run(["doctor", "--data-dir", fresh]);
  assert.equal(healthy.code, 0, healthy.out + healthy.err);
  assert.match(healthy.out, /^ok +database: .* will be made by the first start/m);
  const home = new Home();
  const server = await Server.start(home);
  const beside = await run(["doctor", "--data-dir", home.data]);
  assert.equal(beside.code, 0, beside.out);
  assert.match(beside.out, /^warn +database: .* is in use/m);
  await server.stop();
  const stopped = await run(["doctor", "--data-dir", home.data]);
  assert.match(stopped.out, /^ok +database: .*, schema version \d+$/m);
  writeFileSync(join(scratch, "file"), "");
  const sink = await run(["doctor", "--data-dir", home.data], { env: { COUNTERSIGN_MAIL: `sink:${join(scratch, "file")}` } });
  assert.equal(sink.code, 1);
  assert.match(sink.out, /^fail +mail: cannot write to/m);
  home.remove();
});
