// What pages gain where scripts run: news, copying, the theme, menus. Every page works without.
"use strict";

const byData = (name) => document.querySelectorAll(`[data-${name}]`);

// ── news: an open page asks for its own parts again when something changed ────────────────────────

let source = null;

function listen() {
  const address = document.body.dataset.live;
  if (!address || document.hidden || source) return;
  source = new EventSource(address);
  source.addEventListener("news", () => htmx.trigger(document.body, "news"));
  source.addEventListener("signed-out", () => location.reload());
}

function hush() {
  if (source) source.close();
  source = null;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) return hush();
  listen();
  if (window.htmx && document.body.dataset.live) htmx.trigger(document.body, "news");
});
window.addEventListener("pagehide", hush);
window.addEventListener("pageshow", (event) => event.persisted && listen());

// A part with somebody's cursor or open menu in it is not redrawn under their hands.
document.addEventListener("htmx:beforeRequest", (event) => {
  const part = event.target;
  const verb = event.detail.requestConfig && event.detail.requestConfig.triggeringEvent;
  if (!verb || verb.type !== "news") return;
  const active = document.activeElement;
  const busy = active && part.contains(active) && active.matches("input, select, textarea");
  if (busy || part.querySelector("details[open], dialog[open]")) event.preventDefault();
});

// A table that somebody moved sideways stays where it is when it is drawn again.
const moved = new Map();
document.addEventListener("htmx:beforeSwap", (event) => {
  for (const table of event.detail.target.querySelectorAll(".table[id]")) moved.set(table.id, table.scrollLeft);
});
document.addEventListener("htmx:afterSwap", () => {
  for (const [id, left] of moved) document.getElementById(id)?.scrollTo({ left, behavior: "instant" });
  moved.clear();
});

// ── copying ───────────────────────────────────────────────────────────────────────────────────────

async function copy(button) {
  const target = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const text = target ? target.textContent : button.dataset.copy;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Select and copy by hand";
  }
  setTimeout(() => { button.textContent = label; }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (button) copy(button);
});

// ── an address says what was asked for, and leaves out what was not ───────────────────────────────

function dropEmpty(fields) {
  for (const [name, value] of [...fields.entries()]) if (value === "") fields.delete(name);
}

document.addEventListener("formdata", (event) => {
  if (event.target.method === "get") dropEmpty(event.formData);
});
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb === "get") dropEmpty(event.detail.formData);
});

// ── confirming: a link with data-confirm leads to a page; where scripts run, its #confirm comes here ─

async function confirmHere(link) {
  try {
    const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
    const part = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("confirm");
    if (!answer.ok || !part) throw new Error(answer.status);
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", link.textContent);
    dialog.append(document.importNode(part, true));
    dialog.addEventListener("close", () => { dialog.remove(); link.focus(); });
    document.body.append(dialog);
    if (window.htmx) htmx.process(dialog);
    dialog.showModal();
  } catch {
    location.assign(link.href);
  }
}

document.addEventListener("click", (event) => {
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  const link = plain && event.target.closest("a[data-confirm], dialog a[data-dismiss]");
  if (!link) return;
  event.preventDefault();
  if (link.dataset.dismiss === undefined) confirmHere(link);
  else link.closest("dialog").close();
});

// ── theme ─────────────────────────────────────────────────────────────────────────────────────────

function isDark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function turnTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("keybrake-theme", theme);
  document.dispatchEvent(new CustomEvent("theme"));
}

// ── what a page needs when it is drawn, whole or in part ──────────────────────────────────────────

function wake(root) {
  for (const hidden of root.querySelectorAll("[data-copy], [data-copy-from], [data-theme-switch], [data-needs-script]"))
    hidden.hidden = false;
}

document.addEventListener("htmx:afterSwap", (event) => wake(event.target.ownerDocument));
document.addEventListener("DOMContentLoaded", () => {
  wake(document);
  for (const button of byData("theme-switch")) button.addEventListener("click", turnTheme);
  const menu = document.querySelector("details.menu");
  if (menu && matchMedia("(max-width: 860px)").matches) menu.open = false;
  const mistakes = document.getElementById("mistakes");
  if (mistakes) mistakes.focus();
  listen();
});
