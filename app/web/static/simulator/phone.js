// The handset: what stands on its screen, and what each key does there.

import { Session } from "./gateway.js";
import { WORDS } from "./words.js";

const LONGEST_TYPED = 160;
const IDLE = { name: "idle", typed: "" };

export class Phone {
  constructor(screen, facts, watch, network) {
    Object.assign(this, { screen, facts, watch, network, state: { ...IDLE }, words: WORDS.fr, session: null });
  }

  use(number, language, inbox) {
    this.hangUp();
    this.session = null;
    Object.assign(this, { number, inbox, language: language in WORDS ? language : "fr" });
    this.words = WORDS[this.language];
    this.show(IDLE);
  }

  show(state) {
    this.state = { ...state };
    this.draw();
  }

  draw() { this.screen.draw(this.state, this.words, this.inbox, this.language); }

  press(key) {
    const keys = this[`on_${this.state.name}`](this.state);
    const action = keys[key] ?? (/^[0-9*#]$/.test(key) ? keys.digit : undefined);
    action?.call(this, key);
  }

  // Each state names its keys; `digit` stands for the twelve of the pad.

  on_idle(state) {
    const dial = state.typed ? () => this.dial(state.typed) : undefined;
    return {
      digit: this.type, clear: this.erase, green: dial,
      red: () => this.show(IDLE),
      left: dial ?? (() => this.show({ name: "list", at: 0 })),
      right: this.erase,
    };
  }

  on_waiting() { return { red: this.hangUp, right: this.hangUp }; }

  on_talk(state) {
    const send = () => { if (state.typed) this.answer(state.typed); };
    return { digit: this.type, clear: this.erase, green: send, left: send, red: this.hangUp,
      right: this.hangUp, up: this.scroll, down: this.scroll };
  }

  on_ended() {
    const away = () => this.show(IDLE);
    return { green: away, red: away, left: away, right: away, clear: away, up: this.scroll,
      down: this.scroll, digit: (key) => this.show({ name: "idle", typed: key }) };
  }

  on_list(state) {
    const count = this.inbox.messages.length;
    const go = (step) => () => count && this.show({ ...state, at: (state.at + step + count) % count });
    const read = () => {
      const message = this.inbox.messages[state.at];
      if (!message) return;
      this.inbox.open(message);
      this.show({ name: "message", at: state.at, message });
    };
    return { up: go(-1), down: go(1), left: read, green: read, right: () => this.show(IDLE),
      clear: () => this.show(IDLE), red: () => this.show(IDLE) };
  }

  on_message(state) {
    const back = () => this.show({ name: "list", at: state.at });
    return { up: this.scroll, down: this.scroll, left: back, right: back, clear: back,
      green: back, red: () => this.show(IDLE) };
  }

  type(key) {
    if (this.state.typed.length < LONGEST_TYPED) this.show({ ...this.state, typed: this.state.typed + key });
  }

  erase() { this.show({ ...this.state, typed: this.state.typed.slice(0, -1) }); }

  scroll(key) { this.screen.scroll(key === "up" ? -1 : 1); }

  // `*384#`, or `*384*2*1#` to go straight on.
  dial(typed) {
    const own = this.facts.code.replace(/#$/, "");
    const body = typed.replace(/#$/, "");
    const known = typed.endsWith("#") && (body === own || body.startsWith(`${own}*`));
    if (!known) return this.show({ name: "ended", text: this.words.wrong });
    const inputs = body.slice(own.length + 1);
    this.session = new Session(this.number, this.facts.code, inputs ? inputs.split("*") : [], this.facts,
      this.network);
    return this.hop();
  }

  answer(typed) {
    this.session.chain.push(typed);
    return this.hop();
  }

  async hop() {
    const session = this.session;
    this.show({ name: "waiting", text: this.words.dialling });
    this.watch.asked(session);
    try {
      const reply = await session.ask();
      this.watch.answered(session, reply);
      if (session.open) this.shown(session, reply); // or else somebody hung up meanwhile
    } catch (error) {
      this.watch.failed(session, error);
      if (!session.open) return;
      session.end("Failed", error.name);
      this.show({ name: "ended", text: this.words.error });
    }
  }

  shown(session, reply) {
    if (!reply.more) session.end("Success");
    this.show({ name: reply.more ? "talk" : "ended", text: reply.text, typed: "" });
  }

  hangUp() {
    this.session?.end("Incomplete");
    this.show(IDLE);
  }

  // The line breaks, and nobody says so.
  drop() {
    if (!this.session?.open) return;
    this.session.drop();
    this.show({ name: "ended", text: this.words.error });
  }

  // The gateway ends a session that lasts too long.
  tick() {
    if (!this.session?.open || this.session.seconds < this.facts.sessionSeconds) return;
    this.session.end("Incomplete", "timeout");
    this.show({ name: "ended", text: this.words.timeout });
  }
}
