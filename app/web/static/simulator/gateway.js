// One USSD session as a gateway leads it, over a network that may be rude (network.js).

import { DIALECTS } from "./dialects.js";

export class Session {
  constructor(phone, service, inputs, facts, network) {
    Object.assign(this, { phone, service, facts, network, chain: inputs, hops: 0, last: "", open: true });
    this.dialect = DIALECTS[network.gateway];
    this.dialled = this.text;
    this.id = freshId();
    this.began = performance.now();
  }

  get text() { return this.chain.join("*"); }

  get seconds() { return (performance.now() - this.began) / 1000; }

  // The answer: { more, text, ms, raw }; throws where a phone would show a network error.
  async ask() {
    const began = performance.now();
    this.hops += 1;
    if (this.network.renews) this.id = freshId();
    const hop = this.dialect.hop(this);
    await this.network.hold();
    const reply = await this.send(hop);
    if (this.network.repeats) this.compare(reply, await this.send(hop));
    if (this.network.reorders && this.before) await this.send(this.before);
    this.before = hop;
    this.network.mayLose();
    this.last = reply.raw;
    return { ...reply, ms: performance.now() - began };
  }

  async send(hop) {
    const answer = await post(hop.address, hop.body, hop.type, this.facts.answerSeconds);
    const raw = await answer.text();
    const reply = answer.ok && this.dialect.read(raw);
    if (!reply) throw new Error(`${answer.status} ${raw.slice(0, 80)}`);
    return { ...reply, raw };
  }

  compare(first, again) {
    this.network.tell(first.raw === again.raw
      ? "The repeated hop got the same answer." : "The repeated hop got ANOTHER answer.");
  }

  // Ends once; `status` is the gateway's word: Success, Incomplete, Failed.
  end(status, errorMessage = "") {
    if (!this.open) return;
    this.drop();
    const notice = this.dialect.notice(this, status, errorMessage);
    post(notice.address, notice.body, notice.type, this.facts.answerSeconds)
      .catch(() => {}); // a notice lost is a notice lost
  }

  // The line is gone, and the gateway says nothing.
  drop() {
    this.open = false;
    this.lasted = this.seconds;
  }
}

function freshId() {
  const random = crypto.getRandomValues(new Uint32Array(4));
  return `simulator-${[...random].map((part) => part.toString(16).padStart(8, "0")).join("")}`;
}

function post(address, body, type, seconds) {
  return fetch(address, {
    method: "POST",
    body,
    headers: { "Content-Type": type },
    keepalive: true,
    signal: AbortSignal.timeout(seconds * 1000),
  });
}
