// Buttons that copy or print what stands on the page. Without scripts they are not there, and the text is.
document.addEventListener("click", async ({ target }) => {
  const { print, copy, copied, failed } = target.dataset ?? {};
  if (print !== undefined) window.print();
  if (copy === undefined) return;
  const texts = [...document.querySelectorAll(copy)].map((item) => item.textContent);
  const done = await navigator.clipboard.writeText(texts.join("\n")).then(() => copied, () => failed);
  target.textContent = done;
});
for (const button of document.querySelectorAll("[data-copy], [data-print]")) button.hidden = false;
