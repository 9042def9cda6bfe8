/*
 * Folded code: one switch for all of a site, remembered from page to page. Solutions stay folded.
 */
(() => {
  "use strict";

  const KEY = "musiclib-code";
  const folds = document.querySelectorAll(".cell.tag_hide-input details.hide");
  const title = document.querySelector("article h1");
  if (!folds.length || !title) return;

  const button = document.createElement("button");
  button.type = "button";
  button.className = "ml-code-switch";
  const kept = storage();
  let shown = kept[KEY] === "shown";

  /** Storage for all pages; where it is forbidden, each begins folded. */
  function storage() {
    try {
      return localStorage;
    } catch {
      return {};
    }
  }

  function show() {
    for (const fold of folds) fold.open = shown;
    button.textContent = shown ? "Fold all code" : "Show all code";
  }

  button.addEventListener("click", () => {
    shown = !shown;
    show();
    kept[KEY] = shown ? "shown" : "folded";
  });
  show();
  title.after(button);
})();
