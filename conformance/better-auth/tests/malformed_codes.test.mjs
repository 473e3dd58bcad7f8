// Things that are no codes, or nearly the right one. None may pass, none may break the server, and none may cost
// the honest user more than one of the five tries.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { challenged, enrolled, ok } from "../browser.mjs";
import { genuine, serve } from "../../harness/binary.mjs";
import { Caller } from "../../harness/wire.mjs";

const server = await serve(after);

const digits = (code, zero) => [...code].map((digit) => String.fromCodePoint(zero + Number(digit))).join("");

/** Each is made from the code that would have been right. */
const NEARLY = {
  "empty": () => "",
  "one space": () => " ",
  "five digits": (code) => code.slice(0, 5),
  "seven digits": (code) => `${code}0`,
  "a leading zero more": (code) => `0${code}`,
  "the code twice": (code) => code + code,
  "reversed": (code) => (code === reversed(code) ? "" : reversed(code)),
  "a plus sign": (code) => `+${code}`,
  "a minus sign": (code) => `-${code}`,
  "a decimal point": (code) => `${code}.0`,
  "a comma": (code) => `${code.slice(0, 3)},${code.slice(3)}`,
  "exponent": (code) => `${code}e0`,
  "hexadecimal": (code) => `0x${Number(code).toString(16)}`,
  "full-width digits": (code) => digits(code, 0xff10),
  "Arabic-Indic digits": (code) => digits(code, 0x0660),
  "Devanagari digits": (code) => digits(code, 0x0966),
  "mathematical digits": (code) => digits(code, 0x1d7ce),
  "superscript": () => "¹²³⁴⁵⁶",
  "a NUL behind": (code) => `${code}\0`,
  "a NUL within": (code) => `${code.slice(0, 3)}\0${code.slice(3)}`,
  "a zero-width space within": (code) => `${code.slice(0, 3)}\u200b${code.slice(3)}`,
  "a right-to-left override": (code) => `\u202e${code}`,
  "a byte order mark": (code) => `\ufeff${code}x`,
  "a lone surrogate": (code) => `${code}\ud800`,
  "a combining mark": (code) => `${code}\u0301`,
  "an emoji": () => "🔐🔐🔐🔐🔐🔐",
  "letters": () => "abcdef",
  "a percent escape": (code) => `%3${code[0]}${code.slice(1)}`,
  "an HTML entity": (code) => `&#4${code[0]};${code.slice(1)}`,
  "an SQL quote": (code) => `${code}' OR '1'='1`,
  "an SQL wildcard": () => "______",
  "a LIKE pattern": () => "%",
  "a path": () => "../../../../etc/passwd",
  "a template": () => "{{7*7}}${7*7}",
  "a header break": (code) => `${code}\r\nset-cookie: a=b`,
  "a thousand digits": () => "1".repeat(1000),
  "ten thousand letters": () => "A".repeat(10_000),
  "the word null": () => "null",
  "the word true": () => "true",
  "a JSON list": (code) => `["${code}"]`,
  "a backup code of zeros": () => "0000-0000-0000-0000",
  "dashes alone": () => "----",
};

const WRONG_TYPES = [null, true, false, 0, 123456, -1, 1.5, 1e308, [], ["123456"], {}, { $ne: null }, { toString: "123456" }];

const PATHS = ["verify-totp", "verify-otp", "verify-backup-code"];

function reversed(code) {
  return [...code].reverse().join("");
}

/** The same cookies as the browser's, on a wire that adds nothing. */
function callerWith(browser) {
  const caller = new Caller(server);
  caller.jar = browser.jar;
  return caller;
}

function assertRefusal(answer, what) {
  assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
  assert.match(answer.headers["content-type"] ?? "", /^application\/json/, what);
  assert.equal(typeof answer.json?.message, "string", `${what}: ${answer.text}`);
  if (!genuine) assert.equal(typeof answer.json.code, "string", `${what}: ${answer.text}`);
}

for (const [name, disguise] of Object.entries(NEARLY)) {
  test(`no code: ${name}`, async () => {
    const someone = await challenged(server);
    const caller = callerWith(someone.browser);
    const code = await someone.app.next();
    for (const path of PATHS) {
      assertRefusal(await caller.post(`/api/auth/two-factor/${path}`, { code: disguise(code) }), path);
      const session = await caller.get("/api/auth/get-session");
      assert.equal(session.text, "null");
    }
    await ok(someone.auth.twoFactor.verifyTotp({ code }));
  });
}

test("wrong types are a matter of the schema and cost no try", async () => {
  const someone = await challenged(server);
  const caller = callerWith(someone.browser);
  for (const path of PATHS) {
    for (const code of WRONG_TYPES) {
      const answer = await caller.post(`/api/auth/two-factor/${path}`, { code });
      assertRefusal(answer, `${path} ${JSON.stringify(code)}`);
      assert.deepEqual([answer.status, answer.json.code], [400, "VALIDATION_ERROR"], JSON.stringify(code));
    }
  }
  await ok(someone.auth.twoFactor.verifyTotp({ code: await someone.app.next() }));
});

test("no guess with a session in hand is a way round the limits", { skip: genuine && "stricter here: the original counts nothing" }, async () => {
  const someone = await enrolled(server);
  const caller = callerWith(someone.browser);
  const answers = [];
  for (let n = 0; n < 30; n++) {
    const answer = await caller.post("/api/auth/two-factor/verify-totp", { code: someone.app.wrong() });
    assertRefusal(answer, `guess ${n}`);
    answers.push(answer.json.code);
  }
  assert.ok(answers.some((code) => code !== "INVALID_CODE"), "thirty guesses and no end");
});
