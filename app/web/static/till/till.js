// The till works without this; it prints, and keeps a held key or a double click from asking twice.

const print = document.querySelector("[data-print]");
if (print) {
  const next = document.querySelector("[data-next]");
  print.hidden = false;
  print.addEventListener("click", () => window.print());
  // The key P prints, whatever letter the keyboard has there; in a field it is a letter.
  window.addEventListener("keydown", (event) => {
    const other = event.ctrlKey || event.altKey || event.metaKey || event.repeat;
    if (other || event.target.matches("input, textarea, select")) return;
    if (event.code === "KeyP" || event.key?.toLowerCase() === "p") window.print();
  });
  window.addEventListener("afterprint", () => next.focus());
}

for (const form of document.querySelectorAll("form[data-once]")) {
  const button = form.querySelector("button");
  button.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.repeat) event.preventDefault();
  });
  form.addEventListener("submit", () => { button.disabled = true; });
  // Back in the browser's history shows the page as it was left.
  window.addEventListener("pageshow", () => { button.disabled = false; });
}
