// The program under test: one process of the real binary with a data folder and a mail sink of its own.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "./wire.mjs";

const READY_WITHIN_MS = 60_000;

/** The command that starts the server: the binary named by COUNTERSIGN_BIN, or, with GENUINE=1, the genuine
 *  Better Auth server dressed up with the same command line, to test the tests. */
export const genuine = process.env.GENUINE === "1";
const command = genuine
  ? [process.execPath, fileURLToPath(new URL("../better-auth/genuine/serve.mjs", import.meta.url))]
  : [process.env.COUNTERSIGN_BIN];

// No server outlives its test, even one that ended badly.
const running = new Set();
process.once("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A folder for one server's data and one for its mail. They outlive the process, so that it can be restarted. */
export class Home {
  constructor() {
    this.root = mkdtempSync(join(tmpdir(), "countersign-conformance-"));
    this.data = join(this.root, "data");
    this.mail = join(this.root, "mail");
    mkdirSync(this.data, { mode: 0o700 });
    mkdirSync(this.mail, { mode: 0o700 });
  }
  remove() {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export class Server {
  static async start(home, { env = {}, port = 0 } = {}) {
    if (!command[0]) throw new Error("COUNTERSIGN_BIN must name the binary to test");
    const server = new Server();
    server.home = home;
    server.output = "";
    const args = [...command.slice(1), "serve", "--listen", `127.0.0.1:${port}`, "--data-dir", home.data];
    server.process = spawn(command[0], args, {
      env: {
        ...process.env,
        COUNTERSIGN_MAIL: `sink:${home.mail}`,
        COUNTERSIGN_RATE_LIMITS: "off",
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    server.exited = new Promise((resolve) => server.process.once("close", resolve));
    for (const stream of [server.process.stdout, server.process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => (server.output += text));
    }
    running.add(server.process);
    server.process.once("close", () => running.delete(server.process));
    await server.#untilReady();
    return server;
  }

  async #untilReady() {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline) {
      if (this.process.exitCode !== null) break;
      const address = /http:\/\/127\.0\.0\.1:(\d+)/.exec(this.output);
      if (address) {
        this.base = address[0];
        this.port = Number(address[1]);
        // Unless told otherwise, the server takes this for its public address, and its origin for trusted.
        this.origin = genuine ? this.base : `http://localhost:${this.port}`;
        const answer = await request(this.base, "GET", "/health/ready").catch(() => null);
        if (answer?.status === 200) return;
      }
      await pause(20);
    }
    this.process.kill("SIGKILL");
    throw new Error(`the server did not become ready; it said:\n${this.output}`);
  }

  /** kill -9: no clean-up, no flush. Returns when the process is gone. */
  async kill() {
    this.process.kill("SIGKILL");
    await this.exited;
  }

  /** SIGTERM, as a service manager would. Returns the exit code. */
  async stop() {
    this.process.kill("SIGTERM");
    return await this.exited;
  }
}

/** A server for one test file; `after` is the runner's hook. */
export async function serve(after, options) {
  const home = new Home();
  const server = await Server.start(home, options);
  after(async () => {
    await server.kill();
    home.remove();
  });
  return server;
}
