// On the forms that make keys and issuers: a box that finds operations by their words or paths, and
// what was typed for one vendor goes along to another's form.
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

const TYPED = ["agent_run_label", "name", "daily_usd_cap", "per_call_usd_max", "expires_in", "expires_other"];

function takeAlong(link) {
  const fields = new FormData(document.querySelector("form.sheet"));
  const address = new URL(link.href);
  for (const name of TYPED) if (fields.get(name)) address.searchParams.set(name, fields.get(name));
  link.href = address;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("nav.tabs a");
  if (link) takeAlong(link);
});

document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector("[data-find-endpoint]");
  if (!box) return;
  box.addEventListener("input", () => findEndpoints(box.value));
  // Enter would send the form.
  box.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
});
