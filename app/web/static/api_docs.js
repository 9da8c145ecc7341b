// The page can be read without this; it copies commands, and sends requests in development.

for (const block of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    const text = block.querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Browsers give the clipboard to secure pages alone: there the command is marked.
      getSelection().selectAllChildren(block);
      button.textContent = "Marked: copy with the keyboard";
    }
  });
  block.after(button);
}

const form = document.querySelector("#try");
const answer = document.querySelector("#answer");

for (const link of document.querySelectorAll("a.try")) {
  link.addEventListener("click", () => {
    form.elements.method.value = link.dataset.method;
    form.elements.path.value = link.dataset.path;
    form.elements.body.value = link.dataset.body;
    form.elements.id.value = "";
    answer.textContent = "";
    // After the browser went to the console.
    setTimeout(() => form.elements.path.focus());
  });
}

function drawId() {
  const bytes = [...crypto.getRandomValues(new Uint8Array(16))];
  const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 4, 4, 4, 12].reduce(([ids, rest], size) => [[...ids, rest.slice(0, size)], rest.slice(size)], [[], hex])[0].join("-");
}

async function send() {
  const { method, path, body, id, days, polled } = form.elements;
  const { base, client, key, sandbox } = form.dataset;
  const headers = { "X-Client-Id": client, "X-API-Key": key };
  const request = { method: method.value, headers, credentials: "omit" };
  if (method.value === "POST") {
    headers["Content-Type"] = "application/json";
    headers["X-CorrelationID"] = id.value || drawId();
    request.body = body.value;
  }
  if (days.value) headers[sandbox] = days.value;
  if (polled.checked) headers.Prefer = "respond-async";
  const response = await fetch(base + path.value, request);
  const text = await response.text();
  const told = [...response.headers].filter(([name]) => name === "location" || name.startsWith("x-") || name === "retry-after");
  let shown = text;
  try {
    shown = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // No JSON: as it came.
  }
  const sent = headers["X-CorrelationID"] ? [`sent X-CorrelationID: ${headers["X-CorrelationID"]}`] : [];
  return [...sent, `${response.status}`, ...told.map(([name, value]) => `${name}: ${value}`), "", shown].join("\n");
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "...";
  try {
    answer.textContent = await send();
  } catch (error) {
    answer.textContent = `Not sent: ${error.message}`;
  }
});
