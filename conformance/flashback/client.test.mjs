// The client these tests use sends what the original was seen to send.
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";
import { Client, HttpError } from "./client.mjs";

let seen, reply;
const listener = http.createServer(async (asked, answer) => {
  let body = "";
  for await (const piece of asked) body += piece;
  const { authorization, "content-type": type, "content-length": length, accept } = asked.headers;
  seen = { line: `${asked.method} ${asked.url}`, authorization, type, length, accept, body };
  answer.writeHead(reply.status, { "content-type": reply.type }).end(reply.body);
});
await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
after(() => listener.close().closeAllConnections());
const base = `http://127.0.0.1:${listener.address().port}`;

async function sent(call, answer = { status: 200, type: "application/json", body: "{}" }) {
  reply = answer;
  await call(client);
  return seen;
}
const client = new Client(base).setAuthToken("last").setAuthToken(null);
const common = { authorization: "Bearer last", accept: "*/*" };

test("posts without a body have a length and no type", async () => {
  const expected = { ...common, line: "POST /mfa/magic-link/send", type: undefined, length: "0", body: "" };
  assert.deepEqual(await sent((client) => client.sendMagicLink()), expected);
});

test("undefined members vanish, and the last token goes to public routes as well", async () => {
  const reset = await sent((client) => client.resetMFA({ resetUserId: undefined, enable: false }));
  assert.deepEqual([reset.body, reset.type], ['{"enable":false}', "application/json"]);
  const refresh = await sent((client) => client.userRefresh("r"));
  assert.deepEqual([refresh.body, refresh.authorization], ['{"refresh_token":"r"}', "Bearer last"]);
});

test("reading takes neither", async () => {
  const expected = { ...common, line: "GET /mfa/status", type: undefined, length: undefined, body: "" };
  assert.deepEqual(await sent((client) => client.getMFAStatus()), expected);
});

test("a failure has data only if it is application/json and parses", async () => {
  for (const [type, body, data] of [
    ["application/json; charset=utf-8", '{"error":"x"}', { error: "x" }],
    ["application/problem+json", '{"error":"x"}', null],
    ["text/plain", '{"error":"x"}', null],
    ["application/json", "{", null],
    ["application/json", "", null],
  ]) {
    const failure = await sent((client) => client.getMFAStatus(), { status: 403, type, body }).catch((failure) => failure);
    assert.ok(failure instanceof HttpError);
    assert.deepEqual([failure.status, failure.message, failure.data], [403, "HTTP Error 403: Forbidden", data]);
  }
});

test("a success is parsed whatever its type, and may be empty", async () => {
  reply = { status: 200, type: "text/plain", body: '{"success":true}' };
  assert.deepEqual(await client.getMFAStatus(), { success: true });
  reply = { status: 200, type: "text/plain", body: "" };
  assert.equal(await client.getMFAStatus(), null);
  reply = { status: 200, type: "application/json", body: "fine" };
  await assert.rejects(client.getMFAStatus(), /^Error: Invalid JSON response from server$/);
});
