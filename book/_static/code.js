/*
 * Folded code: one switch for all of a site, remembered from page to page. Solutions stay folded.
 */
(() => {
  "use strict";

  const KEY = "musiclib-code";

  function read() {
    try {
      return localStorage.getItem(KEY) === "shown";
    } catch {
      return false; // storage is forbidden; the switch works all the same
    }
  }

  function keep(shown) {
    try {
      localStorage.setItem(KEY, shown ? "shown" : "folded");
    } catch {
      // The next page begins folded.
    }
  }

  function run() {
    const folds = document.querySelectorAll(".cell.tag_hide-input details.hide");
    const title = document.querySelector("article h1");
    if (!folds.length || !title) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "ml-code-switch";
    const show = (shown) => {
      for (const fold of folds) fold.open = shown;
      button.textContent = shown ? "Fold all code" : "Show all code";
    };
    let shown = read();
    button.addEventListener("click", () => {
      shown = !shown;
      keep(shown);
      show(shown);
    });
    show(shown);
    title.after(button);
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
})();
