// What Flashback's own client puts on the wire and makes of the answers (its package is not on the public registry):
// the last token goes out with every request, bodies only where there is something to say, failures by status alone.

/** Its `HttpError`: `data` is null unless the answer said it was application/json and was. */
export class HttpError extends Error {
  constructor(response, data) {
    super(`HTTP Error ${response.status}: ${response.statusText}`);
    this.name = "HttpError";
    this.status = response.status;
    this.statusText = response.statusText;
    this.data = data;
    this.contentType = response.headers.get("content-type") ?? "";
  }
}

export class Client {
  #headers = {};

  /** `base` must not end in a slash: the paths would begin with two, and the original's do then, too. */
  constructor(base) {
    this.base = base;
  }

  /** No token does not mean "forget the one you have". */
  setAuthToken(token) {
    if (token) this.#headers.Authorization = `Bearer ${token}`;
    return this;
  }

  async call(method, path, data = null) {
    const headers = data ? { ...this.#headers, "Content-Type": "application/json" } : this.#headers;
    const response = await fetch(`${this.base}/${path}`, { method, headers, body: data ? JSON.stringify(data) : null });
    const text = await response.text();
    if (!response.ok) {
      const isJson = (response.headers.get("content-type") ?? "").includes("application/json");
      throw new HttpError(response, isJson ? parsed(text) : null);
    }
    if (text === "") return null;
    const answer = parsed(text);
    if (answer === null) throw new Error("Invalid JSON response from server");
    return answer;
  }

  get = (path) => this.call("GET", path);
  post = (path, data) => this.call("POST", path, data);

  userRegister = (body) => this.post("user/register", body);
  userLogin = (body) => this.post("user/login", body);
  userRefresh = (token) => this.post("user/refresh", { refresh_token: token });
  userLogout = (token) => this.post("user/logout", { refresh_token: token });
  getUserProfile = () => this.get("user/profile");

  getSessions = () => this.get("sessions");
  revokeSession = (id) => this.post(`sessions/${id}/revoke`);
  revokeAllSessions = () => this.post("sessions/revoke-all");
  heartbeatSession = (id) => this.post(`sessions/${id}/heartbeat`);
  getDevices = () => this.get("devices");

  getMFAStatus = () => this.get("mfa/status");
  getMFAMethods = () => this.get("mfa/methods");
  setupMFA = (request) => this.post("mfa/setup", request);
  verifyMFASetup = (request) => this.post("mfa/verify-setup", request);
  verifyMFALogin = (request) => this.post("mfa/verify-login", request);
  enableMFA = (mfaType) => this.post("mfa/enable", { mfaType });
  disableMFA = (mfaType) => this.post("mfa/disable", { mfaType });
  setPrimaryMFA = (mfaType) => this.post("mfa/primary", { mfaType });
  resetMFA = (request) => this.post("mfa/reset", request);
  enforceOrganizationMFA = (enforced) => this.post("mfa/organization/enforce", { enforced });
  sendMagicLink = () => this.post("mfa/magic-link/send");
  activateMagicLink = (token) => this.post("mfa/magic-link/activate", { token });
  getPasskeyAuthOptions = () => this.post("mfa/passkey/auth-options");
  completePasskeyRegistration = (request) => this.post("mfa/passkey/complete-registration", request);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
