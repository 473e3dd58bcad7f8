// Passkeys for the forms that offer them: data-passkey is "get" or "create". The options come from data-options,
// the browser's answer goes to data-verify, and then the page goes to data-then.
const form = document.querySelector("form[data-passkey]");

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const named = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));

/** What the browser takes, of what travels as JSON (WebAuthn L3 §5.1.10). */
function understood(kind, options) {
  const read = { ...options, challenge: bytes(options.challenge) };
  if (kind === "get") return { ...read, allowCredentials: named(options.allowCredentials) };
  const user = { ...options.user, id: bytes(options.user.id) };
  return { ...read, user, excludeCredentials: named(options.excludeCredentials) };
}

/** The credential as JSON (WebAuthn L3 §5.1.8). */
function told(credential) {
  const { response } = credential;
  const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const members = parts.filter((part) => response[part]).map((part) => [part, text(response[part])]);
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    clientExtensionResults: credential.getClientExtensionResults(),
    response: { ...Object.fromEntries(members), transports: response.getTransports?.() },
  };
}

async function ask(mediation, signal) {
  const { passkey: kind, options, verify, then } = form.dataset;
  const method = form.dataset.optionsMethod ?? "GET";
  const headers = { "content-type": "application/json" };
  const asked = await fetch(options, { method, headers, body: method === "GET" ? undefined : "{}" });
  if (!asked.ok) throw await refusal(asked);
  const offered = await asked.json();
  const publicKey = understood(kind, offered);
  const credential =
    kind === "get"
      ? await navigator.credentials.get({ publicKey, mediation, signal })
      : await navigator.credentials.create({ publicKey, signal });
  const fields = Object.fromEntries(new FormData(form));
  const body = JSON.stringify({ ...fields, ceremony: offered.ceremony, response: told(credential) });
  const verified = await fetch(verify, { method: "POST", headers, body });
  if (!verified.ok) throw await refusal(verified);
  const news = await verified.json().catch(() => ({}));
  // Backup codes are shown once: in place of this page, and before going on.
  if (news.page) return show(news.page);
  location.assign(news.url ?? then);
}

function show(page) {
  const shown = new DOMParser().parseFromString(page, "text/html");
  document.title = shown.title;
  document.querySelector("main").replaceWith(document.adoptNode(shown.querySelector("main")));
  // A script that was parsed this way does not run.
  for (const old of document.querySelectorAll("main script")) {
    const script = document.createElement("script");
    script.src = old.src;
    old.replaceWith(script);
  }
}

/** Why not; where something else comes first, the page goes there. */
async function refusal(reply) {
  const news = await reply.json().catch(() => ({}));
  if (news.url) location.assign(news.url);
  return new Error(news.detail ?? news.message ?? form.dataset.failed);
}

function complain(error) {
  const problem = form.querySelector("[data-problem]");
  if (error.name === "AbortError") return;
  const { cancelled, known } = form.dataset;
  problem.textContent =
    error.name === "NotAllowedError" ? cancelled : error.name === "InvalidStateError" ? known : error.message;
  problem.hidden = false;
}

if (form && window.PublicKeyCredential) {
  let waiting = new AbortController();
  // Where the browser can, passkeys stand in the suggestions of the address field, too.
  if (form.dataset.autofill !== undefined) {
    PublicKeyCredential.isConditionalMediationAvailable?.().then((can) => {
      if (can) ask("conditional", waiting.signal).catch(complain);
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    waiting.abort();
    waiting = new AbortController();
    form.querySelector("[data-problem]").hidden = true;
    ask("optional", waiting.signal).catch(complain);
  });
} else if (form) {
  form.hidden = true;
  const why = document.querySelector("[data-unsupported]");
  if (why && !window.isSecureContext) why.textContent = why.dataset.insecure;
  if (why) why.hidden = false;
}
