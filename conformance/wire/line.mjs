// One TCP connection, and everything that came back on it.
import net from "node:net";

const PATIENCE_MS = 30_000;

export class Line {
  static async to(server) {
    const line = new Line();
    line.began = performance.now();
    line.text = "";
    line.socket = net.connect(server.port, "127.0.0.1");
    line.socket.setEncoding("latin1");
    line.socket.on("data", (text) => (line.text += text));
    // A server that closes while we still talk resets the connection: an end like any other.
    line.socket.on("error", () => {});
    line.gone = new Promise((resolve) => line.socket.once("close", resolve));
    await new Promise((resolve, reject) => line.socket.once("connect", resolve).once("error", reject));
    return line;
  }

  send(...pieces) {
    for (const piece of pieces) if (piece && this.socket.writable) this.socket.write(piece, "latin1");
  }

  /** The first answer, once it is whole. */
  async answer() {
    const whole = () => {
      const [, head, body] = /^([\s\S]*?)\r\n\r\n([\s\S]*)$/.exec(this.text) ?? [];
      const length = Number(/^content-length: (\d+)/im.exec(head ?? "")?.[1] ?? 0);
      return head !== undefined && body.length >= length ? { head, body: body.slice(0, length) } : null;
    };
    await this.#until(() => whole() || this.socket.closed);
    const found = whole();
    if (!found) throw new Error(`closed without an answer: ${JSON.stringify(this.text)}`);
    let json;
    try {
      json = JSON.parse(found.body);
    } catch {
      json = undefined;
    }
    return { ...found, json, status: Number(/^HTTP\/1\.1 (\d+)/.exec(found.head)[1]), seconds: this.seconds };
  }

  /** How many seconds after it began the other side ended it. */
  async closed() {
    await this.#until(() => this.socket.closed);
    return this.seconds;
  }

  get seconds() {
    return (performance.now() - this.began) / 1000;
  }

  hangUp() {
    this.socket.destroy();
  }

  async #until(done) {
    let late;
    const patience = new Promise((_, reject) => {
      late = setTimeout(() => reject(new Error(`nothing within ${PATIENCE_MS} ms, but: ${this.text}`)), PATIENCE_MS);
    });
    try {
      while (!done()) {
        await Promise.race([patience, this.gone, new Promise((resolve) => this.socket.once("data", resolve))]);
      }
    } finally {
      clearTimeout(late);
    }
  }
}
