// The forms in which a secret could lie about in a file, and a search for them in raw bytes.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Every form of a secret, as {name, bytes}. A secret shorter than this is found too easily by chance when it is
 *  searched for as it is, so it must then stand alone (see `standsAlone`). */
const CHANCE_BELOW_BYTES = 8;

export function forms(name, secret) {
  const bytes = Buffer.from(secret);
  const found = [];
  const add = (form, needle) => found.push({ name: `${name} (${form})`, bytes: Buffer.from(needle), short: false });
  found.push({ name: `${name} (as it is)`, bytes, short: bytes.length < CHANCE_BELOW_BYTES });
  add("UTF-16", Buffer.from(bytes.toString("latin1"), "utf16le"));
  add("hex", bytes.toString("hex"));
  add("HEX", bytes.toString("hex").toUpperCase());
  add("percent-encoded", percent(bytes));
  add("PERCENT-ENCODED", percent(bytes).toUpperCase());
  add("base32", base32(bytes));
  add("base32, lower case", base32(bytes).toLowerCase());
  for (const [alphabet, shift] of [["base64", 0], ["base64", 1], ["base64", 2], ["base64url", 0], ["base64url", 1], ["base64url", 2]]) {
    add(`${alphabet} at offset ${shift}`, base64Within(bytes, alphabet, shift));
  }
  const text = bytes.toString("utf8");
  if (Buffer.from(text).equals(bytes)) {
    if (encodeURIComponent(text) !== text) add("as in a URL", encodeURIComponent(text));
    const escaped = JSON.stringify(text).slice(1, -1);
    if (escaped !== text) add("as in JSON", escaped);
  }
  // A form that is as short as the secret itself (a base64 of few letters) says nothing when found by chance.
  return found.filter(({ bytes: needle, short }) => short || needle.length >= 6);
}

/** Where the needles are found: [{needle, place}]. `places` is [{name, bytes}]. */
export function search(needles, places) {
  const hits = [];
  for (const place of places) {
    for (const needle of needles) {
      const at = needle.short ? standsAlone(place.bytes, needle.bytes) : place.bytes.indexOf(needle.bytes);
      if (at >= 0) hits.push({ needle: needle.name, place: place.name, around: context(place.bytes, at, needle.bytes.length) });
    }
  }
  return hits;
}

/** Every file below a folder, but for those whose path matches `except`. */
export function filesBelow(folder, except) {
  const places = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (except.test(path)) continue;
    if (entry.isDirectory()) places.push(...filesBelow(path, except));
    else if (entry.isFile()) places.push({ name: path, bytes: readFileSync(path) });
  }
  return places;
}

/** Six digits turn up in timestamps and hashes. They count where no letter, digit or sign of a longer number
 *  touches them. */
function standsAlone(haystack, needle) {
  const touches = (byte) => byte !== undefined && /[0-9A-Za-z.+/_-]/.test(String.fromCharCode(byte));
  let at = haystack.indexOf(needle);
  while (at >= 0 && (touches(haystack[at - 1]) || touches(haystack[at + needle.length]))) {
    at = haystack.indexOf(needle, at + 1);
  }
  return at;
}

function percent(bytes) {
  return [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

function base32(bytes) {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  bits = bits.padEnd(Math.ceil(bits.length / 5) * 5, "0");
  // Without the last letter, which the bytes that follow could change.
  return bits.match(/.{5}/g).map((five) => BASE32[parseInt(five, 2)]).slice(0, Math.floor((bytes.length * 8) / 5)).join("");
}

/** The letters of a base64 text that the secret alone decides, when `shift` bytes stand before it. */
function base64Within(bytes, alphabet, shift) {
  const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString(alphabet).replace(/=+$/, "");
  return whole.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
}

function context(bytes, at, length) {
  return JSON.stringify(bytes.subarray(Math.max(0, at - 60), at + length + 30).toString("latin1"));
}
