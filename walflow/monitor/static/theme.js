// Before anything is drawn: the theme that was chosen here, else the system's, as an attribute of the root.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const show = () => {
    const chosen = localStorage.getItem("walflow-theme");
    document.documentElement.dataset.theme = chosen || (system.matches ? "dark" : "light");
    document.dispatchEvent(new CustomEvent("walflow-theme"));
  };
  show();
  system.addEventListener("change", show);
})();
