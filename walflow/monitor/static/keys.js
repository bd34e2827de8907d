// Shortcuts: listed by ?, silent while somebody types.
import { signal } from "./dom.js";

const rows = () => [...document.querySelectorAll("main [data-row]")].filter((row) => row.offsetParent !== null);

function step(by) {
  const all = rows();
  const next = all[Math.min(Math.max(all.indexOf(document.activeElement) + by, 0), all.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

/** pages: their paths in the order of their numbers; help: opens the list; theme: changes it. */
export function listen(pages, help, theme) {
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    r: () => signal("reload"),
    t: theme,
    "?": help,
    "/": () => document.querySelector("main [data-search]")?.focus(),
    Escape: () => signal("escape"),
  };
  pages.forEach((path, number) => { keys[number + 1] = () => { location.hash = path; }; });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || document.querySelector("dialog[open]") || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
}

export const LIST = [
  ["1 … 7", "the pages, from the left"],
  ["j, k", "next and previous row of a list; Enter opens it"],
  ["/", "to the search field; Esc leaves it"],
  ["Esc", "closes an opened record, a message, a dialog"],
  ["r", "read the page's figures again"],
  ["t", "light, dark"],
  ["?", "this list"],
];
