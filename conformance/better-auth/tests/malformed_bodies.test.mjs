// Bytes that no client of ours would send. The answer is always a refusal in the usual envelope, never a 5xx,
// and the server is as well afterwards as before.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { challenged, ok, signedUp } from "../browser.mjs";
import { genuine, serve } from "../../harness/binary.mjs";
import { Caller, request } from "../../harness/wire.mjs";

const server = await serve(after);
const someone = await signedUp(server);
const pending = await challenged(server);

const nested = (depth, open, close) => `{"password":${open.repeat(depth)}1${close.repeat(depth)}}`;
const bytes = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));

/** No valid body for any of the endpoints below: each must be refused with a 4xx. */
const REFUSED = {
  "nothing but an opening brace": "{",
  "cut off within a string": '{"email":"ada@exam',
  "cut off behind a colon": '{"email":',
  "no JSON at all": "hello",
  "single quotes": "{'email':'a'}",
  "a trailing comma": '{"email":"a@example.com",}',
  "a comment": '{"email":/* hi */"a@example.com"}',
  "two documents": '{"a":1}{"b":2}',
  "bare NaN": '{"code":NaN}',
  "bare Infinity": '{"code":Infinity}',
  "an unquoted key": '{code:"123456"}',
  "a tab within a string": '{"code":"12\t34"}',
  "a raw NUL within a string": bytes('{"code":"12', [0], '34"}'),
  "NULs alone": Buffer.alloc(64),
  "UTF-16": Buffer.from('{"code":"123456"}', "utf16le"),
  "a broken escape": '{"code":"\\u12"}',
  "an unknown escape": '{"code":"\\x41"}',
  "null": "null",
  "true": "true",
  "a number": "42",
  "a string": '"code"',
  "a list": "[]",
  "a list of objects": '[{"code":"123456"}]',
  "an empty object": "{}",
  "a huge number": `{"code":1${"0".repeat(400)}}`,
  "a huge exponent": '{"code":1e999999999}',
  "a negative zero": '{"code":-0,"password":-0,"email":-0}',
  "deep lists": nested(10_000, "[", "]"),
  "deep objects": nested(10_000, '{"a":', "}"),
  "deep and never closed": "[".repeat(20_000),
  "a thousand keys": `{${Array.from({ length: 1000 }, (_, n) => `"k${n}":${n}`).join(",")}}`,
  "a prototype": '{"__proto__":{"code":"123456","password":"x","email":"a@example.com"}}',
  "a constructor": '{"constructor":{"prototype":{"code":"123456"}}}',
  "every value an object": '{"code":{},"password":{},"email":{},"name":{}}',
  "every value null": '{"code":null,"password":null,"email":null,"name":null}',
};

/** Readers of JSON differ on these; any answer but a 5xx will do, and a refusal keeps the envelope. */
const DOUBTFUL = {
  "invalid UTF-8": bytes('{"code":"', [0xff, 0xfe, 0xc3, 0x28], '"}'),
  "overlong UTF-8": bytes('{"code":"', [0xc0, 0xaf], '"}'),
  "a lone surrogate escape": '{"code":"\\ud800","password":"\\udfff","email":"\\ud83d"}',
  "a byte order mark": '\ufeff{"email":"a@example.com","password":"whatever-1","code":"000000"}',
  "duplicate keys": '{"email":"a@example.com","email":"b@example.com","password":"whatever-1","code":"1","code":"000000"}',
  "the key escaped": '{"\\u0065mail":"a@example.com","password":"whatever-1","code":"000000"}',
  "much space": `${" ".repeat(5000)}{"email":"a@example.com","password":"whatever-1","code":"000000"}${"\n".repeat(5000)}`,
  "a NUL escape": '{"email":"a\\u0000@example.com","password":"what\\u0000ever-1","code":"12\\u000034"}',
  "a long password": `{"email":"a@example.com","password":"${"p".repeat(5000)}","code":"${"1".repeat(5000)}"}`,
};

const TARGETS = [
  { path: "/api/auth/sign-in/email", jar: null },
  { path: "/api/auth/sign-up/email", jar: null },
  { path: "/api/auth/two-factor/enable", jar: someone.browser.jar },
  { path: "/api/auth/two-factor/verify-totp", jar: pending.browser.jar },
];

async function send({ path, jar }, body, contentType = "application/json") {
  const headers = { origin: server.origin, "content-type": contentType };
  if (jar) headers.cookie = jar.header;
  return await request(server.base, "POST", path, { body: Buffer.from(body), headers });
}

function assertEnvelope(answer, what) {
  assert.match(answer.headers["content-type"] ?? "", /^application\/json/, `${what}: ${answer.status} ${answer.text}`);
  assert.equal(typeof answer.json?.message, "string", `${what}: ${answer.text}`);
  assert.equal(typeof answer.json?.code, "string", `${what}: ${answer.text}`);
}

