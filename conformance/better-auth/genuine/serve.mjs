// The genuine Better Auth server with Countersign's command line, to find out whether the tests are right:
//   GENUINE=1 node --test tests/*.test.mjs
// It writes mail into the sink folder, keeps everything in memory and a copy in the data folder, so that it survives
// being killed, and is never part of ./test.
import http from "node:http";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deserialize, serialize } from "node:v8";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer, emailOTP, jwt, magicLink, twoFactor } from "better-auth/plugins";
import { passkey } from "@better-auth/passkey";

const { values } = parseArgs({
  allowPositionals: true,
  options: { listen: { type: "string" }, "data-dir": { type: "string" } },
});
const sink = process.env.COUNTERSIGN_MAIL.replace(/^sink:/, "");
let mails = 0;
function post(to, subject, text) {
  const name = join(sink, `${String(++mails).padStart(6, "0")}.eml`);
  writeFileSync(`${name}.part`, `To: ${to}\r\nSubject: ${subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`);
  renameSync(`${name}.part`, name);
}

const server = http.createServer();
await new Promise((resolve) => server.listen(Number(values.listen.split(":")[1]), "127.0.0.1", resolve));
const baseURL = `http://127.0.0.1:${server.address().port}`;
const copy = join(values["data-dir"], "everything");
const tables = ["user", "session", "account", "verification", "twoFactor", "jwks", "rateLimit"];
const database = existsSync(copy)
  ? deserialize(readFileSync(copy))
  : Object.fromEntries(tables.map((table) => [table, []]));
const save = () => {
  writeFileSync(`${copy}.part`, serialize(database));
  renameSync(`${copy}.part`, copy);
};
const auth = betterAuth({
  appName: "Countersign",
  baseURL,
  secret: "only-for-testing-the-tests-0123456789abcdef",
  database: memoryAdapter(database),
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
    magicLink({ sendMagicLink: async ({ email, url }) => post(email, "Your link", `Follow ${url}`) }),
    emailOTP({ sendVerificationOTP: async ({ email, otp }) => post(email, "Your code", `Your code is ${otp}.`) }),
    passkey({ rpID: "localhost" }),
    bearer(),
  ],
});
const handle = toNodeHandler(auth);
server.on("request", (incoming, outgoing) => {
  if (incoming.url === "/health/ready") return outgoing.end("ready");
  const writeHead = outgoing.writeHead;
  outgoing.writeHead = (...head) => {
    save();
    return writeHead.apply(outgoing, head);
  };
  return handle(incoming, outgoing);
});
console.log(`listening on ${baseURL}`);
process.once("SIGTERM", () => process.exit(0));
