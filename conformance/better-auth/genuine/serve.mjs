// The genuine Better Auth server with Countersign's command line, to find out whether the tests are right:
//   GENUINE=1 node --test tests/*.test.mjs
// It keeps everything in memory, writes mail into the sink folder and is never part of ./test.
import http from "node:http";
import { writeFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt, twoFactor } from "better-auth/plugins";

const sink = process.env.COUNTERSIGN_MAIL.replace(/^sink:/, "");
let mails = 0;
function post(to, subject, text) {
  const name = join(sink, `${String(++mails).padStart(6, "0")}.eml`);
  writeFileSync(`${name}.part`, `To: ${to}\r\nSubject: ${subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`);
  renameSync(`${name}.part`, name);
}

const server = http.createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;
const tables = ["user", "session", "account", "verification", "twoFactor", "jwks", "rateLimit"];
const auth = betterAuth({
  appName: "Countersign",
  baseURL,
  secret: "only-for-testing-the-tests-0123456789abcdef",
  database: memoryAdapter(Object.fromEntries(tables.map((table) => [table, []]))),
  emailAndPassword: {
    enabled: true,
    sendResetPassword: async ({ user, url }) => post(user.email, "Reset your password", `Open ${url}`),
  },
  user: { deleteUser: { enabled: true } },
  rateLimit: { enabled: process.env.COUNTERSIGN_RATE_LIMITS !== "off" },
  telemetry: { enabled: false },
  logger: { level: "error" },
  plugins: [
    jwt(),
    twoFactor({ otpOptions: { sendOTP: async ({ user, otp }) => post(user.email, "Your code", `Your code is ${otp}.`) } }),
    bearer(),
  ],
});
const handle = toNodeHandler(auth);
server.on("request", (incoming, outgoing) => {
  if (incoming.url === "/health/ready") return outgoing.end("ready");
  return handle(incoming, outgoing);
});
console.log(`listening on ${baseURL}`);
