// Counts down on the buttons that send a code, until another one may be sent. Without scripts the server says so.
for (const button of document.querySelectorAll("button[data-wait]")) {
  const words = button.textContent;
  const ready = Date.now() + Number(button.dataset.wait) * 1000;
  const tick = () => {
    const left = Math.ceil((ready - Date.now()) / 1000);
    button.disabled = left > 0;
    const minutes = Math.floor(left / 60);
    const clock = `${minutes}:${String(left % 60).padStart(2, "0")}`;
    button.textContent = left > 0 ? `${words} (${clock})` : words;
    if (left > 0) setTimeout(tick, 1000);
  };
  tick();
}
