// The network between phone and service, as rude as the page asks it to be.

const find = (id) => document.getElementById(id);

export class Network {
  get gateway() { return find("gateway").value; }

  get repeats() { return find("repeats").checked; }

  get reorders() { return find("reorders").checked; }

  get renews() { return find("renews").checked; }

  // Waits as long as the network takes.
  hold() { return new Promise((go) => { setTimeout(go, Number(find("delay").value) * 1000); }); }

  // The service has answered, the phone never hears it; once.
  mayLose() {
    if (!find("loses").checked) return;
    find("loses").checked = false;
    throw new Error("the answer was lost on the way");
  }

  tell(text) { find("network-says").textContent = text; }
}

// A message from the phone to the service, told as a provider tells it.
export async function sendSms(phone, text) {
  const random = crypto.getRandomValues(new Uint32Array(2)).join("-");
  const fields = { from: phone, to: "MAALEM", text, date: new Date().toISOString(), id: random, linkId: random };
  const answer = await fetch("/sms/africastalking/inbound", { method: "POST", body: new URLSearchParams(fields) });
  if (!answer.ok) throw new Error(`${answer.status} ${(await answer.text()).slice(0, 80)}`);
}
