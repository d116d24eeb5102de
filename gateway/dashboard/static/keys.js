// On the forms that make keys and issuers: a box that finds operations by their words or paths.
"use strict";

function findEndpoints(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const group of document.querySelectorAll("[data-endpoints]")) {
    let shown = 0;
    for (const row of group.querySelectorAll("[data-words]")) {
      const fits = words.every((word) => row.dataset.words.includes(word));
      row.hidden = !fits;
      shown += fits;
    }
    group.hidden = shown === 0;
    if (group.matches("details") && words.length) group.open = shown > 0;
    found += shown;
  }
  const told = document.getElementById("found-endpoints");
  told.textContent = words.length ? `${found} found` : "";
}

document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-find-endpoint]");
  if (!box) return;
  box.addEventListener("input", () => findEndpoints(box.value));
  // Enter would send the form.
  box.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
});