for (const [name, body] of Object.entries(REFUSED)) {
  test(`refused: ${name}`, async () => {
    for (const target of TARGETS) {
      const answer = await send(target, body);
      assert.equal(answer.status, 400, `${target.path}: ${answer.status} ${answer.text}`);
      assertEnvelope(answer, target.path);
    }
  });
}

for (const [name, body] of Object.entries(DOUBTFUL)) {
  test(`survived: ${name}`, async () => {
    for (const target of TARGETS.slice(0, 3)) {
      const answer = await send(target, body);
      assert.ok(answer.status < 500, `${target.path}: ${answer.status} ${answer.text}`);
      if (answer.status >= 400) assertEnvelope(answer, target.path);
    }
  });
}

test("malformed JSON has its own code", async () => {
  const answer = await send(TARGETS[0], "{not json");
  assert.deepEqual(answer.json, { message: "Invalid JSON in request body", code: "BAD_REQUEST" });
});

test("an absent body is a matter of the schema", async () => {
  const answer = await request(server.base, "POST", "/api/auth/sign-in/email", { headers: { origin: server.origin } });
  assert.deepEqual([answer.status, answer.json.code], [400, "VALIDATION_ERROR"]);
  assert.match(answer.json.message, /^\[body\] Invalid input: expected object, received undefined/);
});

for (const type of ["text/plain", "application/xml", "application/vnd.api+json", "multipart/form-data; boundary=x", "application/jsonp", "garbage"]) {
  test(`415: ${type}`, async () => {
    for (const target of TARGETS) {
      const answer = await send(target, '{"email":"a@example.com","password":"whatever-1","code":"000000"}', type);
      assert.deepEqual([answer.status, answer.json?.code], [415, "UNSUPPORTED_MEDIA_TYPE"], target.path);
      assert.match(answer.json.message, /^Content-Type ".*" is not allowed\. Allowed types: /);
    }
  });
}

test("a charset and capitals in the content type are fine", async () => {
  const answer = await send(TARGETS[0], '{"email":"a@example.com","password":"whatever-1"}', "Application/JSON; charset=UTF-8");
  assert.equal(answer.json.code, "INVALID_EMAIL_OR_PASSWORD");
});

test("a form is read where the original reads one", async () => {
  const body = new URLSearchParams({ email: someone.person.email, password: someone.person.password }).toString();
  const answer = await send(TARGETS[0], body, "application/x-www-form-urlencoded");
  assert.equal(answer.status, 200, answer.text);
  const elsewhere = await send(TARGETS[2], body, "application/x-www-form-urlencoded");
  assert.deepEqual([elsewhere.status, elsewhere.json.code], [415, "UNSUPPORTED_MEDIA_TYPE"]);
});

test("an oversize body is 413, everywhere", { skip: genuine && "stricter here: the original has no limit" }, async () => {
  for (const target of TARGETS) {
    const answer = await send(target, `{"name":"${"x".repeat(2 * 1024 * 1024)}"}`);
    assert.equal(answer.status, 413, `${target.path}: ${answer.text}`);
    assertEnvelope(answer, target.path);
  }
});

test("an oversize body without a length is 413", { skip: genuine && "stricter here: the original has no limit" }, async () => {
  const answer = await request(server.base, "POST", TARGETS[0].path, {
    headers: { origin: server.origin, "content-type": "application/json", "transfer-encoding": "chunked" },
    body: Buffer.from(`{"name":"${"x".repeat(2 * 1024 * 1024)}"}`),
  });
  assert.equal(answer.status, 413, answer.text);
  assertEnvelope(answer, "chunked");
});

test("oversize headers are 431", async () => {
  const answer = await request(server.base, "GET", "/api/auth/get-session", { headers: { "x-long": "x".repeat(600 * 1024) } });
  assert.equal(answer.status, 431);
});

test("strange cookies are no cookies", async () => {
  const values = ["=", ";;;", "better-auth.session_token", "better-auth.session_token=%", "better-auth.session_token=%00.%00",
    `better-auth.session_token=${"a".repeat(4000)}`, "better-auth.session_token=a.b; better-auth.session_token=c.d",
    `better-auth.session_token=x.${"A".repeat(43)}%3D`, "better-auth.two_factor=....", "better-auth.trust_device=!!!!"];
  for (const cookie of values) {
    const session = await request(server.base, "GET", "/api/auth/get-session", { headers: { cookie } });
    assert.deepEqual([session.status, session.text], [200, "null"], cookie);
    const answer = await request(server.base, "POST", "/api/auth/two-factor/verify-totp", {
      headers: { cookie, origin: server.origin }, body: { code: "123456" },
    });
    assert.deepEqual([answer.status, answer.json?.code], [401, "INVALID_TWO_FACTOR_COOKIE"], cookie);
  }
});

test("the challenge and the server are as well as before", async () => {
  await ok(pending.auth.twoFactor.verifyTotp({ code: await pending.app.next() }));
  assert.equal((await new Caller(server).get("/health/ready")).status, 200);
});
