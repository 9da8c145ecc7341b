// What each gateway sends for a hop and for the end of a session, and how it reads the answer.

const FORM = "application/x-www-form-urlencoded";
const JSON_TYPE = "application/json";

const africastalking = {
  hop(session) {
    return form("/ussd/africastalking", {
      sessionId: session.id,
      serviceCode: session.service,
      phoneNumber: session.phone,
      networkCode: "99999",
      text: session.text,
    });
  },

  read(raw) {
    const [, kind, text] = /^(CON|END) ([^]*)$/.exec(raw) ?? [];
    return kind && { more: kind === "CON", text };
  },

  notice(session, status, errorMessage) {
    return form("/ussd/africastalking/events", {
      date: new Date().toISOString(),
      sessionId: session.id,
      serviceCode: session.service,
      networkCode: "99999",
      phoneNumber: session.phone,
      status,
      cost: "0",
      durationInMillis: Math.round(session.lasted * 1000),
      hopsCount: session.hops,
      input: session.text,
      lastAppResponse: session.last,
      errorMessage,
    });
  },
};

// An operator's own: the last input alone, and a name for each message.
const generic = {
  hop(session) {
    const first = session.hops === 1;
    return this.message(session, first ? "start" : "input", first ? session.dialled : session.chain.at(-1));
  },

  read(raw) {
    const answer = JSON.parse(raw);
    return typeof answer.message === "string" && { more: answer.continue, text: answer.message };
  },

  notice(session) { return this.message(session, "end", ""); },

  message(session, type, input) {
    return {
      address: "/ussd/generic",
      type: JSON_TYPE,
      body: JSON.stringify({
        session_id: session.id,
        msisdn: session.phone,
        service_code: session.service,
        input,
        type,
        message_id: `${type}-${session.hops}`,
      }),
    };
  },
};

export const DIALECTS = { africastalking, generic };

function form(address, fields) {
  return { address, type: FORM, body: new URLSearchParams(fields).toString() };
}
