// What a connection may do to the server, byte by byte: too slowly, too much, too many, or never.
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { serve } from "../harness/binary.mjs";
import { Line } from "./line.mjs";

const server = await serve(after);
const HOST = `Host: localhost\r\nOrigin: ${server.origin}\r\n`;
const SIGN_IN = `POST /api/auth/sign-in/email HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
const PING = `GET /health/live HTTP/1.1\r\n${HOST}`;
const KiB = 1024;

async function says(...pieces) {
  const line = await Line.to(server);
  line.send(...pieces);
  return line.answer();
}

// Each of these waits for a deadline of the server's; they wait together.
describe("whoever is slow is cut off", { concurrency: true }, () => {
  const cutOff = (name, start, again, atLeast = 5) =>
    test(name, async () => {
      const line = await Line.to(server);
      line.send(start);
      const nagging = setInterval(() => line.send(again), 1000);
      const seconds = await line.closed();
      clearInterval(nagging);
      assert.ok(seconds > atLeast && seconds < 14, `after ${seconds} s`);
    });
  cutOff("a connection that says nothing", "", "");
  cutOff("a header that never ends", "GET / HTTP/1.1\r\nX-Slow: ", "a");
  cutOff("headers that never end", "GET / HTTP/1.1\r\n", "X: y\r\n");
  cutOff("a beginning that could become HTTP/2", "PRI * HT", "");
  cutOff("the whole beginning of HTTP/2, at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "", 0);
  cutOff("a connection that has had its answer and idles", `${PING}\r\n`, "");

  test("a body that trickles is told so, in the envelope", async () => {
    const line = await Line.to(server);
    line.send(`${SIGN_IN}Content-Length: 1000\r\n\r\n{`);
    const nagging = setInterval(() => line.send(" "), 500);
    const answer = await line.answer();
    clearInterval(nagging);
    assert.deepEqual([answer.status, answer.json.code], [408, "REQUEST_TIMEOUT"]);
    assert.ok(answer.seconds > 10 && answer.seconds < 20, `after ${answer.seconds} s`);
  });
});

describe("whoever says too much is told so", () => {
  const field = (bytes) => `X-Long: ${"a".repeat(bytes)}\r\n`;

  test("headers up to 16 KiB, and no more", async () => {
    assert.equal((await says(PING, field(12 * KiB), "\r\n")).status, 200);
    assert.equal((await says(PING, field(17 * KiB), "\r\n")).status, 431);
    assert.equal((await says(PING, field(6 * KiB).repeat(3), "\r\n")).status, 431);
  });

  test("64 fields, and no more", async () => {
    const fields = (count) => Array.from({ length: count }, (_, n) => `X-${n}: y\r\n`).join("");
    assert.equal((await says(PING, fields(62), "\r\n")).status, 200);
    assert.equal((await says(PING, fields(63), "\r\n")).status, 431);
  });

  test("addresses up to 8 KiB", async () => {
    const get = (length) => `GET /health/live?${"a".repeat(length)} HTTP/1.1\r\n${HOST}\r\n`;
    assert.equal((await says(get(8000))).status, 200);
    assert.equal((await says(get(9000))).status, 414);
  });

  test("bodies up to 64 KiB; a longer one is refused in the envelope, unread", async () => {
    const json = '{"email":"a@example.com","password":"wrong"}';
    const fits = await says(`${SIGN_IN}Content-Length: ${64 * KiB}\r\n\r\n`, json.padEnd(64 * KiB));
    assert.equal(fits.json.code, "INVALID_EMAIL_OR_PASSWORD");
    for (const sent of ["", json.padEnd(64 * KiB + 1)]) {
      const declared = await says(`${SIGN_IN}Content-Length: ${64 * KiB + 1}\r\n\r\n`, sent);
      assert.deepEqual([declared.status, declared.json.code], [413, "PAYLOAD_TOO_LARGE"]);
      assert.match(declared.head, /content-type: application\/json/i);
    }
  });

  test("whoever goes on talking still hears the answer", async () => {
    for (let round = 0; round < 20; round++) {
      const answer = await says(`${SIGN_IN}Content-Length: 1000000\r\n\r\n`, "a".repeat(500 * KiB));
      assert.equal(answer.status, 413);
    }
  });

  test("a body of unknown length is read up to the limit", async () => {
    const line = await Line.to(server);
    line.send(`${SIGN_IN}Transfer-Encoding: chunked\r\n\r\n`);
    for (let sent = 0; sent < 65; sent++) line.send(`400\r\n${"a".repeat(KiB)}\r\n`);
    const answer = await line.answer();
    assert.deepEqual([answer.status, answer.json.code], [413, "PAYLOAD_TOO_LARGE"]);
  });
});

describe("what is no request gets no answer but 400", () => {
  for (const [name, bytes] of Object.entries({
    "nonsense": "hello\r\n\r\n",
    "two lengths": `${SIGN_IN}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    "a length that is no number": `${SIGN_IN}Content-Length: +2\r\n\r\n{}`,
    "a header with a bare line feed inside": `${PING}X: a\n b\r\n\r\n`,
    "a space before the colon": `${PING}X : y\r\n\r\n`,
    "a NUL": `${PING}X: a\0b\r\n\r\n`,
  })) {
    test(name, async () => assert.equal((await says(bytes)).status, 400));
  }

  test("length and chunks at once: nothing is smuggled behind it", async () => {
    const line = await Line.to(server);
    line.send(`${SIGN_IN}Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, `${PING}\r\n`);
    const answer = await line.answer();
    assert.ok(answer.status >= 400, answer.head);
    await line.closed();
    assert.ok(!line.text.includes('"live"'), "the bytes behind an ambiguous request are not another request");
  });
});

test("requests in one piece are answered in order", async () => {
  const line = await Line.to(server);
  line.send(`${PING}\r\n`, `GET /nowhere HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  await line.closed();
  assert.deepEqual(line.text.match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 404"]);
});

test("many idle connections leave room for others", async () => {
  const idle = await Promise.all(Array.from({ length: 300 }, () => Line.to(server)));
  assert.equal((await says(`${PING}\r\n`)).status, 200);
  idle.forEach((line) => line.hangUp());
});
