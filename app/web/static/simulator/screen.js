// Draws the handset's small screen. Texts go in as text, never as HTML.

const find = (id) => document.getElementById(id);
const LINE = 1.2; // em, as in phone.css

export class Screen {
  constructor(facts) { this.facts = facts; }

  draw(state, words, inbox, language) {
    const parts = this[state.name](state, words, inbox);
    find("lcd").lang = language;
    find("lcd").dataset.state = state.name;
    const view = find("view");
    view.replaceChildren(...parts.lines);
    view.scrollTop = 0;
    view.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    find("answer").hidden = parts.typed === undefined;
    find("typed").textContent = parts.typed ?? "";
    find("soft-left").textContent = parts.left ?? "";
    find("soft-right").textContent = parts.right ?? "";
    this.mark();
  }

  scroll(step) {
    const view = find("view");
    view.scrollTop += step * 3 * LINE * parseFloat(getComputedStyle(view).fontSize);
    this.mark();
  }

  // Whether there is more above or below what stands on the screen.
  mark() {
    const view = find("view");
    view.classList.toggle("more-above", view.scrollTop > 2);
    view.classList.toggle("more-below", view.scrollTop + view.clientHeight < view.scrollHeight - 2);
  }

  idle(state, words) {
    if (state.typed) {
      return { lines: [line(state.typed, "dialled")], left: words.call, right: words.clear };
    }
    return {
      lines: [
        line("MAALEM MOBILE", "operator"),
        line(localTime(this.facts, "timeStyle"), "time"),
        line(localTime(this.facts, "dateStyle"), "date"),
        line(this.facts.code, "invitation"),
      ],
      left: words.messages,
    };
  }

  waiting(state, words) { return { lines: [line(state.text, "waiting")], right: words.cancel }; }

  talk(state, words) {
    return { lines: lines(state.text), typed: state.typed, left: words.send, right: words.cancel };
  }

  ended(state, words) { return { lines: lines(state.text), left: words.ok }; }

  list(state, words, inbox) {
    if (!inbox.messages.length) return { lines: [line(words.none, "waiting")], right: words.back };
    const rows = inbox.messages.map((message, index) => {
      const row = line(message.text.split("\n")[0], inbox.isOpened(message) ? "row" : "row new");
      if (index === state.at) row.setAttribute("aria-current", "true");
      return row;
    });
    return { lines: rows, left: words.read, right: words.back };
  }

  message({ message }, words) {
    const facts = `${message.encoding}, ${message.segments} SMS, ${message.status}`;
    return { lines: [...lines(message.text), line(facts, "facts")], right: words.back };
  }
}

// The service's time in Morocco: browsers' own time-zone data differ by an hour.
export function localTime(facts, style) {
  const shifted = new Date(Date.now() + facts.utcOffset * 60000);
  return shifted.toLocaleString("fr", { [style]: "short", timeZone: "UTC" });
}

function line(text, kind = "") {
  const made = document.createElement("p");
  made.textContent = text;
  made.className = kind;
  return made;
}

function lines(text) { return text.split("\n").map((one) => line(one, "line")); }
