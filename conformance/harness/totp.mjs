// An authenticator app: reads an otpauth URI and shows codes (RFC 4226, RFC 6238, RFC 4648 section 6).
import { createHmac, randomInt } from "node:crypto";

const PERIOD = 30;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export class Authenticator {
  constructor(uri) {
    this.uri = new URL(uri);
    this.base32 = this.uri.searchParams.get("secret");
    this.key = fromBase32(this.base32);
    this.used = -Infinity;
  }

  /** The code of the earliest step that is still accepted and that this authenticator has not shown yet.
   *  A server takes each step once, and the steps -1, 0, +1 around its own: three codes in a row cost no
   *  waiting; from the fourth on this waits for time to pass. */
  async next() {
    let step = Math.max(this.used + 1, earliestSafeStep());
    while (step > currentStep() + 1) {
      await new Promise((resolve) => setTimeout(resolve, 250));
      step = Math.max(this.used + 1, earliestSafeStep());
    }
    this.used = step;
    return this.at(step);
  }

  /** A well-formed code that none of the steps near now would show. */
  wrong() {
    const near = [-3, -2, -1, 0, 1, 2, 3].map((offset) => this.at(currentStep() + offset));
    for (;;) {
      const code = String(randomInt(1_000_000)).padStart(6, "0");
      if (!near.includes(code)) return code;
    }
  }

  at(step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac("sha1", this.key).update(counter).digest();
    const offset = mac[19] & 15;
    return String((mac.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, "0");
  }
}

export function currentStep() {
  return Math.floor(Date.now() / 1000 / PERIOD);
}

/** The step before now, unless it is about to leave the server's window while the request travels. */
function earliestSafeStep() {
  const secondsLeft = PERIOD - ((Date.now() / 1000) % PERIOD);
  return secondsLeft > 8 ? currentStep() - 1 : currentStep();
}

export function fromBase32(text) {
  let bits = "";
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) throw new Error(`not Base32: ${text}`);
    bits += value.toString(2).padStart(5, "0");
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}
