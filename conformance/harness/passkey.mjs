// An authenticator in software: one ES256 credential after another, and the browser API in front of it.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const sha256 = (data) => createHash("sha256").update(data).digest();
const encoded = (bytes) => Buffer.from(bytes).toString("base64url");
const decoded = (text) => Buffer.from(text, "base64url");
const PRESENT = 0x01, VERIFIED = 0x04, ATTESTED = 0x40;

export class Passkey {
  counter = 0;
  verifies = true;

  /** @param {{ challenge: string, rpId: string, userHandle: string, origin: string }} made for */
  constructor({ rpId, userHandle, origin }) {
    Object.assign(this, { rpId, userHandle, origin });
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.key = pair.privateKey;
    const { x, y } = pair.publicKey.export({ format: "jwk" });
    // {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9053 §7.1.1)
    this.cose = Buffer.concat([Buffer.from("a5010203262001215820", "hex"), decoded(x), Buffer.from("225820", "hex"), decoded(y)]);
    this.id = randomBytes(32);
  }

  #data(flags) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    return Buffer.concat([sha256(this.rpId), Buffer.from([flags | PRESENT | (this.verifies ? VERIFIED : 0)]), counter]);
  }

  #clientData(type, challenge) {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }));
  }

  /** The answer to a registration, as JSON. */
  registration(challenge) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.id.length);
    const data = Buffer.concat([this.#data(ATTESTED), Buffer.alloc(16), length, this.id, this.cose]);
    const object = Buffer.concat([
      Buffer.from("a363666d74646e6f6e656761747453746d74a0686175746844617461", "hex"),
      Buffer.from([0x58, data.length]), data,
    ]);
    const response = {
      clientDataJSON: encoded(this.#clientData("webauthn.create", challenge)),
      attestationObject: encoded(object),
    };
    return { id: encoded(this.id), rawId: encoded(this.id), type: "public-key", response };
  }

  /** The answer to an authentication, as JSON. */
  assertion(challenge) {
    this.counter += 1;
    const clientData = this.#clientData("webauthn.get", challenge);
    const data = this.#data(0);
    const signature = sign("sha256", Buffer.concat([data, sha256(clientData)]), this.key);
    const response = {
      clientDataJSON: encoded(clientData), authenticatorData: encoded(data),
      signature: encoded(signature), userHandle: this.userHandle,
    };
    return { id: encoded(this.id), rawId: encoded(this.id), type: "public-key", response };
  }
}

/** `navigator.credentials` and what belongs to it, for clients written for browsers. */
export class Browser {
  passkeys = [];

  constructor(origin) {
    this.origin = origin;
  }

  install() {
    class PublicKeyCredential {
      static isConditionalMediationAvailable = async () => true;
    }
    globalThis.window = globalThis;
    globalThis.PublicKeyCredential = PublicKeyCredential;
    const buffers = (json, extra) => {
      const parts = Object.entries(json.response).filter(([, value]) => value !== undefined);
      const response = Object.fromEntries(parts.map(([name, value]) => [name, new Uint8Array(decoded(value)).buffer]));
      return Object.assign(new PublicKeyCredential(), {
        id: json.id, rawId: new Uint8Array(decoded(json.rawId)).buffer, type: json.type,
        authenticatorAttachment: "platform", response: Object.assign(response, extra),
        getClientExtensionResults: () => ({}),
      });
    };
    const credentials = {
      create: async ({ publicKey }) => {
        const { rp, user, challenge, excludeCredentials = [] } = publicKey;
        const known = excludeCredentials.map((one) => encoded(one.id));
        if (this.passkeys.some((one) => known.includes(encoded(one.id)))) {
          throw new DOMException("registered already", "InvalidStateError");
        }
        const passkey = new Passkey({ rpId: rp.id, userHandle: encoded(user.id), origin: this.origin });
        this.passkeys.push(passkey);
        return buffers(passkey.registration(encoded(challenge)), { getTransports: () => ["internal"] });
      },
      get: async ({ publicKey }) => {
        const allowed = (publicKey.allowCredentials ?? []).map((one) => encoded(one.id));
        const fits = (one) => allowed.length === 0 || allowed.includes(encoded(one.id));
        const passkey = this.passkeys.findLast(fits);
        if (!passkey) throw new DOMException("none here", "NotAllowedError");
        return buffers(passkey.assertion(encoded(publicKey.challenge)), {});
      },
    };
    Object.defineProperty(globalThis, "navigator", { value: { credentials }, configurable: true });
  }
}
