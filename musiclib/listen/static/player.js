/*
 * Listening on the book's pages. Without the scripts every sound has the browser's own player.
 *
 * One sound at a time. Whoever starts a sound says so, at that moment:
 *
 *     document.dispatchEvent(new CustomEvent("ml:start", { detail: { source: root } }));
 *
 * `source` is an element: the root of the widget that plays, or one inside it. Whoever can make sound
 * listens to `ml:start`, and stops unless its own root contains the source. For media elements of the
 * document this script does both: their `play` becomes an `ml:start`, and they are paused by those of
 * others. A widget that plays by an audio element inside its root needs nothing more.
 *
 * Keys, while the focus is in a row of a comparison or in a player: space starts and stops, the left
 * and right arrows move by two seconds, Home and End to the ends, 0 plays the reference, 1 to 9 the
 * systems. Fields for text keep their keys, a button its space, the choice of systems its arrows.
 */
(() => {
  "use strict";

  const shared = (globalThis.MusiclibPlayer ??= {});
  const STEP = 2; // seconds
  const LEAP = 10;
  const stages = [];

  function announceStart(source) {
    document.dispatchEvent(new CustomEvent("ml:start", { detail: { source } }));
  }

  /** Seconds by which a key moves the position; NaN where it does not. */
  function stepOf(key, onSlider) {
    if (key === "ArrowLeft") return -STEP;
    if (key === "ArrowRight") return STEP;
    if (key === "Home") return -Infinity;
    if (key === "End") return Infinity;
    if (!onSlider) return NaN;
    return { ArrowDown: -STEP, ArrowUp: STEP, PageDown: -LEAP, PageUp: LEAP }[key] ?? NaN;
  }

  function onKey(stage, event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (stage.bar.hidden) return; // a blind test begins or ends
    const { target, key } = event;
    const radio = target.matches("input[type=radio]");
    if (!radio && target.closest("input, select, textarea, a, summary, [contenteditable]")) return;
    if (key.startsWith("Arrow") && radio) {
      event.stopPropagation(); // the theme would turn the page
      return;
    }
    const step = stepOf(key, target === stage.slider);
    if (key === " ") {
      if (target.closest("button")) return;
      stage.toggle();
    } else if (!Number.isNaN(step)) {
      const wanted = Number.isFinite(step) ? stage.position + step : step > 0 ? stage.duration : 0;
      stage.seek(Math.min(Math.max(wanted, 0), stage.duration || Infinity));
    } else if (stage.blind) {
      if (!stage.blind.onKey(key)) return;
    } else if (/^[0-9]$/.test(key) && stage.choices.length > Number(key)) {
      stage.pick(Number(key));
      if (radio) stage.choices[stage.chosen].firstChild.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function begin(root) {
    const stage = new shared.Stage(root);
    stages.push(stage);
    root.addEventListener("keydown", (event) => onKey(stage, event));
    if (stage.systems.length > 1 && shared.addBlindTest) shared.addBlindTest(stage);
  }

  /** With stages the rows of a comparison are no table any more, for screen readers either. */
  function adaptTable(comparison) {
    const table = comparison.querySelector("table");
    table.setAttribute("role", "group");
    for (const part of table.querySelectorAll("tbody, tr, tbody th")) part.setAttribute("role", "none");
    table.tHead.hidden = true;
    if (comparison.matches("[data-tabs]")) addTabs(comparison, table);
  }

  /** Buttons of which each shows one row; what plays goes on with the same system of that row. */
  function addTabs(comparison, table) {
    const rows = [...table.querySelectorAll("tr[data-on]")];
    if (rows.length < 2) return;
    const bar = shared.make("div", { class: "ml-tabs", role: "group", "aria-label": "Clip" });
    const show = (chosen) => {
      const before = rows.find((row) => !row.hidden).querySelector(".ml-stage").mlStage;
      rows.forEach((row, index) => (row.hidden = index !== chosen));
      tabs.forEach((tab, index) => tab.setAttribute("aria-pressed", String(index === chosen)));
      const now = rows[chosen].querySelector(".ml-stage").mlStage;
      if (now === before) return;
      const { wanted } = before.deck;
      before.blind?.leave();
      before.pause();
      now.choose(before.chosen);
      if (wanted) now.play();
    };
    const tabs = rows.map((row, index) => {
      const tab = shared.make("button", { class: "ml-button", type: "button" }, bar, row.dataset.tab);
      tab.addEventListener("click", () => show(index));
      return tab;
    });
    table.before(bar);
    show(0);
  }

  /** The keys are named only where they work. */
  function addHint(caption) {
    if (!caption) return;
    const text =
      "Keys, once the focus is in a player: space to start and stop, left and right to move by 2 s, " +
      "0 for the reference, digits for the systems.";
    shared.make("span", { class: "ml-note ml-hint" }, caption, text);
  }

  document.addEventListener("ml:start", (event) => {
    const { source } = event.detail;
    for (const stage of stages) if (!stage.root.contains(source)) stage.pause();
    for (const media of document.querySelectorAll("audio, video")) {
      if (!source.contains(media)) media.pause();
    }
  });

  // Events of media do not bubble, but they can be captured.
  document.addEventListener(
    "play",
    (event) => announceStart(event.target.closest("[data-on]") ?? event.target),
    true,
  );

  shared.announceStart = announceStart;

  function run() {
    const roots = document.querySelectorAll("[data-ml-group]:not([data-on]), .ml-player:not([data-on])");
    for (const root of roots) begin(root);
    const comparisons = document.querySelectorAll(".ml-comparison");
    comparisons.forEach(adaptTable);
    addHint(comparisons[0]?.querySelector("caption"));
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", run);
  else run();
})();
