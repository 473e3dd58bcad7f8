// A real browser: Chromium without a window, driven over the DevTools protocol through a pipe.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 15_000;

export class Chromium {
  #next = 1;
  #waiting = new Map();
  #listeners = [];

  static async start(after, { scripts = true } = {}) {
    const browser = new Chromium();
    browser.profile = mkdtempSync(join(tmpdir(), "countersign-chromium-"));
    const flags = [
      "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run",
      "--disable-background-networking", `--user-data-dir=${browser.profile}`,
    ];
    browser.process = spawn(process.env.CHROMIUM ?? "chromium", [...flags, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
      // A group of its own, so that its helpers end with it.
      detached: true,
    });
    browser.exited = new Promise((resolve) => browser.process.once("close", resolve));
    after(() => browser.close());
    let rest = "";
    browser.process.stdio[4].setEncoding("utf8");
    browser.process.stdio[4].on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      messages.forEach((message) => browser.#heard(JSON.parse(message)));
    });
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
    browser.session = sessionId;
    await browser.send("Page.enable");
    await browser.send("Runtime.enable");
    await browser.send("Log.enable");
    browser.complaints = [];
    browser.on("Log.entryAdded", ({ entry }) => {
      if (entry.source === "security" || entry.level === "error" && entry.source === "javascript") browser.complaints.push(entry.text);
    });
    browser.on("Runtime.exceptionThrown", ({ exceptionDetails }) => browser.complaints.push(exceptionDetails.text));
    if (!scripts) await browser.send("Emulation.setScriptExecutionDisabled", { value: true });
    return browser;
  }

  #heard(message) {
    if (message.id) {
      const { resolve, reject } = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      return message.error ? reject(new Error(message.error.message)) : resolve(message.result);
    }
    this.#listeners.filter(([name]) => name === message.method).forEach(([, hear]) => hear(message.params));
  }

  on(event, hear) {
    this.#listeners.push([event, hear]);
  }

  send(method, params = {}) {
    const id = this.#next++;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async run(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until the expression is true in the page, through navigations. */
  async until(expression) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await this.run(`document.readyState === "complete" && (${expression})`).catch(() => false);
      if (value) return value;
      if (Date.now() > deadline) {
        const seen = await this.run("location.href + '\\n' + document.body.innerText").catch(() => "(nothing)");
        throw new Error(`waited in vain for ${expression}; the page is ${seen}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  async open(url) {
    await this.send("Page.navigate", { url });
    await this.until(`location.href !== "about:blank"`);
  }

  at(path) {
    return this.until(`location.pathname === ${JSON.stringify(path)}`);
  }

  text() {
    return this.run("document.body.innerText");
  }

  async type(selector, text) {
    await this.run(`(() => { const field = document.querySelector(${JSON.stringify(selector)}); field.focus(); field.select(); })()`);
    await this.send("Input.insertText", { text });
  }

  /** A real click in the middle of the element with this text or selector. */
  async click(what) {
    const found = await this.run(`(() => {
      const all = [...document.querySelectorAll("button, a, input, summary")];
      const wanted = ${JSON.stringify(what)};
      const element = all.find((one) => one.innerText?.trim() === wanted) ?? document.querySelector(wanted);
      element.scrollIntoView({ block: "center" });
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    })()`);
    for (const type of ["mousePressed", "mouseReleased"]) {
      await this.send("Input.dispatchMouseEvent", { type, ...found, button: "left", clickCount: 1 });
    }
  }

  /** Chooses a file of these bytes. */
  async choose(selector, bytes) {
    const file = join(this.profile, "chosen");
    writeFileSync(file, bytes);
    const { root } = await this.send("DOM.getDocument");
    const { nodeId } = await this.send("DOM.querySelector", { nodeId: root.nodeId, selector });
    await this.send("DOM.setFileInputFiles", { nodeId, files: [file] });
  }

  /** Says that the backup codes are kept, and goes on. */
  async keepCodes() {
    await this.click("main input[type=checkbox]");
    await this.click("Go on");
  }

  /** An authenticator that does what it is told; see the WebAuthn domain of the protocol. */
  async authenticator() {
    await this.send("WebAuthn.enable");
    const options = {
      protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true,
      isUserVerified: true, automaticPresenceSimulation: true,
    };
    const { authenticatorId } = await this.send("WebAuthn.addVirtualAuthenticator", { options });
    const tell = (method, params) => this.send(`WebAuthn.${method}`, { authenticatorId, ...params });
    return {
      verifies: (isUserVerified) => tell("setUserVerified", { isUserVerified }),
      saysUnverified: (isBadUV) => tell("setResponseOverrideBits", { isBadUV }),
      touches: (enabled) => tell("setAutomaticPresenceSimulation", { enabled }),
      credentials: async () => (await tell("getCredentials")).credentials,
      add: (credential) => tell("addCredential", { credential }),
      remove: (credentialId) => tell("removeCredential", { credentialId }),
    };
  }

  async shoot(folder, name) {
    mkdirSync(folder, { recursive: true });
    for (const [width, scheme] of [[360, "light"], [1280, "dark"]]) {
      await this.send("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 1, mobile: false });
      await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
      const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
      writeFileSync(join(folder, `${name}-${width}.png`), Buffer.from(data, "base64"));
      const wide = await this.run("document.documentElement.scrollWidth > innerWidth");
      if (wide) throw new Error(`${name} is wider than ${width} pixels`);
    }
    await this.send("Emulation.clearDeviceMetricsOverride");
  }

  async close() {
    process.kill(-this.process.pid, "SIGKILL");
    await this.exited;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
