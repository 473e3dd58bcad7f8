// Backup codes: copied or printed by a button. Without scripts the buttons are not there, and the codes are.
document.addEventListener("click", async (event) => {
  const what = event.target.dataset?.codes;
  if (what === "print") window.print();
  if (what !== "copy") return;
  const codes = [...document.querySelectorAll(".codes li")].map((item) => item.textContent).join("\n");
  await navigator.clipboard.writeText(codes).then(
    () => (event.target.textContent = "Copied"),
    () => (event.target.textContent = "Could not copy"),
  );
});
for (const button of document.querySelectorAll("[data-codes]")) button.hidden = false;
