// Plain HTTP/1.1 with nothing added: what is sent is what the test wrote.
import http from "node:http";

/** Sends one request on its own connection and returns what came back.
 *  `body`: bytes or text as they are; anything else becomes JSON. `onStatus` runs the moment the status line and
 *  headers have been read. A body cut off after that is not an error: the answer had been given. */
export function request(base, method, path, { body, headers = {}, onStatus } = {}) {
  const isRaw = typeof body === "string" || Buffer.isBuffer(body);
  const bytes = body === undefined ? null : isRaw ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  const chunked = "transfer-encoding" in headers;
  const allHeaders = { ...(bytes && !chunked && { "content-length": bytes.length }), ...headers };
  if (body !== undefined && !isRaw && allHeaders["content-type"] === undefined) {
    allHeaders["content-type"] = "application/json";
  }
  return new Promise((resolve, reject) => {
    const outgoing = http.request(new URL(path, base), {
      method, headers: allHeaders, agent: false, timeout: 30_000,
    });
    let incoming = null;
    outgoing.on("response", (response) => {
      incoming = response;
      onStatus?.();
      const chunks = [];
      const finish = () => resolve(answer(response, Buffer.concat(chunks)));
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", finish);
      response.on("error", finish);
      response.on("aborted", finish);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer to ${method} ${path} in 30 s`)));
    outgoing.on("error", (error) => incoming ?? reject(error));
    if (bytes) sendGently(outgoing, bytes, () => incoming !== null);
    else outgoing.end();
  });
}

/** Sends in pieces and stops once the answer is here: a server that refuses a large body early closes the
 *  connection, and bytes that arrive after that would destroy the answer on its way. */
function sendGently(outgoing, bytes, answered) {
  const PIECE = 16 * 1024;
  const send = (at) => {
    if (answered() || outgoing.destroyed) return;
    if (at + PIECE >= bytes.length) return outgoing.end(bytes.subarray(at));
    outgoing.write(bytes.subarray(at, at + PIECE), () => setImmediate(send, at + PIECE));
  };
  send(0);
}

function answer(response, bytes) {
  const text = bytes.toString("utf8");
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.statusCode, headers: response.headers, setCookie: response.headers["set-cookie"] ?? [], text, json };
}

/** What a browser keeps: name and value exactly as they were sent. */
export class Jar {
  cookies = new Map();

  take(setCookieLines) {
    for (const line of setCookieLines) {
      const [pair, ...attributes] = line.split(/;\s*/);
      const at = pair.indexOf("=");
      const gone = attributes.some((attribute) => /^max-age=0$/i.test(attribute));
      if (gone) this.cookies.delete(pair.slice(0, at));
      else this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
    }
  }

  get header() {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The value of the one cookie whose name ends like this, whatever its prefix. */
  value(ending) {
    const name = [...this.cookies.keys()].find((candidate) => candidate.endsWith(ending));
    return name && this.cookies.get(name);
  }
}

/** A caller with a jar and an origin, without the official client: for bytes that client would never send. */
export class Caller {
  constructor(server) {
    this.server = server;
    this.jar = new Jar();
  }

  async post(path, body, { headers = {}, onStatus } = {}) {
    const all = { origin: this.server.origin, ...headers };
    if (this.jar.header && all.cookie === undefined) all.cookie = this.jar.header;
    const result = await request(this.server.base, "POST", path, { body, headers: all, onStatus });
    this.jar.take(result.setCookie);
    return result;
  }

  async get(path, { headers = {} } = {}) {
    const all = { ...(this.jar.header && { cookie: this.jar.header }), ...headers };
    const result = await request(this.server.base, "GET", path, { headers: all });
    this.jar.take(result.setCookie);
    return result;
  }
}
