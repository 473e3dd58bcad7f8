// How the program starts, says where it is, and goes when it is asked to.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Home, Server } from "../harness/binary.mjs";
import { Line } from "./line.mjs";
import { Program } from "./program.mjs";

const home = new Home();
after(() => home.remove());
const start = () => Server.start(home);
const gone = (server) => Line.to(server).then(() => assert.fail("it still listens"), () => {});

test("port 0 is a free port, printed on standard output and nothing else there", async () => {
  const other = new Home();
  const program = new Program(["serve", "--listen", "127.0.0.1:0", "--data-dir", other.data]);
  const [line, port] = await program.said(/^Countersign listens on http:\/\/127\.0\.0\.1:(\d+)\n/);
  assert.ok(Number(port) > 0);
  assert.equal(await program.signal("SIGINT"), 0);
  assert.equal(program.out, line);
  for (const logged of program.err.trim().split("\n")) JSON.parse(logged);
  other.remove();
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal}: idle connections do not delay it, and the code is 0`, async () => {
    const server = await start();
    const idle = await Line.to(server);
    idle.send("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await idle.answer();
    const silent = await Line.to(server);
    const began = performance.now();
    server.process.kill(signal);
    assert.equal(await server.exited, 0);
    assert.ok(performance.now() - began < 3000, "it waited for nobody");
    await Promise.all([idle.closed(), silent.closed()]);
  });
}

test("SIGTERM: a request under way is answered, then the connection ends; new ones are refused", async () => {
  const server = await start();
  const line = await Line.to(server);
  const body = JSON.stringify({ name: "Ada", email: "late@example.com", password: "correct horse" });
  const head = `POST /api/auth/sign-up/email HTTP/1.1\r\nHost: localhost\r\nOrigin: ${server.origin}\r\n`;
  line.send(`${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`);
  // The head has been read once an answer to something sent later on another connection is here.
  const later = await Line.to(server);
  later.send("GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await later.answer();
  server.process.kill("SIGTERM");
  await later.closed();
  await gone(server);
  line.send(body.slice(10));
  const answer = await line.answer();
  assert.equal(answer.status, 200);
  assert.equal(answer.json.user.email, "late@example.com");
  assert.match(answer.head, /^connection: close$/im);
  assert.equal(await server.exited, 0);
});

test("SIGTERM: whoever never finishes is not waited for forever", async () => {
  const server = await start();
  const line = await Line.to(server);
  line.send("POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{");
  const later = await Line.to(server);
  later.send("GET /health/ready HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await later.answer();
  const began = performance.now();
  assert.equal(await server.stop(), 0);
  assert.ok(performance.now() - began < 14_000);
});
