// The till works without this; it prints, and keeps a held key or a double click from asking twice.

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.focus();
  print.addEventListener("click", () => window.print());
  window.addEventListener("afterprint", () => document.querySelector(".after a").focus());
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
