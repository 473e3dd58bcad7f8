// The signed token for other services, checked as such a service would: by the published key, offline.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { after, test } from "node:test";
import { Browser, ok, refused, signedUp } from "../browser.mjs";
import { serve } from "../../harness/binary.mjs";

const server = await serve(after);

test("the token verifies with the key of /jwks and names the user", async () => {
  const { auth, signUp } = await signedUp(server);
  const { token } = await ok(auth.token());
  const [head, payload, signature] = token.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url"));
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  assert.equal(header.alg, "EdDSA");

  const { keys } = await ok(auth.jwks());
  const key = keys.find(({ kid }) => kid === header.kid);
  assert.deepEqual([key.kty, key.crv, key.alg], ["OKP", "Ed25519", "EdDSA"]);
  assert.equal(key.d, undefined);
  const publicKey = createPublicKey({ key: { kty: key.kty, crv: key.crv, x: key.x }, format: "jwk" });
  const signed = Buffer.from(`${head}.${payload}`);
  assert.ok(verify(null, signed, publicKey, Buffer.from(signature, "base64url")));
  const altered = Buffer.from(`${head}.${payload.slice(0, -1)}${payload.endsWith("A") ? "B" : "A"}`);
  assert.ok(!verify(null, altered, publicKey, Buffer.from(signature, "base64url")));

  assert.equal(claims.sub, signUp.user.id);
  assert.equal(claims.iss, server.origin);
  assert.equal(claims.aud, server.origin);
  assert.ok(claims.exp - claims.iat > 0 && claims.exp - claims.iat <= 900, `valid for ${claims.exp - claims.iat} s`);
});

test("nobody gets no token", async () => {
  const error = await refused(new Browser(server).auth.token());
  assert.deepEqual([error.status, error.code], [401, "UNAUTHORIZED"]);
});

test("the key stays the same", async () => {
  const { auth } = new Browser(server);
  const kids = async () => (await ok(auth.jwks())).keys.map(({ kid }) => kid);
  const first = await kids();
  assert.deepEqual(await kids(), first);
});
