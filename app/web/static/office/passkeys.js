// Passkeys: asks the server what is to be signed, the device to sign it, and sends the page's form.
// Without this the pages work by the authenticator app and the recovery codes.

const read = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
const write = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const readIds = (keys) => (keys ?? []).map((key) => ({ ...key, id: read(key.id) }));

async function ask(form) {
  const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
  const answer = await fetch(form.dataset.ask, { method: "POST", body });
  if (!answer.ok || !answer.headers.get("Content-Type")?.startsWith("application/json")) {
    throw new Error("the session is over");
  }
  const asked = await answer.json();
  asked.challenge = read(asked.challenge);
  if (asked.user) asked.user.id = read(asked.user.id);
  asked.excludeCredentials = readIds(asked.excludeCredentials);
  asked.allowCredentials = readIds(asked.allowCredentials);
  return asked;
}

async function sign(form) {
  const publicKey = await ask(form);
  const made = await navigator.credentials[form.dataset.passkey]({ publicKey });
  const response = { clientDataJSON: write(made.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (made.response[part]) response[part] = write(made.response[part]);
  }
  return JSON.stringify({
    id: made.id, rawId: write(made.rawId), type: made.type, response, clientExtensionResults: {},
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const failed = form.querySelector("[role=alert]");
    failed.hidden = true;
    try {
      form.elements.passkey.value = await sign(form);
      form.submit();
    } catch {
      failed.hidden = false;
    }
  });
}
