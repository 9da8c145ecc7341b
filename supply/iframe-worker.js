// In a page that was opened as a file, a hidden frame does what a worker would: a file may start none.
if (location.protocol === "file:") {
  const load = (place, address) => new Promise((resolve, reject) => {
    const script = place.document.createElement("script");
    Object.assign(script, { src: address, onload: resolve, onerror: reject });
    place.document.body.append(script);
  });
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(address) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      this.inside = frame.contentWindow;
      this.inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      this.inside.importScripts = (...addresses) => addresses.reduce(
        (before, each) => before.then(() => load(this.inside, each)), Promise.resolve());
      this.loaded = load(this.inside, new URL(address, location));
    }
    postMessage(data) {
      this.loaded.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
