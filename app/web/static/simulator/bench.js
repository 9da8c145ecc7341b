// Brings together the phone, who holds it, its inbox and the gauges beside it.

import { Inbox } from "./inbox.js";
import { Network, sendSms } from "./network.js";
import { Phone } from "./phone.js";
import { Screen, localTime } from "./screen.js";
import { measure } from "./units.js";

const find = (id) => document.getElementById(id);
const facts = JSON.parse(document.querySelector(".bench").dataset.facts);
const LONGEST_LOG = 40;

// The gauges follow the talk: called by the phone, which knows nothing of them.
const watch = {
  asked(session) {
    log("asked", "text", session.text);
    find("hops").textContent = session.hops + 1;
    find("took").textContent = "...";
  },
  answered(session, reply) {
    log(reply.more ? "con" : "end", reply.more ? "CON" : "END", reply.text);
    find("took").textContent = `${Math.round(reply.ms)} ms`;
    weigh(reply.text);
  },
  failed(session, error) {
    log("failed", "error", error.message);
    find("took").textContent = "-";
  },
};

const screen = new Screen(facts);
const phone = new Phone(screen, facts, watch, new Network());
const inbox = new Inbox((fresh) => {
  find("mail").hidden = !inbox.unread;
  find("unread").textContent = inbox.unread;
  if (fresh > 0) ring();
  if (phone.state.name === "list") phone.draw();
});

function log(kind, label, text) {
  const row = document.createElement("li");
  const [name, body] = [document.createElement("b"), document.createElement("pre")];
  [row.className, name.textContent, body.textContent] = [kind, label, text];
  row.append(name, body);
  find("log").prepend(row);
  while (find("log").children.length > LONGEST_LOG) find("log").lastChild.remove();
}

function weigh(text) {
  const size = measure(text, facts);
  for (const name of ["encoding", "units", "most", "unit"]) find(name).textContent = size[name];
  const meter = find("units-meter");
  [meter.max, meter.high, meter.value] = [size.most, size.most * 0.95, size.units];
}

function ring() {
  const body = find("phone");
  body.classList.add("rings");
  setTimeout(() => body.classList.remove("rings"), 900);
}

// Who holds the phone.
const other = find("other");

function hand() {
  const person = document.querySelector("[name=person]:checked");
  const language = (person.dataset.who ?? "").split(", ")[1];
  const number = person.value || other.value.replace(/[^+\d]/g, "");
  find("log").replaceChildren();
  weigh("");
  [find("hops").textContent, find("took").textContent] = ["0", "-"];
  phone.use(number, language, inbox);
  inbox.follow(number);
}

for (const radio of document.querySelectorAll("[name=person]")) radio.addEventListener("change", hand);
other.addEventListener("focus", () => { document.querySelector("[name=person][value='']").checked = true; });
other.addEventListener("change", hand);

// Keys: under the finger and on the computer's keyboard.
const KEYS = { Enter: "green", Escape: "red", Backspace: "clear", Delete: "clear", ArrowUp: "up",
  ArrowDown: "down", F1: "left", F2: "right" };

for (const button of document.querySelectorAll("[data-key]")) {
  button.addEventListener("pointerdown", (event) => event.preventDefault()); // no focus by a finger
  button.addEventListener("click", () => phone.press(button.dataset.key));
}

document.addEventListener("keydown", (event) => {
  const key = KEYS[event.key] ?? (/^[0-9*#]$/.test(event.key) ? event.key : undefined);
  if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=radio], [type=checkbox]), select, .sms")) return;
  if (event.key === "Enter" && event.target.closest("button, a")) return;
  if (event.key.startsWith("Arrow") && event.target.closest("input")) return;
  event.preventDefault();
  const button = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
  button.classList.add("down");
  setTimeout(() => button.classList.remove("down"), 120);
  phone.press(key);
});

// The network, and a message from the phone.
find("drop").addEventListener("click", (event) => {
  phone.drop();
  event.currentTarget.blur(); // Enter is the phone's green key again
});
find("sms").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = find("sms-text");
  try {
    await sendSms(phone.number, text.value);
    [find("sms-says").textContent, text.value] = ["Sent.", ""];
    inbox.refresh();
  } catch (error) {
    find("sms-says").textContent = error.message;
  }
});

// Once a second: the clock, and how long the session lasts.
function tick() {
  phone.tick();
  find("clock").textContent = localTime(facts, "timeStyle");
  const session = phone.session;
  const seconds = session ? Math.min(session.open ? session.seconds : session.lasted, facts.sessionSeconds) : 0;
  find("seconds").textContent = Math.floor(seconds);
  find("seconds-meter").value = seconds;
  find("session-state").textContent = session?.open ? "open" : "closed";
  find("session-state").className = session?.open ? "open" : "";
}

setInterval(tick, 250);
addEventListener("pagehide", () => phone.session?.end("Incomplete"));
hand();
tick();
