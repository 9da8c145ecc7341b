// One USSD session as the gateway leads it: the whole chain on every hop, a notice at the end.

const CALLBACK = "/ussd/africastalking";

export class Session {
  constructor(phone, service, inputs, facts) {
    const random = crypto.getRandomValues(new Uint32Array(4));
    this.id = `simulator-${[...random].map((part) => part.toString(16).padStart(8, "0")).join("")}`;
    Object.assign(this, { phone, service, facts, chain: inputs, hops: 0, last: "", open: true });
    this.began = performance.now();
  }

  get text() { return this.chain.join("*"); }

  get seconds() { return (performance.now() - this.began) / 1000; }

  // The answer: { more, text, ms, raw }; throws where a phone would show a network error.
  async ask() {
    const began = performance.now();
    this.hops += 1;
    const answer = await post(CALLBACK, {
      sessionId: this.id,
      serviceCode: this.service,
      phoneNumber: this.phone,
      networkCode: "99999",
      text: this.text,
    }, this.facts.answerSeconds);
    const raw = await answer.text();
    const ms = performance.now() - began;
    const [, kind, text] = /^(CON|END) ([^]*)$/.exec(raw) ?? [];
    if (!answer.ok || !kind) throw new Error(`${answer.status} ${raw.slice(0, 80)}`);
    this.last = raw;
    return { more: kind === "CON", text, ms, raw };
  }

  // Ends once; `status` is the gateway's word: Success, Incomplete, Failed.
  end(status, errorMessage = "") {
    if (!this.open) return;
    this.open = false;
    this.lasted = this.seconds;
    post(`${CALLBACK}/events`, {
      date: new Date().toISOString(),
      sessionId: this.id,
      serviceCode: this.service,
      networkCode: "99999",
      phoneNumber: this.phone,
      status,
      cost: "0",
      durationInMillis: Math.round(this.lasted * 1000),
      hopsCount: this.hops,
      input: this.text,
      lastAppResponse: this.last,
      errorMessage,
    }, this.facts.answerSeconds).catch(() => {}); // a notice lost is a notice lost
  }
}

function post(address, fields, seconds) {
  return fetch(address, {
    method: "POST",
    body: new URLSearchParams(fields),
    keepalive: true,
    signal: AbortSignal.timeout(seconds * 1000),
  });
}
