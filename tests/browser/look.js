// What a page of the office is asked in the browser (test_office.py). Each returns what is wrong.
const CONTROLS =
  'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
const NOT_ON_PAPER = ".top, nav, form, button, .button, .skip, .no-print";
// A number, a day, a code: signs that keep their order in a line that runs from right to left.
const IN_ORDER =
  /[+\u2212-]?[A-Za-z0-9]+(?:(?:[-.\/:_,]|\u00a0|\u202f)[A-Za-z0-9]+)*%?|[0-9]{1,3}(?: [0-9]{3})+/g;

window.look = {
  seen: new Set(), dim: [], controls: [],

  async atPage(rules) {
    document.querySelectorAll("details").forEach((one) => { one.open = true; });
    const { violations } = await axe.run(rules);
    const wrong = violations.map(({ id, nodes }) => `${id} ${nodes[0].html.slice(0, 160)}`);
    const language = document.documentElement.lang;
    if (document.dir !== (language === "ar" ? "rtl" : "ltr")) wrong.push("not in its direction");
    const bare = [...document.forms].filter((one) => !one.querySelector("button, [type=submit]"));
    wrong.push(...bare.map((one) => `not sent by Enter: ${show(one)}`));
    return wrong.concat(this.atWidth(), language === "ar" ? this.listReversed() : []);
  },

  atWidth() {
    const wide = document.documentElement.scrollWidth;
    return wide > innerWidth ? [`${wide} px wide on ${innerWidth}: ${show(findWidest())}`] : [];
  },

  // Signs are read from left to right, and so are those of a number; each of a line is right of
  // the one before.
  listReversed() {
    const wrong = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const node = texts.currentNode;
      if (!node.parentElement.checkVisibility() || node.parentElement.closest("script, option, style")) continue;
      for (const found of node.data.matchAll(IN_ORDER)) {
        if (found[0].length > 1 && isReversed(node, found)) wrong.push(`reversed: ${found[0]} in ${node.data.trim()}`);
      }
    }
    return wrong;
  },

  // Returns how often Tab is pressed: a date has several parts. What stands at the top of every
  // page is walked through on the first page of each.
  beginToTab() {
    this.seen = new Set(); this.dim = [];
    const all = [...document.querySelectorAll(CONTROLS)]
      .filter((one) => one.checkVisibility() && !one.disabled);
    const isFirst = document.querySelector('.sections a:first-child[aria-current]');
    this.controls = all.filter((one) => isFirst || one.closest("main"));
    addEventListener("focusin", ({ target }) => {
      this.seen.add(target);
      const { outlineStyle, outlineWidth } = getComputedStyle(target);
      const { width, right } = target.getBoundingClientRect();
      if (outlineStyle === "none" || parseFloat(outlineWidth) < 2 || !width || right < 0)
        this.dim.push(`focus not seen: ${show(target)}`);
    });
    document.activeElement.blur();
    if (!isFirst) all.filter((one) => !one.closest("main")).pop()?.focus();
    return this.controls.length + 5 * document.querySelectorAll("[type=date]").length + 2;
  },

  // Of radio buttons of one name one is enough: arrows reach the others.
  listMissed() {
    const isReached = (one) => this.seen.has(one) || one.type === "radio"
      && [...this.seen].some((other) => other.form === one.form && other.name === one.name);
    const missed = this.controls.filter((one) => !isReached(one));
    return missed.map((one) => `not reached by Tab: ${show(one)}`).concat(this.dim);
  },

  onPaper() {
    const shown = [...document.querySelectorAll(NOT_ON_PAPER)].filter((one) => one.checkVisibility());
    const cut = [...document.querySelectorAll("main *")].filter((one) =>
      one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.clientWidth
      && getComputedStyle(one).overflowX !== "visible");
    return shown.map((one) => `printed: ${show(one)}`)
      .concat(cut.map((one) => `cut: ${show(one)}`), this.atWidth());
  },
};

function show(element) {
  return element ? element.outerHTML.slice(0, 160) : "";
}

function findWidest() {
  const isOut = (one) => {
    const { left, right } = one.getBoundingClientRect();
    return right > innerWidth + 1 || left < -1;
  };
  return [...document.querySelectorAll("main *")].filter(isOut).pop();
}

function isReversed(node, found) {
  const range = document.createRange();
  let before = null;
  for (let at = found.index; at < found.index + found[0].length; at += 1) {
    range.setStart(node, at); range.setEnd(node, at + 1);
    const place = range.getBoundingClientRect();
    if (!place.width) continue;
    if (before && Math.abs(place.top - before.top) < 3 && place.left < before.left - 1) return true;
    before = place;
  }
  return false;
}
