// Better Auth on Node's own SQLite, set up to be compared with: durable commits, rate limits off.
//
//   PORT        where to listen on 127.0.0.1
//   PEER_FILE   the database file
//   PEER_FAST_HASH=1   SHA-256 instead of scrypt: only to open challenges quickly before scenarios whose timed
//                      steps hash no password (S1, S3, S5). Never for S2 or S4.
import { createHash, timingSafeEqual } from "node:crypto";
import http from "node:http";
import { DatabaseSync } from "node:sqlite";

import { passkey } from "@better-auth/passkey";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer, twoFactor } from "better-auth/plugins";

const port = Number(process.env.PORT ?? 4101);
const fastHash = process.env.PEER_FAST_HASH === "1";

const database = new DatabaseSync(process.env.PEER_FILE ?? "better-auth.db");
database.exec("PRAGMA journal_mode=WAL");
// The same promise as Countersign's: an acknowledged write survives a power cut.
database.exec("PRAGMA synchronous=FULL");
database.exec("PRAGMA busy_timeout=5000");

const sha256 = (text) => createHash("sha256").update(text).digest();
const fastPassword = {
  hash: async (password) => sha256(password).toString("hex"),
  verify: async ({ hash, password }) => timingSafeEqual(Buffer.from(hash, "hex"), sha256(password)),
};

const options = {
  appName: "bench",
  baseURL: `http://127.0.0.1:${port}`,
  secret: "a-bench-secret-that-protects-nothing-0123456789",
  database,
  emailAndPassword: { enabled: true, ...(fastHash && { password: fastPassword }) },
  // The order matters: with `bearer` first, a challenge would give the session's token away.
  plugins: [twoFactor(), passkey(), bearer()],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
};

const { runMigrations } = await getMigrations(options);
await runMigrations();

const server = http.createServer(toNodeHandler(betterAuth(options)));
// Longer than any pause in a measurement, so that idle connections stay open.
server.keepAliveTimeout = 120_000;
server.listen(port, "127.0.0.1", () => console.log(`Better Auth on http://127.0.0.1:${port}, node ${process.version}`));
