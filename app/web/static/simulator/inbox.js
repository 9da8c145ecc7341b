// The SMS of one phone, asked for every two seconds; what was opened is remembered in the browser.

const EVERY = 2000;

export class Inbox {
  constructor(changed) {
    this.changed = changed;
    this.messages = [];
    setInterval(() => { if (!document.hidden) this.refresh(); }, EVERY);
  }

  follow(phone) {
    this.phone = phone;
    this.messages = [];
    this.opened = new Set(JSON.parse(localStorage.getItem(`opened ${phone}`) ?? "[]"));
    this.changed(0);
    this.refresh();
  }

  get unread() { return this.messages.filter((message) => !this.isOpened(message)).length; }

  isOpened(message) { return this.opened.has(message.created_at); }

  open(message) {
    this.opened.add(message.created_at);
    localStorage.setItem(`opened ${this.phone}`, JSON.stringify([...this.opened]));
    this.changed(0);
  }

  async refresh() {
    const phone = this.phone;
    if (!phone) return;
    try {
      const answer = await fetch(`/simulator/messages.json?phone=${encodeURIComponent(phone)}`);
      if (!answer.ok || phone !== this.phone) return;
      const found = await answer.json();
      if (phone !== this.phone) return;
      const fresh = this.asked === phone ? found.length - this.messages.length : 0;
      const same = JSON.stringify(found) === JSON.stringify(this.messages);
      this.asked = phone;
      this.messages = found;
      if (!same) this.changed(fresh);
    } catch { /* the server is away; the next round asks again */ }
  }
}
