// A search that finds nothing proves nothing unless it can find something: secrets planted in every form.
import assert from "node:assert/strict";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { filesBelow, forms, search } from "./needles.mjs";

const folder = mkdtempSync(join(tmpdir(), "countersign-needles-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = "Kanarienvogel & Sons 1";
const noise = Buffer.from(Array.from({ length: 4000 }, (_, n) => (n * 97) % 251));
const found = (planted, secret = SECRET) =>
  search(forms("canary", secret), [{ name: "there", bytes: Buffer.concat([noise, Buffer.from(planted), noise]) }]).length > 0;

const PLANTED = {
  "as it is": SECRET,
  "UTF-16": Buffer.from(SECRET, "utf16le"),
  "hex": Buffer.from(SECRET).toString("hex"),
  "hex in capitals": Buffer.from(SECRET).toString("hex").toUpperCase(),
  "percent-encoded": encodeURIComponent(SECRET),
  "every byte percent-encoded": [...Buffer.from(SECRET)].map((byte) => `%${byte.toString(16)}`).join(""),
  "JSON": JSON.stringify({ password: SECRET }),
  "base64 alone": Buffer.from(SECRET).toString("base64"),
  "base64 of a JSON body": Buffer.from(JSON.stringify({ password: SECRET })).toString("base64"),
  "base64 one byte further": Buffer.from(JSON.stringify({ passwords: SECRET })).toString("base64"),
  "base64 two bytes further": Buffer.from(JSON.stringify({ passwordss: SECRET })).toString("base64url"),
};

for (const [form, planted] of Object.entries(PLANTED)) {
  test(`found: ${form}`, () => assert.ok(found(planted)));
}

test("found: raw bytes, and their Base32", () => {
  const seed = Buffer.from("00ff10ef20df30cf40bf50af60bf70cf80df90ef", "hex");
  assert.ok(found(seed, seed));
  assert.ok(found("secret=AD7RB3ZA34YM6QF7KCXWBP3QZ6AN7EHP", seed));
});

test("found: six digits alone, but not within a longer number or a time", () => {
  assert.ok(found('code="123456"', "123456"));
  assert.ok(found(Buffer.from([0, ...Buffer.from("123456"), 0]), "123456"));
  assert.ok(found(Buffer.from("123456").toString("base64"), "123456"));
  for (const innocent of ["1234567", "04:05:06.123456Z", "ab123456", "0x123456"]) assert.ok(!found(innocent, "123456"), innocent);
});

test("not found: something else", () => {
  assert.ok(!found("Kanarienvogel & Sons 2"));
  assert.ok(!found(noise));
});

test("files are searched however deep, but for the excluded", () => {
  mkdirSync(join(folder, "a/b"), { recursive: true });
  writeFileSync(join(folder, "a/b/data.db-wal"), Buffer.concat([noise, Buffer.from(SECRET)]));
  writeFileSync(join(folder, "master.keys"), SECRET);
  const hits = search(forms("canary", SECRET), filesBelow(folder, /master\.keys/));
  assert.deepEqual(hits.map(({ place }) => place), [join(folder, "a/b/data.db-wal")]);
});
