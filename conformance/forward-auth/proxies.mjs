// The two proxies, each with the configuration that we hand out, on ports of their own and without TLS.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { request } from "../harness/wire.mjs";

const handedOut = (name) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));
const COUNTERSIGN = /127\.0\.0\.1:8080/g;
const APPLICATION = /127\.0\.0\.1:9000/g;

/** A port on which nothing listens. */
export function freePort() {
  return new Promise((resolve) => {
    const listener = createListener().listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

/** An application without a login: it answers with the headers and the address that reached it. */
export async function application(after) {
  const app = createServer((incoming, answer) => {
    answer.setHeader("content-type", "application/json");
    answer.end(JSON.stringify({ headers: incoming.headers, url: incoming.url, method: incoming.method }));
  });
  await new Promise((resolve) => app.listen(0, "127.0.0.1", resolve));
  after(() => app.close());
  return app.address().port;
}

export const proxies = {
  nginx: {
    start(folder, ports) {
      for (const name of ["countersign.conf", "countersign-headers.conf"]) {
        writeFileSync(join(folder, name), moved(readFileSync(handedOut(name), "utf8"), ports));
      }
      const server = moved(readFileSync(handedOut("nginx.conf"), "utf8"), ports)
        .replace("listen 443 ssl;", `listen 127.0.0.1:${ports.proxy};`)
        .replace(/ssl_certificate.*;\n/g, "\n");
      const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
      const whole = `daemon off; pid ${folder}/nginx.pid; error_log stderr warn; worker_processes 1;
        events {} http { access_log off; ${temporary.join(" ")} ${server} }`;
      const main = join(folder, "nginx.conf");
      writeFileSync(main, whole);
      return ["nginx", ["-p", folder, "-c", main, "-e", "stderr"], {}];
    },
  },
  caddy: {
    start(folder, ports) {
      const site = moved(readFileSync(handedOut("Caddyfile"), "utf8"), ports)
        .replace("app.example.com {", `http://app.localhost:${ports.proxy} {\n\tbind 127.0.0.1`);
      const main = join(folder, "Caddyfile");
      writeFileSync(main, `{\n\tadmin off\n\tauto_https off\n}\n${site}`);
      return ["caddy", ["run", "--config", main, "--adapter", "caddyfile"], { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }];
    },
  },
};

function moved(text, ports) {
  return text.replace(COUNTERSIGN, `127.0.0.1:${ports.countersign}`).replace(APPLICATION, `127.0.0.1:${ports.application}`);
}

export async function run(name, ports, after) {
  const folder = mkdtempSync(join(tmpdir(), `countersign-${name}-`));
  const [command, args, env] = proxies[name].start(folder, ports);
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (said += text));
  const gone = new Promise((resolve) => child.once("close", resolve));
  after(async () => {
    child.kill("SIGTERM");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await request(`http://127.0.0.1:${ports.proxy}`, "GET", "/").catch(() => null);
    if (answer) return;
    await pause(20);
  }
  throw new Error(`${name} did not start; it said:\n${said}`);
}
