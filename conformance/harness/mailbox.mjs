// Reads the mail that the server put into its sink: a folder of .eml files whose names sort by time.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const ARRIVES_WITHIN_MS = 20_000;

/** The six-digit code mailed to this address: the newest, once there are at least `count` mails with one. */
export async function mailedCode(home, address, count = 1) {
  return await mailed(home, address, count, /(?<![0-9A-Za-z])[0-9]{6}(?![0-9A-Za-z])/g);
}

/** The link mailed to this address, likewise; not the way out that notices hold. */
export async function mailedLink(home, address, count = 1) {
  return new URL(await mailed(home, address, count, /https?:\/\/(?![^\s<>"]*\/not-me\?)[^\s<>"]+/g));
}

/** That way out, in the newest notice. */
export async function mailedWayOut(home, address) {
  return new URL(await mailed(home, address, 1, /https?:\/\/[^\s<>"]*\/not-me\?[^\s<>"]+/g));
}

/** The `token` of the link in the newest mail to this address that is not `except`, once there are `count`. */
export async function mailedToken(home, address, { except, count = 1 } = {}) {
  const wanted = ({ subject }) => !except?.test(subject);
  return new URL(await mailed(home, address, count, /https?:\/\/(?![^\s<>"]*\/not-me\?)[^\s<>"]+[?&]token=[^\s<>"]+/g, wanted)).searchParams.get("token");
}

/** Notices come to the same address, in no particular order: what counts is what the mail holds. */
async function mailed(home, address, count, pattern, wanted = () => true) {
  const deadline = Date.now() + ARRIVES_WITHIN_MS;
  for (;;) {
    const mails = allMail(home).filter((mail) => mail.to.includes(address.toLowerCase()) && wanted(mail));
    const found = mails.map((mail) => new Set(mail.text.match(pattern))).filter(({ size }) => size > 0);
    if (found.length >= count) {
      if (found.at(-1).size > 1) throw new Error(`which one is meant in:\n${mails.at(-1).text}`);
      return [...found.at(-1)][0];
    }
    if (Date.now() > deadline) {
      throw new Error(`${found.length} of ${count} mails with ${pattern} to ${address} arrived:\n${mails.map(({ text }) => text).join("\n---\n")}`);
    }
    await pause(20);
  }
}

function allMail(home) {
  const names = readdirSync(home.mail).filter((name) => /^[^.].*\.eml$/.test(name)).sort();
  return names.map((name) => parse(readFileSync(join(home.mail, name), "latin1")));
}

/** Enough of RFC 5322 and RFC 2045 to find the addressee and the plain text. */
export function parse(message) {
  const { headers, body } = split(message);
  return { to: (headers.to ?? "").toLowerCase(), subject: headers.subject ?? "", text: plainText(headers, body) };
}

function plainText(headers, body) {
  const type = headers["content-type"] ?? "text/plain";
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1];
  if (boundary) {
    const parts = body.split(`--${boundary}`).slice(1, -1).map((part) => split(part.replace(/^\r?\n/, "")));
    const texts = parts.map((part) => plainText(part.headers, part.body)).filter((text) => text !== "");
    return texts[0] ?? "";
  }
  if (!/^text\/plain/i.test(type)) return "";
  const encoding = (headers["content-transfer-encoding"] ?? "7bit").trim().toLowerCase();
  if (encoding === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (encoding === "quoted-printable") {
    const joined = body.replace(/=\r?\n/g, "");
    const bytes = joined.replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    return Buffer.from(bytes, "latin1").toString("utf8");
  }
  return Buffer.from(body, "latin1").toString("utf8");
}

function split(message) {
  const [, head, body] = /^([\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(message) ?? [null, message, ""];
  const headers = {};
  for (const line of head.replace(/\r?\n[ \t]+/g, " ").split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0) headers[line.slice(0, at).toLowerCase()] = line.slice(at + 1).trim();
  }
  return { headers, body };
}
