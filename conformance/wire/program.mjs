// The program run once, with nothing in its environment but what the test gives it.
import { spawn } from "node:child_process";

export class Program {
  constructor(args, { env = {}, cwd } = {}) {
    if (!process.env.COUNTERSIGN_BIN) throw new Error("COUNTERSIGN_BIN must name the binary to test");
    this.out = "";
    this.err = "";
    this.process = spawn(process.env.COUNTERSIGN_BIN, args, { cwd, env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    this.process.stdout.setEncoding("utf8").on("data", (text) => (this.out += text));
    this.process.stderr.setEncoding("utf8").on("data", (text) => (this.err += text));
    this.exited = new Promise((resolve) => this.process.once("close", (code, signal) => resolve(code ?? signal)));
    const kill = () => this.process.kill("SIGKILL");
    process.once("exit", kill);
    this.exited.then(() => process.off("exit", kill));
  }

  /** Waits for something on standard output and returns the match. */
  async said(pattern, withinMs = 30_000) {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const match = pattern.exec(this.out);
      if (match) return match;
      if (this.process.exitCode !== null || Date.now() > deadline) {
        throw new Error(`never said ${pattern}; it said:\n${this.out}\n${this.err}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  signal(name) {
    this.process.kill(name);
    return this.exited;
  }
}

/** Runs to the end. */
export async function run(args, options) {
  const program = new Program(args, options);
  const code = await program.exited;
  return { code, out: program.out, err: program.err };
}
