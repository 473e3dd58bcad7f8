// A field for codes sends itself once six digits stand in it and nobody types on: whoever types a longer code, or
// presses the button first, is not hurried. Nothing is sent twice.
const field = document.querySelector("input.code");
let pause, sent = false;

field?.addEventListener("input", () => {
  clearTimeout(pause);
  if (/^\s*\d{3}[\s-]?\d{3}\s*$/.test(field.value.normalize("NFKC"))) {
    pause = setTimeout(() => sent || field.form.requestSubmit(), 400);
  }
});
field?.form.addEventListener("submit", (event) => {
  clearTimeout(pause);
  if (sent) event.preventDefault();
  sent = true;
});
// Whoever comes back to this page may send again.
addEventListener("pageshow", () => (sent = false));
